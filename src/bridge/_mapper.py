"""From a document and its files to an inbox upload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import BinaryIO

from attrs import field, frozen

from banqup_client import Document
from bridge._eligibility import Skip
from bridge.ubl import UblInvoice, peek, root_name
from zenvoices_client import Attachment, InboxUpload

__all__ = ["AsyncMapper", "Mapper", "SourceFile", "default_mapper"]

_UBL_ROOTS = ("Invoice", "CreditNote")


@frozen
class SourceFile:
    """One file of a document, downloaded and waiting to be read; never bytes in memory.

    Attributes:
        id: Its id in Banqup.
        name: Its name there.
        content_type: Its media type as Banqup says.
        size: Length in bytes.
    """

    id: str
    name: str
    content_type: str
    size: int
    _file: BinaryIO = field(repr=False)

    def open(self) -> BinaryIO:
        """The file at its first byte. It is closed for you; one reader at a time."""
        self._file.seek(0)
        return self._file

    def attachment(self, file_name: str | None = None) -> Attachment:
        """The file unchanged, as an attachment of an upload."""
        return Attachment(file_name or self.name, self.open(), self.content_type)

    @property
    def is_pdf(self) -> bool:
        """Whether name or media type says PDF."""
        return self.content_type == "application/pdf" or self.name.lower().endswith(".pdf")

    @property
    def is_xml(self) -> bool:
        """Whether name or media type says XML."""
        xml = self.content_type.endswith(("/xml", "+xml"))
        return xml or self.name.lower().endswith(".xml")


Mapper = Callable[[Document, Sequence[SourceFile]], "InboxUpload | Skip"]
"""Makes the upload of a document, or says why to skip it. Called from worker threads, several at a
time: it must be thread-safe."""

AsyncMapper = Callable[
    [Document, Sequence[SourceFile]], "InboxUpload | Skip | Awaitable[InboxUpload | Skip]"
]
"""A mapper for the asynchronous connection, which may also be a coroutine function."""


def main_file(files: Sequence[SourceFile]) -> SourceFile | None:
    """The file that is the document: the UBL, else the PDF, else the first that is not empty."""
    present = [file for file in files if file.size > 0]
    for file in present:
        if file.is_xml and root_name(file.open()) in _UBL_ROOTS:
            return file
    for file in present:
        if file.is_pdf:
            return file
    return present[0] if present else None


def default_mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
    """The UBL unchanged, with the PDF it embeds; without UBL the PDF; bytes are never changed.

    Zenvoices reads best from one UBL with its PDF inside, and would make two documents of two
    files (published). Subject and sender name come from the document, then from the UBL, so that
    assignment rules in Zenvoices find the same words each time. Thread-safe.
    """
    file = main_file(files) or files[0]
    found = peek(file.open()) if file.is_xml else None
    ubl = found if isinstance(found, UblInvoice) else None
    credit = document.is_credit_note or (ubl is not None and ubl.kind == "credit note")
    number = (ubl.number if ubl else None) or file.name
    sender = document.supplier.name or (ubl.supplier.name if ubl else None)
    return InboxUpload(
        attachments=(file.attachment(),),
        subject=f"{'Credit note' if credit else 'Invoice'} {number}"[:250],
        sender_name=sender[:250] if sender else None,
    )
