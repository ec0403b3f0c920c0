"""One connection's checkpoint while a worker holds it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from _client_kit import _clock
from _client_kit import _world_async as world
from bridge._checkpoints import FIND_LIMIT, CheckpointStore, Lease, Row, held_until
from bridge._errors import Busy, LeaseLost
from bridge._life import Delivery
from bridge._records import Head, counted_as, delivery_of, head_of, head_text, row_of

__all__ = ["AsyncLedger"]


class AsyncLedger:
    """Reads deliveries, gathers changes, and commits them together under a lease.

    Attributes:
        head: The connection's head as it will be committed next.
        exists: Whether the store has a head for the connection.
    """

    def __init__(
        self, store: CheckpointStore, key: str, binding: Mapping[str, Any], ttl: float
    ) -> None:
        self._store = store
        self._key = key
        self._binding = binding
        self._ttl = ttl
        self._lease: Lease | None = None
        self._until = 0.0
        self._rows: dict[str, Row] = {}
        self._changed = False
        self.head = Head(binding)
        self.exists = False

    async def acquire(self) -> None:
        """Take the lease and read the head.

        Raises:
            Busy: Another worker holds it.
            StoreError: The store failed, or its value is damaged.
        """
        asked_at = _clock.monotonic()
        lease = await world.call_store(
            self._store.acquire, self._key, secrets.token_hex(8), self._ttl
        )
        if lease is None:
            raise Busy(held_until=await world.call_store(held_until, self._store, self._key))
        self._lease, self._until = lease, asked_at + self._ttl
        try:
            await self.read()
        except BaseException:
            await self.release()
            raise

    async def read(self) -> None:
        """Read the head, with or without the lease."""
        text = await world.call_store(self._store.head, self._key)
        self.exists = text is not None
        self.head = Head(self._binding) if text is None else head_of(text, self._binding)

    async def release(self) -> None:
        """Give the lease back; what was not committed is forgotten."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await world.call_store(self._store.release, lease)

    async def find(self, ids: Sequence[str]) -> dict[str, Delivery]:
        """The deliveries of those documents that have one."""
        found: dict[str, Delivery] = {}
        for start in range(0, len(ids), FIND_LIMIT):
            some = ids[start : start + FIND_LIMIT]
            for row in await world.call_store(self._store.find, self._key, some):
                found[row.id] = delivery_of(row)
        return found

    async def select(
        self, *states: str, due: float | None = None, after: str | None = None, limit: int = 500
    ) -> list[Delivery]:
        """Deliveries in some states, by document id."""
        rows = await world.call_store(
            self._store.select, self._key, states, due=due, after=after, limit=limit
        )
        return [delivery_of(row) for row in rows]

    def put(self, stored: Delivery | None, new: Delivery) -> None:
        """Have the next commit write a delivery; ``stored`` is what it was before."""
        if stored == new:
            return
        counts = dict(self.head.counts)
        if stored is not None:
            counts[counted_as(stored)] = counts.get(counted_as(stored), 0) - 1
        counts[counted_as(new)] = counts.get(counted_as(new), 0) + 1
        self.update(counts={name: number for name, number in counts.items() if number})
        self._rows[new.document_id] = row_of(new)

    def update(self, **changes: Any) -> None:
        """Have the next commit write a changed head."""
        self.head = evolve(self.head, **changes)
        self._changed = True

    async def flush(self) -> None:
        """Commit what was put and updated, and renew the lease; nothing to do costs nothing.

        Raises:
            LeaseLost: Another worker took over; nothing was written.
        """
        if self._changed:
            await self.renew()

    async def renew(self) -> None:
        """Commit whether or not anything changed, which renews the lease."""
        if self._lease is None:
            raise LeaseLost
        rows, self._rows = tuple(self._rows.values()), {}
        head = head_text(self.head) if self._changed else None
        self._changed = False
        asked_at = _clock.monotonic()
        await world.call_store(self._store.commit, self._lease, head=head, rows=rows, ttl=self._ttl)
        self._until = asked_at + self._ttl

    def remaining(self) -> float:
        """Seconds the lease still lasts, by the monotonic clock; never more than in truth."""
        return self._until - _clock.monotonic()

    def guard(self) -> None:
        """Stop whoever is about to send bytes after the lease has ended.

        Raises:
            LeaseLost: It has.
        """
        if self.remaining() <= 0:
            message = "the lease ended while a document was being sent"
            raise LeaseLost(message)
