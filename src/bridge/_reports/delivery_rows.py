"""Lines of documents, as reports and the status show them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from _client_kit._text import Text, joined
from bridge._delivery.delivery import Delivery, WaitReason
from bridge._reports.render import Cell, Line, Printable, Table, Tone, View, plain_data
from bridge._reports.texts import HEADINGS, Lang, local_time, say, translate

__all__ = [
    "TONES",
    "Deliveries",
    "DeliveryRow",
    "deliveries_of",
    "delivery_row",
    "table",
    "to_datetime",
]


@frozen
class DeliveryRow:
    """One document's line in a report.

    Attributes:
        document_id: The document in Banqup.
        state: ``waiting``, ``sending``, ``delivered``, ``confirmed``, ``skipped``, ``failed`` or
            ``uncertain``.
        reason: Why, for a person, in English.
        code: A stable word for that reason; empty where a service or a mapper gave its own.
        label: What a person calls the document while it waits or needs somebody: its supplier or
            customer, its number or file name, and its date.
        inbox_id: Zenvoices' number of it.
        folder: ``SALES`` or ``PURCHASES``.
        subject: The subject it was sent with.
        sender_name: The sender it was sent with.
        file_name: The file that was sent.
        size: Its length in bytes.
        external_id: The id it was sent under.
        attempts: Tries that failed because of this document.
        next_try: When it is looked at again.
        other_files: Names of its files that were not sent.
        status: What an accountant calls it: ``client action needed``, ``queued``, ``ready to
            process``, ``error`` or ``skipped``.
        warning: Which XML file cannot be read as UBL, sent or not; it never keeps a document from
            being sent.
    """

    document_id: str
    state: str
    reason: str = ""
    inbox_id: int | None = None
    folder: str | None = None
    subject: str | None = None
    sender_name: str | None = None
    file_name: str | None = None
    size: int | None = None
    external_id: str | None = None
    attempts: int = 0
    next_try: datetime | None = None
    other_files: tuple[str, ...] = ()
    status: str = ""
    warning: str = ""
    code: str = ""
    label: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: JSON can hold it, and pandas takes a list of them."""
        return plain_data(self)


class Deliveries(tuple[DeliveryRow, ...], Printable):
    """Lines of documents: a tuple that prints as a table, what needs a person first."""

    __slots__ = ()
    _repr_pretty_ = Printable._repr_pretty_  # IPython's own way with tuples comes first otherwise

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat dict per document, for ``pandas.DataFrame``."""
        return [flat(row) for row in self]

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data that JSON can hold: a list."""
        return [row.to_dict() for row in self]

    def of_state(self, *states: str) -> Deliveries:
        """The lines that are in one of these states."""
        return Deliveries(row for row in self if row.state in states)

    def _view(self, lang: Lang) -> View:
        if not self:
            return View(say("no documents", lang))
        count = Text("document_count", "{0} document|{0} documents", len(self))
        return View(translate(count, lang), tables=(table(self, lang),))


def deliveries_of(rows: Iterable[DeliveryRow]) -> Deliveries:
    """Lines as they are shown: a converter of attrs fields."""
    return Deliveries(rows)


def flat(row: DeliveryRow) -> dict[str, Any]:
    """A line whose members are all single values, for a table of data."""
    return {**row.to_dict(), "other_files": ", ".join(row.other_files)}


_QUEUED = Text("queued", "queued")
_STATUS = {
    "waiting": "queued",
    "sending": "queued",
    "delivered": "ready to process",
    "confirmed": "ready to process",
    "failed": "error",
    "uncertain": "error",
    "skipped": "skipped",
    "baseline": "baseline",
}
TONES: dict[str, Tone] = {
    "error": "bad",
    "client action needed": "wait",
    "queued": "wait",
    "ready to process": "ok",
}
_ORDER = ("error", "client action needed", "queued", "skipped", "ready to process")


def table(
    rows: Iterable[DeliveryRow], lang: Lang, title: str = "", *, status: str | None = None
) -> Table:
    """A table of lines, what needs a person first; ``status`` stands for that of every line."""
    order = {status: place for place, status in enumerate(_ORDER)}
    lines = sorted(rows, key=lambda row: order.get(_status(row), len(order)))
    headings = ("status", "reason", "document", "sent as", "inbox", "document id")
    return Table(
        title,
        tuple(say(heading, lang) for heading in headings),
        tuple(_line(row, lang, status or _status(row)) for row in lines),
    )


def _status(row: DeliveryRow) -> str:
    return row.status or _STATUS.get(row.state, row.state)


def _line(row: DeliveryRow, lang: Lang, status: str) -> Line:
    notes: list[str] = [row.reason, row.warning]
    if row.attempts:
        notes.append(say("attempts", lang, row.attempts))
    if row.next_try is not None and row.state == "waiting":
        notes.append(say("next try", lang, local_time(row.next_try, lang)))
    if row.other_files:
        notes.append(say("not sent", lang, ", ".join(row.other_files)))
    sent_as = row.subject or row.file_name or ""
    return (
        Cell(say(status, lang) if status in HEADINGS else status, TONES.get(status, "dim")),
        Cell(translate(joined("; ", *notes), lang), alone=True),
        Cell(translate(row.label, lang)),
        Cell("" if sent_as in row.label else sent_as),
        Cell("" if row.inbox_id is None else str(row.inbox_id), whole=True),
        Cell(row.document_id, whole=True),
    )


def to_datetime(seconds: float) -> datetime:
    """A time of the connection's clock as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def delivery_row(delivery: Delivery, **sent: Any) -> DeliveryRow:
    """The line of a delivery, with what its upload held."""
    due = delivery.due if delivery.state == "waiting" else None
    reason = delivery.reason
    return DeliveryRow(
        delivery.document_id,
        delivery.state,
        reason or (_QUEUED if delivery.cause is WaitReason.QUEUED else ""),
        code=reason.code if isinstance(reason, Text) else "",
        label=delivery.label,
        inbox_id=delivery.inbox_id,
        folder=delivery.folder,
        external_id=delivery.external_id,
        attempts=delivery.attempts,
        next_try=None if due is None else to_datetime(due),
        status="client action needed"
        if delivery.cause is WaitReason.CLIENT
        else _STATUS.get(delivery.state, ""),
        **sent,
    )
