"""What differs between the two worlds, for threads. Its twin is ``_runtime_async``."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
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

IN_TASKS = False
"""Whether work runs in tasks, which can await a coroutine, or in threads."""

_T = TypeVar("_T")


class SingleFlight:
    """One waiting lock: who fetches a token makes the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def acquire(self, deadline: Deadline) -> Generator[None]:
        """Wait for one's turn. Raises TimeoutError when the deadline comes first."""
        if not self._lock.acquire(timeout=min(deadline.remaining(), threading.TIMEOUT_MAX)):
            raise TimeoutError
        try:
            yield
        finally:
            self._lock.release()


def current_loop() -> object:
    """Where a connection belongs: threads share theirs."""
    return SingleFlight


def sleep(seconds: float) -> None:
    """Let that much time pass."""
    time.sleep(seconds)


_NO_LIMIT = nullcontext()


def time_limit(deadline: Deadline) -> AbstractContextManager[None]:  # noqa: ARG001 - as its twin
    """Nothing can interrupt a thread: each operation's own timeout bounds it instead."""
    return _NO_LIMIT


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
    """Runs jobs, at most so many at once; their results come back one batch at a time.

    With a size of one, a job runs in the caller's thread.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._running = 0
        self._ended: queue.SimpleQueue[Future[_T]] = queue.SimpleQueue()
        self._failed: list[BaseException] = []
        self._pool = ThreadPoolExecutor(size, "export") if size > 1 else None

    def __enter__(self) -> Workers[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def busy(self) -> int:
        """Jobs started whose results or exceptions were not handed out yet."""
        return self._running + len(self._failed)

    def start(self, job: Callable[..., _T], *args: Any) -> None:
        """Start a job, or let it wait until there is room."""
        if self._pool is not None:
            self._running += 1
            self._pool.submit(job, *args).add_done_callback(self._ended.put)
            return
        future: Future[_T] = Future()
        try:
            future.set_result(job(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)
        self._running += 1
        self._ended.put(future)

    def finished(self) -> list[_T]:
        """The results of the jobs that ended: at least one while a job is busy, else none.

        A job's exception is raised alone, after all results that came with it were returned, and
        does not end the other jobs: asking again goes on.
        """
        results: list[_T] = []
        if self._running and not self._failed:
            ended = [self._ended.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    ended.append(self._ended.get_nowait())
            self._running -= len(ended)
            for future in ended:
                error = future.exception()
                if error is None:
                    results.append(future.result())
                else:
                    self._failed.append(error)
        if not results and self._failed:
            raise self._failed.pop(0)
        return results
