"""Whose fault is it? One document never stops a connection, and nobody is charged on a guess."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import httpx
import pytest

from banqup_client.testing import Fault
from bridge import ServiceError
from bridge._delivery.delivery import external_id_of
from support.bridge_world import DAY, HOUR, SPACE, AsyncWorld
from support.cases import matrix
from support.gateway import HTML, Rule, envelope, problem
from zenvoices_client import OutcomeUnknownError, ProtocolError, RejectedError

pytestmark = pytest.mark.anyio

PAGE = b"<html>blocked</html>"


def page(status: int) -> httpx.Response:
    return httpx.Response(status, headers=HTML, content=PAGE)


class Refusing:
    """Refuses one kind of call for some documents, and counts how often it was made."""

    def __init__(self, world: AsyncWorld, operation: str, answer: Any) -> None:
        self.world = world
        self.operation = operation
        self.answer = answer
        self.bad: set[str] = set()
        self.everything = False
        self.calls: Counter[str] = Counter()

    def rule(self, request: httpx.Request, body: bytes) -> Any:
        for document in self.bad if not self.everything else self.world.rows:
            if self._is(request, body, document):
                self.calls[document] += 1
                return self.answer()
        return None

    def _is(self, request: httpx.Request, body: bytes, document: str) -> bool:
        path = request.url.path
        name = external_id_of(SPACE, document, 0)
        match self.operation:
            case "inbox.upload":
                return path.endswith("/inbox") and name.encode() in body
            case "inbox.details":
                return path.endswith("/inbox/details") and name in str(request.url)
            case "documents.get":
                return path.endswith(f"/documents/{document}")
            case _:
                wanted = "/files/" if self.operation == "files.details" else "googleapis"
                known = self.world.banqup.documents(SPACE)
                files = [one["files"] for one in known if one["id"] == document]
                return wanted in str(request.url) and any(
                    file["id"] in path for group in files for file in group
                )


def pages(*statuses: int) -> list[Any]:
    """Web pages with these statuses; those that nothing tells from a 403 or a 502 are long."""
    return [
        pytest.param(
            lambda status=status: page(status),
            id=f"{status} page",
            marks=() if status in (403, 502) else pytest.mark.long,
        )
        for status in statuses
    ]


UPLOADS: list[Any] = [
    *pages(403, 404, 405, 406, 410, 501),
    pytest.param(lambda: envelope(403), id="403 own"),
    pytest.param(lambda: httpx.Response(401), id="401"),
    pytest.param(lambda: page(429), id="429"),
]
DETAILS: list[Any] = [
    *pages(403, 404, 405, 406, 501, 502),
    pytest.param(lambda: problem(403), id="403 own"),
    pytest.param(lambda: httpx.Response(401), id="401"),
    pytest.param(lambda: page(429), id="429"),
    pytest.param(lambda: page(200), id="web page"),
]


PLACES = (0, 4, 7)
IN_FLIGHT = (1, 4)


async def one_bad_document(operation: str, answer: Any, place: int, in_flight: int) -> None:
    """Eight documents, one of them refused; a new one every day."""
    world = AsyncWorld()
    refusing = Refusing(world, operation, answer)
    connection = world.connect(gateway=refusing.rule, in_flight=in_flight)
    await connection.activate()
    world.banqup.order = "oldest_first"
    documents = world.publish(8)
    bad = documents[place]
    refusing.bad = {bad}
    for day in range(7):
        before = refusing.calls[bad]
        await connection.export_new()
        assert refusing.calls[bad] <= before + 2  # a 401 is renewed once
        if day == 2:
            good = {name for name in world.states if name != bad}
            assert {world.states[name] for name in good} == {"delivered"}
            attention = (await connection.status()).attention
            assert [row.document_id for row in attention] == [bad]
        world.clock.pass_(DAY)
        world.one()
    assert (world.states[bad], world.delivery(bad).attempts) == ("failed", 5)
    assert set(world.sent.values()) == {1}


@pytest.mark.parametrize(("answer", "place", "in_flight"), matrix(UPLOADS, PLACES, IN_FLIGHT))
async def test_one_refused_upload(answer: Any, place: int, in_flight: int) -> None:
    """It goes last, is charged once a run in which others pass, and is given up, named."""
    await one_bad_document("inbox.upload", answer, place, in_flight)


@pytest.mark.parametrize(("answer", "place", "in_flight"), matrix(DETAILS, PLACES, IN_FLIGHT))
async def test_one_refused_file(answer: Any, place: int, in_flight: int) -> None:
    """The same for a file whose details are refused."""
    await one_bad_document("files.details", answer, place, in_flight)


@pytest.mark.parametrize(
    ("status", "place"),
    matrix([403, 404, *(pytest.param(s, marks=pytest.mark.long) for s in (400, 416, 500))], PLACES),
)
async def test_one_refused_download(status: int, place: int) -> None:
    """The same for a file that storage does not give out."""
    await one_bad_document("files.download", lambda: page(status), place, 4)


@pytest.mark.parametrize(("status", "place"), matrix([400, 422, 500], PLACES))
async def test_one_upload_that_zenvoices_refuses_itself(status: int, place: int) -> None:
    """Its own words charge the document at once."""
    await one_bad_document("inbox.upload", lambda: envelope(status), place, 4)


@pytest.mark.parametrize("answer", UPLOADS)
async def test_alone_a_refused_upload_is_never_charged(answer: Any) -> None:
    """Nothing shows whose fault it is: every run raises and names it, until something does."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.upload", answer)
    connection = world.connect(gateway=refusing.rule)
    await connection.activate()
    bad = world.one()
    refusing.bad = {bad}
    for _ in range(7):
        with pytest.raises(ServiceError, match=bad) as caught:
            await connection.export_new()
        assert not caught.value.report.ok
        assert (world.states[bad], world.delivery(bad).attempts) == ("waiting", 0)
        world.clock.pass_(DAY)
    assert [row.document_id for row in (await connection.status()).attention] == [bad]
    refusing.bad = set()
    assert (await connection.export_new()).exported == 1
    assert not (await connection.status()).attention


@pytest.mark.parametrize(
    ("operation", "in_flight"), matrix(["inbox.upload", "files.details"], IN_FLIGHT)
)
async def test_every_document_refused_stops_after_three(operation: str, in_flight: int) -> None:
    """Nobody is charged; the report has the three, and the rest is left for the next run."""
    world = AsyncWorld()
    refusing = Refusing(world, operation, lambda: page(403))
    connection = world.connect(gateway=refusing.rule, in_flight=in_flight)
    await connection.activate()
    refusing.bad = set(world.publish(12))
    for _ in range(6):
        before = sum(refusing.calls.values())
        with pytest.raises(ServiceError) as caught:
            await connection.export_new()
        assert sum(refusing.calls.values()) == before + 3
        assert caught.value.report.waiting == 12
        assert {world.delivery(name).attempts for name in world.rows} == {0}
        world.clock.pass_(DAY)
    refusing.bad = set()
    for _ in range(3):
        await connection.export_new()
    assert len(world.zenvoices.inbox) == 12


@pytest.mark.parametrize(
    "operation", ["inbox.upload", pytest.param("files.details", marks=pytest.mark.long)]
)
async def test_route_that_goes_away_costs_ten_calls(operation: str) -> None:
    """After something passed, ten refusals in a row end the run, uncharged."""
    world = AsyncWorld()
    refusing = Refusing(world, operation, lambda: page(404))
    connection = world.connect(gateway=refusing.rule, in_flight=1)
    await connection.activate()
    world.banqup.order = "oldest_first"
    documents = world.publish(60)
    refusing.bad = set(documents[5:])
    with pytest.raises(ServiceError) as caught:
        await connection.export_new()
    assert (caught.value.report.exported, sum(refusing.calls.values())) == (5, 10)
    assert {world.delivery(name).attempts for name in world.rows} == {0}


async def test_right_that_was_taken_away_is_told_by_one_safe_call() -> None:
    """Where the company list is refused too, the run ends with the first document."""
    world = AsyncWorld()
    connection = world.connect(in_flight=1)
    await connection.activate()
    world.publish(9)
    world.zenvoices.on_request = lambda request: (
        world.zenvoices.user.rights.clear() if request.operation == "inbox.upload" else None
    )
    with pytest.raises(ServiceError, match="not permitted"):
        await connection.export_new()
    assert world.calls("inbox.upload") == 1


@pytest.mark.parametrize(("answer", "blamed"), [(page, "firewall"), (envelope, "Inbox access")])
async def test_a_right_is_named_only_where_zenvoices_itself_refused(
    answer: Any, blamed: str
) -> None:
    """A firewall's 403 says nothing of rights, and the error does not pretend it does."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.upload", lambda: answer(403))
    connection = world.connect(gateway=refusing.rule)
    await connection.activate()
    refusing.bad = {world.one()}
    with pytest.raises(ServiceError) as caught:
        await connection.export_new()
    assert blamed in (caught.value.hint or "")
    assert ("Inbox access" in (caught.value.hint or "")) is (blamed == "Inbox access")


async def test_refused_look_up_before_a_document_is_sent_again() -> None:
    """It is held like any other refusal, and the others go on."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.details", lambda: page(403))
    connection = world.connect(gateway=refusing.rule)
    await connection.activate()
    documents = world.publish(6)
    refusing.bad = {documents[2]}
    report = await connection.export_new(look_first=True)
    assert (report.exported, report.waiting) == (5, 1)
    assert world.delivery(documents[2]).attempts == 1
    refusing.bad = set()
    world.clock.pass_(HOUR)
    assert (await connection.export_new()).exported == 1


async def test_document_that_cannot_be_asked_for_again() -> None:
    """One that is to be sent, and that no list shows any more, is charged when others pass."""
    world = AsyncWorld()
    refusing = Refusing(world, "documents.get", lambda: page(405))
    connection = world.connect(gateway=refusing.rule)
    await connection.activate()
    old = world.publish(3, updated_at=world.clock.now - 9 * DAY)
    world.zenvoices.refuse_when(lambda _: "closed")
    world.one()
    await connection.export_new()
    world.zenvoices.refuse_when(None)
    world.one()
    await connection.export_new()
    refusing.bad = {old[0]}
    world.clock.pass_(2 * HOUR)
    await connection.export_new()
    assert world.delivery(old[0]).attempts == 2
    assert [world.states[name] for name in old] == ["waiting", "delivered", "delivered"]


@pytest.mark.parametrize(
    ("answer", "poison", "in_flight"),
    [
        pytest.param(lambda: page(502), 1, 1, id="502-1-1"),
        pytest.param(lambda: page(502), 10, 4, id="502-10-4", marks=pytest.mark.long),
        pytest.param(
            lambda: httpx.ReadError("reset"), 3, 4, id="reset-3-4", marks=pytest.mark.long
        ),
        pytest.param(
            lambda: httpx.ReadTimeout("slow"), 10, 1, id="timeout-10-1", marks=pytest.mark.long
        ),
    ],
)
async def test_poison_by_doubt(answer: Any, poison: int, in_flight: int) -> None:
    """Uploads that always end in doubt are charged when found absent, last, and given up."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.upload", answer)
    connection = world.connect(gateway=refusing.rule, in_flight=in_flight)
    await connection.activate()
    world.one()
    await connection.export_new()
    documents = world.publish(poison * 3 + 3)
    refusing.bad = set(documents[::3][:poison])
    given_up = 0
    for run in range(72):
        before = refusing.calls.copy()
        with contextlib.suppress(OutcomeUnknownError):
            await connection.export_new()
        assert all(count <= before[name] + 1 for name, count in refusing.calls.items())
        if run == 2:
            left = {name for name in documents if world.states.get(name) != "delivered"}
            assert left == refusing.bad
        # Once all are given up, two more runs send nothing of them.
        given_up += {world.states.get(name) for name in refusing.bad} == {"failed"}
        if given_up == 3:
            break
        world.clock.pass_(HOUR if run < 24 else DAY / 2)
        world.one()
    assert {world.states[name] for name in refusing.bad} == {"failed"}
    assert {world.delivery(name).attempts for name in refusing.bad} == {5}
    assert set(world.sent.values()) == {1}


async def test_weekend_of_refusals_gives_nobody_up() -> None:
    """One document a day, all refused by Zenvoices itself: they wait, named, and then arrive."""
    world = AsyncWorld()
    connection = world.connect()
    await connection.activate()
    world.zenvoices.refuse_when(lambda _: "closed for maintenance")
    for _ in range(10):
        world.one()
        with contextlib.suppress(RejectedError):
            await connection.export_new()
        world.clock.pass_(DAY)
    assert set(world.states.values()) == {"waiting"}
    world.zenvoices.refuse_when(None)
    for _ in range(3):
        world.clock.pass_(DAY)
        await connection.export_new()
    assert len(world.zenvoices.inbox) == 10


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: httpx.Response(200), id="200 empty"),
        pytest.param(lambda: httpx.Response(204), id="204"),
        pytest.param(lambda: page(200), id="web page"),
        pytest.param(lambda: httpx.Response(302, headers={"location": "/login"}), id="302"),
    ],
)
async def test_three_unclear_successes_end_the_run(answer: Any) -> None:
    """Three uploads in a row in doubt: the backlog is not touched."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.upload", answer)
    connection = world.connect(gateway=refusing.rule)
    await connection.activate()
    refusing.bad = set(world.publish(12))
    with pytest.raises(ProtocolError) as caught:
        await connection.export_new()
    assert (sum(refusing.calls.values()), caught.value.report.in_doubt) == (3, 3)
    # With three undecided, one document is tried, and the run ends with it.
    with pytest.raises(ProtocolError):
        await connection.export_new()
    assert sum(refusing.calls.values()) == 4
    refusing.bad = set()
    report = await connection.export_new()
    assert (report.exported, report.in_doubt) == (8, 4)


@pytest.mark.parametrize("after", [True, False])
async def test_success_without_a_number(after: bool) -> None:
    """It arrived; one look-up adds the number where it can, and it is never sent again."""
    world = AsyncWorld()
    fake: Rule = lambda request, body: (  # noqa: E731 - a rule of one line
        httpx.Response(201) if request.url.path.endswith("/inbox") else None
    )
    connection = world.connect(gateway=None if after else fake)
    await connection.activate()
    if after:
        world.zenvoices.faults.add("inbox.upload", action=Fault.status(201, ""), when="after")
    documents = world.publish(5)
    report = await connection.export_new()
    assert (report.ok, report.exported) == (True, 5)
    assert len(report.notes) == (0 if after else 6)
    numbers = {world.delivery(name).inbox_id for name in documents}
    assert (None in numbers) is not after
    world.clock.pass_(2 * DAY)
    assert (await connection.export_new()).exported == 0
    confirmation = await connection.confirm()
    assert len(confirmation.missing) == (0 if after else 5)


@pytest.mark.parametrize("lookup", ["works", "missing"])
async def test_refused_look_ups_keep_no_other_from_being_looked_up(lookup: Any) -> None:
    """Three that a gateway refuses in every run do not hide the fourth, in doubt or held."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.details", lambda: page(403))
    connection = world.connect(gateway=refusing.rule, in_flight=1)
    await connection.activate()
    world.one()
    await connection.export_new()
    for _ in range(4):
        refusing.bad.add(world.one())
        world.zenvoices.faults.add("inbox.upload", action=Fault.drop(), nth=1, when="after")
        with contextlib.suppress(OutcomeUnknownError):
            await connection.export_new()
        world.zenvoices.faults.clear()
    documents = sorted(refusing.bad)
    assert {world.states[name] for name in documents} == {"sending"}
    if lookup == "missing":
        world.zenvoices.lookup = "missing"
        refusing.bad = set()
        world.zenvoices.faults.add("inbox.list", action=Fault.status(404))
        await connection.export_new()
        assert {world.states[name] for name in documents} == {"uncertain"}
        world.zenvoices.faults.clear()
        world.zenvoices.lookup = "works"
    refusing.bad = set(documents[:3])
    for _ in range(2):
        await connection.export_new()
    assert world.states[documents[3]] == "delivered"
    refusing.bad = set()
    for _ in range(2):
        await connection.export_new()
    assert {world.states[name] for name in documents} == {"delivered"}
    assert set(world.sent.values()) == {1}


async def test_storage_that_cannot_be_reached_for_one_file_stops_nobody() -> None:
    """It is another host than the API: the others arrive, and the document is named."""
    await one_bad_document("files.download", lambda: httpx.ConnectError("refused"), 0, 4)


async def test_read_back_shows_that_look_ups_pass() -> None:
    """A re-send whose look-up alone is refused is charged once the first delivery was found."""
    world = AsyncWorld()
    refusing = Refusing(world, "inbox.details", lambda: page(403))
    connection = world.connect(gateway=refusing.rule)
    await connection.activate()
    world.zenvoices.refuse_when(lambda _: "closed")
    document = world.one()
    await connection.export_new()
    world.zenvoices.refuse_when(None)
    refusing.bad = {document}
    world.clock.pass_(DAY)
    world.one()
    assert (await connection.export_new()).exported == 1
    assert world.delivery(document).attempts == 2


async def test_resend_as_configured_has_an_end() -> None:
    """One whose answer is always lost is not sent for ever, even where duplicates are accepted."""
    world = AsyncWorld()
    world.zenvoices.lookup = "missing"
    refusing = Refusing(world, "inbox.upload", lambda: httpx.ReadError("reset"))
    connection = world.connect(gateway=refusing.rule, on_uncertain="resend")
    await connection.activate()
    refusing.bad = {world.one()}
    for _ in range(12):
        await connection.export_new()
        world.clock.pass_(DAY)
    assert sum(refusing.calls.values()) <= 6
    assert [row.state for row in (await connection.status()).attention] == ["uncertain"]
