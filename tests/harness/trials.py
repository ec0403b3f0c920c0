"""Trials: a world, an exporter killed in it, restarts until quiet, and what the oracle says."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply
from bridge import Row
from harness.children import Ended, Exporters
from harness.oracle import Findings
from harness.world import LEASE_TTL, World

__all__ = ["Strike", "Totals", "activated", "new_world", "news", "past", "quiet", "strike"]

RESTARTS = 8
A_WHILE = 700.0
"""More than a lease and more than the 10 minutes between two answers that nothing is there."""


@define
class Totals:
    """The sums of many trials."""

    kills: int = 0
    trials: int = 0
    lost: int = 0
    twice: int = 0
    too_old: int = 0
    uncertain: int = 0
    wrong: list[str] = field(factory=list)
    restarts: Counter[int] = field(factory=Counter)

    def add(self, findings: Findings, kills: int, restarts: int, what: str) -> None:
        """Note one trial."""
        self.trials += 1
        self.kills += kills
        self.restarts[restarts] += 1
        self.lost += len(findings.lost)
        self.twice += len(findings.twice)
        self.too_old += len(findings.too_old)
        if not findings.clean:
            self.wrong.append(f"{what}: {findings}")

    def __str__(self) -> str:
        return (
            f"{self.trials} trials, {self.kills} kills: {self.lost} lost, {self.twice} sent twice, "
            f"{self.too_old} too old, {self.uncertain} held for a person; "
            f"runs until quiet at most {max(self.restarts, default=0)}"
        )


# In memory, where there is a file system for that: what a kill leaves is in the kernel's hands, and
# what a power cut leaves is not tried here.
_SHARED_MEMORY = Path("/dev/shm")
_DIRECTORY = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


@contextmanager
def new_world(*, neighbour: bool = True, store: str | None = None) -> Generator[World]:
    """A world in a directory of its own, in which no credential may be found afterwards."""
    with (
        tempfile.TemporaryDirectory(dir=_DIRECTORY) as directory,
        World(Path(directory), neighbour=neighbour, store=store) as world,
    ):
        yield world
        assert world.leaks() == []


def past(world: World, *, waiting: int = 2) -> list[str]:
    """What is in the space before activation; returns those that wait for approval."""
    world.publish(old=True)
    world.publish(old=True, status="VALIDATED", folder="SALES")
    return [world.publish(status="AWAITING_VALIDATION") for _ in range(waiting)]


def news(world: World, pending: list[str], good: int = 3) -> None:
    """What happens in the space after activation, with one document that Zenvoices refuses."""
    for _ in range(good):
        world.publish()
    world.publish(refused=True)
    world.publish(status="VALIDATED", folder="SALES")
    world.publish(status="DRAFT", folder="SALES")
    if pending:
        world.approve(pending[0])
    for truth in world.truths.values():
        if truth.old:  # edited and paid, which must not make it new
            world.banqup.set_status(truth.id, "FULLY_APPROVED")


def activated(world: World, exporters: Exporters, **how: object) -> None:
    """Activate, undisturbed, and have things happen."""
    pending = past(world)
    ended = exporters.run(world, "activate", **how)
    assert ended.ok, ended.told
    world.clock.move(60.0)
    news(world, pending)


def quiet(world: World, exporters: Exporters, **how: object) -> tuple[int, int]:
    """Restart, time passing, until nothing is on its way: how many runs, how many held."""
    held = 0
    for runs in range(1, RESTARTS + 1):
        world.clock.move(LEASE_TTL + A_WHILE)
        ended = exporters.run(world, "export", **how)
        assert ended.ok, ended.told
        settled = world.settled_by_a_person()
        held += settled
        moved = settled + ended.told["exported"] + ended.told["recovered"]
        if not moved and not any(map(_unfinished, world.rows())):
            return runs, held
    raise AssertionError(f"not quiet after {RESTARTS} runs: {world.rows()}")


def _unfinished(row: Row) -> bool:
    """Whether a document is in doubt, or was found absent and waits for its next try."""
    return row.state == "sending" or (row.state == "waiting" and "did not arrive" in row.value)


@define
class Strike:
    """What happens to the n-th request, as a service sees it.

    Attributes:
        nth: Which request, counted over both services.
        when: Before it is applied, after it, or its connection is merely dropped, unapplied.
        fatal: Whether the exporter is killed then.
        struck: The operation that was hit.
    """

    nth: int
    when: str
    fatal: bool = True
    struck: str | None = None
    _seen: int = 0

    def next(self, call: Call) -> bool:
        """Count a request; whether it is the one."""
        self._seen += 1
        if self._seen != self.nth:
            return False
        self.struck = call.operation
        return True


def strike(service: FakeService, blow: Strike, kill: Callable[[], None]) -> None:
    """Have a blow strike a service."""
    finish = service.finish
    dropped = Reply(0, delivery="reset")

    def struck(call: Call) -> Reply:
        if not blow.next(call):
            return finish(call)
        if blow.when == "after":
            finish(call)
        if blow.fatal:
            kill()
        return dropped

    service.finish = struck  # type: ignore[method-assign]


def assert_killed(ended: Ended) -> None:
    """A kill that did not happen would make a trial worthless."""
    assert ended.killed, f"the exporter survived: {ended}"
