"""Try a mapper on sample documents or files, without sending anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import evolve, frozen

from _client_kit._text import joined
from banqup_client import Document, DocumentFile, DocumentMetadata, DocumentStatus, Party
from bridge._delivery.arguments import check_mapper
from bridge._delivery.eligibility import Skip
from bridge._delivery.outcome import label_of
from bridge._mapping.calling import (
    call_mapper,
    describe_exception,
    describe_result,
    sent_details,
)
from bridge._mapping.mapper import Mapper, SourceFile, default_mapper
from bridge._reports.render import Cell, Line, Printable, Table, View
from bridge._reports.texts import say
from bridge.testing._samples.sample import Sample, sample
from zenvoices_client import InboxUpload

TrialDocument: TypeAlias = tuple[Document, tuple[SourceFile, ...]]
"""The two arguments of a mapper: a document and its files."""

_KINDS = {".xml": "application/xml", ".pdf": "application/pdf"}
_HOSTILE = "<Aux> [INK]\u202e \x1b[31m& Frères \U0001f37a, " + "very " * 60 + "long"


def trial_document(
    *contents: str | PathLike[str] | tuple[str, bytes],
    folder: str = "PURCHASES",
    category: str | None = "INVOICE",
    supplier: str | None = None,
    customer: str | None = None,
) -> TrialDocument:
    """Make a document from files, as arguments for a mapper.

    Args:
        contents: The files: paths, or pairs of name and bytes.
        folder: ``PURCHASES`` or ``SALES``.
        category: The category in Banqup, such as ``INVOICE`` or ``CREDIT_NOTE``.
        supplier: The supplier's name in Banqup.
        customer: The customer's name in Banqup.
    """
    files: list[SourceFile] = []
    for place, content in enumerate(contents):
        if isinstance(content, tuple):
            name, data = content
        else:
            name, data = Path(content).name, Path(content).read_bytes()
        kind = _KINDS.get(Path(name).suffix.lower(), "application/octet-stream")
        files.append(SourceFile(f"file-{place}", name, kind, len(data), BytesIO(data)))
    document = Document(
        id="00000000-0000-4000-8000-000000000000",
        folder=folder,
        category=category,
        status=DocumentStatus(document="VALIDATED" if folder == "SALES" else "FULLY_APPROVED"),
        metadata=DocumentMetadata(
            supplier=Party(legal_name=supplier) if supplier else None,
            customer=Party(legal_name=customer) if customer else None,
        ),
        updated_at=datetime(2026, 1, 5, tzinfo=UTC),
        files=tuple(
            DocumentFile(
                id=file.id, filename=file.name, content_type=file.content_type, file_size=file.size
            )
            for file in files
        ),
    )
    return document, tuple(files)


def sample_documents() -> tuple[TrialDocument, ...]:
    """Return sample documents of every kind that a mapper has to handle.

    They are a purchase, a credit note, a sale, a PDF without UBL, a UBL with a separate PDF, a
    malformed XML file, and a document with hostile names.
    """
    scanned, bare, broken = sample(5), sample(3, attach_pdf=False), sample(4).content
    documents = (
        _of(sample(0)),
        _of(sample(1, kind="credit note"), category="CREDIT_NOTE"),
        _of(sample(2, sale=True), folder="SALES"),
        trial_document(("scan.pdf", scanned.pdf), supplier=scanned.supplier.name),
        trial_document(
            ("invoice.pdf", bare.pdf), (bare.filename, bare.content), supplier=bare.supplier.name
        ),
        trial_document(("broken.xml", broken[: len(broken) // 2])),
        trial_document(
            (f"../{_HOSTILE}.xml", sample(6).content),
            category=None,
            supplier=_HOSTILE,
            customer=_HOSTILE,
        ),
    )
    return tuple(
        (evolve(document, id=f"00000000-0000-4000-8000-{place:012d}"), files)
        for place, (document, files) in enumerate(documents, 1)
    )


def _of(invoice: Sample, **details: Any) -> TrialDocument:
    return trial_document(
        (invoice.filename, invoice.content),
        supplier=invoice.supplier.name,
        customer=invoice.customer.name,
        **details,
    )


@frozen
class Trial:
    """The result of a mapper for one document.

    Attributes:
        document: The document that the mapper was called with.
        outcome: Whether the document would be sent or skipped, or whether the mapper failed.
        upload: The mapper's result, if the document would be sent.
        reason: Why the document would not be sent; empty if it would.
        error: The exception that the mapper raised, if any.
        other_files: Names of the document's files that would not be sent.
        warning: Problems of the document's files, such as an unreadable UBL.
    """

    document: Document
    outcome: Literal["sent", "skipped", "failed"]
    upload: InboxUpload | None = None
    reason: str = ""
    error: Exception | None = None
    other_files: tuple[str, ...] = ()
    warning: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return a flat dict, for example as a row of a ``pandas.DataFrame``."""
        upload = self.upload
        return {
            "document_id": self.document.id,
            "folder": self.document.folder,
            "outcome": self.outcome,
            "subject": upload and upload.subject,
            "sender_name": upload and upload.sender_name,
            "destination": upload and upload.destination,
            "files": ", ".join(item.file_name for item in upload.attachments) if upload else "",
            "other_files": ", ".join(self.other_files),
            "reason": self.reason,
            "warning": self.warning,
        }


class Trials(tuple[Trial, ...], Printable):
    """The results of a mapper for several documents: a tuple that prints as a table.

    It is false in an ``if`` when the mapper failed for at least one document.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return self.ok

    _repr_pretty_ = Printable._repr_pretty_  # otherwise IPython prints it as a plain tuple

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per document, for ``pandas.DataFrame``."""
        return [trial.to_dict() for trial in self]

    @property
    def ok(self) -> bool:
        """Whether the mapper returned an upload or a `Skip` for every document."""
        return all(trial.outcome != "failed" for trial in self)

    def raise_for_failure(self) -> None:
        """Raise the first exception of the mapper, if it failed.

        Raises:
            Exception: The mapper's own exception, or TypeError if its result has a wrong type.
        """
        for trial in self:
            if trial.outcome == "failed":
                raise trial.error or TypeError(trial.reason)

    def _view(self) -> View:
        lines: list[Line] = []
        for trial in self:
            row = trial.to_dict()
            other = say("not sent", row["other_files"]) if trial.other_files else ""
            shown = (row["subject"], row["sender_name"], row["destination"], row["files"])
            outcome = "FAILED" if trial.outcome == "failed" else trial.outcome
            status = Cell(say(outcome))
            note = joined("; ", trial.reason, trial.warning, other)
            document = "" if trial.outcome == "sent" else label_of(trial.document)
            cells = (document, *shown)
            lines.append((status, Cell(note, alone=True), *(Cell(text or "") for text in cells)))
        headings = ("status", "reason", "document", "subject", "sender", "destination", "files")
        sent = sum(trial.outcome == "sent" for trial in self)
        table = Table("", tuple(map(say, headings)), tuple(lines))
        return View(say("trials", sent, len(self)), tables=(table,))


def try_mapper(
    mapper: Mapper = default_mapper, documents: Iterable[TrialDocument] | None = None
) -> Trials:
    """Call a mapper with sample documents; nothing is sent. Example: ``print(try_mapper(mine))``.

    To try a coroutine function, pass a function that runs it with ``asyncio.run()``.

    Args:
        mapper: The mapper to try.
        documents: Documents from :func:`trial_document`; by default those of
            :func:`sample_documents`.

    Raises:
        ConfigurationError: The mapper is a coroutine function, or cannot be called with a document
            and its files.
    """
    check_mapper(mapper, in_tasks=False)
    return Trials(
        _trial(mapper, document, files)
        for document, files in (sample_documents() if documents is None else documents)
    )


def _trial(mapper: Mapper, document: Document, files: Sequence[SourceFile]) -> Trial:
    try:
        result = call_mapper(mapper, document, files)
    except Exception as error:  # noqa: BLE001 - the mapper may raise anything
        return Trial(document, "failed", reason=describe_exception(error), error=error)
    if isinstance(result, Skip):
        return Trial(document, "skipped", reason=result.reason)
    if not isinstance(result, InboxUpload):
        return Trial(document, "failed", reason=describe_result(result))
    sent = sent_details(result, files)
    return Trial(document, "sent", result, other_files=sent["other_files"], warning=sent["warning"])
