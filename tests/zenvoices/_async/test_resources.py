"""Every operation of Zenvoices' table, with and without the envelope."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from support.zenvoices import answering, login
from zenvoices_client import (
    AsyncZenvoicesClient,
    ConfigurationError,
    NotFoundError,
    ProtocolError,
    WebhookSubscription,
)
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio

LISTS = [
    "accounts",
    "cost_centres",
    "cost_units",
    "employees",
    "financial_transactions",
    "ledger_accounts",
    "payment_conditions",
    "products",
    "projects",
    "purchase_orders",
    "tax_codes",
]
FIRST = 101
"""The number the fake gives its first company."""
CODED = ["employees", "ledger_accounts", "products", "projects"]


@pytest.fixture(params=[False, True], ids=["bare", "enveloped"])
def fake(request: pytest.FixtureRequest) -> FakeZenvoices:
    fake = FakeZenvoices(envelope=request.param)
    fake.add_company("0042")
    fake.add_company("0043")
    return fake


@pytest.fixture
async def client(fake: FakeZenvoices) -> AsyncIterator[AsyncZenvoicesClient]:
    async with AsyncZenvoicesClient(login(), transport=fake.transport()) as client:
        yield client


async def test_companies_are_listed_and_read(
    fake: FakeZenvoices, client: AsyncZenvoicesClient
) -> None:
    """A company has a number, a code that is a string, and a name."""
    first, second = [company async for company in client.companies.list(sorting="code DESC")]
    assert (first.code, second.code) == ("0043", "0042")
    assert second.id is not None
    assert await client.companies.get(second.id) == second
    with pytest.raises(NotFoundError):
        await client.companies.get(999)


async def test_company_answered_flat_is_read_too() -> None:
    """Whether the company comes inside ``administration`` or by itself does not matter."""
    flat = AsyncZenvoicesClient(login(), transport=answering({"id": 7, "code": "0007"}))
    assert (await flat.companies.get(7)).code == "0007"


@pytest.mark.parametrize("resource", LISTS)
async def test_master_data_is_listed_by_company(
    fake: FakeZenvoices, client: AsyncZenvoicesClient, resource: str
) -> None:
    """Each list gives every record, or one company's, and keeps what it does not know."""
    mine = FIRST
    fake.add(resource, {"administrationId": mine, "externalId": "A", "colour": "red"})
    fake.add(resource, {"administrationId": mine + 1, "externalId": "B"})
    records: Any = getattr(client, resource)
    assert [record.external_id async for record in records.list()] == ["A", "B"]
    (found,) = [record async for record in records.list(company_id=mine)]
    assert found.company_id == mine
    assert found.extra == {"colour": "red"}
    assert fake.requests[-1].operation == f"{resource}.list"
    assert fake.requests[-1].ignored == ()


@pytest.mark.parametrize("resource", CODED)
async def test_record_is_read_by_code_or_external_id(
    fake: FakeZenvoices, client: AsyncZenvoicesClient, resource: str
) -> None:
    """A record is found under its company by either key, and by nothing else."""
    mine = FIRST
    fake.add(resource, {"administrationId": mine, "code": "007", "externalId": "A"})
    records: Any = getattr(client, resource)
    by_code = await records.get(company_id=mine, code="007")
    assert by_code == await records.get(company_id=mine, external_id="A")
    assert (by_code.code, by_code.external_id) == ("007", "A")
    with pytest.raises(NotFoundError):
        await records.get(company_id=mine + 1, code="007")
    for keys in ({}, {"code": "007", "external_id": "A"}, {"code": ""}):
        with pytest.raises(ConfigurationError, match="give one of code, external_id"):
            await records.get(company_id=mine, **keys)
    assert fake.requests[-1].ignored == ()


async def test_account_is_read_by_either_key(
    fake: FakeZenvoices, client: AsyncZenvoicesClient
) -> None:
    """Accounts have a call of their own for the external id."""
    mine = FIRST
    fake.add(
        "accounts",
        {"administrationId": mine, "code": "400", "externalId": "A", "vatNumber": "BE0123456749"},
    )
    found = await client.accounts.get(company_id=mine, code="400")
    assert found.vat_number == "BE0123456749"
    assert await client.accounts.get(company_id=mine, external_id="A") == found
    assert [request.operation for request in fake.requests[-2:]] == [
        "accounts.get",
        "accounts.get_by_external_id",
    ]


async def test_purchase_order_is_read_by_its_number(
    fake: FakeZenvoices, client: AsyncZenvoicesClient
) -> None:
    """Amounts are exact, times have a zone, lines are kept as they came."""
    mine = FIRST
    fake.add(
        "purchase_orders",
        {
            "administrationId": mine,
            "purchaseOrderNumber": "PO-1",
            "externalId": "A",
            "taxExclusiveAmount": 100.10,
            "taxInclusiveAmount": 121.12,
            "purchaseDate": "2026-03-01T00:00:00",
            "lines": [{"quantity": 2, "price": 50.05}],
        },
    )
    found = await client.purchase_orders.get(company_id=mine, number="PO-1")
    assert found == await client.purchase_orders.get(company_id=mine, external_id="A")
    assert found.tax_exclusive_amount == Decimal("100.1")
    assert found.tax_inclusive_amount == Decimal("121.12")
    assert found.purchase_date == datetime(2026, 3, 1, tzinfo=UTC)
    assert found.lines == ({"quantity": 2, "price": Decimal("50.05")},)
    with pytest.raises(ConfigurationError, match="give one of number, external_id"):
        await client.purchase_orders.get(company_id=mine)


async def test_financial_transaction_is_read_by_its_number(
    fake: FakeZenvoices, client: AsyncZenvoicesClient
) -> None:
    """A transaction has a number; what else it has is kept."""
    fake.add("financial_transactions", {"id": 5, "amount": 12.5})
    found = await client.financial_transactions.get(5)
    assert (found.id, found.extra) == (5, {"amount": Decimal("12.5")})
    with pytest.raises(NotFoundError):
        await client.financial_transactions.get(6)


async def test_webhooks_are_listed(fake: FakeZenvoices, client: AsyncZenvoicesClient) -> None:
    """Names come as strings, subscriptions as values that show no secret."""
    fake.available_webhooks = ["Booking.Exported"]
    fake.add(
        "webhook_subscriptions",
        {
            "id": "3fa8",
            "webhookUri": "https://u:canary-login@example.test/hook?key=canary-query",
            "webhooks": ["Booking.Exported"],
            "isActive": True,
            "secret": "whs_canary",
            "headers": {"a": "b", "X-Api-Key": "canary-header"},
        },
    )
    assert await client.webhooks.available() == ("Booking.Exported",)
    (found,) = await client.webhooks.list()
    assert found == WebhookSubscription(
        id="3fa8",
        uri="https://u:canary-login@example.test/hook?key=canary-query",
        webhooks=("Booking.Exported",),
        is_active=True,
        extra={"headers": {"a": "b", "X-Api-Key": "canary-header"}},
    )
    assert found.secret is not None
    assert found.secret.reveal() == "whs_canary"
    assert "canary" not in repr(found)


@pytest.mark.parametrize("body", [["a", 1, None], {"items": ["a"]}])
async def test_webhook_names_may_come_with_or_without_items(body: object) -> None:
    """A bare list and one inside an object mean the same; what is no name is left out."""
    client = AsyncZenvoicesClient(login(), transport=answering(body))
    assert await client.webhooks.available() == ("a",)


async def test_answers_of_another_kind_are_errors() -> None:
    """A number where an object or a list is expected is named as what it is."""
    client = AsyncZenvoicesClient(login(), transport=answering(3))
    for call in (
        lambda: client.companies.get(1),
        lambda: client.inbox.details(1),
        lambda: client.accounts.get(company_id=1, code="1"),
        lambda: client.financial_transactions.get(1),
        lambda: client.webhooks.available(),
        lambda: client.webhooks.list(),
    ):
        with pytest.raises(ProtocolError, match=r": expected (an object|a list)") as caught:
            await call()
        assert caught.value.status == 200


async def test_every_resource_is_made_once(client: AsyncZenvoicesClient) -> None:
    """What loads on first use is kept."""
    for name in (*LISTS, "companies", "inbox", "webhooks"):
        assert getattr(client, name) is getattr(client, name)


async def test_field_of_another_type_is_kept_apart() -> None:
    """A field that is not what it should be is None, and its value is not lost."""
    body = {"items": [{"code": ["x"], "isActive": "yes", "salesPrice": "NaN", "name": 12}]}
    client = AsyncZenvoicesClient(login(), transport=answering(body))
    (found,) = [product async for product in client.products.list()]
    assert (found.code, found.is_active, found.sales_price, found.name) == (None, None, None, "12")
    assert found.extra == {"code": ["x"], "isActive": "yes", "salesPrice": "NaN"}


async def test_a_code_is_not_taken_for_another_from_a_list_that_ended_early() -> None:
    """To the letter it is taken; in other letter case only where every company was seen."""
    rows = [{"id": 1, "code": "ABC"}, *({"id": n, "code": f"x{n}"} for n in range(2, 251))]

    def page(request: httpx.Request) -> httpx.Response:
        if "accessToken" in (body := request.content.decode()) or "skipCount" not in body:
            return httpx.Response(200, json={"result": {"accessToken": "t"}, "success": True})
        items = [] if json.loads(body)["skipCount"] else rows
        return httpx.Response(200, json={"totalCount": 300, "items": items})

    client = AsyncZenvoicesClient(login(), transport=httpx.MockTransport(page))
    assert (await client.companies.resolve("ABC")).id == 1
    with pytest.raises(ProtocolError, match="ended early") as caught:
        await client.companies.resolve("abc")
    assert (caught.value.operation, caught.value.retryable) == ("companies.list", True)
    await client.aclose()
