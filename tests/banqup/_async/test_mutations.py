"""Whatever Banqup and its storage answer, only our own exceptions come out."""

from __future__ import annotations

import gc
import pickle
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banqup_client import AsyncBanqupClient, Call, ServiceError
from support.banqup_service import API, ONCE, SPACE, Scripted, credentials, file_details
from support.mutations import bodies

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True, scope="module")
def collect_afterwards() -> Iterator[None]:
    """Let nothing be collected while a decoder is at the recursion limit.

    What hypothesis left behind would say so just then, too deep down for pytest to listen.
    """
    gc.disable()
    yield
    gc.enable()
    gc.collect()


SIGNED = "https://storage.googleapis.com/b/f?X-Goog-Signature=s"
DOCUMENT = {
    "id": "d1",
    "spaceId": SPACE,
    "folder": "SALES",
    "category": "INVOICE",
    "connections": [{"displayName": "X", "relationType": "CUSTOMER", "id": "c1"}],
    "status": {"pay": "UNPAID", "delivery": "RECEIVED", "document": "VALIDATED"},
    "metadata": {
        "dueDate": "2025-12-12",
        "customer": {"legalName": "X", "address": {"country": "BE"}},
        "supplier": {"globalIdentifiers": {"be:vat": "BE0123456749", "global:email": ["a@b"]}},
    },
    "createdAt": "2026-01-02T03:04:05.678Z",
    "updatedAt": "Tue, 6 Jan 2026 12:27:24 GMT",
    "files": [{"id": "f1", "filename": "F.xml", "contentType": "text/xml", "fileSize": 7}],
}
FILE = file_details(SIGNED, 3, uploadUrl=SIGNED, retentionTime="2029-09-30T08:30:08.424Z")
POINT = {"id": "p", "namespace": "n", "name": "messageListeners", "version": "1.0"}
LISTED = {"documents": [DOCUMENT], "page": 0, "size": 50, "total": 1}

Made = Callable[[AsyncBanqupClient], Awaitable[object]]


async def every_document(client: AsyncBanqupClient) -> object:
    found = [document async for document in client.documents.list(SPACE)]
    return [(document.supplier.vat_number, document.is_credit_note) for document in found]


async def an_upload(client: AsyncBanqupClient) -> object:
    return await client.files.upload(SPACE, b"abc", filename="F", content_type="text/xml")


async def a_document(client: AsyncBanqupClient) -> object:
    document = await client.documents.get(SPACE, "d1")
    return document.customer.name, document.customer.enterprise_number, document.due_date


OPERATIONS: dict[str, tuple[Any, Made]] = {
    "token.get": ({"access_token": "t", "expires_at": "2026-01-01T00:00:00Z", "expires_in": 300},
                  lambda client: client.users.me()),
    "spaces.list": ({"spaces": [{"id": SPACE, "name": "X", "type": "BUSINESS"}]},
                    lambda client: client.spaces.get(SPACE)),
    "users.me": ({"id": "u", "name": "app", "type": "application"},
                 lambda client: client.users.me()),
    "documents.list": (LISTED, every_document),
    "documents.get": (DOCUMENT, a_document),
    "documents.create": (DOCUMENT, lambda client: client.documents.create(SPACE, folder="SALES")),
    "files.details": (FILE, lambda client: client.files.details(SPACE, "f1")),
    "files.create": (FILE, lambda client: client.files.create(
        SPACE, filename="F", size=3, content_type="text/xml")),
    "files.upload": (FILE, an_upload),
    "files.download": (FILE, lambda client: client.files.download(SPACE, "f1")),
    "messages.find": ({"extensionPoints": [POINT]}, lambda client: client.messages.find()),
    "request": (DOCUMENT, lambda client: client.request(Call("GET", "/x"))),
}  # fmt: skip
STATUSES = st.sampled_from([200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503])
HEADERS = st.dictionaries(
    st.sampled_from(["date", "retry-after", "content-type", "x-request-id"]),
    st.sampled_from(["", "x", "1e999", "-5", "Sun, 01 Mar 2026 13:00:00 GMT", "text/plain", "nan"]),
    max_size=3,
)


def calm(percent: int) -> settings:
    return settings(
        max_examples=settings().max_examples * percent // 100,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.parametrize("name", OPERATIONS)
@calm(60)
@given(data=st.data(), status=STATUSES, headers=HEADERS)
async def test_no_answer_raises_anything_else(
    name: str, data: st.DataObject, status: int, headers: dict[str, str]
) -> None:
    """A changed answer to each operation is read, or is one of our errors, which can be pickled."""
    good, call = OPERATIONS[name]
    body = data.draw(bodies(good))
    spoilt = httpx.Response(status, headers=headers, content=body)
    client = AsyncBanqupClient(
        credentials(),
        base_url=API,
        transport=Scripted(
            lambda _: httpx.Response(status, headers=headers, content=body),
            token=spoilt if name == "token.get" else None,
        ),
        storage_transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"abc")),
        retry=ONCE,
        deadline=5.0,
    )
    raised: ServiceError | None = None
    try:
        await call(client)
    except ServiceError as error:
        raised = error
    if raised is not None:
        assert raised.service == "banqup"
        assert str(pickle.loads(pickle.dumps(raised))) == str(raised)
        assert not {unicodedata.category(sign) for sign in str(raised)} & {"Cc", "Cs", "Zl", "Zp"}


@calm(150)
@given(
    status=STATUSES | st.integers(100, 599),
    headers=st.dictionaries(
        st.sampled_from(["content-length", "content-encoding", "retry-after", "location"]),
        st.sampled_from(["", "3", "4", "-1", "9" * 50, "gzip", "identity", "x"]),
        max_size=4,
    ),
    body=st.binary(max_size=5),
    size=st.sampled_from([3, 0, -1, None]),
)
async def test_no_answer_of_storage_makes_a_wrong_file(
    status: int, headers: dict[str, str], body: bytes, size: int | None
) -> None:
    """What storage sends is the file of the size Banqup says, or one of our errors."""

    def storage(_: httpx.Request) -> httpx.Response:
        plain = httpx.ByteStream(body)
        return httpx.Response(status, headers=headers, stream=plain)

    client = AsyncBanqupClient(
        credentials(),
        base_url=API,
        transport=Scripted(lambda _: file_details(SIGNED, size)),
        storage_transport=httpx.MockTransport(storage),
        retry=ONCE,
    )
    try:
        content = await client.files.download(SPACE, "f1")
    except ServiceError:
        return
    assert content == body
    assert size in (None, len(body))
    assert status == 200
