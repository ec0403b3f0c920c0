"""What a service repeats of a secret, or answers instead of a number, goes no further."""

from __future__ import annotations

import httpx
import pytest

from support.zenvoices import ONCE, TOKEN, login, refusal
from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    InboxUpload,
    ProtocolError,
    RejectedError,
    ServiceError,
)

pytestmark = pytest.mark.anyio

UPLOAD = InboxUpload(attachments=(Attachment("F1.xml", b"<Invoice/>"),))


def client_of(answer: httpx.Response, *, at_login: bool = False) -> AsyncZenvoicesClient:
    """A client whose login, or every other call, gets this answer."""

    def handle(request: httpx.Request) -> httpx.Response:
        for_login = request.url.path.endswith("TokenLogin")
        return answer if for_login == at_login else httpx.Response(200, json=TOKEN)

    return AsyncZenvoicesClient(login(), transport=httpx.MockTransport(handle), retry=ONCE)


async def test_a_password_that_a_login_repeats_is_not_shown() -> None:
    """A refusal that quotes the password is shown without it."""
    secret = login().password.reveal()
    spoken = httpx.Response(500, json=refusal(f"The password {secret} is wrong"))
    async with client_of(spoken, at_login=True) as client:
        with pytest.raises(ServiceError) as caught:
            await client.companies.resolve("0042")
    assert secret not in str(caught.value)
    assert "The password *** is wrong" in str(caught.value)


async def test_a_signed_address_in_a_service_s_words_is_cut() -> None:
    """The query of an address in an error's text is not shown."""
    text = "see https://storage.googleapis.com/x?X-Goog-Signature=abcdef0123 for it"
    async with client_of(httpx.Response(400, json=refusal(text))) as client:
        with pytest.raises(RejectedError) as caught:
            await client.inbox.upload(UPLOAD, company_id=1)
    assert "abcdef" not in str(caught.value)


@pytest.mark.parametrize("payload", [0, -1, {"id": 0}, {"id": -5}])
async def test_an_upload_without_a_real_number_is_not_believed(payload: object) -> None:
    """Zenvoices numbers its documents from 1: another number is no proof of arrival."""
    async with client_of(httpx.Response(200, json=payload)) as client:
        with pytest.raises(ProtocolError, match="names no document id"):
            await client.inbox.upload(UPLOAD, company_id=1)


async def test_an_upload_that_says_it_failed_is_refused() -> None:
    """``success: false`` is a refusal, envelope or not."""
    answer = httpx.Response(200, json={"success": False, "id": 7, "message": "no"})
    async with client_of(answer) as client:
        with pytest.raises(RejectedError):
            await client.inbox.upload(UPLOAD, company_id=1)
