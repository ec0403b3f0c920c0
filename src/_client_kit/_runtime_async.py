"""The asyncio versions of the primitives that ``_runtime_sync`` has for threads.

The two modules are written by hand, while the code in ``_sync`` folders is generated from
``_async`` by ``tools/generate_sync.py``. No other module of the library imports asyncio.
"""

from __future__ import annotations

import asyncio
import io
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, BinaryIO, Generic, TypeVar

from _client_kit._clock import Deadline

IN_TASKS = True
"""True if work runs in tasks, which can await a coroutine; False if it runs in threads."""

_T = TypeVar("_T")


class SingleFlight:
    """A lock per event loop: while one task gets a token, the loop's other tasks wait for it."""

    def __init__(self) -> None:
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._locks = weakref.WeakKeyDictionary()

    @asynccontextmanager
    async def acquire(self, deadline: Deadline) -> AsyncGenerator[None]:
        """Hold the lock in a ``with`` block; raise TimeoutError if the deadline passes first."""
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with time_limit(deadline):
            await lock.acquire()
        try:
            yield
        finally:
            lock.release()


def current_loop() -> object:
    """Return the running event loop: connections cannot be shared between loops."""
    return asyncio.get_running_loop()


async def sleep(seconds: float) -> None:
    """Wait for this many seconds."""
    await asyncio.sleep(seconds)


def time_limit(deadline: Deadline) -> AbstractAsyncContextManager[object]:
    """Return a context manager that raises TimeoutError if its block outlives the deadline."""
    return asyncio.timeout(deadline.remaining())


def _in_memory(file: BinaryIO) -> bool:
    """Return True if reads and writes cannot block (in-memory files)."""
    return isinstance(file, io.BytesIO) or getattr(file, "in_memory", False) is True


async def read_chunk(file: BinaryIO, size: int) -> bytes:
    """Read up to ``size`` bytes: in a thread, or directly if the file is in memory."""
    if _in_memory(file):
        return file.read(size)
    return await asyncio.to_thread(file.read, size)


async def write_chunk(file: BinaryIO, data: bytes) -> None:
    """Write bytes to a file: in a thread, or directly if the file is in memory.

    A cancellation waits until the write has ended. Otherwise the thread could still write while
    the cancelled caller closes the file.
    """
    if _in_memory(file):
        file.write(data)
    else:
        await call_store(file.write, data)


async def run_blocking(function: Callable[..., _T], *args: Any) -> _T:
    """Call a function in a thread, and await its result if the result is awaitable."""
    result = await asyncio.to_thread(function, *args)
    if isinstance(result, Awaitable):
        return await result  # type: ignore[no-any-return]
    return result


async def call_store(function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """Call a function that may block, such as a store's method, in a thread.

    A cancellation waits until the function has ended. Otherwise it could still write after the
    caller has cleaned up.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function, *args, **options))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                continue
            except Exception:  # noqa: BLE001 - the caller gets the cancellation instead
                break
        raise


class Workers(Generic[_T]):
    """Run jobs concurrently, at most ``size`` at a time, and return their results in batches."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._room = asyncio.Semaphore(size)
        self._tasks: set[asyncio.Task[_T]] = set()

    async def __aenter__(self) -> Workers[_T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def busy(self) -> int:
        """Number of started jobs whose result or exception has not been returned yet."""
        return len(self._tasks)

    async def start(self, job: Callable[..., Awaitable[_T]], *args: Any) -> None:
        """Start a job, or queue it while ``size`` jobs are running."""

        async def run() -> _T:
            async with self._room:
                return await job(*args)

        self._tasks.add(asyncio.create_task(run()))

    async def finished(self) -> list[_T]:
        """Return the results of ended jobs; if no job has ended yet, wait for the first.

        Without started jobs, return an empty list.
        If only jobs that raised an exception have ended, raise one of these exceptions. The other
        jobs go on: call this method again for their results.
        """
        if not self._tasks:
            return []
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        good = [task for task in ended if not task.cancelled() and task.exception() is None]
        taken = good or [ended.pop()]
        self._tasks.difference_update(taken)
        return [task.result() for task in taken]
