"""One page of a list."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from attrs import frozen

__all__ = ["Page", "fingerprint"]

T = TypeVar("T")


@frozen
class Page(Generic[T]):
    """One page of a list, as one answer brought it.

    Attributes:
        items: The page's entries.
        total: How many entries the service says the whole list has, where it does.
        answered_at: The server's time of the answer, from its ``Date`` header.
        unreadable: How many entries were no JSON objects and are left out of ``items``.
    """

    items: tuple[T, ...]
    total: int | None = None
    answered_at: datetime | None = None
    unreadable: int = 0
    full: bool = True
    """Whether the page holds as many entries as were asked for, so that more may follow."""
    next: Any = None
    """What to ask for to get the next page; None where the service says there is none."""
    fingerprint: int = 0
    """Equal for pages with equal content."""


def fingerprint(rows: list[Any]) -> int:
    """A number equal for equal pages, within one process."""
    return hash(repr(rows))
