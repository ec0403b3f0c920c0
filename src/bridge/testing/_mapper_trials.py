"""Try a mapper on sample documents or files, without sending anything."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from attrs import evolve

from _client_kit._text import Text
from banqup_client import Document, DocumentFile, DocumentMetadata, DocumentStatus, Party
from bridge._delivery.eligibility import Skip
from bridge._delivery.outcome import label_of
from bridge._mapping.calling import (
    call_mapper,
    describe_exception,
    describe_result,
    sent_details,
)
from bridge._mapping.mapper import AsyncMapper, Mapper, SourceFile, default_mapper
from bridge._reports.delivery_rows import Deliveries, DeliveryRow
from bridge.testing._samples.sample import Sample, sample
from zenvoices_client import InboxUpload

__all__ = [
    "TrialDocument",
    "sample_documents",
    "trial_document",
    "try_async_mapper",
    "try_mapper",
]

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
    document_id: str = "00000000-0000-4000-8000-000000000000",
) -> TrialDocument:
    """Make a document from files, as arguments for a mapper.

    Args:
        contents: The files: paths, or pairs of name and bytes.
        folder: ``PURCHASES`` or ``SALES``.
        category: The category in Banqup, such as ``INVOICE`` or ``CREDIT_NOTE``.
        supplier: The supplier's name in Banqup.
        customer: The customer's name in Banqup.
        document_id: The document's id.
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
        id=document_id,
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


def try_mapper(
    mapper: Mapper = default_mapper, documents: Iterable[TrialDocument] | None = None
) -> Deliveries:
    """Call a mapper with sample documents; nothing is sent. Example: ``print(try_mapper(mine))``.

    The state of a document that would be sent is ``waiting``. To look at an upload itself, call
    your mapper: ``mine(*trial_document("invoice.xml"))``.

    Args:
        mapper: The mapper to try.
        documents: Documents from :func:`trial_document`; by default those of
            :func:`sample_documents`.
    """
    return Deliveries(
        _row(document, files, _call(mapper, document, files))
        for document, files in (sample_documents() if documents is None else documents)
    )


async def try_async_mapper(
    mapper: AsyncMapper = default_mapper, documents: Iterable[TrialDocument] | None = None
) -> Deliveries:
    """Do the same as :func:`try_mapper` for a mapper that may be a coroutine function."""
    rows: list[DeliveryRow] = []
    for document, files in sample_documents() if documents is None else documents:
        result = _call(mapper, document, files)
        if inspect.isawaitable(result):
            try:
                result = await result
            except Exception as error:  # noqa: BLE001 - the mapper may raise anything
                result = error
        rows.append(_row(document, files, result))
    return Deliveries(rows)


def _call(mapper: AsyncMapper, document: Document, files: Sequence[SourceFile]) -> object:
    """Return what the mapper returns, or the exception that it raises."""
    try:
        return call_mapper(mapper, document, files)
    except Exception as error:  # noqa: BLE001 - the mapper may raise anything
        return error


def _row(document: Document, files: Sequence[SourceFile], result: object) -> DeliveryRow:
    row = DeliveryRow(document.id, "failed", folder=document.folder, label=label_of(document))
    if isinstance(result, Exception):
        return evolve(row, reason=describe_exception(result))
    if isinstance(result, Skip):
        return evolve(row, state="skipped", reason=result.reason)
    if not isinstance(result, InboxUpload):
        return evolve(row, reason=describe_result(result))
    reason = Text("would_be_sent", "would be sent")
    label = label_of(document, result.subject)
    row = evolve(row, state="waiting", reason=reason, label=label)
    return evolve(row, **sent_details(result, files))
