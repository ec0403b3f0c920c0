"""Send documents: choose the next document, judge workers' results, decide when to stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import define, evolve, field

from _client_kit import _runtime_async as runtime
from _client_kit._errors import NotFoundError, OutcomeUnknownError, ServiceError, StoreError
from _client_kit._files import os_reason
from _client_kit._text import Text
from banqup_client import Document, FileNotReadyError
from bridge._async._context import AsyncContext
from bridge._async._recorder import AsyncRunRecorder
from bridge._async._recovery import AsyncRecovery, LookupProbe
from bridge._async._session import AsyncCheckpointSession
from bridge._async._transfer import AsyncTransfer, Prepared
from bridge._delivery import faults, transitions
from bridge._delivery.delivery import Delivery, WaitReason
from bridge._delivery.ids import canonical_id
from bridge._delivery.outcome import Candidate, Outcome, label_of
from bridge._reports import events
from bridge._reports.delivery_rows import to_datetime

REFUSALS_IN_A_ROW = 5
DOUBTS_IN_A_ROW = 3
CONTROLS = 3
LAST = datetime.max.replace(tzinfo=UTC)
CLOCKS_DIFFER = timedelta(hours=24)
_LEFT = Text("left_for_next_run", "left for the next run")


@define(eq=False, slots=False)
class AsyncSending:
    """Send candidates through the workers; upload one at a time until one is delivered.

    Attributes:
        fault: The error that ends the run, or None. Uploads in flight are still completed.
        refusals: The refusals of this run whose cause is not known yet.
        doubts: Deliveries to look up at the end of the run, because it is not known whether their
            uploads arrived.
        without_file: Whether a document of this run had no file that could be downloaded yet.
    """

    _context: AsyncContext
    _session: AsyncCheckpointSession
    _recorder: AsyncRunRecorder
    _recovery: AsyncRecovery
    fault: ServiceError | None = None
    refusals: faults.FaultTracker = field(factory=faults.FaultTracker)
    doubts: list[Delivery] = field(factory=list[Delivery])
    without_file: bool = False
    _asked: bool = False
    _reads_one: bool = False
    _taken: set[str] = field(factory=set[str])
    _delivered: bool = False
    _first: tuple[str, int, int | None] | None = None
    _read_back: bool = False
    _lags: bool = False
    _sent_before: bool = False
    """Whether Zenvoices showed another document under the external id of one that this run sent."""
    _fetched: bool = False
    _refused: list[Delivery] = field(factory=list[Delivery])
    _doubts_in_a_row: int = 0
    _probing: bool = False

    def __attrs_post_init__(self) -> None:
        self._checks = self._context.checks
        self._transfer = AsyncTransfer(self._context, self._session, self._recovery)

    def can_continue(self) -> bool:
        """Return True if another document may be begun; report a reached limit or deadline."""
        recorder, limit = self._recorder, self._context.limit
        if limit is not None and len(self._taken) >= limit:
            reached = Text(
                "limit", "limit of {0} document reached|limit of {0} documents reached", limit
            )
            recorder.stopped = recorder.stopped or reached
        if self._context.deadline.remaining() <= 0:
            recorder.stopped = recorder.stopped or Text("deadline", "deadline reached")
        return recorder.stopped is None and self.fault is None

    async def ask_company(self) -> None:
        """Get the company's present number, once in a run.

        Raises:
            ServiceError: The call failed, or the code is unknown or of another company now.
        """
        if not self._asked:
            await self._ask_company()
            self._asked = True

    async def _ask_company(self) -> None:
        """Get the company's present number, and record it for look-ups in later runs."""
        await self._checks.company(self._session.head.companies)
        self._session.remember_company(self._checks.company_id)

    def send_one_first(self) -> None:
        """From now on, prepare and send one document at a time, until one is delivered.

        Call this if it is not known whether several earlier uploads arrived. Until a document is
        delivered, the first upload without a clear answer then ends the run.
        """
        self._probing = True

    async def send(self, candidates: Iterable[Candidate]) -> None:
        """Send candidates: first those with the fewest failures, then by the time of change.

        The first document that each call delivers is looked up. If Zenvoices then shows another
        number than the upload got, the document was sent before, perhaps by another machine. This
        is most likely for the document whose last change is oldest, so that document goes first.

        Raises:
            ServiceError: A failure that concerns more than one document.
        """
        # Without this order, documents that failed before would delay all others.
        queue = deque(sorted(candidates, key=_order))
        self._read_back = False
        try:
            while self._context.dry_run and queue and self.can_continue():
                delivery = queue.popleft().delivery
                self._taken.add(delivery.document_id)
                would = Text("would_be_sent", "would be sent")
                self._recorder.line(evolve(delivery, reason=would, due=None))
            if queue and not self._context.dry_run:
                await self.ask_company()
                async with runtime.Workers[Any](self._context.in_flight) as workers:
                    await self._work(queue, workers)
        finally:
            self._transfer.discard()
            for candidate in queue:
                self._recorder.line(evolve(candidate.delivery, reason=_LEFT))
        if self.fault is not None:
            raise self.fault

    async def _work(self, queue: deque[Candidate], workers: runtime.Workers[Any]) -> None:
        ready: deque[Prepared] = deque()
        uploading = 0
        while True:
            await self._fetch(queue, workers, len(ready))
            if not workers.busy:
                queue.extend(item.candidate for item in ready)
                return
            for result in await workers.finished():
                if isinstance(result, Prepared):
                    self._fetched = True
                    self.refusals.passes(*result.passed)
                    if not self._session.head.fetched:
                        self._session.update(fetched=True, no_file_since=None)
                    ready.append(result)
                elif isinstance(result, LookupProbe):
                    self._checked(result)
                else:
                    uploading -= result.candidate.delivery.state == "sending"
                    await self.take(result)
            # Upload one at a time until one is delivered, and nothing more after a fault.
            room = (self._context.in_flight if self._delivered else 1) - uploading
            room = room if self.fault is None else 0
            chosen = [ready.popleft() for _ in range(min(room, len(ready)))]
            if self._context.deadline.remaining() <= 0:
                queue.extend(item.candidate for item in ready)
                ready.clear()
            if self._context.in_flight > 1:
                # Start downloads before `_intended` commits, so that workers do not wait for it.
                waiting = len(ready) + len(chosen) - self._delivered
                await self._fetch(queue, workers, waiting)
            elif not chosen:
                # With ``in_flight=1``, only one request is made at a time. So start a download only
                # if there is no upload to make.
                await self._fetch(queue, workers, len(ready))
            for item in await self._intended(chosen, queue):
                uploading += 1
                self._recorder.sent[item.candidate.delivery.document_id] = item.sent
                await workers.start(self._transfer.upload, item)
            if self._first is not None and self.fault is None:
                first, self._first = self._first, None
                await workers.start(self._recovery.control, *first)

    async def _fetch(
        self, queue: deque[Candidate], workers: runtime.Workers[Any], waiting: int
    ) -> None:
        """Start to prepare documents while there is room for them.

        There is room for one document until the first is prepared, and after send_one_first() until
        one is delivered; otherwise for `in_flight` documents. Documents that wait for their upload
        take room, too: `waiting` says how many to count.
        """
        room = self._context.in_flight if self._fetched and not self._probing else 1
        while queue and workers.busy + waiting < room and self.can_continue():
            candidate = queue.popleft()
            delivery = candidate.delivery
            self._taken.add(delivery.document_id)
            self._recorder.emit(events.DocumentFound(delivery.document_id, delivery.folder))
            look_first = self._looks_first(candidate)
            await workers.start(self._transfer.prepare, candidate, look_first)

    def _looks_first(self, candidate: Candidate) -> bool:
        """Return True if the checkpoint may lack an earlier upload of this document.

        The document must then be looked up before it is sent.
        """
        if self._context.look_first or self._sent_before:
            return True
        if candidate.delivery.requested:  # an unclear look-up must not make it uncertain
            return False
        restored, created = self._session.head.restored_at, candidate.document.created_at
        if restored is None or created is None:
            return restored is not None
        # The services' clocks may differ by a day, so a document that was created up to a day after
        # the restore counts as older. A time of creation more than a day ahead of the connection's
        # clock is not trusted: that document counts as older, too.
        latest = to_datetime(self._context.clock()) + CLOCKS_DIFFER
        return created - restored <= CLOCKS_DIFFER or created > latest

    async def _intended(self, prepared: list[Prepared], queue: deque[Candidate]) -> list[Prepared]:
        """Commit that these documents are about to be sent; return them, or [] if that failed."""
        sending: list[Prepared] = []
        for item in prepared:
            document, delivery = item.candidate.document, item.candidate.delivery
            label = label_of(document, item.upload.subject)
            event = transitions.Intended(item.external_id, self._checks.company_id, label)
            intended = self._recorder.transition(delivery, event)
            self._session.put(item.candidate.stored, intended)
            sending.append(evolve(item, candidate=Candidate(document, intended, intended)))
        try:
            await self._recorder.flush()
            if sending and self._session.remaining() <= self._context.zenvoices.deadline:
                await self._session.renew()
        except StoreError as error:
            self.fault = self.fault or error
            for item in sending:
                # A later commit may succeed; it must not say that this upload was about to begin.
                known = item.candidate.delivery
                back = self._recorder.transition(known, transitions.NotSent(_LEFT))
                self._session.put(known, back)
            queue.extend(item.candidate for item in prepared)
            return []
        return sending

    # Results of workers

    async def unread(self, delivery: Delivery, error: ServiceError) -> None:
        """Record that a due document could not be read, or that Banqup no longer has it.

        Raises:
            ServiceError: The run must end: other documents cannot be read either, or several such
                failures came in a row.
        """
        if isinstance(error, NotFoundError):
            gone = await self.can_read_one()
            self._recorder.advance(delivery, transitions.GONE if gone else transitions.Unread())
            return
        candidate = Candidate(Document(), delivery, delivery)
        outcome = Outcome(candidate, None, error, faults.DOCUMENT)
        if not delivery.waits_for_rule:
            await self.take(outcome)
        else:  # the document was not to be sent, so do not count a failed attempt
            self._recorder.report_function(error)
            if isinstance(await self._judge(outcome), transitions.Held):
                self._hold(outcome, delivery, error)
            if self.fault is None:
                self._recorder.advance(delivery, transitions.Unread())
        if self.fault is not None:
            raise self.fault

    async def take(self, outcome: Outcome) -> None:
        """Record the result of a worker's job; set `fault` if the run must end."""
        candidate, error = outcome.candidate, outcome.error
        self.refusals.passes(*outcome.passed)
        if isinstance(error, StoreError):
            # The lease is lost, so only the next run can record what became of this document.
            self._recorder.line(candidate.delivery)
            self.fault = self.fault or error
            return
        event = outcome.event
        if event is None or (event == transitions.GONE and not await self.can_read_one()):
            event = await self._judge(outcome)
        self.without_file = self.without_file or isinstance(error, FileNotReadyError)
        self._recorder.report_function(error)
        uploaded = candidate.delivery.state == "sending"
        delivery = self._recorder.transition(candidate.delivery, event)
        self._recorder.record(candidate.stored, delivery)
        if isinstance(event, transitions.Arrived):
            self._arrived(delivery, uploaded=uploaded)
        elif isinstance(event, transitions.InDoubt):
            self.doubts.append(delivery)
            self._doubts_in_a_row += 1
            if self._doubts_in_a_row >= DOUBTS_IN_A_ROW:
                self._stop_in_doubt(error)
        elif isinstance(event, transitions.Held) and isinstance(error, ServiceError):
            self._hold(outcome, delivery, error)
        elif isinstance(event, transitions.Refused):
            self._refuse(delivery, error, uploaded=uploaded)
        # After send_one_first(), until a delivery, an upload without a clear answer ends the run.
        # `Refused` is a clear answer, `Held` is not. A failure of the user's code sends nothing.
        clear = isinstance(event, transitions.Arrived | transitions.Refused)
        if self._probing and uploaded and not clear and outcome.operation not in faults.USERS_CODE:
            self._stop_in_doubt(error)

    async def _judge(self, outcome: Outcome) -> transitions.Event:
        """Return the event for a failure; set `fault` if every other document would fail, too."""
        error = outcome.error
        if isinstance(error, OSError) and outcome.operation != faults.UPLOAD:  # such as a full disk
            why = Text("said", "{0}", os_reason(error))
            reason = Text("not_kept", "it could not be kept meanwhile: {0}", why)
            return transitions.NotReady(reason)
        if not isinstance(error, ServiceError):
            return transitions.Refused(faults.reason_of(error))
        if outcome.operation in faults.USERS_CODE:
            return transitions.Held(error.message, suspect=False)
        if isinstance(error, FileNotReadyError):
            return transitions.NotReady(error.message)
        if faults.asks_again(error) and not await self._is_alone(error):
            return transitions.NotSent(error.message)
        blame = faults.blame_of(error)
        if blame is faults.Blame.RUN:
            self.fault = self.fault or error
            return transitions.NotSent(error.message)
        if blame is faults.Blame.OPEN:
            return transitions.Held(error.message)
        if outcome.operation and error.own:
            self.refusals.passes(outcome.operation)
        return transitions.Refused(error.message, final=faults.is_final(error))

    async def _is_alone(self, error: ServiceError) -> bool:
        """Make one read-only call to see whether the service refuses every call.

        For Banqup, the call lists one document. For Zenvoices, it looks the company up. If the
        company has a new number, later documents are sent under the new number.

        Returns:
            True if this call succeeds, so the service does not refuse every call. False if it fails
            too, which ends the run. Also False if the company has a new number.
        """
        before = self._checks.company_id
        try:
            if error.service == "zenvoices":
                await self._ask_company()
            else:
                documents, space_id = self._context.banqup.documents, self._context.space_id
                await anext(documents.list(space_id, page_size=1).pages())
        except ServiceError as failure:
            self.fault = self.fault or failure
            return False
        return self._checks.company_id == before

    async def can_read_one(self) -> bool:
        """Return True if a document that Banqup lists now can be read with its own call.

        Only then does "not found" for another document mean that Banqup no longer has the other
        document. Once True, the answer holds for the whole run.
        """
        documents, space_id = self._context.banqup.documents, self._context.space_id
        if not self._reads_one:
            with suppress(ServiceError):
                async for document in documents.list(space_id, page_size=1):
                    await documents.get(space_id, canonical_id(document.id))
                    self._reads_one = True
                    break
        return self._reads_one

    def _arrived(self, delivery: Delivery, *, uploaded: bool) -> None:
        if not uploaded:
            self._recorder.counts["recovered"] += 1
            return
        self._refused.clear()
        self._doubts_in_a_row = 0
        self._probing = False
        self._recorder.counts["exported"] += 1
        if delivery.reason:
            note = Text("of_document", "document {0}: {1}", delivery.document_id, delivery.reason)
            self._recorder.note(note)
        head = self._session.head
        name, company = str(delivery.external_id), delivery.company_id or self._checks.company_id
        self._session.update(
            deliveries=head.deliveries + 1, controls=(*head.controls, (name, company))[-CONTROLS:]
        )
        self._delivered = True
        if self._read_back or self._sent_before:
            return
        self._read_back = True
        # A reason means an unusual answer to the upload: the document may be in another company. So
        # the look-up must not compare the number that it finds with that of the upload.
        self._first = (name, company, None if delivery.reason else delivery.inbox_id)

    def _checked(self, control: LookupProbe) -> None:
        """Record whether the look-up of a new delivery found it, as a test of look-ups."""
        self._recorder.report_function(control.error)
        if control.works is not None:
            self.refusals.passes(faults.LOOK_UP)
            self._lags = self._lags or not control.works
            self._session.update(lookups_lag=self._lags)
        if control.other is not None:
            self._sent_before = True
            self._recorder.counts["twice"] += 1
            note = Text(
                "sent_before",
                "Zenvoices shows a document of this run as number {0} too, so it was sent "
                "before. Perhaps another machine or program exports this space, with a copy of "
                "this store or with its own, or the store was restored. From then on this run "
                "looked each document up before it sent it. Let only one program on one machine "
                "export this space. Then run banqup-zenvoices confirm (in Python: confirm()), and "
                "delete in Zenvoices what is there twice. After a restore, begin with "
                "banqup-zenvoices export --look-first (in Python: export_new(look_first=True)).",
                str(control.other),
            )
            self._recorder.note(note)
        if control.works is False:
            note = Text(
                "first_not_shown",
                "Zenvoices did not show the first delivery when it was looked up: what is in "
                "doubt after a crash will be held for a person",
            )
            self._recorder.note(note)

    def _stop_in_doubt(self, error: Exception | None) -> None:
        message = Text("uploads_in_doubt", "several uploads ended without a clear answer")
        known = error if isinstance(error, ServiceError) else None
        self.fault = self.fault or known or OutcomeUnknownError(message, service="zenvoices")

    def _hold(self, outcome: Outcome, delivery: Delivery, error: ServiceError) -> None:
        """Keep a refusal for the end of the run, which decides whether it counts as an attempt.

        Set `fault` if too many refusals of one operation came in a row.
        """
        before = outcome.candidate.delivery
        if before.state == "sending" and outcome.operation not in faults.USERS_CODE:
            self._recorder.counts["refused"] += 1
        refusal = faults.HeldRefusal(outcome.operation, delivery, error)
        if self.refusals.holds(refusal, suspect=before.suspect):
            self.fault = self.fault or self.refusals.error(refusal)

    def _refuse(self, delivery: Delivery, error: Exception | None, *, uploaded: bool) -> None:
        """Count a refusal; five refusals before the first delivery of a run end the run.

        Of the five, each must have the service's own error body, and must not be final. When they
        end the run, the failed attempts of the five documents are taken back.
        """
        self._doubts_in_a_row = 0
        self._recorder.counts["refused"] += uploaded and isinstance(error, ServiceError)
        if self._delivered or not isinstance(error, ServiceError) or not error.own:
            return
        if faults.is_final(error):
            return
        self._refused.append(delivery)
        if len(self._refused) >= REFUSALS_IN_A_ROW:
            self.fault = self.fault or error
            for refused in self._refused:
                self._recorder.advance(refused, transitions.AttemptRefunded(refused.reason))
            self._refused.clear()

    async def conclude(self) -> None:
        """Count each `HeldRefusal` as a failed attempt if its operation worked in this run.

        Raises:
            ServiceError: A service refused an operation that worked for no document of this run.
        """
        for refusal in self.refusals.charged():
            charge = transitions.Refused(refusal.delivery.reason)
            self._recorder.advance(refusal.delivery, charge)
        await self._recorder.flush()
        error = self.refusals.unexplained()
        if error is not None:
            raise error


def _order(candidate: Candidate) -> tuple[int, datetime]:
    delivery, document = candidate.delivery, candidate.document
    new = delivery.cause is WaitReason.QUEUED and not delivery.suspect
    tried = 0 if new else 1 + delivery.attempts + delivery.polls
    return tried, document.updated_at or document.created_at or LAST
