"""The record of one connection in a store, and the rules of its lease."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define

from bridge._errors import LeaseLostError
from bridge._stores.protocol import Lease, Row

_T = TypeVar("_T")
Use = Callable[["ConnectionRecord", Callable[[], float]], _T]
"""A function that reads or changes a record; its second argument is the store's clock."""


@define
class ConnectionRecord:
    """The data of one connection in a store, without its rows.

    Both acquiring and releasing a lease raise the fence. So one comparison of fences is enough to
    refuse commits with a superseded lease and commits with a released one.

    Attributes:
        fence: The number of the latest lease (`Lease.fence`); one higher after its release.
        owner: The worker that holds the lease, if any.
        expires: When the lease expires, in epoch seconds by the store's clock.
        ttl: The length of the lease in seconds.
        head: The data of the connection that belongs to no single document, as JSON text; see
            `Head`.
    """

    fence: int = 0
    owner: str | None = None
    expires: float | None = None
    ttl: float = 0.0
    head: str | None = None

    def held_until(self, now: float) -> float | None:
        """Return when the lease ends, by the store's clock, or None if no worker holds it."""
        if self.expires is None or self.expires <= now:
            return None
        # Without the limit `now + self.ttl`, setting the clock back could make a killed worker's
        # lease last for years.
        return min(self.expires, now + self.ttl)

    def acquire(self, key: str, owner: str, ttl: float, now: float) -> Lease | None:
        """Take the lease and return it; return None while a worker holds it."""
        until = self.held_until(now)
        if until is not None:
            self.expires = until
            return None
        self.fence += 1
        self.owner, self.ttl = owner, float(ttl)
        self.expires = now + self.ttl
        return Lease(key, self.fence)

    def release(self, lease: Lease) -> None:
        """Release the lease if it is the current one."""
        if self.fence == lease.fence:
            self.fence += 1
            self.owner = self.expires = None

    def renew(self, lease: Lease, head: str | None, ttl: float, now: float) -> None:
        """Renew the lease, and replace the head unless the new one is None.

        Raises:
            LeaseLostError: The lease is not the current one.
        """
        if self.fence != lease.fence:
            raise LeaseLostError
        self.ttl = float(ttl)
        self.expires = now + self.ttl
        if head is not None:
            self.head = head


class LeasedStore(ABC):
    """Base class of stores: implements the methods for lease and head.

    A subclass implements `_use`, which reads and saves the record of a connection.
    """

    @abstractmethod
    def _use(self, key: str, use: Use[_T], *, write: bool, rows: Sequence[Row] = ()) -> _T:
        """Call `use` with the record of a connection, save the changes, and return the result.

        A write saves the record and `rows` in one transaction. The transaction must exclude other
        writers before `use` reads the clock. Otherwise the time would be too old if this call then
        had to wait for another writer.
        """

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        return self._use(
            key, lambda record, now: record.acquire(key, owner, ttl, now()), write=True
        )

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        self._use(lease.key, lambda record, _: record.release(lease), write=True)

    def held_until(self, key: str) -> float | None:
        """Return when the lease ends, by the store's clock, or None if no worker holds it."""
        return self._use(key, lambda record, now: record.held_until(now()), write=False)

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        return self._use(key, lambda record, _: record.head, write=False)

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`.

        Raises:
            TypeError: A row's state or value is not text. Without this check, the store in memory
                would accept it.
        """
        if any(type(text) is not str for row in rows for text in (row.state, row.value)):
            raise TypeError("the state and the value of a row are texts")
        self._use(
            lease.key,
            lambda record, now: record.renew(lease, head, ttl, now()),
            write=True,
            rows=rows,
        )
