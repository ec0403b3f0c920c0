"""Activation: record all documents of a space; export only those that become exportable later."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import cache

from attrs import define, field

from _client_kit._errors import ProtocolError, UnavailableError
from _client_kit._text import Text
from banqup_client import Document
from bridge._async._context import AsyncContext
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import transitions
from bridge._delivery.delivery import Delivery, WaitReason
from bridge._delivery.eligibility import FOLDERS, BrokenRule, word_of
from bridge._delivery.faults import list_unfinished
from bridge._delivery.ids import usable
from bridge._delivery.newness import created_during_activation
from bridge._delivery.outcome import label_of
from bridge._errors import setting_error
from bridge._mapping.calling import judge
from bridge._reports.delivery_rows import Deliveries, DeliveryRow, delivery_row
from bridge._reports.report import Activation

logger = logging.getLogger("bridge")

MAX_PASSES = 6
ROWS_PER_COMMIT = 400
UNFIT_HINT = Text(
    "hint_unfit",
    "What is there at activation must be remembered, so nothing was activated. Correct the call, "
    "or the names in its answer, with the contract= or operations= argument of BanqupClient.",
)


@define
class AsyncBaseline:
    """List a space until two passes agree, and record every document with its status.

    A pass lists both folders once. A document that only a later pass shows is new, and gets no
    record, if it was created after the first answer, by the server's clock. Otherwise it may be an
    old document that paging has hidden from the first pass; if it is exportable, it is skipped.
    """

    context: AsyncContext
    session: AsyncCheckpointSession
    answered_at: datetime | None = None
    committed: bool = False
    skipped: list[DeliveryRow] = field(factory=list)
    _seen: dict[str, Document] = field(factory=dict)
    _late: set[str] = field(factory=set)

    async def record(self) -> None:
        """List the space and store every document; `commit` then activates the connection.

        Raises:
            ConfigurationError: The rule ``exportable=`` raised, or returned an unusable value.
            UnavailableError: The space changed during every pass, or a list did not end.
            ProtocolError: A listed document has no usable id, or belongs to another space.
            ServiceError: Banqup could not be read.
        """
        before: dict[str, str | None] | None = None
        for _ in range(MAX_PASSES):
            shown = await self._pass(first=before is None)
            if shown == before:
                break
            before = shown
        else:
            message = Text(
                "space_changed",
                "the space changed in each of {0} listings; try again in a moment",
                MAX_PASSES,
            )
            raise UnavailableError(message, service="banqup")
        ids = list(self._seen)
        for start in range(0, len(ids), ROWS_PER_COMMIT):
            some = ids[start : start + ROWS_PER_COMMIT]
            stored = await self.session.find(some)
            for document_id in some:
                known = stored.get(document_id)
                new = self._recorded(document_id, self._seen[document_id], known)
                self.session.put(known, new)
                if new.state == "skipped" and new != known:
                    self.skipped.append(delivery_row(new))
            await self.session.flush()

    async def commit(self, claim: AsyncCheckpointSession) -> None:
        """Commit the activation.

        Args:
            claim: The lease on the space; if it was lost, the connection stays inactive.
        """
        await claim.renew()
        for note in self.session.notes:
            _warn_once(note)
        self.session.update(
            active=True,
            activations=self.session.head.activations + 1,
            activated_at=self.answered_at or self._newest(),
            cursors={},
            full_at={},
            wire=self.context.banqup.wire_digest,
        )
        self.session.remember_company(self.context.checks.company_id)
        await self.session.flush()
        self.committed = True

    def activation(self) -> Activation:
        """Return the result of the activation, or of an earlier one if nothing was recorded."""
        head = self.session.head
        waiting = ("waiting", "waiting_for_client")
        return Activation(
            new=self.committed,
            activated_at=head.activated_at,
            company_id=head.companies[-1] if head.companies else None,
            baseline=head.counts.get("baseline", 0),
            waiting=sum(head.counts.get(name, 0) for name in waiting),
            skipped=Deliveries(self.skipped),
            notes=self.session.notes,
        )

    @property
    def example(self) -> Document | None:
        """A listed document, if possible one with a file; None if the space is empty."""
        documents = list(self._seen.values())
        return next((one for one in documents if one.files), documents[0] if documents else None)

    def _newest(self) -> datetime | None:
        """Return the documents' latest creation time, to use if no answer has a ``Date`` header."""
        times = [document.created_at for document in self._seen.values()]
        return max((time for time in times if time is not None), default=None)

    async def _pass(self, *, first: bool) -> dict[str, str | None]:
        """List both folders once; return the status of each document that is not new."""
        space_id = self.context.space_id
        shown: dict[str, str | None] = {}
        for folder in FOLDERS:
            listing = self.context.banqup.documents.list(space_id, folder=folder)
            unfit = 0
            async for page in listing.pages():
                await self.session.flush()  # renew the lease, which a long listing would outlast
                if self.answered_at is None:
                    self.answered_at = page.answered_at
                documents, others = usable(page, folder, space_id)
                unfit += others
                for document_id, document in documents.items():
                    if document_id not in self._seen:
                        if not first:
                            if created_during_activation(document.created_at, self.answered_at):
                                continue
                            self._late.add(document_id)
                        self._seen[document_id] = document
                    shown[document_id] = document.status.document
            if unfit:
                # Without this error, these entries would get no record. Once the contract is
                # corrected, those without an old time of creation would look new.
                message = Text(
                    "unfit_entries",
                    "documents.list: {1} entry of {0} has no usable id or is of another space|"
                    "documents.list: {1} entries of {0} have no usable id or are of another space",
                    *(folder, unfit),
                )
                raise ProtocolError(message, service="banqup", hint=UNFIT_HINT)
            if not listing.complete:
                raise UnavailableError(list_unfinished(folder), service="banqup")
        return shown

    def _recorded(self, document_id: str, document: Document, stored: Delivery | None) -> Delivery:
        status = document.status.document
        verdict = judge(self.context.exportable, document)
        if isinstance(verdict, BrokenRule):
            # Without a verdict, the document is neither baseline nor waiting, so do not activate.
            logger.warning("%s", verdict.reason, exc_info=verdict.error)
            raise setting_error(
                "of_document",
                "document {0}: {1}",
                *(document_id, verdict.reason),
                hint="Nothing was activated: correct the function first.",
            ) from verdict.error
        unknown = stored is None or stored.cause is WaitReason.GONE
        if stored is None or unknown or not self.session.head.activations:
            # Make a new record. Ignore the row of a document that was gone. Before the first
            # activation, ignore every row: an activation that failed has stored it.
            label = label_of(document)
            if document_id in self._late and verdict is None:
                late = deliveries.first_seen(document_id, document.folder, label)
                reason = Text("appeared_late", "appeared during activation")
                return self._advance(late, transitions.Skipped(reason))
            return deliveries.at_activation(document_id, document.folder, status, verdict, label)
        if stored.state != "waiting" or stored.attempted or stored.requested:
            return stored
        changed = not stored.predates_activation or word_of(status) != stored.status_at_activation
        if verdict is None and stored.waits_for_rule and changed:
            reason = Text("approved_inactive", "approved while inactive")
            return self._advance(stored, transitions.Skipped(reason))
        return stored

    def _advance(self, delivery: Delivery, event: transitions.Event) -> Delivery:
        return deliveries.transition(delivery, event, self.context.clock())


@cache
def _warn_once(note: str) -> None:
    """Log a note on the store as a warning, once per process.

    Without the log, a program that does not print the result of activate() would not show the note.
    A test run may activate many connections, so the note is not logged each time.
    """
    logger.warning("%s", note)
