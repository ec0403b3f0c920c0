"""What passes between the coordinator of a run and its workers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from _client_kit._errors import ServiceError
from banqup_client import Document
from bridge._life import Delivery, Event
from bridge._mapper import SourceFile
from zenvoices_client import InboxUpload

__all__ = ["Candidate", "Outcome", "files_digest", "sent_details"]


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


def sent_details(upload: InboxUpload, files: Sequence[SourceFile]) -> dict[str, Any]:
    """What a report's line says of an upload."""
    first = upload.attachments[0]
    sent = {id(item.content.shared_file) for item in upload.attachments}
    return {
        "subject": upload.subject,
        "sender_name": upload.sender_name,
        "file_name": first.file_name,
        "size": sum(item.size for item in upload.attachments),
        "other_files": tuple(file.name for file in files if id(file.open()) not in sent),
    }
