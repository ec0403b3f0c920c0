"""Call a user's mapper or ``exportable=`` rule, and describe the result or the exception."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text, joined
from _client_kit._user_code import described, place_of
from banqup_client import Document
from bridge._delivery.eligibility import BrokenRule, Exportable, Skip, Verdict, Wait
from bridge._mapping.mapper import AsyncMapper, SourceFile, one_line
from zenvoices_client import InboxUpload

_CODES = {"the mapper": "mapper", "exportable=": "rule"}


def call_mapper(mapper: AsyncMapper, document: Document, files: Sequence[SourceFile]) -> object:
    """Call the mapper, read the files as UBL for the report, and return the mapper's result.

    The files are read here because this function runs in a worker's thread, where reading may
    block. After a `Skip` the files are not read.

    Raises:
        Exception: The mapper's exception, with its traceback. A RuntimeError replaces
            StopIteration.
    """
    try:
        result = mapper(document, files)
    except StopIteration as error:
        # A future cannot store StopIteration, so the run would wait forever.
        if raised_by_signal_handler(error):
            raise
        message = f"StopIteration: {error}"
        raise RuntimeError(message).with_traceback(error.__traceback__) from error
    if not isinstance(result, Skip):
        for file in files:
            with suppress(OSError):  # the error comes again when the report reads the file
                # Without this, an event loop that makes the report would wait for the disk.
                _ = file.warning
    return result


def judge(rule: Exportable, document: Document) -> Verdict:
    """Call the rule with a document, and return its verdict; None means export.

    False becomes a `Wait`. If the rule raises or returns a value of a wrong type, the verdict is a
    `BrokenRule`.
    """
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
        seen = (document.folder, document.category, document.status.document)
        reason = Text(
            "not_exportable",
            "your exportable= says no to folder {0}, category {1}, status.document {2}",
            *map(repr, seen),
        )
        return Wait(reason)
    if isinstance(said, (Wait, Skip)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return said
    reason = Text(
        "rule_returned",
        "return True or False from exportable=, or Wait(...) or Skip(...): it returned {0}",
        type(said).__name__,
    )
    return BrokenRule(reason, client_action=False)


def describe_exception(error: Exception, function: str = "the mapper") -> str:
    """Return one line for reports and the checkpoint: class, place and text of the exception.

    The text of a LookupError is left out: it may be customer data.
    """
    kind, place = type(error).__name__, place_of(error)
    template = f"{function} raised {{0}} at {{1}}"
    return described(Text(f"{_CODES[function]}_raised", template, kind, place), error)


def describe_result(result: object) -> str:
    """Return one line that says which types a mapper may return, and which type it returned.

    The line does not show the returned value, which may be customer data.
    """
    return Text(
        "mapper_returned",
        "return an InboxUpload or Skip(...) from the mapper: it returned {0}",
        type(result).__name__,
    )


def sent_details(upload: InboxUpload, files: Sequence[SourceFile]) -> dict[str, Any]:
    """Return the details of an upload for its row in the report."""
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
