"""Record what a run does: in the checkpoint, in the report, and as events for listeners."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from attrs import define, field

from _client_kit._errors import ServiceError, StoreError
from _client_kit._operations import USER_CODE
from _client_kit._text import Text
from _client_kit._user_code import cause_of, place_of
from bridge._async._context import AsyncContext
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery import transitions
from bridge._delivery.delivery import Delivery
from bridge._reports import events
from bridge._reports.delivery_rows import DeliveryRow, delivery_row, to_datetime
from bridge._reports.report import ExportReport, unknown_note

logger = logging.getLogger("bridge")


@define(eq=False)
class AsyncRunRecorder:
    """Record deliveries for one run; a dry run changes nothing in the store.

    Only the coordinator of the run may use the recorder, never a worker.

    Attributes:
        seen: The state of each document that this run listed, or read because it was due, by
            canonical id.
        rows: The lines of the report, by document id.
        sent: Details of each upload that was begun, for the report, by document id.
        unknown: For each status or folder that the rule does not know, the number of documents.
        notes: The notes of the report, in order.
        counts: Numbers of the report, by the name of the attribute, such as ``exported``.
        passed_over: How many entries of Banqup's lists cannot be read, have no usable id, or are of
            another space.
        stopped: Why the run ended early, or None.
        ok: False if the run failed, or if a list of Banqup did not end.
    """

    _context: AsyncContext
    _session: AsyncCheckpointSession
    seen: dict[str, str] = field(factory=dict[str, str])
    rows: dict[str, DeliveryRow] = field(factory=dict[str, DeliveryRow])
    sent: dict[str, dict[str, Any]] = field(factory=dict[str, dict[str, Any]])
    unknown: Counter[str] = field(factory=Counter[str])
    notes: dict[str, None] = field(factory=dict[str, None])
    counts: Counter[str] = field(factory=Counter[str])
    passed_over: int = 0
    stopped: str | None = None
    ok: bool = True
    _started_at: datetime = field(init=False)
    _pending: list[events.Event] = field(factory=list[events.Event])
    _places: set[str] = field(factory=set[str])
    _retryable: bool = False

    def begin(self) -> None:
        """Notify listeners that the run begins."""
        self._started_at = to_datetime(self._context.clock())
        space_id, company_code = self._context.space_id, self._context.company_code
        self._tell(events.RunStarted(space_id, company_code, self._started_at))

    def _tell(self, event: events.Event) -> None:
        for reason, error in events.emit(self._context.listeners, event):
            self.counts["listener_failures"] += 1
            if self._log_own_code(reason, error):
                self.note(reason)

    def line(self, delivery: Delivery) -> DeliveryRow:
        """Put the line of a delivery into the report, and return it."""
        row = delivery_row(delivery, **self.sent.get(delivery.document_id, {}))
        if delivery.state == "delivered":
            # This is the delivery's last line in this run. Without pop(), `sent` would keep the
            # details of every upload.
            self.sent.pop(delivery.document_id, None)
        if delivery.document_id in self.seen:
            self.seen[delivery.document_id] = delivery.state
        self.rows[delivery.document_id] = row
        return row

    def note(self, text: str) -> None:
        """Add a note to the report, unless the same note was added before."""
        self.notes[text] = None

    def transition(self, delivery: Delivery, event: transitions.Event) -> Delivery:
        """Return the delivery after an event that happens now, by the connection's clock."""
        now, delivered = self._context.clock(), self._session.head.deliveries
        return deliveries.transition(delivery, event, now, delivered)

    def advance(self, stored: Delivery, event: transitions.Event) -> Delivery:
        """Apply an event to a stored delivery; record and return the new delivery."""
        new = self.transition(stored, event)
        self.record(stored, new)
        return new

    def record(self, stored: Delivery | None, new: Delivery, *, settled: bool = False) -> None:
        """Queue a delivery and its event for the next commit, and add its line to the report.

        Args:
            stored: The delivery in the store; None if the store has none.
            new: The delivery to save.
            settled: Whether a look-up found that an earlier upload has arrived.
        """
        if not self._context.dry_run:
            self._session.put(stored, new)
        row = self.line(new)
        self._pending.append(events.DocumentSettled(row) if settled else _TOLD[new.state](row))

    def report_own_code(self, reason: str, error: Exception | None) -> None:
        """Count a failure of the user's code; log its traceback once per run and line of code."""
        self.counts["raised"] += 1
        self._log_own_code(reason, error)

    def report_function(self, error: Exception | None) -> None:
        """Count a failure of a function of ``operations=``; ignore any other error."""
        if isinstance(error, ServiceError) and error.code == USER_CODE:
            self.report_own_code(error.message, cause_of(error))

    def _log_own_code(self, reason: str, error: Exception | None) -> bool:
        """Log a failure of the user's code; return False if its place was logged before."""
        place = _place(reason, error)
        new = place not in self._places
        if new:
            self._places.add(place)
            logger.warning("%s", reason, exc_info=error)
        return new

    def emit(self, event: events.Event) -> None:
        """Queue an event for listeners until the next commit."""
        self._pending.append(event)

    async def flush(self) -> None:
        """Commit the queued deliveries, except in a dry run; then notify listeners.

        Raises:
            StoreError: The commit failed; no listener was notified.
        """
        if not self._context.dry_run:
            await self._session.flush()
        told, self._pending = self._pending, []
        for event in told:
            self._tell(event)

    async def end(self) -> ExportReport:
        """Save the run's summary, notify listeners, and return the report."""
        report = self.report()
        if not self._context.dry_run:
            self._session.update(last_run=self._summary(report))
        await self.flush()
        self._tell(events.RunEnded(report))
        if self.counts["listener_failures"] > report.listener_failures:
            # A listener failed at RunEnded; the report and status() must say so, too.
            report = self.report(ended_at=report.ended_at)
            if not self._context.dry_run:
                self._session.update(last_run=self._summary(report))
            with suppress(StoreError):
                await self.flush()
        return report

    async def fail(self, failure: ServiceError) -> None:
        """End a run that failed, and attach the report to the failure."""
        self.stopped, self.ok = failure.message, False
        self._retryable = failure.retryable
        if _place(failure.message, cause_of(failure)) not in self._places:
            self.report_function(failure)  # a failure at a logged place is already counted
        with suppress(StoreError):
            failure.report = await self.end()
        if failure.report is None:  # the store failed, so end() did not return
            failure.report = self.report()
            self._tell(events.RunEnded(failure.report))

    def report(self, *, ended_at: datetime | None = None) -> ExportReport:
        """Return the report of the run so far; without `ended_at`, the end of the run is now."""
        notes = [*self.notes]
        notes += [unknown_note(word, count) for word, count in self.unknown.items()]
        if self.passed_over:
            passed_over = Text(
                "rows_passed_over",
                "{0} entry of Banqup's lists was passed over: it has no usable id, or is of "
                "another space|{0} entries of Banqup's lists were passed over: they have no usable "
                "id, or are of another space",
                self.passed_over,
            )
            notes.append(passed_over)
        stored = self._session.head.counts
        return ExportReport(
            space_id=self._context.space_id,
            company_code=self._context.company_code,
            started_at=self._started_at,
            ended_at=ended_at or to_datetime(self._context.clock()),
            unsettled=stored.get("failed", 0) + stored.get("uncertain", 0),
            dry_run=self._context.dry_run,
            listed=len(self.seen),
            states=dict(Counter(self.seen.values())),
            deliveries=tuple(self.rows.values()),
            notes=tuple(notes),
            stopped=self.stopped,
            ok=self.ok,
            **self.counts,
        )

    def _summary(self, report: ExportReport) -> dict[str, Any]:
        """Return the summary of the run that the head stores."""
        plain = report.to_dict()
        for name in ("deliveries", "states", "space_id", "company_code", "dry_run"):
            del plain[name]
        return {**plain, "retryable": self._retryable}


_TOLD: dict[str, Callable[[Any], events.Event]] = {
    "waiting": events.DocumentWaiting,
    "skipped": events.DocumentSkipped,
    "delivered": events.DocumentSent,
    "failed": events.DocumentFailed,
    "sending": events.DocumentUncertain,
    "uncertain": events.DocumentUncertain,
}


def _place(reason: str, error: Exception | None) -> str:
    return reason if error is None else place_of(error)
