"""The blocking versions, for threads, of the primitives that ``_runtime_async`` has for asyncio.

The two modules are written by hand, while the code in ``_sync`` folders is generated from
``_async`` by ``tools/generate_sync.py``.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, BinaryIO, Generic, TypeVar

from _client_kit._clock import Deadline

IN_TASKS = False
"""True if work runs in tasks, which can await a coroutine; False if it runs in threads."""

_T = TypeVar("_T")


class SingleFlight:
    """A lock: while one thread fetches a token, other threads wait for this token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def acquire(self, deadline: Deadline) -> Generator[None]:
        """Hold the lock in a ``with`` block; raise TimeoutError if the deadline passes first."""
        if not self._lock.acquire(timeout=min(deadline.remaining(), threading.TIMEOUT_MAX)):
            raise TimeoutError
        try:
            yield
        finally:
            self._lock.release()


def current_loop() -> object:
    """Return the same object for every thread: threads can share connections."""
    return SingleFlight


def sleep(seconds: float) -> None:
    """Wait for this many seconds."""
    time.sleep(seconds)


_NO_LIMIT = nullcontext()


def time_limit(deadline: Deadline) -> AbstractContextManager[None]:  # noqa: ARG001 - asyncio needs it
    """Return a context manager that does nothing: a thread cannot be interrupted.

    Instead, each connect, read and write has a timeout.
    """
    return _NO_LIMIT


def read_chunk(file: BinaryIO, size: int) -> bytes:
    """Read up to ``size`` bytes of a file."""
    return file.read(size)


def write_chunk(file: BinaryIO, data: bytes) -> None:
    """Write bytes to a file."""
    file.write(data)


def run_blocking(function: Callable[..., _T], *args: Any) -> _T:
    """Call a function and return its result."""
    return function(*args)


def call_store(function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """Call a function that may block, such as a store's method, and return its result."""
    return function(*args, **options)


class Workers(Generic[_T]):
    """Run jobs concurrently, at most ``size`` at a time, and return their results in batches."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._running = 0
        self._ended: queue.SimpleQueue[Future[_T]] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(size, "export")

    def __enter__(self) -> Workers[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def busy(self) -> int:
        """Number of started jobs whose result or exception has not been returned yet."""
        return self._running

    def start(self, job: Callable[..., _T], *args: Any) -> None:
        """Start a job, or queue it while ``size`` jobs are running."""
        self._running += 1
        self._pool.submit(job, *args).add_done_callback(self._ended.put)

    def finished(self) -> list[_T]:
        """Return the results of ended jobs; if no job has ended yet, wait for the first.

        Without started jobs, return an empty list.
        If only jobs that raised an exception have ended, raise one of these exceptions. The other
        jobs go on: call this method again for their results.
        """
        if not self._running:
            return []
        ended = [self._ended.get()]
        while not self._ended.empty():
            ended.append(self._ended.get())
        good = [future for future in ended if future.exception() is None]
        taken = good or [ended.pop()]
        for future in ended:
            if future not in taken and future.exception() is not None:
                self._ended.put(future)
        self._running -= len(taken)
        return [future.result() for future in taken]
