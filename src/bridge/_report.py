"""What people see: reports, the status and verifications, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from bridge._display import Cell, Line, Shown, Table, Tone, View
from bridge._life import Cause, Delivery
from bridge._words import Language, say

__all__ = [
    "Activation",
    "Confirmation",
    "Deliveries",
    "DeliveryRow",
    "ExportReport",
    "Request",
    "Status",
    "delivery_row",
]


@frozen
class DeliveryRow:
    """One document's line in a report.

    Attributes:
        document_id: The document in Banqup.
        state: ``waiting``, ``sending``, ``delivered``, ``confirmed``, ``skipped``, ``failed`` or
            ``uncertain``.
        reason: Why, for a person.
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
        warning: What is odd about the file that was sent, such as not being readable as UBL; it
            never kept a document from being sent.
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

    def to_dict(self) -> dict[str, Any]:
        """Plain data: JSON can hold it, and pandas takes a list of them."""
        return {
            "document_id": self.document_id,
            "state": self.state,
            "reason": self.reason,
            "inbox_id": self.inbox_id,
            "folder": self.folder,
            "subject": self.subject,
            "sender_name": self.sender_name,
            "file_name": self.file_name,
            "size": self.size,
            "external_id": self.external_id,
            "attempts": self.attempts,
            "next_try": None if self.next_try is None else self.next_try.isoformat(),
            "other_files": list(self.other_files),
            "status": self.status,
            "warning": self.warning,
        }


class Deliveries(tuple[DeliveryRow, ...], Shown):
    """Lines of documents: a tuple that prints as a table, what needs a person first."""

    __slots__ = ()

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

    def _view(self, lang: Language) -> View:
        if not self:
            return View(say("no documents", lang))
        return View(f"{len(self)} {say('documents', lang)}", tables=(_table(self, lang),))


def flat(row: DeliveryRow) -> dict[str, Any]:
    """A line whose members are all single values, for a table of data."""
    return {**row.to_dict(), "other_files": ", ".join(row.other_files)}


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
_TONES: dict[str, Tone] = {
    "error": "bad",
    "client action needed": "wait",
    "queued": "wait",
    "ready to process": "ok",
}
_ORDER = ("error", "client action needed", "queued", "skipped", "ready to process")


def _table(rows: Iterable[DeliveryRow], lang: Language, title: str = "") -> Table:
    order = {status: place for place, status in enumerate(_ORDER)}
    lines = sorted(rows, key=lambda row: order.get(_status(row), len(order)))
    headings = ("status", "document", "sent as", "inbox")
    return Table(
        title,
        tuple(say(heading, lang) for heading in headings),
        tuple(_line(row, lang) for row in lines),
        say("reason", lang),
        grouped=True,
    )


def _status(row: DeliveryRow) -> str:
    return row.status or _STATUS.get(row.state, row.state)


def _line(row: DeliveryRow, lang: Language) -> Line:
    status = _status(row)
    notes = [row.reason, row.warning]
    if row.attempts and row.state == "waiting":
        notes.append(say("attempt {}", lang).format(row.attempts))
    if row.next_try is not None and row.state == "waiting":
        notes.append(say("next try {}", lang).format(_time(row.next_try)))
    if row.other_files:
        notes.append(say("not sent: {}", lang).format(", ".join(row.other_files)))
    return Line(
        (
            Cell(say(status, lang), _TONES.get(status, "dim")),
            Cell(row.document_id, whole=True),
            Cell(row.subject or row.file_name or ""),
            Cell("" if row.inbox_id is None else str(row.inbox_id), whole=True),
        ),
        "; ".join(note for note in notes if note),
    )


def _time(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _last(run: Mapping[str, Any] | None) -> str:
    """When the last run ended, as its summary says."""
    ended = (run or {}).get("ended_at")
    return _time(datetime.fromisoformat(ended)) if isinstance(ended, str) else ""


def _deliveries(rows: Iterable[DeliveryRow]) -> Deliveries:
    return Deliveries(rows)


def _facts(lang: Language, *facts: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    """Facts with something to say; a zero has nothing to say."""
    return tuple((say(name, lang), str(value)) for name, value in facts if value)


def moment(seconds: float) -> datetime:
    """A time of the connection's clock as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def delivery_row(delivery: Delivery, **sent: Any) -> DeliveryRow:
    """The line of a delivery, with what its upload held."""
    due = delivery.due if delivery.state == "waiting" else None
    return DeliveryRow(
        delivery.document_id,
        delivery.state,
        delivery.reason or ("queued" if delivery.cause is Cause.QUEUED else ""),
        delivery.inbox_id,
        delivery.folder,
        external_id=delivery.external_id,
        attempts=delivery.attempts,
        next_try=None if due is None else moment(due),
        status="client action needed"
        if delivery.cause is Cause.CLIENT
        else _STATUS.get(delivery.state, ""),
        **sent,
    )


@frozen(kw_only=True)
class ExportReport(Shown):
    """What one run of an export did.

    ``print()`` shows it as text, a notebook as tables; documents that need a person come first.

    Attributes:
        space_id: The space.
        company_code: The company.
        started_at: When it began, by the connection's clock.
        ended_at: When it ended.
        dry_run: Whether it only says what would be done.
        listed: How many different documents Banqup showed.
        states: How many of those are in each state now; the numbers add up to ``listed``.
        exported: Uploads that Zenvoices took in this run.
        refused: Documents Zenvoices refused in this run, waiting or failed.
        recovered: Deliveries of an earlier run whose outcome was found out.
        changed: Delivered documents whose files have changed since; they are not sent again.
        deliveries: A line for each document that was not finished before.
        notes: What a person should know besides.
        stopped: Why the run ended before all was done, if it did.
    """

    space_id: str
    company_code: str
    started_at: datetime
    ended_at: datetime
    dry_run: bool = False
    listed: int = 0
    states: Mapping[str, int] = field(factory=dict[str, int])
    exported: int = 0
    refused: int = 0
    recovered: int = 0
    changed: int = 0
    deliveries: Deliveries = field(default=Deliveries(), converter=_deliveries, repr=False)
    notes: tuple[str, ...] = ()
    stopped: str | None = None

    def count(self, state: str) -> int:
        """How many of this run's lines are in a state."""
        return sum(row.state == state for row in self.deliveries)

    @property
    def waiting(self) -> int:
        """Documents that wait."""
        return self.count("waiting")

    @property
    def skipped(self) -> int:
        """Documents skipped in this run."""
        return self.count("skipped")

    @property
    def failed(self) -> int:
        """Documents given up in this run."""
        return self.count("failed")

    @property
    def uncertain(self) -> int:
        """Documents of which nobody knows whether they arrived, those on their way included."""
        return self.count("uncertain") + self.count("sending")

    @property
    def flagged(self) -> int:
        """Documents of this run whose file has something odd about it; see ``warning``."""
        return sum(bool(row.warning) for row in self.deliveries)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat dict per line, for ``pandas.DataFrame``."""
        return self.deliveries.rows

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return (self.ended_at - self.started_at).total_seconds()

    def summary(self) -> str:
        """One line."""
        parts = [f"{self.exported} exported"]
        parts += [
            f"{number} {name}"
            for name, number in (
                ("recovered", self.recovered),
                ("waiting", self.waiting),
                ("skipped", self.skipped),
                ("failed", self.failed),
                ("uncertain", self.uncertain),
            )
            if number
        ]
        end = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"{self.listed} listed, {', '.join(parts)}{end}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "space_id": self.space_id,
            "company_code": self.company_code,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "dry_run": self.dry_run,
            "listed": self.listed,
            "states": dict(self.states),
            "exported": self.exported,
            "recovered": self.recovered,
            "waiting": self.waiting,
            "skipped": self.skipped,
            "failed": self.failed,
            "uncertain": self.uncertain,
            "refused": self.refused,
            "changed": self.changed,
            "deliveries": [row.to_dict() for row in self.deliveries],
            "notes": list(self.notes),
            "stopped": self.stopped,
        }

    def _view(self, lang: Language) -> View:
        heading = "Export: {} sent to company {}"
        sent = self.exported
        if self.dry_run:
            heading = "Dry run: {} would be sent to company {}"
            sent = sum(row.reason == "would be sent" for row in self.deliveries)
        elif self.stopped:
            heading = "Export stopped: {} sent to company {}"
        facts = _facts(
            lang,
            ("stopped because", self.stopped),
            ("space", self.space_id),
            ("listed in Banqup", self.listed),
            *((state, self.states[state]) for state in sorted(self.states)),
            ("found to have arrived", self.recovered),
            ("refused by Zenvoices", self.refused),
            ("changed after delivery", self.changed),
            ("took", f"{self.seconds:.1f} s"),
        )
        bad = self.failed or self.uncertain or self.stopped
        return View(
            say(heading, lang).format(sent, self.company_code),
            "bad" if bad else "ok",
            facts,
            (_table(self.deliveries, lang),),
            self.notes,
        )


@frozen(kw_only=True)
class Activation(Shown):
    """What activate() did.

    Attributes:
        new: False when the connection was active already and nothing was changed.
        activated_at: The server's time from which documents count.
        company_id: Zenvoices' number of the company.
        baseline: Documents that stay where they are, for good.
        waiting: Documents that were there but not approved or sent: they count once they are.
        skipped: Lines of documents that appeared in the middle, or became exportable while the
            connection was not active; resend() sends them.
    """

    new: bool
    activated_at: datetime | None = None
    company_id: int | None = None
    baseline: int = 0
    waiting: int = 0
    skipped: Deliveries = field(default=Deliveries(), converter=_deliveries)

    def _view(self, lang: Language) -> View:
        heading = "Activated: documents count from now on"
        facts = _facts(
            lang,
            ("active since", self.activated_at and _time(self.activated_at)),
            ("company number", self.company_id),
            ("left where they are", str(self.baseline)),
            ("waiting for the client", self.waiting),
        )
        table = _table(self.skipped, lang, say("skipped", lang))
        if self.new:
            return View(say(heading, lang), "ok", facts, (table,))
        return View(say("Active already: nothing changed", lang), "", facts[:2])

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "new": self.new,
            "activated_at": None if self.activated_at is None else self.activated_at.isoformat(),
            "company_id": self.company_id,
            "baseline": self.baseline,
            "waiting": self.waiting,
            "skipped": [row.to_dict() for row in self.skipped],
        }


@frozen(kw_only=True)
class Status(Shown):
    """What a connection knows of itself, without asking a service.

    Attributes:
        active: Whether export_new() runs.
        activated_at: Since when.
        space_id: The space.
        company_code: The company.
        last_run: A summary of the last run, as plain data; None before the first.
        counts: How many deliveries are in each state.
        attention: Lines that need a person: failed, uncertain.
        unknown_statuses: Status words nobody has told this connection about, with how many
            documents showed them.
    """

    active: bool
    space_id: str
    company_code: str
    activated_at: datetime | None = None
    last_run: Mapping[str, Any] | None = None
    counts: Mapping[str, int] = field(factory=dict[str, int])
    attention: Deliveries = field(default=Deliveries(), converter=_deliveries)
    unknown_statuses: Mapping[str, int] = field(factory=dict[str, int])

    def _view(self, lang: Language) -> View:
        heading = "Active: company {}" if self.active else "Not active: company {}"
        counts = {
            "client action needed": self.client_action_needed,
            "queued": self.queued,
            "ready to process": self.ready_to_process,
            "error": self.error,
            "skipped": self.counts.get("skipped", 0),
            "baseline": self.counts.get("baseline", 0),
        }
        lines = tuple(
            Line(
                (Cell(say(name, lang), _TONES.get(name, "") if count else "dim"), Cell(str(count)))
            )
            for name, count in counts.items()
        )
        unknown = say("unknown status {}: {} documents", lang)
        return View(
            say(heading, lang).format(self.company_code),
            "bad" if self.error else "ok" if self.active else "wait",
            _facts(
                lang,
                ("space", self.space_id),
                ("active since", self.activated_at and _time(self.activated_at)),
                ("last run", _last(self.last_run)),
            ),
            (
                Table("", (say("status", lang), say("documents", lang)), lines),
                _table(self.attention, lang, say("needs a person", lang)),
            ),
            tuple(unknown.format(repr(word), n) for word, n in self.unknown_statuses.items()),
        )

    @property
    def client_action_needed(self) -> int:
        """Documents not approved or not sent yet."""
        return self.counts.get("waiting for the client", 0)

    @property
    def queued(self) -> int:
        """Documents waiting to be sent, or tried again."""
        return self.counts.get("waiting", 0) + self.counts.get("sending", 0)

    @property
    def ready_to_process(self) -> int:
        """Documents that are in Zenvoices."""
        return self.counts.get("delivered", 0) + self.counts.get("confirmed", 0)

    @property
    def error(self) -> int:
        """Documents that need a person: they can be sent again, or processed by hand."""
        return self.counts.get("failed", 0) + self.counts.get("uncertain", 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "active": self.active,
            "space_id": self.space_id,
            "company_code": self.company_code,
            "activated_at": None if self.activated_at is None else self.activated_at.isoformat(),
            "last_run": None if self.last_run is None else dict(self.last_run),
            "counts": dict(self.counts),
            "client_action_needed": self.client_action_needed,
            "queued": self.queued,
            "ready_to_process": self.ready_to_process,
            "error": self.error,
            "attention": [row.to_dict() for row in self.attention],
            "unknown_statuses": dict(self.unknown_statuses),
        }


@frozen
class Request:
    """What became of the wish to send one document again.

    Attributes:
        document_id: The document.
        accepted: Whether the next run sends it.
        reason: Why not, otherwise.
    """

    document_id: str
    accepted: bool
    reason: str = ""


@frozen(kw_only=True)
class Confirmation(Shown):
    """What Zenvoices says of the documents that were delivered.

    Attributes:
        confirmed: How many it has.
        missing: Lines of those it says it does not have; they are not sent again by themselves.
        twice: Lines of those it shows more than once.
        undecided: Lines of those its answers decide nothing about.
    """

    confirmed: int = 0
    missing: Deliveries = field(default=Deliveries(), converter=_deliveries)
    twice: Deliveries = field(default=Deliveries(), converter=_deliveries)
    undecided: Deliveries = field(default=Deliveries(), converter=_deliveries)

    def _view(self, lang: Language) -> View:
        return View(
            say("Confirmed: Zenvoices has {} documents", lang).format(self.confirmed),
            "bad" if self.missing or self.twice else "ok",
            tables=(
                _table(self.missing, lang, say("missing in Zenvoices", lang)),
                _table(self.twice, lang, say("there more than once", lang)),
                _table(self.undecided, lang, say("not to be decided", lang)),
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "confirmed": self.confirmed,
            "missing": [row.to_dict() for row in self.missing],
            "twice": [row.to_dict() for row in self.twice],
            "undecided": [row.to_dict() for row in self.undecided],
        }
