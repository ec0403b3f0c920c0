"""What can happen to a delivery, as values; ``delivery.advance`` says what comes of it."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from bridge._delivery.eligibility import Verdict

__all__ = [
    "Absent",
    "Arrived",
    "AttemptRefunded",
    "Confirmed",
    "DecidedByPerson",
    "Event",
    "Held",
    "InDoubt",
    "Intended",
    "Listed",
    "NoControl",
    "NotReady",
    "NotSent",
    "Refused",
    "Requested",
    "Skipped",
    "Undecidable",
]


@frozen
class Listed:
    """Banqup showed the document; ``verdict`` is what the rule says of it, None for export it."""

    status: str | None
    verdict: Verdict
    reread: bool = False
    """Whether it was asked for by itself because it was due."""
    label: str = ""
    """What a person calls the document."""


@frozen
class NotReady:
    """Its file cannot be fetched yet, or the document itself cannot be read just now."""

    reason: str
    file: bool = True
    """Whether it is the file: otherwise nothing new is known of the document."""


@frozen
class Skipped:
    """It is not to be exported, or no longer there."""

    reason: str
    gone: bool = False
    """Whether Banqup does not have it any more: it counts again when a listing shows it."""


@frozen
class Intended:
    """It is about to be sent: durable before the first byte leaves."""

    external_id: str
    company_id: int
    files: str | None = None
    label: str = ""


@frozen
class Arrived:
    """Zenvoices has it."""

    inbox_id: int | None
    reason: str = ""
    external_id: str | None = None
    """The id it was found under, where that is not the one of its intent."""
    company_id: int | None = None


@frozen
class Refused:
    """This document could not be exported, for a reason of its own: it is charged one attempt.

    Attributes:
        reason: Why, for a person.
        final: Give the document up at once.
        deliveries: How many documents this connection has delivered so far.
    """

    reason: str
    final: bool = False
    deliveries: int = 0


@frozen
class Held:
    """A call for this document was refused, and it is open whether the document is at fault.

    Attributes:
        reason: Why, for a person.
        suspect: Whether all others are sent first from now on.
    """

    reason: str
    suspect: bool = True


@frozen
class AttemptRefunded:
    """It was refused for a reason that turned out not to be its own."""

    reason: str


@frozen
class NotSent:
    """It is certain that it was not sent, for a reason that is not its own."""

    reason: str


@frozen
class InDoubt:
    """The upload ended, and nobody knows whether it arrived."""

    reason: str


@frozen
class Absent:
    """A look-up that can be believed answered that Zenvoices does not have it.

    Attributes:
        at: Zenvoices' time of the answer.
        deliveries: How many documents this connection has delivered so far.
    """

    at: datetime
    deliveries: int = 0


@frozen
class NoControl:
    """A look-up did not find it, and no other document is there to test look-ups with.

    Attributes:
        at: Zenvoices' time of the answer.
    """

    at: datetime


@frozen
class Undecidable:
    """Looking it up cannot tell whether it arrived."""

    reason: str


@frozen
class Requested:
    """A person asked for it to be sent (again)."""


@frozen
class DecidedByPerson:
    """A person looked in Zenvoices and said whether the document is there."""

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
    | Held
    | AttemptRefunded
    | NotSent
    | InDoubt
    | Absent
    | NoControl
    | Undecidable
    | Requested
    | DecidedByPerson
    | Confirmed
)
