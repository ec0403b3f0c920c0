"""What only threads can do."""

from __future__ import annotations

import threading

import pytest

from _client_kit import _runtime_sync as runtime
from _client_kit._clock import Deadline


def test_one_job_at_a_time_while_the_caller_goes_on() -> None:
    """With a size of one, start() returns at once, and a second job waits for the first."""
    go = threading.Event()
    steps: list[str] = []

    def job(name: str) -> None:
        assert go.wait(10)
        steps.append(name)

    with runtime.Workers[None](1) as workers:
        workers.start(job, "first")
        workers.start(job, "second")
        steps.append("caller")
        go.set()
        while workers.busy:
            workers.finished()
    assert steps == ["caller", "first", "second"]


def test_interrupt_in_a_thread_is_raised_where_results_are_asked_for() -> None:
    """A job in a thread that asks to exit is heard by the coordinator."""

    def job() -> None:
        raise SystemExit(3)

    with runtime.Workers[None](2) as workers:
        workers.start(job)
        with pytest.raises(SystemExit):
            workers.finished()


def test_leaving_cancels_what_has_not_begun() -> None:
    """Jobs that wait for room are dropped when the block is left; the one under way ends."""
    begun = threading.Event()
    go = threading.Event()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        go.wait(10)
        done.append("slow")

    with runtime.Workers[None](2) as workers:
        workers.start(slow)
        workers.start(slow)
        for _ in range(5):
            workers.start(done.append, "late")
        begun.wait(10)
        threading.Timer(0.02, go.set).start()
    assert done == ["slow", "slow"]


def test_waiting_thread_goes_on_when_the_leader_fails() -> None:
    """A leader that fails hands its turn to a thread that waits."""
    flight = runtime.SingleFlight()
    waits = threading.Event()
    got_in: list[bool] = []

    def wait() -> None:
        waits.set()
        with flight.acquire(Deadline.after(10.0)):
            got_in.append(True)

    thread = threading.Thread(target=wait)

    def lead() -> None:
        with flight.acquire(Deadline()):
            thread.start()
            waits.wait(10)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lead()
    thread.join(10)
    assert got_in == [True]
