"""One page of a list."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Page(Generic[T]):
    """One page of a list, from one response.

    Attributes:
        items: The page's entries.
        total: Number of entries in the whole list, as the service says; None if it does not.
        answered_at: The server's time of the response, from its ``Date`` header, or None.
        unreadable: Number of entries that are not JSON objects; ``items`` leaves them out.
    """

    items: tuple[T, ...]
    total: int | None = None
    answered_at: datetime | None = None
    unreadable: int = 0
    full: bool = True
    """Whether more entries may follow: for example, the page has as many entries as requested."""
    next: Any = None
    """The position of the next page; None if the service says that there is none."""
    fingerprint: int = 0
    """A number that is equal for pages with equal content, within one process."""
    repeat_is_end: bool = False
    """Whether the list is complete if this page only repeats an earlier one."""


def fingerprint(rows: list[Any]) -> int:
    """Return a number that is equal for pages with equal rows, within one process."""
    return hash(repr(rows))
