"""Functions of the user's own in an export: doubts, mistakes, and what is never sent twice."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from attrs import evolve

from banqup_client import AskedDocuments, Document
from bridge import NotFoundError, OutcomeUnknownError, RejectedError, ServiceError
from support.bridge_world import HOUR, AsyncWorld
from support.cases import matrix
from zenvoices_client import (
    AskedFind,
    AskedUpload,
    AsyncZenvoicesClient,
    Attachment,
    Call,
    InboxUpload,
    UserLogin,
)
from zenvoices_client.testing import Fault

pytestmark = pytest.mark.anyio


REFUSES = "/public-api/v1/inbox"
"""Refuses a body without attachments."""


async def active(world: AsyncWorld, **functions: Any) -> Any:
    """An active connection with functions of the user's own."""
    names = {name.replace("_", ".", 1): function for name, function in functions.items()}
    connection = world.connect(functions=names)
    await connection.activate()
    return connection


async def run(connection: Any) -> Any:
    """An export's report, also of one that was stopped."""
    try:
        return await connection.export_new()
    except ServiceError as error:
        return error.report


def raises_after(asked: AskedUpload) -> Any:
    """Its own exception after the document was entered."""
    answer = yield asked.default
    return answer["no such member"]


def returns_nonsense(asked: AskedUpload) -> Any:
    """A wrong value."""
    yield asked.default
    return "thank you"


def twice(asked: AskedUpload) -> Any:
    """The same unsafe call once more."""
    yield asked.default
    return (yield asked.default)


def commits_in_vain(asked: AskedUpload) -> Any:
    """A later call that is refused."""
    yield asked.default
    return (yield Call("POST", "/public-api/v1/no/such/call"))


def another_route(asked: AskedUpload) -> Any:
    """An error is caught and another route tried, whose answer is thrown away."""
    try:
        yield Call("POST", "/public-api/v1/no/such/call", json={})
    except ServiceError:
        yield asked.default
    raise RejectedError("mine", service="zenvoices")


def says_all_is_safe(asked: AskedUpload) -> Any:
    """The upload itself called safe."""
    return (yield evolve(asked.default, safe=True))


MISTAKES = [
    raises_after,
    returns_nonsense,
    twice,
    commits_in_vain,
    another_route,
    says_all_is_safe,
]


@pytest.mark.parametrize(
    ("mistake", "count"), matrix([pytest.param(one, id=one.__name__) for one in MISTAKES], [1, 4])
)
async def test_mistake_after_the_upload_enters_nothing_twice(mistake: Any, count: int) -> None:
    """Each document is looked up before it could be sent again, and is in the inbox once."""
    world = AsyncWorld()
    connection = await active(world, inbox_upload=mistake)
    documents = world.publish(count)
    for _ in range(4):
        await run(connection)
        world.clock.pass_(HOUR)
    assert set(world.sent.values()) == {1}
    assert len(world.sent) == count
    assert {world.states[name] for name in documents} == {"delivered"}


@pytest.mark.parametrize("value", [None, "thank you", {"id": "doc-1"}, {"id": 0}, {}, [1, 2]])
async def test_upload_that_returns_nonsense_is_loud(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What arrived is found by a look-up; the function is named all the same."""
    world = AsyncWorld()

    def upload(asked: AskedUpload) -> Any:
        yield asked.default
        return value

    connection = await active(world, inbox_upload=upload)
    (document,) = world.publish(1)
    report = await connection.export_new()
    assert (world.states[document], report.raised) == ("delivered", 1)
    assert set(world.sent.values()) == {1}
    assert "upload, line " in caplog.text


async def test_function_that_loses_the_answer_is_closed_and_found_again() -> None:
    """It cannot catch a doubt and try another route."""
    world = AsyncWorld()
    world.zenvoices.faults.add("inbox.upload", nth=2, action=Fault.drop(), when="after")

    def upload(asked: AskedUpload) -> Any:
        try:
            return (yield asked.default)
        except Exception:
            return (yield evolve(asked.default, path="/public-api/v1/inbox?again=1"))

    connection = await active(world, inbox_upload=upload)
    world.publish(4)
    assert (await connection.export_new()).exported == 4
    assert set(world.sent.values()) == {1}


async def test_look_up_that_swallows_errors_proves_no_absence() -> None:
    """Where it says "not found" after an error, the document is held and never sent again."""
    world = AsyncWorld()

    def find(asked: AskedFind) -> Any:
        try:
            yield Call("GET", "/public-api/v1/no/such/call")
        except ServiceError:
            raise NotFoundError("not there", service="zenvoices") from None

    def upload(asked: AskedUpload) -> Any:
        yield asked.default
        return None

    connection = await active(world, inbox_upload=upload, inbox_find=find)
    world.one()
    for _ in range(30):
        await run(connection)
        world.clock.pass_(HOUR)
    assert set(world.sent.values()) == {1}
    assert "uncertain" in world.states.values()


async def test_mistake_on_one_document_is_loud_and_charged_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others arrive; the user's line is in the log once, and in the reason."""
    world = AsyncWorld()

    def upload(asked: AskedUpload) -> Any:
        (file,) = asked.upload.attachments
        if file.file_name == "F0002.xml":
            raise KeyError(file.file_name)
        return (yield asked.default)

    connection = await active(world, inbox_upload=upload)
    documents = world.publish(4)
    with caplog.at_level(logging.WARNING, "bridge"):
        report = await connection.export_new()
    assert (report.exported, report.raised) == (3, 1)
    (warning,) = [record for record in caplog.records if record.exc_info]
    assert warning.exc_info is not None
    assert isinstance(warning.exc_info[1], KeyError)
    assert "inbox.upload: the function" in warning.message
    assert f"{__name__}.upload, line " in warning.message
    delivery = world.delivery(documents[1])
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    for _ in range(8):
        world.publish()
        await connection.export_new()
        world.clock.pass_(24 * HOUR)
    assert world.states[documents[1]] == "failed"


async def test_mistake_on_one_document_stops_no_other_when_several_are_in_doubt() -> None:
    """With three in doubt, a run sends one at a time; what sent nothing adds no doubt."""
    world = AsyncWorld()
    fails = False

    def upload(asked: AskedUpload) -> Any:
        if fails:
            raise KeyError(asked.external_id)
        return (yield asked.default)

    connection = await active(world, inbox_upload=upload)
    for _ in range(3):
        world.publish()
        world.zenvoices.faults.add("inbox.upload", action=Fault.html(), nth=1)
        world.zenvoices.faults.add("inbox.details", action=Fault.status(503))
        assert (await connection.export_new()).in_doubt
        world.zenvoices.faults.clear()
    world.publish(2)
    fails = True
    report = await connection.export_new()
    assert (report.ok, report.raised, report.stopped) == (True, 2, None)


async def test_mistake_on_every_document_charges_nobody() -> None:
    """It is the function's fault, so nobody is given up, and the run names it."""
    world = AsyncWorld()
    connection = await active(world, inbox_upload=lambda asked: 1 / 0)
    documents = world.publish(12)
    for _ in range(6):
        report = await run(connection)
        assert report.raised
        world.clock.pass_(24 * HOUR)
    assert {world.delivery(name).attempts for name in documents} == {0}
    assert {world.states[name] for name in documents} == {"waiting"}
    await run(world.connect())
    assert {world.states[name] for name in documents} == {"delivered"}


@pytest.mark.parametrize("operation", ["files.details", "documents.files", "files.download"])
async def test_mistake_in_a_reading_function_holds_the_document(operation: str) -> None:
    """Whichever call made for a document it is."""
    world = AsyncWorld()
    connection = world.connect(functions={operation: lambda asked: 1 / 0})
    await connection.activate()
    (document,) = world.publish(1)
    report = await run(connection)
    assert report.raised == 1
    assert world.states[document] == "waiting"
    assert "raised ZeroDivisionError" in (world.delivery(document).reason or "")


def raises_at_once(asked: Any) -> Any:
    """An exception before any call."""
    journals: dict[str, str] = {}
    yield journals["no such journal"]


def claims_a_doubt(asked: Any) -> Any:
    """An error of this library before any call; no service has answered it."""
    if asked:
        raise OutcomeUnknownError("the record has no id", service="zenvoices")
    yield asked.default


def yields_nonsense(asked: Any) -> Any:
    """Something that is no call."""
    yield asked


@pytest.mark.parametrize(
    "mistake", [raises_at_once, claims_a_doubt, yields_nonsense, lambda asked: {"id": 3}]
)
async def test_mistake_is_not_called_a_refusal(
    mistake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing was sent, so Zenvoices refused nothing; without an exception the line is enough."""
    world = AsyncWorld()
    connection = await active(world, inbox_upload=mistake)
    world.publish(2)
    report = await connection.export_new()
    assert (report.refused, report.raised, report.waiting) == (0, 2, 2)
    for lang, refused, raised in (
        ("en", "refused by Zenvoices", "raised in your own code  2"),
        ("fr", "refusés lors de cet export", "erreurs dans vos fonctions Python  2"),
        ("nl", "bij deze export geweigerd", "fouten in uw Python-functies  2"),
    ):
        text = report.to_text(lang=lang)
        assert refused not in text
        assert raised in text
    assert "2 raised in your own code" in report.summary()
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert bool(warning.exc_info) == (mistake in (raises_at_once, claims_a_doubt))


@pytest.mark.parametrize(
    "operation", ["companies.list", "documents.list", "inbox.find", "inbox.upload"]
)
async def test_each_function_that_raises_is_loud(
    operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where it ends the run, or the document arrived all the same."""
    world = AsyncWorld()
    await world.connect().activate()
    world.one()
    mistake = raises_after if operation == "inbox.upload" else raises_at_once
    connection = world.connect(functions={operation: mistake})
    report = await run(connection)
    assert report.raised == 1
    (warning,) = [record for record in caplog.records if record.exc_info]
    assert f"{__name__}.{mistake.__name__}, line " in warning.message
    assert report.exported == operation.startswith("inbox")
    assert (await connection.status()).raised == 1


async def test_function_that_ends_the_run_is_loud_after_other_own_code_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A rule raised for a document before; both failures are logged and counted."""
    world = AsyncWorld()
    broken: list[str] = []

    def only_purchases(asked: AskedDocuments) -> Any:
        if asked.folder in broken:
            raise ValueError("mine")
        return (yield asked.default)

    def rule(document: Document) -> bool:
        raise KeyError(document.id)

    connection = world.connect(functions={"documents.list": only_purchases}, exportable=rule)
    await connection.activate()
    world.one()
    broken.append("SALES")
    report = await run(connection)
    assert report.raised == 2
    logged = [record.message for record in caplog.records if record.exc_info]
    assert len(logged) == 2
    assert any("only_purchases, line " in message for message in logged)


async def test_doubt_in_a_function_is_loud_too(caplog: pytest.LogCaptureFixture) -> None:
    """An exception after the first unsafe call is logged where a look-up does not find it."""
    world = AsyncWorld()

    def upload(asked: AskedUpload) -> Any:
        yield Call("POST", "/public-api/v1/inbox/list", json={})
        raise ValueError("mine")

    connection = await active(world, inbox_upload=upload)
    (document,) = world.publish(1)
    with caplog.at_level(logging.WARNING, "bridge"):
        report = await run(connection)
    assert report.raised == 1
    assert world.states[document] == "sending"
    assert any(record.exc_info for record in caplog.records)


async def test_changed_files_are_judged_by_what_a_list_shows() -> None:
    """Files that only a call of their own shows make no document look changed later."""
    world = AsyncWorld()
    hidden: dict[str, Any] = {}

    def listed(asked: Any) -> Any:
        page = yield asked.default
        for row in page["documents"]:
            hidden[row["id"]] = row.pop("files")
        return page

    def read(asked: Any) -> Any:
        row = yield asked.default
        return {**row, "files": [{"id": "other", "fileSize": 1}]}

    def files(asked: Any) -> Any:
        return hidden[asked.document.id]

    functions = {"documents.list": listed, "documents.get": read, "documents.files": files}
    connection = world.connect(functions=functions)
    await connection.activate()
    world.publish(3)
    assert (await connection.export_new()).exported == 3
    world.clock.pass_(HOUR)
    later = await connection.export_new()
    assert (later.exported, later.changed) == (0, 0)


def looked_up(asked: AskedFind) -> Any:
    """A look-up that needs no list."""
    try:
        return (yield asked.default)
    except NotFoundError:
        return None


async def test_service_without_a_list_needs_a_look_up_only() -> None:
    """Every verb works by the user's look-up; without it, verify() fails as ever."""
    world = AsyncWorld()
    world.zenvoices.faults.add("inbox.list", action=Fault.status(404))
    with pytest.raises(ServiceError):
        await world.connect().activate()
    connection = world.connect(functions={"inbox.find": looked_up})
    assert (await connection.verify()).ok
    (await connection.verify(deep=True, sample=True)).raise_for_failure()
    await connection.activate()
    world.publish(3)
    assert (await connection.export_new()).exported == 3
    confirmation = await connection.confirm()
    assert (confirmation.confirmed, confirmation.others) == (3, 0)
    assert set(world.sent.values()) == {1}


async def test_list_that_is_there_still_tells_what_arrived_twice() -> None:
    """A look-up of the user's own takes nothing from confirm()."""
    world = AsyncWorld()
    connection = await active(world, inbox_find=looked_up)
    (document,) = world.publish(1)
    await connection.export_new()
    (external_id,) = world.sent
    login = UserLogin("api-user", "demo-password", organisation_code="acme")
    async with AsyncZenvoicesClient(login, transport=world.zenvoices.transport()) as client:
        again = InboxUpload(attachments=(Attachment("a.xml", b"<Invoice/>"),))
        await client.inbox.upload(again, company_id=world.company, external_id=external_id)
    (twice,) = (await connection.confirm()).twice
    assert twice.document_id == document


@pytest.mark.parametrize("broken", [lambda asked: 1 / 0, lambda asked: [], lambda asked: {"id": 1}])
async def test_broken_look_up_is_told_by_verify_and_refuses_activation(broken: Any) -> None:
    """With the function and its line; nothing is active."""
    world = AsyncWorld()
    connection = world.connect(functions={"inbox.find": broken})
    (failed,) = (await connection.verify()).failed
    assert failed.name == "zenvoices inbox"
    assert "<lambda>, line " in failed.detail
    with pytest.raises(ServiceError, match="<lambda>, line "):
        await connection.activate()
    assert not (await connection.status()).active


@pytest.mark.parametrize("value", [[], {"id": 1}, "x"])
async def test_look_up_that_returns_nonsense_is_loud_and_proves_nothing(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A document in doubt stays so, however often it is looked up, and is never sent again."""
    world = AsyncWorld()
    works = [True]

    def find(asked: AskedFind) -> Any:
        found = yield from looked_up(asked)
        return found if works[0] else value

    connection = await active(world, inbox_find=find)
    world.publish(1)
    await connection.export_new()
    works[0] = False
    world.zenvoices.faults.add("inbox.upload", nth=1, action=Fault.drop(), when="after")
    (document,) = world.publish(1)
    for _ in range(5):
        report = await run(connection)
        assert report.raised
        world.clock.pass_(HOUR)
    assert world.states[document] == "sending"
    assert set(world.sent.values()) == {1}
    assert "expected a document with its externalId, or None" in caplog.text
    works[0] = True
    await run(connection)
    assert world.states[document] == "delivered"


@pytest.mark.parametrize("more", [b"", b" "])
async def test_bytes_of_another_size_than_listed_are_never_sent(more: bytes) -> None:
    """A function for files.download needs no details; both sizes are named."""
    world = AsyncWorld()
    contents: dict[str, bytes] = {}

    def listed(asked: Any) -> Any:
        page = yield asked.default
        for row in page["documents"]:
            for file in row["files"]:
                contents[file["id"]] = b"x" * file["fileSize"]
        return page

    def download(asked: Any) -> Any:
        content = contents[asked.file_id]
        return content + more if more else content[:-1]

    functions = {"documents.list": listed, "files.download": download}
    connection = world.connect(functions=functions)
    await connection.activate()
    (document,) = world.publish(1)
    await run(connection)
    assert world.zenvoices.inbox == []
    assert not world.banqup.counts["files.details"]
    (content,) = contents.values()
    got = len(content) + (1 if more else -1)
    assert f"got {got} of the {len(content)} bytes" in world.delivery(document).reason


async def test_refused_document_is_sent_at_once_after_a_correction() -> None:
    """resend() does not wait for the next try; what waits for approval is left alone."""
    world = AsyncWorld()
    wrong = await active(world, inbox_upload=lambda asked: (yield Call("POST", REFUSES, json={})))
    refused, waiting = world.one(), world.one("AWAITING_VALIDATION")
    await run(wrong)
    connection = world.connect()
    assert (await connection.export_new()).exported == 0
    rows = (await connection.status(waiting=True)).waiting
    await connection.resend([row.document_id for row in rows if row.attempts])
    assert (await connection.export_new()).exported == 1
    assert (world.states[refused], world.states[waiting]) == ("delivered", "waiting")
    assert set(world.sent.values()) == {1}
