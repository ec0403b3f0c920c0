"""Decide whether a failure concerns one document or the whole run, at once or at the run's end.

Which error an answer gives is decided before that, by ``failure()`` in each client's
``_dialect.py``. For example, a 500 to an upload is a refusal, and the document's fault, if it has
the service's own error body. Without this body the upload may have arrived, and
``bridge/_async/_transfer.py`` looks it up. The document is sent again only after look-ups that did
not find it: see ``delivery.py``.

The rules read the type, code, status and operation of an error, never the text of its message.
docs/reliability.md explains them.
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
from _client_kit._operations import USER_CODE
from _client_kit._text import Text, joined
from banqup_client import FileRefusedError
from bridge._delivery.delivery import Delivery
from bridge._errors import setting_error

LOOK_UP = "inbox.details"
DOCUMENT = "documents.get"
DETAILS = "files.details"
DOWNLOAD = "files.download"
MAPPER = "mapper"
FUNCTION = "operations="
USERS_CODE = (MAPPER, FUNCTION)
"""Operations that run the user's own code. Their failures say nothing about a service, so they
never end the run."""
UPLOAD = "inbox.upload"

_TOKEN = ("login", "token.get")
NO_LIST = (ConfigurationError, NotFoundError, ProtocolError, RejectedError)
"""Errors that a call for a list raises if the service has no such list."""
HELD_BEFORE_SUCCESS = 3
HELD_AFTER_SUCCESS = 10
NAMED = 10


class Blame(Enum):
    """Who is to blame when a call made for one document fails."""

    RUN = "run"
    """Every other document would fail as well, so the run ends."""
    DOCUMENT = "document"
    """This document: the failure counts as one of its attempts."""
    OPEN = "open"
    """Not known yet; the end of the run decides: see :class:`FaultTracker`."""


def blame_of(error: ServiceError) -> Blame:
    """Return who is to blame for an error.

    Do not call this for an upload that may have arrived: see `in_doubt`.
    """
    if isinstance(error, ProtocolError) and error.code == "wrong_size":
        return Blame.DOCUMENT
    if error.operation in _TOKEN or isinstance(error, StoreError):
        return Blame.RUN
    if isinstance(error, UnreachableError):
        # Files come from another host than the API, so other calls may succeed.
        return Blame.OPEN if error.operation == DOWNLOAD else Blame.RUN
    if isinstance(error, (RejectedError, NotFoundError, ConfigurationError)):
        # Without a status, this library itself refused the document. A refusal with the service's
        # own error body proves that the call exists and is permitted.
        certain = error.status is None or error.own or is_final(error)
        return Blame.DOCUMENT if certain else Blame.OPEN
    return Blame.OPEN


def operation_of(error: Exception, during: str = "") -> str:
    """Return the name of the operation that failed, or an empty text.

    It is `FUNCTION` for a function of ``operations=``. Otherwise it is `during`, or if that is
    empty, the operation that the error names.
    """
    if not isinstance(error, ServiceError):
        return during
    if error.code == USER_CODE and error.operation != MAPPER:
        return FUNCTION
    return during or error.operation or ""


def reason_of(error: Exception | None) -> str:
    """Return why a call failed, as text for people."""
    if isinstance(error, ServiceError):
        return error.message
    return Text("broke", "an unexpected {0} ended it", type(error).__name__)


def is_final(error: ServiceError) -> bool:
    """Return True if no further attempt can succeed: the file is too large or infected."""
    too_large = isinstance(error, RejectedError) and error.code == "too_large"
    return too_large or isinstance(error, FileRefusedError)


def in_doubt(error: Exception, *, began: bool) -> bool:
    """Return True if a failed upload may have arrived.

    Args:
        error: The exception of the upload.
        began: Whether any bytes may have been sent; decides if the error is no `ServiceError`.
    """
    if isinstance(error, ServiceError):
        return isinstance(error, (OutcomeUnknownError, ProtocolError))
    return began


def asks_again(error: ServiceError) -> bool:
    """Return True if, after this error, a read-only call must test whether all calls fail."""
    if error.operation == DOWNLOAD:
        return False  # no other call can test a signed URL, which is for one file
    refused = error.status in (401, 403, 429)
    return refused or (error.service == "zenvoices" and isinstance(error, NotFoundError))


@frozen
class HeldRefusal:
    """A failed call for a document; the end of the run decides if it counts as an attempt.

    Attributes:
        operation: The name of the failed operation, such as ``files.details``; or `MAPPER` or
            `FUNCTION`.
        delivery: The document's delivery.
        error: The error, of the service or of the user's code.
    """

    operation: str
    delivery: Delivery
    error: ServiceError

    @property
    def chargeable(self) -> bool:
        """Whether the failure can count: the document was to be sent, and not only read again."""
        return not self.delivery.waits_for_rule


@define
class FaultTracker:
    """Collect the `HeldRefusal`s of a run; decide if they end it, and which count as attempts.

    Attributes:
        passed: Operations that succeeded in this run, or that a service refused with its own error
            body.
        held: The latest `HeldRefusal` of each document, by document id.
    """

    passed: set[str] = field(factory=set[str])
    held: dict[str, HeldRefusal] = field(factory=dict[str, HeldRefusal])
    _in_a_row: dict[str, list[HeldRefusal]] = field(factory=dict[str, list[HeldRefusal]])

    def passes(self, *operations: str) -> None:
        """Record that operations worked; their refusals in a row are counted from zero again."""
        for operation in operations:
            self.passed.add(operation)
            self._in_a_row.pop(operation, None)

    def holds(self, refusal: HeldRefusal, *, suspect: bool) -> bool:
        """Record a refusal, and return True if the run must end.

        Three refusals of an operation in a row end the run; ten, if it worked before in this run.
        Failures of the user's code never end the run.

        Args:
            refusal: The refusal.
            suspect: Whether the document was a suspect before (see `Delivery.suspect`). Its refusal
                then does not end a run in which the operation worked.
        """
        operation = refusal.operation
        self.held[refusal.delivery.document_id] = refusal
        if operation in USERS_CODE or (suspect and operation in self.passed):
            return False
        row = self._in_a_row.setdefault(operation, [])
        row.append(refusal)
        enough = HELD_AFTER_SUCCESS if operation in self.passed else HELD_BEFORE_SUCCESS
        return len(row) >= enough

    def charged(self) -> list[HeldRefusal]:
        """Return the `chargeable` refusals whose operation worked in this run: they count now."""
        return [
            refusal
            for refusal in self.held.values()
            if refusal.operation in self.passed and refusal.chargeable
        ]

    def unexplained(self) -> ServiceError | None:
        """Return the error of a service's operation that never worked in this run, or None.

        Only `chargeable` refusals are considered.
        """
        for refusal in self.held.values():
            explained = refusal.operation in self.passed or refusal.operation in USERS_CODE
            if refusal.chargeable and not explained:
                return self.error(refusal)
        return None

    def error(self, refusal: HeldRefusal) -> ServiceError:
        """Return a copy of the refusal's error that names up to ten documents.

        These are the documents in `held` for which the same operation failed.
        """
        names = [
            joined(": ", one.delivery.document_id, one.delivery.label)
            for one in self.held.values()
            if one.operation == refusal.operation
        ]
        shown = joined("; ", *names[:NAMED])
        if len(names) > NAMED:
            shown = Text("and_more_names", "{0} and {1} more", shown, len(names) - NAMED)
        named = refusal.error.copy()
        named.message = Text("with_documents", "{0} (document {1})", named.message, shown)
        named.args = (named.message,)
        return named


def list_unfinished(folder: str) -> Text:
    """Return the message for a list whose end was not reached, or came too early."""
    return Text(
        "list_unfinished", "Banqup's list of {0} did not end where it said it would", folder
    )


def too_many_unrecorded(most: int) -> ConfigurationError:
    """Return the error for a changed contract that makes many old documents look new."""
    return setting_error(
        "unrecorded_documents",
        "the contract of Banqup's client has changed, and now more than {0} documents are listed "
        "that activation did not record and that tell no time of creation",
        most,
        hint="They may be old. Nothing was sent. To leave them where they are, call deactivate() "
        "and activate(), or run banqup-zenvoices deactivate and activate; to have their age "
        "decide, name their time of creation in the contract (createdAt); resend() sends single "
        "ones.",
    )


def no_files_at_all() -> ConfigurationError:
    """Return the error for a space whose documents have shown no file to download for a day."""
    return setting_error(
        "no_files",
        "for a day no document of this space has shown a file, or an address to fetch one from",
        hint="The names in Banqup's answers may differ from what this library assumes: see the "
        "contract= argument of BanqupClient, and verify(deep=True), or banqup-zenvoices verify "
        "--deep.",
    )
