"""Lists that fetch their pages on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar, cast

from _client_kit._models import Model
from _client_kit._response import Page

T = TypeVar("T")

MAX_PAGES = 100_000
MAX_EMPTY_PAGES = 100  # in a row


class AsyncListing(Generic[T]):
    """A lazy list: iterate over its items, or over whole pages with :meth:`pages`.

    One page is in memory at a time. Iterating again sends the requests again.

    Attributes:
        complete: Whether the last iteration certainly reached the end of the list. False while the
            iteration runs, and if it failed or was left early. Also False if the list may go on:
            for example, a page was empty before the total that the service names was reached.
    """

    def __init__(self, fetch: Callable[[Any], Awaitable[Page[T]]], first: Any) -> None:
        self._fetch = fetch
        self._first = first
        self.complete = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} complete={self.complete}: fetched as you iterate over it>"

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item
                del item
            del page  # free its memory before the next page is fetched

    async def to_rows(self) -> list[dict[str, Any]]:
        """Fetch all items and return a flat dict for each, for ``pandas.DataFrame``."""
        return [cast("Model", item).to_row() async for item in self]

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over the pages; each is fetched when it is needed.

        The iteration ends before a repeated page. It ends after the 100th empty page in a row,
        after a page without a next page, and after 100,000 pages. If ``page.full`` is False, it
        also ends after an empty page, or if the total is reached or unknown. Without the rule for
        repeated pages, a service that ignores the page number would cause an endless loop.
        """
        self.complete = False
        position = self._first
        seen = empty = 0
        before: int | None = None
        fingerprints: set[int] = set()
        while len(fingerprints) < MAX_PAGES:
            page = await self._fetch(position)
            entries = len(page.items) + page.unreadable
            seen += entries
            reached = page.total is None or seen >= page.total
            empty = 0 if entries else empty + 1
            if empty and (not page.full or empty == MAX_EMPTY_PAGES):
                self.complete = reached and not page.full
                yield page
                return
            if page.fingerprint in fingerprints:
                # Subtract the repeated page's entries from the count.
                all_seen = page.total is not None and seen - entries >= page.total
                self.complete = all_seen or (page.repeat_is_end and page.fingerprint == before)
                return
            before = page.fingerprint
            fingerprints.add(before)
            yield page
            if page.next is None or (reached and not page.full):
                self.complete = True
                return
            position = page.next
            del page
