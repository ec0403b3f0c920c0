"""Answers with something wrong in them never raise anything but our own exceptions."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.broken_json import mutated
from support.zenvoices import ONCE, TOKEN, enveloped, login, refusal
from zenvoices_client import AsyncZenvoicesClient, Attachment, Call, InboxUpload, ServiceError

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


DOCUMENT = {
    "id": 4711,
    "externalId": "ours",
    "administrationId": 101,
    "importStatus": 1,
    "receivedTime": "2026-01-02T03:04:05.678Z",
    "subject": "[INK] F1",
}
RECORD = {
    "id": 3,
    "administrationId": 101,
    "code": "0042",
    "externalId": "A",
    "isActive": True,
    "salesPrice": 12.5,
    "type": 2,
    "purchaseDate": "2026-01-02",
    "externalLastModificationTime": "2026-01-02T03:04:05+01:00",
    "lines": [{"a": 1}],
    "webhooks": ["Booking.Exported"],
    "administration": {"id": 101, "code": "0042"},
}
UPLOAD = InboxUpload(attachments=[Attachment("a.xml", b"<x/>")])

Made = Callable[[AsyncZenvoicesClient], Awaitable[Any]]


async def first_pages(listing: Any) -> list[Any]:
    found: list[Any] = []
    async for page in listing.pages():
        found.append(page)
        if len(found) == 3:
            break
    return found


def listed(resource: str) -> Made:
    async def call(client: AsyncZenvoicesClient) -> Any:
        return await first_pages(getattr(client, resource).list())

    return call


LISTS = (
    "accounts",
    "companies",
    "cost_centres",
    "cost_units",
    "employees",
    "financial_transactions",
    "inbox",
    "ledger_accounts",
    "payment_conditions",
    "products",
    "projects",
    "purchase_orders",
    "tax_codes",
)
OPERATIONS: dict[str, tuple[Made, Any]] = {
    **{f"{name}.list": (listed(name), {"items": [RECORD], "totalCount": 9}) for name in LISTS},
    "companies.get": (lambda client: client.companies.get(1), RECORD),
    "companies.resolve": (
        lambda client: client.companies.resolve("0042"),
        {"items": [RECORD], "totalCount": 1},
    ),
    "inbox.upload": (lambda client: client.inbox.upload(UPLOAD, company_id=1), DOCUMENT),
    "inbox.details": (lambda client: client.inbox.details(1), DOCUMENT),
    "inbox.find": (
        lambda client: client.inbox.find(external_id="ours", company_id=101),
        DOCUMENT,
    ),
    "accounts.get": (lambda client: client.accounts.get(company_id=1, code="1"), RECORD),
    "accounts.get_by_external_id": (
        lambda client: client.accounts.get(company_id=1, external_id="A"),
        RECORD,
    ),
    "employees.get": (lambda client: client.employees.get(company_id=1, code="1"), RECORD),
    "ledger_accounts.get": (
        lambda client: client.ledger_accounts.get(company_id=1, code="1"),
        RECORD,
    ),
    "products.get": (lambda client: client.products.get(company_id=1, code="1"), RECORD),
    "projects.get": (lambda client: client.projects.get(company_id=1, code="1"), RECORD),
    "purchase_orders.get": (
        lambda client: client.purchase_orders.get(company_id=1, number="1"),
        RECORD,
    ),
    "financial_transactions.get": (lambda client: client.financial_transactions.get(1), RECORD),
    "webhooks.available": (lambda client: client.webhooks.available(), ["Booking.Exported"]),
    "webhooks.list": (lambda client: client.webhooks.list(), {"items": [RECORD]}),
    "request": (lambda client: client.request(Call("GET", "/public-api/v1/x")), RECORD),
}


def client_of(token: bytes, body: bytes, status: int) -> AsyncZenvoicesClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("TokenLogin"):
            return httpx.Response(200, content=token)
        return httpx.Response(status, content=body)

    return AsyncZenvoicesClient(login(), transport=httpx.MockTransport(answer), retry=ONCE)


def is_sound(result: Any) -> None:
    """What came out can be shown, stored and sent elsewhere."""
    repr(result).encode()
    pickle.loads(pickle.dumps(result))


STATUS = st.sampled_from([200, 200, 200, 200, 201, 400, 401, 403, 404, 429, 500, 503])


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@settings(max_examples=settings().max_examples // 5)
@given(data=st.data())
async def test_only_our_exceptions_come_out(operation: str, data: st.DataObject) -> None:
    """Missing, null, of another type, extra, deep, huge, not Unicode: an answer or our error."""
    call, good = OPERATIONS[operation]
    good = data.draw(st.sampled_from([good, enveloped(good), refusal()]))
    body = data.draw(mutated(good))
    status = data.draw(STATUS)
    good_token = repr(enveloped(TOKEN)).replace("'", '"').replace("None", "null")
    token = good_token.replace("True", "true").replace("False", "false").encode()
    try:
        result = await call(client_of(token, body, status))
    except ServiceError as error:
        is_sound(error)
        str(error).encode()
    else:
        is_sound(result)


@given(body=mutated(enveloped(TOKEN)) | mutated(refusal()), status=STATUS)
async def test_login_answers_too(body: bytes, status: int) -> None:
    """The login's answer is a stranger's as well."""
    try:
        await client_of(body, b"[]", status).webhooks.available()
    except ServiceError as error:
        is_sound(error)
        str(error).encode()


@given(body=st.binary(max_size=200), status=STATUS)
async def test_bytes_that_are_no_json_are_our_error(body: bytes, status: int) -> None:
    """Whatever the bytes, the login never ends in another exception."""
    try:
        await client_of(body, body, status).webhooks.available()
    except ServiceError as error:
        str(error).encode()
