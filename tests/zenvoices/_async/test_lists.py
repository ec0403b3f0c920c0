"""Lists: how they page, where they end, what they hold."""

from __future__ import annotations

import gc
from typing import Any

import httpx
import pytest

from support.zenvoices import ONCE, Pages, answering, login, page
from zenvoices_client import AsyncZenvoicesClient, ConfigurationError, Page, ProtocolError
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio


def client_of(pages: Pages) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(login(), transport=answering(pages), retry=ONCE)


async def ids_of(pages: Pages, page_size: int = 2) -> list[int | None]:
    listing = client_of(pages).companies.list(page_size=page_size)
    return [company.id async for company in listing]


async def test_list_is_read_page_by_page_to_its_total() -> None:
    """Pages are asked for one behind the other, and none after the total."""
    pages = Pages(page(1, 2, total=3), page(3, total=3))
    assert await ids_of(pages) == [1, 2, 3]
    assert [(sent["skipCount"], sent["maxResultCount"]) for sent in pages.asked] == [(0, 2), (2, 2)]


async def test_full_last_page_costs_no_further_request() -> None:
    """A total that was reached ends the list, also where the page is full."""
    pages = Pages(page(1, 2, total=2), page(3, 4, total=2))
    assert await ids_of(pages) == [1, 2]
    assert len(pages.asked) == 1


async def test_empty_list_is_one_request() -> None:
    """Nothing there is nothing asked for."""
    pages = Pages(page(total=0))
    assert await ids_of(pages) == []
    assert len(pages.asked) == 1


async def test_list_without_a_total_ends_on_a_short_page() -> None:
    """Where the service names no total, a page that is not full is the last."""
    pages = Pages(page(1, 2), page(3))
    assert await ids_of(pages) == [1, 2, 3]
    assert len(pages.asked) == 2


async def test_list_without_a_total_ends_on_an_empty_page() -> None:
    """Where the service names no total and every page is full, an empty one is the last."""
    pages = Pages(page(1, 2), page(3, 4), page())
    assert await ids_of(pages) == [1, 2, 3, 4]


async def test_smaller_pages_than_asked_for_are_followed() -> None:
    """A service that gives fewer than asked for is asked on from where it stopped."""
    pages = Pages(page(1, 2, total=5), page(3, 4, total=5), page(5, total=5))
    assert await ids_of(pages, page_size=250) == [1, 2, 3, 4, 5]
    assert [sent["skipCount"] for sent in pages.asked] == [0, 2, 4]


async def test_repeated_page_ends_the_list() -> None:
    """A service that ignores skipCount is not asked for ever, and nothing is given twice."""
    pages = Pages(page(1, 2, total=9))
    listing = client_of(pages).companies.list(page_size=2)
    assert [company.id async for company in listing] == [1, 2]
    assert len(pages.asked) == 2
    assert not listing.complete


async def test_empty_page_ends_a_list_whose_total_lies() -> None:
    """A total that is never reached does not keep the list going."""
    pages = Pages(page(1, total=9), page(total=9))
    listing = client_of(pages).companies.list()
    assert [company.id async for company in listing] == [1]
    assert not listing.complete


@pytest.mark.parametrize("total", [1, -1, "2", None, 2.5])
async def test_total_that_cannot_be_true_loses_nothing(total: object) -> None:
    """A total below what has come, or no number, is not believed."""
    pages = Pages(page(1, 2, total=total), page(3, 4, total=total), page(total=total))
    assert await ids_of(pages) == [1, 2, 3, 4]


async def test_whole_pages_can_be_had() -> None:
    """`.pages()` gives each page with the total and the server's time."""
    fake = FakeZenvoices(clock=lambda: 1_700_000_000.0)
    for code in ("1", "2", "3"):
        fake.add_company(code)
    async with AsyncZenvoicesClient(login(), transport=fake.transport()) as client:
        pages = [found async for found in client.companies.list(page_size=2).pages()]
    assert [[company.code for company in found.items] for found in pages] == [["1", "2"], ["3"]]
    assert [found.total for found in pages] == [3, 3]
    assert pages[0].answered_at is not None
    assert pages[0].answered_at.timestamp() == 1_700_000_000


async def test_only_one_page_is_held() -> None:
    """While the next page is fetched, the one before is gone."""
    held: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        gc.collect()
        held.append(sum(type(thing) is Page for thing in gc.get_objects()))
        return script(request)

    script = Pages(page(1, 2, total=4), page(3, 4, total=4))
    client = AsyncZenvoicesClient(login(), transport=answering(answer))
    gc.collect()  # what earlier tests left
    before = sum(type(thing) is Page for thing in gc.get_objects())
    seen = 0
    async for _ in client.companies.list(page_size=2):
        seen += 1
    assert seen == 4
    assert held == [before, before]


async def test_list_can_be_read_again() -> None:
    """Iterating anew asks anew."""
    pages = Pages(page(1, total=1))
    listing = client_of(pages).companies.list()
    first = [company.id async for company in listing]
    second = [company.id async for company in listing]
    assert first == second == [1]
    assert len(pages.asked) == 2


async def test_list_asks_for_nothing_before_it_is_read() -> None:
    """Making a list is free, and so is leaving it early: the next page is never fetched."""
    pages = Pages(page(1, 2, total=4), page(3, 4, total=4))
    listing = client_of(pages).companies.list(page_size=2)
    assert pages.asked == []
    async for _ in listing:
        break
    assert len(pages.asked) == 1


@pytest.mark.parametrize("size", [0, -1, 251, 10_000, 2.5, True, "9"])
async def test_page_size_outside_the_service_is_refused(size: Any) -> None:
    """Zenvoices gives 1 to 250 entries a page; anything else is our own error, before a call."""
    pages = Pages(page())
    with pytest.raises(ConfigurationError, match="1 to 250"):
        client_of(pages).companies.list(page_size=size)


@pytest.mark.parametrize("size", [1, 250])
async def test_page_size_limits_are_allowed(size: int) -> None:
    """Both ends of the range are asked for as they are."""
    pages = Pages(page(total=0))
    assert await ids_of(pages, page_size=size) == []
    assert pages.asked[0]["maxResultCount"] == size


async def test_filters_travel_only_where_given() -> None:
    """The company and the sorting are sent when they are asked for, and not as nulls."""
    pages = Pages(page(total=0))
    client = client_of(pages)
    assert [
        record async for record in client.products.list(company_id=7, sorting="code DESC")
    ] == []
    assert [record async for record in client.products.list()] == []
    assert pages.asked[0]["administrationId"] == 7
    assert pages.asked[0]["sorting"] == "code DESC"
    assert set(pages.asked[1]) == {"maxResultCount", "skipCount"}


async def test_entries_that_are_no_objects_are_counted() -> None:
    """An entry that cannot be read is left out, counted, and does not shift the next page."""
    pages = Pages({"items": [1, {"id": 2}], "totalCount": 3}, page(3, total=3))
    listing = client_of(pages).companies.list(page_size=2)
    found = [found async for found in listing.pages()]
    assert [[company.id for company in one.items] for one in found] == [[2], [3]]
    assert [one.unreadable for one in found] == [1, 0]
    assert [sent["skipCount"] for sent in pages.asked] == [0, 2]


@pytest.mark.parametrize("body", [None, [], 3, {"totalCount": 1}, {"items": {}}, {"items": None}])
async def test_answer_that_is_no_list_is_an_error(body: object) -> None:
    """An answer without a list of items is not an empty list."""
    client = AsyncZenvoicesClient(login(), transport=answering(body))
    with pytest.raises(ProtocolError, match="expected an object with a list"):
        _ = [company async for company in client.companies.list()]
