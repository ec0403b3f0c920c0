"""One connection's checkpoint while a worker holds it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Self

from attrs import evolve

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from _client_kit._errors import StoreError
from bridge._delivery.delivery import Delivery
from bridge._delivery.ids import canonical_id
from bridge._delivery.row_format import Head, counted_as, delivery_of, head_of, head_text, row_of
from bridge._errors import BusyError, LeaseLostError
from bridge._stores.protocol import FIND_LIMIT, CheckpointStore, Lease, Row, held_until

__all__ = ["AsyncCheckpointSession"]

logger = logging.getLogger("bridge")

NAMED = 50
"""As many waiting documents are named by status(); reading them costs one look at the store."""
COMPANIES = 5
"""As many numbers of the company are remembered; each is one more look-up before a re-send."""


class AsyncCheckpointSession:
    """Reads deliveries, gathers changes, and commits them together under a lease.

    Attributes:
        head: The connection's head as it will be committed next.
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

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def acquire(self) -> None:
        """Take the lease and read the head.

        Raises:
            BusyError: Another worker holds it.
            StoreError: The store failed, or its value is damaged.
        """
        owner = secrets.token_hex(8)

        def take() -> None:
            # Kept at once: a cancellation that comes meanwhile must not leave it taken.
            self._until = _clock.monotonic() + self._ttl
            self._lease = self._store.acquire(self._key, owner, self._ttl)

        try:
            await runtime.call_store(take)
            if self._lease is None:
                raise BusyError(
                    held_until=await runtime.call_store(held_until, self._store, self._key)
                )
            await self.read()
        except BaseException:
            await self.release()
            raise

    async def read(self) -> None:
        """Read the head, with or without the lease."""
        text = await runtime.call_store(self._store.head, self._key)
        self.head = Head(self._binding) if text is None else head_of(text, self._binding)

    async def release(self) -> None:
        """Give the lease back; what was not committed is forgotten."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            await runtime.call_store(self._store.release, lease)
        except StoreError as error:
            # What was done is durable, and the lease ends by itself.
            logger.warning("the lease could not be given back: %s", error.message)

    async def find(self, ids: Sequence[str]) -> dict[str, Delivery]:
        """The deliveries of those documents that have one, by canonical id.

        Args:
            ids: As Banqup or a person spells them, under which one may have been kept, too.
        """
        names = list(dict.fromkeys(name for given in ids for name in (canonical_id(given), given)))
        found: dict[str, Delivery] = {}
        for start in range(0, len(names), FIND_LIMIT):
            some = names[start : start + FIND_LIMIT]
            for row in await runtime.call_store(self._store.find, self._key, some):
                found[canonical_id(row.id)] = delivery_of(row)
        return found

    async def select(
        self, *states: str, due: float | None = None, after: str | None = None, limit: int = 500
    ) -> list[Delivery]:
        """Deliveries in some states, by document id."""
        rows = await runtime.call_store(
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
        self._name(new)
        self._rows[new.document_id] = row_of(new)

    def _name(self, delivery: Delivery) -> None:
        """Keep the ids of waiting documents that a person should know of, the latest last."""
        named = self.head.named
        known = delivery.document_id in named
        if delivery.needs_naming and not known:
            self.update(named=(*named, delivery.document_id)[-NAMED:])
        elif known and not delivery.needs_naming:
            self.update(named=tuple(name for name in named if name != delivery.document_id))

    def update(self, **changes: Any) -> None:
        """Have the next commit write a changed head."""
        head = evolve(self.head, **changes)
        self._changed = self._changed or head != self.head
        self.head = head

    def remember_company(self, number: int) -> None:
        """Have the next commit write the company's number of today."""
        known = [other for other in self.head.companies if other != number]
        self.update(companies=(*known, number)[-COMPANIES:])

    async def flush(self) -> None:
        """Commit what was put and updated; nothing to do costs nothing while the lease is young.

        Raises:
            LeaseLostError: Another worker took over; nothing was written.
        """
        if self._rows or self._changed or self.remaining() < self._ttl / 2:
            await self.renew()

    async def renew(self) -> None:
        """Commit whether or not anything changed, which renews the lease."""
        if self._lease is None:
            raise LeaseLostError
        rows = self._rows
        head = head_text(self.head) if self._changed else None
        asked_at = _clock.monotonic()
        await runtime.call_store(
            self._store.commit, self._lease, head=head, rows=tuple(rows.values()), ttl=self._ttl
        )
        # Only now: what a commit that failed did not write belongs to the next one.
        self._rows, self._changed = {}, False
        self._until = asked_at + self._ttl

    def remaining(self) -> float:
        """Seconds the lease still lasts, by the monotonic clock; never more than in truth."""
        return self._until - _clock.monotonic()

    def guard(self, needed: float = 0.0) -> None:
        """Stop whoever is about to send bytes without the lease.

        Args:
            needed: Seconds for which it must last.

        Raises:
            LeaseLostError: It has ended, or ends too soon.
        """
        if self.remaining() <= needed:
            error = LeaseLostError("the lease ended while a document was being sent")
            error.retryable = False  # a call that met it is not worth repeating
            raise error
