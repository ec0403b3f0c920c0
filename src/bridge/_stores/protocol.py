"""What the bridge asks of a store: rows, a lease, and one atomic commit.

A store moves rows and interprets nothing. The bridge alone writes and reads the texts of rows and
heads, so a store does not change when the states of a delivery do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from attrs import frozen

from _client_kit._errors import StoreError

__all__ = ["FIND_LIMIT", "CheckpointStore", "Lease", "Row", "held_until"]

FIND_LIMIT = 500
"""The most ids one find() may name."""


@frozen
class Row:
    """One delivery, as a store sees it.

    Attributes:
        id: The document's id, unique within a connection.
        state: A short word; select() looks for it.
        due: Epoch seconds by the connection's clock from which select() finds the row, or None.
        value: Versioned JSON text that only the bridge reads.
    """

    id: str
    state: str
    due: float | None
    value: str


@frozen
class Lease:
    """The right to write one connection's checkpoint.

    Attributes:
        key: The connection.
        fence: Greater than that of every earlier lease of this key.
    """

    key: str
    fence: int


class CheckpointStore(Protocol):
    """The methods of a store that keeps what connections must remember between two runs.

    Calls are synchronous, atomic each, and come from any thread. A store that is damaged, newer
    than the code or out of reach raises :class:`StoreError`: it never answers as if it were empty,
    because an empty store means "never activated".

    A store may have one method more, ``held_until(key) -> float | None``: the end of the lease in
    epoch seconds by the store's clock, or None if no worker holds it. The bridge calls it only to
    fill :attr:`BusyError.held_until`.
    """

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for ``ttl`` seconds, or return None while a worker holds it.

        Expiry is judged by the store's own clock, never the caller's. A held lease is not given
        again under the same ``owner`` either.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; afterwards it commits nothing. Do nothing if it is superseded."""
        ...

    def head(self, key: str) -> str | None:
        """Return the connection's small JSON text, or None if none was ever committed."""
        ...

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """Return the rows of at most 500 ids, each row once, in any order."""
        ...

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """Return at most ``limit`` rows in one of ``states``, ordered by id (by code point).

        Args:
            key: The connection.
            states: The states to look for.
            due: Only rows whose own due is set and not later than this; None for all.
            after: Only rows whose id is greater than this; None to start.
            limit: The most rows to return.
        """
        ...

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """Write head (None keeps the old one) and rows together, durably, and renew the lease.

        A lease that has expired and was not superseded still commits.

        Raises:
            LeaseLostError: A higher fence exists, or the lease was released; nothing was written.
        """
        ...


def held_until(store: CheckpointStore, key: str) -> datetime | None:
    """Return when the lease of ``key`` ends, or None where the store cannot tell."""
    ask = getattr(store, "held_until", None)
    until = None if ask is None else ask(key)
    if not isinstance(until, float):
        return None
    try:
        return datetime.fromtimestamp(until, UTC)
    except (OverflowError, ValueError, OSError):  # after the year 9999
        return None


def store_error(message: str, *, hint: str | None = None, retryable: bool = False) -> StoreError:
    """Make a StoreError of the bridge."""
    return StoreError(message, service="bridge", hint=hint, retryable=retryable)


def check_ids(ids: Sequence[str]) -> Sequence[str]:
    """Refuse a find() that names too many ids: the caller's mistake, not the store's."""
    if len(ids) > FIND_LIMIT:
        raise ValueError(f"find() takes at most {FIND_LIMIT} ids, not {len(ids)}")
    return ids


def check_acquire(key: str, owner: str, ttl: float) -> None:
    """Refuse a lease that cannot be stored, or that would never or always be expired."""
    _check_ttl(ttl)
    _check_text(key, "the key")
    _check_text(owner, "the owner")


def check_commit(head: str | None, rows: Iterable[Row], ttl: float) -> list[Row]:
    """Return the rows; refuse a commit that would not read back as it was written."""
    _check_ttl(ttl)
    if head is not None:
        _check_text(head, "the head")
    checked = list(rows)
    for row in checked:
        _check_text(row.id, "the id")
        _check_text(row.state, "the state")
        _check_text(row.value, "the value")
        if not row.id or not row.state:
            raise store_error("a row without an id or a state cannot be stored")
        if row.due is not None and not math.isfinite(row.due):
            raise store_error(f"the row {row.id!r} cannot be stored: its due is {row.due!r}")
    return checked


def _check_ttl(ttl: float) -> None:
    if not (math.isfinite(ttl) and ttl > 0):
        raise ValueError(f"a lease lasts a positive number of seconds, not {ttl!r}")


def _check_text(text: str, name: str) -> None:
    # SQLite would cut a text at a NUL, and PostgreSQL refuses it. No database takes half a
    # surrogate pair.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise store_error(
            f"{name} {text[:80]!r} cannot be stored: it holds half a character"
        ) from None
    if "\0" in text:
        raise store_error(f"{name} {text[:80]!r} cannot be stored: it holds a NUL")
