"""Activation: record every document of a space, so that only later ones are exported."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from attrs import define, evolve, field

from _client_kit import _runtime_async as runtime
from _client_kit._address import is_id
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
from bridge._delivery.ids import canonical_id, of_another_space
from bridge._delivery.newness import created_during_activation
from bridge._delivery.outcome import label_of
from bridge._delivery.row_format import active_binding, head_of
from bridge._errors import setting_error
from bridge._mapping.calling import judge
from bridge._reports.delivery_rows import Deliveries, DeliveryRow, delivery_row
from bridge._reports.report import Activation
from bridge._stores.protocol import CheckpointStore

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

    A pass lists both folders once. A document that only a later pass shows is new if it was created
    after the first answer, by the server's clock. Otherwise it may be an old document that paging
    has hidden from the first pass; if it is exportable, it is skipped.
    """

    context: AsyncContext
    session: AsyncCheckpointSession
    answered_at: datetime | None = None
    baseline: int = 0
    waiting: int = 0
    skipped: list[DeliveryRow] = field(factory=list)
    _seen: dict[str, Document] = field(factory=dict)
    _late: set[str] = field(factory=set)
    _young: set[str] = field(factory=set)

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
                self._put(document_id, self._seen[document_id], stored.get(document_id))
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

    def activation(self) -> Activation:
        """Return the result of the activation."""
        return Activation(
            new=True,
            activated_at=self.answered_at,
            company_id=self.context.checks.company_id,
            baseline=self.baseline,
            waiting=self.waiting,
            skipped=Deliveries(self.skipped),
            notes=self.session.notes,
        )

    @property
    def example(self) -> Document | None:
        """A listed document, if possible one with a file; None if the space is empty."""
        documents = list(self._seen.values())
        return next((one for one in documents if one.files), documents[0] if documents else None)

    def _newest(self) -> datetime | None:
        """Return the newest time of creation, for the case that no answer had a ``Date`` header."""
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
                unfit += page.unreadable
                await self.session.flush()  # renew the lease, which a long listing would outlast
                if self.answered_at is None:
                    self.answered_at = page.answered_at
                for item in page.items:
                    if not is_id(item.id) or of_another_space(item.space_id, space_id):
                        unfit += 1
                        continue
                    document = item if item.folder else evolve(item, folder=folder)
                    document_id = canonical_id(item.id)
                    self._note(document_id, document, late=not first)
                    if document_id not in self._young:
                        shown[document_id] = item.status.document
            if unfit:
                # Without this error, these entries would look new once the contract is corrected.
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

    def _note(self, document_id: str, document: Document, *, late: bool) -> None:
        if document_id in self._seen or document_id in self._young:
            return
        if late and created_during_activation(document.created_at, self.answered_at):
            self._young.add(document_id)
            return
        self._seen[document_id] = document
        if late:
            self._late.add(document_id)

    def _put(self, document_id: str, document: Document, stored: Delivery | None) -> None:
        new = self._recorded(document_id, document, stored)
        self.session.put(stored, new)
        if new.state == "baseline":
            self.baseline += 1
        elif new.state == "waiting":
            self.waiting += 1
        elif new.state == "skipped" and new != stored:
            self.skipped.append(delivery_row(new))

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
            # Rows that an activation stored before it failed do not count.
            label = label_of(document)
            if document_id in self._late and verdict is None:
                late = deliveries.first_seen(document_id, document.folder, label)
                reason = Text("appeared_late", "appeared during activation")
                return self._advance(late, transitions.Skipped(reason))
            return deliveries.at_activation(document_id, document.folder, status, verdict, label)
        if stored.state != "waiting" or stored.attempted or stored.requested:
            return stored
        # Whether the rule did not allow the document when it was last listed.
        had_to_wait = stored.cause in (WaitReason.CLIENT, WaitReason.NONE, WaitReason.RULE)
        changed = not stored.predates_activation or word_of(status) != stored.status_at_activation
        if verdict is None and had_to_wait and changed:
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


def space_key(binding: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the key and the binding of the record that says which connection uses a space."""
    space = {name: binding[name] for name in ("banqup", "space")}
    return " ".join(("space", *space.values())), space


async def refuse_other_company(
    store: CheckpointStore, binding: Mapping[str, str], key: str
) -> None:
    """Raise if the space is active with another company in the same store.

    Call this for a connection that is not active: without this check, the error would ask for
    activate(), although the company code is wrong.

    Raises:
        ConfigurationError: The space is active with another company.
    """
    name, space = space_key(binding)
    text = await runtime.call_store(store.head, name)
    holder = None if text is None else (head_of(text, space).last_run or {}).get("key")
    if not isinstance(holder, str) or holder == key:
        return
    text = await runtime.call_store(store.head, holder)
    other = None if text is None else active_binding(text)
    if other is not None:
        raise setting_error(
            "space_is_active",
            "the space is active with the company {0!r} of organisation {1!r} at {2} in this store",
            *(str(other.get(name)) for name in ("company", "organisation", "zenvoices")),
            hint="A space goes to one company. To go on with that company, put its settings back. "
            "To change it, put them back first and run banqup-zenvoices deactivate (in Python: "
            "deactivate()); then write the new ones and activate.",
        )
