"""What only threads can do."""

from __future__ import annotations

import threading

import pytest

from _client_kit import _runtime_sync as runtime
from _client_kit._clock import Deadline


def test_job_of_one_runs_in_the_callers_thread() -> None:
    """With a size of one nothing is started: a debugger and a profiler see one thread."""
    with runtime.Workers[int](1) as workers:
        workers.start(threading.get_ident)
        assert workers.finished() == [threading.get_ident()]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interrupt_in_the_callers_thread_propagates(kind: type[BaseException]) -> None:
    """An interrupt in a job that runs in the caller's thread is not collected but raised."""

    def job() -> None:
        raise kind

    with runtime.Workers[None](1) as workers:
        with pytest.raises(kind):
            workers.start(job)
        assert workers.busy == 0


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
