"""What people see: reports, the status and verifications, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from bridge._life import Cause, Delivery

__all__ = [
    "Activation",
    "Confirmation",
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
        }


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
        **sent,
    )


@frozen(kw_only=True)
class ExportReport:
    """What one run of an export did.

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
    deliveries: tuple[DeliveryRow, ...] = field(default=(), repr=False)
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


@frozen(kw_only=True)
class Activation:
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
    skipped: tuple[DeliveryRow, ...] = ()

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
class Status:
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
    attention: tuple[DeliveryRow, ...] = ()
    unknown_statuses: Mapping[str, int] = field(factory=dict[str, int])

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
class Confirmation:
    """What Zenvoices says of the documents that were delivered.

    Attributes:
        confirmed: How many it has.
        missing: Lines of those it says it does not have; they are not sent again by themselves.
        twice: Lines of those it shows more than once.
        undecided: Lines of those its answers decide nothing about.
    """

    confirmed: int = 0
    missing: tuple[DeliveryRow, ...] = ()
    twice: tuple[DeliveryRow, ...] = ()
    undecided: tuple[DeliveryRow, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "confirmed": self.confirmed,
            "missing": [row.to_dict() for row in self.missing],
            "twice": [row.to_dict() for row in self.twice],
            "undecided": [row.to_dict() for row in self.undecided],
        }
