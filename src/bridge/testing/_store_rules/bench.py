"""What the rules of the conformance suite work with."""

# ruff: noqa: S101 - what fails here is a test

from __future__ import annotations

import datetime
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from attrs import frozen

from bridge._errors import LeaseLostError
from bridge._stores.protocol import CheckpointStore, Lease, Row

LONG = 600.0
SHORT = 0.25
PATIENCE = 20.0


@frozen
class Bench:
    """What a rule works with: doors to one and the same data, and a key nobody else uses."""

    open: Callable[[], CheckpointStore]
    pass_time: Callable[[float], None]
    key: str

    def held(self, store: CheckpointStore, key: str | None = None) -> Lease:
        lease = store.acquire(key or self.key, "worker", LONG)
        assert lease is not None, "a lease that nobody holds was refused"
        return lease


RULES: list[Callable[[Bench], None]] = []


def rule(check: Callable[[Bench], None]) -> Callable[[Bench], None]:
    RULES.append(check)
    return check


def select_all(
    store: CheckpointStore, key: str, states: Any, *, due: float | None = None
) -> list[Row]:
    return list(store.select(key, list(states), due=due, after=None, limit=1000))


def by_id(rows: Any) -> list[Row]:
    return sorted(rows, key=lambda row: row.id)


def refused(act: Callable[[], object], message: str) -> None:
    try:
        act()
    except LeaseLostError:
        return
    raise AssertionError(message)


def after_expiry(bench: Bench, acquire: Callable[[], Lease | None]) -> Lease:
    """The lease, once the short one has ended."""
    for _ in range(int(PATIENCE / SHORT)):
        bench.pass_time(SHORT)
        lease = acquire()
        if lease is not None:
            return lease
    raise AssertionError("a lease that ended was never given out again")


@contextmanager
def threads_of(work: list[Callable[[], None]]) -> Generator[None, None, None]:
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,), daemon=True) for task in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(PATIENCE * 2)
    assert not any(thread.is_alive() for thread in threads), "a call never came back"
    if errors:
        raise errors[0]


@contextmanager
def clock_of_the_caller(store: CheckpointStore, shift: float) -> Generator[None, None, None]:
    """Every wall clock that Python code of the store could read, set wrong."""
    real_time, real_datetime = time.time, datetime.datetime

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return real_datetime.now(tz) + datetime.timedelta(seconds=shift)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    def shifted_time() -> float:
        return real_time() + shift

    def shifted_time_ns() -> int:
        return int(shifted_time() * 1e9)

    wrong: list[tuple[Any, Any]] = [
        (time.time_ns, shifted_time_ns),
        (real_time, shifted_time),
        (real_datetime, Shifted),
    ]
    module = sys.modules.get(type(store).__module__)
    with ExitStack() as patches:
        for name, value in list(vars(module).items()) if module else []:
            for right, replacement in wrong:
                if value is right:
                    patches.enter_context(mock.patch.object(module, name, replacement))
        patches.enter_context(mock.patch.object(time, "time", shifted_time))
        patches.enter_context(mock.patch.object(time, "time_ns", shifted_time_ns))
        patches.enter_context(mock.patch.object(datetime, "datetime", Shifted))
        yield
