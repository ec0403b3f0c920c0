"""The other verbs, and the arguments of export_new()."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from banqup_client.testing import Fault
from bridge import (
    BusyError,
    CredentialsError,
    NotActivatedError,
    ServiceError,
    Skip,
    UnreachableError,
)
from support.bridge_world import DAY, HOUR, AsyncWorld, Watcher, counted
from zenvoices_client import ConfigurationError

pytestmark = pytest.mark.anyio


async def active(world: AsyncWorld, **options: Any) -> Any:
    connection = world.connect(**options)
    await connection.activate()
    return connection


async def test_dry_run_sends_and_stores_nothing() -> None:
    """It says what would be done with each document and why."""
    world = AsyncWorld()
    world.one()
    known = world.one("DRAFT")
    connection = await active(world)
    new, draft = world.one(), world.one("DRAFT")
    order = world.one(category="PURCHASE_ORDER")
    odd = world.one("APROVED")
    before = (world.store.head(world.key), world.rows, world.store.held_until(world.key))
    downloads = world.calls("files.download")
    report = await connection.export_new(dry_run=True)
    assert (world.store.head(world.key), world.rows, world.store.held_until(world.key)) == before
    assert world.zenvoices.inbox == []
    assert world.calls("files.download") == downloads
    assert report.dry_run
    said = {row.document_id: (row.state, row.reason) for row in report.deliveries}
    assert said[new] == ("waiting", "would be sent")
    assert said[draft][1] == said[known][1] == "not approved yet (status DRAFT)"
    assert said[order] == ("skipped", "a purchase order, not an invoice")
    assert "'APROVED'" in said[odd][1]
    assert sum(report.states.values()) == report.listed == 6
    assert (await connection.export_new()).exported == 1


async def test_dry_run_asks_no_mapper() -> None:
    """A dry run fetches no file, so there is nothing to ask a mapper about."""
    world = AsyncWorld()
    connection = await active(world)
    await connection.export_new()
    world.publish(2)

    def mapper(document: object, files: object) -> Skip:
        raise AssertionError

    report = await world.connect(mapper=mapper).export_new(dry_run=True)
    assert [row.code for row in report.deliveries] == ["would_be_sent"] * 2


async def test_dry_run_needs_no_lease() -> None:
    """Another worker may be at it meanwhile."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3)
    assert world.store.acquire(world.key, "another", 600) is not None
    report = await connection.export_new(dry_run=True, limit=2)
    assert [row.reason for row in report.deliveries].count("would be sent") == 2
    with pytest.raises(BusyError) as caught:
        await connection.export_new()
    assert caught.value.held_until == datetime.fromtimestamp(world.clock.now + 600, UTC)
    assert caught.value.retryable


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_limit(in_flight: int) -> None:
    """At most so many documents in a run; the others come in the next ones, none is lost."""
    world = AsyncWorld()
    connection = await active(world, in_flight=in_flight)
    world.publish(10)
    exported = []
    for _ in range(5):
        report = await connection.export_new(limit=3)
        exported.append(report.exported)
        assert (report.stopped == "limit of 3 documents reached") == (report.exported == 3)
    assert exported == [3, 3, 3, 1, 0]
    assert set(world.sent.values()) == {1}


@pytest.mark.parametrize("limit", [0, -1])
async def test_limit_must_be_positive(limit: int) -> None:
    """A limit of nothing is a mistake."""
    world = AsyncWorld()
    with pytest.raises(ConfigurationError, match="limit"):
        await world.connect().export_new(limit=limit)


async def test_deadline_that_has_passed_begins_nothing() -> None:
    """After the deadline nothing new is begun; nothing is lost by it."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3)
    report = await connection.export_new(deadline=0)
    assert (report.exported, report.stopped) == (0, "deadline reached")
    assert (await connection.export_new()).exported == 3


async def test_deadline_in_the_middle_ends_what_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was begun is recorded; the rest is exported by the next run."""
    from _client_kit import _clock

    world = AsyncWorld()
    connection = await active(world, in_flight=1)
    world.publish(6)
    jump = [0.0]
    real = _clock.monotonic
    monkeypatch.setattr(_clock, "monotonic", lambda: real() + jump[0])

    def slow(item: Any) -> None:
        if len(world.zenvoices.inbox) == 1:
            jump[0] = 100.0

    world.zenvoices.refuse_when(slow)
    report = await connection.export_new(deadline=60)
    assert (report.exported, report.stopped) == (2, "deadline reached")
    left = [row for row in report.deliveries if row.reason == "left for the next run"]
    assert len(left) == 4
    assert (await connection.export_new()).exported == 4
    assert set(world.sent.values()) == {1}


async def test_status_in_an_accountants_words() -> None:
    """Client action needed, queued, ready to process, error: what the store says, no call made."""
    world = AsyncWorld()
    world.one()
    connection = await active(world)
    before = await connection.status()
    assert (before.active, before.last_run) == (True, None)
    world.publish(2)
    world.one("DRAFT")
    infected = world.one()
    world.banqup.set_file_status(infected, 0, "REJECTED")
    unready = world.one()
    world.banqup.set_file_status(unready, 0, "AWAITING_UPLOAD")
    await connection.export_new()
    calls = sum(world.banqup.counts.values()) + sum(world.zenvoices.counts.values())
    status = await connection.status()
    assert calls == sum(world.banqup.counts.values()) + sum(world.zenvoices.counts.values())
    numbers = (status.client_action_needed, status.queued, status.ready_to_process, status.error)
    assert numbers == (1, 1, 2, 1)
    assert [row.document_id for row in status.attention] == [infected]
    assert status.last_run is not None
    assert status.last_run["exported"] == 2
    await connection.deactivate()
    assert not (await connection.status()).active


async def test_status_names_a_refused_document_until_it_has_arrived() -> None:
    """What needs_person counts in the report is in attention, from the first refusal on."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    refused = world.one()
    world.zenvoices.refuse_when(lambda _: "The period is closed.")
    assert (await connection.export_new()).needs_person
    (row,) = (await connection.status()).attention
    assert (row.document_id, row.state, row.attempts) == (refused, "waiting", 1)
    assert row.label.startswith("Invoice F0002, ")
    assert (await connection.export_new()).needs_person
    world.zenvoices.refuse_when(lambda _: None)
    world.clock.pass_(HOUR)
    assert not (await connection.export_new()).needs_person
    assert (await connection.status()).attention == ()


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (503, True)])
async def test_status_tells_why_the_last_run_failed(status: int, retryable: bool) -> None:
    """Until a run ends well; also whether it may end well by itself."""
    world = AsyncWorld()
    connection = await active(world)
    world.banqup.faults.add("documents.list", action=Fault.status(status), times=9)
    with pytest.raises(ServiceError) as caught:
        await connection.export_new()
    told = (await connection.status()).last_run
    assert told is not None
    assert (told["ok"], told["stopped"]) == (False, caught.value.message)
    assert told["retryable"] == caught.value.retryable == retryable
    world.banqup.faults.clear()
    await world.connect().export_new()
    told = (await connection.status()).last_run
    assert told is not None
    assert (told["ok"], told["stopped"], told["retryable"]) == (True, None, False)


async def test_status_of_an_unknown_connection() -> None:
    """Where nothing was ever activated, it says so."""
    status = await AsyncWorld().connect().status()
    assert (status.active, status.counts, status.attention) == (False, {}, ())


async def test_resend_of_each_kind() -> None:
    """Baseline, skipped, failed, delivered and unknown ones are sent, each under its own id."""
    world = AsyncWorld()
    old = world.one()
    connection = await active(world)
    delivered, order = world.one(), world.one(category="PURCHASE_ORDER")
    infected = world.one()
    world.banqup.set_file_status(infected, 0, "REJECTED")
    await connection.export_new()
    world.banqup.set_file_status(infected, 0, "AVAILABLE")
    draft = world.one("DRAFT")
    wanted = [old, delivered, order, infected, draft]
    answers = await connection.resend([*wanted, old])
    assert [(answer.document_id, answer.accepted) for answer in answers] == [
        (document, True) for document in wanted
    ]
    report = await connection.export_new()
    assert report.exported == 5
    assert len(world.sent) == 6
    assert set(world.sent.values()) == {1}
    assert world.delivery(delivered).generation == 1
    assert counted((await connection.status()).counts) == world.counts


@pytest.mark.parametrize(
    ("count", "batch"), [(60, 50), pytest.param(201, 200, marks=pytest.mark.long)]
)
async def test_resend_of_many_is_not_held_to_the_rereads(
    count: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person asked for is sent in the next run, however much it is."""
    monkeypatch.setattr("bridge._async._run.BATCH", batch)
    world = AsyncWorld()
    old = world.publish(count, updated_at=world.clock.now - 9 * DAY)
    connection = await active(world)
    world.one()
    await connection.export_new()
    await connection.resend(old)
    assert (await connection.export_new()).exported == count


async def test_resend_says_that_a_delivered_document_will_be_there_twice() -> None:
    """It gets a new external id, so Zenvoices takes it for another document."""
    world = AsyncWorld()
    connection = await active(world)
    delivered = world.one()
    await connection.export_new()
    with pytest.raises(ConfigurationError) as caught:
        await connection.settle(delivered, delivered=True)
    assert f"banqup-zenvoices resend {delivered}" in str(caught.value)
    (answer,) = await connection.resend([delivered])
    assert (answer.accepted, "twice" in answer.reason) == (True, True)


async def test_resend_keeps_what_it_accepted_before_banqup_failed() -> None:
    """An error at one id of a list does not forget the ids before it."""
    world = AsyncWorld()
    old = world.one()
    connection = await active(world)
    hosts, world.banqup.hosts = world.banqup.hosts, frozenset()
    with pytest.raises(UnreachableError):
        await connection.resend([old, "not-seen-yet"])
    world.banqup.hosts = hosts
    assert (await connection.export_new()).exported == 1


async def test_resend_of_what_may_be_on_its_way_is_refused() -> None:
    """Sending and uncertain documents are found out about first."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    world.zenvoices.faults.add("inbox.upload", action=Fault.html(), nth=1)
    await connection.export_new()
    world.zenvoices.lookup = "missing"
    (answer,) = await connection.resend([document])
    assert (answer.accepted, "next run" in answer.reason) == (False, True)
    await connection.export_new()
    (answer,) = await connection.resend([document])
    assert (answer.accepted, "settle()" in answer.reason) == (False, True)


async def test_resend_takes_no_id_that_could_not_be_one() -> None:
    """An id that cannot stand in a path is refused before anything is stored."""
    world = AsyncWorld()
    connection = await active(world)
    with pytest.raises(ConfigurationError):
        await connection.resend(["good", "../bad"])
    assert world.rows == {}


async def test_resend_of_a_document_that_is_gone() -> None:
    """It is skipped, and said so."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    gone = world.one()
    (request,) = await connection.resend([gone])
    assert request.accepted
    world.banqup.remove(gone)
    report = await connection.export_new()
    assert (gone, "skipped", "gone") in [
        (row.document_id, row.state, row.reason) for row in report.deliveries
    ]


@pytest.mark.parametrize("ids", ["id", b"id", None, 42, {"id": True}])
async def test_resend_of_what_is_no_list(ids: Any) -> None:
    """One id in place of a list of them is no list of its letters."""
    world = AsyncWorld()
    connection = await active(world)
    with pytest.raises(ConfigurationError, match="ids must be a list"):
        await connection.resend(ids)
    with pytest.raises(ConfigurationError, match="document id"):
        await connection.resend([None])
    assert world.rows == {}


async def test_resend_asks_banqup_for_what_it_does_not_know(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A document that is not in the space is not accepted; the reason and a warning say so."""
    world = AsyncWorld()
    old = world.one()
    connection = await active(world)
    new = world.one()
    elsewhere = world.banqup.publish(world.banqup.add_space())
    before = world.calls("documents.get")
    answers = await connection.resend([old, new.upper(), "nobody", elsewhere])
    assert [answer.accepted for answer in answers] == [True, True, False, False]
    assert all("no document of this id in this space" in answer.reason for answer in answers[2:])
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [
        f"'{name}' is not accepted" in line
        for name, line in zip(("nobody", elsewhere), warned, strict=True)
    ] == [True, True]
    assert set(world.rows) == {old, new}
    assert world.calls("documents.get") - before < 8
    assert (await connection.export_new()).exported == 2


async def test_resend_does_not_wait_for_approval() -> None:
    """What a person asks for is sent whatever its status is: listed before, or not yet."""
    world = AsyncWorld()
    connection = await active(world)
    listed = world.one("AWAITING_VALIDATION")
    await connection.export_new()
    unseen, approved = world.one("DRAFT"), world.one()
    answers = await connection.resend([listed, unseen, approved])
    assert [(answer.accepted, answer.reason) for answer in answers] == [(True, "")] * 3
    assert (await connection.export_new()).exported == 3


async def test_resend_where_banqup_cannot_be_asked() -> None:
    """One document's fault is its reason; where nothing can be asked, resend() raises."""
    world = AsyncWorld()
    connection = await active(world)
    documents = world.publish(4)
    for number, status in enumerate((500, 400, 403), 1):
        world.banqup.faults.add("documents.get", action=Fault.status(status), nth=number)
    answers = await connection.resend(documents)
    assert [answer.accepted for answer in answers] == [False, False, False, True]
    assert all(answer.reason.startswith("documents.get") for answer in answers[:3])
    assert set(world.rows) == {documents[3]}
    with pytest.raises(CredentialsError):
        await world.connect(secret="wrong-secret").resend(documents[:1])


async def test_settle() -> None:
    """Only what needs a person can be settled; what a person saw stands."""
    world = AsyncWorld()
    connection = await active(world)
    document, other = world.one(), world.one()
    world.zenvoices.faults.add("inbox.upload", action=Fault.html(), nth=1, when="after")
    world.zenvoices.lookup, world.zenvoices.lookup_lag = "lags", DAY
    await connection.export_new()
    (uncertain,) = (name for name, state in world.states.items() if state == "sending")
    assert {document, other} == set(world.rows)
    for wrong in (uncertain, "nobody"):
        with pytest.raises(ConfigurationError, match=r"not uncertain|unknown to this connection"):
            await connection.settle(wrong, delivered=True)
    await connection.export_new()
    assert world.states[uncertain] == "uncertain"
    row = await connection.settle(uncertain, delivered=True)
    assert row.state == "delivered"
    assert len(world.zenvoices.inbox) == 2
    world.clock.pass_(2 * DAY)
    assert (await connection.export_new()).exported == 0


async def test_confirm() -> None:
    """It says what Zenvoices has, lacks, and shows twice; it sends nothing."""
    world = AsyncWorld()
    connection = await active(world)
    documents = world.publish(5)
    await connection.export_new()
    items = {item.external_id: item for item in world.zenvoices.inbox}
    lost, doubled = documents[0], documents[1]
    world.zenvoices.remove(items[world.delivery(lost).external_id].id)
    from zenvoices_client import Attachment, InboxUpload

    await connection._zenvoices.inbox.upload(
        InboxUpload(attachments=(Attachment("again.xml", b"<Invoice/>"),)),
        company_id=world.company,
        external_id=world.delivery(doubled).external_id,
    )
    uploads = world.calls("inbox.upload")
    confirmation = await connection.confirm()
    assert confirmation.confirmed == 4
    assert [row.document_id for row in confirmation.missing] == [lost]
    assert [row.document_id for row in confirmation.twice] == [doubled]
    assert confirmation.undecided == ()
    assert world.counts == {"confirmed": 4, "delivered": 1}
    assert world.calls("inbox.upload") == uploads
    again = await connection.confirm()
    assert (again.confirmed, len(again.missing), len(again.twice)) == (0, 1, 1)
    assert counted((await connection.status()).counts) == world.counts


async def test_confirm_where_look_ups_decide_nothing() -> None:
    """What neither list nor look-up shows is undecided, not missing."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.zenvoices.lookup = "missing"
    world.zenvoices.remove(world.zenvoices.inbox[0].id)
    confirmation = await connection.confirm()
    assert (len(confirmation.undecided), confirmation.missing) == (1, ())


async def test_verbs_need_an_activation_and_the_lease() -> None:
    """confirm() before activation, and any verb while another worker is at it, raise."""
    world = AsyncWorld()
    connection = world.connect()
    with pytest.raises(NotActivatedError):
        await connection.confirm()
    await connection.activate()
    assert world.store.acquire(world.key, "another", 600) is not None
    for verb in (
        connection.activate,
        connection.deactivate,
        connection.export_new,
        connection.confirm,
    ):
        with pytest.raises(BusyError):
            await verb()
    with pytest.raises(BusyError):
        await connection.resend(["doc"])
    with pytest.raises(BusyError):
        await connection.settle("doc", delivered=True)


async def test_lease_is_given_back_by_every_verb() -> None:
    """After each verb, failed or not, the next worker finds the connection free."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    with pytest.raises(ConfigurationError):
        await connection.settle("doc", delivered=True)
    await connection.resend([])
    await connection.confirm()
    world.banqup.faults.add("documents.list", action=Fault.status(500), nth=1)
    with pytest.raises(ServiceError):
        await connection.export_new()
    assert world.store.held_until(world.key) is None
    await connection.deactivate()
    assert world.store.held_until(world.key) is None


async def test_run_is_told_from_start_to_end() -> None:
    """The last event carries the very report that is returned."""
    world = AsyncWorld()
    watcher = Watcher()
    connection = await active(world, listeners=[watcher])
    world.publish(2)
    report = await connection.export_new()
    assert watcher.events[-1].report == report
    world.clock.pass_(HOUR)
    world.banqup.faults.add("documents.list", action=Fault.status(500), nth=1)
    with pytest.raises(ServiceError) as caught:
        await connection.export_new()
    assert watcher.events[-1].report == caught.value.report
    assert watcher.events[-1].report.stopped


@pytest.mark.parametrize("state", ["waiting", "sending", "uncertain"])
async def test_a_document_is_one_however_its_id_is_typed(state: str) -> None:
    """A UUID in capitals passes by no guard, and asks for no second document."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    if state != "waiting":
        world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), when="after", nth=1)
        world.zenvoices.faults.add("inbox.details", action=Fault.status(400))
        world.zenvoices.faults.add("inbox.list", action=Fault.status(400))
        await connection.export_new()
    if state == "uncertain":
        await connection.export_new()
        assert world.states == {document: "uncertain"}
    (request,) = await connection.resend([document.upper(), document])
    assert (request.document_id, request.accepted) == (document, state == "waiting")
    if state == "uncertain":
        row = await connection.settle(document.upper(), delivered=True)
        assert (row.document_id, row.state) == (document, "delivered")
    world.zenvoices.faults.clear()
    world.clock.pass_(HOUR)
    await connection.export_new()
    assert world.states == {document: "delivered"}
    assert len(world.zenvoices.inbox) == 1
