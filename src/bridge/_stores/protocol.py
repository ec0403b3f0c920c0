"""What the bridge asks of a store: rows, a lease, and one atomic commit.

A store moves rows and interprets nothing. Whatever a row or a head says is written and read by the
bridge alone, so a store never changes when the life of a delivery does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
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
        fence: Grows with every lease of this key, for ever.
    """

    key: str
    fence: int


class CheckpointStore(Protocol):
    """Where connections keep what they must remember between two runs.

    Calls are synchronous, atomic each, and come from any thread. A store that is damaged, newer
    than the code or out of reach raises :class:`StoreError`: it never answers as if it were empty,
    because an empty store means "never activated".

    A store that can tell offers one method more, ``held_until(key) -> float | None``: the end of
    the lease in epoch seconds by the store's clock, or None when nobody holds it. It is asked for
    only to fill :attr:`BusyError.held_until`.
    """

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for ``ttl`` seconds, or return None while anybody holds it.

        Expiry is judged by the store's own clock, never the caller's. Asking again under the same
        ``owner`` is no exception: a lease that is held is held.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; afterwards it commits nothing. Superseded: nothing happens."""
        ...

    def head(self, key: str) -> str | None:
        """The connection's small JSON text, or None when none was ever committed."""
        ...

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """Those of at most 500 ids that have a row, each once, in any order."""
        ...

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """At most ``limit`` rows in one of ``states``, ordered by id (by code point).

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
        """Write head (None leaves it) and rows together, durably, and renew the lease.

        A lease that has expired and was not superseded still commits.

        Raises:
            LeaseLostError: A higher fence exists, or the lease was released; nothing was written.
        """
        ...


def held_until(store: CheckpointStore, key: str) -> float | None:
    """When the lease of ``key`` ends, where the store can tell."""
    ask = getattr(store, "held_until", None)
    if ask is None:
        return None
    until = ask(key)
    return until if isinstance(until, float) else None


def failure(message: str, *, hint: str | None = None, retryable: bool = False) -> StoreError:
    """A StoreError of the bridge."""
    return StoreError(message, service="bridge", hint=hint, retryable=retryable)


def check_ids(ids: Sequence[str]) -> Sequence[str]:
    """Refuse a find() that names too many ids: a caller's mistake, not the store's."""
    if len(ids) > FIND_LIMIT:
        raise ValueError(f"find() takes at most {FIND_LIMIT} ids, not {len(ids)}")
    return ids


def check_ttl(ttl: float) -> float:
    """Refuse a lease that could never, or always, be expired."""
    if not (math.isfinite(ttl) and ttl > 0):
        raise ValueError(f"a lease lasts a positive number of seconds, not {ttl!r}")
    return float(ttl)


def check_text(text: str, what: str) -> str:
    """Refuse text that some store would cut or could not write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise failure(f"{what} {text[:80]!r} cannot be stored: it holds half a character") from None
    if "\0" in text:
        raise failure(f"{what} {text[:80]!r} cannot be stored: it holds a NUL")
    return text


def check_rows(rows: Iterable[Row]) -> list[Row]:
    """Refuse rows that would not read back as they were written."""
    checked = list(rows)
    for row in checked:
        check_text(row.id, "the id")
        check_text(row.state, "the state")
        check_text(row.value, "the value")
        if not row.id or not row.state:
            raise failure("a row without an id or a state cannot be stored")
        if row.due is not None and not math.isfinite(row.due):
            raise failure(f"the row {row.id!r} cannot be stored: its due is {row.due!r}")
    return checked
