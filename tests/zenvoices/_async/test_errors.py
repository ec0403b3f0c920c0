"""What each answer means: the rows of the service's table of errors."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import httpx
import pytest

from support.zenvoices import ONCE, answering, enveloped, login, refusal
from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    ConfigurationError,
    CredentialsError,
    InboxUpload,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    RetryPolicy,
    ServiceError,
    UnavailableError,
)
from zenvoices_client.testing import FakeZenvoices, Fault

pytestmark = pytest.mark.anyio

UPLOAD = InboxUpload(attachments=[Attachment("a.xml", b"<Invoice/>")])
HTML = b"<html>down</html>"
NO_PAUSE = RetryPolicy(wait_initial=0, wait_max=0, wait_jitter=0)


def client_of(body: object, status: int, **headers: str) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(login(), transport=answering(body, status, **headers), retry=ONCE)


@pytest.mark.parametrize(
    ("status", "body", "read", "sent"),
    [
        (401, b"", CredentialsError, CredentialsError),
        (403, refusal(), PermissionDeniedError, PermissionDeniedError),
        (403, HTML, PermissionDeniedError, PermissionDeniedError),
        (400, refusal(), RejectedError, RejectedError),
        (400, HTML, RejectedError, RejectedError),
        (422, refusal(), RejectedError, RejectedError),
        (404, refusal(), NotFoundError, NotFoundError),
        (404, HTML, ConfigurationError, ConfigurationError),
        (410, HTML, ConfigurationError, ConfigurationError),
        (405, HTML, ConfigurationError, ConfigurationError),
        (415, HTML, ConfigurationError, ConfigurationError),
        (500, refusal(), RejectedError, RejectedError),
        (500, enveloped(None), UnavailableError, OutcomeUnknownError),
        (500, {"__abp": True}, UnavailableError, OutcomeUnknownError),
        (500, {"error": {"message": "x"}}, UnavailableError, OutcomeUnknownError),
        (500, HTML, UnavailableError, OutcomeUnknownError),
        (500, b"", UnavailableError, OutcomeUnknownError),
        (502, HTML, UnavailableError, OutcomeUnknownError),
        (503, b"", UnavailableError, OutcomeUnknownError),
        (504, HTML, UnavailableError, OutcomeUnknownError),
        (408, b"", UnavailableError, OutcomeUnknownError),
        (409, b"", UnavailableError, OutcomeUnknownError),
        (429, b"", RateLimitedError, RateLimitedError),
        (429, refusal(), RateLimitedError, RateLimitedError),
        (413, HTML, RejectedError, RejectedError),
        (413, refusal(), RejectedError, RejectedError),
        (200, refusal(), RejectedError, RejectedError),
        (200, HTML, ProtocolError, ProtocolError),
        (200, b"", ProtocolError, ProtocolError),
        (204, b"", ProtocolError, ProtocolError),
        (302, b"", ProtocolError, ProtocolError),
    ],
)
async def test_status_and_body_decide_together(
    status: int, body: object, read: type[ServiceError], sent: type[ServiceError]
) -> None:
    """Each row is one error for a call that reads and one for an upload."""
    client = client_of(body, status)
    with pytest.raises(ServiceError) as caught:
        await client.inbox.details(1)
    assert type(caught.value) is read
    assert caught.value.status == status
    assert caught.value.service == "zenvoices"
    with pytest.raises(ServiceError) as caught:
        await client.inbox.upload(UPLOAD, company_id=1)
    assert type(caught.value) is sent
    assert caught.value.applied is (None if sent in (OutcomeUnknownError, ProtocolError) else False)


@pytest.mark.parametrize(
    ("status", "body", "uploads"),
    [
        (429, b"", 4),
        (500, HTML, 1),
        (503, b"", 1),
        (500, refusal(), 1),
        (200, refusal(), 1),
        (400, refusal(), 1),
        (413, HTML, 1),
        (403, refusal(), 1),
    ],
)
async def test_upload_is_repeated_only_when_it_was_not_applied(
    status: int, body: object, uploads: int
) -> None:
    """Too many calls are waited out; a fault of unknown outcome is never sent twice."""
    fake = FakeZenvoices()
    company = fake.add_company()
    answer: bytes | dict[str, object] = body if isinstance(body, bytes) else {**refusal()}
    fake.faults.add("inbox.upload", action=Fault.status(status, answer))
    client = AsyncZenvoicesClient(login(), transport=fake.transport(), retry=NO_PAUSE)
    with pytest.raises(ServiceError):
        await client.inbox.upload(UPLOAD, company_id=company)
    assert fake.counts["inbox.upload"] == uploads
    assert fake.inbox == []


async def test_posted_lists_are_repeated_like_reads() -> None:
    """A list is POST but only read, so a fault on it is tried again."""
    fake = FakeZenvoices()
    fake.add_company()
    fake.faults.add("companies.list", action=Fault.status(500, HTML), nth=1, times=2)
    client = AsyncZenvoicesClient(login(), transport=fake.transport(), retry=NO_PAUSE)
    assert len([company async for company in client.companies.list()]) == 1
    assert fake.counts["companies.list"] == 3


async def test_refusal_names_the_fields_it_is_about() -> None:
    """The members of validation errors are in the exception, the messages in its text."""
    errors = [
        {"message": "Te groot", "members": ["maxResultCount"]},
        {"message": "Ongeldig", "members": ["attachments[0].content", "subject"]},
        {"message": None, "members": None},
        {"message": 3, "members": [None, 3, {}]},
        "?",
    ]
    client = client_of(refusal("Ongeldige aanvraag", validationErrors=errors), 400)
    with pytest.raises(RejectedError) as caught:
        await client.inbox.upload(UPLOAD, company_id=1)
    error = caught.value
    assert error.members == ("maxResultCount", "attachments[0].content", "subject")
    assert "inbox.upload: refused (400): Ongeldige aanvraag Te groot Ongeldig" in str(error)


async def test_server_text_is_cut_and_cleaned() -> None:
    """What a server writes cannot forge a line of a log, nor fill it."""
    client = client_of(refusal("Nee\nERROR forged\x1b[31m", details="x" * 9000), 500)
    with pytest.raises(RejectedError) as caught:
        await client.inbox.upload(UPLOAD, company_id=1)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("right", "named"),
    [("inbox", "API > Inbox access"), ("companies", "API > Companies > List access")],
)
async def test_missing_right_is_named(right: str, named: str) -> None:
    """A 403 says which right to give and on which screen."""
    fake = FakeZenvoices()
    fake.user.rights = {"inbox", "companies"} - {right}
    client = AsyncZenvoicesClient(login(), transport=fake.transport())
    listing = client.inbox.list() if right == "inbox" else client.companies.list()
    with pytest.raises(PermissionDeniedError) as caught:
        _ = [str(record) async for record in listing]
    assert named in str(caught.value)
    assert "Manage > Organisation > Users" in str(caught.value)


async def test_error_carries_what_support_needs() -> None:
    """Request id, server time and the asked-for pause come along, and survive pickling."""
    client = client_of(
        b"",
        429,
        x_request_id="req-1",
        retry_after="17",
        date="Sun, 22 Nov 2026 10:00:00 GMT",
    )
    with pytest.raises(RateLimitedError) as caught:
        await client.inbox.details(1)
    error = caught.value
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is RateLimitedError
    for one in (error, copy):
        assert one.request_id == "req-1"
        assert one.retry_after == 17
        assert one.answered_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert one.retryable
        assert str(one) == str(error)


async def test_retry_after_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause the service asks for is kept before the call is repeated."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("_client_kit._runtime_async.sleep", sleep)
    fake = FakeZenvoices()
    fake.add_company()
    fake.faults.add("companies.list", action=Fault.rate_limit(7), nth=1)
    client = AsyncZenvoicesClient(
        login(), transport=fake.transport(), retry=RetryPolicy(wait_jitter=0)
    )
    assert len([company.id async for company in client.companies.list()]) == 1
    assert slept == [7.0]


async def test_broken_connection_is_in_doubt_for_an_upload_only() -> None:
    """A connection that breaks leaves an upload's outcome open, a read's not."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone")

    client = AsyncZenvoicesClient(login(), transport=answering(answer), retry=ONCE)
    with pytest.raises(UnavailableError):
        await client.inbox.details(1)
    with pytest.raises(OutcomeUnknownError):
        await client.inbox.upload(UPLOAD, company_id=1)
