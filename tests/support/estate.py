"""Both services on loopback sockets with any number of connections, and what must be true there."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from banqup_client.testing import FakeBanqup, FakeFile
from bridge import ConnectionConfig
from zenvoices_client.testing import FakeZenvoices, InboxItem

__all__ = ["CREDENTIALS", "DEADLINE", "LEASE_TTL", "Estate", "invoice"]

SECRET, PASSWORD = "canary-client-secret-7a01", "canary-user-password-55c3"
CREDENTIALS = {
    "BANQUP_CLIENT_ID": "demo-app",
    "BANQUP_CLIENT_SECRET": SECRET,
    "ZENVOICES_USER": "api-user",
    "ZENVOICES_PASSWORD": PASSWORD,
    "ZENVOICES_ORGANISATION_CODE": "acme",
}
"""What a worker has in its environment."""

DEADLINE = 10.0
LEASE_TTL = 30.0
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


def invoice(number: int, padding: int = 0) -> bytes:
    """A UBL invoice that no other number gives."""
    basic = f"{_UBL}CommonBasicComponents-2"
    return (
        f'<Invoice xmlns="{_UBL}Invoice-2" xmlns:b="{basic}"><b:ID>F-{number:06d}</b:ID>'
        f"<b:Note>{'x' * padding}</b:Note></Invoice>"
    ).encode()


class Estate:
    """Spaces and companies in pairs, and every document that was published in them.

    Args:
        connections: How many pairs.
        clock: Epoch seconds of both services.
    """

    def __init__(self, connections: int = 1, clock: Callable[[], float] = time.time) -> None:
        self.banqup = FakeBanqup(client_secret=SECRET, clock=clock)
        self.zenvoices = FakeZenvoices(password=PASSWORD, clock=clock)
        names = [f"Brouwerij De Molenbeek {number} BV" for number in range(connections)]
        self.spaces = [self.banqup.add_space(name) for name in names]
        self.codes = [f"{number:04d}" for number in range(42, 42 + connections)]
        for code, name in zip(self.codes, names, strict=True):
            company = self.zenvoices.add_company(code=code, name=name)
            # Another system's, of a day ago: look-ups can be tested with it from the first run on.
            item = InboxItem(
                id=next(self.zenvoices._inbox_ids),
                external_id="from-another-system",
                company_id=company,
                company_code=code,
                subject="Invoice 1",
                sender_name=None,
                destination=None,
                attachments=(),
                received_time=clock() - 86_400,
            )
            self.zenvoices._inbox[item.id] = item
        self.published: dict[str, str] = {}
        """The company each invoice must come to, by the digest of its bytes."""
        self._old: set[str] = set()
        self._open = ExitStack()
        self.banqup_url = self._open.enter_context(self.banqup.serve()).url
        self.zenvoices_url = self._open.enter_context(self.zenvoices.serve()).url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def configs(self, **store: Any) -> tuple[ConnectionConfig, ...]:
        """A config for each pair."""
        rows = [
            {"space_id": space, "company_code": code}
            for space, code in zip(self.spaces, self.codes, strict=True)
        ]
        return ConnectionConfig.many(
            rows,
            banqup_url=self.banqup_url,
            zenvoices_url=self.zenvoices_url,
            deadline=DEADLINE,
            lease_ttl=LEASE_TTL,
            **store,
        )

    def publish(self, each: int = 1, *, old: bool = False, padding: int = 0) -> None:
        """Put approved invoices into every space; ``old`` ones must never be moved."""
        for space, code in zip(self.spaces, self.codes, strict=True):
            for _ in range(each):
                number = len(self.published) + len(self._old)
                content = invoice(number, padding)
                file = FakeFile(f"F-{number}.xml", "application/xml", content)
                self.banqup.publish(space, status="FULLY_APPROVED", files=[file])
                digest = hashlib.sha256(content).hexdigest()
                if old:
                    self._old.add(digest)
                else:
                    self.published[digest] = code

    def arrived(self) -> Counter[tuple[str, str]]:
        """How often each invoice is in each company's inbox."""
        return Counter(
            (part.sha256, item.company_code)
            for item in self.zenvoices.inbox
            for part in item.attachments
        )

    def faults(self) -> dict[str, int]:
        """What is wrong, by its name, and how often; empty when each arrived exactly once."""
        arrived = self.arrived()
        wanted = set(self.published.items())
        found = {
            "lost": len(wanted - set(arrived)),
            "twice": sum(count > 1 for count in arrived.values()),
            "too old": sum(digest in self._old for digest, _ in arrived),
            "in a wrong company": len(set(arrived) - wanted),
        }
        return {name: count for name, count in found.items() if count}
