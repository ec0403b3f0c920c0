"""Sending: who goes next, what a worker's answer means, and when to stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from _client_kit import _runtime_async as world
from _client_kit._errors import (
    ConfigurationError,
    Indefinite,
    NotFound,
    PermissionDenied,
    ProtocolError,
    ServiceError,
    StoreError,
)
from bridge._async._recorder import AsyncJournal
from bridge._async._recovery import AsyncRecovery, Control
from bridge._async._transfer import AsyncTransfer, Prepared
from bridge._delivery import delivery as life
from bridge._delivery.delivery import Cause, Delivery
from bridge._delivery.outcome import Candidate, Outcome, RunOptions
from bridge._reports import events as events

__all__ = ["AsyncSending"]

REFUSALS_IN_A_ROW = 5
FAULTS_IN_A_ROW = 3
CONTROLS = 3
CLOCKS_DIFFER = timedelta(hours=24)


class AsyncSending:
    """Moves candidates through the workers; uploads go one at a time until one was delivered.

    Attributes:
        company_id: The company, as it is numbered today.
        fault: What ended the run; uploads in flight still come to their end.
        doubts: What this run left in doubt.
        shown_at: Banqup's time of its last list; None where it tells none.
    """

    def __init__(
        self,
        journal: AsyncJournal,
        transfer: AsyncTransfer,
        recovery: AsyncRecovery,
        company: Callable[[], Awaitable[int]],
        listed: Callable[[], Awaitable[bool]],
        options: RunOptions,
        upload_deadline: float,
    ) -> None:
        self._journal = journal
        self._transfer = transfer
        self._recovery = recovery
        self._company = company
        self._listed = listed
        self._options = options
        self._upload_deadline = upload_deadline
        self.company_id = 0
        self._asked = False
        self.fault: ServiceError | None = None
        self.doubts: list[Delivery] = []
        self.shown_at: datetime | None = None
        self._taken: set[str] = set()
        self._delivered = False
        self._first: tuple[str, int] | None = None
        self._fetched = False
        self._refused: list[Delivery] = []
        self._unfetched: list[Delivery] = []
        self._doubts_in_a_row = 0

    def may_go_on(self) -> bool:
        """Whether anything new may be begun; the report says why not."""
        tally, limit = self._journal.tally, self._options.limit
        if limit is not None and len(self._taken) >= limit:
            tally.stopped = tally.stopped or f"limit of {limit} documents reached"
        if self._options.deadline.remaining() <= 0:
            tally.stopped = tally.stopped or "deadline reached"
        return tally.stopped is None and self.fault is None

    async def ask_company(self) -> None:
        """Ask for the company's number once in a run: it may have changed since the last one.

        Raises:
            ServiceError: No company, or another one, has the code now.
        """
        if self._asked:
            return
        try:
            self.company_id = await self._company()
        except PermissionDenied:
            if not self.company_id:
                raise
            # Companies may not be listed any more; that number is this company's and no other's.
        self._asked = True

    async def send(self, candidates: Iterable[Candidate]) -> None:
        """Send what can be sent.

        Raises:
            ServiceError: Something that concerns more than one document.
        """
        # What was tried in vain before goes last: it shall not keep others waiting.
        queue = deque(sorted(candidates, key=_tried))
        try:
            if self._options.dry_run:
                self._pretend(queue)
            elif queue:
                await self.ask_company()
                async with world.Workers[Any](self._options.in_flight) as workers:
                    await self._work(queue, workers)
        finally:
            self._transfer.discard()
            for candidate in queue:
                left = evolve(candidate.delivery, reason="left for the next run")
                self._journal.tally.line(left)
        if self.fault is not None:
            raise self.fault

    def _pretend(self, queue: deque[Candidate]) -> None:
        while queue and self.may_go_on():
            delivery = queue.popleft().delivery
            self._taken.add(delivery.document_id)
            self._journal.tally.line(evolve(delivery, reason="would be sent", due=None))

    async def _work(self, queue: deque[Candidate], workers: world.Workers[Any]) -> None:
        ready: deque[Prepared] = deque()
        uploading = 0
        while True:
            await self._fetch(queue, workers, len(ready))
            if not workers.busy:
                return
            for result in await workers.finished():
                if isinstance(result, Prepared):
                    self._fetched = True
                    self._unfetched.clear()
                    ready.append(result)
                elif isinstance(result, Control):
                    self._checked(result)
                else:
                    uploading -= result.candidate.delivery.state == "sending"
                    await self._take(result, queue)
            chosen = self._choose(ready, uploading, queue)
            if self._options.in_flight > 1:
                # Whoever is free fetches the next while this commit is on its way to the disk.
                waiting = len(ready) + len(chosen) - self._delivered
                await self._fetch(queue, workers, waiting)
            for item in await self._intended(chosen, queue):
                uploading += 1
                await workers.start(
                    self._transfer.upload, item, self.company_id, self._journal.ledger.guard
                )
            if self._first is not None and self.fault is None:
                first, self._first = self._first, None
                await workers.start(self._recovery.control, *first)

    async def _fetch(
        self, queue: deque[Candidate], workers: world.Workers[Any], waiting: int
    ) -> None:
        """Have more documents fetched: one alone, until the first was."""
        room = self._options.in_flight if self._fetched else 1
        while queue and workers.busy + waiting < room and self.may_go_on():
            await self._start(queue.popleft(), workers)

    def _choose(
        self, ready: deque[Prepared], uploading: int, queue: deque[Candidate]
    ) -> list[Prepared]:
        """Who is uploaded now: one alone, until the first was delivered."""
        room = (self._options.in_flight if self._delivered else 1) - uploading
        chosen = [ready.popleft() for _ in range(min(room, len(ready)))]
        if self.fault is not None:
            self._put_back([*chosen, *ready], queue)
            chosen = []
            ready.clear()
        elif self._options.deadline.remaining() <= 0:
            self._put_back(ready, queue)
            ready.clear()
        return chosen

    async def _start(self, candidate: Candidate, workers: world.Workers[Any]) -> None:
        delivery = candidate.delivery
        self._taken.add(delivery.document_id)
        self._journal.tell(events.DocumentFound(delivery.document_id, delivery.folder))
        look_first = self._looks_first(candidate)
        await workers.start(self._transfer.prepare, candidate, self.company_id, look_first)

    def _looks_first(self, candidate: Candidate) -> bool:
        """Whether it may have been sent by a run that a restored checkpoint knows nothing of."""
        if self._options.look_first:
            return True
        if candidate.delivery.forced:  # a person has looked, or wants it again
            return False
        restored, created = self._journal.ledger.head.restored_at, candidate.document.created_at
        if restored is None or created is None or self.shown_at is None:
            return restored is not None
        # Near to it, or from a time that has not come yet: the two clocks need not agree.
        return created - restored <= CLOCKS_DIFFER or created - self.shown_at > CLOCKS_DIFFER

    async def _intended(self, prepared: list[Prepared], queue: deque[Candidate]) -> list[Prepared]:
        """Those that may be uploaded now, as their intents are durable."""
        sending = [self._intend(item) for item in prepared]
        try:
            await self._journal.flush()
            if sending and self._journal.ledger.remaining() <= self._upload_deadline:
                await self._journal.ledger.renew()
        except StoreError as error:
            self.fault = self.fault or error
            for item in sending:
                # Should a later commit succeed after all, it says that nothing was sent.
                known = item.candidate.delivery
                back = self._journal.advance(known, life.NotSent("could not be recorded"))
                self._journal.ledger.put(known, back)
            self._put_back(prepared, queue)
            return []
        return sending

    def _put_back(self, prepared: Iterable[Prepared], queue: deque[Candidate]) -> None:
        for item in prepared:
            item.discard()
            queue.append(item.candidate)

    def _intend(self, prepared: Prepared) -> Prepared:
        candidate = prepared.candidate
        event = life.Intended(prepared.external_id, self.company_id, prepared.files)
        delivery = self._journal.advance(candidate.delivery, event)
        self._journal.ledger.put(candidate.stored, delivery)
        return evolve(prepared, candidate=Candidate(candidate.document, delivery, stored=delivery))

    # What became of them

    async def _take(self, outcome: Outcome, queue: deque[Candidate]) -> None:
        """Record what a worker's job led to, and judge whether the run can go on."""
        candidate, event, error = outcome.candidate, outcome.event, outcome.error
        uploading = candidate.delivery.state == "sending"
        if isinstance(error, StoreError):
            # The lease is lost: what became of this document is for the next worker to find out.
            self._journal.tally.line(candidate.delivery)
            self.fault = self.fault or error
            return
        if isinstance(event, life.NotSent) and error is not None:
            error = await self._judge(error)
            if error is None:  # another company id: again, at once
                self._again(candidate, event, queue)
                return
            if uploading and self._delivered and isinstance(error, ConfigurationError):
                # The route has worked in this run: it is this document that it does not take.
                event, error = life.Refused(error.message), None
        elif isinstance(event, life.Skipped) and event.gone and not await self._listed():
            event = life.Refused("Banqup does not have the document's file")
        delivery = self._journal.advance(candidate.delivery, event)
        self._journal.record(candidate.stored, delivery, outcome.sent)
        if isinstance(event, life.Arrived):
            self._arrived(delivery, uploaded=uploading)
        elif isinstance(event, life.Doubtful):
            self._doubt(delivery, error)
        elif isinstance(event, life.Refused) and uploading:
            self._suspect_upload(delivery, error)
        elif isinstance(event, life.NotSent):
            self.fault = self.fault or error
        elif error is not None:
            self._suspect_fetch(delivery, error)

    def _again(self, candidate: Candidate, event: life.Event, queue: deque[Candidate]) -> None:
        if candidate.delivery.state == "sending":
            delivery = self._journal.advance(candidate.delivery, event)
            self._journal.ledger.put(candidate.stored, delivery)
            candidate = Candidate(candidate.document, delivery, stored=delivery)
        queue.appendleft(candidate)

    async def _judge(self, error: ServiceError) -> ServiceError | None:
        """The error, or None where it concerned only a number that the company no longer has."""
        if not isinstance(error, (PermissionDenied, NotFound)) or error.service != "zenvoices":
            return error
        before = self.company_id
        try:
            self.company_id = await self._company()
        except ServiceError as failure:
            return failure
        return error if self.company_id == before else None

    def _arrived(self, delivery: Delivery, *, uploaded: bool) -> None:
        self._unfetched.clear()
        if not uploaded:
            self._journal.tally.recovered += 1
            return
        self._refused.clear()
        self._doubts_in_a_row = 0
        self._journal.tally.exported += 1
        if delivery.reason:
            self._journal.tally.note(f"document {delivery.document_id}: {delivery.reason}")
        ledger = self._journal.ledger
        name, company = str(delivery.external_id), delivery.company_id or self.company_id
        ledger.update(controls=(*ledger.head.controls, (name, company))[-CONTROLS:])
        if self._delivered:
            return
        self._delivered = True
        self._first = (name, company)

    def _checked(self, control: Control) -> None:
        """The first delivery was looked up, to know whether look-ups can be relied on."""
        if control.works is not None:
            self._journal.ledger.update(lookup="works" if control.works else "lags")
        if control.works is False:
            self._journal.tally.note(
                "Zenvoices did not show the first delivery when it was looked up: what is in "
                "doubt after a crash will be held for a person"
            )

    def _doubt(self, delivery: Delivery, error: ServiceError | None) -> None:
        self.doubts.append(delivery)
        self._doubts_in_a_row += 1
        if isinstance(error, ProtocolError) or self._doubts_in_a_row >= FAULTS_IN_A_ROW:
            what = "several uploads in a row ended without an answer"
            self.fault = self.fault or error or Indefinite(what, service="zenvoices")

    def _suspect_upload(self, delivery: Delivery, error: ServiceError | None) -> None:
        """Refused by Zenvoices: several in a row, and nothing delivered, are not the documents'."""
        self._journal.tally.refused += 1
        self._doubts_in_a_row = 0
        if error is None or self._delivered:
            return
        self._refused.append(delivery)
        if len(self._refused) >= REFUSALS_IN_A_ROW:
            self._pardon(self._refused, error)

    def _suspect_fetch(self, delivery: Delivery, error: ServiceError) -> None:
        """Not to be had from Banqup, or not to be looked up."""
        shape = isinstance(error, ProtocolError)
        if shape and self._fetched:
            return  # other files can be had
        self._unfetched.append(delivery)
        if len(self._unfetched) >= (REFUSALS_IN_A_ROW if shape else FAULTS_IN_A_ROW):
            self._pardon(self._unfetched, error)

    def _pardon(self, suspects: list[Delivery], error: ServiceError) -> None:
        self.fault = self.fault or error
        for suspect in suspects:
            pardoned = self._journal.advance(suspect, life.Pardoned(suspect.reason))
            self._journal.record(suspect, pardoned)
        suspects.clear()


def _tried(candidate: Candidate) -> int:
    delivery = candidate.delivery
    return delivery.attempts + delivery.looks if delivery.cause is not Cause.QUEUED else 0
