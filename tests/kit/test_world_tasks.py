"""What only tasks of an event loop can do: be cancelled, and live in several loops."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from _client_kit import _runtime_async as runtime
from _client_kit._async._calls import AsyncCalls
from _client_kit._clock import Deadline
from _client_kit._tokens import TokenCache
from support.kit_service import ORIGIN, READ, Service, call_async, dialect
from support.kit_sockets import Peer, server

pytestmark = pytest.mark.anyio


async def test_cancelled_leader_hands_over() -> None:
    """When the one inside is cancelled, the next in line goes in."""
    flight = runtime.SingleFlight()
    inside = asyncio.Event()

    async def lead() -> None:
        async with flight.acquire(Deadline()):
            inside.set()
            await asyncio.sleep(60)

    async def follow() -> str:
        async with flight.acquire(Deadline.after(60)):
            return "in"

    leader = asyncio.create_task(lead())
    await inside.wait()
    follower = asyncio.create_task(follow())
    await asyncio.sleep(0)
    leader.cancel()
    assert await follower == "in"
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_cancelled_waiter_leaves_the_line() -> None:
    """Cancelling one that waits disturbs neither the leader nor those behind it."""
    flight = runtime.SingleFlight()

    async def enter() -> str:
        async with flight.acquire(Deadline.after(60)):
            return "in"

    async with flight.acquire(Deadline()):
        first, second = asyncio.create_task(enter()), asyncio.create_task(enter())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert not second.done()
    assert await second == "in"
    assert first.cancelled()


def test_flight_serves_several_loops() -> None:
    """Loops in different threads each wait in their own line."""
    flight = runtime.SingleFlight()
    both_inside = threading.Barrier(2)

    async def enter() -> None:
        async with flight.acquire(Deadline.after(10)):
            await asyncio.to_thread(both_inside.wait, 10)

    threads = [threading.Thread(target=asyncio.run, args=(enter(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not both_inside.broken


def test_token_state_serves_loops_one_after_another() -> None:
    """A credential outlives the loop it was first used in."""
    states: dict[str, TokenCache] = {}
    service = Service()

    async def once() -> None:
        async with aclosing(
            AsyncCalls(
                dialect(),
                states,
                base_url=ORIGIN,
                timeout=5.0,
                deadline=20.0,
                user_agent="test",
                retry=None,
                transport=service,
                http_client=None,
                ssl_context=None,
            )
        ) as calls:
            await call_async(calls, READ, path={"thing_id": "a1"})

    for _ in range(2):
        asyncio.run(once())
    assert len(service.token_requests) == 1


def test_client_serves_loops_one_after_another() -> None:
    """A client kept over several runs of asyncio opens connections of its own in each."""

    def talk(peer: Peer) -> None:
        while True:
            peer.head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with server(talk) as (url, connections):
        calls = AsyncCalls(
            dialect(),
            {},
            base_url=url,
            timeout=5.0,
            deadline=20.0,
            user_agent="test",
            retry=None,
            transport=None,
            http_client=None,
            ssl_context=None,
        )

        async def run() -> None:
            for _ in range(2):
                await call_async(calls, READ, path={"thing_id": "a1"})
            await calls.aclose()

        for _ in range(3):
            asyncio.run(run())
        assert len(connections) == 3


async def test_time_limit_interrupts() -> None:
    """A block that outlives its deadline is interrupted where it waits."""
    with pytest.raises(TimeoutError):
        async with runtime.time_limit(Deadline.after(0.01)):
            await asyncio.sleep(60)


async def test_time_limit_is_no_cancellation() -> None:
    """A cancellation from outside stays one."""

    async def limited() -> None:
        async with runtime.time_limit(Deadline.after(60)):
            await asyncio.sleep(60)

    task = asyncio.create_task(limited())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_commit_is_shielded_from_cancellation() -> None:
    """A cancelled store call ends first; only then is the cancellation raised."""
    begun = threading.Event()
    go = threading.Event()
    committed: list[bool] = []

    def commit() -> None:
        begun.set()
        go.wait(10)
        committed.append(True)

    task = asyncio.create_task(runtime.call_store(commit))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):  # an impatient caller
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert committed == [True]


async def test_failed_commit_does_not_hide_a_cancellation() -> None:
    """A store that fails while its caller is cancelled leaves the cancellation in place."""
    begun = threading.Event()
    go = threading.Event()

    def commit() -> None:
        begun.set()
        go.wait(10)
        raise OSError

    task = asyncio.create_task(runtime.call_store(commit))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_files_do_not_block_the_loop(tmp_path: Path) -> None:
    """Reading a file happens in another thread, reading memory does not."""
    threads: list[int] = []

    class Watched:
        def read(self, size: int) -> bytes:
            threads.append(threading.get_ident())
            return b"x" * size

    assert await runtime.read_chunk(Watched(), 3) == b"xxx"  # type: ignore[arg-type]
    assert threads != [threading.get_ident()]


async def test_leaving_workers_cancels_their_jobs() -> None:
    """Jobs under way are cancelled when the block is left, and have ended then."""
    seen: list[str] = []

    async def job() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async with runtime.Workers[None](4) as workers:
        for _ in range(3):
            await workers.start(job)
        await asyncio.sleep(0)
    assert seen == ["cancelled"] * 3


async def test_cancelled_coordinator_keeps_its_workers() -> None:
    """A coordinator cancelled while it waits for results loses none of them."""
    go = asyncio.Event()

    async def job() -> str:
        await go.wait()
        return "done"

    async with runtime.Workers[str](2) as workers:
        await workers.start(job)
        waiting = asyncio.create_task(workers.finished())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        assert await workers.finished() == ["done"]
