"""What passes between the coordinator of a run and its workers."""

from __future__ import annotations

import hashlib
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal

from attrs import field, frozen

from _client_kit._clock import Deadline
from _client_kit._errors import ServiceError
from _client_kit._redaction import redact, sanitise
from banqup_client import Document
from bridge._delivery.delivery import Delivery, Event
from bridge._delivery.eligibility import Skip
from bridge._mapping.mapper import AsyncMapper, SourceFile
from zenvoices_client import InboxUpload

__all__ = [
    "Candidate",
    "Outcome",
    "RunOptions",
    "call_mapper",
    "files_digest",
    "nonsense",
    "raised",
    "sent_details",
]


LONGEST_ERROR = 300


@frozen
class Candidate:
    """A document that can be sent now, with the record of its delivery.

    Attributes:
        document: The document.
        delivery: The record as it is now.
        stored: The record as the store has it; None when it has none.
    """

    document: Document = field(repr=False)
    delivery: Delivery
    stored: Delivery | None


@frozen(kw_only=True)
class RunOptions:
    """What a caller of export_new() asked for, and what its connection was built with."""

    dry_run: bool = False
    limit: int | None = None
    deadline: Deadline = field(factory=Deadline)
    look_first: bool = False
    in_flight: int = 4
    on_uncertain: Literal["hold", "resend"] = "hold"


@frozen
class Outcome:
    """What a worker's job led to.

    Attributes:
        candidate: The document.
        event: What happened to its delivery.
        error: The failure, where the run must judge whether more than this document is concerned.
        sent: What the upload held, for the report.
    """

    candidate: Candidate
    event: Event
    error: ServiceError | None = None
    sent: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)


def files_digest(document: Document) -> str:
    """A short text that differs when the set of a document's files and sizes does."""
    parts = sorted(f"{file.id}:{file.file_size}" for file in document.files)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def call_mapper(mapper: AsyncMapper, document: Document, files: Sequence[SourceFile]) -> object:
    """What a mapper says, and a look at the files where looking blocks nobody else."""
    try:
        said = mapper(document, files)
    except StopIteration as error:
        # It means something else to whoever waits for a worker.
        message = f"StopIteration: {error}"
        raise RuntimeError(message) from error
    if not isinstance(said, Skip):
        for file in files:
            file.look()
    return said


def raised(error: Exception) -> str:
    """What a mapper's error was, for reports and the checkpoint.

    Of one that a look-up failed with, the text is what was looked up: data, and not shown.
    """
    said = "" if isinstance(error, LookupError) else f": {redact(sanitise(error))}"
    place = extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"the mapper raised {type(error).__name__} at {where}{said}"[:LONGEST_ERROR]


def nonsense(said: object) -> str:
    """Why what a mapper returned is of no use."""
    if isinstance(said, Coroutine):
        said.close()
        return "the mapper is a coroutine function, which only AsyncConnection takes"
    return f"the mapper returned {type(said).__name__}, not InboxUpload or Skip"


def sent_details(upload: InboxUpload, files: Sequence[SourceFile]) -> dict[str, Any]:
    """What a report's line says of an upload."""
    first = upload.attachments[0]
    sent = [file for file in files if file.is_sent_by(upload)]
    others = tuple(file.name for file in files if not file.is_sent_by(upload))
    return {
        "subject": upload.subject,
        "sender_name": upload.sender_name,
        "file_name": first.file_name,
        "size": sum(item.size for item in upload.attachments),
        "other_files": others,
        "warning": next((file.warning for file in sent if file.warning), ""),
    }
