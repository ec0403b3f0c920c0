"""Floods, lists without an end, spaces without files, and interruptions from outside."""

from __future__ import annotations

import signal
import traceback
from itertools import product
from typing import Any

import httpx
import pytest

from support.bridge_world import DAY, HOUR, SPACE, AsyncWorld
from zenvoices_client import ConfigurationError

pytestmark = pytest.mark.anyio


def too_short(world: AsyncWorld, shown: int) -> Any:
    """Have a list show so many documents alone, as a wrong guess of the paging does."""
    cut = [True]

    def rule(request: httpx.Request, body: bytes) -> httpx.Response | None:
        if not cut[0] or not request.url.path.endswith("/documents"):
            return None
        documents = world.banqup.documents(SPACE)[:shown]
        folder = request.url.params.get("folder")
        rows = [one for one in documents if folder in (None, one["folder"])]
        first = request.url.params.get("page", "0") == "0"
        return httpx.Response(200, json={"documents": rows if first else []}, headers=date(world))

    return cut, rule


def date(world: AsyncWorld) -> dict[str, str]:
    from email.utils import formatdate

    return {"date": formatdate(world.clock.now, usegmt=True)}


async def test_corrected_list_sends_no_history() -> None:
    """What activation could not see is skipped, counted, listed, and can be sent by hand."""
    world = AsyncWorld()
    world.banqup.order = "oldest_first"
    old = world.publish(120)
    world.clock.pass_(3 * DAY)
    cut, rule = too_short(world, 50)
    connection = world.connect(gateway=rule)
    assert (await connection.activate()).baseline == 50
    cut[0] = False
    new = world.one()
    report = await connection.export_new()
    assert (report.exported, report.skipped) == (1, 70)
    assert {row.reason for row in report.deliveries if row.state == "skipped"} == {
        "was there before activation, but not listed then"
    }
    assert world.states[new] == "delivered"
    await connection.resend([old[60]])
    assert (await connection.export_new()).exported == 1
    assert len(world.zenvoices.inbox) == 2


@pytest.mark.parametrize(("hours", "exported"), [(23, 1), (25, 0)])
async def test_document_that_is_listed_late_is_new_for_a_day(hours: int, exported: int) -> None:
    """A list may lag behind: a day older than activation is still new, more is not."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.one(created_at=world.clock.now - hours * HOUR)
    assert (await connection.export_new()).exported == exported


@pytest.mark.parametrize(("count", "stops"), [(20, False), (21, True)])
async def test_corrected_contract_without_dates_asks_first(count: int, stops: bool) -> None:
    """Where no document tells its age, more than 20 unknown ones stop the run before it sends."""
    world = AsyncWorld()
    world.publish(3)
    undated = {"createdAt": ...}
    cut, rule = too_short(world, 0)
    connection = world.connect(gateway=rule)
    await connection.activate()
    cut[0] = False
    world.publish(count, extra=undated)
    await connection._banqup.aclose()
    connection = world.connect(gateway=rule)
    connection._banqup.wire_digest = "another contract"
    if stops:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="time of creation") as caught:
                await connection.export_new()
            assert caught.value.code == "unrecorded_documents"
        assert world.zenvoices.inbox == []
        await connection.deactivate()
        await connection.activate()
        assert (await connection.export_new()).exported == 0
    else:
        assert (await connection.export_new()).exported == count + 3
    world.publish(30, extra=undated)
    assert (await connection.export_new()).exported == 30


async def test_list_without_an_end_stops_neither_the_folder_nor_the_other_one() -> None:
    """Everything readable of both folders and everything due is done first."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    due = world.one("DRAFT", updated_at=world.clock.now - 9 * DAY)
    await connection.export_new()
    world.clock.pass_(2 * HOUR)
    world.banqup.set_status(due, "FULLY_APPROVED", touch=False)
    world.publish(3)
    world.publish(2, folder="SALES")
    world.banqup.total = 100
    report = await connection.export_new()
    assert (report.exported, report.ok) == (6, False)
    assert "PURCHASES" in str(report.stopped)
    assert "SALES" in str(report.stopped)
    world.banqup.total = None
    assert await connection.export_new()


@pytest.mark.parametrize("wish", [{"limit": 2}, {"deadline": 1e-9}])
async def test_callers_own_wish_leaves_the_report_ok(wish: Any) -> None:
    """A limit and a deadline stop the run, and are no fault."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.publish(4)
    report = await connection.export_new(**wish)
    assert report.stopped
    assert report.ok


@pytest.mark.parametrize("shape", ["no files", "no address"])
async def test_space_that_never_shows_a_file_is_told_after_a_day(shape: str) -> None:
    """Without this, everything would stay queued for ever and nobody would know."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    files: dict[str, Any] = {"files": []} if shape == "no files" else {}
    names = world.publish(3, **files)
    if shape == "no address":
        for name in names:
            world.banqup.set_file_status(name, 0, "AWAITING_UPLOAD")
    for _ in range(3):
        assert (await connection.export_new()).ok
        world.clock.pass_(7 * HOUR)
    world.clock.pass_(4 * HOUR)
    with pytest.raises(ConfigurationError, match="no document of this space") as caught:
        await connection.export_new()
    assert caught.value.code == "no_files"
    world.one()
    assert (await connection.export_new()).exported == 1
    world.clock.pass_(DAY)
    assert (await connection.export_new()).ok


class TimeLimitError(Exception):
    """What a task queue's signal handler raises."""


INTERRUPTED = ["inbox.upload", "files.details", "files.download", "documents.list"]
INTERRUPTIONS = [TimeLimitError, TimeoutError, ConnectionResetError, OSError]
QUICK_INTERRUPTIONS = [*zip(INTERRUPTED, INTERRUPTIONS, (1, 4, 4, 1), strict=True)]


@pytest.mark.parametrize(
    ("operation", "error", "in_flight"),
    [
        pytest.param(*case, marks=() if case in QUICK_INTERRUPTIONS else pytest.mark.long)
        for case in product(INTERRUPTED, INTERRUPTIONS, (1, 4))
    ],
)
async def test_exception_of_a_signal_handler_leaves_the_run(
    operation: str, error: type[Exception], in_flight: int
) -> None:
    """It is the application's, and no document's failure, whatever it interrupts."""
    world = AsyncWorld()

    def rule(request: httpx.Request, body: bytes) -> None:
        paths = {
            "inbox.upload": "/inbox",
            "files.details": "/files/",
            "files.download": "storage",
            "documents.list": "ments",
        }
        if paths[operation] in str(request.url) and world.zenvoices.counts["companies.list"] > 3:
            signal.raise_signal(signal.SIGALRM)

    def limit(*_: object) -> None:
        raise error

    connection = world.connect(gateway=rule, in_flight=in_flight)
    await connection.activate()
    world.publish(6)
    before = signal.signal(signal.SIGALRM, limit)
    try:
        world.zenvoices.counts["companies.list"] = 10
        with pytest.raises((error, RuntimeError)) as caught:
            await connection.export_new()
    finally:
        signal.signal(signal.SIGALRM, before)
    if not isinstance(caught.value, error):
        # Python itself can fail where a handler raises while a thread is started: its Condition
        # then releases a lock that it no longer holds, with the handler's exception as context.
        assert "release un" in str(caught.value)
        assert isinstance(caught.value.__context__, error)
    world.zenvoices.counts["companies.list"] = -100
    assert {world.delivery(name).attempts for name in world.rows} <= {0}
    for _ in range(4):
        world.clock.pass_(HOUR)
        await connection.export_new()
    assert len(world.zenvoices.inbox) == 6


async def test_a_refused_document_can_be_settled() -> None:
    """A person booked it by hand, or found it in Zenvoices: it is not tried again."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.zenvoices.refuse_when(lambda _: "The period is closed.")
    there, needless = world.publish(2)
    assert (await connection.export_new()).refused == 2
    row = await connection.settle(there, delivered=True)
    assert (row.state, row.reason) == ("delivered", "seen in Zenvoices by a person")
    row = await connection.settle(needless, delivered=False)
    assert (row.state, row.reason) == ("skipped", "settled by a person")
    world.zenvoices.refuse_when(lambda _: None)
    world.clock.pass_(2 * DAY)
    report = await connection.export_new()
    assert (report.exported, report.needs_person, world.zenvoices.inbox) == (0, False, [])
    await connection.resend([needless])
    assert (await connection.export_new()).exported == 1


async def test_settled_failure_counts_no_more() -> None:
    """A person says of a failed document that it is there, or that it need not be."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    there, needless = world.publish(2)
    world.banqup.set_file_status(there, 0, "REJECTED")
    world.banqup.set_file_status(needless, 0, "REJECTED")
    await connection.export_new()
    assert (await connection.status()).error == 2
    row = await connection.settle(there, delivered=True)
    assert (row.state, row.reason) == ("delivered", "seen in Zenvoices by a person")
    row = await connection.settle(needless, delivered=False)
    assert (row.state, row.reason) == ("skipped", "settled by a person")
    assert (await connection.status()).error == 0
    world.clock.pass_(2 * DAY)
    assert (await connection.export_new()).exported == 0


async def test_a_mapper_that_raises_is_loud(caplog: pytest.LogCaptureFixture) -> None:
    """One WARNING a run and place, with the mapper's own line; counted, and nobody is charged."""
    world = AsyncWorld()
    connection = world.connect(mapper=broken_for_all)
    await connection.activate()
    world.publish(3)
    report = await connection.export_new()
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    (warning,) = [record for record in warnings if record.exc_info]
    assert warning.exc_info
    lines = traceback.format_exception(*warning.exc_info)
    assert any("raise LookupError  # the mapper's own line" in line for line in lines)
    assert (report.raised, report.to_dict()["raised"]) == (3, 3)
    assert "3 raised in your own code" in report.summary()
    assert {world.delivery(name).attempts for name in world.rows} == {0}


def broken_for_all(document: Any, files: Any) -> Any:
    raise LookupError  # the mapper's own line


async def test_space_without_the_servers_time_sends_no_history() -> None:
    """Where Banqup tells no time, the newest document at activation stands for it."""
    world = AsyncWorld()
    world.banqup.date_header = False
    world.publish(30)
    world.clock.pass_(5 * DAY)
    world.one()
    shown = world.banqup.documents(SPACE)[-1:]

    def only_the_last(request: httpx.Request, body: bytes) -> httpx.Response | None:
        if not request.url.path.endswith("/documents"):
            return None
        first = request.url.params.get("page", "0") == "0"
        folder = request.url.params.get("folder")
        rows = [one for one in shown if first and folder in (None, one["folder"])]
        return httpx.Response(200, json={"documents": rows})

    await world.connect(gateway=only_the_last).activate()
    report = await world.connect().export_new()
    assert (report.exported, report.skipped) == (0, 30)


async def test_mended_mapper_sends_everything_in_the_next_run() -> None:
    """Documents held for a mapper that raised for all of them are not sent in fives."""
    world = AsyncWorld()
    connection = world.connect(mapper=broken_for_all)
    await connection.activate()
    world.publish(20)
    assert (await connection.export_new()).raised == 20
    assert (await world.connect().export_new()).exported == 20
