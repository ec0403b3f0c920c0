"""One run of an export: the coordinator, which alone touches store, report and listeners."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from attrs import evolve, frozen

from _client_kit import _world_async as world
from _client_kit._address import is_id
from _client_kit._clock import Deadline
from _client_kit._errors import (
    ConfigurationError,
    Indefinite,
    NotFound,
    PermissionDenied,
    ProtocolError,
    Rejected,
    ServiceError,
    StoreError,
    Unavailable,
)
from _client_kit._paging import Page
from banqup_client import AsyncBanqupClient, Document
from bridge import _events as events
from bridge import _life as life
from bridge._async._ledger import AsyncLedger
from bridge._async._recovery import AsyncRecovery
from bridge._async._transfer import AsyncTransfer, Prepared
from bridge._eligibility import FOLDERS, Exportable, Wait, judge
from bridge._life import Cause, Delivery
from bridge._outcome import Candidate, Outcome, files_digest
from bridge._report import ExportReport, moment
from bridge._tally import Tally
from bridge._verification import run_failure
from zenvoices_client import AsyncZenvoicesClient

__all__ = ["AsyncRun", "RunOptions"]

BATCH = 200
REREADS = 50
OVERLAP = timedelta(hours=24)
FULL_LISTING_EVERY = 86_400.0
REFUSALS_IN_A_ROW = 5
FAULTS_IN_A_ROW = 3
CONTROLS = 3


@frozen(kw_only=True)
class RunOptions:
    """What a caller of export_new() asked for."""

    dry_run: bool = False
    limit: int | None = None
    deadline: Deadline = Deadline()
    look_first: bool = False
    in_flight: int = 4
    on_uncertain: Literal["hold", "resend"] = "hold"


class AsyncRun:
    """Settles, lists, sends. Built anew for each run."""

    def __init__(
        self,
        *,
        ledger: AsyncLedger,
        banqup: AsyncBanqupClient,
        zenvoices: AsyncZenvoicesClient,
        transfer: AsyncTransfer,
        space_id: str,
        company_code: str,
        company: Callable[[bool], Awaitable[int]],
        exportable: Exportable,
        listeners: Sequence[events.Listener],
        clock: Callable[[], float],
        options: RunOptions,
    ) -> None:
        self._ledger = ledger
        self._banqup = banqup
        self._zenvoices = zenvoices
        self._transfer = transfer
        self._space_id = space_id
        self._company_code = company_code
        self._company = company
        self._exportable = exportable
        self._listeners = listeners
        self._clock = clock
        self._options = options
        self._recovery = AsyncRecovery(ledger, zenvoices, clock)
        self._tally = Tally()
        self._told: list[events.Event] = []
        self._batch: list[Candidate] = []
        self._company_id = 0
        self._taken = 0
        self._delivered = False
        self._fault: ServiceError | None = None
        self._suspects: list[Delivery] = []
        self._doubts: list[Delivery] = []
        self._doubts_in_a_row = 0
        self._started_at = moment(clock())

    async def execute(self) -> ExportReport:
        """Do everything and return the report.

        Raises:
            ServiceError: Something that concerns more than one document; ``report`` says what was
                done until then.
        """
        started = events.RunStarted(self._space_id, self._company_code, self._started_at)
        events.tell(self._listeners, started)
        try:
            await self._execute()
        except ServiceError as error:
            raise await self._ended_by(run_failure(error)) from None
        return await self._end()

    async def _execute(self) -> None:
        self._company_id = await self._company(False)
        if not self._options.dry_run:
            await self._settle()
        unfinished = [folder for folder in FOLDERS if not await self._list(folder)]
        if self._may_go_on():
            await self._read_due()
            await self._check_doubts()
        if not unfinished:
            self._ledger.update(unknown=dict(self._tally.unknown))

    def _may_go_on(self) -> bool:
        limit = self._options.limit
        if limit is not None and self._taken >= limit:
            self._tally.stopped = self._tally.stopped or f"limit of {limit} documents reached"
        if self._options.deadline.remaining() <= 0:
            self._tally.stopped = self._tally.stopped or "deadline reached"
        return self._tally.stopped is None and self._fault is None

    # What a crash or an outage left behind

    async def _settle(self) -> None:
        if self._options.on_uncertain == "resend":
            for held in await self._ledger.select("uncertain"):
                sent_again = life.NotSent("uncertain, sent again as configured")
                self._record(held, self._advance(held, sent_again))
        after: str | None = None
        while sending := await self._ledger.select("sending", after=after):
            for delivery in sending:
                event = await self._recovery.event(delivery, self._company_id)
                new = delivery if event is None else self._advance(delivery, event)
                if isinstance(event, life.Arrived):
                    self._tally.recovered += 1
                self._record(delivery, new, settled=isinstance(event, life.Arrived))
            after = sending[-1].document_id
            await self._flush()

    async def _check_doubts(self) -> None:
        """Look once at what this run itself left in doubt: most of it will have arrived."""
        for delivery in self._doubts:
            try:
                found = await self._recovery.look_up(delivery, self._company_id)
            except ServiceError:
                return
            if found is not None and found.outcome == "found":
                inbox_id = found.document.id if found.document else None
                event = life.Arrived(inbox_id, "found in Zenvoices afterwards")
                self._tally.recovered += 1
                self._record(delivery, self._advance(delivery, event), settled=True)
        await self._flush()

    # Listing

    async def _list(self, folder: str) -> bool:
        """List one folder and send what can be sent; False when its end was not reached."""
        head = self._ledger.head
        cursor = head.cursors.get(folder)
        since_full = self._clock() - head.full_at.get(folder, float("-inf"))
        full = cursor is None or not 0 <= since_full < FULL_LISTING_EVERY
        if not self._may_go_on():
            return False
        listing = self._banqup.documents.list(
            self._space_id, folder=folder, updated_since=None if full else cursor
        )
        began = self._clock()
        answered_at: datetime | None = None
        newest: datetime | None = None
        async for page in listing.pages():
            answered_at = answered_at or page.answered_at
            changes = [item.updated_at for item in page.items if item.updated_at is not None]
            newest = max(changes, default=newest) if newest is None else max([newest, *changes])
            await self._consider_page(folder, page)
            if len(self._batch) >= BATCH:
                await self._send_batch()
            if not self._may_go_on():
                break
        await self._send_batch()
        if not self._may_go_on():
            return False
        if not listing.complete:
            self._tally.note(f"Banqup's list of {folder} did not end where it said it would")
            return False
        self._advance_cursor(folder, newest, answered_at, began if full else None)
        await self._flush()
        return True

    def _advance_cursor(
        self,
        folder: str,
        newest: datetime | None,
        answered_at: datetime | None,
        full_at: float | None,
    ) -> None:
        """Narrow the next listing, by the server's times only."""
        head = self._ledger.head
        if full_at is not None and answered_at is not None:
            self._ledger.update(full_at={**head.full_at, folder: full_at})
        if newest is None or answered_at is None:
            return
        cursor = min(newest, answered_at) - OVERLAP
        if cursor != head.cursors.get(folder):
            self._ledger.update(cursors={**head.cursors, folder: cursor})

    async def _consider_page(self, folder: str, page: Page[Document]) -> None:
        self._tally.unreadable += page.unreadable
        documents: dict[str, Document] = {}
        for document in page.items:
            if not is_id(document.id):
                self._tally.unreadable += 1
            elif document.id not in self._tally.seen:
                # A folder that is missing trusts the query.
                named = document if document.folder else evolve(document, folder=folder)
                documents[str(document.id)] = named
        stored = await self._ledger.find(list(documents))
        for document_id, document in documents.items():
            self._consider(document_id, document, stored.get(document_id))
        await self._flush()

    def _consider(
        self, document_id: str, document: Document, stored: Delivery | None, reread: bool = False
    ) -> None:
        """Decide what one document's appearance means."""
        delivery = stored or life.first_seen(document_id, document.folder)
        self._tally.seen[document_id] = delivery.state
        if delivery.state != "waiting":
            self._consider_finished(document, delivery)
            return
        verdict = judge(self._exportable, document)
        if isinstance(verdict, Wait) and verdict.unknown:
            self._tally.unknown[verdict.unknown] += 1
        new = self._advance(delivery, life.Listed(document.status.document, verdict, reread=reread))
        if new.state == "waiting" and self._can_send(new):
            self._batch.append(Candidate(document, new, stored))
        else:
            self._record(stored, new)

    def _consider_finished(self, document: Document, delivery: Delivery) -> None:
        if (
            delivery.state in ("delivered", "confirmed")
            and delivery.files is not None
            and delivery.files != files_digest(document)
        ):
            self._tally.changed += 1

    def _can_send(self, delivery: Delivery) -> bool:
        if delivery.cause is Cause.QUEUED:
            return True
        if delivery.cause not in (Cause.RETRY, Cause.NOT_READY):
            return False
        return delivery.due is None or delivery.due <= self._clock()

    async def _read_due(self) -> None:
        """Read waiting documents that are due one by one, unless the lists have shown them."""
        due = await self._ledger.select("waiting", due=self._clock(), limit=REREADS)
        faults = 0
        for delivery in due:
            if delivery.document_id in self._tally.seen:
                continue
            if self._options.deadline.remaining() <= 0:
                break
            try:
                document = await self._banqup.documents.get(self._space_id, delivery.document_id)
            except NotFound:
                self._tally.seen[delivery.document_id] = delivery.state
                self._record(delivery, self._advance(delivery, life.Skipped("gone")))
                continue
            except (Unavailable, ProtocolError, Rejected) as error:
                faults += 1
                if faults == FAULTS_IN_A_ROW or error.kind == "rate limited":
                    raise
                self._tally.seen[delivery.document_id] = delivery.state
                self._record(delivery, self._advance(delivery, life.NotReady(error.message)))
                continue
            faults = 0
            named = document if document.folder else evolve(document, folder=delivery.folder)
            self._consider(delivery.document_id, named, delivery, reread=True)
        await self._flush()
        await self._send_batch()

    # Sending

    async def _send_batch(self) -> None:
        queue, self._batch = deque(self._batch), []
        if self._options.dry_run:
            for candidate in queue:
                self._taken += 1
                self._tally.line(evolve(candidate.delivery, reason="would be sent", due=None))
            return
        async with world.Workers[Any](self._options.in_flight) as workers:
            try:
                await self._send(queue, workers)
            finally:
                for candidate in queue:
                    self._tally.line(evolve(candidate.delivery, reason="left for the next run"))
        if self._fault is not None:
            raise self._fault

    async def _send(self, queue: deque[Candidate], workers: world.Workers[Any]) -> None:
        while True:
            while queue and workers.busy < self._room():
                await self._start(queue.popleft(), workers)
            if not workers.busy:
                return
            prepared: list[Prepared] = []
            for result in await workers.finished():
                if isinstance(result, Prepared):
                    prepared.append(result)
                else:
                    await self._take(result, queue)
            if self._fault is not None:
                for item in prepared:
                    item.close()
                    queue.append(item.candidate)
                prepared = []
            sending = [self._intend(item) for item in prepared]
            if sending and self._ledger.remaining() <= self._zenvoices.deadline:
                await self._ledger.renew()
            await self._flush()
            for item in sending:
                await workers.start(
                    self._transfer.upload, item, self._company_id, self._ledger.guard
                )

    def _room(self) -> int:
        """How many documents may be under way: one, until the first was delivered."""
        if not self._may_go_on():
            return 0
        limit = self._options.limit
        room = self._options.in_flight if self._delivered else 1
        return room if limit is None else min(room, limit - self._taken + room)

    async def _start(self, candidate: Candidate, workers: world.Workers[Any]) -> None:
        self._taken += 1
        delivery = candidate.delivery
        self._told.append(events.DocumentFound(delivery.document_id, delivery.folder))
        await workers.start(
            self._transfer.prepare, candidate, self._company_id, self._options.look_first
        )

    def _intend(self, prepared: Prepared) -> Prepared:
        candidate = prepared.candidate
        event = life.Intended(prepared.external_id, self._company_id, prepared.files)
        delivery = self._advance(candidate.delivery, event)
        self._ledger.put(candidate.stored, delivery)
        return evolve(prepared, candidate=Candidate(candidate.document, delivery, stored=delivery))

    async def _take(self, outcome: Outcome, queue: deque[Candidate]) -> None:
        """Record what a worker's job led to, and judge whether the run can go on."""
        candidate, event, error = outcome.candidate, outcome.event, outcome.error
        uploading = candidate.delivery.state == "sending"
        if isinstance(error, StoreError):
            # The lease is lost: what became of this document is for the next worker to find out.
            self._fault = error
            return
        if isinstance(event, life.NotSent) and uploading and await self._relinked(error):
            delivery = self._advance(candidate.delivery, event)
            self._ledger.put(candidate.stored, delivery)
            queue.appendleft(Candidate(candidate.document, delivery, stored=delivery))
            return
        if isinstance(error, ConfigurationError) and uploading and self._delivered:
            # The route has worked in this run, so it is this document that it does not take.
            event, error = life.Refused(error.message), None
        delivery = self._advance(candidate.delivery, event)
        self._record(candidate.stored, delivery, outcome.sent)
        if isinstance(event, life.Arrived):
            await self._arrived(delivery, uploaded=uploading)
        elif isinstance(event, life.Doubtful):
            self._doubt(delivery, error)
        elif isinstance(event, life.NotSent):
            self._fault = error
        elif error is not None:
            self._suspect(delivery, error, uploading=uploading)

    async def _relinked(self, error: ServiceError | None) -> bool:
        """Whether the company has a new number, so that a refusal concerned only the old one."""
        if not isinstance(error, (PermissionDenied, NotFound)) or error.service != "zenvoices":
            return False
        before = self._company_id
        self._company_id = await self._company(True)
        return self._company_id != before

    async def _arrived(self, delivery: Delivery, *, uploaded: bool) -> None:
        self._suspects.clear()
        self._doubts_in_a_row = 0
        if not uploaded:
            self._tally.recovered += 1
            return
        self._tally.exported += 1
        name, company = str(delivery.external_id), delivery.company_id or self._company_id
        known = (*self._ledger.head.controls, (name, company))
        self._ledger.update(controls=known[-CONTROLS:])
        if not self._delivered:
            self._delivered = True
            await self._flush()
            await self._read_back(name, company)

    async def _read_back(self, external_id: str, company_id: int) -> None:
        """Learn from the first delivery whether look-ups can be relied on."""
        try:
            found = await self._zenvoices.inbox.find(external_id=external_id, company_id=company_id)
        except ServiceError:
            return
        works = found.outcome == "found"
        if not works:
            self._tally.note(
                "Zenvoices did not show the first delivery when it was looked up: what is in "
                "doubt after a crash will be held for a person"
            )
        self._ledger.update(lookup="works" if works else "lags")

    def _doubt(self, delivery: Delivery, error: ServiceError | None) -> None:
        self._doubts.append(delivery)
        self._doubts_in_a_row += 1
        if isinstance(error, ProtocolError) or self._doubts_in_a_row >= FAULTS_IN_A_ROW:
            self._fault = error or Indefinite(
                "several uploads in a row ended without an answer", service="zenvoices"
            )

    def _suspect(self, delivery: Delivery, error: ServiceError, *, uploading: bool) -> None:
        """A failure that may not be the document's own: several in a row are the service's."""
        if uploading:
            self._tally.refused += 1
            if self._delivered:
                return
        self._suspects.append(delivery)
        if len(self._suspects) < (REFUSALS_IN_A_ROW if uploading else FAULTS_IN_A_ROW):
            return
        self._fault = error
        for suspect in self._suspects:
            pardoned = self._advance(suspect, life.Pardoned(suspect.reason))
            self._record(suspect, pardoned)
        self._suspects.clear()

    # Records

    def _advance(self, delivery: Delivery, event: life.Event) -> Delivery:
        return life.advance(delivery, event, self._clock())

    def _record(
        self,
        stored: Delivery | None,
        new: Delivery,
        sent: Any = None,
        *,
        settled: bool = False,
    ) -> None:
        """Have a delivery written, noted in the report, and told to the listeners."""
        if not self._options.dry_run:
            self._ledger.put(stored, new)
        before = self._tally.rows.get(new.document_id)
        if sent is None and before is not None:
            sent = {"subject": before.subject, "sender_name": before.sender_name}
        row = self._tally.line(new, sent)
        if settled:
            self._told.append(events.DocumentSettled(row))
        elif new.state in _TOLD:
            self._told.append(_TOLD[new.state](row))

    async def _flush(self) -> None:
        """Make durable what was recorded, then tell it."""
        if not self._options.dry_run:
            await self._ledger.flush()
        told, self._told = self._told, []
        for event in told:
            events.tell(self._listeners, event)

    async def _end(self) -> ExportReport:
        report = self._report()
        if not self._options.dry_run:
            self._ledger.update(last_run=_summary(report))
        await self._flush()
        events.tell(self._listeners, events.RunEnded(report))
        return report

    async def _ended_by(self, error: ServiceError) -> ServiceError:
        """The error that ended the run, with the report of what was done."""
        self._tally.stopped = error.message
        try:
            error.report = await self._end()
        except StoreError:
            error.report = self._report()
            events.tell(self._listeners, events.RunEnded(error.report))
        return error

    def _report(self) -> ExportReport:
        return self._tally.report(
            space_id=self._space_id,
            company_code=self._company_code,
            started_at=self._started_at,
            ended_at=moment(self._clock()),
            dry_run=self._options.dry_run,
        )


_TOLD: dict[str, Callable[[Any], events.Event]] = {
    "waiting": events.DocumentWaiting,
    "skipped": events.DocumentSkipped,
    "delivered": events.DocumentSent,
    "failed": events.DocumentFailed,
    "sending": events.DocumentUncertain,
    "uncertain": events.DocumentUncertain,
}


def _summary(report: ExportReport) -> dict[str, Any]:
    """What the head keeps of a run."""
    plain = report.to_dict()
    for name in ("deliveries", "states", "space_id", "company_code", "dry_run"):
        del plain[name]
    return plain
