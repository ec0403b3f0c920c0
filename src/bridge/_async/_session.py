"""Read and write one connection's checkpoint under its lease."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from attrs import define, evolve, field

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from _client_kit._errors import StoreError
from bridge._delivery.delivery import Delivery
from bridge._delivery.ids import canonical_id
from bridge._delivery.row_format import Head, counted_as, delivery_of, head_of, head_text, row_of
from bridge._errors import IN_MEMORY, BusyError, LeaseLostError
from bridge._stores.protocol import (
    FIND_LIMIT,
    CheckpointStore,
    Lease,
    Row,
    held_until,
    is_in_memory,
)

logger = logging.getLogger("bridge")

PAGE = 500
COMPANIES = 5
"""The most company numbers to remember; each costs one more look-up per document after a restore.
"""


@define(eq=False)
class AsyncCheckpointSession:
    """Read deliveries, collect changes, and commit them together under a lease.

    Args:
        store: The store of the connection.
        binding: The space, the company and the services of the connection. For the record that says
            who uses a space: the word "space", Banqup's address, and the space. The values together
            are the key in the store.
        ttl: The length of the lease in seconds.
        new: Whether to take the lease even if nothing is stored for the connection.

    Attributes:
        key: The key in the store.
        head: The connection's head, with changes that the next commit writes.
    """

    _store: CheckpointStore
    _binding: Mapping[str, Any]
    _ttl: float
    new: bool = field(default=False, kw_only=True)
    _lease: Lease | None = None
    _until: float = 0.0
    _rows: dict[str, Row] = field(factory=dict[str, Row])
    _changed: bool = False
    key: str = field(init=False)
    head: Head = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.key = " ".join(map(str, self._binding.values()))
        self.head = Head(self._binding)

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def acquire(self) -> None:
        """Take the lease and read the head; do nothing if nothing is stored and `new` is False.

        Raises:
            BusyError: Another worker holds the lease.
            StoreError: The store failed, or the head is damaged.
        """
        if not self.new and await runtime.call_store(self._store.head, self.key) is None:
            # Without this return, an export in a wrong folder would create a checkpoint file.
            return
        owner = secrets.token_hex(8)

        def take() -> None:
            # Set both in this thread: if the caller is cancelled, release() must find the lease.
            self._until = _clock.monotonic() + self._ttl
            self._lease = self._store.acquire(self.key, owner, self._ttl)

        try:
            await runtime.call_store(take)
            if self._lease is None:
                raise BusyError(
                    held_until=await runtime.call_store(held_until, self._store, self.key)
                )
            await self.read()
        except BaseException:
            await self.release()
            raise

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the store, for the result of activate()."""
        return (IN_MEMORY,) if is_in_memory(self._store) else ()

    async def read(self) -> None:
        """Read the head, with or without the lease."""
        text = await runtime.call_store(self._store.head, self.key)
        self.head = Head(self._binding) if text is None else head_of(text, self._binding)

    async def release(self) -> None:
        """Release the lease. Changes that were not committed are lost."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            await runtime.call_store(self._store.release, lease)
        except StoreError as error:
            # Do not raise: all commits are durable, and the lease expires by itself.
            logger.warning("the lease could not be given back: %s", error.message)

    async def find(self, ids: Sequence[str]) -> dict[str, Delivery]:
        """Return the stored deliveries of documents, by canonical id.

        Args:
            ids: The documents' ids as Banqup or a user spells them.
        """
        names = list(dict.fromkeys(map(canonical_id, ids)))
        found: dict[str, Delivery] = {}
        for start in range(0, len(names), FIND_LIMIT):
            some = names[start : start + FIND_LIMIT]
            for row in await runtime.call_store(self._store.find, self.key, some):
                found[row.id] = delivery_of(row)
        return found

    async def all(self, *states: str, due: float | None = None) -> AsyncIterator[Delivery]:
        """Yield all deliveries in some states.

        If the session holds the lease, commit the changes after each 500 deliveries.

        Args:
            states: Names of states, such as ``"waiting"``.
            due: Only deliveries that are due at this time, in epoch seconds; None for all.
        """
        after: str | None = None
        while rows := await runtime.call_store(
            self._store.select, self.key, states, due=due, after=after, limit=PAGE
        ):
            for row in rows:
                yield delivery_of(row)
            after = rows[-1].id
            if self._lease is not None:
                await self.flush()

    def put(self, stored: Delivery | None, new: Delivery) -> None:
        """Queue a delivery for the next commit; `stored` is the delivery it replaces, or None."""
        if stored == new:
            return
        counts = dict(self.head.counts)
        if stored is not None:
            counts[counted_as(stored)] = counts.get(counted_as(stored), 0) - 1
        counts[counted_as(new)] = counts.get(counted_as(new), 0) + 1
        self.update(counts={name: number for name, number in counts.items() if number})
        # The label of a skipped document is for the report of this run alone.
        kept = evolve(new, label="") if new.state == "skipped" else new
        self._rows[new.document_id] = row_of(kept)

    def update(self, **changes: Any) -> None:
        """Change fields of the head; the next commit writes it."""
        head = evolve(self.head, **changes)
        self._changed = self._changed or head != self.head
        self.head = head

    def remember_company(self, number: int) -> None:
        """Make this number the last of `Head.companies`; the next commit writes it."""
        known = [other for other in self.head.companies if other != number]
        self.update(companies=(*known, number)[-COMPANIES:])

    async def flush(self) -> None:
        """Commit all changes and renew the lease.

        Without changes, renew it only if less than half of its time is left.

        Raises:
            LeaseLostError: The session has no lease, or another worker took it; nothing was
                written.
        """
        if self._rows or self._changed or self.remaining() < self._ttl / 2:
            await self.renew()

    async def renew(self) -> None:
        """Commit all changes, if any, and renew the lease."""
        if self._lease is None:
            raise LeaseLostError
        rows = self._rows
        head = head_text(self.head) if self._changed else None
        asked_at = _clock.monotonic()
        await runtime.call_store(
            self._store.commit, self._lease, head=head, rows=tuple(rows.values()), ttl=self._ttl
        )
        # Clear both only after the commit: if it fails, the next commit must write the changes.
        self._rows, self._changed = {}, False
        self._until = asked_at + self._ttl

    def remaining(self) -> float:
        """Return how many seconds the lease lasts at least, by the monotonic clock."""
        return self._until - _clock.monotonic()

    def guard(self, needed: float = 0.0) -> None:
        """Check the lease before bytes are sent.

        Args:
            needed: How many seconds the lease must still last.

        Raises:
            LeaseLostError: The lease has ended or ends too soon.
        """
        if self.remaining() <= needed:
            error = LeaseLostError()
            error.retryable = False  # the client must not repeat the call that this error stopped
            raise error
