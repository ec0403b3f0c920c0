"""Whose fault a failure is: one document's, the run's, or to be decided when the run ends.

The rules are those of "Whose fault is it" in docs/architecture.md. They go by the type, the code,
the status and the operation of an error, never by the words of its message.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field, frozen

from _client_kit._errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RejectedError,
    ServiceError,
    StoreError,
    UnreachableError,
)
from _client_kit._text import Text
from banqup_client import FileRefusedError
from bridge._delivery.delivery import Delivery

__all__ = [
    "DETAILS",
    "DOCUMENT",
    "DOWNLOAD",
    "LOOK_UP",
    "MAPPER",
    "UPLOAD",
    "Blame",
    "FaultTracker",
    "HeldRefusal",
    "asks_again",
    "blame_of",
    "in_doubt",
    "is_final",
    "list_unfinished",
    "naming",
    "no_files_at_all",
    "too_many_unrecorded",
]

LOOK_UP = "inbox.details"
DOCUMENT = "documents.get"
DETAILS = "files.details"
DOWNLOAD = "files.download"
MAPPER = "mapper"
UPLOAD = "inbox.upload"

_TOKEN = ("login", "token.get")
HELD_BEFORE_SUCCESS = 3
HELD_AFTER_SUCCESS = 10
NAMED = 10


class Blame(Enum):
    """Who is at fault when a call made for one document fails."""

    RUN = "run"
    """No other document can fare better."""
    DOCUMENT = "document"
    """This document is charged one attempt."""
    OPEN = "open"
    """The rest of the run tells: see :class:`FaultTracker`."""


def blame_of(error: Exception) -> Blame:
    """Return who is at fault, for an error of any call but an upload that may have arrived."""
    if not isinstance(error, ServiceError):
        return Blame.DOCUMENT
    if isinstance(error, ProtocolError) and error.code == "wrong_size":
        return Blame.DOCUMENT
    if error.operation in _TOKEN or isinstance(error, StoreError):
        return Blame.RUN
    if isinstance(error, UnreachableError):
        # Storage is another host than the API: the others may still be sent.
        return Blame.OPEN if error.operation == DOWNLOAD else Blame.RUN
    if isinstance(error, (RejectedError, NotFoundError, ConfigurationError)):
        # Without a status, this library refused to send or to keep it. An answer in the service's
        # own words proves that the call and the right to make it are there.
        by_library = error.status is None
        certain = by_library or error.own or is_final(error)
        return Blame.DOCUMENT if certain else Blame.OPEN
    return Blame.OPEN


def is_final(error: Exception) -> bool:
    """Whether the document can never pass: it is too large, or infected."""
    if isinstance(error, RejectedError) and error.code == "too_large":
        return True
    return isinstance(error, FileRefusedError)


def in_doubt(error: Exception, *, began: bool) -> bool:
    """Whether a failed upload may have arrived; ``began`` says whether any bytes may have left."""
    if isinstance(error, ServiceError):
        return isinstance(error, (OutcomeUnknownError, ProtocolError))
    return began


def asks_again(error: Exception) -> bool:
    """Whether one call that only reads tells if the service refuses everything now."""
    if not isinstance(error, ServiceError) or error.operation == DOWNLOAD:
        return False  # storage is another host, and its URLs are for one file
    refused = error.status in (401, 403, 429)
    return refused or (error.service == "zenvoices" and isinstance(error, NotFoundError))


@frozen
class HeldRefusal:
    """A document whose refusal nobody is charged for yet."""

    operation: str
    delivery: Delivery
    error: ServiceError | None
    chargeable: bool = True
    """False for a document that was only looked at again: it waits for the client anyway."""


@define
class FaultTracker:
    """Counts the held refusals of one run, per operation, and says what they prove.

    Attributes:
        passed: Operations that worked in this run, or that a service refused in its own words.
        held: The held refusals so far, by document.
    """

    passed: set[str] = field(factory=set[str])
    held: dict[str, HeldRefusal] = field(factory=dict[str, HeldRefusal])
    _in_a_row: dict[str, list[HeldRefusal]] = field(factory=dict[str, list[HeldRefusal]])

    def passes(self, *operations: str) -> None:
        """Note that operations work."""
        for operation in operations:
            self.passed.add(operation)
            self._in_a_row.pop(operation, None)

    def holds(self, refusal: HeldRefusal, *, suspect: bool) -> bool:
        """Note a held refusal, and return True where the run must end.

        Args:
            refusal: What was refused.
            suspect: Whether the document was held or in doubt before.
        """
        operation = refusal.operation
        self.held[refusal.delivery.document_id] = refusal
        if operation == MAPPER or (suspect and operation in self.passed):
            return False
        row = self._in_a_row.setdefault(operation, [])
        row.append(refusal)
        enough = HELD_AFTER_SUCCESS if operation in self.passed else HELD_BEFORE_SUCCESS
        return len(row) >= enough

    def charged(self) -> list[HeldRefusal]:
        """The held refusals that are their documents' fault: the operation worked for others."""
        return [
            refusal
            for refusal in self.held.values()
            if refusal.operation in self.passed and refusal.chargeable
        ]

    def unexplained(self) -> list[HeldRefusal]:
        """The held refusals by a service of operations that worked for no document of this run."""
        return [
            refusal
            for refusal in self.held.values()
            if refusal.operation not in self.passed and refusal.error and refusal.chargeable
        ]


def naming(error: ServiceError, refusals: list[HeldRefusal]) -> ServiceError:
    """Return the error with the documents it was met with in its message."""
    named_by = {refusal.delivery.document_id: refusal.delivery.label for refusal in refusals}
    if not named_by:
        return error
    names = [f"{key}: {label}" if label else key for key, label in named_by.items()]
    shown = "; ".join(names[:NAMED])
    if len(names) > NAMED:
        shown = Text("and_more_names", "{0} and {1} more", shown, len(names) - NAMED)
    named = error.copy()
    named.message = Text("with_documents", "{0} (document {1})", error.message, shown)
    named.args = (named.message,)
    return named


def list_unfinished(folder: str) -> Text:
    """The message for a list of documents that ended before its end."""
    return Text(
        "list_unfinished", "Banqup's list of {0} did not end where it said it would", folder
    )


def too_many_unrecorded(most: int) -> ConfigurationError:
    """The error of a first run after a change of the contract that would send too much at once."""
    return ConfigurationError(
        Text(
            "unrecorded_documents",
            "the contract of Banqup's client has changed, and now more than {0} documents are "
            "listed that activation did not record and that tell no time of creation",
            most,
        ),
        service="bridge",
        hint=Text(
            "hint_unrecorded",
            "They may be old. Nothing was sent. To leave them where they are, call deactivate() "
            "and activate(); to have their age decide, name their time of creation in the contract "
            "(createdAt); resend() sends single ones.",
        ),
    )


def no_files_at_all() -> ConfigurationError:
    """The error of a space whose documents never had a file to fetch."""
    return ConfigurationError(
        Text(
            "no_files",
            "for a day no document of this space has shown a file, or an address to fetch one from",
        ),
        service="banqup",
        hint=Text(
            "hint_no_files",
            "The names in Banqup's answers may differ from what this library assumes: see the "
            "contract= argument of BanqupClient, and verify(deep=True).",
        ),
    )
