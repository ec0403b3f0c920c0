"""What a run lists, what it reads again, and what it remembers of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from _client_kit import _clock
from banqup_client.testing import FakeRequest, Fault
from bridge import ServiceError
from support.bridge_world import DAY, HOUR, SPACE, AsyncWorld, counted

pytestmark = pytest.mark.anyio


def listings(world: AsyncWorld) -> list[tuple[str | None, str | None]]:
    """Folder and date of each first page asked for since the last call."""
    asked = [
        (request.query.get("folder"), request.query.get("updatedSince"))
        for request in world.banqup.requests
        if request.operation == "documents.list" and request.query.get("page") == "0"
    ]
    world.banqup._log.clear()
    return [entry for entry in asked if entry[0] is not None]


def since(world: AsyncWorld, seconds: float) -> datetime:
    return datetime.fromtimestamp(world.clock.now - seconds, UTC)


async def active(world: AsyncWorld, **options: Any) -> Any:
    connection = world.connect(**options)
    await connection.activate()
    listings(world)
    return connection


async def test_cursor_narrows_the_next_listing() -> None:
    """After a finished listing the next begins 24 hours before the newest change."""
    world = AsyncWorld()
    connection = await active(world)
    world.one(updated_at=world.clock.now - 3 * HOUR)
    await connection.export_new()
    assert listings(world) == [("PURCHASES", None), ("SALES", None)]
    world.clock.pass_(HOUR)
    await connection.export_new()
    purchases, sales = listings(world)
    assert datetime.fromisoformat(purchases[1] or "") == since(world, 28 * HOUR)
    assert sales == ("SALES", None)


async def test_cursor_never_passes_the_servers_time() -> None:
    """A change dated in the future does not hide what changes until then."""
    world = AsyncWorld()
    connection = await active(world)
    world.one(updated_at=world.clock.now + 300 * DAY)
    await connection.export_new()
    listings(world)
    await connection.export_new()
    asked = datetime.fromisoformat(listings(world)[0][1] or "")
    assert asked == since(world, DAY)


async def test_our_clock_has_no_part_in_the_cursor() -> None:
    """A clock that is years off changes no date that is asked for."""
    world = AsyncWorld()
    connection = await active(world, clock=lambda: world.clock.now + 1000 * DAY)
    world.one()
    await connection.export_new()
    listings(world)
    await connection.export_new()
    assert datetime.fromisoformat(listings(world)[0][1] or "") == since(world, DAY)


async def test_without_the_servers_time_everything_is_listed() -> None:
    """Where answers have no Date, no listing is narrowed."""
    world = AsyncWorld()
    world.banqup.date_header = False
    connection = await active(world)
    world.one()
    for _ in range(3):
        await connection.export_new()
        assert listings(world) == [("PURCHASES", None), ("SALES", None)]
    assert world.delivery(next(iter(world.rows))).state == "delivered"


async def test_one_full_listing_a_day() -> None:
    """Once a day both folders are listed without a date."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    world.one("DRAFT", folder="SALES")
    dated = []
    for _ in range(50):
        await connection.export_new()
        dated.append([date is not None for _, date in listings(world)])
        world.clock.pass_(HOUR)
    assert [number for number, both in enumerate(dated) if not any(both)] == [0, 24, 48]


async def test_clock_that_was_set_back_lists_everything() -> None:
    """A last full listing in the future counts for nothing."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    listings(world)
    world.clock.pass_(-30 * DAY)
    await connection.export_new()
    assert listings(world)[0] == ("PURCHASES", None)


async def test_listing_that_breaks_narrows_nothing() -> None:
    """A failure in the middle of a listing leaves the next one as wide as it was."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(120, "DRAFT")
    world.banqup.faults.add("documents.list", action=Fault.status(500), nth=3)
    with pytest.raises(ServiceError) as caught:
        await connection.export_new()
    assert caught.value.report.listed == 100
    listings(world)
    await connection.export_new()
    assert listings(world)[0] == ("PURCHASES", None)
    assert len(world.rows) == 120


async def test_listing_that_does_not_end_narrows_nothing() -> None:
    """A list that stops before its own total is not ok, and asked for again in full."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3)
    world.banqup.total = 10
    report = await connection.export_new()
    assert report.exported == 3
    assert not report
    assert "list of PURCHASES did not end" in str(report.stopped)
    assert "list of SALES did not end" in str(report.stopped)
    world.banqup.total = None
    listings(world)
    await connection.export_new()
    assert listings(world)[0] == ("PURCHASES", None)


async def test_rows_are_not_dropped_by_date() -> None:
    """A service that ignores the date costs time only; an old date on a new document nothing."""
    world = AsyncWorld()
    connection = await active(world)
    world.one()
    await connection.export_new()
    world.banqup.ignore = {"updatedSince"}
    world.one(created_at=world.clock.now - 23 * HOUR, updated_at="0001-01-01T00:00:00Z")
    assert (await connection.export_new()).exported == 1


async def test_space_of_documents_from_the_year_one() -> None:
    """A date before which there is none narrows nothing, and breaks nothing."""
    world = AsyncWorld()
    connection = await active(world)
    world.one(updated_at="0001-01-01T00:00:00Z")
    assert (await connection.export_new()).exported == 1
    listings(world)
    await connection.export_new()
    assert listings(world)[0] == ("PURCHASES", None)


async def test_document_missed_by_drift_is_found_later() -> None:
    """A document that moved between two pages comes in a later run, and no other comes twice."""
    world = AsyncWorld()
    connection = await active(world)
    world.banqup.order = "newest_first"
    world.publish(60)
    pages: list[int] = []

    def insert(request: Any) -> None:
        if request.operation == "documents.list" and request.query.get("folder") == "PURCHASES":
            pages.append(1)
            if len(pages) == 2:
                world.banqup.remove(world.banqup.documents(SPACE)[-1]["id"])

    world.banqup.on_request = insert
    await connection.export_new()
    world.banqup.on_request = None
    await connection.export_new()
    assert set(world.states.values()) == {"delivered"}
    assert len(world.banqup.documents(SPACE)) <= len(world.sent) <= 60
    assert set(world.sent.values()) == {1}


@pytest.mark.parametrize("folder", [None, ...])
async def test_missing_folder_trusts_the_query(folder: Any) -> None:
    """A document without a folder is what the listing was asked for."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one(extra={"folder": folder}, folder="PURCHASES")
    assert (await connection.export_new()).exported == 1
    assert world.delivery(document).folder == "PURCHASES"


async def test_unknown_folder_waits_and_is_named() -> None:
    """A document in a folder nobody told us about is not exported."""
    world = AsyncWorld()
    connection = await active(world)
    world.one(extra={"folder": "ARCHIVE"})
    report = await connection.export_new()
    assert (report.exported, report.waiting) == (0, 1)
    assert "ARCHIVE" in report.deliveries[0].reason


async def test_unknown_status_waits_and_is_named_until_it_is_gone() -> None:
    """Report and status() say which word it was and how to allow it, also in narrowed runs."""
    world = AsyncWorld()
    connection = await active(world)
    odd = world.one("APROVED", updated_at=world.clock.now - 3 * DAY)
    report = await connection.export_new()
    assert any("'APROVED'" in note and "exportable=" in note for note in report.notes)
    world.one()
    await connection.export_new()
    world.clock.pass_(60)
    await connection.export_new()
    assert (await connection.status()).unknown_statuses == {"APROVED": 1}
    world.banqup.set_status(odd, "FULLY_APPROVED")
    world.clock.pass_(25 * HOUR)
    await connection.export_new()
    assert (await connection.status()).unknown_statuses == {}


async def test_categories() -> None:
    """A purchase order is skipped; an unknown category is exported."""
    world = AsyncWorld()
    connection = await active(world)
    order = world.one(category="PURCHASE_ORDER")
    world.one(category="SELF_BILLING_CREDIT_NOTE")
    report = await connection.export_new()
    assert (report.exported, report.skipped) == (1, 1)
    assert world.states[order] == "skipped"


async def test_approval_that_leaves_no_trace_in_the_date() -> None:
    """A document approved without a change of its date is found when it is due."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one("AWAITING_VALIDATION", updated_at=world.clock.now - 5 * DAY)
    world.one()
    await connection.export_new()
    await connection.export_new()
    world.banqup.set_status(document, "FULLY_APPROVED", touch=False)
    assert (await connection.export_new()).exported == 0
    world.clock.pass_(1.1 * HOUR)
    assert (await connection.export_new()).exported == 1
    assert world.calls("documents.get") == 1


async def test_waiting_documents_are_read_again_ever_more_rarely() -> None:
    """One by one only when due: after 1 hour, 2, 4 ... 24, and never more than 50 in a run."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(70, "DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    world.banqup.counts.clear()
    await connection.export_new()
    assert world.calls("documents.get") == 0
    world.clock.pass_(HOUR)
    await connection.export_new()
    assert world.calls("documents.get") == 50
    await connection.export_new()
    assert world.calls("documents.get") == 70
    world.clock.pass_(HOUR)
    await connection.export_new()
    assert world.calls("documents.get") == 70
    world.clock.pass_(HOUR)
    await connection.export_new()
    assert world.calls("documents.get") == 120


async def test_listed_documents_are_not_read_one_by_one() -> None:
    """What a list shows needs no call of its own, and takes no turn from what needs one."""
    world = AsyncWorld()
    connection = await active(world)
    hidden = world.one("DRAFT", updated_at=world.clock.now - 9 * DAY, id="zzz")
    world.publish(60, "DRAFT", updated_at=world.clock.now + DAY)
    await connection.export_new()
    world.banqup.set_status(hidden, "FULLY_APPROVED", touch=False)
    world.clock.pass_(2 * HOUR)
    assert (await connection.export_new()).exported == 1
    assert world.calls("documents.get") == 1


async def test_gone_document_is_skipped_and_named() -> None:
    """A waiting document that Banqup no longer has is not asked for again."""
    world = AsyncWorld()
    connection = await active(world)
    gone = world.one("DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    world.banqup.remove(gone)
    world.clock.pass_(2 * HOUR)
    report = await connection.export_new()
    assert [(row.document_id, row.reason) for row in report.deliveries] == [(gone, "gone")]
    assert world.states[gone] == "skipped"


async def test_route_that_is_not_there_loses_no_document() -> None:
    """Where no document can be asked for at all, a 404 says nothing of one."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one("DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    problem = {"status": 404, "error": "NOT_FOUND", "title": "No such resource"}
    world.banqup.faults.add("documents.get", action=Fault.status(404, problem))
    world.clock.pass_(2 * HOUR)
    await connection.export_new()
    assert world.states[document] == "waiting"
    world.banqup.set_status(document, "FULLY_APPROVED")
    world.clock.pass_(2 * HOUR)
    assert (await connection.export_new()).exported == 1


async def test_document_that_cannot_be_read_waits_on() -> None:
    """A failure to read one again changes nothing of it; three in a row end the run."""
    world = AsyncWorld()
    connection = await active(world)
    documents = world.publish(2, "DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    world.banqup.faults.add("documents.get", action=Fault.status(503))
    world.clock.pass_(2 * HOUR)
    await connection.export_new()
    assert {world.delivery(document).reason for document in documents} == {
        "not approved yet (status DRAFT)"
    }
    world.publish(4, "DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.clock.pass_(23 * HOUR)
    await connection.export_new()
    world.clock.pass_(3 * HOUR)
    with pytest.raises(ServiceError, match="503") as caught:
        await connection.export_new()
    assert caught.value.report.stopped


async def test_gone_document_that_reappears_is_exported() -> None:
    """What a list shows again was not gone."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one("DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    body = {"status": 404, "error": "NOT_FOUND", "title": "Not found"}
    world.banqup.faults.add("documents.get", action=Fault.status(404, body), nth=1)
    world.clock.pass_(2 * HOUR)
    await connection.export_new()
    assert world.states[document] == "skipped"
    world.banqup.set_status(document, "FULLY_APPROVED")
    assert (await connection.export_new()).exported == 1


async def test_document_listed_twice_is_exported_once() -> None:
    """A document in both folders, or on two pages, is one document."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3, folder=None)
    report = await connection.export_new()
    assert (report.listed, report.exported) == (3, 3)
    assert set(world.sent.values()) == {1}


async def test_hostile_ids_hurt_only_their_own_document() -> None:
    """Ids that cannot stand in a path are counted; the others are exported."""
    world = AsyncWorld()
    connection = await active(world)
    for name in ("../../admin", "a/b", "..", "x" * 1_000_000, "é", "a\ud800b", "a\nb\x1b[31m", ""):
        world.one(extra={"id": name})
    world.one(extra={"id": ...})
    good = world.one()
    report = await connection.export_new()
    assert (report.listed, report.exported) == (1, 1)
    assert world.states == {good: "delivered"}
    assert any("9 entries" in note for note in report.notes)


async def test_hostile_words_hurt_only_their_own_document() -> None:
    """Statuses and folders of any length and kind wait; they are kept short and can be read."""
    world = AsyncWorld()
    connection = await active(world)
    for word in ("x" * 1_000_000, "a\0b\ud800", "\n\x1b[31mFULLY_APPROVED"):
        world.one(word)
        world.one(extra={"folder": word})
    world.one(extra={"status": "FULLY_APPROVED"})
    world.one(extra={"status": {"document": ["FULLY_APPROVED"]}})
    good = world.one()
    report = await connection.export_new()
    assert (report.exported, report.waiting) == (1, 8)
    assert world.states[good] == "delivered"
    assert len(world.store.head(world.key) or "") < 10_000
    assert max(len(row.value) for row in world.rows.values()) < 10_000


async def test_report_adds_up_and_so_does_the_head() -> None:
    """The numbers by state add up to what was listed; the head counts what the rows say."""
    world = AsyncWorld()
    world.publish(2)
    world.one("DRAFT")
    connection = await active(world)
    world.publish(3)
    world.one("DRAFT")
    world.one(category="PURCHASE_ORDER")
    world.one(files=[])
    refused = world.one()
    name = world.banqup.documents(SPACE)[-1]["files"][0]["filename"]
    world.zenvoices.refuse_when(
        lambda item: "no" if item.attachments[0].file_name == name else None
    )
    for _ in range(3):
        report = await connection.export_new()
        assert sum(report.states.values()) == report.listed
        assert counted((await connection.status()).counts) == world.counts
        world.clock.pass_(2 * HOUR)
    assert world.delivery(refused).attempts >= 2
    assert world.counts == {"baseline": 2, "waiting": 4, "delivered": 3, "skipped": 1}


async def test_quiet_run_costs_one_request_a_folder() -> None:
    """With nothing new and nothing due, tokens and company held, a run is two requests."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3)
    await connection.export_new()
    world.banqup.counts.clear()
    world.zenvoices.counts.clear()
    report = await connection.export_new()
    assert report.exported == 0
    assert dict(world.banqup.counts + world.zenvoices.counts) == {"documents.list": 2}


async def test_changed_files_are_counted_and_not_sent() -> None:
    """A delivered document whose files differ later is reported, never sent again by itself."""
    world = AsyncWorld()
    connection = await active(world)
    document = world.one()
    await connection.export_new()
    from banqup_client.testing import FakeFile

    assert (await connection.export_new()).changed == 0
    world.banqup.replace_file(document, 0, FakeFile("F1.xml", "application/xml", b"<Invoice/>"))
    report = await connection.export_new()
    assert (report.changed, report.exported) == (1, 0)
    assert "changed after delivery  1" in report.to_text()


async def test_dates_in_any_shape() -> None:
    """Milliseconds, zones and RFC 1123 mean the same moment to the cursor."""
    at = datetime(2026, 9, 20, 10, 0, tzinfo=UTC)
    shapes = [
        "2026-09-20T10:00:00Z",
        "2026-09-20T10:00:00.000Z",
        "2026-09-20T12:00:00+02:00",
        "Sun, 20 Sep 2026 10:00:00 GMT",
    ]
    for shape in shapes:
        world = AsyncWorld()
        connection = await active(world)
        world.one(updated_at=shape)
        await connection.export_new()
        listings(world)
        await connection.export_new()
        asked = datetime.fromisoformat(listings(world)[0][1] or "")
        assert asked == at - timedelta(hours=24)


def out_of_time(world: AsyncWorld, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Have all the time in the world pass with the next call of an operation of Banqup."""
    jump = [0.0]
    real = _clock.monotonic
    monkeypatch.setattr(_clock, "monotonic", lambda: real() + jump[0])

    def slow(request: FakeRequest) -> None:
        if request.operation == operation:
            jump[0] = 100.0

    world.banqup.on_request = slow


async def test_deadline_in_the_middle_of_a_list_narrows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list that was left early is asked for whole by the next run."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(120, "DRAFT")
    listed = world.calls("documents.list")
    with monkeypatch.context() as patched:
        out_of_time(world, patched, "documents.list")
        report = await connection.export_new(deadline=60)
    assert (report.stopped, world.calls("documents.list")) == ("deadline reached", listed + 1)
    world.banqup.on_request = None
    late = world.one(updated_at=world.clock.now - 9 * DAY)
    await connection.export_new()
    assert world.states[late] == "delivered"


async def test_deadline_while_documents_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was not read is due as before."""
    world = AsyncWorld()
    connection = await active(world)
    world.publish(3, "DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    world.clock.pass_(2 * HOUR)
    with monkeypatch.context() as patched:
        out_of_time(world, patched, "documents.get")
        report = await connection.export_new(deadline=60)
    assert (report.stopped, world.calls("documents.get")) == ("deadline reached", 1)
    await connection.export_new()
    assert world.calls("documents.get") == 3


async def test_dry_run_reads_no_document_that_a_list_has_shown() -> None:
    """It stores nothing, so what it has seen is still due in the store."""
    world = AsyncWorld()
    connection = await active(world)
    world.one("DRAFT")
    await connection.export_new()
    world.clock.pass_(2 * HOUR)
    report = await connection.export_new(dry_run=True)
    assert (report.waiting, world.calls("documents.get")) == (1, 0)


async def test_several_gone_documents_need_one_that_is_there() -> None:
    """That documents can be asked for at all is found out once a run."""
    world = AsyncWorld()
    connection = await active(world)
    gone = world.publish(3, "DRAFT", updated_at=world.clock.now - 9 * DAY)
    world.one()
    await connection.export_new()
    for document in gone:
        world.banqup.remove(document)
    world.clock.pass_(2 * HOUR)
    await connection.export_new()
    assert {world.states[document] for document in gone} == {"skipped"}
    assert world.calls("documents.get") == 3 + 1


@pytest.mark.parametrize("empty", [True, False])
async def test_missing_document_is_not_gone_where_nobody_can_tell(empty: bool) -> None:
    """In an empty space, or where the control fails, a 404 may be about the route."""
    world = AsyncWorld()
    connection = await active(world)
    missing = world.one("DRAFT", updated_at=world.clock.now - 9 * DAY)
    if not empty:
        world.one("DRAFT", updated_at=world.clock.now + DAY)
    await connection.export_new()
    world.banqup.remove(missing)
    world.banqup.faults.add("documents.get", action=Fault.status(503), nth=2)
    world.clock.pass_(2 * HOUR)
    await connection.export_new()
    assert world.states[missing] == "waiting"


async def test_a_service_that_begins_to_write_ids_in_capitals_sends_nothing_again() -> None:
    """A UUID is the same in capitals: in the baseline, and when delivered."""
    world = AsyncWorld()
    old = world.one()
    connection = await active(world)
    sent = world.publish(2)
    assert (await connection.export_new()).exported == 2
    for document in (old, *sent):
        world.banqup._documents[document].body["id"] = document.upper()
    world.clock.pass_(2 * DAY)
    report = await connection.export_new()
    assert (report.listed, report.exported) == (3, 0)
    assert len(world.rows) == 3
    await connection.deactivate()
    assert (await connection.activate()).baseline == 1
    assert len(world.rows) == 3


async def test_a_document_asked_for_that_reappears_is_sent() -> None:
    """What a person asked for, and was not to be had for a moment, is sent once it is listed."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    document = world.one()
    await connection.export_new()
    world.clock.pass_(3 * DAY)
    world.one()
    await connection.export_new()
    await connection.resend([document])
    world.banqup.faults.add("documents.get", action=Fault.status(404), nth=1, times=1)
    await connection.export_new()
    assert world.states[document] == "skipped"
    world.banqup.faults.clear()
    world.clock.pass_(25 * HOUR)
    await connection.export_new()
    assert world.states[document] == "delivered"
    assert sorted(world.sent.values()) == [1, 1, 1]
