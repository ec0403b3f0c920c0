"""What differs between the two worlds behaves the same in both."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from _client_kit import _runtime_async as runtime
from _client_kit._clock import Deadline
from support.kit_service import together_async

pytestmark = pytest.mark.anyio

NO_TIME = Deadline(at=0.0)


class JobError(Exception):
    """What a job in these tests raises."""


async def test_flight_takes_turns() -> None:
    """Only one is inside at a time, and everybody gets in."""
    flight = runtime.SingleFlight()
    inside: list[int] = []
    most: list[int] = []

    async def enter(number: int) -> int:
        async with flight.acquire(Deadline()):
            inside.append(number)
            most.append(len(inside))
            await runtime.sleep(0)
            inside.remove(number)
        return number

    assert await together_async(16, enter) == list(range(16))
    assert most == [1] * 16


async def test_flight_ends_waiting_with_the_deadline() -> None:
    """Who cannot get in before the deadline is told, and the one inside is not disturbed."""
    flight = runtime.SingleFlight()
    async with flight.acquire(Deadline()):
        with pytest.raises(TimeoutError):
            async with flight.acquire(NO_TIME):
                pytest.fail("two at a time")
    async with flight.acquire(Deadline.after(60.0)):
        pass


async def test_flight_is_left_by_an_error() -> None:
    """Who leaves with an exception lets the next one in."""
    flight = runtime.SingleFlight()
    with pytest.raises(JobError):
        async with flight.acquire(Deadline()):
            raise JobError
    async with flight.acquire(Deadline.after(60.0)):
        pass


async def test_flight_that_is_free_needs_no_time() -> None:
    """An entry that need not wait succeeds even at the last moment."""
    async with runtime.SingleFlight().acquire(NO_TIME):
        pass


async def test_sleep() -> None:
    """A pause takes at least its time."""
    started = time.monotonic()
    await runtime.sleep(0.01)
    assert time.monotonic() - started >= 0.009


async def test_time_limit_lets_through() -> None:
    """A block that ends in time is left alone, and so is its exception."""
    async with runtime.time_limit(Deadline.after(60.0)):
        pass
    async with runtime.time_limit(Deadline()):
        pass
    with pytest.raises(JobError):
        async with runtime.time_limit(Deadline()):
            raise JobError


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_chunks(tmp_path: Path, kind: str) -> None:
    """What was written in chunks is read in chunks."""
    path = tmp_path / "x"
    file: BinaryIO = io.BytesIO() if kind == "memory" else path.open("w+b")
    with file:
        await runtime.write_chunk(file, b"abc")
        await runtime.write_chunk(file, b"de")
        file.seek(0)
        assert await runtime.read_chunk(file, 4) == b"abcd"
        assert await runtime.read_chunk(file, 4) == b"e"
        assert await runtime.read_chunk(file, 4) == b""


async def test_run_blocking() -> None:
    """A function's result and its exception come back."""

    def divide(a: int, b: int) -> int:
        return a // b

    assert await runtime.run_blocking(divide, 7, 2) == 3
    with pytest.raises(ZeroDivisionError):
        await runtime.run_blocking(divide, 7, 0)


async def test_run_blocking_of_a_function_of_this_world() -> None:
    """A function written for this world is run too."""

    async def double(value: int) -> int:
        await runtime.sleep(0)
        return 2 * value

    result: object = await runtime.run_blocking(double, 4)
    assert result == 8


async def test_call_store() -> None:
    """A store's method gets its arguments; its result and its exception come back."""

    def method(*args: int, **options: int) -> tuple[tuple[int, ...], dict[str, int]]:
        if not args:
            raise JobError
        return args, options

    assert await runtime.call_store(method, 1, 2, ttl=3) == ((1, 2), {"ttl": 3})
    with pytest.raises(JobError):
        await runtime.call_store(method)


SIZES = pytest.mark.parametrize("size", [1, 4])


@SIZES
async def test_workers_return_every_result(size: int) -> None:
    """Each job's result comes back exactly once, in one batch or another."""

    async def square(number: int) -> int:
        await runtime.sleep(0)
        return number * number

    results: list[int] = []
    async with runtime.Workers[int](size) as workers:
        for number in range(20):
            await workers.start(square, number)
            if workers.busy >= size:
                batch = await workers.finished()
                assert batch
                results += batch
        while workers.busy:
            results += await workers.finished()
    assert sorted(results) == [number * number for number in range(20)]


@SIZES
async def test_workers_are_bounded(size: int) -> None:
    """However many jobs are started, no more than the size run at once."""
    lock = threading.Lock()
    running: list[int] = []
    most: list[int] = []

    async def job(number: int) -> None:
        with lock:
            running.append(number)
            most.append(len(running))
        await runtime.sleep(0.001)
        with lock:
            running.remove(number)

    async with runtime.Workers[None](size) as workers:
        for number in range(12):
            await workers.start(job, number)
        ended = 0
        while workers.busy:
            ended += len(await workers.finished())
    assert ended == 12
    assert max(most) <= size


@SIZES
async def test_workers_lose_no_result_to_an_exception(size: int) -> None:
    """A job's exception is raised once; every other result can still be collected."""

    async def job(number: int) -> int:
        await runtime.sleep(0)
        if number in (3, 5):
            raise JobError(number)
        return number

    results: list[int] = []
    errors: list[object] = []
    async with runtime.Workers[int](size) as workers:
        for number in range(8):
            await workers.start(job, number)
        while workers.busy:
            try:
                results += await workers.finished()
            except JobError as error:
                errors += error.args
    assert sorted(results) == [0, 1, 2, 4, 6, 7]
    assert sorted(errors, key=str) == [3, 5]


@SIZES
async def test_workers_without_a_job(size: int) -> None:
    """Asking when nothing is busy gives nothing and does not wait."""
    async with runtime.Workers[int](size) as workers:
        assert workers.busy == 0
        assert await workers.finished() == []


@SIZES
async def test_leaving_workers_early(size: int) -> None:
    """Leaving with jobs under way waits for them to end, and hides no exception."""
    ended: list[int] = []

    async def job(number: int) -> None:
        try:
            await runtime.sleep(0.01)
        finally:
            ended.append(number)

    async def leave() -> None:
        async with runtime.Workers[None](size) as workers:
            for number in range(size):
                await workers.start(job, number)
            await runtime.sleep(0.001)
            raise JobError

    with pytest.raises(JobError):
        await leave()
    assert sorted(ended) == list(range(size))
