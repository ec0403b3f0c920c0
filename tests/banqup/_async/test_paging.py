"""Listing documents of a service that does not help."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from banqup_client import AsyncBanqupClient, Document, RejectedError
from banqup_client.testing import FakeBanqup
from support.banqup_service import API, SPACE, Scripted, credentials, fake_banqup

pytestmark = pytest.mark.anyio

Answers = Callable[[dict[str, str]], object]


def rows(*numbers: int) -> list[dict[str, str]]:
    """Documents by their numbers."""
    return [{"id": f"d{number}"} for number in numbers]


def slice_of(total: int, query: dict[str, str], size: int) -> list[dict[str, str]]:
    """One page of so many documents, as a service cuts them."""
    start = int(query["page"]) * size
    return rows(*range(start, min(start + size, total)))


async def listed(answers: Answers, *, page_size: int = 50) -> tuple[list[str], bool, int]:
    """The ids a listing brings, whether it saw the end, and how many requests that took."""
    scripted = Scripted(lambda request: answers(dict(request.url.params)))
    client = AsyncBanqupClient(credentials(), base_url=API, transport=scripted)
    listing = client.documents.list(SPACE, page_size=page_size)
    ids = [document.id async for document in listing]
    return ids, listing.complete, len(scripted.requests)


def names(count: int) -> list[str]:
    return [f"d{number}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 120])
async def test_every_document_comes_once(count: int) -> None:
    """Whatever their number, all documents of the fake are listed, with no request too many."""
    fake = fake_banqup()
    space = fake.add_space()
    published = {fake.publish(space) for _ in range(count)}
    client = AsyncBanqupClient(credentials(), base_url=API, transport=fake.transport())
    listing = client.documents.list(space)
    ids = [document.id async for document in listing]
    assert len(ids) == count
    assert set(ids) == published
    assert listing.complete
    # A page that is full exactly at the total is asked behind: totals may be too small.
    assert fake.counts["documents.list"] <= count // 50 + 1


async def test_a_listing_is_lazy() -> None:
    """Nothing is asked for before the first document is, and no page before it is needed."""
    fake = fake_banqup()
    space = fake.add_space()
    for _ in range(120):
        fake.publish(space)
    client = AsyncBanqupClient(credentials(), base_url=API, transport=fake.transport())
    listing = client.documents.list(space)
    assert fake.requests == []
    async for _ in listing:
        break
    assert fake.counts["documents.list"] == 1
    assert not listing.complete


async def test_pages_bring_the_servers_time() -> None:
    """Each page has its documents, the total, and the answer's Date."""
    fake = fake_banqup(clock=lambda: 1_767_225_600.0)
    space = fake.add_space()
    fake.publish(space)
    client = AsyncBanqupClient(credentials(), base_url=API, transport=fake.transport())
    (page,) = [page async for page in client.documents.list(space).pages()]
    assert isinstance(page.items[0], Document)
    assert page.total == 1
    assert page.answered_at is not None
    assert page.answered_at.timestamp() == 1_767_225_600


async def test_a_size_that_is_ignored_loses_nothing() -> None:
    """Smaller pages than asked for, told or untold, with a total or without."""
    for total in ({"total": 45}, {}):
        for told in ({"size": 20}, {"size": 50}, {}):

            def answer(query: dict[str, str], more: Any = (total, told)) -> object:
                return {"documents": slice_of(45, query, 20), **more[0], **more[1]}

            assert (await listed(answer))[:2] == (names(45), True)


async def test_larger_pages_than_asked_for_lose_nothing() -> None:
    """A service that sends 100 where 10 were asked for."""

    def answer(query: dict[str, str]) -> object:
        return {"documents": slice_of(150, query, 100), "total": 150}

    assert (await listed(answer, page_size=10))[:2] == (names(150), True)


async def test_a_page_number_that_is_ignored_does_not_loop() -> None:
    """The same page for ever is taken once; it is all where it was not full."""
    assert await listed(lambda _: {"documents": rows(1, 2)}) == (["d1", "d2"], True, 2)
    full = rows(*range(50))
    assert await listed(lambda _: {"documents": full}) == (names(50), False, 2)
    assert await listed(lambda _: {"documents": full, "total": 90}) == (names(50), False, 2)


async def test_a_total_that_is_too_small_loses_nothing() -> None:
    """Full pages go on whatever the total says."""

    def answer(query: dict[str, str]) -> object:
        return {"documents": slice_of(120, query, 50), "total": 3}

    assert (await listed(answer))[:2] == (names(120), True)


async def test_a_total_that_is_too_large_ends() -> None:
    """An empty page ends the listing, which says that it is not complete."""

    def answer(query: dict[str, str]) -> object:
        return {"documents": slice_of(60, query, 50), "total": 10**9}

    assert await listed(answer) == (names(60), False, 3)


@pytest.mark.parametrize("total", [None, -1, "60", True, 1.5, []])
async def test_a_total_that_is_no_number_is_none(total: object) -> None:
    """Without a readable total, the empty page is the end."""

    def answer(query: dict[str, str]) -> object:
        return {"documents": slice_of(60, query, 50), "total": total}

    assert await listed(answer) == (names(60), True, 3)


async def test_documents_that_vanish_while_listing_end_it_safely() -> None:
    """Fewer documents than the first total are no reason to go on."""
    fake: FakeBanqup = fake_banqup(order="oldest_first")
    space = fake.add_space()
    published = [fake.publish(space, created_at=float(number)) for number in range(60)]
    client = AsyncBanqupClient(credentials(), base_url=API, transport=fake.transport())
    listing = client.documents.list(space)
    ids: list[str | None] = []
    async for page in listing.pages():
        if not ids:
            for name in published[40:]:
                fake.remove(name)
        ids += [document.id for document in page.items]
    assert ids == published[:50]
    assert fake.counts["documents.list"] == 2


async def test_documents_that_appear_while_listing_end_it_safely() -> None:
    """What moves to a later page comes twice rather than never; the listing ends."""
    fake = fake_banqup(order="newest_first")
    space = fake.add_space()
    published = [fake.publish(space, created_at=float(number)) for number in range(60)]
    client = AsyncBanqupClient(credentials(), base_url=API, transport=fake.transport())
    ids: list[str | None] = []
    async for page in client.documents.list(space).pages():
        if not ids:
            fake.publish(space, created_at=100.0)
        ids += [document.id for document in page.items]
    assert set(ids) == set(published)
    assert len(ids) == 61


async def test_a_next_token_is_followed() -> None:
    """A token replaces the page number until there is none."""
    pages = {None: (rows(0, 1), "t1"), "t1": (rows(2), "t2"), "t2": (rows(3), None)}
    asked: list[dict[str, str]] = []

    def answer(query: dict[str, str]) -> object:
        asked.append(query)
        documents, token = pages[query.get("next")]
        return {"documents": documents, "next": token}

    assert (await listed(answer))[:2] == (names(4), True)
    assert [("page" in query, query.get("next")) for query in asked] == [
        (True, None),
        (False, "t1"),
        (False, "t2"),
    ]


async def test_an_empty_page_with_more_behind_it_is_no_end() -> None:
    """A token counts more than an empty page."""
    pages = {None: (rows(0), "t1"), "t1": ([], "t2"), "t2": (rows(1), None)}

    def answer(query: dict[str, str]) -> object:
        documents, token = pages[query.get("next")]
        return {"documents": documents, "next": token}

    assert (await listed(answer))[:2] == (names(2), True)


async def test_a_token_that_repeats_itself_ends() -> None:
    """The same token, or a circle of tokens, does not loop."""
    same = await listed(lambda _: {"documents": rows(1), "next": "t"})
    assert same == (["d1"], False, 2)
    circle = {None: ("a", 1), "a": ("b", 2), "b": ("a", 3)}

    def answer(query: dict[str, str]) -> object:
        token, number = circle[query.get("next")]
        return {"documents": rows(number), "next": token}

    assert (await listed(answer))[:2] == (["d1", "d2", "d3"], False)


async def test_tokens_without_end_are_no_end() -> None:
    """Empty pages that each name another are given up, not believed to be the end."""
    numbers = itertools.count()
    endless = await listed(lambda _: {"documents": [], "next": f"t{next(numbers)}"})
    assert endless == ([], False, 100)
    assert await listed(lambda _: {"documents": [], "next": "t"}) == ([], False, 100)


async def test_rows_that_are_no_objects_are_counted() -> None:
    """One bad row costs that row, not the page."""
    answer = {"documents": [{"id": "d1"}, None, "x", {"id": "d2"}], "total": 4}
    scripted = Scripted(lambda _: answer)
    client = AsyncBanqupClient(credentials(), base_url=API, transport=scripted)
    listing = client.documents.list(SPACE)
    (page,) = [page async for page in listing.pages()]
    assert [document.id for document in page.items] == ["d1", "d2"]
    assert page.unreadable == 2
    assert listing.complete


async def test_a_page_that_fails_ends_without_being_complete() -> None:
    """What was listed before stays listed; the listing is not complete."""

    def answer(query: dict[str, str]) -> object:
        if query["page"] == "1":
            return httpx.Response(400, content=b"{}")
        return {"documents": slice_of(90, query, 50), "total": 90}

    scripted = Scripted(lambda request: answer(dict(request.url.params)))
    client = AsyncBanqupClient(credentials(), base_url=API, transport=scripted)
    listing = client.documents.list(SPACE)
    pages = listing.pages()
    assert len((await anext(pages)).items) == 50
    with pytest.raises(RejectedError):
        await anext(pages)
    assert not listing.complete
