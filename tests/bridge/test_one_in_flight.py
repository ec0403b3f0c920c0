"""One document in flight: what happens between two uploads."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from support.bridge_world import AsyncWorld, BaseWorld, World


def watched(world: BaseWorld, steps: list[str], fetching: threading.Event | None) -> None:
    """Note each request and commit; a delivery's commit waits until the next fetch has begun."""
    commit = world.store.commit

    def committing(lease: Any, *, head: Any = None, rows: Any = (), ttl: float) -> None:
        states = {row.state for row in rows}
        if fetching is not None and states == {"delivered"} and len(world.zenvoices.inbox) < 5:
            assert fetching.wait(10)
        steps.append("+".join(sorted(states)))
        commit(lease, head=head, rows=rows, ttl=ttl)

    def asking(record: Any) -> None:
        steps.append(record.operation)
        if fetching is not None:
            if record.operation == "inbox.upload":
                fetching.clear()
            if record.operation == "files.details":
                fetching.set()

    world.store.commit = committing  # type: ignore[method-assign]
    world.banqup.on_request = world.zenvoices.on_request = asking


def test_fetch_begins_before_the_commit_with_tasks() -> None:
    """The next document is fetched while the last one is being recorded."""
    world = AsyncWorld()

    async def run() -> int:
        connection = world.connect(in_flight=1)
        await connection.activate()
        world.publish(5)
        watched(world, [], threading.Event())
        return (await connection.export_new()).exported

    assert asyncio.run(run()) == 5


def test_fetch_begins_before_the_commit_with_threads() -> None:
    """The same with threads; each delivery is recorded before the next upload."""
    world = World()
    connection = world.connect(in_flight=1)
    connection.activate()
    world.publish(5)
    steps: list[str] = []
    watched(world, steps, threading.Event())
    assert connection.export_new().exported == 5
    order = [step for step in steps if step in ("inbox.upload", "delivered")]
    assert order == ["inbox.upload", "delivered"] * 5
