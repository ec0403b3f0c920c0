"""Values that the coordinator of a run and its workers exchange."""

from __future__ import annotations

import hashlib

from attrs import field, frozen

from _client_kit._text import Text, joined
from banqup_client import Document
from bridge._delivery.delivery import Delivery
from bridge._delivery.transitions import Event

LONGEST_PART = 80


@frozen
class Candidate:
    """A document that can be sent now, with its delivery.

    Attributes:
        document: The document as Banqup showed it in this run.
        delivery: Its delivery, with the changes of this run that are not stored yet.
        stored: Its delivery in the store; None if the store has none.
    """

    document: Document = field(repr=False)
    delivery: Delivery
    stored: Delivery | None


@frozen
class Outcome:
    """The result of a worker's job.

    Attributes:
        candidate: The document, with its delivery as it was before the job.
        event: What happened to the delivery; None if the coordinator has to judge ``error``.
        error: The exception of the job, if any.
        operation: The name of the operation that failed, such as ``files.details``; `MAPPER` or
            `FUNCTION` of :mod:`bridge._delivery.faults`; or empty.
        passed: The operations that worked for this document.
    """

    candidate: Candidate
    event: Event | None = None
    error: Exception | None = None
    operation: str = ""
    passed: frozenset[str] = frozenset()


def label_of(document: Document, subject: str | None = None) -> str:
    """Return a name for a document: supplier or customer, number or file name, date.

    Args:
        document: The document as Banqup shows it.
        subject: The subject of its upload, in which the default mapper puts the invoice number.
            Without a subject, the name of the first file is shown.
    """
    party = document.customer if document.folder == "SALES" else document.supplier
    name = party.trade_name or party.legal_name
    number = subject or (document.files[0].filename if document.files else None)
    parts = (" ".join((text or "")[:LONGEST_PART].split()) for text in (name, number))
    created = document.created_at
    day = None if created is None else Text("date", "{0}", created.date().isoformat())
    return joined(", ", *parts, day)


def files_digest(document: Document) -> str:
    """Return a digest of the ids and sizes of a document's files."""
    parts = sorted(f"{file.id}:{file.file_size}" for file in document.files)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
