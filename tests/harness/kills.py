"""Exporters killed at random among random faults, over and over: what ./scripts/kills runs.

A trial is a world made from its seed: both services, documents old and new, some of them bad. Its
exporters, sync or async, one or two at a time, are killed several times while faults strike; then
faults stop, the exporter is started until nothing is on its way, and the oracle is asked. Each
exporter is forked from a process that has everything imported, so a kill costs no start.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

sys.path.insert(0, str(Path(__file__).parents[1]))

from banqup_client.testing import Fault
from harness.children import Ended, Exporters
from harness.document_faults import ARRIVED, CHARGED, DOUBTFUL, HELD, POISON, UPLOAD, floods
from harness.oracle import Findings, judge
from harness.trials import A_WHILE, Strike, new_world, past, strike
from harness.world import LEASE_TTL, World
from support.postgres import NoPostgresError, postgres

__all__ = ["Outcome", "Plan", "plan_of", "trial"]

DAY = 86_400.0
MOST_RUNS = 15
_ENVELOPE = {"__abp": True, "success": False, "error": {"message": "The period is closed."}}
READING = [
    ("banqup", name)
    for name in ("documents.list", "documents.get", "files.details", "files.download", "token.get")
] + [("zenvoices", name) for name in ("inbox.details", "login", "companies.list", "inbox.list")]
FAULTS = {
    "500": Fault.status(500),
    "502": Fault.html("Bad gateway", 502),
    "503": Fault.status(503),
    "429": Fault.rate_limit(1),
    "html": Fault.html(),
    "redirect": Fault.status(302, headers={"Location": "https://elsewhere.example/"}),
    "reset": Fault.drop(),
    "close": Fault.drop(reset=False),
    "garbage": Fault.garbage(),
    "truncate": Fault.truncate(5),
}
UPLOADING = FAULTS | {
    "400": Fault.status(400, _ENVELOPE),
    "refused": Fault.status(500, _ENVELOPE),
    "broken body": Fault.drop(body_read=100),
}
# After these nobody can say whether the upload was applied, so it may have been.
OPEN = ("500", "502", "html", "redirect", "reset", "close", "garbage", "truncate")


@frozen
class Plan:
    """What a trial is made of; all of it comes from its seed."""

    seed: int
    kind: str
    workers: int
    in_flight: int
    store: str
    full: bool
    lookup: str
    bad: int
    history: int
    rounds: int

    def __str__(self) -> str:
        inbox = "full" if self.full else "empty"
        return (
            f"{self.kind}, {self.workers} at a time, {self.in_flight} in flight, {self.store}, "
            f"{inbox} inbox, look-up {self.lookup}, {self.bad} bad"
        )


@frozen
class Outcome:
    """What a trial found."""

    plan: Plan
    kills: int = 0
    runs: int = 0
    found: Findings = field(factory=Findings)
    held: int = 0
    told: str | None = None
    """The error of the last run, where it ended in one."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; where look-ups work, nobody needs to be held either."""
        return self.found.clean and not (self.held and self.plan.lookup == "works")

    def __str__(self) -> str:
        held = f", {self.held} held" if self.held else ""
        line = f"seed {self.plan.seed}: {self.plan}: {self.kills} kills{held}; "
        if self.clean:
            return line + "ok"
        found = self.found
        line += f"FAILED: {len(found.lost)} lost, {len(found.twice)} sent twice, "
        line += f"{len(found.too_old)} too old, {len(found.wrong)} other contradictions"
        return line + (f"; the last run ended with {self.told}" if self.told else "")


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(seed)
    works = chance.random() < 0.85
    return Plan(
        seed=seed,
        kind=chance.choice(["sync", "async"]),
        workers=chance.choice([1, 1, 2]),
        in_flight=chance.choice([1, 4]),
        store=chance.choice(["SQLite", "SQLite", "PostgreSQL"]),
        full=chance.random() < 0.5,
        lookup="works" if works else chance.choice(["missing", "lags", "ignores_external_id"]),
        bad=chance.choice([0, 0, 1, 1, 3]),
        history=chance.choice([0, 0, 2]),
        rounds=chance.randint(8, 16),
    )


class Trial:
    """One world, and the exporters that are killed in it."""

    def __init__(
        self, plan: Plan, world: World, exporters: Sequence[Exporters], design: str
    ) -> None:
        self.plan = plan
        self.world = world
        self.exporters = exporters
        self.design = design
        self.chance = random.Random(plan.seed + 1)
        self.kills = 0
        self.runs = 0
        self.held = 0
        self.wrong: list[str] = []
        self.told: str | None = None
        self.bad_to_come = plan.bad
        self.most = 60
        self.blow = Strike(0, "before")
        for service in (world.banqup, world.zenvoices):
            strike(service, self.blow, lambda: exporters[0].kill())

    # Runs

    def _start(self, exporters: Exporters, verb: str, name: str, kill_at: int | None) -> None:
        self.runs += 1
        exporters.start(
            self.world, verb, name=name, kill_at=kill_at, kind=self.plan.kind,
            in_flight=self.plan.in_flight, design=self.design,
        )  # fmt: skip

    def _wait(self, exporters: Exporters) -> Ended:
        ended = exporters.wait()
        self.kills += ended.killed
        self.told = None if ended.ok else ended.told
        # A step that no run reaches kills nothing.
        self.most = self.most + 5 if ended.killed else min(max(ended.steps, 20), 100)
        return ended

    def _run(self, verb: str = "export", kill_at: int | None = None) -> Ended:
        self.world.faults.run += 1
        self._start(self.exporters[0], verb, "", kill_at)
        return self._wait(self.exporters[0])

    def _together(self) -> None:
        """Several exporters at the same time, each of which may be killed."""
        self.world.faults.run += 1
        for number, exporters in enumerate(self.exporters):
            self._start(exporters, "export", str(number), self._step())
        for exporters in self.exporters:
            self._wait(exporters)

    def _step(self) -> int:
        return self.chance.randint(1, self.most)

    # The parts of a trial

    def activate(self) -> None:
        """Documents are there, the connection is activated, sometimes killed meanwhile."""
        stamp = time.time() - 3 * DAY
        history = [self.world.publish(old=True, created_at=stamp)
                   for _ in range(self.plan.history)]  # fmt: skip
        self.world.banqup.unlisted = frozenset(history)
        waiting = past(self.world, waiting=1)
        if self.chance.random() < 0.3:
            self._run("activate", kill_at=self.chance.randint(1, 45))
            self.world.clock.move(LEASE_TTL + 1)
        ended = self._run("activate")
        assert ended.ok, ended.told
        self.world.banqup.unlisted = frozenset()
        self.world.clock.move(60.0)
        self.world.approve(waiting[0])

    def _publish(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.world.publish()
        if self.chance.random() < 0.3:
            self.world.publish(status="VALIDATED", folder="SALES")
        if self.bad_to_come:
            self.bad_to_come -= 1
            self.world.publish(fault=self._bad())

    def _bad(self) -> Any:
        kind = self.chance.choice(["poison", "poison", "held", "charged"])
        if kind == "poison":  # a timeout would cost seconds of our own time
            return UPLOAD, POISON[self.chance.choice(["502", "reset"])]
        if kind == "charged":
            return UPLOAD, CHARGED[self.chance.choice(sorted(CHARGED))]
        operation = self.chance.choice([UPLOAD, "files.details", "files.download"])
        return operation, HELD[self.chance.choice(["403", "404", "405", "501"])]

    def _disturb(self) -> None:
        """Let faults strike in the next run."""
        if self.chance.random() < 0.4:
            service, operation = self.chance.choice(READING)
            fault = FAULTS[self.chance.choice(sorted(FAULTS))]
            faults = (self.world.banqup if service == "banqup" else self.world.zenvoices).faults
            faults.add(operation, action=fault, nth=self.chance.randint(1, 3),
                       times=self.chance.randint(1, 6))  # fmt: skip
        if self.chance.random() < 0.4:
            what = self.chance.choice(sorted(UPLOADING))
            after = what in OPEN and self.chance.random() < 0.5
            self.world.zenvoices.faults.add(
                UPLOAD, action=UPLOADING[what], nth=self.chance.randint(1, 3),
                when="after" if after else "before",
            )  # fmt: skip
        if self.chance.random() < 0.2:
            shapes, self.world.faults.applied = ARRIVED, True
            if self.chance.random() < 0.5:
                shapes, self.world.faults.applied = DOUBTFUL, self.chance.random() < 0.5
            self.world.faults.shape = shapes[self.chance.choice(sorted(shapes))]

    def round(self) -> None:
        """Documents, faults, a run that is killed, and time passes."""
        self._publish()
        self._disturb()
        if len(self.exporters) > 1:
            self._together()
        elif self.chance.random() < 0.3:
            self.blow.nth, self.blow._seen = self.chance.randint(1, self.most // 4), 0
            self.blow.when = self.chance.choice(["before", "after"])
            self._run()
            self.blow.nth = 0
        else:
            self._run(kill_at=self._step())
        self._calm()
        self.ask()
        pause = self.chance.choice([LEASE_TTL / 2, LEASE_TTL + 1, 700.0, 700.0, 4_000.0, DAY])
        self.world.clock.move(pause)

    def _calm(self) -> None:
        self.world.banqup.faults.clear()
        self.world.zenvoices.faults.clear()
        self.world.faults.ended()

    def rest(self) -> None:
        """Start the exporter, time passing, until nothing is on its way."""
        for runs in range(MOST_RUNS):
            # Long enough for a lease and two answers; then for a document that waits a day.
            self.world.clock.move(LEASE_TTL + (A_WHILE if runs < 3 else DAY))
            if runs == 0:
                self.world.publish()  # the control of look-ups in an inbox that was empty
            self._run()
            if self.plan.lookup != "works" and self.design == "connection":
                self.held += self.world.settled_by_a_person()
            self.ask()
            if runs and self._quiet(runs):
                return

    def _quiet(self, runs: int) -> bool:
        if self.design != "connection":  # which keeps no store that says so
            return runs >= 5
        bad = self.world.faults.bad
        rows = [row for row in self.world.rows() if row.id not in bad]
        there = {part.sha256 for item in self.world.inbox() for part in item.attachments}
        good = [truth for truth in self.world.truths.values() if truth.wanted and not truth.blocked]
        return all(truth.content in there for truth in good) and not any(
            row.state in ("sending", "uncertain") for row in rows
        )

    # What is found

    def ask(self, *, final: bool = False) -> Findings:
        """Ask the oracle; what it names in words is noted."""
        if self.design != "connection":
            return self._judge_inbox(final)
        found = self.world.judge(final=final)
        # Two exporters at a time are not told apart, so their runs are not either.
        broken = self.world.broken_rules() if self.plan.workers == 1 else []
        self.wrong += [text for text in (*found.wrong, *broken) if text not in self.wrong]
        return found

    def _judge_inbox(self, final: bool) -> Findings:
        """What the services' own state says, of an exporter that moves purchases only."""
        rows = self.world.banqup.documents(self.world.space)
        purchases = {row["id"] for row in rows if row["folder"] == "PURCHASES"}
        truths = [truth for truth in self.world.truths.values() if truth.id in purchases]
        contents = {truth.content for truth in truths}
        inbox = [item for item in self.world.inbox() if item.attachments[0].sha256 in contents]
        return judge(truths, inbox, final=final)

    def outcome(self) -> Outcome:
        """The whole trial."""
        self.activate()
        for _ in range(self.plan.rounds):
            self.round()
        self.rest()
        found = self.ask(final=True)
        if self.plan.lookup == "works":
            self.held = len(set(found.uncertain) - self.world.faults.bad)
        if self.plan.workers == 1 and self.design != "connection":
            self.wrong += floods(self.world.faults.log)
        found = evolve(found, wrong=tuple(self.wrong))
        return Outcome(self.plan, self.kills, self.runs, found, self.held, self.told)


def trial(
    plan: Plan, exporters: Sequence[Exporters], store: str | None = None,
    design: str = "connection",
) -> Outcome:  # fmt: skip
    """Run the trial of a plan.

    Args:
        plan: What it is made of.
        exporters: As many as may run at the same time.
        store: The address of a database, where the plan wants one.
        design: The exporter, or one of the wrong designs, which keep no lease and no store.
    """
    if design != "connection":
        plan = evolve(plan, kind="sync", workers=1, store="SQLite")
    with new_world(neighbour=plan.full, store=store) as world:
        world.zenvoices.lookup = plan.lookup  # type: ignore[assignment]
        # Less than the ten minutes between two answers that nothing is there.
        world.zenvoices.lookup_lag = 500.0
        return Trial(plan, world, exporters[: plan.workers], design).outcome()


# One process of several, each with exporters and a database of its own

_exporters: list[Exporters] = []
_database: str | None = None


def _begin(server: str | None) -> None:
    global _database
    _exporters.extend([Exporters(), Exporters()])
    if server is None:
        return
    import sqlalchemy as sa

    name = f"kills_{os.getpid()}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    _database = server.replace("@/postgres?", f"@/{name}?")


def _trial_of(seed: int) -> Outcome:
    plan = plan_of(seed)
    if _database is None:
        plan = evolve(plan, store="SQLite")
    store = _database if plan.store == "PostgreSQL" else None
    try:
        return trial(plan, _exporters, store)
    except Exception as error:
        return Outcome(plan, found=Findings(wrong=(f"{type(error).__name__}: {error}",)))


@contextmanager
def _server() -> Iterator[str | None]:
    try:
        with postgres() as server:
            yield server
    except NoPostgresError as reason:
        print(f"without PostgreSQL: {reason}", flush=True)
        yield None


def _outcomes(seeds: Iterator[int], jobs: int, until: float) -> Iterator[Outcome]:
    """Trials of these seeds, several at a time, until there are no more or time is up."""
    with ExitStack() as stack:
        server = stack.enter_context(_server())
        # Spawned, because a fork of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        pool = stack.enter_context(ProcessPoolExecutor(jobs, context, _begin, (server,)))
        running: set[Future[Outcome]] = set()
        while True:
            while len(running) < jobs and time.monotonic() < until:
                seed = next(seeds, None)
                if seed is None:
                    break
                running.add(pool.submit(_trial_of, seed))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _list(name: str, outcomes: Sequence[Outcome], list_of: str) -> int:
    """Print one list, with the seeds that repeat it; return its length."""
    found = [(outcome.plan.seed, getattr(outcome.found, list_of)) for outcome in outcomes]
    count = sum(len(documents) for _, documents in found)
    print(f"{name}: {count}")
    for seed, documents in found:
        for document in documents:
            print(f"  seed {seed}: {document}")
    return count


def main() -> int:
    """Kill until the time is up or the seeds are; return the exit status."""
    asked = argparse.ArgumentParser(prog="./scripts/kills", description=__doc__)
    asked.add_argument("--seconds", type=float, default=60.0, help="begin no trial after these")
    asked.add_argument("--seed", type=int, help="of the first trial; each next one has the next")
    asked.add_argument("--count", type=int, help="how many trials, whatever --seconds says")
    asked.add_argument("--jobs", type=int, default=2, help="trials at the same time")
    options = asked.parse_args()
    first = secrets.randbelow(1_000_000_000) if options.seed is None else options.seed
    print(f"first seed {first}; one trial again: ./scripts/kills --seed SEED --count 1", flush=True)
    count = options.count
    seeds = iter(range(first, first + (count or 1_000_000_000)))
    began = time.monotonic()
    until = float("inf") if count else began + options.seconds
    outcomes: list[Outcome] = []
    # Ended by default, this process would leave the others behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for outcome in _outcomes(seeds, options.jobs, until):
            outcomes.append(outcome)
            print(outcome, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    took = time.monotonic() - began
    print()
    lost = _list("lost", outcomes, "lost")
    twice = _list("sent twice", outcomes, "twice")
    old = _list("too old", outcomes, "too_old")
    wrong = _list("other contradictions", outcomes, "wrong")
    useless = sum(outcome.held for outcome in outcomes if outcome.plan.lookup == "works")
    held = sum(outcome.held for outcome in outcomes) - useless
    kills = sum(outcome.kills for outcome in outcomes)
    print(
        f"{len(outcomes)} trials, {kills} kills in {took:.0f} s ({kills / took:.1f} a second): "
        f"{lost} lost, {twice} sent twice, {old} too old, {wrong} other contradictions; "
        f"{useless} held where look-ups work, {held} where they cannot tell"
    )
    return int(not all(outcome.clean for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
