"""One run of an export: look up earlier uploads that may have arrived, list and send documents.

The run is the coordinator: only it uses the store, the report and the listeners.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve

from _client_kit._errors import OutcomeUnknownError, ProtocolError, ServiceError
from _client_kit._response import Page
from _client_kit._text import Text, joined
from banqup_client import Document
from bridge._async._context import AsyncContext
from bridge._async._recorder import AsyncRunRecorder
from bridge._async._recovery import AsyncRecovery
from bridge._async._sending import DOUBTS_IN_A_ROW, AsyncSending
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import faults, transitions
from bridge._delivery.delivery import MAX_ATTEMPTS, Delivery, WaitReason
from bridge._delivery.eligibility import FOLDERS, BrokenRule, Wait
from bridge._delivery.ids import canonical_id, usable
from bridge._delivery.newness import missed_by_activation
from bridge._delivery.outcome import Candidate, files_digest, label_of
from bridge._delivery.row_format import NOT_KNOWN
from bridge._mapping.calling import judge
from bridge._reports.report import ExportReport

BATCH = 200
REREADS = 50
OVERLAP = timedelta(hours=24)
FULL_LISTING_EVERY = 86_400.0
LOOK_UP_FAULTS = 3
MOST_SUSPECTS = 5
MOST_UNDATED = 20
FIRST_FILE_WITHIN = 86_400.0


class AsyncRun:
    """One run of an export; create a new object for each run."""

    def __init__(self, context: AsyncContext, session: AsyncCheckpointSession) -> None:
        self._context = context
        self._session = session
        self._recorder = AsyncRunRecorder(context, session)
        self._banqup = context.banqup
        self._space_id = context.space_id
        self._recovery = AsyncRecovery(context, session)
        self._sending = AsyncSending(context, session, self._recorder, self._recovery)
        self._batch: list[Candidate] = []
        self._suspects: list[Candidate] = []
        self._unfinished: list[str] = []

    async def execute(self) -> ExportReport:
        """Make the run and return its report.

        Raises:
            ServiceError: A failure that concerns more than one document; its ``report`` contains
                the documents handled before.
        """
        self._recorder.begin()
        try:
            await self._execute()
            return await self._recorder.end()
        except ServiceError as error:
            failure = error.copy()
        # Call this outside the except block. Otherwise the traceback of a listener that raises
        # would also show this error.
        await self._recorder.fail(failure)
        raise failure

    async def _execute(self) -> None:
        if self._context.look_first and not self._context.dry_run:
            # Commit this first: if this run fails, later runs must look documents up too.
            self._session.update(restored_at=NOT_KNOWN)
            await self._session.flush()
        if not self._context.checks.company_id:
            await self._sending.ask_company()
        if not self._context.dry_run:
            await self._settle()
        await self._check_changed_contract()
        try:
            for folder in FOLDERS:
                await self._list(folder)
            if self._sending.can_continue():
                await self._read_due()
            await self._send_suspects()
            await self._sending.conclude()
        except ServiceError as error:
            if isinstance(error, (OutcomeUnknownError, ProtocolError)):
                # Look up now whether these uploads arrived. Before a document is sent again, two
                # "not found" answers at least 10 minutes apart are needed: this may be the first.
                await self._check_doubts()
            raise
        finally:
            for candidate in self._suspects:
                self._recorder.line(candidate.delivery)
        await self._check_doubts()
        self._check_files()
        if self._unfinished and self._recorder.stopped is None:
            self._recorder.stopped = joined("; ", *self._unfinished)
            self._recorder.ok = False

    # Uploads of earlier runs that may have arrived

    async def _settle(self) -> None:
        for state in ("uncertain", "sending"):
            await self._look_up_all(state)
        await self._recorder.flush()
        if self._session.head.counts.get("sending", 0) >= DOUBTS_IN_A_ROW:
            self._sending.send_one_first()

    async def _look_up_all(self, state: str) -> None:
        """Look up the deliveries in a state, ``uncertain`` or ``sending``; record the answers.

        With ``on_uncertain="resend"``, instead let an uncertain document be sent again, unless it
        has used up its five attempts.
        """
        looks = failed = 0
        for delivery in await self._in_turn(state):
            resend = state == "uncertain" and self._context.on_uncertain == "resend"
            # Without the limit of attempts, a document whose upload never gets an answer would be
            # sent in every run.
            if resend and delivery.attempts < MAX_ATTEMPTS:
                reason = Text("resent_as_set", "uncertain, sent again as configured")
                self._recorder.advance(delivery, transitions.NotSent(reason))
                continue
            looks += 1
            enough = (state == "uncertain" and looks > REREADS) or failed == LOOK_UP_FAULTS
            if enough or not self._sending.can_continue():
                self._recorder.line(delivery)
                continue
            looked_up = {**self._session.head.looked_up, state: delivery.document_id}
            self._session.update(looked_up=looked_up)
            await self._sending.ask_company()
            try:
                event = await self._recovery.event(delivery)
            except ServiceError as error:
                if faults.blame_of(error) is faults.Blame.RUN:
                    raise
                self._recorder.report_function(error)
                reason = Text("no_look_up", "a look-up could not be made: {0}", error.message)
                self._recorder.note(reason)
                self._recorder.line(delivery)
                failed += 1
                continue
            failed = 0
            self._sending.refusals.passes(faults.LOOK_UP)
            new = self._found_out(delivery, event)
            if isinstance(event, transitions.NoControl) and new.state == "sending":
                # This run may deliver a document with which look-ups can be tested. So look this
                # delivery up again at the end of the run.
                self._sending.doubts.append(new)

    async def _in_turn(self, state: str) -> list[Delivery]:
        """Return all deliveries in a state, starting after the last one that was looked up.

        Without this order, runs that stop early would look up the same deliveries each time.
        """
        last = self._session.head.looked_up.get(state, "")
        found = [delivery async for delivery in self._session.all(state)]
        return sorted(found, key=lambda one: (one.document_id <= last, one.document_id))

    def _found_out(self, delivery: Delivery, event: transitions.Event | None) -> Delivery:
        new = delivery if event is None else self._recorder.transition(delivery, event)
        arrived = isinstance(event, transitions.Arrived)
        self._recorder.counts["recovered"] += arrived
        self._recorder.record(delivery, new, settled=arrived)
        return new

    async def _check_doubts(self) -> None:
        """Look up the deliveries in `AsyncSending.doubts`, whose uploads may have arrived.

        Stop at the first look-up that fails, and at the deadline of the run.
        """
        for delivery in self._sending.doubts:
            if self._context.deadline.remaining() <= 0:
                return
            try:
                event = await self._recovery.event(delivery)
            except ServiceError as error:
                self._recorder.report_function(error)
                return
            # If look-ups cannot decide, change nothing: the next run looks the delivery up again.
            if not isinstance(event, transitions.Undecidable):
                self._found_out(delivery, event)
        await self._recorder.flush()

    # Listing

    async def _check_changed_contract(self) -> None:
        """After a change of the client's ``contract=``, stop if many documents have no record.

        With a wrong contract, activation may list too few documents, and the rest gets no record.
        These look new when the contract is corrected, and without this check the next run would
        send them all. Only documents without a time of creation count here. Documents with such a
        time are judged by `newness.missed_by_activation`.

        Raises:
            ConfigurationError: More than `MOST_UNDATED` documents have neither a record nor a time
                of creation.
        """
        before, now = self._session.head.wire, self._banqup.wire_digest
        if before == now:
            return
        unrecorded = 0
        complete = True
        for folder in FOLDERS:
            listing = self._banqup.documents.list(self._space_id, folder=folder)
            async for page in listing.pages():
                documents, _ = usable(page, folder, self._space_id)
                undated = [key for key, one in documents.items() if one.created_at is None]
                unrecorded += len(undated) - len(await self._session.find(undated))
                if before is not None and unrecorded > MOST_UNDATED:
                    raise faults.too_many_unrecorded(MOST_UNDATED)
            complete = complete and listing.complete
        if complete:
            self._session.update(wire=now)

    async def _list(self, folder: str) -> None:
        """List one folder and send its documents; after a complete list, move its cursor."""
        if not self._sending.can_continue():
            return
        head, began = self._session.head, self._context.clock()
        cursor = head.cursors.get(folder)
        since_full = began - head.full_at.get(folder, float("-inf"))
        full = cursor is None or not 0 <= since_full < FULL_LISTING_EVERY
        listing = self._banqup.documents.list(
            self._space_id, folder=folder, updated_since=None if full else cursor
        )
        answered_at: datetime | None = None
        changes: list[datetime] = []
        async for page in listing.pages():
            answered_at = answered_at or page.answered_at
            if answered_at is not None and self._session.head.restored_at == NOT_KNOWN:
                self._session.update(restored_at=answered_at)
            changes += [item.updated_at for item in page.items if item.updated_at is not None]
            changes = [max(changes)] if changes else []
            await self._consider_page(folder, page)
            if len(self._batch) >= BATCH:
                await self._send_batch()
            if not self._sending.can_continue():
                break
        await self._send_batch()
        if self._sending.can_continue():
            if not listing.complete:
                # Do not stop here: the other folder and the due documents must still be handled.
                # At the end, the report names the list.
                self._unfinished.append(faults.list_unfinished(folder))
            elif answered_at is not None:
                self._narrow(folder, [answered_at, *changes], began if full else None)
        await self._recorder.flush()

    def _narrow(self, folder: str, times: Sequence[datetime], full_at: float | None) -> None:
        """Move the folder's cursor (see `Head.cursors`) after a complete list.

        Args:
            folder: The folder that was listed.
            times: The server's time of the first answer, and the time of the latest change that a
                listed document names. The cursor is the earlier of both, less `OVERLAP`; this
                machine's clock must not decide it. With only one time, the cursor stays.
            full_at: When the listing began, by the connection's clock, if it listed all documents
                and not only changed ones; else None.
        """
        head = self._session.head
        if full_at is not None:
            self._session.update(full_at={**head.full_at, folder: full_at})
        if len(times) < 2:  # no listed document names the time of its change
            return
        try:
            cursor = min(times) - OVERLAP
        except OverflowError:  # a change in the year 1
            return
        if cursor != head.cursors.get(folder):
            self._session.update(cursors={**head.cursors, folder: cursor})

    async def _consider_page(self, folder: str, page: Page[Document]) -> None:
        documents, unfit = usable(page, folder, self._space_id)
        self._recorder.passed_over += unfit
        new = {key: one for key, one in documents.items() if key not in self._recorder.seen}
        stored = await self._session.find(list(new))
        for document_id, document in new.items():
            self._consider(document_id, document, stored.get(document_id))
        await self._recorder.flush()

    def _consider(
        self, document_id: str, document: Document, stored: Delivery | None, reread: bool = False
    ) -> None:
        """Put a document that Banqup showed into a batch to send, or record why it is not sent."""
        delivery = stored or deliveries.first_seen(document_id, document.folder, label_of(document))
        self._recorder.seen[document_id] = delivery.state
        activated_at = self._session.head.activated_at
        if stored is None and missed_by_activation(document.created_at, activated_at):
            reason = Text("listed_late", "was there before activation, but not listed then")
            old = transitions.Skipped(reason)
            self._recorder.record(None, self._recorder.transition(delivery, old))
            return
        if delivery.state != "waiting" and delivery.cause is not WaitReason.GONE:
            sent = delivery.state in ("delivered", "confirmed")
            if sent and delivery.files not in (None, files_digest(document)):
                self._recorder.counts["changed"] += 1
            return
        verdict = judge(self._context.exportable, document)
        if isinstance(verdict, BrokenRule):
            self._recorder.report_own_code(verdict.reason, verdict.error)
        if isinstance(verdict, Wait) and verdict.unknown:
            self._recorder.unknown[verdict.unknown] += 1
        label = label_of(document)
        # `documents.get` may show files that lists do not show, and digests are only compared with
        # those of lists. None keeps the digest from the last list.
        files = None if reread else files_digest(document)
        event = transitions.Listed(
            document.status.document, verdict, reread=reread, label=label, files=files
        )
        new = self._recorder.transition(delivery, event)
        if new.state == "waiting" and self._can_send(new):
            # Suspects are sent after all other documents of both folders.
            group = self._suspects if new.suspect else self._batch
            group.append(Candidate(document, new, stored))
        else:
            self._recorder.record(stored, new)

    def _can_send(self, delivery: Delivery) -> bool:
        if delivery.cause is WaitReason.QUEUED:
            return True
        if delivery.cause not in (WaitReason.RETRY, WaitReason.NOT_READY):
            return False
        return delivery.due is None or delivery.due <= self._context.clock()

    async def _send_batch(self) -> None:
        batch, self._batch = self._batch, []
        await self._sending.send(batch)

    async def _send_suspects(self) -> None:
        """Send at most `MOST_SUSPECTS` of the suspects (see `Delivery.suspect`)."""
        waiting = sorted(self._suspects, key=lambda one: one.delivery.attempts + one.delivery.polls)
        most = MOST_SUSPECTS if self._sending.can_continue() else 0
        self._suspects = waiting[most:]
        await self._sending.send(waiting[:most])

    def _check_files(self) -> None:
        """Raise if no file was ever fetched, and documents have had no file for a day.

        The first document without a file was found at least a day ago, and this run has found such
        a document, too.

        Raises:
            ConfigurationError: The contract's names for files are probably wrong.
        """
        head, now = self._session.head, self._context.clock()
        if head.fetched or not self._sending.without_file or self._context.dry_run:
            return
        since = now if head.no_file_since is None else min(head.no_file_since, now)
        if since != head.no_file_since:
            self._session.update(no_file_since=since)
        if now - since >= FIRST_FILE_WITHIN:
            raise faults.no_files_at_all()

    # Waiting documents that no list showed

    async def _read_due(self) -> None:
        """Read each due waiting document with its own call, unless a list of this run showed it."""
        reads = 0
        async for delivery in self._session.all("waiting", due=self._context.clock()):
            if canonical_id(delivery.document_id) in self._recorder.seen:
                continue
            if delivery.cause is not WaitReason.QUEUED:
                # `QUEUED` documents do not count towards the limit `REREADS`: they can be sent
                # now.
                reads += 1
                if reads > REREADS:
                    continue
            if not self._sending.can_continue():
                break
            try:
                document = await self._banqup.documents.get(self._space_id, delivery.document_id)
            except ServiceError as error:
                self._recorder.seen[delivery.document_id] = delivery.state
                await self._sending.unread(delivery, error)
                continue
            self._sending.refusals.passes(faults.DOCUMENT)
            named = document if document.folder else evolve(document, folder=delivery.folder)
            self._consider(delivery.document_id, named, delivery, reread=True)
            if len(self._batch) >= BATCH:
                await self._send_batch()
        await self._recorder.flush()
        await self._send_batch()
