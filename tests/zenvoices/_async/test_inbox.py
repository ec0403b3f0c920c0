"""The inbox: uploading, and finding again."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.zenvoices import ONCE, Pages, answering, enveloped, login, refusal
from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    ConfigurationError,
    InboxUpload,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from zenvoices_client.testing import FakeZenvoices, Fault
from zenvoices_client.testing import Lookup as FakeLookup

pytestmark = pytest.mark.anyio

XML = b"<Invoice>" + bytes(range(256)) * 3 + b"</Invoice>"


def client_of(fake: FakeZenvoices) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(login(), transport=fake.transport(), retry=ONCE)


def upload_of(content: bytes | str | Path | io.BytesIO = XML) -> InboxUpload:
    return InboxUpload(
        attachments=[Attachment("F1.xml", content)], subject="[INK] F1", sender_name="Banqup"
    )


@pytest.fixture(params=[False, True], ids=["bare", "enveloped"])
def fake(request: pytest.FixtureRequest) -> FakeZenvoices:
    fake = FakeZenvoices(envelope=request.param)
    fake.add_company("0042")
    return fake


async def test_upload_arrives_as_it_was(fake: FakeZenvoices) -> None:
    """Bytes, names, subject and sender are what the service gets; its number comes back."""
    document = await client_of(fake).inbox.upload(
        InboxUpload(
            attachments=[
                Attachment("F1.xml", XML),
                Attachment("F1.pdf", b"%PDF", content_type="application/pdf"),
            ],
            subject='[INK] F1 "\u20ac" \\',
            sender_name="Brouwerij De Molenbeek BV",
        ),
        company_id=101,
        external_id="ours-1",
    )
    (item,) = fake.inbox
    assert (document.id, document.external_id, document.company_id) == (item.id, "ours-1", 101)
    assert document.received_time is not None
    assert document.received_time.tzinfo is not None
    assert (item.subject, item.sender_name) == ('[INK] F1 "\u20ac" \\', "Brouwerij De Molenbeek BV")
    assert [(one.file_name, one.content_type, one.content) for one in item.attachments] == [
        ("F1.xml", "application/xml", XML),
        ("F1.pdf", "application/pdf", b"%PDF"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 196_607, 196_608, 196_609, 500_000])
@pytest.mark.parametrize("kind", ["bytes", "path", "text path", "file"])
async def test_every_kind_of_file_is_sent_whole(tmp_path: Path, size: int, kind: str) -> None:
    """Bytes, a path and an open file are the same to the service, whatever their length."""
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    contents: dict[str, bytes | str | Path | io.BytesIO] = {
        "bytes": data,
        "path": path,
        "text path": str(path),
        "file": io.BytesIO(data),
    }
    fake = FakeZenvoices()
    company = fake.add_company()
    await client_of(fake).inbox.upload(upload_of(contents[kind]), company_id=company)
    assert fake.inbox[0].attachments[0].content == data


async def test_open_file_is_sent_from_where_it_stands(fake: FakeZenvoices) -> None:
    """What was read of a file before is not sent, and the file stays open."""
    file = io.BytesIO(b"skip<Invoice/>")
    file.seek(4)
    await client_of(fake).inbox.upload(upload_of(file), company_id=101)
    assert fake.inbox[0].attachments[0].content == b"<Invoice/>"
    assert not file.closed


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
async def test_upload_is_sent_again_after_an_expired_token(
    fake: FakeZenvoices, tmp_path: Path, kind: str
) -> None:
    """A body can be iterated anew: the repeat after a 401 carries all of it."""
    path = tmp_path / "a.xml"
    path.write_bytes(XML)
    contents: dict[str, bytes | Path | io.BytesIO] = {
        "bytes": XML,
        "path": path,
        "file": io.BytesIO(XML),
    }
    client = client_of(fake)
    assert [company.code async for company in client.companies.list()] == ["0042"]
    fake.expire_tokens()
    await client.inbox.upload(upload_of(contents[kind]), company_id=101)
    assert fake.counts["inbox.upload"] == 2
    assert [item.attachments[0].content for item in fake.inbox] == [XML]


async def test_upload_declares_its_length() -> None:
    """The body goes with a Content-Length, not chunked, and is the JSON that is assumed."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": 1})

    client = AsyncZenvoicesClient(login(), transport=answering(answer))
    await client.inbox.upload(upload_of(), company_id=7, external_id="\u00e9")
    (request,) = seen
    assert int(request.headers["content-length"]) == len(request.content)
    assert "transfer-encoding" not in request.headers
    assert json.loads(request.content) == {
        "administrationId": 7,
        "externalId": "\u00e9",
        "subject": "[INK] F1",
        "senderName": "Banqup",
        "destination": None,
        "attachments": [
            {
                "fileName": "F1.xml",
                "contentType": "application/xml",
                "content": base64.b64encode(XML).decode(),
            }
        ],
    }


@pytest.mark.parametrize("body", [{"id": 7}, enveloped({"id": 7}), 7, enveloped(7)])
async def test_answer_names_the_document_with_or_without_envelope(body: object) -> None:
    """An object with the number, or the number alone, bare or wrapped."""
    client = AsyncZenvoicesClient(login(), transport=answering(body))
    assert (await client.inbox.upload(upload_of(), company_id=1)).id == 7


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": None},
        {"id": "7"},
        {"id": 0},
        {"id": -7},
        [],
        [{"id": 7}, {"id": 8}],
        [7],
        [{}],
        "7",
        0,
        -7,
        True,
        False,
        None,
        {"success": True},
        enveloped(0),
        enveloped(False),
        enveloped([]),
        enveloped({}),
        enveloped("kept"),
        b"",
        b"<html>",
    ],
)
@pytest.mark.parametrize("status", [200, 202, 204])
async def test_answer_without_a_number_is_not_understood(body: object, status: int) -> None:
    """It may have arrived: the error says that nobody knows, and what to do."""
    client = AsyncZenvoicesClient(login(), transport=answering(body, status=status))
    with pytest.raises(ProtocolError) as caught:
        await client.inbox.upload(upload_of(), company_id=1)
    assert caught.value.applied is None
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, b""),
        (201, {}),
        (201, b"created"),
        (201, enveloped({})),
        (200, enveloped(None)),
        (202, enveloped(None)),
        (200, {"success": True, "__abp": True}),
    ],
)
async def test_success_without_a_number_is_one(status: int, body: object) -> None:
    """Created, or ABP's envelope with success and no result: it arrived, and has no number."""
    client = AsyncZenvoicesClient(login(), transport=answering(body, status=status))
    assert (await client.inbox.upload(upload_of(), company_id=1)).id is None


@pytest.mark.parametrize("page", [b"<html>", b"\n <!DOCTYPE html>", b"<HTML lang=nl>"])
async def test_web_page_is_never_a_success(page: bytes) -> None:
    """A login page with status 201 says nothing of the upload."""
    client = AsyncZenvoicesClient(login(), transport=answering(page, status=201))
    with pytest.raises(ProtocolError):
        await client.inbox.upload(upload_of(), company_id=1)


@pytest.mark.parametrize("body", [[{"id": 7}], enveloped([{"id": 7}])])
async def test_list_of_one_names_the_document(body: object) -> None:
    """A list of one object with an id is the id."""
    client = AsyncZenvoicesClient(login(), transport=answering(body))
    assert (await client.inbox.upload(upload_of(), company_id=1)).id == 7


async def test_limit_of_the_caller_is_kept(fake: FakeZenvoices) -> None:
    """An upload over the caller's own limit is refused before it is sent, as a 413 would be."""
    client = client_of(fake)
    with pytest.raises(RejectedError, match="the limit is 500") as caught:
        await client.inbox.upload(upload_of(), company_id=101, max_bytes=500)
    assert caught.value.status == 413
    assert fake.counts["inbox.upload"] == 0
    await client.inbox.upload(upload_of(), company_id=101, max_bytes=5000)
    assert len(fake.inbox) == 1


async def test_limit_counts_the_names_that_are_sent(fake: FakeZenvoices) -> None:
    """A longer name from contract= makes the body longer."""
    patch = {"inbox.upload": {"rename": {"subject": "s" * 5000}}}
    client = AsyncZenvoicesClient(login(), transport=fake.transport(), contract=patch)
    with pytest.raises(RejectedError, match="the limit is 5000"):
        await client.inbox.upload(upload_of(), company_id=101, max_bytes=5000)
    assert fake.counts["inbox.upload"] == 0


async def test_limit_of_the_service_is_a_definite_refusal() -> None:
    """A 413 says that this document will never fit."""
    fake = FakeZenvoices(max_body=600)
    company = fake.add_company()
    with pytest.raises(RejectedError, match="too large") as caught:
        await client_of(fake).inbox.upload(upload_of(), company_id=company)
    assert caught.value.status == 413
    assert fake.inbox == []


async def test_empty_file_is_refused(fake: FakeZenvoices) -> None:
    """Nothing to read is a definite refusal of that document."""
    with pytest.raises(RejectedError) as caught:
        await client_of(fake).inbox.upload(upload_of(b""), company_id=101)
    assert caught.value.members == ("attachments[0].content",)


async def test_refusal_of_one_document_shows_its_reason(fake: FakeZenvoices) -> None:
    """A business refusal comes as a 500 with an envelope: refused, not broken."""
    fake.refuse_when(lambda item: "Dagboek onbekend")
    with pytest.raises(RejectedError, match="Dagboek onbekend"):
        await client_of(fake).inbox.upload(upload_of(), company_id=101)


@pytest.mark.parametrize(
    ("visible", "error"), [(False, PermissionDeniedError), (None, NotFoundError)]
)
async def test_company_that_cannot_be_written_to(
    fake: FakeZenvoices, visible: bool | None, error: type[ServiceError]
) -> None:
    """No rights on a company and no such company are told apart."""
    company = 999 if visible is None else 101
    if visible is False:
        fake.set_visible(101, visible=False)
    with pytest.raises(error) as caught:
        await client_of(fake).inbox.upload(upload_of(), company_id=company)
    hint = "resolve its code again" if visible is None else "rights on the company itself"
    assert hint in str(caught.value)


@pytest.mark.parametrize("external_id", ["", "x" * 51, "\ud800", "a\nb", 5])
async def test_external_id_that_cannot_be_is_refused(fake: FakeZenvoices, external_id: Any) -> None:
    """An external id that is empty, long or not printable is our own error, before a call."""
    with pytest.raises(ConfigurationError):
        await client_of(fake).inbox.upload(upload_of(), company_id=101, external_id=external_id)
    assert fake.requests == []


async def test_file_that_became_shorter_is_not_taken_for_whole(
    fake: FakeZenvoices, tmp_path: Path
) -> None:
    """A file that shrinks before it is sent ends the upload; nothing half arrives."""
    path = tmp_path / "a.xml"
    path.write_bytes(XML)
    upload = upload_of(path)
    path.write_bytes(XML[:100])
    with pytest.raises(OutcomeUnknownError, match="shorter"):
        await client_of(fake).inbox.upload(upload, company_id=101)
    assert fake.inbox == []


async def test_names_of_the_upload_can_be_corrected() -> None:
    """A patch of the contract renames what is sent and what is read."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"documentId": 9})

    patch = {
        "inbox.upload": {
            "path": "/public-api/v1/inbox/create",
            "rename": {"attachments[].content": "fileBytes", "id": "documentId"},
        }
    }
    client = AsyncZenvoicesClient(login(), transport=answering(answer), contract=patch)
    assert (await client.inbox.upload(upload_of(b"abc"), company_id=3)).id == 9
    (part,) = json.loads(seen[0].content)["attachments"]
    assert part["fileBytes"] == "YWJj"
    assert seen[0].url.path == "/public-api/v1/inbox/create"


async def test_inbox_is_listed_and_read(fake: FakeZenvoices) -> None:
    """Documents come back from the list and by number; the status numbers stay numbers."""
    client = client_of(fake)
    first = await client.inbox.upload(upload_of(), company_id=101, external_id="a")
    assert first.id is not None
    listed = [document async for document in client.inbox.list(company_id=101)]
    assert [document.external_id for document in listed] == ["a"]
    assert await client.inbox.details(first.id) == listed[0]
    numbers = {"importStatus": 3, "authorizationStatus": 17}
    fake.faults.add("inbox.details", action=Fault.status(200, numbers), nth=1)
    found = await client.inbox.details(first.id)
    assert (found.import_status, found.authorization_status) == (3, 17)
    with pytest.raises(NotFoundError):
        await client.inbox.details(99)


async def test_found_by_external_id(fake: FakeZenvoices) -> None:
    """A look-up brings the document of that company and the server's time."""
    fake.clock = lambda: 1_700_000_000.0
    other = fake.add_company("0043")
    client = client_of(fake)
    await client.inbox.upload(upload_of(), company_id=other, external_id="a")
    mine = await client.inbox.upload(upload_of(), company_id=101, external_id="a")
    found = await client.inbox.find(external_id="a", company_id=101)
    assert (found.outcome, found.document) == ("found", mine)
    assert found.answered_at == datetime.fromtimestamp(1_700_000_000, UTC)


async def test_not_found_is_said_with_the_servers_time(fake: FakeZenvoices) -> None:
    """Absence is an answer of its own, dated by the server."""
    fake.clock = lambda: 1_700_000_000.0
    found = await client_of(fake).inbox.find(external_id="a", company_id=101)
    assert (found.outcome, found.document) == ("not found", None)
    assert found.answered_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert fake.counts["inbox.list"] == 0


@pytest.mark.parametrize("lookup", ["missing", "ignores_external_id"])
async def test_list_can_prove_presence_not_absence(fake: FakeZenvoices, lookup: FakeLookup) -> None:
    """Where the look-up does not work, the list is read: it finds, or nobody can tell."""
    fake.lookup = lookup
    client = client_of(fake)
    for name in ("a", "b"):
        await client.inbox.upload(upload_of(), company_id=101, external_id=name)
    assert (await client.inbox.find(external_id="a", company_id=101)).outcome == "found"
    assert (await client.inbox.find(external_id="c", company_id=101)).outcome == "cannot tell"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"id": 1, "externalId": "other", "administrationId": 101}),
        (200, {"id": 1, "externalId": "a", "administrationId": 7}),
        (200, enveloped(None)),
        (200, []),
        (200, b"<html>"),
        (500, refusal()),
        (400, refusal()),
        (405, b""),
        (404, b"<html>"),
        (302, b""),
    ],
)
async def test_answer_that_proves_nothing_is_not_absence(status: int, body: object) -> None:
    """Another document, a refusal, a page of a gateway: none of them says "not there"."""

    def answer(request: httpx.Request) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, content=content)

    client = AsyncZenvoicesClient(login(), transport=answering(answer), retry=ONCE)
    assert (await client.inbox.find(external_id="a", company_id=101)).outcome == "cannot tell"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(503), UnavailableError),
        (Fault.drop(), UnavailableError),
        (Fault.status(403, refusal()), PermissionDeniedError),
    ],
)
async def test_lookup_that_could_not_be_made_raises(
    fake: FakeZenvoices, fault: Fault, error: type[ServiceError]
) -> None:
    """No answer is not "cannot tell": a later try may well tell."""
    fake.faults.add("inbox.details", action=fault)
    with pytest.raises(error):
        await client_of(fake).inbox.find(external_id="a", company_id=101)


async def test_scan_of_the_list_is_bounded() -> None:
    """A list without end is left after twenty pages, without a verdict."""

    class Endless(Pages):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/details"):
                return httpx.Response(404)
            self.pages = [{"items": [{"id": len(self.asked)}], "totalCount": 1_000_000}]
            return super().__call__(request)

    pages = Endless({})
    client = AsyncZenvoicesClient(login(), transport=answering(pages))
    found = await client.inbox.find(external_id="a", company_id=1)
    assert found.outcome == "cannot tell"
    assert len(pages.asked) == 20


async def test_deadline_of_a_lookup_is_for_all_its_calls(
    fake: FakeZenvoices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking up and scanning the list share the caller's deadline."""
    now = [0.0]
    monkeypatch.setattr("_client_kit._clock.monotonic", lambda: now[0])
    fake.lookup = "missing"
    client = client_of(fake)
    await client.companies.get(101)
    fake.on_request = lambda request: now.__setitem__(0, now[0] + 6.0)
    with pytest.raises(UnavailableError):
        await client.inbox.find(external_id="a", company_id=101, deadline=10.0)
    assert fake.counts["inbox.details"] == 1
    now[0] = 0.0
    with pytest.raises(UnavailableError):
        await client.inbox.find(external_id="a", company_id=101, deadline=5.0)
    assert fake.counts["inbox.details"] == 2
    assert (await client.inbox.find(external_id="a", company_id=101)).outcome == "cannot tell"
