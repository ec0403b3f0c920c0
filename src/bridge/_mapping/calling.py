"""Call a user's mapper, and describe what it raised or returned and what its upload sends."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from attrs import field, frozen

from _client_kit._redaction import redact, sanitise
from _client_kit._text import Text, joined
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
_CODES = {"the mapper": "mapper", "exportable=": "rule"}
_NOT_THE_USERS = sys.stdlib_module_names | {
    "_client_kit",
    "_contract_check",
    "banqup_client",
    "bridge",
    "zenvoices_client",
}


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
    kind, place = type(error).__name__, place_of(error)
    template = f"{function} raised {{0}} at {{1}}"
    raised = Text(f"{_CODES[function]}_raised", template, kind, place)
    words = "" if isinstance(error, LookupError) else redact(sanitise(error))[:LONGEST_REASON]
    return joined(": ", raised, words and Text("said", "{0}", words))


def describe_result(result: object) -> str:
    """Return one line that says why this result of a mapper is neither an upload nor a skip."""
    if isinstance(result, Coroutine):
        result.close()
        return Text(
            "mapper_coroutine",
            "the mapper is a coroutine function, which only AsyncConnection takes",
        )
    what = type(result).__name__
    return Text("mapper_returned", "the mapper returned {0}, not InboxUpload or Skip", what)


def place_of(error: BaseException) -> str:
    """Return module, function and line of the innermost frame that is the user's own.

    Frames of this library and of Python's are passed over: a mapper's mistake may be raised in
    `decimal`. If all frames are theirs, the innermost one counts.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in frames]
    of_user = [n for n, name in enumerate(modules) if name.split(".")[0] not in _NOT_THE_USERS]
    if not frames:
        return ""
    at = of_user[-1] if of_user else -1
    frame, line = frames[at]
    return Text("place", "{0}, line {1}", f"{modules[at]}.{frame.f_code.co_name}", str(line))


def sent_details(upload: InboxUpload, files: Sequence[SourceFile]) -> dict[str, Any]:
    """Return what a report's line says of an upload."""
    sent = [file for file in files if file.is_sent_by(upload)]
    others = [file for file in files if not file.is_sent_by(upload)]
    warnings = [file.warning for file in sent if file.warning]
    warnings += [
        Text("left_unreadable", "{0} is not sent and {1}", one_line(file.name), file.warning)
        for file in others
        if file.is_unreadable
    ]
    return {
        "subject": upload.subject,
        "sender_name": upload.sender_name,
        "file_name": upload.attachments[0].file_name,
        "size": sum(item.size for item in upload.attachments),
        "other_files": tuple(file.name for file in others),
        "warning": joined("; ", *warnings),
    }
