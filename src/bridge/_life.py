"""The life of a delivery: one pure function from a delivery and what happened to a delivery.

::

    (seen at activation) ── baseline ─────────────────────────────┐
           │                                                      │ Requested
           └─ waiting ──Intended──> sending ──Arrived──> delivered ──Confirmed──> confirmed
                ^ │ │                 │ │ │
                │ │ │                 │ │ └─Undecidable──> uncertain ──Settled──> delivered, waiting
                │ │ └─Refused (5th)──>│ └─Refused (final)──> failed
                │ └───Skipped────────>│──> skipped
                └─────NotSent, Refused┘

Nothing here reads a clock or a store: times come in as seconds of the connection's clock.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import Enum

from attrs import evolve, frozen

from bridge._eligibility import Skip, Verdict

__all__ = [
    "Absent",
    "Arrived",
    "Cause",
    "Confirmed",
    "Delivery",
    "Doubtful",
    "Event",
    "Intended",
    "Listed",
    "NotReady",
    "NotSent",
    "Pardoned",
    "Refused",
    "Requested",
    "Settled",
    "Skipped",
    "Undecidable",
    "advance",
    "at_activation",
    "external_id_of",
    "first_seen",
]

MAX_ATTEMPTS = 5
FIRST_PAUSE = 3600.0
LONGEST_PAUSE = 86_400.0
ABSENCE_CONFIRMED_AFTER = 600.0

STATES = (
    "baseline",
    "waiting",
    "sending",
    "delivered",
    "confirmed",
    "skipped",
    "failed",
    "uncertain",
)


class Cause(Enum):
    """Why a delivery waits, as far as the rules care."""

    NONE = ""
    CLIENT = "client"
    """Somebody has to act in Banqup."""
    NOT_READY = "not ready"
    """The file cannot be fetched yet."""
    RETRY = "retry"
    """Tried and refused; tried again when due."""
    QUEUED = "queued"
    """Can be sent now."""


@frozen
class Delivery:
    """The record of one document's way.

    Attributes:
        document_id: The document in Banqup.
        state: One of :data:`STATES`.
        folder: Where the document lies.
        reason: Why it is in this state, for a person.
        cause: Why it waits.
        seen: The status it had at activation, until it changes; None for a new document.
        known: Whether ``seen`` counts: the document was there at activation and is not new yet.
        due: When it is looked at again, in seconds of the connection's clock.
        attempts: Tries that failed because of this document.
        looks: How often it was looked at in vain.
        generation: Raised by every resend; part of the external id.
        forced: A person asked for it: what it would be refused or held for no longer counts.
        external_id: The id it was, or is being, sent under.
        company_id: The company it was, or is being, sent to.
        intended_at: When it was about to be sent.
        doubtful: The upload ended without an answer, so no sender is at work on it any more.
        absent_at: The server's time of the first answer that Zenvoices does not have it.
        inbox_id: Zenvoices' number of it.
        files: A digest of its files' ids and sizes when it was sent.
    """

    document_id: str
    state: str = "waiting"
    folder: str | None = None
    reason: str = ""
    cause: Cause = Cause.NONE
    seen: str | None = None
    known: bool = False
    due: float | None = None
    attempts: int = 0
    looks: int = 0
    generation: int = 0
    forced: bool = False
    external_id: str | None = None
    company_id: int | None = None
    intended_at: float | None = None
    doubtful: bool = False
    absent_at: datetime | None = None
    inbox_id: int | None = None
    files: str | None = None

    @property
    def attempted(self) -> bool:
        """Whether it was ever about to be sent, or tried in vain."""
        return self.external_id is not None or self.attempts > 0 or self.generation > 0


@frozen
class Listed:
    """Banqup showed the document; ``verdict`` is what the rule says of it, None for export it."""

    status: str | None
    verdict: Verdict
    reread: bool = False
    """Whether it was asked for by itself because it was due."""


@frozen
class NotReady:
    """Its file cannot be fetched yet."""

    reason: str


@frozen
class Skipped:
    """It is not to be exported, or no longer there."""

    reason: str


@frozen
class Intended:
    """It is about to be sent: durable before the first byte leaves."""

    external_id: str
    company_id: int
    files: str | None = None


@frozen
class Arrived:
    """Zenvoices has it."""

    inbox_id: int | None
    reason: str = ""


@frozen
class Refused:
    """This document could not be exported, for a reason of its own."""

    reason: str
    final: bool = False


@frozen
class Pardoned:
    """It was refused for a reason that turned out not to be its own."""

    reason: str


@frozen
class NotSent:
    """It is certain that it was not sent, for a reason that is not its own."""

    reason: str


@frozen
class Doubtful:
    """The upload ended, and nobody knows whether it arrived."""

    reason: str


@frozen
class Absent:
    """A look-up that can be believed answered that Zenvoices does not have it."""

    at: datetime


@frozen
class Undecidable:
    """Looking it up cannot tell whether it arrived."""

    reason: str


@frozen
class Requested:
    """A person asked for it to be sent (again)."""


@frozen
class Settled:
    """A person looked in Zenvoices and said whether it is there."""

    delivered: bool


@frozen
class Confirmed:
    """It was looked up afterwards and found."""

    inbox_id: int | None


Event = (
    Listed
    | NotReady
    | Skipped
    | Intended
    | Arrived
    | Refused
    | Pardoned
    | NotSent
    | Doubtful
    | Absent
    | Undecidable
    | Requested
    | Settled
    | Confirmed
)


def external_id_of(space_id: str, document_id: str, generation: int) -> str:
    """The id a document is sent under: the same for the same document and generation.

    47 characters at most, of the 50 that Zenvoices' external ids are taken to hold.
    """
    digest = hashlib.sha256(f"{space_id}\n{document_id}".encode()).hexdigest()
    return f"bq-{digest[:38]}-{generation}"


def first_seen(document_id: str, folder: str | None) -> Delivery:
    """A document that activation did not see."""
    return Delivery(document_id, folder=folder, cause=Cause.QUEUED)


def at_activation(
    document_id: str, folder: str | None, status: str | None, verdict: Verdict
) -> Delivery:
    """A document that was there when the connection was activated."""
    if verdict is None:
        return Delivery(document_id, "baseline", folder, "was there before activation", seen=status)
    if isinstance(verdict, Skip):
        return Delivery(document_id, "skipped", folder, verdict.reason)
    return Delivery(
        document_id,
        "waiting",
        folder,
        verdict.reason,
        Cause.CLIENT if verdict.client_action else Cause.NONE,
        seen=status,
        known=True,
    )


def _pause(count: int) -> float:
    """Seconds until the next look: 1 hour, doubling up to 24."""
    return min(FIRST_PAUSE * 2.0 ** min(count, 10), LONGEST_PAUSE)


def advance(delivery: Delivery, event: Event, now: float) -> Delivery:
    """What the delivery is after the event.

    Args:
        delivery: What it was.
        event: What happened.
        now: Seconds of the connection's clock.

    Raises:
        ValueError: This cannot happen to a delivery in this state.
    """
    state = delivery.state
    match event:
        case Listed():
            return _listed(delivery, event, now) if state == "waiting" else delivery
        case Requested() if state not in ("sending", "uncertain"):
            return Delivery(
                delivery.document_id,
                "waiting",
                delivery.folder,
                "to be sent by request",
                Cause.QUEUED,
                due=now,
                generation=delivery.generation + (delivery.external_id is not None),
                forced=True,
            )
        case NotReady() if state == "waiting":
            return evolve(
                delivery,
                reason=event.reason,
                cause=Cause.NOT_READY,
                due=now + _pause(delivery.looks),
                looks=delivery.looks + 1,
            )
        case Skipped() if state == "waiting":
            return _ended(delivery, "skipped", event.reason)
        case Intended() if state == "waiting":
            return evolve(
                delivery,
                state="sending",
                reason="on its way",
                cause=Cause.NONE,
                due=None,
                external_id=event.external_id,
                company_id=event.company_id,
                intended_at=now,
                doubtful=False,
                absent_at=None,
                files=event.files,
            )
        case Arrived() if state in ("waiting", "sending", "uncertain"):
            return evolve(
                _ended(delivery, "delivered", event.reason), inbox_id=event.inbox_id, looks=0
            )
        case Refused() if state in ("waiting", "sending"):
            return _refused(delivery, event, now)
        case Pardoned() if state in ("waiting", "failed"):
            attempts = max(0, delivery.attempts - 1)
            return evolve(
                delivery,
                state="waiting",
                reason=event.reason,
                cause=Cause.RETRY,
                due=now + _pause(attempts),
                attempts=attempts,
            )
        case NotSent() if state in ("waiting", "sending", "uncertain"):
            return evolve(
                delivery,
                state="waiting",
                reason=event.reason,
                cause=Cause.QUEUED,
                due=now,
                doubtful=False,
                absent_at=None,
            )
        case Doubtful() if state == "sending":
            return evolve(delivery, reason=event.reason, doubtful=True)
        case Absent() if state == "sending":
            first = delivery.absent_at
            if first is None:
                return evolve(delivery, absent_at=event.at)
            if (event.at - first).total_seconds() < ABSENCE_CONFIRMED_AFTER:
                return delivery
            return advance(delivery, NotSent("did not arrive; sent again"), now)
        case Undecidable() if state == "sending":
            return _ended(delivery, "uncertain", event.reason)
        case Settled() if state == "uncertain":
            if event.delivered:
                return _ended(delivery, "delivered", "seen in Zenvoices by a person")
            sent_again = advance(delivery, NotSent("not in Zenvoices, says a person"), now)
            return evolve(sent_again, forced=True)
        case Confirmed() if state in ("delivered", "confirmed"):
            found = delivery.inbox_id if event.inbox_id is None else event.inbox_id
            return evolve(delivery, state="confirmed", inbox_id=found)
        case _:
            message = f"{type(event).__name__} cannot happen to a delivery that is {state}"
            raise ValueError(message)


def _ended(delivery: Delivery, state: str, reason: str) -> Delivery:
    return evolve(
        delivery,
        state=state,
        reason=reason,
        cause=Cause.NONE,
        due=None,
        known=False,
        forced=False,
        absent_at=None,
        doubtful=False,
    )


def _listed(delivery: Delivery, event: Listed, now: float) -> Delivery:
    looks = delivery.looks + event.reread
    due = now + _pause(delivery.looks) if event.reread or delivery.due is None else delivery.due
    if delivery.known:
        if event.status == delivery.seen:
            return evolve(delivery, due=due, looks=looks)
        delivery = evolve(delivery, known=False, looks=0)
        looks, due = 0, now + _pause(0)
    if delivery.forced:
        return delivery
    match event.verdict:
        case None if delivery.cause is Cause.RETRY:
            return delivery
        case None:
            return evolve(delivery, cause=Cause.QUEUED, reason="", due=now)
        case Skip(reason):
            return _ended(delivery, "skipped", reason)
        case wait:
            cause = Cause.CLIENT if wait.client_action else Cause.NONE
            return evolve(delivery, reason=wait.reason, cause=cause, due=due, looks=looks)


def _refused(delivery: Delivery, event: Refused, now: float) -> Delivery:
    attempts = delivery.attempts + 1
    if event.final or attempts >= MAX_ATTEMPTS:
        return evolve(_ended(delivery, "failed", event.reason), attempts=attempts)
    return evolve(
        delivery,
        state="waiting",
        reason=event.reason,
        cause=Cause.RETRY,
        due=now + _pause(attempts - 1),
        attempts=attempts,
        doubtful=False,
        absent_at=None,
    )
