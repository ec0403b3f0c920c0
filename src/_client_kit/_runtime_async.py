"""What differs between the two worlds, for asyncio. Its twin is ``_runtime_sync``.

The only module of the library that imports asyncio.
"""

from __future__ import annotations

import asyncio
import io
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, BinaryIO, Generic, TypeVar

from _client_kit._clock import Deadline

__all__ = [
    "IN_TASKS",
    "SingleFlight",
    "Workers",
    "call_store",
    "current_loop",
    "read_chunk",
    "run_blocking",
    "sleep",
    "time_limit",
    "write_chunk",
]

IN_TASKS = True
"""Whether work runs in tasks, which can await a coroutine, or in threads."""

_T = TypeVar("_T")


class SingleFlight:
    """One waiting lock per event loop: who fetches a token makes the others wait for it."""

    def __init__(self) -> None:
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._locks = weakref.WeakKeyDictionary()

    @asynccontextmanager
    async def acquire(self, deadline: Deadline) -> AsyncGenerator[None]:
        """Wait for one's turn. Raises TimeoutError when the deadline comes first."""
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with asyncio.timeout(_seconds(deadline)):
            await lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _seconds(deadline: Deadline) -> float | None:
    remaining = deadline.remaining()
    return None if remaining == float("inf") else remaining


def current_loop() -> object:
    """Where a connection belongs: the running event loop."""
    return asyncio.get_running_loop()


async def sleep(seconds: float) -> None:
    """Let that much time pass."""
    await asyncio.sleep(seconds)


def time_limit(deadline: Deadline) -> AbstractAsyncContextManager[object]:
    """Raise TimeoutError where the block outlives the deadline."""
    return asyncio.timeout(_seconds(deadline))


def _in_memory(file: BinaryIO) -> bool:
    """Whether using a file never waits: it is memory, or says that it is."""
    return isinstance(file, io.BytesIO) or getattr(file, "in_memory", False) is True


async def read_chunk(file: BinaryIO, size: int) -> bytes:
    """Up to that many bytes of a file, without blocking the loop; memory needs no thread."""
    if _in_memory(file):
        return file.read(size)
    return await asyncio.to_thread(file.read, size)


async def write_chunk(file: BinaryIO, data: bytes) -> None:
    """Append to a file without blocking the loop; memory needs no thread.

    A cancellation waits until the write has ended: whoever cleans up after it has the file alone.
    """
    if _in_memory(file):
        file.write(data)
    else:
        await call_store(file.write, data)


async def run_blocking(function: Callable[..., _T], *args: Any) -> _T:
    """A function that may block, in a thread; one that returns an awaitable is awaited."""
    result = await asyncio.to_thread(function, *args)
    if isinstance(result, Awaitable):
        return await result  # type: ignore[no-any-return]
    return result


async def call_store(function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """A store's method, in a thread.

    A cancellation waits until the method has ended: what it committed is never in doubt.
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
            except Exception:  # noqa: BLE001 - the cancellation is what the caller must see
                break
        raise


class Workers(Generic[_T]):
    """Runs jobs, at most so many at once; their results come back one batch at a time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._room = asyncio.Semaphore(size)
        self._tasks: set[asyncio.Task[_T]] = set()
        self._failed: list[BaseException] = []

    async def __aenter__(self) -> Workers[_T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def busy(self) -> int:
        """Jobs started whose results or exceptions were not handed out yet."""
        return len(self._tasks) + len(self._failed)

    async def start(self, job: Callable[..., Awaitable[_T]], *args: Any) -> None:
        """Start a job, or let it wait until there is room."""

        async def run() -> _T:
            async with self._room:
                return await job(*args)

        self._tasks.add(asyncio.create_task(run()))

    async def finished(self) -> list[_T]:
        """The results of the jobs that ended: at least one while a job is busy, else none.

        A job's exception is raised alone, after all results that came with it were returned, and
        does not end the other jobs: asking again goes on.
        """
        results: list[_T] = []
        if self._tasks and not self._failed:
            ended, self._tasks = await asyncio.wait(
                self._tasks, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                error = asyncio.CancelledError() if task.cancelled() else task.exception()
                if error is None:
                    results.append(task.result())
                else:
                    self._failed.append(error)
        if not results and self._failed:
            raise self._failed.pop(0)
        return results
