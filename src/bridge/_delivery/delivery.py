"""The record of a delivery and its state machine, `transition`.

::

    state                          event              next state
    waiting                        Listed             waiting; skipped if the rule says so, or as
                                                      `_first_shown` explains
    waiting                        NotReady, Unread   waiting
    waiting                        Intended           sending
    waiting                        Skipped            skipped
    skipped because gone           Listed             the same as from waiting
    any other state                Listed             unchanged
    waiting, sending               Held               waiting
    waiting, sending               Refused            waiting; failed if final, or after five
                                                      attempts if other documents arrived
    waiting, failed                AttemptRefunded    waiting
    waiting, sending               Undecidable        uncertain
    waiting, sending, uncertain    NotSent            waiting
    waiting, sending, uncertain    Arrived            delivered
    sending                        InDoubt            sending
    sending                        NoControl          sending; uncertain after 24 hours
    sending, uncertain             Absent             unchanged; waiting or failed after a second
                                                      one at least 10 minutes later
    uncertain                      NoControl,         unchanged
                                   Undecidable
    uncertain                      DecidedByPerson    delivered or waiting
    failed, or waiting with        DecidedByPerson    delivered or skipped
    failures
    delivered, confirmed           Confirmed          confirmed
    all but sending, uncertain     Requested          waiting

Any other event raises ValueError, and so does Absent if the delivery is uncertain and has no
`intended_at`.

A delivery begins as ``waiting``, or at activation as ``baseline``, ``waiting`` or ``skipped``.
"The rule" is the connection's argument ``exportable=``. A time that is a float is in epoch seconds,
by the connection's argument ``clock=``. A time that is a datetime comes from a service's answer.
All times are passed in: no function here reads a clock.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import Enum

from attrs import evolve, field, frozen

from _client_kit._text import Text
from bridge._delivery import transitions
from bridge._delivery.eligibility import BrokenRule, Skip, Verdict, Wait, word_of
from bridge._delivery.newness import status_since_activation

MAX_ATTEMPTS = 5
FIRST_PAUSE = 3600.0
FIRST_PAUSE_NOT_READY = 300.0
LONGEST_PAUSE = 86_400.0
ABSENCE_CONFIRMED_AFTER = 600.0
LONGEST_WITHOUT_CONTROL = 86_400.0
LONGEST_REASON = 500

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


_BEFORE = Text("before_activation", "was there before activation")


class WaitReason(Enum):
    """The reason why a delivery waits, which decides when the document is read again or sent.

    A delivery that does not wait has `NONE`, or `GONE` if Banqup no longer has the document. A
    waiting one can have `NONE`, too: if the rule returned `Wait` with ``client_action=False``.
    """

    NONE = ""
    CLIENT = "client"
    """A user has to approve or send the document in Banqup."""
    NOT_READY = "not ready"
    """The files cannot be downloaded yet, or not be stored on this machine (a full disk)."""
    RULE = "rule"
    """The rule ``exportable=`` raised, or returned a value of a wrong type."""
    RETRY = "retry"
    """An attempt failed; the next one is made when due."""
    QUEUED = "queued"
    """The document can be sent now."""
    GONE = "gone"
    """Skipped because Banqup no longer has the document; if listed again, the document waits."""


def _reason(text: str) -> str:
    if isinstance(text, Text):
        return text.cut(LONGEST_REASON)
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


@frozen
class Delivery:
    """What is stored about one document.

    Attributes:
        document_id: The document's id in Banqup.
        state: One of :data:`STATES`.
        folder: The document's folder in Banqup.
        reason: Why the delivery is in this state, as text for people; may be empty.
        cause: Why the delivery waits, as a value for the code.
        status_at_activation: The document's status at activation. If Banqup showed none then, the
            first status that it showed later. None if no status was recorded.
        predates_activation: Whether the document was listed at activation and still waits with the
            status that it had then. It is exported only after its status has changed.
        due: When the document is read or sent again, by the connection's clock; None if no time
            is set.
        attempts: The number of failed attempts that count against this document. Sending an
            uncertain document again counts, too.
        deliveries_before: How many documents the connection had delivered when a refusal first
            counted against this document; None before that. After five attempts, the document
            fails only if the connection has delivered more documents since.
        suspect: Whether a call for this document failed for an unknown reason, or its upload got no
            clear answer and never arrived. Suspects are sent after all other documents.
        polls: How often the document was read or postponed without progress; each time makes the
            next pause longer.
        generation: The number of resends that needed a new external id; part of that id.
        requested: Whether a person asked to send the document, or it is sent again although it was
            uncertain. If True, its status in Banqup is ignored.
        external_id: The external id of its latest upload, stored before the upload begins. If a
            look-up found the document under another id, that id. None if there was neither, or if
            resend() was called after a delivery.
        company_id: The company's number in Zenvoices that its latest upload names. If a look-up
            found the document under another number, that number.
        intended_at: When its latest upload was about to begin, by the connection's clock. None
            before the first upload, after resend(), or if the look-up before an upload made the
            delivery uncertain.
        in_doubt: Whether its upload is known to have ended without a clear answer. If False in the
            state ``sending``, a worker may still be uploading it.
        absent_at: Zenvoices' time of the first trusted look-up that did not find the document after
            its latest upload (see `transitions.Absent`); else None.
        no_control_since: Zenvoices' time of the first look-up that did not find the document while
            no other document could be used to test look-ups; else None.
        inbox_id: The number of the inbox document in Zenvoices.
        label: Supplier or customer, number or file name, and date, so that people recognise the
            document. It is not stored in the states delivered, confirmed, skipped and baseline.
        files: A digest of the ids and sizes of its files, from the last list of a run before the
            document was sent. None if no list showed it before that, or since resend().
        unknown: The status or folder that the rule does not know, if the document waits because
            of it.
    """

    document_id: str
    state: str = "waiting"
    folder: str | None = field(default=None, converter=word_of)
    reason: str = field(default="", converter=_reason)
    cause: WaitReason = WaitReason.NONE
    status_at_activation: str | None = field(default=None, converter=word_of)
    predates_activation: bool = False
    due: float | None = None
    attempts: int = 0
    deliveries_before: int | None = None
    suspect: bool = False
    polls: int = 0
    generation: int = 0
    requested: bool = False
    external_id: str | None = None
    company_id: int | None = None
    intended_at: float | None = None
    in_doubt: bool = False
    absent_at: datetime | None = None
    no_control_since: datetime | None = None
    inbox_id: int | None = None
    label: str = ""
    files: str | None = None
    unknown: str | None = None

    @property
    def needs_naming(self) -> bool:
        """Whether the document waits because of failures, so that status() has to list it.

        The failures are a call that failed for an unknown reason, a failed attempt that counts
        against the document, and a broken rule (see `BrokenRule`).
        """
        failed = self.suspect or self.attempts > 0 or self.cause is WaitReason.RULE
        return self.state == "waiting" and failed

    @property
    def needs_person(self) -> bool:
        """Whether settle() may decide about the document."""
        return self.state in ("uncertain", "failed") or self.needs_naming

    @property
    def waits_for_rule(self) -> bool:
        """Whether the document waits because the rule did not allow it when it was last shown."""
        by_rule = self.cause in (WaitReason.CLIENT, WaitReason.NONE, WaitReason.RULE)
        return self.state == "waiting" and by_rule

    @property
    def attempted(self) -> bool:
        """Whether an upload was ever about to begin, or `attempts` is not 0."""
        return self.external_id is not None or self.attempts > 0 or self.generation > 0


def external_id_of(space_id: str, document_id: str, generation: int) -> str:
    """Return the external id of a document: the same for the same document and generation.

    Zenvoices is assumed to store at most 50 characters of an external id. Up to generation 99,999
    the id has at most 47.
    """
    digest = hashlib.sha256(f"{space_id}\n{document_id}".encode()).hexdigest()
    return f"bq-{digest[:38]}-{generation}"


def first_seen(document_id: str, folder: str | None, label: str = "") -> Delivery:
    """Return the first record of a document that activation did not list."""
    return Delivery(document_id, folder=folder, cause=WaitReason.QUEUED, label=label)


def at_activation(
    document_id: str, folder: str | None, status: str | None, verdict: Verdict, label: str = ""
) -> Delivery:
    """Return the first record of a document that was listed at activation.

    An exportable document becomes ``baseline`` and is sent only after resend(). A document that
    waits is sent once its status has changed and the rule allows it.
    """
    listed = Delivery(document_id, folder=folder, status_at_activation=status)
    if verdict is None:
        return evolve(listed, state="baseline", reason=_BEFORE)
    listed = evolve(listed, reason=verdict.reason, label=label)
    if isinstance(verdict, Skip):
        return evolve(listed, state="skipped")
    cause = _cause_of(verdict)
    return evolve(listed, cause=cause, predates_activation=True, unknown=verdict.unknown)


def _pause(count: int, first: float = FIRST_PAUSE) -> float:
    """Return seconds until the next attempt: `first`, doubled `count` times, at most 24 hours."""
    return min(first * 2.0 ** min(count, 10), LONGEST_PAUSE)


def transition(
    delivery: Delivery, event: transitions.Event, now: float, delivered: int = 0
) -> Delivery:
    """Return the delivery after the event.

    Args:
        delivery: The delivery before the event.
        event: What happened.
        now: Epoch seconds by the connection's clock.
        delivered: How many documents this connection has delivered so far.

    Raises:
        ValueError: The event is not possible in this state.
    """
    state = delivery.state
    match event:
        case transitions.Listed() if state == "waiting":
            return _listed(delivery, event, now)
        case transitions.Listed() if delivery.cause is WaitReason.GONE:
            # Banqup lists the document again. If a person requested it, ignore its status.
            cause, due = (WaitReason.QUEUED, now) if delivery.requested else (WaitReason.NONE, None)
            return _listed(evolve(delivery, state="waiting", cause=cause, due=due), event, now)
        case transitions.Listed():
            return delivery
        case transitions.Requested() if state not in ("sending", "uncertain"):
            return _requested(delivery, now)
        case transitions.Unread() if state == "waiting":
            later = now + _pause(delivery.polls)
            return evolve(delivery, due=later, polls=delivery.polls + 1)
        case transitions.NotReady() if state == "waiting":
            due = now + _pause(delivery.polls, FIRST_PAUSE_NOT_READY)
            polled = evolve(delivery, polls=delivery.polls + 1)
            return _waits(polled, event.reason, WaitReason.NOT_READY, due)
        case transitions.Skipped(reason, gone=True) if state == "waiting":
            return evolve(delivery, state="skipped", reason=reason, cause=WaitReason.GONE, due=None)
        case transitions.Skipped() if state == "waiting":
            return _ended(delivery, "skipped", event.reason)
        case transitions.Intended() if state == "waiting":
            return evolve(
                delivery,
                state="sending",
                reason=Text("on_its_way", "on its way"),
                cause=WaitReason.NONE,
                due=None,
                external_id=event.external_id,
                company_id=event.company_id,
                intended_at=now,
                in_doubt=False,
                absent_at=None,
                no_control_since=None,
                label=event.label or delivery.label,
            )
        case transitions.Arrived() if state in ("waiting", "sending", "uncertain"):
            return evolve(
                _ended(delivery, "delivered", event.reason),
                inbox_id=event.inbox_id,
                external_id=event.external_id or delivery.external_id,
                company_id=event.company_id or delivery.company_id,
                polls=0,
            )
        case transitions.Refused() if state in ("waiting", "sending"):
            return _refused(delivery, event, now, delivered)
        case transitions.Held() if state in ("waiting", "sending"):
            suspect, polls = delivery.suspect or event.suspect, delivery.polls + 1
            held = evolve(delivery, suspect=suspect, polls=polls)
            return _waits(held, event.reason, WaitReason.QUEUED, now)
        case transitions.AttemptRefunded() if state in ("waiting", "failed"):
            # Count a poll instead of the attempt: so the pause grows, and other documents go first.
            attempts = max(0, delivery.attempts - 1)
            before = delivery.deliveries_before if attempts else None
            due, polls = now + _pause(delivery.polls), delivery.polls + 1
            refunded = evolve(delivery, attempts=attempts, deliveries_before=before, polls=polls)
            return _waits(refunded, event.reason, WaitReason.RETRY, due)
        case transitions.NotSent() if state in ("waiting", "sending", "uncertain"):
            if state == "uncertain":
                # The document was exportable or requested before its first upload. A person, two
                # look-ups or on_uncertain="resend" decided to send it again. So ignore its status
                # in Banqup.
                delivery = evolve(delivery, attempts=delivery.attempts + 1, requested=True)
            return _waits(delivery, event.reason, WaitReason.QUEUED, now)
        case transitions.InDoubt() if state == "sending":
            return evolve(delivery, reason=event.reason, in_doubt=True)
        case transitions.Absent() if state == "sending" or (
            state == "uncertain" and delivery.intended_at is not None
        ):
            return _absent(delivery, event, now, delivered)
        case transitions.NoControl(at) if state == "sending":
            return _without_control(delivery, at)
        case transitions.NoControl() | transitions.Undecidable() if state == "uncertain":
            return delivery
        case transitions.Undecidable() if state == "sending":
            return _ended(delivery, "uncertain", event.reason)
        case transitions.Undecidable() if state == "waiting":
            # A lost checkpoint may have recorded an upload under another company number or
            # external id. So delete `intended_at`: without this time, a "not found" never causes
            # another upload.
            return _ended(evolve(delivery, intended_at=None), "uncertain", event.reason)
        case transitions.DecidedByPerson(delivered=True) if delivery.needs_person:
            return _ended(
                delivery, "delivered", Text("person_saw", "seen in Zenvoices by a person")
            )
        case transitions.DecidedByPerson() if state == "uncertain":
            reason = Text("person_did_not_see", "not in Zenvoices, says a person")
            return transition(delivery, transitions.NotSent(reason), now)
        case transitions.DecidedByPerson() if delivery.needs_person:
            return _ended(delivery, "skipped", Text("settled", "settled by a person"))
        case transitions.Confirmed() if state in ("delivered", "confirmed"):
            found = delivery.inbox_id if event.inbox_id is None else event.inbox_id
            return evolve(delivery, state="confirmed", inbox_id=found)
        case _:
            message = f"{type(event).__name__} cannot happen to a delivery that is {state}"
            raise ValueError(message)


def _waits(delivery: Delivery, reason: str, cause: WaitReason, due: float) -> Delivery:
    """Make the delivery wait, and clear the fields about an upload that may have arrived."""
    return evolve(
        delivery,
        state="waiting",
        reason=reason,
        cause=cause,
        due=due,
        in_doubt=False,
        absent_at=None,
        no_control_since=None,
    )


def _ended(delivery: Delivery, state: str, reason: str) -> Delivery:
    """Put a delivery into a state in which the document is not sent.

    `in_doubt` stays as it is, because later look-ups of an uncertain delivery read it.
    """
    return evolve(
        delivery,
        state=state,
        reason=reason,
        cause=WaitReason.NONE,
        due=None,
        predates_activation=False,
        requested=False,
        suspect=False,
        absent_at=None,
        no_control_since=None,
        unknown=None,
        label=delivery.label if state in ("failed", "uncertain", "skipped") else "",
    )


def _absent(delivery: Delivery, event: transitions.Absent, now: float, delivered: int) -> Delivery:
    """Record that a look-up did not find the document; after two of them, let it be sent again.

    The two answers must be at least 10 minutes apart by the server's clock. If the upload is known
    to have ended without a clear answer, it counts as a failed attempt. The delivery may then
    become ``failed``.
    """
    first = delivery.absent_at
    if first is None or event.at < first:
        return evolve(delivery, absent_at=event.at)
    if (event.at - first).total_seconds() < ABSENCE_CONFIRMED_AFTER:
        return delivery
    # If in_doubt is False, the process ended during the upload: the delivery must not fail for it.
    if not delivery.in_doubt:
        again = Text("did_not_arrive", "did not arrive; sent again")
        return transition(delivery, transitions.NotSent(again), now)
    reason = Text("lost", "its upload had no answer, and it did not arrive")
    charged = _refused(delivery, transitions.Refused(reason), now, delivered)
    return evolve(charged, suspect=charged.state == "waiting")


def _without_control(delivery: Delivery, at: datetime) -> Delivery:
    """Make the delivery uncertain after 24 hours without a document to test look-ups with."""
    since = delivery.no_control_since or at
    if (at - since).total_seconds() < LONGEST_WITHOUT_CONTROL:
        return evolve(delivery, no_control_since=since)
    reason = Text("no_control", "no other document was there for 24 hours to test look-ups with")
    return _ended(delivery, "uncertain", reason)


def _requested(delivery: Delivery, now: float) -> Delivery:
    """Restart the delivery; after an upload or a delivery, the next upload gets a new external id.

    Unless the document was delivered, the record keeps the old id until the next upload. The old id
    is looked up first: its upload may have arrived although the delivery is recorded as failed.
    """
    was_delivered = delivery.state in ("delivered", "confirmed")
    return Delivery(
        delivery.document_id,
        "waiting",
        delivery.folder,
        Text("by_request", "to be sent by request"),
        WaitReason.QUEUED,
        due=now,
        generation=delivery.generation + (was_delivered or delivery.external_id is not None),
        requested=True,
        external_id=None if was_delivered else delivery.external_id,
        company_id=None if was_delivered else delivery.company_id,
        label=delivery.label,
    )


def _listed(delivery: Delivery, event: transitions.Listed, now: float) -> Delivery:
    if delivery.external_id is None:  # after an upload, keep the label: it has the invoice number
        delivery = evolve(delivery, label=event.label or delivery.label)
    if event.files is not None:
        delivery = evolve(delivery, files=event.files)
    unknown = event.verdict.unknown if isinstance(event.verdict, Wait) else None
    delivery = evolve(delivery, unknown=unknown)
    polls = delivery.polls + event.reread
    due = delivery.due
    if due is None or due <= now:
        due = now + _pause(polls)
    if delivery.predates_activation and not delivery.requested:
        change = status_since_activation(delivery.status_at_activation, word_of(event.status))
        if change == "first shown":
            return _first_shown(delivery, event, due)
        if change == "unchanged":
            return evolve(delivery, due=due, polls=polls)
        delivery = evolve(delivery, predates_activation=False, polls=0)
        polls, due = 0, now + _pause(0)
    if delivery.requested:
        return delivery
    match event.verdict:
        case None if delivery.cause in (WaitReason.RETRY, WaitReason.NOT_READY):
            return delivery
        case None:
            return evolve(delivery, cause=WaitReason.QUEUED, reason="", due=now)
        case Skip(reason):
            return _ended(delivery, "skipped", reason)
        case wait:
            return evolve(delivery, reason=wait.reason, cause=_cause_of(wait), due=due, polls=polls)


def _cause_of(verdict: Wait) -> WaitReason:
    if isinstance(verdict, BrokenRule):
        return WaitReason.RULE
    return WaitReason.CLIENT if verdict.client_action else WaitReason.NONE


def _first_shown(delivery: Delivery, event: transitions.Listed, due: float) -> Delivery:
    """Handle the first status of a document whose status was missing at activation.

    A first status does not prove that the status has changed since activation. So an exportable
    document is skipped, and any other waits until its status changes.
    """
    if event.verdict is None:
        return _ended(delivery, "skipped", _BEFORE)
    return evolve(delivery, status_at_activation=event.status, due=due)


def _refused(
    delivery: Delivery, event: transitions.Refused, now: float, delivered: int
) -> Delivery:
    attempts = delivery.attempts + 1
    before = delivery.deliveries_before
    before = delivered if before is None else before
    # Without this condition, an outage of some days would make every document of these days fail.
    others_pass = delivered > before
    if event.final or (attempts >= MAX_ATTEMPTS and others_pass):
        return evolve(_ended(delivery, "failed", event.reason), attempts=attempts)
    pause = LONGEST_PAUSE if attempts >= MAX_ATTEMPTS else _pause(attempts - 1)
    charged = evolve(delivery, attempts=attempts, deliveries_before=before)
    return _waits(charged, event.reason, WaitReason.RETRY, now + pause)
