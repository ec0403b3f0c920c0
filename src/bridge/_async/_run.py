"""One run of an export: settle, list, send. It alone touches store, report and listeners."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from attrs import evolve

from _client_kit._address import is_id
from _client_kit._errors import (
    ConfigurationError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    Rejected,
    ServiceError,
    Unavailable,
    Unreachable,
)
from _client_kit._paging import Page
from banqup_client import AsyncBanqupClient, Document
from bridge._async._recorder import AsyncJournal
from bridge._async._recovery import AsyncRecovery
from bridge._async._sending import FAULTS_IN_A_ROW, AsyncSending
from bridge._async._session import AsyncLedger
from bridge._async._transfer import AsyncTransfer
from bridge._delivery import delivery as life
from bridge._delivery.delivery import Cause, Delivery
from bridge._delivery.eligibility import FOLDERS, Exportable, Wait, judge
from bridge._delivery.ids import canonical_id, of_another_space
from bridge._delivery.outcome import Candidate, RunOptions, files_digest
from bridge._delivery.records import NOT_KNOWN
from bridge._mapping.mapper import AsyncMapper
from bridge._reports import events as events
from bridge._reports.report import ExportReport
from bridge._reports.verification import run_failure
from zenvoices_client import AsyncZenvoicesClient

__all__ = ["AsyncRun"]

BATCH = 200
REREADS = 50
WORDS = 50
OVERLAP = timedelta(hours=24)
FULL_LISTING_EVERY = 86_400.0


class AsyncRun:
    """Settles, lists, sends. Built anew for each run."""

    def __init__(
        self,
        *,
        ledger: AsyncLedger,
        banqup: AsyncBanqupClient,
        zenvoices: AsyncZenvoicesClient,
        space_id: str,
        company_code: str,
        company: Callable[[Sequence[int]], Awaitable[int]],
        company_id: int | None,
        mapper: AsyncMapper,
        exportable: Exportable,
        listeners: Sequence[events.Listener],
        clock: Callable[[], float],
        options: RunOptions,
    ) -> None:
        self._ledger = ledger
        self._banqup = banqup
        self._space_id = space_id
        self._company = company
        self._exportable = exportable
        self._clock = clock
        self._options = options
        self._journal = AsyncJournal(
            ledger,
            listeners,
            clock,
            space_id=space_id,
            company_code=company_code,
            dry_run=options.dry_run,
        )
        self._tally = self._journal.tally
        self._recovery = AsyncRecovery(ledger, zenvoices, clock)
        self._sending = AsyncSending(
            self._journal,
            AsyncTransfer(banqup, zenvoices, space_id, mapper, self._recovery),
            self._recovery,
            self._number,
            self._can_read_one,
            options,
            zenvoices.deadline,
        )
        self._sending.company_id = company_id or 0
        self._batch: list[Candidate] = []
        self._listed: str | None = None
        self._reads_one = False
        self._everything = True

    async def execute(self) -> ExportReport:
        """Do everything and return the report.

        Raises:
            ServiceError: Something that concerns more than one document; ``report`` says what was
                done until then.
        """
        self._journal.begin()
        try:
            await self._execute()
            return await self._journal.end()
        except ServiceError as error:
            failure = run_failure(error)
        # Not while the error is handled: a listener that raises would be logged with its frames.
        await self._journal.fail(failure)
        raise failure

    async def _execute(self) -> None:
        if self._options.look_first and not self._options.dry_run:
            # Durable before anything can go wrong: later runs must look first, too.
            self._ledger.update(restored_at=NOT_KNOWN)
            await self._ledger.flush()
        if not self._sending.company_id:
            await self._sending.ask_company()
        if not self._options.dry_run:
            await self._settle()
        for folder in FOLDERS:
            await self._list(folder)
        self._remember_unknown()
        if self._sending.may_go_on():
            await self._read_due()
        await self._check_doubts()

    async def _number(self) -> int:
        """The company's number, remembered for look-ups after it was linked anew."""
        number = await self._company(self._ledger.head.companies)
        self._ledger.remember_company(number)
        return number

    # What a crash or an outage left behind

    async def _settle(self) -> None:
        async for held in self._all("uncertain"):
            if self._options.on_uncertain == "resend":
                again = life.NotSent("uncertain, sent again as configured")
                self._journal.record(held, self._journal.advance(held, again))
            else:
                self._tally.line(held)
        faults = 0
        async for delivery in self._all("sending"):
            if faults == FAULTS_IN_A_ROW or not self._sending.may_go_on():
                self._tally.line(delivery)
                continue
            await self._sending.ask_company()
            try:
                event = await self._recovery.event(delivery, self._sending.company_id)
            except (Unavailable, ProtocolError, Rejected) as error:
                if isinstance(error, Unreachable):
                    raise
                # It stays as it is; what it asks after may be at fault, not everything.
                self._tally.note(f"a look-up could not be made: {error.message}")
                self._tally.line(delivery)
                faults += 1
                continue
            new = delivery if event is None else self._journal.advance(delivery, event)
            arrived = isinstance(event, life.Arrived)
            self._tally.recovered += arrived
            self._journal.record(delivery, new, settled=arrived)
        await self._journal.flush()

    async def _all(self, state: str, *, due: float | None = None) -> AsyncIterator[Delivery]:
        """Every delivery in a state, page by page; what changes meanwhile is made durable."""
        after: str | None = None
        while page := await self._ledger.select(state, due=due, after=after):
            for delivery in page:
                yield delivery
            after = page[-1].document_id
            await self._journal.flush()

    async def _check_doubts(self) -> None:
        """Look once at what this run itself left in doubt: most of it will have arrived."""
        for delivery in self._sending.doubts:
            if self._options.deadline.remaining() <= 0:
                return
            name = str(delivery.external_id)
            try:
                found = await self._recovery.look_up(delivery, name, self._sending.company_id)
            except ServiceError:
                return
            if found is not None and found.outcome == "found":
                inbox_id = found.document.id if found.document else None
                event = life.Arrived(inbox_id, "found in Zenvoices afterwards")
                self._tally.recovered += 1
                new = self._journal.advance(delivery, event)
                self._journal.record(delivery, new, settled=True)
        await self._journal.flush()

    # Listing

    async def _list(self, folder: str) -> None:
        """List one folder and send what can be sent; only a finished list narrows the next."""
        if not self._sending.may_go_on():
            self._everything = False
            return
        head, began = self._ledger.head, self._clock()
        cursor = head.cursors.get(folder)
        since_full = began - head.full_at.get(folder, float("-inf"))
        full = cursor is None or not 0 <= since_full < FULL_LISTING_EVERY
        self._everything = self._everything and full
        listing = self._banqup.documents.list(
            self._space_id, folder=folder, updated_since=None if full else cursor
        )
        answered_at: datetime | None = None
        changes: list[datetime] = []
        async for page in listing.pages():
            answered_at = answered_at or page.answered_at
            if answered_at is not None:
                self._sending.shown_at = answered_at
                if self._ledger.head.restored_at == NOT_KNOWN:
                    self._ledger.update(restored_at=answered_at)
            changes += [item.updated_at for item in page.items if item.updated_at is not None]
            changes = [max(changes)] if changes else []
            await self._consider_page(folder, page)
            if len(self._batch) >= BATCH:
                await self._send_batch()
            if not self._sending.may_go_on():
                break
        await self._send_batch()
        if not self._sending.may_go_on():
            self._everything = False
        elif not listing.complete:
            self._everything = False
            self._tally.note(f"Banqup's list of {folder} did not end where it said it would")
        elif answered_at is not None:
            self._narrow(folder, [answered_at, *changes], began if full else None)
        await self._journal.flush()

    def _narrow(self, folder: str, times: Sequence[datetime], full_at: float | None) -> None:
        """Narrow the next listing, by the server's times only."""
        head = self._ledger.head
        if full_at is not None:
            self._ledger.update(full_at={**head.full_at, folder: full_at})
        if len(times) < 2:  # nothing was listed
            return
        try:
            cursor = min(times) - OVERLAP
        except OverflowError:  # a document from the year 1
            return
        if cursor != head.cursors.get(folder):
            self._ledger.update(cursors={**head.cursors, folder: cursor})

    async def _consider_page(self, folder: str, page: Page[Document]) -> None:
        self._tally.unreadable += page.unreadable
        documents: dict[str, Document] = {}
        for document in page.items:
            if not is_id(document.id):
                self._tally.unreadable += 1
            elif of_another_space(document.space_id, self._space_id):
                self._tally.foreign += 1
            elif (document_id := canonical_id(document.id)) not in self._tally.seen:
                # A folder that is missing trusts the query.
                named = document if document.folder else evolve(document, folder=folder)
                documents[document_id] = named
        stored = await self._ledger.find([document.id for document in documents.values()])
        for document_id, document in documents.items():
            self._listed = document.id
            self._consider(document_id, document, stored.get(document_id))
        await self._journal.flush()

    def _consider(
        self, document_id: str, document: Document, stored: Delivery | None, reread: bool = False
    ) -> None:
        """Decide what one document's appearance means."""
        delivery = stored or life.first_seen(document_id, document.folder)
        self._tally.seen[document_id] = delivery.state
        if delivery.state != "waiting" and delivery.cause is not Cause.GONE:
            self._consider_finished(document, delivery)
            return
        verdict = judge(self._exportable, document)
        if isinstance(verdict, Wait) and verdict.unknown:
            self._tally.unknown[verdict.unknown] += 1
        event = life.Listed(document.status.document, verdict, reread=reread)
        new = self._journal.advance(delivery, event)
        if new.state == "waiting" and self._can_send(new):
            self._batch.append(Candidate(document, new, stored))
        else:
            self._journal.record(stored, new)

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

    async def _send_batch(self) -> None:
        batch, self._batch = self._batch, []
        await self._sending.send(batch)

    def _remember_unknown(self) -> None:
        """Keep the words for status(); only a listing of everything may forget one."""
        seen = dict(self._tally.unknown.most_common(WORDS))
        if not self._everything:
            before = self._ledger.head.unknown
            words = [*seen, *(word for word in before if word not in seen)][:WORDS]
            seen = {word: max(seen.get(word, 0), before.get(word, 0)) for word in words}
        self._ledger.update(unknown=seen)

    # Waiting documents that the lists have not shown

    async def _read_due(self) -> None:
        """Read waiting documents that are due one by one, unless the lists have shown them."""
        faults = reads = 0
        async for delivery in self._all("waiting", due=self._clock()):
            if canonical_id(delivery.document_id) in self._tally.seen:
                continue
            if delivery.cause is not Cause.QUEUED:
                # What is only looked at again is bounded; what is to be sent is not.
                reads += 1
                if reads > REREADS:
                    continue
            if not self._sending.may_go_on():
                break
            try:
                document = await self._read(delivery.document_id)
            except NotFound:
                event: life.Event = life.Skipped("gone", gone=True)
                if not await self._can_read_one():
                    event = life.NotReady("asking for one document does not work", file=False)
                self._tally.seen[delivery.document_id] = delivery.state
                self._journal.record(delivery, self._journal.advance(delivery, event))
                continue
            except (
                ConfigurationError,
                PermissionDenied,
                ProtocolError,
                Rejected,
                Unavailable,
            ) as error:
                faults += 1
                if faults == FAULTS_IN_A_ROW or isinstance(error, Unreachable):
                    raise
                self._tally.seen[delivery.document_id] = delivery.state
                unread = life.NotReady(error.message, file=False)
                later = self._journal.advance(delivery, unread)
                self._journal.record(delivery, later)
                continue
            faults = 0
            named = document if document.folder else evolve(document, folder=delivery.folder)
            self._consider(delivery.document_id, named, delivery, reread=True)
            if len(self._batch) >= BATCH:
                await self._send_batch()
        await self._journal.flush()
        await self._send_batch()

    async def _read(self, document_id: str) -> Document:
        try:
            return await self._banqup.documents.get(self._space_id, document_id)
        except NotFound:
            if self._listed is None or self._listed == canonical_id(self._listed):
                raise
        # A UUID is kept in small letters; a service that lists capitals may know no others.
        return await self._banqup.documents.get(self._space_id, document_id.upper())

    async def _can_read_one(self) -> bool:
        """Whether asking for one document works at all: only then is one that is missing gone."""
        if not self._reads_one:
            try:
                # The one listed last may have gone since.
                self._reads_one = await self._has(self._listed) or await self._has(
                    await self._first_listed()
                )
            except ServiceError:
                return False
        return self._reads_one

    async def _has(self, document_id: str | None) -> bool:
        if document_id is None:
            return False
        try:
            await self._banqup.documents.get(self._space_id, document_id)
        except NotFound:
            return False
        return True

    async def _first_listed(self) -> str | None:
        async for document in self._banqup.documents.list(self._space_id, page_size=1):
            return document.id if is_id(document.id) else None
        return None
