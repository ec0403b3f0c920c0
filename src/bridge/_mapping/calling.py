"""Call a user's mapper or rule, and describe what it raised or returned, and what it sends."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from _client_kit._redaction import redact, sanitise
from _client_kit._signals import raised_by_signal_handler
from _client_kit._user_code import place_of
from banqup_client import Document
from bridge._delivery.eligibility import BrokenRule, Exportable, Skip, Verdict, Wait
from bridge._mapping.mapper import AsyncMapper, SourceFile, one_line
from zenvoices_client import InboxUpload

__all__ = [
    "call_mapper",
    "describe_exception",
    "describe_result",
    "judge",
    "sent_details",
]

LONGEST_REASON = 300


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


def judge(rule: Exportable, document: Document) -> Verdict:
    """Return what the rule says of a document; one that raises makes its document wait."""
    try:
        said: object = rule(document)
    except Exception as error:
        if raised_by_signal_handler(error):
            raise
        reason = describe_exception(error, "exportable=")
        return BrokenRule(reason, client_action=False, error=error)
    if said is True:
        return None
    if said is False:
        return Wait(f"not exportable yet (status {document.status.document})")
    if isinstance(said, (Wait, Skip)):
        return said
    if isinstance(said, Coroutine):
        said.close()
    what = type(said).__name__
    reason = f"exportable= returned {what} instead of bool, Wait or Skip"
    return BrokenRule(reason, client_action=False)


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
