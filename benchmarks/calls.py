"""What one call and one page cost in the client's own CPU."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import call_overhead
from measure import Measure, absolute, compared

from _client_kit._json import loads
from _client_kit._models import decode
from banqup_client import Document
from banqup_client.testing import FakeBanqup, FakeFile


def measures(rounds: int) -> Iterator[Measure]:
    """A call with the token held, and decoding a page of 50 documents."""
    bare, library = call_overhead.bare_side(), call_overhead.library_side()
    for call in (bare, library):
        call_overhead.measure(call, 200)
    over = [
        call_overhead.measure(library, 2000) - call_overhead.measure(bare, 2000)
        for _ in range(max(rounds, 3))
    ]
    yield absolute(
        "CPU of a call over bare httpx, token held", over, unit="microseconds", at_most=15
    )
    page = _page()
    yield compared(
        "decode a page of 50 documents over json.loads",
        [_cpu(lambda: _decoded(page)) for _ in range(rounds)],
        [_cpu(lambda: json.loads(page)) for _ in range(rounds)],
        unit="microseconds",
    )


def _decoded(page: bytes) -> list[Document]:
    return [decode(Document, row) for row in loads(page)["documents"]]


def _cpu(function: Callable[[], Any]) -> float:
    began = time.process_time()
    for _ in range(100):
        function()
    return (time.process_time() - began) / 100 * 1e6


def _page() -> bytes:
    """A page as Banqup is taken to answer it."""
    fake = FakeBanqup()
    space = fake.add_space(name="Café De Sluis BV")
    party = {
        "legalName": "Brouwerij De Molenbeek BV",
        "address": {"country": "BE", "postCode": "1080", "townName": "Brussel"},
        "globalIdentifiers": {"be:en": "0404666914", "be:vat": "BE0404666914"},
    }
    for number in range(50):
        file = FakeFile(f"F-{number}.xml", "application/xml", b"<Invoice/>")
        fake.publish(space, files=[file], supplier=party, customer=party)
    return json.dumps({"documents": fake.documents(space), "total": 50}).encode()
