"""What an application writes, as type checkers must see it. Checked, and never run.

mypy, basedpyright and ty each read this file: see tests/project/test_typing.py. ``assert_type``
says what a name must be taken for. What they must refuse is in mistakes.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, assert_type

from banqup_client import (
    AsyncBanqupClient,
    BanqupClient,
    ClientCredentials,
    Document,
    Environment,
    Listing,
    Page,
    Space,
)
from bridge import (
    Activation,
    AsyncConnection,
    AsyncMapper,
    BusyError,
    CheckpointStore,
    Confirmation,
    Connection,
    ConnectionConfig,
    DeliveryRow,
    DocumentSent,
    Event,
    ExportReport,
    HookCheckpoints,
    Lease,
    Listener,
    Mapper,
    MemoryCheckpoints,
    Request,
    Row,
    ServiceError,
    Skip,
    SourceFile,
    SQLiteCheckpoints,
    Status,
    Verification,
    Wait,
    default_mapper,
    journal,
    only,
)
from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    Company,
    InboxDocument,
    InboxUpload,
    UserLogin,
    ZenvoicesClient,
)


def my_mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
    """A mapper as an application writes one."""
    assert_type(document.folder, str | None)
    if document.category == "PROFORMA":
        return Skip("a pro forma is not booked")
    ubl = files[0].ubl
    number = ubl.number if ubl is not None else None
    return InboxUpload(attachments=(files[0].attachment(),), subject=number or "Invoice")


async def my_async_mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
    """The same as a coroutine function."""
    return my_mapper(document, files)


def may_go(document: Document) -> bool | Wait | Skip:
    """A rule of one's own."""
    return Wait("later") if document.status.document is None else True


class OwnCheckpoints:
    """A store that inherits from nothing."""

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """Lend."""

    def release(self, lease: Lease) -> None:
        """Give back."""

    def head(self, key: str) -> str | None:
        """Read."""

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """Read some."""
        return [Row(id=ids[0], state="waiting", due=None, value="{}")]

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """Read by state."""
        return ()

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """Write."""


mapper: Mapper = my_mapper
async_mapper: AsyncMapper = my_async_mapper
store: CheckpointStore = OwnCheckpoints()


def watch(event: Event) -> None:
    """A listener."""
    if isinstance(event, DocumentSent):
        assert_type(event.delivery, DeliveryRow)


listener: Listener = watch


def export() -> None:
    """The whole of a connection."""
    banqup = BanqupClient(ClientCredentials("client-id", "secret"), Environment.UAT_EU)
    zenvoices = ZenvoicesClient(UserLogin("user", "password", organisation_code="acme"))
    connection = Connection(
        banqup,
        zenvoices,
        space_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
        company_code="0042",
        checkpoints=store,
        mapper=only(journal(mapper, {"PURCHASES": "INK"}), folders=["PURCHASES"]),
        exportable=may_go,
        listeners=[watch, listener],
        on_uncertain="resend",
    )
    assert_type(connection.verify(lang="fr"), Verification)
    assert_type(connection.activate(), Activation)
    assert_type(connection.deactivate(), None)
    report = connection.export_new(dry_run=True, limit=10, deadline=60, look_first=True)
    assert_type(report, ExportReport)
    assert_type(report.exported, int)
    assert_type(report.started_at, datetime)
    assert_type(report.to_dict(), dict[str, Any])
    for row in report.deliveries:
        assert_type(row, DeliveryRow)
        assert_type(row.document_id, str)
        assert_type(row.inbox_id, int | None)
    assert_type(connection.status(), Status)
    assert_type(connection.resend(["a"]), tuple[Request, ...])
    assert_type(connection.settle("a", delivered=True), DeliveryRow)
    assert_type(connection.confirm(), Confirmation)


def failures(connection: Connection) -> datetime | float | None:
    """What an error carries."""
    try:
        connection.export_new()
    except BusyError as busy:
        return busy.held_until
    except ServiceError as error:
        assert_type(error.retryable, bool)
        assert_type(error.hint, str | None)
        return error.retry_after
    return None


async def export_async() -> None:
    """The same with ``await``."""
    async with (
        AsyncBanqupClient(ClientCredentials.from_env(), Environment.UAT_EU) as banqup,
        AsyncZenvoicesClient(UserLogin.from_env()) as zenvoices,
    ):
        connection = AsyncConnection(
            banqup,
            zenvoices,
            space_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
            company_code="0042",
            checkpoints=SQLiteCheckpoints("exports.db"),
            mapper=my_async_mapper,
        )
        assert_type(await connection.verify(), Verification)
        assert_type(await connection.export_new(), ExportReport)
        assert_type(await connection.resend(["a"]), tuple[Request, ...])
        async for document in banqup.documents.list("space", folder="SALES"):
            assert_type(document, Document)
        company = await zenvoices.companies.resolve("0042")
        assert_type(company, Company)


def alone(banqup: BanqupClient, zenvoices: ZenvoicesClient) -> Iterator[str]:
    """The clients without the bridge."""
    documents = banqup.documents.list("space", folder="PURCHASES")
    assert_type(documents, Listing[Document])
    for page in documents.pages():
        assert_type(page, Page[Document])
    for space in banqup.spaces.list():
        assert_type(space, Space)
        yield space.id
    upload = InboxUpload(attachments=[Attachment("a.xml", b"<Invoice/>")], subject="A")
    sent = zenvoices.inbox.upload(upload, company_id=1, external_id="a")
    assert_type(sent, InboxDocument)
    assert_type(sent.id, int | None)


def configured() -> None:
    """Connections as plain data, and the application's own value as a store."""
    config = ConnectionConfig(space_id="s", company_code="0042", checkpoint_file="exports.db")
    with config.open(mapper=default_mapper) as connection:
        assert_type(connection, Connection)
    value: dict[str, tuple[str | None, int]] = {}

    def load() -> tuple[str | None, int]:
        return value["a"]

    def save(text: str, expected: object) -> bool:
        return expected == 0

    wanted: CheckpointStore = HookCheckpoints(load, save)
    wanted = MemoryCheckpoints()
    assert_type(wanted.head("key"), str | None)


def literals(connection: Connection, lang: Literal["en", "fr"]) -> str:
    """Words are checked, not only strings."""
    return connection.status().to_text(lang=lang)
