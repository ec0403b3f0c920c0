"""What a run records: in the ledger, in the report, and told to the listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from _client_kit._errors import ServiceError, StoreError
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import delivery as deliveries
from bridge._delivery.delivery import Delivery
from bridge._reports import events
from bridge._reports.builder import ReportBuilder
from bridge._reports.delivery_rows import to_datetime
from bridge._reports.report import ExportReport

__all__ = ["AsyncRunRecorder"]


class AsyncRunRecorder:
    """Written by the coordinator of a run alone; a dry run leaves the ledger as it is."""

    def __init__(
        self,
        session: AsyncCheckpointSession,
        listeners: Sequence[events.Listener],
        clock: Callable[[], float],
        *,
        space_id: str,
        company_code: str,
        dry_run: bool,
    ) -> None:
        self.session = session
        self.builder = ReportBuilder()
        self.clock = clock
        self.dry_run = dry_run
        self._listeners = listeners
        self._space_id = space_id
        self._company_code = company_code
        self._started_at = to_datetime(clock())
        self._pending: list[events.Event] = []

    def begin(self) -> None:
        """Tell that the run begins."""
        started = events.RunStarted(self._space_id, self._company_code, self._started_at)
        events.emit(self._listeners, started)

    def transition(self, delivery: Delivery, event: deliveries.Event) -> Delivery:
        """What the delivery is after the event, now."""
        return deliveries.transition(delivery, event, self.clock())

    def record(
        self,
        stored: Delivery | None,
        new: Delivery,
        sent: Mapping[str, Any] | None = None,
        *,
        settled: bool = False,
    ) -> None:
        """Have a delivery written, noted in the report, and told once it is durable."""
        if not self.dry_run:
            self.session.put(stored, new)
        before = self.builder.rows.get(new.document_id)
        if sent is None and before is not None:
            sent = {"subject": before.subject, "sender_name": before.sender_name}
        row = self.builder.line(new, sent)
        self._pending.append(events.DocumentSettled(row) if settled else _TOLD[new.state](row))

    def emit(self, event: events.Event) -> None:
        """Have an event told with the next that is durable."""
        self._pending.append(event)

    async def flush(self) -> None:
        """Make durable what was recorded, then tell it.

        Raises:
            StoreError: It could not be written; nothing was told.
        """
        if not self.dry_run:
            await self.session.flush()
        told, self._pending = self._pending, []
        for event in told:
            events.emit(self._listeners, event)

    async def end(self) -> ExportReport:
        """Write the run's summary and return its report."""
        report = self.report()
        if not self.dry_run:
            self.session.update(last_run=_summary(report))
        await self.flush()
        events.emit(self._listeners, events.RunEnded(report))
        return report

    async def fail(self, failure: ServiceError) -> None:
        """End a run that failed, and give the failure its report."""
        self.builder.stopped, self.builder.ok = failure.message, False
        with suppress(StoreError):
            failure.report = await self.end()
        if failure.report is None:  # nothing can be written any more
            failure.report = self.report()
            events.emit(self._listeners, events.RunEnded(failure.report))

    def report(self) -> ExportReport:
        """The report as it stands."""
        return self.builder.report(
            space_id=self._space_id,
            company_code=self._company_code,
            started_at=self._started_at,
            ended_at=to_datetime(self.clock()),
            dry_run=self.dry_run,
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
