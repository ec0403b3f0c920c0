"""A machine that tries everything: documents, faults, crashes, drift, clocks, people.

Whatever happens, nothing is sent twice and nothing old is sent. And once faults have stopped and
time has passed, everything that counts is in Zenvoices, or named for a person.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from banqup_client.testing import Fault
from bridge import BusyError, ServiceError
from harness.document_faults import (
    ARRIVED,
    CHARGED,
    DOUBTFUL,
    HELD,
    LOOK_UP,
    POISON,
    UPLOAD,
    floods,
)
from harness.oracle import judge
from harness.simulation import LEASE_TTL, Crash, Process, Simulation
from harness.wrong_designs import DESIGNS

STEPS = st.integers(1, 90)
FOLDERS = st.sampled_from(["PURCHASES", "SALES"])
STATUSES = st.sampled_from(
    ["FULLY_APPROVED", "FULLY_APPROVED", "VALIDATED", "AWAITING_VALIDATION", "DRAFT", "REFUSED",
     "SOMETHING_NEW"]
)  # fmt: skip
DAY = 86_400.0
TIMES = st.sampled_from([30.0, 700.0, 4_000.0, DAY, 3 * DAY])
_ENVELOPE = {"__abp": True, "success": False, "error": {"message": "The period is closed."}}
FAULTS: dict[str, Fault] = {
    "500": Fault.status(500),
    "502": Fault.status(502),
    "503": Fault.status(503),
    "429": Fault.rate_limit(7),
    "401": Fault.status(401),
    "html": Fault.html(),
    "empty": Fault.status(200),
    "redirect": Fault.status(302, headers={"Location": "https://elsewhere.example/"}),
    "drop": Fault.drop(),
    "close": Fault.drop(reset=False),
    "slow": Fault.delay(45.0),
    "slow, then drop": Fault.delay(45.0, then=Fault.drop()),
    "garbage": Fault.garbage(),
    "truncate": Fault.truncate(5),
}
UPLOAD_FAULTS = FAULTS | {
    "400": Fault.status(400, {"message": "no"}),
    "408": Fault.status(408),
    "409": Fault.status(409),
    "413": Fault.status(413),
    "refused": Fault.status(500, _ENVELOPE),
    "broken body": Fault.drop(body_read=100),
}
# Saying "definitely not applied" of something that was applied is lying: no fault of a service.
HONEST_AFTER = [
    "408",
    "409",
    "500",
    "502",
    "html",
    "empty",
    "redirect",
    "drop",
    "close",
    "slow",
    "garbage",
    "truncate",
]


def _when(what: str, after: bool) -> Literal["before", "after"]:
    return "after" if after and what in HONEST_AFTER else "before"


OPERATIONS = st.sampled_from(
    [("banqup", name) for name in ("documents.list", "documents.get", "files.details",
                                   "files.download", "token.get")]
    + [("zenvoices", name) for name in ("inbox.details", "login", "companies.list", "inbox.list")]
)  # fmt: skip


class Deliveries(RuleBasedStateMachine):
    """One space, one company, and everything that can happen to the two."""

    lookups: ClassVar[tuple[tuple[str, float], ...]] = (("works", 0.0),)

    def __init__(self) -> None:
        super().__init__()
        self.world: Simulation | None = None
        self.broken = False
        self.crash_at: int | None = None
        self.hooks: dict[int, Callable[[], object]] = {}
        self.copy: object = None
        self.hidden: dict[str, Callable[[], None]] = {}
        self.store_fails_at: int | None = None
        self.restored = False
        self.activations = 0
        self.history: set[str] = set()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        lookup, lag = data.draw(st.sampled_from(self.lookups))
        self.world = Simulation(
            lookup=lookup,  # type: ignore[arg-type]
            lag=lag,
            neighbour=data.draw(st.booleans()),
        )
        self.world.__enter__()
        for status in ("FULLY_APPROVED", "AWAITING_VALIDATION", "DRAFT", "REFUSED"):
            self.it.publish("PURCHASES", status)
        self.before_activation(data)
        if data.draw(st.integers(0, 3)):
            self.activate()

    def before_activation(self, data: st.DataObject) -> None:
        """What else is there before the connection is activated for the first time."""

    @property
    def it(self) -> Simulation:
        assert self.world is not None
        return self.world

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            if not self.broken:  # else this would hide what was found
                self.come_to_rest()
        finally:
            self.world.__exit__()

    # In Banqup

    def _some(self, data: st.DataObject) -> str:
        names = self.it.statuses.keys() - self.history
        assume(names)
        return data.draw(st.sampled_from(sorted(names, key=list(self.it.truths).index)))

    @precondition(lambda self: len(self.it.truths) < 25)
    @rule(folder=FOLDERS, status=STATUSES, late=st.booleans())
    def publish(self, folder: str, status: str, late: bool) -> None:
        """A document appears, sometimes with a stamp from before."""
        stamps = {"created_at": self.it.now - 3 * DAY} if late else {}
        name = self.it.publish(folder, status, **stamps)
        since = self.it.observer.status().activated_at
        if late and since is not None and self.it.now - 3 * DAY < since.timestamp() - DAY:
            # As old as what a listing may have left out at activation: it need not arrive.
            self.it.truths[name].blocked = True

    @rule(data=st.data(), status=STATUSES, touch=st.booleans())
    def change(self, data: st.DataObject, status: str, touch: bool) -> None:
        """A status changes; the service may forget to say when."""
        self.it.set_status(self._some(data), status, touch=touch)

    @precondition(lambda self: len(self.it.statuses) > 2)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """A document is deleted."""
        name = self._some(data)
        if name not in self.hidden:
            self.it.remove(name)

    # What will go wrong in the next run

    @rule(where=OPERATIONS, what=st.sampled_from(sorted(FAULTS)), nth=st.integers(1, 4),
          times=st.integers(1, 6), after=st.booleans())  # fmt: skip
    def fail_reading(
        self, where: tuple[str, str], what: str, nth: int, times: int, after: bool
    ) -> None:
        """Some calls that read will fail."""
        service = self.it.banqup if where[0] == "banqup" else self.it.zenvoices
        when = _when(what, after)
        service.faults.add(where[1], action=FAULTS[what], nth=nth, times=times, when=when)

    @rule(what=st.sampled_from(sorted(UPLOAD_FAULTS)), nth=st.integers(1, 4),
          times=st.integers(1, 3), after=st.booleans())  # fmt: skip
    def fail_uploading(self, what: str, nth: int, times: int, after: bool) -> None:
        """Some uploads will fail, applied or not."""
        when = _when(what, after)
        fault = UPLOAD_FAULTS[what]
        self.it.zenvoices.faults.add("inbox.upload", action=fault, nth=nth, times=times, when=when)

    @rule()
    def faults_stop(self) -> None:
        """Everything works again."""
        self.it.banqup.faults.clear()
        self.it.zenvoices.faults.clear()

    @rule(step=STEPS)
    def crash(self, step: int) -> None:
        """The next process will die at this step."""
        self.crash_at = step

    @rule(step=st.integers(1, 40))
    def store_fails(self, step: int) -> None:
        """In the next run the store will fail once, having done what it was asked or not."""
        self.store_fails_at = step

    @rule(step=STEPS)
    def company_is_linked_anew(self, step: int) -> None:
        """In the middle of the next run the company gets another number in Zenvoices."""

        def link() -> None:
            # A copy from before knows nothing of the number under which things went meanwhile.
            self.copy = None
            self.it.company = self.it.zenvoices.relink_company(self.it.company)

        self.hooks[step] = link

    @rule(step=STEPS)
    def access_is_lost(self, step: int) -> None:
        """In the middle of the next run somebody takes the app out of the space."""
        self.hooks[step] = lambda: self.it.banqup.set_whitelisted(self.it.space, False)

    @rule()
    def access_is_given(self) -> None:
        """The app is among the space's applications again."""
        self.it.banqup.set_whitelisted(self.it.space, True)

    @precondition(lambda self: len(self.it.statuses) - len(self.hidden) > 2)
    @rule(data=st.data())
    def disappear(self, data: st.DataObject) -> None:
        """A document is not shown for a while."""
        name = self._some(data)
        if name not in self.hidden:
            self.hidden[name] = self.it.hide(name)

    @precondition(lambda self: self.hidden)
    @rule()
    def reappear(self) -> None:
        """What was not shown is shown again."""
        while self.hidden:
            self.hidden.popitem()[1]()

    @rule(step=STEPS)
    def tokens_expire(self, step: int) -> None:
        """In the middle of the next run, every token will expire."""

        def expire() -> None:
            self.it.banqup.expire_tokens()
            self.it.zenvoices.expire_tokens()

        self.hooks[step] = expire

    @rule(step=STEPS, folder=FOLDERS, data=st.data())
    def drift(self, step: int, folder: str, data: st.DataObject) -> None:
        """In the middle of the next run, a document appears and another goes: pages shift."""
        going = self._some(data)

        def shift() -> None:
            if going in self.it.statuses and going not in self.hidden and len(self.it.statuses) > 2:
                self.it.remove(going)
            self.publish(folder, "FULLY_APPROVED", False)

        self.hooks[step] = shift

    @rule(step=STEPS, pause=st.sampled_from([0.0, 300.0, 2 * LEASE_TTL]))
    def second_worker(self, step: int, pause: float) -> None:
        """In the middle of the next run the process pauses, and another one runs meanwhile."""

        def run() -> None:
            self.it.pass_time(pause)
            self._attempt(Process())

        self.hooks[step] = run

    @rule(jump=st.sampled_from([-DAY, -3_600.0, 3_600.0, DAY]), step=STEPS)
    def clock_is_set(self, jump: float, step: int) -> None:
        """In the middle of the next run somebody sets the machine's clock."""

        def jumped() -> None:
            self.it.skew = jump

        self.hooks[step] = jumped

    # Runs

    def _process(self) -> Process:
        process = Process(self.crash_at, self.hooks, self.store_fails_at)
        self.crash_at, self.hooks, self.store_fails_at = None, {}, None
        return process

    def _attempt(self, process: Process) -> None:
        """One run, however it ends; after a restored backup with a look first."""
        try:
            report = self.it.export(process, look_first=self.restored)
        except (Crash, ServiceError):
            return
        assert sum(report.states.values()) == report.listed
        if report.stopped is None:
            self.restored = False

    @rule()
    def run(self) -> None:
        """An export."""
        self._attempt(self._process())

    @rule(
        documents=st.integers(0, 2),
        step=st.none() | STEPS,
        what=st.none() | st.sampled_from(sorted(UPLOAD_FAULTS)),
        nth=st.integers(1, 2),
        after=st.booleans(),
        seconds=TIMES,
    )
    def day(
        self,
        documents: int,
        step: int | None,
        what: str | None,
        nth: int,
        after: bool,
        seconds: float,
    ) -> None:
        """What often comes together: documents, a fault, a crash, a run, and time passes."""
        self.access_is_given()
        if not self.it.observer.status().active:
            self.activate()
        for _ in range(documents):
            self.publish("PURCHASES", "FULLY_APPROVED", False)
        if what is not None:
            self.fail_uploading(what, nth, 1, after)
        self.crash_at = step
        self.run()
        self.faults_stop()
        self.it.pass_time(seconds)

    @rule(limit=st.integers(1, 3))
    def run_some(self, limit: int) -> None:
        """An export of a few documents."""
        try:
            self.it.export(self._process(), limit=limit, look_first=self.restored)
        except (Crash, ServiceError):
            return

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0]))
    def run_briefly(self, seconds: float) -> None:
        """An export that is to begin nothing new after a while."""
        with suppress(Crash, ServiceError):
            self.it.export(self._process(), deadline=seconds, look_first=self.restored)

    @rule()
    def run_dry(self) -> None:
        """An export that only says what it would do."""
        rows, inbox = self.it.rows(), len(self.it.inbox)
        with suppress(Crash, ServiceError):
            self.it.export(Process(self.crash_at), dry_run=True)
        assert (self.it.rows(), len(self.it.inbox)) == (rows, inbox)

    @rule()
    def confirm(self) -> None:
        """Somebody compares with Zenvoices."""
        with suppress(Crash, ServiceError):
            self.it.connection(self._process()).confirm()

    @rule(seconds=TIMES)
    def time_passes(self, seconds: float) -> None:
        """Time passes."""
        self.it.pass_time(seconds)

    # People

    @rule()
    def activate(self) -> None:
        """Somebody activates the connection; what is there stays where it is."""
        was = self.it.observer.status().active
        before = set(self.it.truths)
        with suppress(Crash, ServiceError):
            self.it.connection(self._process()).activate()
        if not was and self.it.observer.status().active:
            self._now_active(before)

    def _now_active(self, before: set[str]) -> None:
        """What is approved at an activation is old, unless it was on its way already."""
        self.copy = None
        there = {part.sha256 for item in self.it.inbox for part in item.attachments}
        rows = {row.id: row for row in self.it.rows()}
        for name, truth in self.it.truths.items():
            row = rows.get(name)
            if name not in before or name in self.hidden:
                # In the middle of it: new if the server's times say so, else skipped and named.
                # And what no listing showed counts as new when it is shown.
                truth.blocked = True
                continue
            attempted = row is not None and row.state not in ("baseline", "skipped")
            if self.it.exportable(name) and not attempted and truth.content not in there:
                truth.old = True
        self.activations += 1

    @rule()
    def deactivate(self) -> None:
        """Somebody deactivates the connection."""
        with suppress(Crash, ServiceError):
            self.it.connection(self._process()).deactivate()
        self.copy = None

    @rule(data=st.data())
    def resend(self, data: st.DataObject) -> None:
        """Somebody wants a document sent again."""
        name = self._some(data)
        # Counted before: a crash may hide that the wish was stored.
        try:
            (request,) = self.it.connection().resend([name])
        except ServiceError:
            return
        if request.accepted:
            self.it.truths[name].copies += 1

    @rule()
    def settle(self) -> None:
        """A person looks at what is uncertain."""
        self._settle()

    def _settle(self) -> None:
        there = {part.sha256 for item in self.it.inbox for part in item.attachments}
        for row in self.it.rows():
            if row.state == "uncertain":
                truth = self.it.truths[row.id]
                sent_as = json.loads(row.value).get("external_id")
                # None: held before it was sent, as a restored backup may not know of it.
                names = {item.external_id for item in self.it.inbox} | {None}
                delivered = truth.content in there and sent_as in names
                try:
                    self.it.connection().settle(row.id, delivered=delivered)
                except BusyError:
                    return

    @precondition(lambda self: self.it.zenvoices.lookup == "works")
    @rule()
    def back_up_work_and_restore(self) -> None:
        """A copy, work that it knows nothing of, and the copy in the checkpoint's place."""
        self.back_up()
        for _ in range(2):
            self.publish("PURCHASES", "FULLY_APPROVED", False)
        self.run()
        if self.copy is not None:
            self.restore()
            self.run()

    @precondition(lambda self: self.it.zenvoices.lookup == "works")
    @rule()
    def back_up(self) -> None:
        """Somebody copies the checkpoint."""
        if self.it.observer.status().active:
            self.copy = self.it.backup()

    @precondition(lambda self: self.copy is not None)
    @rule()
    def restore(self) -> None:
        """The checkpoint is lost, and an old copy takes its place."""
        self.it.restore(self.copy)
        self.it.pass_time(LEASE_TTL + 700.0)
        self.restored = True

    # What must hold

    @invariant()
    def never_twice_never_old(self) -> None:
        """Nothing twice, nothing old, and what is missing is named."""
        if self.world is None:
            return
        self.broken = True
        found = self.it.judge()
        assert found.clean, found
        self.broken = False

    def come_to_rest(self) -> None:
        """Faults stop, time passes, people do their part: then everything must be there."""
        self.faults_stop()
        self._process()
        self.access_is_given()
        self.reappear()
        self.it.pass_time(LEASE_TTL + 1)
        if not self.it.observer.status().active:
            self.activate()
        unchanged = 0
        for _ in range(8):
            before = self.it.rows(), len(self.it.inbox)
            self._rest_a_day()
            unchanged = unchanged + 1 if before == (self.it.rows(), len(self.it.inbox)) else 0
            if unchanged == 2:
                break
        while self._unfinished():
            self._rest_a_day()
        found = self.it.judge(final=True)
        assert found.clean, found
        assert not set(found.uncertain) - self.it.faults.bad, found
        sending = {row.id for row in self.it.rows() if row.state == "sending"}
        assert not sending - self.it.faults.bad

    def _rest_a_day(self) -> None:
        """A quiet day: one run, and a person does what the connection asks for."""
        self.it.pass_time(DAY + 3_600.0)
        try:
            self.it.export(look_first=self.restored)
            self.restored = False
        except ServiceError:
            # A run in which nothing but bad documents was tried is right to say so.
            if not self.it.faults.bad:
                raise
        self._settle()
        failed = {row.id for row in self.it.rows() if row.state == "failed"}
        for name in sorted(failed - self.it.faults.bad):
            self.it.connection().resend([name])
            self.it.truths[name].copies += 1

    def _unfinished(self) -> bool:
        """Whether there is something that takes longer to come to rest."""
        return False


MOST_BAD = 4
PATIENCE = 60


class BadDocuments(Deliveries):
    """The same with documents that always fail, gateways that refuse, and a short listing."""

    def __init__(self) -> None:
        super().__init__()
        self.flooded = False
        self.days_of_rest = 0

    def before_activation(self, data: st.DataObject) -> None:
        """Documents of an earlier week, which the listing does not show yet; or none."""
        kind = data.draw(st.sampled_from(["none", "dated", "undated"]))
        if kind == "none":
            return
        many, undated = (3, {}) if kind == "dated" else (22, {"extra": {"createdAt": ...}})
        stamp = {"created_at": self.it.now - 3 * DAY}
        for _ in range(many):
            name = self.it.publish("PURCHASES", "FULLY_APPROVED", **stamp, **undated)
            self.it.truths[name].old = True
            self.history.add(name)
        self.flooded = kind == "undated"
        self.it.banqup.unlisted = frozenset(self.history)

    @precondition(lambda self: self.it.banqup.unlisted)
    @rule()
    def listing_is_corrected(self) -> None:
        """Somebody finds the wrong name in the contract: now the listing shows everything."""
        self.it.banqup.unlisted = frozenset()
        self.it.contract = {"documents.list": {"query": {"size": "pageSize"}}}
        if self.flooded and self.it.observer.status().active:
            self._assert_no_flood()
        self.flooded = False

    def _assert_no_flood(self) -> None:
        """Where no date tells history from news, the run stops, and a person activates again."""
        self.access_is_given()
        self.it.pass_time(LEASE_TTL + DAY)
        self.broken = True
        with suppress(ServiceError):
            assert self.it.export(look_first=self.restored).stopped
        assert not self.it.judge().too_old
        self.broken = False
        self.it.connection().deactivate()
        self.copy = None
        self.activate()

    def _bad(self) -> int:
        return len(self.it.faults.bad & self.it.statuses.keys())

    def _some(self, data: st.DataObject) -> str:
        names = self.it.statuses.keys() - self.history - self.it.faults.bad
        assume(names)
        return data.draw(st.sampled_from(sorted(names, key=list(self.it.truths).index)))

    @precondition(lambda self: self._bad() < MOST_BAD)
    @rule(what=st.sampled_from(sorted(POISON)), count=st.sampled_from([1, 1, 3]))
    def publish_poison(self, what: str, count: int) -> None:
        """Documents whose uploads always end in doubt and are never applied."""
        for _ in range(min(count, MOST_BAD - self._bad())):
            self.it.publish_bad(UPLOAD, POISON[what])

    @precondition(lambda self: self._bad() < MOST_BAD)
    @rule(
        operation=st.sampled_from([UPLOAD, "files.details", "files.download", LOOK_UP]),
        what=st.sampled_from(sorted(HELD)),
    )
    def publish_blocked(self, operation: str, what: str) -> None:
        """A document that a gateway does not let through at one of its calls."""
        if operation == "files.download" and what == "own 403":
            what = "403"  # the storage has no error body of the service
        self.it.publish_bad(operation, HELD[what])

    @precondition(lambda self: self._bad() < MOST_BAD)
    @rule(what=st.sampled_from(sorted(CHARGED)))
    def publish_refused(self, what: str) -> None:
        """A document that Zenvoices itself refuses each time."""
        self.it.publish_bad(UPLOAD, CHARGED[what])

    @rule(what=st.sampled_from(sorted(CHARGED)), days=st.integers(1, 8), daily=st.booleans())
    def weekend(self, what: str, days: int, daily: bool) -> None:
        """Zenvoices refuses every document for days: one document, or one more each day."""
        self.it.faults.hit_all(UPLOAD, CHARGED[what])
        for day in range(days):
            if len(self.it.truths) < 30 and (daily or day == 0):
                self.publish("PURCHASES", "FULLY_APPROVED", False)
            self.run()
            self.never_twice_never_old()
            self.it.pass_time(DAY)
        self.it.faults.hit_all(UPLOAD, None)

    @rule(
        operation=st.sampled_from([UPLOAD, "files.details", "files.download", LOOK_UP]),
        what=st.sampled_from(sorted(HELD)),
        days=st.integers(1, 3),
    )
    def firewall(self, operation: str, what: str, days: int) -> None:
        """A gateway refuses one operation for every document for days."""
        if operation == "files.download" and what == "own 403":
            what = "403"
        self.it.faults.hit_all(operation, HELD[what])
        for _ in range(days):
            self.run()
            self.never_twice_never_old()
            self.it.pass_time(DAY)
        self.it.faults.hit_all(operation, None)

    @rule(what=st.sampled_from(sorted(ARRIVED)))
    def arrives_oddly(self, what: str) -> None:
        """The next upload is taken, and the answer is not the object it should be."""
        self.it.faults.shape, self.it.faults.applied = ARRIVED[what], True

    @rule(what=st.sampled_from(sorted(DOUBTFUL)), applied=st.booleans())
    def succeeds_doubtfully(self, what: str, applied: bool) -> None:
        """The next upload is answered with a success that proves nothing."""
        self.it.faults.shape, self.it.faults.applied = DOUBTFUL[what], applied

    @rule()
    def faults_stop(self) -> None:
        """Everything works again, but for what is wrong with single documents."""
        super().faults_stop()
        self.it.faults.ended()

    def come_to_rest(self) -> None:
        """The same; and then good documents go on arriving until the bad ones are given up."""
        if self.it.banqup.unlisted:
            self.faults_stop()
            self._process()
            self.listing_is_corrected()
        super().come_to_rest()
        endless = self._to_give_up() if self.it.zenvoices.lookup == "works" else []
        assert not endless, f"for ever: {endless}"

    def _to_give_up(self) -> list[str]:
        """Documents that count, can never arrive, and are not given up yet."""
        finished = ("failed", "skipped", "delivered", "confirmed")
        return [
            row.id
            for row in self.it.rows()
            if row.id in self.it.faults.hopeless
            and row.state not in finished
            and not (self.it.truths[row.id].old or self.it.truths[row.id].blocked)
            and self.it.exportable(row.id)
        ]

    def _unfinished(self) -> bool:
        """Whether a bad document is not given up yet; then a good one is published."""
        if self.it.zenvoices.lookup != "works" or not self._to_give_up():
            return False
        self.days_of_rest += 1
        if self.days_of_rest > PATIENCE:
            return False
        self.publish("PURCHASES", "FULLY_APPROVED", False)
        return True


class LateLookups(BadDocuments):
    """The same where look-ups show a new document only after a while, or not at all."""

    lookups = (("lags", 300.0), ("missing", 0.0), ("ignores_external_id", 0.0))


def _try(machine: type[RuleBasedStateMachine], examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            **more,
        ),
    )


@pytest.mark.parametrize(
    ("machine", "examples"),
    [
        (Deliveries, 3),
        (BadDocuments, 2),
        (LateLookups, 2),
        pytest.param(Deliveries, 15, marks=pytest.mark.long),
        pytest.param(BadDocuments, 15, marks=pytest.mark.long),
        pytest.param(LateLookups, 10, marks=pytest.mark.long),
    ],
)
def test_whatever_happens(machine: type[RuleBasedStateMachine], examples: int) -> None:
    """Never twice, never old; and in the end everything is delivered or named."""
    _try(machine, examples, 25, derandomize=True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("machine", "examples"), [(Deliveries, 100), (BadDocuments, 30), (LateLookups, 15)]
)
def test_whatever_happens_for_longer(machine: type[RuleBasedStateMachine], examples: int) -> None:
    """The same with more steps, and other examples each time but under CI."""
    _try(machine, examples, 40)


class Drawn:
    """Choices that are made beforehand, in the place of Hypothesis' own."""

    def __init__(self, *values: object) -> None:
        self._values = list(values)

    def draw(self, _: object) -> Any:
        """The next choice."""
        return self._values.pop(0)


Step = Callable[[BadDocuments], object]


def _new(it: BadDocuments) -> None:
    it.publish("PURCHASES", "FULLY_APPROVED", False)


def _poison(what: str, count: int) -> list[Step]:
    return [_new, lambda it: it.publish_poison(what, count), lambda it: it.run()]


def _blocked(operation: str, what: str) -> list[Step]:
    return [lambda it: it.publish_blocked(operation, what), _new, lambda it: it.run()]


def _firewall(operation: str, what: str) -> list[Step]:
    return [_new, lambda it: it.run(), *5 * [_new], lambda it: it.firewall(operation, what, 2)]


def _weekend(what: str, *, daily: bool) -> list[Step]:
    return [_new, lambda it: it.run(), lambda it: it.weekend(what, 8, daily)]


def _look_up_refused(what: str) -> list[Step]:
    return [
        _new,
        lambda it: it.run(),
        lambda it: it.publish_blocked(LOOK_UP, what),
        lambda it: it.fail_uploading("drop", 1, 1, after=True),
        lambda it: it.run(),
        _new,
        lambda it: it.run(),
    ]


def _arrives(what: str) -> list[Step]:
    return [_new, lambda it: it.arrives_oddly(what), _new, lambda it: it.run()]


def _doubtful(what: str, *, applied: bool) -> list[Step]:
    return [_new, lambda it: it.succeeds_doubtfully(what, applied), _new, lambda it: it.run()]


def _corrected() -> list[Step]:
    return [_new, lambda it: it.run(), lambda it: it.listing_is_corrected()]


_BLOCKED = [(name, what) for name in (UPLOAD, "files.details", "files.download") for what in HELD]
STORIES: dict[str, tuple[list[Step], str]] = {
    **{f"poison, {what}": (_poison(what, 1), "none") for what in POISON},
    "poison, three of them": (_poison("502", 3), "none"),
    **{f"blocked, {name} {what}": (_blocked(name, what), "none") for name, what in _BLOCKED},
    **{f"firewall, {name} {what}": (_firewall(name, what), "none") for name, what in _BLOCKED},
    **{f"look-up refused, {what}": (_look_up_refused(what), "none") for what in HELD},
    "weekend, one document": (_weekend("500", daily=False), "none"),
    "weekend, one more each day": (_weekend("500", daily=True), "none"),
    **{f"arrives, {what}": (_arrives(what), "none") for what in ARRIVED},
    **{f"doubtful, {what}": (_doubtful(what, applied=True), "none") for what in DOUBTFUL},
    **{f"not applied, {what}": (_doubtful(what, applied=False), "none") for what in DOUBTFUL},
    "corrected listing, dated": (_corrected(), "dated"),
    "corrected listing, undated": (_corrected(), "undated"),
}
QUICK = [
    "blocked, inbox.upload 403", "firewall, files.download 404", "look-up refused, 403",
    "arrives, 201 empty", "not applied, {}", "corrected listing, dated",
]  # fmt: skip


@pytest.mark.parametrize(
    "story",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in STORIES],
)
def test_a_story_of_bad_documents(story: str) -> None:
    """What the machine may come upon only after hours, told step by step."""
    steps, past = STORIES[story]
    it = BadDocuments()
    it.begin(Drawn(("works", 0.0), True, past, 1))
    try:
        for step in steps:
            step(it)
            it.never_twice_never_old()
            it.it.pass_time(4_000.0)
    finally:
        it.teardown()


class WrongDesign(RuleBasedStateMachine):
    """A few of the things that can happen, to an exporter that is wrong."""

    design: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.it = Simulation()
        self.it.__enter__()
        self.directory = tempfile.TemporaryDirectory()
        self.crash_at: int | None = None
        self.broken = False
        self.it.truths[self.it.publish("PURCHASES", "FULLY_APPROVED")].old = True
        self.before_activation()
        self._exporter(Process()).activate()

    def before_activation(self) -> None:
        """What else is there before the activation."""

    def _exporter(self, process: Process) -> Any:
        memory = Path(self.directory.name) / "done.json"
        clients = self.it.clients(process)
        clock = self.it.true_time
        return DESIGNS[self.design](*clients, self.it.space, memory, process.step, clock)

    @rule()
    def publish(self) -> None:
        """A document appears."""
        self.it.pass_time(1.0)
        self.it.publish("PURCHASES", "FULLY_APPROVED")

    @rule(what=st.sampled_from(["refused", "drop", "500"]), after=st.booleans())
    def fail_uploading(self, what: str, after: bool) -> None:
        """The next upload will fail, applied or not."""
        when = _when(what, after)
        fault = UPLOAD_FAULTS[what]
        self.it.zenvoices.faults.add("inbox.upload", action=fault, nth=1, times=1, when=when)

    @rule(step=st.integers(1, 40))
    def crash(self, step: int) -> None:
        """The next process will die at this step."""
        self.crash_at = step

    @rule()
    def run(self) -> None:
        """An export."""
        process, self.crash_at = Process(self.crash_at), None
        with suppress(Crash, ServiceError):
            self._exporter(process).export()

    def teardown(self) -> None:
        try:
            self.it.zenvoices.faults.clear()
            self.crash_at = None
            if not self.broken:  # else this would hide what was found
                self.come_to_rest()
        finally:
            self.directory.cleanup()
            self.it.__exit__()

    def come_to_rest(self) -> None:
        """Faults stop: then everything must be there, and once."""
        self._exporter(Process()).export()
        for name, truth in self.it.truths.items():
            truth.wanted = not truth.old and self.it.exportable(name)
        found = judge(self.it.truths.values(), self.it.inbox, final=True)
        assert found.clean, found


class BrokenRule(WrongDesign):
    """Bad documents, gateways, a weekend and a short listing, for an exporter without one rule."""

    def before_activation(self) -> None:
        """A document that the listing does not show until after the activation."""
        self.it.banqup.page = 50
        name = self.it.publish("PURCHASES", "FULLY_APPROVED", created_at=self.it.now - 3 * DAY)
        self.it.truths[name].old = True
        self.it.banqup.unlisted = frozenset([name])
        if self.design == "believes not found":
            self.it.zenvoices.lookup, self.it.zenvoices.lookup_lag = "lags", 300.0

    @rule()
    def listing_is_corrected(self) -> None:
        """The listing shows everything."""
        self.it.banqup.unlisted = frozenset()

    @precondition(lambda self: len(self.it.faults.bad) < MOST_BAD)
    @rule(what=st.sampled_from(sorted(POISON)))
    def publish_poison(self, what: str) -> None:
        """A document whose uploads always end in doubt."""
        self.it.publish_bad(UPLOAD, POISON[what])

    @precondition(lambda self: len(self.it.faults.bad) < MOST_BAD)
    @rule(
        operation=st.sampled_from([UPLOAD, "files.details"]), what=st.sampled_from(["403", "405"])
    )
    def publish_blocked(self, operation: str, what: str) -> None:
        """A document that a gateway does not let through."""
        self.it.publish_bad(operation, HELD[what])

    @rule(kind=st.sampled_from(["charged", "held"]), days=st.integers(1, 6))
    def weekend(self, kind: str, days: int) -> None:
        """Zenvoices, or a gateway, refuses every document for days."""
        fault = CHARGED["500"] if kind == "charged" else HELD["403"]
        self.it.faults.hit_all(UPLOAD, fault)
        self.publish()
        for _ in range(days):
            self.run()
            self.it.pass_time(DAY)
        self.it.faults.hit_all(UPLOAD, None)

    @rule(after=st.booleans())
    def upload_in_doubt(self, after: bool) -> None:
        """A document whose upload breaks once, and three runs without a pause."""
        self.publish()
        self.fail_uploading("drop", after)
        for _ in range(3):
            self.run()

    def _judge(self, *, final: bool = False) -> None:
        bad = self.it.faults.bad
        for name, truth in self.it.truths.items():
            truth.blocked = name in bad
            truth.wanted = not truth.old and self.it.exportable(name)
        rows = self._exporter(Process()).rows()
        wrong = [*self.it.faults.hasty(rows), *floods(self.it.faults.log)]
        assert not wrong, wrong
        found = judge(self.it.truths.values(), self.it.inbox, rows, final=final)
        assert found.clean, found
        if final:
            on = [row.id for row in rows if row.id in bad and row.state != "failed"]
            assert not on, f"for ever: {on}"

    @invariant()
    def no_rule_is_broken(self) -> None:
        """Never twice, never old, no flood, and nothing given up for what is not its fault."""
        self.broken = True
        self._judge()
        self.broken = False

    def come_to_rest(self) -> None:
        """Good documents go on arriving until the bad ones are given up."""
        self.it.faults.ended()
        self.it.banqup.unlisted = frozenset()
        for _ in range(PATIENCE):
            self.publish()
            self.run()
            self.it.pass_time(DAY)
            rows = self._exporter(Process()).rows()
            if not [row for row in rows if row.state in ("waiting", "sending")]:
                break
        self._judge(final=True)


@pytest.mark.parametrize(
    ("design", "what"),
    [
        ("mark then post", "lost"),
        pytest.param("post then mark", "twice", marks=pytest.mark.long),
    ],
)
def test_a_wrong_design_is_found(design: str, what: str) -> None:
    """What the machine is worth: it breaks a design that loses, and one that sends twice."""
    machine = type("Found", (WrongDesign,), {"design": design})
    with pytest.raises(AssertionError, match=rf"{what}=\('"):
        _try(machine, 200, 12, derandomize=True, phases=[Phase.generate], print_blob=False)


@pytest.mark.parametrize(
    ("design", "what"),
    [
        pytest.param("never charges", "for ever", marks=pytest.mark.long),
        pytest.param("charges the held", "nothing else was delivered", marks=pytest.mark.long),
        pytest.param("gives up at a weekend", "nothing else was delivered", marks=pytest.mark.long),
        ("sends history", "too_old=\\('"),
        pytest.param("believes not found", "twice=\\('", marks=pytest.mark.long),
        pytest.param("stops at a refusal", "lost=\\('", marks=pytest.mark.long),
        ("sends again at once", "was uploaded 2 times"),
    ],
)
def test_a_broken_rule_is_found(design: str, what: str) -> None:
    """A design without one of the rules is found by what that rule is for."""
    machine = type("Found", (BrokenRule,), {"design": design})
    with pytest.raises(AssertionError, match=what):
        _try(machine, 60, 12, derandomize=True, phases=[Phase.generate], print_blob=False)


@pytest.mark.long
def test_no_rule_is_broken_by_a_design_that_keeps_them() -> None:
    """The control: in a design that keeps the rules nothing is found."""
    machine = type("Careful", (BrokenRule,), {"design": "careful"})
    _try(machine, 5, 12, derandomize=True, phases=[Phase.generate])
