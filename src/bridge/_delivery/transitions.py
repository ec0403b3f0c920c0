"""Events of a delivery, as values; `delivery.transition` applies them."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from _client_kit._text import Text
from bridge._delivery.eligibility import Verdict


@frozen
class Event:
    """Something that happened to a delivery."""


@frozen
class ReasonedEvent(Event):
    """An event with a reason.

    Attributes:
        reason: Why it happened, as text for people.
    """

    reason: str


@frozen
class Listed(Event):
    """Banqup showed the document, in a list or in answer to a call for this document alone.

    Attributes:
        status: The document's status in Banqup.
        verdict: The result of the rule ``exportable=``; None means export.
        reread: Whether the document was read with its own call, because it was due.
        label: A name by which people recognise the document.
        files: A digest of its files if a list showed it, else None.
    """

    status: str | None
    verdict: Verdict
    reread: bool = False
    label: str = ""
    files: str | None = None


class NotReady(ReasonedEvent):
    """The document's files cannot be fetched yet, or not be kept on this machine (a full disk)."""


class Unread(Event):
    """The document was due, but it could not be read."""


@frozen
class Skipped(ReasonedEvent):
    """The document must not be exported, or Banqup no longer has it.

    Attributes:
        gone: Whether Banqup no longer has the document. If Banqup lists it again, it waits again.
    """

    gone: bool = False


GONE = Skipped(Text("gone", "gone"), gone=True)


@frozen
class Intended(Event):
    """The upload is about to begin. The new state is stored before the first byte is sent.

    Attributes:
        external_id: The external id of the upload.
        company_id: The company's number in Zenvoices.
        label: A name by which people recognise the document.
    """

    external_id: str
    company_id: int
    label: str = ""


@frozen
class Arrived(Event):
    """Zenvoices has the document.

    Attributes:
        inbox_id: The number of the inbox document; None if Zenvoices did not say.
        reason: A remark for people, such as that a look-up found the document; may be empty.
        external_id: The external id under which a look-up found the document; None keeps the
            stored id.
        company_id: The number of the company that has the document; None keeps the stored number.
    """

    inbox_id: int | None
    reason: str = ""
    external_id: str | None = None
    company_id: int | None = None


@frozen
class Refused(ReasonedEvent):
    """An attempt failed because of this document, and counts against it.

    Attributes:
        final: Whether to give the document up at once.
    """

    final: bool = False


@frozen
class Held(ReasonedEvent):
    """A call for this document, or the user's code, failed, and the cause is not known yet.

    The end of the run decides whether this counts as a failed attempt of the document.

    Attributes:
        suspect: Whether all other documents are sent before this one from now on.
    """

    suspect: bool = True


class AttemptRefunded(ReasonedEvent):
    """A failed attempt no longer counts: the document turned out not to be the cause."""


class NotSent(ReasonedEvent):
    """The document counts as not sent, so it waits to be sent again.

    A call failed for a reason that is not the document's, look-ups did not find the document, or a
    person or ``on_uncertain="resend"`` decided so.
    """


class InDoubt(ReasonedEvent):
    """The upload ended without a clear answer: the document may have arrived."""


@frozen
class Absent(Event):
    """A look-up that can be trusted (see `AsyncRecovery`) did not find the document in Zenvoices.

    Attributes:
        at: The answer's time by Zenvoices' clock.
    """

    at: datetime


@frozen
class NoControl(Event):
    """A look-up did not find the document, and no other document can test look-ups.

    Attributes:
        at: The answer's time by Zenvoices' clock.
    """

    at: datetime


class Undecidable(ReasonedEvent):
    """Look-ups cannot tell whether the document arrived."""


class Requested(Event):
    """A person called resend() for the document."""


@frozen
class DecidedByPerson(Event):
    """A person called settle() and said whether the document is in Zenvoices."""

    delivered: bool


@frozen
class Confirmed(Event):
    """confirm() found the delivered document in Zenvoices.

    Attributes:
        inbox_id: The number of the inbox document; None keeps the stored number.
    """

    inbox_id: int | None
