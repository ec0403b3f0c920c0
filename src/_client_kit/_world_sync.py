"""What differs between the two worlds, for threads. Its twin is ``_world_async``."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO, Generic, TypeVar

from _client_kit._clock import Deadline

__all__ = [
    "Flight",
    "Workers",
    "call_store",
    "read_chunk",
    "run_blocking",
    "sleep",
    "time_limit",
    "write_chunk",
]

_T = TypeVar("_T")


class Flight:
    """One waiting lock: who fetches a token makes the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, deadline: Deadline) -> Iterator[None]:
        """Wait for one's turn. Raises TimeoutError when the deadline comes first."""
        if not self._lock.acquire(timeout=min(deadline.remaining(), threading.TIMEOUT_MAX)):
            raise TimeoutError
        try:
            yield
        finally:
            self._lock.release()


def sleep(seconds: float) -> None:
    """Let that much time pass."""
    time.sleep(seconds)


@contextmanager
def time_limit(deadline: Deadline) -> Iterator[None]:
    """Nothing can interrupt a thread: each operation's own timeout bounds it instead."""
    yield


def read_chunk(file: BinaryIO, size: int) -> bytes:
    """Up to that many bytes of a file."""
    return file.read(size)


def write_chunk(file: BinaryIO, data: bytes) -> None:
    """Append to a file."""
    file.write(data)


def run_blocking(function: Callable[..., _T], *args: Any) -> _T:
    """The function's result."""
    return function(*args)


def call_store(function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """A store's method."""
    return function(*args, **options)


class Workers(Generic[_T]):
    """A bounded number of jobs under way; their results come back one batch at a time.

    With a size of one, a job runs in the caller's thread.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._running = 0
        self._results: queue.SimpleQueue[Future[_T]] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(size, "export") if size > 1 else None

    def __enter__(self) -> Workers[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def busy(self) -> int:
        """Jobs started whose results were not handed out yet."""
        return self._running

    def start(self, job: Callable[..., _T], *args: Any) -> None:
        """Start a job."""
        self._running += 1
        if self._pool is not None:
            self._pool.submit(job, *args).add_done_callback(self._results.put)
            return
        future: Future[_T] = Future()
        try:
            future.set_result(job(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)
        self._results.put(future)

    def finished(self) -> list[_T]:
        """The results of the jobs that ended, at least one; a job's exception is raised."""
        futures = [self._results.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                futures.append(self._results.get_nowait())
        self._running -= len(futures)
        return [future.result() for future in futures]
