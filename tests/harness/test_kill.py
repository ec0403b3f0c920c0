"""Exporters killed anywhere: never lost, never twice, never old.

Real processes, real sockets, a real file. Each kill has a world of its own; after it the exporter
is started again, time passing, until nothing is on its way. Then the oracle is asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable

import pytest

from harness.children import Exporters, strace_refusal
from harness.trials import (
    Strike,
    Totals,
    activated,
    assert_killed,
    new_world,
    news,
    past,
    quiet,
    strike,
)
from harness.world import LEASE_TTL, World

Check = Callable[[Totals], None]
MANY = 10_000


@pytest.fixture(scope="module")
def exporters() -> Generator[Exporters]:
    """One forking exporter for all trials."""
    with Exporters() as found:
        yield found


@pytest.fixture
def check(
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> Check:
    """Print the sums, and fail unless all three lists were empty in every trial."""

    def checked(totals: Totals) -> None:
        record_property("totals", str(totals))
        with capsys.disabled():
            print(f"\n  {request.node.name}: {totals}")
        assert totals.wrong == []
        assert (totals.lost, totals.twice, totals.too_old) == (0, 0, 0)

    return checked


def _finish(
    totals: Totals, world: World, exporters: Exporters, what: str, *, kills: int = 1,
    in_flight: int = 1,
) -> None:  # fmt: skip
    runs, held = quiet(world, exporters, in_flight=in_flight)
    totals.uncertain += held
    totals.add(world.judge(final=True), kills, runs, what)


def _kill_exports_at(
    exporters: Exporters, steps: Iterable[int], in_flight: int, *, neighbour: bool = True
) -> Totals:
    """Kill the first export at each of these steps, until one survives."""
    totals = Totals()
    for step in steps:
        with new_world(neighbour=neighbour) as world:
            activated(world, exporters)
            ended = exporters.run(world, "export", kill_at=step, in_flight=in_flight)
            _finish(totals, world, exporters, f"step {step}", kills=ended.killed,
                    in_flight=in_flight)  # fmt: skip
            if not ended.killed:
                assert ended.ok, ended.told
                break
    return totals


def _kill_activations_at(exporters: Exporters, steps: Iterable[int]) -> Totals:
    totals = Totals()
    for step in steps:
        with new_world() as world:
            pending = past(world)
            ended = exporters.run(world, "activate", kill_at=step)
            if ended.killed:
                world.clock.move(LEASE_TTL + 1)
                again = exporters.run(world, "activate")
                assert again.ok, again.told
            world.clock.move(60.0)
            news(world, pending, good=1)
            _finish(totals, world, exporters, f"activation, step {step}", kills=ended.killed)
            if not ended.killed:
                break
    return totals


def test_an_export_killed_at_some_steps(exporters: Exporters, check: Check) -> None:
    """A kill at every 50th step of an export costs nothing but a restart."""
    totals = _kill_exports_at(exporters, range(7, 104, 50), in_flight=4)
    check(totals)
    assert totals.kills == 2
    assert totals.uncertain == 0


@pytest.mark.long
@pytest.mark.parametrize("in_flight", [1, 4])
def test_an_export_killed_at_every_step(exporters: Exporters, check: Check, in_flight: int) -> None:
    """A kill at each step of an export in turn costs nothing but a restart."""
    totals = _kill_exports_at(exporters, range(1, MANY), in_flight)
    check(totals)
    assert totals.kills > 100
    assert totals.uncertain == 0


def test_an_activation_killed_at_some_steps(exporters: Exporters, check: Check) -> None:
    """A kill at some steps of an activation lets nothing old through, and nothing be lost."""
    totals = _kill_activations_at(exporters, range(2, 36, 12))
    check(totals)
    assert totals.kills == 3


@pytest.mark.long
def test_an_activation_killed_at_every_step(exporters: Exporters, check: Check) -> None:
    """A kill at each step of an activation lets nothing old through, and nothing be lost."""
    totals = _kill_activations_at(exporters, range(1, MANY))
    check(totals)
    assert totals.kills > 30


@pytest.mark.parametrize(
    "steps", [range(34, 50, 8), pytest.param(range(20, 60), marks=pytest.mark.long)]
)
def test_a_kill_before_anything_was_ever_delivered(
    exporters: Exporters, check: Check, steps: range
) -> None:
    """With an empty inbox the next delivery tests the look-up: no document is held."""
    totals = _kill_exports_at(exporters, steps, 1, neighbour=False)
    check(totals)
    assert totals.kills == len(steps)
    assert totals.uncertain == 0


def _strike(
    exporters: Exporters, requests: Iterable[int], when: str, *, fatal: bool = True,
    in_flight: int = 1,
) -> Totals:  # fmt: skip
    totals = Totals()
    for nth in requests:
        with new_world() as world:
            activated(world, exporters)
            blow = Strike(nth, when, fatal)
            for service in (world.banqup, world.zenvoices):
                strike(service, blow, exporters.kill)
            ended = exporters.run(world, "export", in_flight=in_flight)
            blow.nth = 0  # what comes after this run is left in peace
            if fatal and blow.struck:
                assert_killed(ended)
            _finish(totals, world, exporters, f"{blow.struck}, request {nth} {when}",
                    kills=ended.killed)  # fmt: skip
            if not blow.struck:
                assert ended.ok, ended.told
                break
    return totals


def test_killed_by_the_service_at_some_requests(exporters: Exporters, check: Check) -> None:
    """An exporter that dies once its request was applied loses nothing and sends nothing twice."""
    totals = _strike(exporters, range(5, 24, 9), "after")
    check(totals)
    assert totals.kills == 3
    assert totals.uncertain == 0


@pytest.mark.long
@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_by_the_service_at_every_request(
    exporters: Exporters, check: Check, when: str, in_flight: int
) -> None:
    """Killed at each request in turn, applied or not: nothing lost, nothing twice."""
    totals = _strike(exporters, range(1, MANY), when, in_flight=in_flight)
    check(totals)
    assert totals.kills > 20
    assert totals.uncertain == 0


def test_some_requests_dropped(exporters: Exporters, check: Check) -> None:
    """A connection that breaks when its request was applied is a matter of this run only."""
    check(_strike(exporters, range(9, 24, 8), "after", fatal=False))


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_request_dropped(exporters: Exporters, check: Check, when: str) -> None:
    """Each connection broken in turn, its request applied or not: nothing lost, nothing twice."""
    totals = _strike(exporters, range(1, MANY), when, fatal=False, in_flight=4)
    check(totals)
    assert totals.trials > 20


def _kill_at_random(exporters: Exporters, rounds: int, seed: int, *, steps: int = 110) -> Totals:
    totals = Totals()
    chance = random.Random(seed)
    for number in range(rounds):
        in_flight = chance.choice([1, 4])
        with new_world() as world:
            activated(world, exporters, in_flight=in_flight)
            kills = 0
            for _ in range(chance.randint(2, 5)):
                step = chance.randint(1, steps)
                ended = exporters.run(world, "export", kill_at=step, in_flight=in_flight)
                kills += ended.killed
                # Sometimes the lease still holds: then the next one finds it busy.
                world.clock.move(chance.choice([LEASE_TTL / 2, LEASE_TTL + 1, 700.0]))
            what = f"seed {seed}, round {number}"
            _finish(totals, world, exporters, what, kills=kills, in_flight=in_flight)
    return totals


def test_killed_at_random_several_times_in_a_row(exporters: Exporters, check: Check) -> None:
    """Killed again while it recovers, an exporter still gets everything across once."""
    totals = _kill_at_random(exporters, 3, seed=1)
    check(totals)
    assert totals.kills >= 4


@pytest.mark.long
def test_killed_at_random_many_times(exporters: Exporters, check: Check) -> None:
    """Killed two to five times in a row, over and over."""
    totals = _kill_at_random(exporters, 60, seed=2)
    check(totals)
    assert totals.kills >= 100


def _kill_at_calls(exporters: Exporters, call: str, every: int, *, most: int = MANY) -> Totals:
    refusal = strace_refusal()
    if refusal is not None:
        pytest.skip(refusal)
    totals = Totals()
    for nth in range(every, every * most, every):
        with new_world() as world:
            activated(world, exporters)
            ended = exporters.run_traced(world, "export", call, nth)
            _finish(totals, world, exporters, f"{call} {nth}", kills=ended.killed)
            if not ended.killed:
                assert ended.ok, ended.told
                break
    return totals


def test_killed_at_a_system_call(exporters: Exporters, check: Check) -> None:
    """Killed in the middle of making a commit durable, the file is as it was or as it is to be."""
    totals = _kill_at_calls(exporters, "fdatasync", 8, most=2)
    check(totals)
    assert totals.kills == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("call", "every"), [("pwrite64", 6), ("fdatasync", 2), ("sendto", 3), ("fcntl", 25)]
)
def test_killed_at_each_system_call(
    exporters: Exporters, check: Check, call: str, every: int
) -> None:
    """Killed at the n-th write, sync, send or lock: nothing lost, nothing twice."""
    totals = _kill_at_calls(exporters, call, every)
    check(totals)
    assert totals.kills >= 5


@pytest.mark.parametrize(
    "lookup",
    [
        "lags",
        pytest.param("missing", marks=pytest.mark.long),
        pytest.param("ignores_external_id", marks=pytest.mark.long),
    ],
)
def test_killed_where_a_look_up_cannot_tell(
    exporters: Exporters, check: Check, lookup: str
) -> None:
    """Where look-ups are missing, late or wrong, nothing is sent twice and all is accounted for.

    What is held is settled by a person, as its reason asks for, and then everything is there.
    """
    totals = _look_up_cannot_tell(exporters, lookup, range(44, 89, 30))
    check(totals)
    assert totals.kills == 2


@pytest.mark.long
@pytest.mark.parametrize("lookup", ["missing", "lags", "ignores_external_id"])
def test_killed_at_many_steps_where_a_look_up_cannot_tell(
    exporters: Exporters, check: Check, lookup: str
) -> None:
    """The same at every fourth step."""
    totals = _look_up_cannot_tell(exporters, lookup, range(1, 112, 4))
    check(totals)
    assert totals.kills == 28


def _look_up_cannot_tell(exporters: Exporters, lookup: str, steps: Iterable[int]) -> Totals:
    totals = Totals()
    for step in steps:
        with new_world() as world:
            world.zenvoices.lookup = lookup  # type: ignore[assignment]
            # Less than the 10 minutes which are waited for: that is the promise.
            world.zenvoices.lookup_lag = 500.0
            activated(world, exporters)
            ended = exporters.run(world, "export", kill_at=step)
            world.clock.move(LEASE_TTL + 1)
            exporters.run(world, "export")
            # Before anybody settles anything: nothing twice, and what is missing is named.
            totals.add(world.judge(), 0, 0, f"{lookup}, step {step}, before settling")
            _finish(totals, world, exporters, f"{lookup}, step {step}", kills=ended.killed)
    return totals
