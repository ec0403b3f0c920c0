"""A store in memory, and the base class that it shares with the JSON store."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import TypeVar

from attrs import Factory, define

from _client_kit._arguments import check_clock
from bridge._stores.connection_record import ConnectionRecord
from bridge._stores.protocol import Lease, Row, check_acquire, check_commit, check_ids

__all__ = ["ConnectionRows", "MemoryCheckpoints", "RecordStore"]

_by_id = attrgetter("id")
_T = TypeVar("_T")


@define
class ConnectionRows(ConnectionRecord):
    """The record of a connection, with its rows by id."""

    rows: dict[str, Row] = Factory(dict[str, Row])


class RecordStore(ABC):
    """Base of stores that load and save all connections at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        check_clock(clock, service="bridge")
        self._clock = clock

    @abstractmethod
    def _apply(self, use: Callable[[dict[str, ConnectionRows]], tuple[_T, bool]]) -> _T:
        """Call `use` with all connections under a lock; save them if it returns True."""

    def _read(self, key: str, ask: Callable[[ConnectionRows], _T]) -> _T:
        return self._apply(lambda known: (ask(known.get(key) or ConnectionRows()), False))

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        check_acquire(key, owner, ttl)

        def take(known: dict[str, ConnectionRows]) -> tuple[Lease | None, bool]:
            record = known.setdefault(key, ConnectionRows())
            expires = record.expires
            lease = record.acquire(key, owner, ttl, self._clock())
            return lease, lease is not None or record.expires != expires

        return self._apply(take)

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        self._apply(lambda known: (None, lease.key in known and known[lease.key].release(lease)))

    def held_until(self, key: str) -> float | None:
        """Return when the lease ends, or None if no worker holds it."""
        return self._read(key, lambda record: record.held_until(self._clock()))

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        return self._read(key, lambda record: record.head)

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        wanted = dict.fromkeys(check_ids(ids))
        return self._read(
            key, lambda record: [record.rows[name] for name in wanted if name in record.rows]
        )

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""

        def matches(row: Row) -> bool:
            return (
                row.state in states
                and (due is None or (row.due is not None and row.due <= due))
                and (after is None or row.id > after)
            )

        return self._read(
            key,
            lambda record: nsmallest(limit, filter(matches, record.rows.values()), key=_by_id),
        )

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`."""
        checked = check_commit(head, rows, ttl)

        def write(known: dict[str, ConnectionRows]) -> tuple[None, bool]:
            record = known.get(lease.key) or ConnectionRows()
            record.renew(lease, head, ttl, self._clock())
            record.rows.update((row.id, row) for row in checked)
            return None, True

        self._apply(write)


class MemoryCheckpoints(RecordStore):
    """Checkpoints that end with the process.

    Warning:
        A new process does not know what was exported. Use it in tests and trials only.

    Args:
        clock: Returns epoch seconds, for leases.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self._lock = threading.Lock()
        self._records: dict[str, ConnectionRows] = {}

    def _apply(self, use: Callable[[dict[str, ConnectionRows]], tuple[_T, bool]]) -> _T:
        with self._lock:
            return use(self._records)[0]
