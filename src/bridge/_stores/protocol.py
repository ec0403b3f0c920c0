"""The protocol of a checkpoint store: rows, a lease, and one atomic commit.

A store reads and writes rows and never interprets them. Only the bridge reads the texts of rows and
heads, so a store does not change when the states of a delivery change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from attrs import frozen

FIND_LIMIT = 500
"""The most ids that one call of find() may name."""


@frozen
class Row:
    """One delivery in the form that a store reads and writes.

    Attributes:
        id: The document's id, unique within a connection.
        state: The delivery's state; select() filters by it.
        due: When the delivery is due, in epoch seconds by the connection's clock, or None if no
            time is set; the argument ``due`` of select() filters by it.
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
        key: The key of the connection.
        fence: A number greater than that of every earlier lease of this key.
    """

    key: str
    fence: int


class CheckpointStore(Protocol):
    """The methods of a store that keeps the state of connections between runs.

    Calls are synchronous and come from any thread. Each call is atomic. A store that is damaged,
    newer than the code or not reachable raises :class:`StoreError`. It never behaves as if it were
    empty, because an empty store means "never activated".

    A store may also have the method ``held_until(key) -> float | None``: the end of the lease in
    epoch seconds by the store's clock, or None if no worker holds it. The bridge calls it only to
    fill :attr:`BusyError.held_until`.
    """

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for ``ttl`` seconds, or return None while a worker holds it.

        The store's own clock decides when a lease expires, never the caller's. A held lease is
        refused to the same ``owner`` too.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Release the lease, which can then commit nothing. Do nothing if a newer lease exists."""
        ...

    def head(self, key: str) -> str | None:
        """Return the head, the JSON text about the whole connection; None if never committed."""
        ...

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """Return the rows that exist of at most 500 ids, each row once, in any order."""
        ...

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """Return at most ``limit`` rows in one of ``states``, ordered by id (by code point).

        Args:
            key: The key of the connection.
            states: Only rows in one of these states.
            due: Only rows whose ``due`` is set and not later than this; None for all rows.
            after: Only rows whose id is greater than this; None to start.
            limit: The most rows to return.
        """
        ...

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """Write head and rows durably, all or nothing; renew the lease for ``ttl`` seconds.

        A head of None keeps the old one. A lease that has expired still commits if no other worker
        has taken it since.

        Raises:
            LeaseLostError: The lease is not the latest, or was released; nothing was written.
        """
        ...


def held_until(store: CheckpointStore, key: str) -> datetime | None:
    """Return when the lease of ``key`` ends; None if it is free, or the store cannot tell."""
    ask = getattr(store, "held_until", None)
    until = None if ask is None else ask(key)
    return None if until is None else datetime.fromtimestamp(until, UTC)


def is_in_memory(store: CheckpointStore) -> bool:
    """Return True if ``store.in_memory`` is True: its rows are lost when the process ends."""
    return getattr(store, "in_memory", False) is True


def name_of_store(store: CheckpointStore) -> str:
    """Return the path of a store's file; if the store has no file, the name of its class."""
    path: object = getattr(store, "path", None)
    return str(path) if isinstance(path, (str, Path)) else type(store).__name__
