"""Collect the counts and lines of a run, and make its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from _client_kit._text import Text
from bridge._delivery.delivery import Delivery
from bridge._reports.delivery_rows import DeliveryRow, delivery_row
from bridge._reports.report import ExportReport, unknown_note


@define
class ReportBuilder:
    """The counts and lines of one run."""

    seen: dict[str, str] = field(factory=dict)
    """The state of each document that this run listed, or read because it was due. The keys are
    canonical ids."""
    rows: dict[str, DeliveryRow] = field(factory=dict)
    unknown: Counter[str] = field(factory=Counter)
    notes: dict[str, None] = field(factory=dict)
    counts: Counter[str] = field(factory=Counter)
    """The numbers of the report that have this name, such as ``exported``."""
    passed_over: int = 0
    stopped: str | None = None
    ok: bool = True

    def line(self, delivery: Delivery, sent: Mapping[str, Any] | None = None) -> DeliveryRow:
        """Put the line of a delivery into the report, and return it."""
        row = delivery_row(delivery, **(sent or {}))
        if delivery.document_id in self.seen:
            self.seen[delivery.document_id] = delivery.state
        self.rows[delivery.document_id] = row
        return row

    def note(self, text: str) -> None:
        """Add a note to the report, unless the same note was added before."""
        self.notes[text] = None

    def report(self, **run: Any) -> ExportReport:
        """Return the report; `run` has the attributes that the run knows, such as its start."""
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
        run.update(self.counts)
        return ExportReport(
            **run,
            listed=len(self.seen),
            states=dict(Counter(self.seen.values())),
            deliveries=tuple(self.rows.values()),
            notes=tuple(notes),
            stopped=self.stopped,
            ok=self.ok,
        )
