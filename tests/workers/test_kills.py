"""Exporters killed on every store that outlives a process: never lost, never twice, never old.

The kill harness kills on SQLiteCheckpoints at every step; here the other stores are its checkpoint.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable

import pytest

from harness.children import Exporters
from harness.trials import A_WHILE, Totals, activated, new_world, quiet
from harness.world import LEASE_TTL

Address = Callable[[str], str]
KILLS = 40


@pytest.fixture(scope="module")
def exporters() -> Generator[Exporters]:
    """One forking exporter for all trials."""
    with Exporters() as found:
        yield found


def _killed(
    exporters: Exporters, totals: Totals, store: str, steps: Iterable[int], in_flight: int
) -> None:
    """One world whose exports are killed at these steps in turn, then started until all is quiet.

    Time passes between two of them, and documents come in: a kill also meets what the one before
    it left behind.
    """
    with new_world(store=store) as world:
        activated(world, exporters)
        kills = 0
        for step in steps:
            ended = exporters.run(world, "export", kill_at=step, in_flight=in_flight)
            kills += ended.killed
            assert not world.judge().twice, f"step {step}"
            world.clock.move(LEASE_TTL + A_WHILE)
            world.publish()
            world.publish()
        runs, held = quiet(world, exporters, in_flight=in_flight)
        totals.uncertain += held
        totals.add(world.judge(final=True), kills, runs, f"steps {steps}, {in_flight} at once")


@pytest.mark.long
def test_an_export_killed_on_an_applications_own_text(
    exporters: Exporters, address: Address
) -> None:
    """A kill in the middle costs nothing but a restart where the application keeps the text."""
    totals = Totals()
    _killed(exporters, totals, address("text"), (20, 60), 4)
    assert totals.wrong == []
    assert totals.kills == 2


@pytest.mark.long
@pytest.mark.parametrize("kind", ["PostgreSQL", "SQLite through SQLAlchemy", "text"])
def test_exports_killed_on_each_store(
    exporters: Exporters, address: Address, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At least 40 kills, spread over an export's steps: nothing lost, sent twice or too old."""
    totals = Totals()
    began = time.perf_counter()
    randomly = random.Random(6)
    while totals.kills < KILLS:
        # The first run has the most to do; those after it have fewer steps.
        steps = [randomly.randrange(3, 100), *(randomly.randrange(3, 60) for _ in range(5))]
        _killed(exporters, totals, address(kind), steps, randomly.choice((1, 4)))
    with capsys.disabled():
        print(f"\n  {kind}: {totals}; {time.perf_counter() - began:.0f} s")
    assert totals.wrong == []
    assert (totals.lost, totals.twice, totals.too_old) == (0, 0, 0)
    assert totals.kills >= KILLS
