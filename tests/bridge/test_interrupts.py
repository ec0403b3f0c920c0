"""Runs that are broken off: whatever ends them, the next run settles what they left."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest

from banqup_client.testing import FakeFile
from bridge import Connection, LeaseLostError, ServiceError, StoreError, default_mapper
from bridge._sync._session import CheckpointSession
from support.bridge_world import SPACE, AsyncWorld, BaseWorld, Watcher, World, counted, invoice
from zenvoices_client import Attachment, InboxUpload

MINUTE = 60.0


def settle(connect: Callable[[], Connection], world: BaseWorld, wanted: set[str]) -> None:
    """Run until quiet; then everything wanted was delivered, once, and the counts are true."""
    for _ in range(8):
        connect().export_new()
        if world.counts == {"delivered": len(wanted)}:
            break
        world.clock.pass_(11 * MINUTE)
    assert {document for document, state in world.states.items() if state == "delivered"} == wanted
    assert set(world.sent.values()) == {1}
    assert counted(connect().status().counts) == world.counts


class Bomb:
    """Raises at the n-th call of a store or a service, once."""

    def __init__(self, nth: int, error: BaseException | None = None) -> None:
        self.left = nth
        self.error = error
        self.act: Callable[[], object] | None = None

    def tick(self) -> None:
        """One step further."""
        self.left -= 1
        if self.left == 0:
            if self.act is not None:
                self.act()
            if self.error is not None:
                raise self.error


def mine(world: BaseWorld, bomb: Bomb) -> None:
    """Every call to a store's method and every request becomes a step."""
    for name in ("acquire", "release", "head", "find", "select", "commit"):
        method = getattr(world.store, name)

        def stepping(*args: Any, _method: Any = method, **options: Any) -> Any:
            bomb.tick()
            result = _method(*args, **options)
            bomb.tick()
            return result

        setattr(world.store, name, stepping)
    world.banqup.on_request = lambda _: bomb.tick()
    world.zenvoices.on_request = lambda _: bomb.tick()


def defuse(world: BaseWorld) -> None:
    for name in ("acquire", "release", "head", "find", "select", "commit"):
        delattr(world.store, name)
    world.banqup.on_request = world.zenvoices.on_request = None


def prepared(world: World) -> tuple[Connection, set[str]]:
    """An active connection with a known delivery, and four new documents."""
    connection = world.connect(in_flight=1)
    connection.activate()
    first = world.one()
    connection.export_new()
    return connection, {first, *world.publish(4)}


def test_commit_that_failed_is_made_up_for() -> None:
    """A store that fails once loses no delivery of the run, and no count drifts."""
    world = World()
    connection, _ = prepared(world)
    commit = world.store.commit
    failed: list[str] = []

    def failing(lease: Any, *, head: Any = None, rows: Any = (), ttl: float) -> None:
        if not failed and any(row.state == "delivered" for row in rows):
            failed.append("once")
            raise StoreError("locked", service="bridge")
        commit(lease, head=head, rows=rows, ttl=ttl)

    world.store.commit = failing  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        connection.export_new()
    assert failed
    assert world.counts["delivered"] == len(world.zenvoices.inbox)
    assert counted(connection.status().counts) == world.counts


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_mapper_that_ends_the_process(in_flight: int, error: BaseException) -> None:
    """SystemExit from a mapper is not swallowed, and leaves a state the next run settles."""
    world = World()
    _, wanted = prepared(world)
    calls = threading.Semaphore(2)

    def mapper(document: Any, files: Any) -> Any:
        if not calls.acquire(blocking=False):
            raise error
        return default_mapper(document, files)

    with pytest.raises(type(error)):
        world.connect(in_flight=in_flight, mapper=mapper).export_new()
    assert world.store.held_until(world.key) is None
    if in_flight == 1:  # with more, another upload is cut off in the middle
        assert world.counts.get("sending", 0) == 0
    settle(world.connect, world, wanted)


def test_listener_that_interrupts() -> None:
    """An interrupt inside a listener ends the run; what was told had been stored."""
    world = World()
    _, wanted = prepared(world)

    def act(event: Any) -> None:
        if type(event).__name__ == "DocumentSent":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.connect(listeners=[Watcher(act)]).export_new()
    settle(world.connect, world, wanted)


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="no signals here")
def test_sigterm_as_an_exception_in_the_middle_of_an_upload() -> None:
    """A handler that raises in mid-upload leaves ``sending``, and the lease free."""
    world = World()
    connection, wanted = prepared(world)

    def stop(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        world.zenvoices.refuse_when(lambda _: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(SystemExit):
            connection.export_new()
    finally:
        signal.signal(signal.SIGTERM, before)
    world.zenvoices.refuse_when(None)
    assert "sending" in world.states.values()
    assert world.store.held_until(world.key) is None
    settle(world.connect, world, wanted)


@pytest.mark.parametrize("own_bytes", [False, True])
def test_lease_that_ends_in_mid_upload_stops_it(
    monkeypatch: pytest.MonkeyPatch, own_bytes: bool
) -> None:
    """Before each piece of the body the lease is looked at, wherever a mapper took it from."""
    content = invoice(padding=900_000)

    def mapper(document: Any, files: Any) -> Any:
        if own_bytes:
            return InboxUpload(attachments=(Attachment("own.xml", content),))
        return default_mapper(document, files)

    world = World()
    connection = world.connect(mapper=mapper)
    connection.activate()
    document = world.one(files=[FakeFile("big.xml", "application/xml", content)])
    pieces: list[float] = []

    def guard(self: CheckpointSession, needed: float = 0.0) -> None:
        pieces.append(needed)
        if len(pieces) == 3:
            raise LeaseLostError

    monkeypatch.setattr(CheckpointSession, "guard", guard)
    with pytest.raises(LeaseLostError):
        connection.export_new()
    assert pieces == [300.0, 0.0, 0.0]
    assert world.zenvoices.inbox == []
    assert world.states == {document: "sending"}


def test_upload_is_not_begun_on_a_lease_that_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit so slow that the lease would not outlast the upload begins none."""
    from _client_kit import _clock

    world = World()
    connection, wanted = prepared(world)
    jump = [0.0]
    real = _clock.monotonic
    monkeypatch.setattr(_clock, "monotonic", lambda: real() + jump[0])
    commit = world.store.commit

    def slow(lease: Any, *, head: Any = None, rows: Any = (), ttl: float) -> None:
        commit(lease, head=head, rows=rows, ttl=ttl)
        jump[0] += 400.0

    world.store.commit = slow  # type: ignore[method-assign]
    uploads = world.calls("inbox.upload")
    with pytest.raises(LeaseLostError):
        connection.export_new()
    assert world.calls("inbox.upload") == uploads
    monkeypatch.undo()
    world.store.commit = commit  # type: ignore[method-assign]
    world.clock.pass_(601)
    settle(world.connect, world, wanted)


def test_worker_that_lost_its_lease_writes_nothing() -> None:
    """Once another worker has taken over, what the first would write is refused."""
    world = World()
    connection, wanted = prepared(world)
    rows: list[Any] = []

    def take_over(request: Any) -> None:
        if request.operation == "inbox.upload" and not rows:
            world.clock.pass_(601)
            assert world.store.acquire(world.key, "another", 600) is not None
            rows.append(world.rows)

    world.zenvoices.on_request = take_over
    with pytest.raises(LeaseLostError) as caught:
        connection.export_new()
    assert caught.value.report is not None
    assert world.rows == rows[0]
    world.clock.pass_(601)
    settle(world.connect, world, wanted)


def test_task_cancelled_at_every_step() -> None:
    """A cancelled task leaves the lease free at once, and a state that the next run settles."""

    async def cancelled_at(world: AsyncWorld, nth: int) -> Bomb:
        connection = world.connect(in_flight=2)
        await connection.activate()
        world.one()
        await connection.export_new()
        world.publish(4)
        bomb = Bomb(nth)
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(connection.export_new())
        bomb.act = lambda: loop.call_soon_threadsafe(task.cancel)
        mine(world, bomb)
        with suppress(asyncio.CancelledError, ServiceError):
            await asyncio.wait_for(task, 30)
        defuse(world)
        assert world.store.held_until(world.key) is None
        return bomb

    for nth in range(1, 200, 6):
        world = AsyncWorld()
        bomb = asyncio.run(cancelled_at(world, nth))
        after = World()
        after.clock, after.banqup, after.zenvoices = world.clock, world.banqup, world.zenvoices
        after.store = world.store
        settle(after.connect, after, {row["id"] for row in world.banqup.documents(SPACE)})
        if bomb.left > 0:
            break
    assert nth > 30


def test_cancel_scope_ends_promptly() -> None:
    """A cancel scope around a run ends it, though the scope cancels again and again."""

    async def run() -> None:
        world = AsyncWorld()
        connection = world.connect()
        await connection.activate()
        world.publish(3)
        with anyio.CancelScope() as scope:
            world.zenvoices.on_request = lambda _: scope.cancel()
            await connection.export_new()
        assert scope.cancelled_caught
        world.zenvoices.on_request = None
        assert world.store.held_until(world.key) is None

    anyio.run(run)
