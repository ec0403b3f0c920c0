"""Call a user's mapper, and describe what it raised or returned and what its upload sends."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from attrs import field, frozen

from _client_kit._redaction import redact, sanitise
from _client_kit._user_code import place_of
from banqup_client import Document
from bridge._delivery.eligibility import Skip
from bridge._mapping.mapper import AsyncMapper, SourceFile, one_line
from zenvoices_client import InboxUpload

__all__ = [
    "UserCodeFailure",
    "call_mapper",
    "describe_exception",
    "describe_result",
    "place_of",
    "sent_details",
]

LONGEST_REASON = 300


@frozen
class UserCodeFailure:
    """A user's own function that raised, or returned a value of no use.

    Attributes:
        reason: One line for reports, log lines and the checkpoint.
        error: What the function raised, with its traceback; None where it returned.
        place: Where in the user's code it was raised, to log the traceback once for each place.
    """

    reason: str
    error: Exception | None = field(default=None, repr=False, eq=False)
    place: str = ""

    @classmethod
    def raised(cls, error: Exception, function: str = "the mapper") -> UserCodeFailure:
        """Return the failure of a function that raised `error`."""
        return cls(describe_exception(error, function), error, place_of(error))

    @classmethod
    def returned(cls, result: object) -> UserCodeFailure:
        """Return the failure of a mapper that returned neither an upload nor a skip."""
        reason = describe_result(result)
        return cls(reason, place=reason)


def call_mapper(mapper: AsyncMapper, document: Document, files: Sequence[SourceFile]) -> object:
    """Return what the mapper returns, after reading the files in this worker.

    Raises:
        Exception: What the mapper raises, with its traceback.
    """
    try:
        result = mapper(document, files)
    except StopIteration as error:
        # A future cannot hold it: without this, the run would wait for the worker for ever.
        message = f"StopIteration: {error}"
        raise RuntimeError(message) from error
    if not isinstance(result, Skip):
        for file in files:
            with suppress(OSError):  # raised again where the report reads the file
                file.look()
    return result


def describe_exception(error: Exception, function: str = "the mapper") -> str:
    """Return one line for reports and the checkpoint: class, place and text of the exception.

    The text of a `LookupError` is the key that was not found, which may be a bank account, so it is
    left out.
    """
    text = "" if isinstance(error, LookupError) else f": {redact(sanitise(error))}"
    return f"{function} raised {type(error).__name__} at {place_of(error)}{text}"[:LONGEST_REASON]


def describe_result(result: object) -> str:
    """Return one line that says why this result of a mapper is neither an upload nor a skip."""
    if isinstance(result, Coroutine):
        result.close()
        return "the mapper is a coroutine function, which only AsyncConnection takes"
    return f"the mapper returned {type(result).__name__}, not InboxUpload or Skip"


def sent_details(upload: InboxUpload, files: Sequence[SourceFile]) -> dict[str, Any]:
    """Return what a report's line says of an upload."""
    sent = [file for file in files if file.is_sent_by(upload)]
    others = [file for file in files if not file.is_sent_by(upload)]
    warnings = [file.warning for file in sent if file.warning]
    warnings += [
        f"{one_line(file.name)} is not sent and {file.warning}"
        for file in others
        if file.is_unreadable
    ]
    return {
        "subject": upload.subject,
        "sender_name": upload.sender_name,
        "file_name": upload.attachments[0].file_name,
        "size": sum(item.size for item in upload.attachments),
        "other_files": tuple(file.name for file in others),
        "warning": "; ".join(warnings),
    }
