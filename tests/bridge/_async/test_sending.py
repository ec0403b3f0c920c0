"""Sending: what goes when, whose fault a failure is, and when a run stops."""

from __future__ import annotations

import tempfile
import threading
from contextlib import suppress
from typing import Any

import pytest

from _client_kit import _clock
from banqup_client.testing import FakeFile, Fault
from bridge import (
    LeaseLostError,
    ServiceError,
    Skip,
    StoreError,
    default_mapper,
)
from bridge._async._session import AsyncCheckpointSession
from bridge._mapping import spool
from support.bridge_world import DAY, HOUR, SPACE, AsyncWorld, Watcher, counted, invoice
from zenvoices_client import (
    Attachment,
    ConfigurationError,
    CredentialsError,
    InboxUpload,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    UnreachableError,
)

pytestmark = pytest.mark.anyio


async def active(world: AsyncWorld, **options: Any) -> Any:
    connection = world.connect(**options)
    await connection.activate()
    return connection


def refuse(world: AsyncWorld, *names: str) -> None:
    """Have Zenvoices refuse documents by the name of their file."""
    world.zenvoices.refuse_when(
        lambda item: "refused" if item.attachments[0].file_name in names else None
    )


class InFlight:
    """Counts uploads that overlap, and intents that were durable before each."""

    def __init__(self, world: AsyncWorld) -> None:
        self.world = world
        self.intents: list[int] = []
        self.unintended: list[str] = []
        self._lock = threading.Lock()
        world.zenvoices.refuse_when(self)

    def __call__(self, item: Any) -> None:
        with self._lock:
            rows = self.world.rows.values()
            self.intents.append(sum(row.state == "sending" for row in rows))
            if not any(row.state == "sending" and item.external_id in row.value for row in rows):
                self.unintended.append(item.external_id)


async def test_intent_is_durable_before_the_upload() -> None:
    """No upload arrives whose intent is not on record; never more intents than go in flight."""
    world = AsyncWorld()
    connection = await active(world, in_flight=3)
    world.publish(20)
    watched = InFlight(world)
    assert (await connection.export_new()).exported == 20
    assert watched.unintended == []
    assert max(watched.intents) <= 3
    assert len(world.sent) == 20


async def test_one_at_a_time_until_one_is_delivered() -> None:
    """Until an upload of the run is delivered, no other is begun."""
    world = AsyncWorld()
    connection = await active(world, in_flight=8)
    world.publish(12)
    refuse(world, "F0001.xml", "F0002.xml")
    under_way: list[int] = []

    def note(request: Any) -> None:
        if request.operation == "inbox.upload" and not world.zenvoices.inbox:
            under_way.append(list(world.states.values()).count("sending"))

    world.zenvoices.on_request = note
    report = await connection.export_new()
    assert report.exported == 10
    assert set(under_way) == {1}


@pytest.mark.parametrize("status", [404, 405, 415])
async def test_route_that_is_not_there_stops_the_run(status: int) -> None:
    """A route nobody knows is no document's fault: three tries, nothing charged, a hint."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(5)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(status))
    with pytest.raises(ConfigurationError) as caught:
        await connection.export_new()
    assert world.calls("inbox.upload") == 3
    assert "contract=" in (caught.value.hint or "")
    assert caught.value.report.exported == 0
    assert caught.value.report.stopped == caught.value.message
    assert all(document in caught.value.message for document in world.rows)
    assert {(row.state, world.delivery(row.id).attempts) for row in world.rows.values()} == {
        ("waiting", 0)
    }
    world.zenvoices.faults.clear()
    assert (await connection.export_new()).exported == 5


@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(302, headers={"Location": "https://elsewhere.example/"}),
        Fault.html(),
        Fault.status(200, "{}"),
    ],
)
async def test_answer_that_is_not_understood_stops_the_run(fault: Fault) -> None:
    """After a redirect or an unreadable success the document stays ``sending``."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(5)
    world.zenvoices.faults.add("inbox.upload", action=fault)
    with pytest.raises(ProtocolError) as caught:
        await connection.export_new()
    assert world.calls("inbox.upload") == 3
    assert (caught.value.report.in_doubt, len(world.states)) == (3, 3)
    assert set(world.states.values()) == {"sending"}


async def test_unreadable_success_after_applying_is_never_sent_twice() -> None:
    """What arrived under an answer nobody could read is found by its id."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3)
    world.zenvoices.faults.add("inbox.upload", action=Fault.html(), nth=1, when="after")
    report = await connection.export_new()
    assert (report.ok, report.recovered, report.exported) == (True, 0, 3)
    assert set(world.sent.values()) == {1}


async def test_five_refusals_with_nothing_delivered_stop_the_run() -> None:
    """They are not charged, and the next run starts with others."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(8)
    world.zenvoices.refuse_when(lambda _: "an unexpected fault")
    with pytest.raises(RejectedError) as caught:
        await connection.export_new()
    assert (world.calls("inbox.upload"), caught.value.report.refused) == (5, 5)
    first = set(world.rows)
    assert len(first) == 5
    # What was tried is shown with its file, and what was left for the next run is not.
    lines = caught.value.report.deliveries
    assert {row.document_id for row in lines if row.file_name and row.size} == first
    assert len(lines) == 8
    assert {world.delivery(document).attempts for document in first} == {0}
    world.zenvoices.refuse_when(None)
    assert (await connection.export_new()).exported == 3
    assert {world.states[document] for document in first} == {"waiting"}
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 5
    assert set(world.sent.values()) == {1}


async def test_an_upload_that_is_said_to_be_in_another_company_is_named() -> None:
    """It is delivered, and not sent again; the report says where to look."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    answer = {"result": {"id": 7, "administrationId": 999}, "success": True}
    said = Fault.status(200, answer)
    world.zenvoices.faults.add("inbox.upload", action=said, nth=1, when="after")
    report = await connection.export_new()
    reason = f"Zenvoices says it is in the company 999, not {world.company}: look there"
    assert report.notes == (f"document {document}: {reason}",)
    assert world.states == {document: "delivered"}
    assert report.deliveries[0].reason == reason
    world.one()
    assert (await connection.export_new()).notes == ()
    assert set(world.sent.values()) == {1}


async def test_refusals_after_a_delivery_are_the_documents_own() -> None:
    """Where the run has delivered, any number of refusals stops nobody."""
    world = AsyncWorld()
    connection = await active(world, in_flight=1)
    world.publish(19)
    world.clock.pass_(1)
    world.publish(11)
    refuse(world, *(f"F{number:04}.xml" for number in range(20, 31)))
    report = await connection.export_new()
    assert (report.exported, report.refused) == (19, 11)
    assert report.stopped is None


async def test_one_fault_changes_no_other_outcome() -> None:
    """Refused, too large, empty, infected, gone, not ready, broken: the others are exported."""
    world = AsyncWorld()
    connection = await active(world)
    world.zenvoices.max_body = 100_000
    large = world.one(files=[FakeFile("l.xml", "application/xml", invoice(padding=200_000))])
    empty = world.one(files=[FakeFile("e.xml", "application/xml", b"")])
    infected, unready = world.one(), world.one()
    world.banqup.set_file_status(infected, 0, "REJECTED")
    world.banqup.set_file_status(unready, 0, "AWAITING_UPLOAD")
    short = world.one(files=[FakeFile("s.xml", "application/xml", invoice(), size=99_999)])
    bare = world.one(files=[])
    odd = world.one(files=[FakeFile("é\n\x00.xml", "text xml, odd", invoice("odd"))])
    good = world.publish(5)
    report = await connection.export_new()
    assert world.delivery(odd).reason == ""
    assert report.exported == 6
    assert {world.states[document] for document in (*good, odd)} == {"delivered"}
    assert {world.states[document] for document in (large, empty, infected)} == {"failed"}
    assert {world.states[document] for document in (unready, short, bare)} == {"waiting"}
    assert (world.delivery(short).attempts, world.delivery(unready).attempts) == (1, 0)
    assert "413" in world.delivery(large).reason
    assert "empty" in world.delivery(empty).reason
    assert sum(report.states.values()) == report.listed == 12
    assert counted((await connection.status()).counts) == world.counts


async def test_refused_document_fails_after_five_attempts() -> None:
    """It is tried again with growing pauses, looked up before each, then given up."""
    world = AsyncWorld()
    connection = await active(world)
    good, bad = world.one(), world.one()
    refuse(world, "F0002.xml")
    tried = []
    for hour in range(40):
        if hour == 10:  # it is given up only because others still arrive
            world.one()
        before = world.calls("inbox.upload")
        await connection.export_new()
        tried += [hour] * (world.calls("inbox.upload") - before - (hour in (0, 10)))
        world.clock.pass_(HOUR)
    assert tried == [0, 1, 3, 7, 15]
    assert (world.states[good], world.states[bad]) == ("delivered", "failed")
    assert world.delivery(bad).reason.endswith("refused")
    assert (await connection.status()).error == 1


async def test_refusal_that_had_arrived_is_found_before_the_next_try() -> None:
    """A 500 in an envelope may hide an upload that arrived: the next try looks first."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    envelope = {"result": None, "success": False, "error": {"message": "fault"}, "__abp": True}
    fault = Fault.status(500, envelope)
    world.zenvoices.faults.add("inbox.upload", action=fault, nth=1, when="after")
    assert (await connection.export_new()).refused == 1
    world.clock.pass_(HOUR)
    report = await connection.export_new()
    assert (report.recovered, report.exported) == (1, 0)
    assert set(world.sent.values()) == {1}


async def test_not_ready_file_is_tried_again_later() -> None:
    """A file that is not scanned yet is neither a failure nor forgotten."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    world.banqup.set_file_status(document, 0, "AWAITING_UPLOAD")
    report = await connection.export_new()
    assert (report.waiting, report.deliveries[0].attempts) == (1, 0)
    assert report.deliveries[0].next_try is not None
    details = world.calls("files.details")
    await connection.export_new()
    assert world.calls("files.details") == details
    world.banqup.set_file_status(document, 0, "AVAILABLE")
    world.clock.pass_(300)
    assert (await connection.export_new()).exported == 1


async def test_expired_url_is_renewed_once() -> None:
    """Storage that no longer takes a URL is asked again with a fresh one."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    world.banqup.faults.add("files.download", action=Fault.status(400, "<Error/>"), nth=1)
    assert (await connection.export_new()).exported == 1
    assert world.calls("files.details") == 2


async def test_token_that_expires_in_mid_run_is_renewed() -> None:
    """Tokens good for three requests export everything, each once."""
    world = AsyncWorld()
    world.banqup.token_uses = world.zenvoices.token_uses = 3
    connection = await active(world, in_flight=1)
    world.publish(10)
    assert (await connection.export_new()).exported == 10
    assert set(world.sent.values()) == {1}


@pytest.mark.parametrize(
    ("service", "operation", "fault", "error"),
    [
        ("zenvoices", "inbox.upload", Fault.status(403), PermissionDeniedError),
        ("banqup", "files.details", Fault.rate_limit(), RateLimitedError),
        ("banqup", "documents.list", Fault.status(500), ServiceError),
        *(
            pytest.param(service, operation, fault, error, marks=pytest.mark.long)
            for service, operation, fault, error in (
                ("zenvoices", "inbox.upload", Fault.status(401), CredentialsError),
                ("zenvoices", "inbox.upload", Fault.rate_limit(5), RateLimitedError),
                ("banqup", "files.details", Fault.status(401), CredentialsError),
            )
        ),
    ],
)
async def test_systemic_fault_is_raised_with_the_report(
    service: str, operation: str, fault: Fault, error: type[ServiceError]
) -> None:
    """It ends the run, charges nobody, and the next run goes on."""
    world = AsyncWorld()
    connection = await active(world, in_flight=1)
    world.publish(14)
    fake = getattr(world, service)
    first = 3 if operation != "documents.list" else 1
    fake.faults.add(operation, action=fault, nth=first, times=99)
    with pytest.raises(error) as caught:
        await connection.export_new()
    report = caught.value.report
    assert report.exported == (2 if operation != "documents.list" else 0)
    assert report.stopped
    assert sum(report.states.values()) == report.listed
    assert {world.delivery(document).attempts for document in world.rows} <= {0}
    assert counted((await connection.status()).counts) == world.counts
    fake.faults.clear()
    for _ in range(3):
        await connection.export_new()
    assert len(world.zenvoices.inbox) == 14
    assert set(world.sent.values()) == {1}


async def test_outage_of_one_service_is_not_the_documents_fault() -> None:
    """Three failures to fetch in a row stop the run; nobody is charged."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(9)
    world.banqup.faults.add("files.details", action=Fault.status(503))
    with pytest.raises(ServiceError, match="503"):
        await connection.export_new()
    assert world.calls("files.details") == 3
    assert {world.delivery(document).attempts for document in world.rows} == {0}
    world.banqup.faults.clear()
    assert (await connection.export_new()).exported == 9


async def test_three_broken_documents_do_not_starve_the_others() -> None:
    """What stops run after run gets its turn ever later, and last."""
    world = AsyncWorld()
    connection = await active(world, in_flight=1)
    world.banqup.order = "newest_first"
    world.publish(17)
    world.clock.pass_(1)
    world.publish(3)
    files = {document["files"][0]["id"] for document in world.banqup.documents(SPACE)[-3:]}
    broken = Fault.status(500)

    def spoil(request: Any) -> None:
        if request.operation == "files.details":
            world.banqup.faults.clear()
            if request.path.rsplit("/", 1)[-1] in files:
                world.banqup.faults.add("files.details", action=broken, nth=1)

    world.banqup.on_request = spoil
    for _ in range(2):
        with suppress(ServiceError):
            await connection.export_new()
        world.clock.pass_(HOUR)
    assert len(world.zenvoices.inbox) == 17


async def test_files_in_an_unknown_shape_stop_nobody_once_others_came() -> None:
    """However many there are: what could be fetched before shows that the route works."""
    world = AsyncWorld()
    connection = await active(world, in_flight=1)
    world.publish(8)
    odd = Fault.status(200, '["another shape"]')
    world.banqup.faults.add("files.details", action=odd, nth=2, times=6)
    report = await connection.export_new()
    assert (report.exported, report.waiting, report.stopped) == (2, 6, None)


async def test_uploads_in_flight_finish_on_a_systemic_fault() -> None:
    """What was begun is ended and recorded before the fault is raised."""
    world = AsyncWorld()
    connection = await active(world, in_flight=4)
    world.publish(12)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(403), nth=4)
    world.zenvoices.faults.add("companies.list", action=Fault.status(403), nth=2)
    with pytest.raises(PermissionDeniedError) as caught:
        await connection.export_new()
    assert "sending" not in world.states.values()
    assert caught.value.report.exported == len(world.zenvoices.inbox)
    assert world.counts["delivered"] == len(world.zenvoices.inbox)


async def test_company_that_was_linked_anew_is_resolved_again() -> None:
    """What was refused under the company's old number goes to the new one, at the latest next."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    new = world.zenvoices.relink_company(world.company)
    world.publish(3)
    exported = (await connection.export_new()).exported
    exported += (await connection.export_new()).exported
    assert exported == 3
    assert [item.company_id for item in world.zenvoices.inbox] == [world.company, new, new, new]
    assert set(world.sent.values()) == {1}


async def test_company_that_is_gone_stops_the_run() -> None:
    """Where the code names no company any more the run says so, and charges nobody."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.zenvoices.set_visible(world.company, visible=False)
    world.publish(3)
    with pytest.raises(ConfigurationError, match="0042"):
        await connection.export_new()
    assert "sending" not in world.states.values()
    world.zenvoices.set_visible(world.company, visible=True)
    assert (await connection.export_new()).exported == 3


async def test_unreachable_zenvoices() -> None:
    """No connection at all is raised at once, with what to check."""
    world = AsyncWorld()
    await active(world)
    world.one()
    hosts = world.zenvoices.hosts
    connection = world.connect()
    world.zenvoices.hosts = frozenset()
    with pytest.raises(UnreachableError) as caught:
        await connection.export_new()
    assert "network" in (caught.value.hint or "")
    world.zenvoices.hosts = hosts
    assert (await connection.export_new()).exported == 1


async def test_doubts_in_a_row_stop_the_run() -> None:
    """Three uploads that end without an answer stop the run; the next finds what arrived."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(6)
    world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), when="after")
    world.zenvoices.faults.add("inbox.details", action=Fault.status(503))
    with pytest.raises(OutcomeUnknownError) as caught:
        await connection.export_new()
    assert (world.calls("inbox.upload"), caught.value.report.in_doubt) == (3, 3)
    assert len(world.rows) == 3
    world.zenvoices.faults.clear()
    report = await connection.export_new()
    assert (report.recovered, report.exported) == (3, 3)
    assert set(world.sent.values()) == {1}


async def test_doubt_is_settled_in_the_same_run_where_it_can_be() -> None:
    """One upload without an answer that arrived is found at once."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(4)
    world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), nth=2, when="after")
    report = await connection.export_new()
    assert (report.exported, report.recovered, report.in_doubt) == (4, 0, 0)
    assert set(world.states.values()) == {"delivered"}


def broken(document: Any, files: Any) -> Any:
    raise RuntimeError("no such rule")


def nothing(document: Any, files: Any) -> Any:
    return None


def vanished(document: Any, files: Any) -> Any:
    made = default_mapper(document, files)
    assert isinstance(made, InboxUpload)
    for file in files:
        with file.open() as opened:
            opened.read()
    return made


def own_bytes(document: Any, files: Any) -> Any:
    return InboxUpload(attachments=(Attachment("own.xml", b"<Invoice/>"),))


def skips(document: Any, files: Any) -> Any:
    return Skip(7)


def empties(document: Any, files: Any) -> Any:
    return InboxUpload(attachments=(Attachment("own.xml", b""),))


@pytest.mark.parametrize(
    ("mapper", "state", "reason"),
    [
        (broken, "waiting", "the mapper raised RuntimeError"),
        (nothing, "waiting", "return an InboxUpload or Skip"),
        (vanished, "delivered", ""),
        (own_bytes, "delivered", ""),
        (skips, "skipped", "7"),
        (empties, "failed", "the file is empty"),
    ],
)
async def test_mapper_concerns_its_document_only(mapper: Any, state: str, reason: str) -> None:
    """Whatever a mapper does with one document, the others are exported."""
    world = AsyncWorld()
    odd = world.one("DRAFT")

    def mapped(document: Any, files: Any) -> Any:
        return (mapper if document.id == odd else default_mapper)(document, files)

    connection = await active(world, mapper=mapped)
    world.banqup.set_status(odd, "FULLY_APPROVED")
    world.publish(4)
    report = await connection.export_new()
    assert report.exported == 4 + (state == "delivered")
    assert world.states[odd] == state
    assert world.delivery(odd).reason.startswith(reason)


async def test_bytes_are_never_changed() -> None:
    """What arrives is what Banqup holds, large or small; a mapper cannot write to it."""
    world = AsyncWorld()

    def mapper(document: Any, files: Any) -> Any:
        for file in files:
            for name, value in (("write", b"x"), ("truncate", 0)):
                with pytest.raises((OSError, AttributeError, NotImplementedError)):
                    getattr(file.open(), name)(value)
        return default_mapper(document, files)

    connection = await active(world, mapper=mapper)
    contents = [invoice("small"), invoice("large", padding=3_000_000)]
    for number, content in enumerate(contents):
        world.one(files=[FakeFile(f"{number}.xml", "application/xml", content)])
    report = await connection.export_new()
    assert [row.reason for row in report.deliveries] == ["", ""]
    assert report.exported == 2
    assert {item.attachments[0].content for item in world.zenvoices.inbox} == set(contents)


async def test_listener_that_raises_harms_nobody() -> None:
    """Every listener hears everything, in turn, whatever another does."""
    world = AsyncWorld()

    def rude(event: Any) -> None:
        raise RuntimeError("no")

    watcher = Watcher()
    connection = await active(world, listeners=[rude, watcher])
    world.publish(2)
    world.one("DRAFT")
    report = await connection.export_new()
    assert report.exported == 2
    names = watcher.names()
    assert (names[0], names[-1]) == ("RunStarted", "RunEnded")
    assert sorted(names[1:-1]) == [
        "DocumentFound",
        "DocumentFound",
        "DocumentSent",
        "DocumentSent",
        "DocumentWaiting",
    ]


async def test_delivery_is_told_once_it_is_durable() -> None:
    """When a listener hears that a document was sent, the store says so too."""
    world = AsyncWorld()
    seen: list[str] = []

    def act(event: Any) -> None:
        if type(event).__name__ == "DocumentSent":
            seen.append(world.states[event.delivery.document_id])

    connection = await active(world, listeners=[Watcher(act)])
    world.publish(5)
    await connection.export_new()
    assert seen == ["delivered"] * 5


async def test_external_ids_fit_and_stay() -> None:
    """Each document has its own, of at most 50 characters."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(4)
    await connection.export_new()
    assert len(world.sent) == 4
    assert all(len(name) <= 50 for name in world.sent)


async def test_many_documents_run_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than are held at once are all exported, each once."""
    monkeypatch.setattr("bridge._async._run.BATCH", 20)
    world = AsyncWorld()
    connection = await active(world, in_flight=8)
    world.publish(45)
    report = await connection.export_new()
    assert (report.exported, report.listed) == (45, 45)
    assert set(world.sent.values()) == {1}
    world.clock.pass_(2 * DAY)
    assert (await connection.export_new()).exported == 0


# The store and the lease


class SlowStore:
    """Lets time pass with the commit of an intent, and with as many as are asked for after it."""

    def __init__(self, world: AsyncWorld, monkeypatch: pytest.MonkeyPatch, slow: int) -> None:
        self.commits: list[Any] = []
        self._commit = world.store.commit
        self._slow = slow
        self._late = 0.0
        real = _clock.monotonic
        monkeypatch.setattr(_clock, "monotonic", lambda: real() + self._late)
        monkeypatch.setattr(world.store, "commit", self)

    def __call__(self, lease: Any, *, rows: Any = (), **others: Any) -> None:
        self._commit(lease, rows=rows, **others)
        if self.commits or any(row.state == "sending" for row in rows):
            self.commits.append(rows)
            self._late += 400.0 if len(self.commits) <= self._slow else 0.0


async def test_lease_is_renewed_after_a_slow_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload begins only with a lease that outlasts it."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    slow = SlowStore(world, monkeypatch, 1)
    assert (await connection.export_new()).exported == 1
    # The intent, and then nothing but the lease.
    assert [len(rows) for rows in slow.commits[:2]] == [1, 0]


async def test_lease_that_is_too_short_for_an_upload_begins_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a store that is always slow the run ends, and the next one finds out."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    slow = SlowStore(world, monkeypatch, 2)
    with pytest.raises(LeaseLostError) as caught:
        await connection.export_new()
    assert [len(rows) for rows in slow.commits[:2]] == [1, 0]
    assert world.calls("inbox.upload") == 0
    assert [row.state for row in caught.value.report.deliveries] == ["sending"]
    assert world.states[document] == "sending"


@pytest.mark.parametrize("for_good", [True, False])
async def test_intent_that_cannot_be_written_sends_nothing(
    for_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with a report, and the next one sends what this one could not."""
    world = AsyncWorld()
    watcher = Watcher()
    connection = await active(world, listeners=[watcher])
    document = world.one()
    commit = world.store.commit
    broken = False

    def full(lease: Any, *, rows: Any = (), **others: Any) -> None:
        nonlocal broken
        intends = any(row.state == "sending" for row in rows)
        broken = intends or (broken and for_good)
        if broken:
            raise StoreError("the disk is full", service="bridge")
        commit(lease, rows=rows, **others)

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "commit", full)
        with pytest.raises(StoreError, match="disk is full") as caught:
            await connection.export_new()
    assert caught.value.report.stopped == "the disk is full"
    assert watcher.names()[-1] == "RunEnded"
    assert world.calls("inbox.upload") == 0
    assert world.states.get(document) == (None if for_good else "waiting")
    assert (await connection.export_new()).exported == 1
    assert set(world.sent.values()) == {1}


async def test_ledger_without_the_lease_writes_nothing() -> None:
    """Only who holds the connection commits, whatever else goes wrong."""
    world = AsyncWorld()
    ledger = AsyncCheckpointSession(world.store, {"the": "key"}, 600.0)
    ledger.update(active=True)
    with pytest.raises(LeaseLostError):
        await ledger.flush()
    assert world.store.head("key") is None


async def test_document_the_route_does_not_take_stops_nobody_once_others_went() -> None:
    """A 415 after a delivery is about what was sent, not about the route."""
    world = AsyncWorld()
    connection = await active(world)
    documents = world.publish(4)
    world.zenvoices.faults.add("inbox.upload", action=Fault.status(415), nth=2)
    report = await connection.export_new()
    assert (report.exported, report.refused) == (3, 1)
    assert sorted(world.states[name] for name in documents) == ["delivered"] * 3 + ["waiting"]


async def test_a_disk_that_is_full_is_not_the_documents_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that cannot be kept meanwhile waits uncharged; smaller ones go on."""
    world = AsyncWorld()
    connection = await active(world)
    large = world.one(files=[FakeFile("l.xml", "application/xml", invoice(padding=4_000_000))])
    world.publish(2)

    def full(**_: object) -> Any:
        raise OSError(28, "No space left on device")

    for _ in range(7):
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "TemporaryFile", full)
            await connection.export_new()
        world.clock.pass_(2 * DAY)
    assert world.sent.total() == 2
    delivery = world.delivery(large)
    assert (delivery.state, delivery.attempts) == ("waiting", 0)
    assert delivery.reason == "it could not be kept meanwhile: No space left on device"
    assert (await connection.export_new()).exported == 1


async def test_files_of_one_document_share_its_memory() -> None:
    """However many files a document has, one file's worth of them is held in memory."""
    world = AsyncWorld()
    connection = await active(world)
    spools: list[spool.Spool] = []

    def seen(document: Any, files: Any) -> Any:
        spools.extend(file._file for file in files)
        held = [spool for spool in spools if spool.in_memory]
        assert len(held) == 2
        return Skip("seen")

    half = invoice(padding=spool.IN_MEMORY // 2 - 1000)
    world.one(files=[FakeFile(f"{n}.xml", "application/xml", half) for n in range(5)])
    connection = world.connect(mapper=seen)
    report = await connection.export_new()
    assert [row.reason for row in report.deliveries] == ["seen"]
    assert len(spools) == 5
