"""The harness finds what is wrong with three designs that look right: that is what it is worth."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from harness.children import Exporters
from harness.oracle import Findings, judge
from harness.trials import activated, new_world
from harness.world import World


@pytest.fixture(scope="module")
def exporters() -> Generator[Exporters]:
    """One forking exporter for all trials."""
    with Exporters() as found:
        yield found


def _judge(world: World) -> Findings:
    """What the services' own state says; these designs keep no deliveries to read."""
    purchases = {row["id"] for row in world.banqup.documents(world.space)
                 if row["folder"] == "PURCHASES"}  # fmt: skip
    truths = [truth for truth in world.truths.values() if truth.id in purchases]
    inbox = [item for item in world.inbox()
             if item.attachments[0].sha256 in {truth.content for truth in truths}]  # fmt: skip
    return judge(truths, inbox, final=True)


def _trial(exporters: Exporters, design: str, kill_at: int | None) -> tuple[bool, Findings]:
    with new_world() as world:
        activated(world, exporters, design=design)
        killed = exporters.run(world, "export", design=design, kill_at=kill_at).killed
        for _ in range(3):
            world.clock.move(4000.0)
            exporters.run(world, "export", design=design)
        return killed, _judge(world)


def _faults(exporters: Exporters, design: str) -> tuple[int, int, int]:
    """How many kill points lose a document, send one twice, and were tried."""
    lost = twice = kills = 0
    for step in range(12, 200, 2):
        killed, found = _trial(exporters, design, step)
        if not killed:
            break
        kills += 1
        lost += bool(found.lost)
        twice += bool(found.twice)
        if (lost or twice) and kills >= 6:
            break
    return lost, twice, kills


@pytest.mark.long
def test_mark_then_post_loses(exporters: Exporters) -> None:
    """A document remembered as done before it is sent is lost by a kill between the two."""
    lost, twice, _ = _faults(exporters, "mark then post")
    assert lost
    assert not twice


@pytest.mark.long
def test_post_then_mark_sends_twice(exporters: Exporters) -> None:
    """A document remembered only after it was sent is sent again after a kill between the two."""
    lost, twice, _ = _faults(exporters, "post then mark")
    assert twice
    assert not lost


@pytest.mark.long
def test_stop_at_the_first_error_loses_what_comes_after(exporters: Exporters) -> None:
    """One refused document keeps all later ones away, without any kill."""
    design = "stop at the first error"
    with new_world() as world:
        activated(world, exporters, design=design)
        world.clock.move(1.0)
        late = world.publish()
        for _ in range(3):
            assert not exporters.run(world, "export", design=design).killed
        found = _judge(world)
    assert late in found.lost
    assert not found.twice
