"""Lists that fetch their pages when they are needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._async import _paging
from _client_kit._async._paging import AsyncListing
from _client_kit._response import Page, fingerprint

SIZE = 3
Answer = Callable[[int, int], Page[int]]


class Fetcher:
    """Answers for pages from the offset asked for, and counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[int] = []

    async def __call__(self, position: int) -> Page[int]:
        self.asked.append(position)
        return self.answer(position, len(self.asked))


def page(rows: list[int], total: int | None, *, following: int | None) -> Page[int]:
    """A page as a client makes it."""
    return Page(
        tuple(rows),
        total,
        full=len(rows) >= SIZE,
        next=following,
        fingerprint=fingerprint(rows),
    )


def honest(count: int, *, total: bool = True) -> Answer:
    """A service that keeps to what it says."""
    rows = list(range(count))

    def answer(offset: int, _asked: int) -> Page[int]:
        following = rows[offset : offset + SIZE]
        return page(following, count if total else None, following=offset + SIZE)

    return answer


async def all_of(answer: Answer) -> tuple[list[int], Fetcher, bool]:
    """Everything a listing brings, and what it asked for."""
    fetch = Fetcher(answer)
    listing = AsyncListing(fetch, 0)
    rows = [row async for row in listing]
    return rows, fetch, listing.complete


@pytest.mark.anyio
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 10])
@pytest.mark.parametrize("total", [True, False])
async def test_every_entry_once(count: int, total: bool) -> None:
    """Whatever the number of entries, each comes once, and the end is seen."""
    rows, fetch, complete = await all_of(honest(count, total=total))
    assert rows == list(range(count))
    assert complete
    assert len(fetch.asked) <= count // SIZE + 1


@pytest.mark.anyio
async def test_pages_are_fetched_when_they_are_needed() -> None:
    """Nothing is asked for before it is wanted; leaving early asks for no more."""
    fetch = Fetcher(honest(10))
    listing = AsyncListing(fetch, 0)
    assert fetch.asked == []
    async for row in listing:
        if row == 1:
            break
    assert fetch.asked == [0]
    assert not listing.complete


@pytest.mark.anyio
async def test_iterating_again_asks_again() -> None:
    """A listing can be gone through any number of times."""
    listing = AsyncListing(Fetcher(honest(4)), 0)
    for _ in range(2):
        assert [row async for row in listing] == [0, 1, 2, 3]


@pytest.mark.anyio
async def test_page_asked_for_is_ignored() -> None:
    """A service that always gives the first page is not asked for ever."""
    rows, fetch, complete = await all_of(lambda _offset, _n: page([1, 2, 3], 9, following=3))
    assert rows == [1, 2, 3]
    assert len(fetch.asked) == 2
    assert not complete


@pytest.mark.anyio
async def test_pages_that_go_round_in_a_circle() -> None:
    """A next page that leads back ends the list."""

    def answer(offset: int, _asked: int) -> Page[int]:
        return page([offset, offset, offset], None, following=(offset + 1) % 4)

    rows, fetch, complete = await all_of(answer)
    assert len(rows) == 12
    assert len(fetch.asked) == 5
    assert not complete


@pytest.mark.anyio
async def test_total_that_promises_too_much() -> None:
    """A total that is never reached ends with the entries, and is not called complete."""

    def answer(offset: int, _asked: int) -> Page[int]:
        return page(list(range(5))[offset : offset + SIZE], 100, following=offset + SIZE)

    rows, _, complete = await all_of(answer)
    assert rows == list(range(5))
    assert not complete


@pytest.mark.anyio
async def test_total_that_promises_too_little() -> None:
    """A total that is passed by full pages does not end the list."""

    def answer(offset: int, _asked: int) -> Page[int]:
        return page(list(range(7))[offset : offset + SIZE], 2, following=offset + SIZE)

    rows, _, complete = await all_of(answer)
    assert rows == list(range(7))
    assert complete


@pytest.mark.anyio
async def test_list_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that never ends is left after the most pages there can be."""
    monkeypatch.setattr(_paging, "MAX_PAGES", 50)
    rows, fetch, complete = await all_of(
        lambda offset, asked: page([asked] * SIZE, None, following=offset + SIZE)
    )
    assert len(fetch.asked) == 50
    assert len(rows) == 50 * SIZE
    assert not complete


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_fingerprints(one: list[int], other: list[int]) -> None:
    """Equal pages have equal fingerprints, and others in practice do not."""
    assert (fingerprint(one) == fingerprint(other)) is (one == other)


@pytest.mark.anyio
async def test_a_listing_says_that_it_is_fetched_later() -> None:
    """Shown in a shell it asks the service nothing, and tells whether the last time saw the end."""
    fetch = Fetcher(honest(4))
    listing = AsyncListing(fetch, 0)
    assert "complete=False" in repr(listing)
    assert fetch.asked == []
    assert [row async for row in listing] == list(range(4))
    assert "complete=True" in repr(listing)
