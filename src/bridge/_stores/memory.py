"""A store in memory: for tests, trials, and as the model of what a store does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from heapq import nsmallest
from operator import attrgetter

from attrs import Factory, define

from bridge._errors import LeaseLostError
from bridge._stores.protocol import Lease, Row, check_ids, check_rows, check_text, check_ttl

__all__ = ["MemoryCheckpoints"]

_by_id = attrgetter("id")


@define
class Shelf:
    """All that is kept of one connection, and the rules of its lease.

    Giving the lease back raises the fence as taking it does, so one comparison refuses both a
    superseded lease and a returned one.
    """

    fence: int = 0
    owner: str | None = None
    expires: float | None = None
    ttl: float = 0.0
    head: str | None = None
    rows: dict[str, Row] = Factory(dict[str, Row])

    def held_until(self, now: float) -> float | None:
        """The end of the lease, or None when nobody holds it."""
        if self.expires is None or self.expires <= now:
            return None
        return min(self.expires, now + self.ttl)

    def acquire(self, key: str, owner: str, ttl: float, now: float) -> Lease | None:
        """Take the lease unless it is held."""
        until = self.held_until(now)
        if until is not None:
            # A clock that was set back must not keep a dead worker's lease for ever.
            self.expires = until
            return None
        self.fence += 1
        self.owner, self.expires, self.ttl = owner, now + ttl, ttl
        return Lease(key, self.fence)

    def release(self, lease: Lease) -> bool:
        """Give the lease back; whether it was still this one's."""
        if self.fence != lease.fence:
            return False
        self.fence += 1
        self.owner = self.expires = None
        return True

    def commit(
        self, lease: Lease, head: str | None, rows: Sequence[Row], ttl: float, now: float
    ) -> None:
        """Write, and renew the lease."""
        if self.fence != lease.fence:
            raise LeaseLostError
        if head is not None:
            self.head = head
        self.rows.update((row.id, row) for row in rows)
        self.expires, self.ttl = now + ttl, ttl

    def find(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these ids."""
        return [self.rows[known] for known in dict.fromkeys(ids) if known in self.rows]

    def select(
        self, states: Sequence[str], due: float | None, after: str | None, limit: int
    ) -> list[Row]:
        """Rows by state and due, in the order of their ids."""
        wanted = frozenset(states)
        return nsmallest(
            limit,
            (
                row
                for row in self.rows.values()
                if row.state in wanted
                and (due is None or (row.due is not None and row.due <= due))
                and (after is None or row.id > after)
            ),
            key=_by_id,
        )


class MemoryCheckpoints:
    """Checkpoints that end with the process.

    Warning:
        Whatever was exported is forgotten with the process. Use it in tests and trials only.

    Args:
        clock: Epoch seconds, for leases.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shelves: dict[str, Shelf] = {}

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        check_ttl(ttl)
        with self._lock:
            shelf = self._shelves.setdefault(check_text(key, "the key"), Shelf())
            return shelf.acquire(key, owner, ttl, self._clock())

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        with self._lock:
            self._shelf(lease.key).release(lease)

    def held_until(self, key: str) -> float | None:
        """When the lease ends, or None when nobody holds it."""
        with self._lock:
            return self._shelf(key).held_until(self._clock())

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        with self._lock:
            return self._shelf(key).head

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        with self._lock:
            return self._shelf(key).find(check_ids(ids))

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""
        with self._lock:
            return self._shelf(key).select(states, due, after, limit)

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`."""
        checked = check_rows(rows)
        if head is not None:
            check_text(head, "the head")
        with self._lock:
            self._shelf(lease.key).commit(lease, head, checked, check_ttl(ttl), self._clock())

    def _shelf(self, key: str) -> Shelf:
        return self._shelves.get(key) or Shelf()
