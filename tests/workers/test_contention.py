"""Several workers at one connection: each document goes out once; who stands still does no harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply
from harness.clock import SharedClock
from support.estate import CREDENTIALS, LEASE_TTL, Estate
from support.stores import open_store
from workers.fleet import Worker, fleet

Address = Callable[[str], str]
RUNS = 15
PATIENCE = 60.0
STORES = ["SQLite", "PostgreSQL", "SQLite through SQLAlchemy", "text"]
LONG = {kind: [] if kind == "SQLite" else [pytest.mark.long] for kind in STORES}
stores = pytest.mark.parametrize("kind", [pytest.param(kind, marks=LONG[kind]) for kind in STORES])


@define
class Scene:
    """One connection, its store, and a clock that everybody shares."""

    estate: Estate
    clock: SharedClock
    store: str

    def order(self, verb: str) -> dict[str, Any]:
        """What a worker is told."""
        (config,) = self.estate.configs(checkpoint_file="unused")
        return {
            "verb": verb,
            "config": config.to_dict(),
            "store": self.store,
            "clock": str(self.clock.path),
        }

    def states(self) -> dict[str, int]:
        """How many documents are in each state, as the store knows it."""
        store = open_store(self.store, self.clock)
        (config,) = self.estate.configs(checkpoint_file="unused")
        try:
            with config.open(checkpoints=store, clock=self.clock) as connection:
                return dict(connection.status().counts)
        finally:
            store.close()


@contextmanager
def scene(tmp_path: Path, store: str) -> Generator[Scene]:
    """An estate with one connection and some old documents, not activated yet."""
    clock = SharedClock(tmp_path / "clock")
    open_store(store, clock, create=True).close()
    with Estate(clock=clock) as estate:
        estate.publish(3, old=True)
        yield Scene(estate, clock, store)
    clock.close()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@contextmanager
def held(
    service: FakeService,
    operation: str,
    act: Callable[[], None],
    *,
    whole: bool = True,
    reply: bool = True,
) -> Generator[Callable[[], None]]:
    """Act at the first request of an operation, and keep it waiting until the block ends.

    Args:
        service: Who is asked.
        operation: For what.
        act: What is done then, such as stopping who asked.
        whole: Once the request is applied; else when only its head was read.
        reply: Whether it is answered in the end.
    """
    struck, ended = threading.Event(), threading.Event()
    begin, finish = service.begin, service.finish

    def strike(call: Call) -> bool:
        if call.operation != operation or struck.is_set():
            return False
        struck.set()
        act()
        done.set()
        assert ended.wait(PATIENCE)
        return True

    def begun(call: Call) -> None:
        begin(call)
        if not whole:
            strike(call)

    def finished(call: Call) -> Reply:
        answer = finish(call)
        if whole and strike(call) and not reply:
            return Reply(0, delivery="reset")
        return answer

    done = threading.Event()

    def wait() -> None:
        assert done.wait(PATIENCE)

    service.begin, service.finish = begun, finished  # type: ignore[method-assign]
    try:
        yield wait
    finally:
        ended.set()
        service.begin, service.finish = begin, finish  # type: ignore[method-assign]


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
@pytest.mark.parametrize("size", [2, 4])
def test_workers_at_once_send_each_document_once(
    tmp_path: Path, address: Address, kind: str, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """In each of 15 runs all begin together: one does the work, others are busy or find nothing."""
    busy = exported = 0
    began = time.perf_counter()
    with scene(tmp_path, address(kind)) as it, fleet(size) as workers:
        activations = _together(workers, it.order("activate"))
        assert sum(answer.get("activated", False) for answer in activations) == 1
        for _ in range(RUNS):
            it.estate.publish(3)
            answers = _together(workers, it.order("export"))
            exported += sum(answer.get("exported", 0) for answer in answers)
            busy += sum("busy" in answer for answer in answers)
            assert [answer for answer in answers if "error" in answer] == []
            assert all(answer["busy"] is None or answer["busy"] > it.clock() - LEASE_TTL
                       for answer in answers if "busy" in answer)  # fmt: skip
            assert it.estate.faults() == {}
            it.clock.move(60.0)
        assert exported == len(it.estate.published) == 3 * RUNS
        assert it.estate.zenvoices.duplicates == {}
        assert it.states() == {"baseline": 3, "delivered": 3 * RUNS}
    with capsys.disabled():
        print(
            f"\n  {size} workers on {kind}: {RUNS} runs, {exported} documents once each, "
            f"{busy} times busy, {time.perf_counter() - began:.1f} s"
        )


def _together(workers: Any, order: dict[str, Any]) -> list[dict[str, Any]]:
    for worker in workers:
        worker.order(order)
    for worker in workers:
        assert worker.answer() == "begun"
    return [worker.answer() for worker in workers]


@stores
def test_busy_says_until_when_and_a_killed_holder_is_followed(
    tmp_path: Path, address: Address, kind: str
) -> None:
    """A worker killed in mid-run keeps the connection until its lease ends, not a second longer."""
    with scene(tmp_path, address(kind)) as it, fleet(2) as (holder, other):
        assert holder.obey(it.order("activate")) == {"activated": True}
        it.estate.publish(3)
        with held(it.estate.zenvoices, "inbox.upload", holder.kill, reply=False) as struck:
            holder.begin(it.order("export"))
            struck()
        before = it.clock()
        answer = other.obey(it.order("export"))
        assert before < answer["busy"] <= before + LEASE_TTL + 1.0
        it.clock.move(answer["busy"] - it.clock() - 1.0)
        assert "busy" in other.obey(it.order("export"))
        it.clock.move(2.0)
        assert "exported" in other.obey(it.order("export"))
        settle(it, other)
        assert it.estate.faults() == {}
        assert it.states() == {"baseline": 3, "delivered": 3}


@stores
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("before the check", marks=pytest.mark.long),
        pytest.param("in mid-body", marks=pytest.mark.long),
        pytest.param("after the answer", marks=pytest.mark.long),
    ],
)
def test_worker_that_slept_through_its_lease_does_no_harm(
    tmp_path: Path, address: Address, kind: str, moment: str
) -> None:
    """Stopped, overtaken and woken, a worker sends nothing more and overwrites nothing."""
    # More than the system's buffers take: what is in those arrives whatever its sender does.
    large = 12_000_000 if moment == "in mid-body" else 0
    with scene(tmp_path, address(kind)) as it, fleet(2) as (sleeper, other):
        assert sleeper.obey(it.order("activate")) == {"activated": True}
        it.estate.publish(1 if large else 3, padding=large)
        with ExitStack() as stack:
            if moment == "before the check":
                sleeper.begin({**it.order("export"), "stop_after_intent": True})
                sleeper.wait_until_stopped()
            else:
                whole = moment == "after the answer"
                upload = held(it.estate.zenvoices, "inbox.upload", sleeper.stop, whole=whole)
                struck = stack.enter_context(upload)
                sleeper.begin(it.order("export"))
                struck()
            assert "busy" in other.obey(it.order("export"))
            settle(it, other)
            taken_over, before = it.states(), it.estate.arrived()
            sleeper.wake()
        answer = sleeper.answer()
        assert answer["error"] == "LeaseLostError"
        assert it.estate.arrived() == before
        assert it.states() == taken_over == {"baseline": 3, "delivered": 1 if large else 3}
        assert it.estate.faults() == {}
        assert it.estate.zenvoices.duplicates == {}
        # Whoever slept can work again.
        it.estate.publish(1)
        it.clock.move(60.0)
        assert sleeper.obey(it.order("export"))["exported"] == 1
        assert it.estate.faults() == {}


def settle(it: Scene, worker: Worker) -> None:
    """Runs, time passing, until nothing is on its way."""
    for _ in range(6):
        it.clock.move(LEASE_TTL + 700.0)
        answer = worker.obey(it.order("export"))
        assert "exported" in answer, answer
        if set(it.states()) == {"baseline", "delivered"} and not it.estate.faults():
            return
    raise AssertionError(f"not quiet: {it.states()}, {it.estate.faults()}")
