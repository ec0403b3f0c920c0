"""Fuzz what is read from a checkpoint store: it is understood, or refused as damaged.

The first byte chooses the reader; the rest is the stored text. The value of HookCheckpoints carries
a checksum, which no fuzzer would guess: half of the tries get the right one.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from _client_kit._errors import StoreError
from bridge import HookCheckpoints, Row
from bridge._delivery.delivery import STATES, Delivery
from bridge._delivery.row_format import (
    Head,
    delivery_of,
    head_of,
    head_text,
    row_of,
)

BINDING = {"space": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "company": "0042"}
KEY = "k"


def _row(text: str) -> None:
    state, _, value = text.partition("\n")
    delivery = delivery_of(Row("document", state, None, value))
    if delivery_of(row_of(delivery)) != delivery:
        raise AssertionError("a delivery that was read is not written the same")
    repr(delivery)


def _head(text: str) -> None:
    head = head_of(text, BINDING)
    head_text(head)
    repr(head)


def _value(text: str) -> None:
    saved: list[str] = []
    store = HookCheckpoints(lambda: text, saved.append, single_worker=True, clock=lambda: 0.0)
    store.head(KEY)
    lease = store.acquire(KEY, "me", 10.0)
    if lease is None:
        return
    rows = store.select(KEY, list(STATES), due=None, after=None, limit=10)
    store.commit(lease, head="{}", rows=rows, ttl=10.0)
    again = HookCheckpoints(lambda: saved[-1], saved.append, single_worker=True, clock=lambda: 0.0)
    if list(again.select(KEY, list(STATES), due=None, after=None, limit=10)) != list(rows):
        raise AssertionError("what was stored is not read the same")


def _sealed(text: str) -> None:
    """The text as the connections of a value whose checksum is right."""
    try:
        shelves: Any = json.loads(text)
        body = json.dumps(shelves, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return
    seal = hashlib.sha256(body.encode()).hexdigest()
    opening = '{"format":"bridge-checkpoints","version":1,"checksum":'
    _value(f'{opening}"{seal}","connections":{body}}}')


READERS = (_row, _head, _value, _sealed)


def target(data: bytes) -> None:
    """One stored text, read."""
    if not data:
        return
    text = data[1:].decode("utf-8", "replace")
    if data[0] >= 128:  # half a character, as a database may hold it
        text = text.replace("\ufffd", "\ud800")
    try:
        READERS[data[0] % 128 % len(READERS)](text)
    except StoreError as error:
        str(error)


def seeds() -> list[bytes]:
    """What this library itself stores."""
    texts: list[tuple[int, str]] = []
    for state in STATES:
        row = row_of(Delivery(document_id="document", state=state))
        texts.append((0, f"{state}\n{row.value}"))
    texts.append((1, head_text(Head(BINDING, active=True, counts={"waiting": 1}))))
    saved: list[str] = []
    store = HookCheckpoints(
        lambda: saved[-1] if saved else None, saved.append, single_worker=True, clock=lambda: 0.0
    )
    lease = store.acquire(KEY, "me", 10.0)
    if lease is not None:
        store.commit(lease, head="{}", rows=[Row("document", "waiting", 1.0, "{}")], ttl=10.0)
        store.release(lease)
    for text in saved:
        texts += [(2, text), (3, json.dumps(json.loads(text)["connections"]))]
    return [bytes([reader]) + text.encode() for reader, text in texts]
