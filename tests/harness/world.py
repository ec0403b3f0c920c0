"""A world for an exporter to live in: both services, one space, one company, one clock."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from banqup_client import BanqupClient, ClientCredentials
from banqup_client._fake.service import StoredDocument, StoredSpace
from banqup_client.testing import FakeBanqup, FakeFile, FileStatus
from bridge import Connection, Row
from bridge._delivery.delivery import STATES
from harness.clock import SharedClock
from harness.document_faults import DocumentFault, DocumentFaults, floods
from harness.oracle import Findings, Truth, digest, judge
from support.stores import open_store
from zenvoices_client import UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices, InboxItem

__all__ = ["CANARIES", "DEADLINE", "LEASE_TTL", "PartlyListed", "World", "add_neighbour", "invoice"]

CANARIES = ("canary-client-secret-4e1f", "canary-user-password-9b2c")
"""The credentials of every exporter: neither may occur in what it writes."""

DEADLINE = 10.0
LEASE_TTL = 30.0
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


def invoice(number: int) -> bytes:
    """A small UBL invoice that no other number gives."""
    basic = f"{_UBL}CommonBasicComponents-2"
    return (
        f'<Invoice xmlns="{_UBL}Invoice-2" xmlns:b="{basic}"><b:ID>F-{number:05d}</b:ID></Invoice>'
    ).encode()


def add_neighbour(zenvoices: FakeZenvoices, company: int, received: float) -> None:
    """Something else has put a document into the company's inbox."""
    item = InboxItem(
        id=next(zenvoices._inbox_ids),
        external_id="from-another-system",
        company_id=company,
        company_code="0042",
        subject="Invoice 1",
        sender_name=None,
        destination=None,
        attachments=(),
        received_time=received,
    )
    zenvoices._inbox[item.id] = item


class PartlyListed(FakeBanqup):
    """A Banqup whose listing may leave documents out.

    Attributes:
        unlisted: Documents that no listing shows; asked for by their id, they are there.
    """

    unlisted: frozenset[str] = frozenset()

    def _listing(
        self, space: StoredSpace, folder: str | None, since: float | None
    ) -> list[StoredDocument]:
        found = super()._listing(space, folder, since)
        return [document for document in found if document.id not in self.unlisted]


class World:
    """Fakes on loopback sockets, a checkpoint file, and what a test knows of the documents.

    Args:
        directory: An empty directory for checkpoint, clock and the exporter's output.
        neighbour: Whether the company's inbox holds a document of an earlier day, with which a
            look-up can be tested.
        store: The address of another store than the checkpoint file, see `support.stores`.
    """

    def __init__(
        self, directory: Path, *, neighbour: bool = True, store: str | None = None
    ) -> None:
        self.directory = directory
        self.clock = SharedClock(directory / "clock")
        self.banqup = PartlyListed(client_secret=CANARIES[0], clock=self.clock)
        self.zenvoices = FakeZenvoices(password=CANARIES[1], clock=self.clock)
        self.space = self.banqup.add_space("Brouwerij De Molenbeek BV")
        self.company = self.zenvoices.add_company(code="0042", name="Brouwerij De Molenbeek BV")
        self.zenvoices.refuse_when(self._refusal)
        self.checkpoint = directory / "exports.db"
        self.address = store or f"file:{self.checkpoint}"
        self.faults = DocumentFaults()
        self.faults.watch(self.banqup, self.zenvoices)
        self.truths: dict[str, Truth] = {}
        self._numbers = itertools.count(1)
        self._refused: set[str] = set()
        self._open = ExitStack()
        self.banqup_url = self._open.enter_context(self.banqup.serve()).url
        self.zenvoices_url = self._open.enter_context(self.zenvoices.serve()).url
        self._open.callback(self.clock.close)
        self.store = open_store(self.address, self.clock, create=True)
        self._open.callback(self.store.close)
        self._banqup_client = self._open.enter_context(
            BanqupClient(ClientCredentials("demo-app", CANARIES[0]), base_url=self.banqup_url)
        )
        self._zenvoices_client = self._open.enter_context(
            ZenvoicesClient(
                UserLogin("api-user", CANARIES[1], organisation_code="acme"),
                base_url=self.zenvoices_url,
                deadline=DEADLINE,
            )
        )
        if neighbour:
            add_neighbour(self.zenvoices, self.company, self.clock() - 86_400)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    # What happens in the world

    def publish(
        self,
        *,
        status: str = "FULLY_APPROVED",
        folder: str = "PURCHASES",
        old: bool = False,
        refused: bool = False,
        fault: tuple[str, DocumentFault] | None = None,
        file_status: FileStatus = "AVAILABLE",
        **options: Any,
    ) -> str:
        """Put a document into the space, and note what is to become of it.

        Args:
            status: Its status.
            folder: Its folder.
            old: It is there before activation, and approved.
            refused: Zenvoices refuses it each time.
            fault: An operation, and what every call of it for this document is answered with.
            file_status: Whether its file can be had.
            options: See `FakeBanqup.publish`.
        """
        number = next(self._numbers)
        content = invoice(number)
        file = FakeFile(
            f"F-{number}.xml",
            "application/xml",
            content,
            status=file_status,
            id=str(uuid.uuid4()),
        )
        name = self.banqup.publish(
            self.space, status=status, folder=folder, files=[file], **options
        )
        self.faults.know(name, content, [str(file.id)])
        if fault is not None:
            self.faults.hit(name, *fault)
        approved = status == "FULLY_APPROVED" or (folder == "SALES" and status == "VALIDATED")
        if refused:
            self._refused.add(digest(content))
        self.truths[name] = Truth(
            name,
            digest(content),
            wanted=approved and not old,
            old=old,
            blocked=refused or fault is not None,
        )
        return name

    def approve(self, document: str) -> None:
        """Somebody approves a document."""
        self.banqup.set_status(document, "FULLY_APPROVED")
        truth = self.truths[document]
        truth.wanted = not truth.old

    def _refusal(self, item: InboxItem) -> str | None:
        refused = any(part.sha256 in self._refused for part in item.attachments)
        return "The period is closed." if refused else None

    # What can be seen of it

    def connection(self) -> Connection:
        """The connection as the test's own process sees it; it makes no call by itself."""
        return Connection(
            self._banqup_client,
            self._zenvoices_client,
            space_id=self.space,
            company_code="0042",
            checkpoints=self.store,
            clock=self.clock,
            lease_ttl=LEASE_TTL,
        )

    def inbox(self) -> list[InboxItem]:
        """What is in the company's inbox."""
        return [item for item in self.zenvoices.inbox if item.attachments]

    @property
    def _nothing_stored(self) -> bool:
        """Whether there is no file yet, which looking at it would make."""
        return self.address == f"file:{self.checkpoint}" and not self.checkpoint.exists()

    def rows(self) -> Sequence[Row]:
        """Every delivery in the checkpoint."""
        if self._nothing_stored:
            return []
        return self.store.select(self.connection().key, STATES, due=None, after=None, limit=100_000)

    def judge(self, *, final: bool = False) -> Findings:
        """Ask the oracle."""
        status = self.connection().status() if not self._nothing_stored else None
        return judge(self.truths.values(), self.inbox(), self.rows(), status, final=final)

    def broken_rules(self) -> list[str]:
        """Runs that went on too long, and documents that were given up too early."""
        return [*floods(self.faults.log), *self.faults.hasty(self.rows())]

    def settled_by_a_person(self) -> int:
        """Have a person look at each uncertain document in the inbox and say what is there."""
        there = {part.sha256 for item in self.inbox() for part in item.attachments}
        uncertain = [row.id for row in self.rows() if row.state == "uncertain"]
        for name in uncertain:
            self.connection().settle(name, delivered=self.truths[name].content in there)
        return len(uncertain)

    def leaks(self) -> list[str]:
        """Files of this world in which a credential stands."""
        found: list[str] = []
        for path in self.directory.iterdir():
            if path.is_file() and path.name != "order.json":
                content = path.read_bytes()
                found += [path.name for canary in CANARIES if os.fsencode(canary) in content]
        return found
