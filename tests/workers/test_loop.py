"""AsyncConnection and its store: the event loop goes on, and a cancellation leaves nothing half."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from bridge import AsyncConnection, ConnectionConfig, LeaseLostError, MemoryCheckpoints, Row
from support.estate import CREDENTIALS, Estate

pytestmark = pytest.mark.anyio

PATIENCE = 30.0
METHODS = ["acquire", "head", "find", "select", "commit", "release"]


class Gated(MemoryCheckpoints):
    """A store one of whose methods blocks its thread until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.method: str | None = None
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.threads: set[int] = set()
        self.ended: list[str] = []

    def _wait(self, method: str) -> None:
        self.threads.add(threading.get_ident())
        if method == self.method and not self.entered.is_set():
            self.entered.set()
            assert self.gate.wait(PATIENCE), "nobody opened the gate"

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name not in METHODS:
            return found

        def gated(*args: Any, **options: Any) -> Any:
            self._wait(name)
            result = found(*args, **options)
            self.ended.append(name)
            return result

        return gated


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Generator[Estate]:
    """One connection with documents to move."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with Estate() as made:
        made.publish(2, old=True)
        yield made


def config_of(estate: Estate) -> ConnectionConfig:
    """The estate's only connection."""
    (config,) = estate.configs(checkpoint_file="unused")
    return config


async def until(happened: Callable[[], bool]) -> int:
    """Let the loop turn until something has happened elsewhere; how often it turned."""
    turns = 0
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0)
            turns += 1
    return turns


def moved(estate: Estate) -> list[float]:
    """The time of both services, in a list that a test changes."""
    now = [time.time()]
    estate.banqup.clock = estate.zenvoices.clock = lambda: now[0]
    return now


async def quiet(connection: AsyncConnection, now: list[float]) -> None:
    """The runs of some hours, after which nothing is on its way."""
    for _ in range(4):
        now[0] += 4000.0
        await connection.export_new()


@pytest.mark.parametrize("method", METHODS)
async def test_loop_turns_while_a_store_blocks(estate: Estate, method: str) -> None:
    """Whatever store method hangs, other tasks of the loop go on, and the export ends after it."""
    store = Gated()
    async with config_of(estate).open_async(checkpoints=store) as connection:
        await connection.activate()
        estate.publish(3)
        store.method = method
        export = asyncio.create_task(connection.export_new())
        await until(store.entered.is_set)
        # The store's thread stands still; a loop that were blocked by it could not count.
        ticks = 0
        while ticks < 1000:
            await asyncio.sleep(0)
            ticks += 1
        assert not export.done()
        store.gate.set()
        assert (await export).exported == 3
    assert threading.get_ident() not in store.threads
    assert estate.faults() == {}


async def test_cancelled_commit_is_waited_for(estate: Estate) -> None:
    """A task cancelled in mid-commit ends only when the commit has, and gives the lease back."""
    now, store = moved(estate), Gated()
    async with config_of(estate).open_async(checkpoints=store, clock=lambda: now[0]) as connection:
        await connection.activate()
        now[0] += 60
        estate.publish(3)
        store.ended.clear()
        store.method = "commit"
        export = asyncio.create_task(connection.export_new())
        await until(store.entered.is_set)
        for _ in range(3):
            export.cancel()
            await asyncio.sleep(0)
        assert not export.done()
        assert "commit" not in store.ended
        store.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await export
        assert store.ended[-2:] == ["commit", "release"]
        # Not held any more: the next run goes on from what the commit wrote.
        assert store.held_until(connection.key) is None
        await quiet(connection, now)
    assert estate.faults() == {}


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(after, marks=() if after in (2, 7) else pytest.mark.long)
        for after in range(1, 12)
    ],
)
async def test_export_cancelled_anywhere_is_made_good_by_the_next(
    estate: Estate, after: int
) -> None:
    """Cancelled after its n-th store call, an export loses nothing and sends nothing twice."""
    now, store = moved(estate), Counting(after)
    async with config_of(estate).open_async(checkpoints=store, clock=lambda: now[0]) as connection:
        await connection.activate()
        now[0] += 60
        estate.publish(3)
        export = asyncio.create_task(connection.export_new())
        store.act = asyncio.get_running_loop().call_soon_threadsafe, export.cancel
        await asyncio.wait([export])
        assert export.cancelled() or not export.exception()
        await quiet(connection, now)
    assert estate.faults() == {}


class Counting(MemoryCheckpoints):
    """A store that does something after its n-th commit."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after
        self.act: tuple[Callable[..., object], Callable[[], object]] | None = None

    def commit(self, lease: Any, *, head: Any = None, rows: Sequence[Row] = (), ttl: float) -> None:
        super().commit(lease, head=head, rows=rows, ttl=ttl)
        if self.act is not None:
            self._left -= 1
            if self._left == 0:
                call, cancel = self.act
                call(cancel)


async def test_event_loop_is_free_while_another_worker_takes_over(estate: Estate) -> None:
    """A lease lost to another worker ends the run with its own error, on the loop as elsewhere."""
    store = Gated()
    async with config_of(estate).open_async(checkpoints=store) as connection:
        await connection.activate()
        estate.publish(1)
        store.method = "commit"
        export = asyncio.create_task(connection.export_new())
        await until(store.entered.is_set)
        shelf = store._records[connection.key]
        shelf.fence += 1
        store.gate.set()
        with pytest.raises(LeaseLostError):
            await export
    assert estate.zenvoices.duplicates == {}
