"""The lines of reports and of the status: one line for each document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from _client_kit._text import Text, code_of, joined
from _client_kit._times import local_time
from bridge._delivery.delivery import Delivery, WaitReason
from bridge._reports.render import Cell, Line, Printable, Table, View, plain_data
from bridge._reports.texts import HEADINGS, say


@frozen
class DeliveryRow:
    """The line of one document in a report.

    Attributes:
        document_id: The document's id in Banqup.
        state: ``waiting``, ``sending``, ``delivered``, ``confirmed``, ``skipped``, ``failed`` or
            ``uncertain``.
        reason: The reason for the state, in English or in a service's words; may be empty.
        code: The code of the reason, for programs; empty without one, as for a service's reason.
        label: A name for people: supplier or customer, number or file name, and the date on which
            Banqup got it. Usually empty for a delivered document.
        inbox_id: The number of its inbox document in Zenvoices; None if it is not known.
        folder: ``SALES`` or ``PURCHASES``; None if it is not known.
        subject: The subject of its upload. This and the next three are None if the line is not from
            the run that made the upload.
        sender_name: The sender's name in its upload.
        file_name: The name of the first file of its upload.
        size: The size of all files of its upload together, in bytes.
        external_id: The external id of its latest upload; None without one.
        attempts: The number of attempts that failed because of this document.
        next_try: The time of the next attempt, by the connection's clock, after a failed attempt or
            if a file is not ready; else None.
        other_files: Names of its files that were not sent.
        status: The state in an accountant's words: ``client action needed``, ``queued``, ``ready
            to process``, ``error`` or ``skipped``.
        warning: Why an XML file cannot be read as UBL; empty if there is no such file. The document
            is sent all the same.
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
        """Return the attributes as data that JSON can hold."""
        return plain_data(self)


class Deliveries(tuple[DeliveryRow, ...], Printable):
    """Lines of documents: a tuple that prints as a table; those that need a person come first."""

    __slots__ = ()
    _repr_pretty_ = Printable._repr_pretty_  # otherwise IPython prints it as a plain tuple

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per document, for ``pandas.DataFrame``."""
        return [{**row.to_dict(), "other_files": ", ".join(row.other_files)} for row in self]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a list of the lines as data that JSON can hold."""
        return [row.to_dict() for row in self]

    def _view(self) -> View:
        return View(document_count(len(self)), tables=(table(self),))


def document_count(count: int) -> Text:
    """Return the text for a number of documents, such as "3 documents"."""
    return Text("document_count", "{0} document|{0} documents", count)


def deliveries_of(rows: Iterable[DeliveryRow]) -> Deliveries:
    """Return lines as `Deliveries`.

    attrs uses the annotation of `rows` for the ``__init__`` argument that this function converts.
    """
    return Deliveries(rows)


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
_ORDER = ("error", "client action needed", "queued", "skipped", "ready to process")
"""The statuses in the order in which a table shows them."""


def needs_person(row: DeliveryRow) -> bool:
    """Return True if a person must look at the document of a line."""
    return row.state in ("failed", "uncertain") or (row.state == "waiting" and row.attempts > 0)


def table(rows: Iterable[DeliveryRow], title: str = "", *, status: str | None = None) -> Table:
    """Return a table of lines; those that need a person come first.

    Args:
        rows: The lines, in any order.
        title: The title above the table; none if empty.
        status: A status to show in every line instead of the line's own status.
    """
    order = {status: place for place, status in enumerate(_ORDER)}
    lines = sorted(
        rows, key=lambda row: (not needs_person(row), order.get(_status(row), len(order)))
    )
    headings = ("status", "reason", "document", "sent as", "inbox", "document id")
    return Table(
        title,
        tuple(map(say, headings)),
        tuple(_line(row, status or _status(row)) for row in lines),
    )


def _status(row: DeliveryRow) -> str:
    return row.status or _STATUS.get(row.state, row.state)


def _line(row: DeliveryRow, status: str) -> Line:
    notes: list[str] = [row.reason, row.warning]
    if row.attempts:
        notes.append(say("attempts", row.attempts))
    if row.next_try is not None and row.state == "waiting":
        notes.append(say("next try", local_time(row.next_try)))
    if row.other_files:
        notes.append(say("not sent", ", ".join(row.other_files)))
    sent_as = row.subject or row.file_name or ""
    return (
        Cell(say(status) if status in HEADINGS else status),
        Cell(joined("; ", *notes), alone=True),
        Cell(row.label),
        Cell("" if sent_as in row.label else Text("said", "{0}", sent_as)),
        Cell("" if row.inbox_id is None else str(row.inbox_id)),
        Cell(row.document_id),
    )


def to_datetime(seconds: float) -> datetime:
    """Convert epoch seconds to an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def delivery_row(delivery: Delivery, **sent: Any) -> DeliveryRow:
    """Return the line of a delivery; `sent` are the attributes of the line about its upload."""
    postponed = delivery.cause in (WaitReason.RETRY, WaitReason.NOT_READY)
    due = delivery.due if delivery.state == "waiting" and postponed else None
    reason = delivery.reason
    return DeliveryRow(
        delivery.document_id,
        delivery.state,
        reason or (_QUEUED if delivery.cause is WaitReason.QUEUED else ""),
        code=code_of(reason),
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
