"""Tools for the rules: stores on the same data, threads, and wrong clocks."""

# ruff: noqa: S101 - these functions are tests

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from attrs import frozen

from bridge._errors import LeaseLostError
from bridge._stores.protocol import CheckpointStore, Lease, Row

# In seconds: a lease that does not end during a test; a lease whose end a test waits for; and the
# longest wait for a lease or a thread.
LONG = 600.0
SHORT = 0.25
PATIENCE = 20.0


@frozen
class StoreSuite:
    """Several stores on the same data, and a key that no other test uses.

    ``pass_time`` lets a number of seconds pass on the stores' clock.
    """

    stores: list[CheckpointStore]
    pass_time: Callable[[float], None]
    key: str

    @property
    def first(self) -> CheckpointStore:
        return self.stores[0]

    @property
    def second(self) -> CheckpointStore:
        return self.stores[1]

    def lease(self, store: CheckpointStore | None = None, ttl: float = LONG) -> Lease:
        lease = (store or self.first).acquire(self.key, "worker", ttl)
        assert lease is not None, "a lease that no worker holds was refused"
        return lease

    def written(self, *rows: Row, head: str | None = None) -> Lease:
        lease = self.lease()
        self.first.commit(lease, head=head, rows=rows, ttl=LONG)
        return lease

    def after_expiry(self) -> Lease:
        """Wait until a short lease has ended; take and return a new lease by the second store."""
        for _ in range(int(PATIENCE / SHORT)):
            self.pass_time(SHORT)
            lease = self.second.acquire(self.key, "another", LONG)
            if lease is not None:
                return lease
        raise AssertionError("a lease that ended was never given out again")

    def find(self, *ids: str, store: CheckpointStore | None = None) -> list[Row]:
        return by_id((store or self.first).find(self.key, ids))

    def select(self, *states: str, due: float | None = None, key: str | None = None) -> list[Row]:
        rows = self.second.select(key or self.key, states, due=due, after=None, limit=1000)
        return list(rows)


def by_id(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.id)


def assert_lost(act: Callable[[], object], message: str) -> None:
    try:
        act()
    except LeaseLostError:
        return
    raise AssertionError(message)


def in_threads(*tasks: Callable[[], object]) -> None:
    """Run all tasks at the same time, and raise the first error."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result(PATIENCE * 2)


@contextmanager
def wrong_clock(store: CheckpointStore, seconds: float) -> Generator[None, None, None]:
    """Move the wall clocks that the store's Python module can read by this many seconds."""
    real_time, real_datetime = time.time, datetime.datetime

    class Moved(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return real_datetime.now(tz) + datetime.timedelta(seconds=seconds)

    def moved_time() -> float:
        return real_time() + seconds

    moved = {id(real_time): moved_time, id(real_datetime): Moved}
    modules = {time, datetime, sys.modules.get(type(store).__module__, time)}
    with ExitStack() as patches:
        for module in modules:
            for name, value in list(vars(module).items()):
                if id(value) in moved:
                    patches.enter_context(mock.patch.object(module, name, moved[id(value)]))
        yield
