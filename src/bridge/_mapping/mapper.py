"""The files of a document, and the default mapper that makes an inbox upload of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import BinaryIO, TypeAlias, cast

from attrs import field, frozen

from _client_kit._files import FileSource, FileView
from _client_kit._text import Text
from banqup_client import Document
from bridge._delivery.eligibility import Skip
from bridge.ubl import NotReadable, UblInvoice, peek
from zenvoices_client import Attachment, InboxUpload

__all__ = [
    "AsyncMapper",
    "Mapper",
    "SourceFile",
    "default_mapper",
    "document_number",
    "main_file",
    "one_line",
]

LONGEST_TEXT = 250

# An XML file that holds one of these near its beginning is meant as UBL, also where it is broken.
_UBL_NAMESPACES = (
    b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    b"urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
)
_NAMESPACE_WITHIN = 64 * 1024
# Blank space and byte order marks, in whatever encoding a program wrote the marks again.
_BEFORE_CONTENT = b" \t\r\n" + bytes(range(0x80, 0x100))


@frozen
class SourceFile:
    """One downloaded file of a document, to be read as a stream.

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
        """Open the file at its first byte.

        Any number of readers may be open in one thread. They need not be closed, and they cannot be
        read any more once the document has been sent.
        """
        return cast("BinaryIO", FileView(self._file))

    def attachment(self, file_name: str | None = None) -> Attachment:
        """Return the file unchanged, as an attachment of an upload.

        Args:
            file_name: Another name for it.
        """
        self._file.seek(0)
        return Attachment(file_name or self.name, FileSource.of(self._file), self.content_type)

    @property
    def is_pdf(self) -> bool:
        """Whether it is a PDF, by name and media type; where they do not tell, by its bytes."""
        return "pdf" in self._formats

    @property
    def is_xml(self) -> bool:
        """Whether it is XML, by name and media type; where they do not tell, by its bytes."""
        return "xml" in self._formats

    @property
    def is_ubl(self) -> bool:
        """Whether it is a UBL invoice or credit note, also where it is too broken to be read.

        A file that cannot be read counts when its first 64 kilobytes hold the namespace of either.
        """
        if not self.is_unreadable:
            return self.ubl is not None
        # UTF-16 and UTF-32 write these letters as ASCII with NUL bytes between them.
        head = self.open().read(_NAMESPACE_WITHIN).replace(b"\0", b"")
        return any(namespace in head for namespace in _UBL_NAMESPACES)

    @property
    def is_unreadable(self) -> bool:
        """Whether it is an XML file that cannot be read; False for XML that is no UBL invoice."""
        return isinstance(self._found, NotReadable) and self._found.reason != "not UBL"

    @property
    def ubl(self) -> UblInvoice | None:
        """The UBL invoice or credit note, read once; None when it cannot be read as one."""
        return self._found if isinstance(self._found, UblInvoice) else None

    @property
    def warning(self) -> str:
        """Why an XML file cannot be read as UBL; empty when it can, and for any other file."""
        found = self._found
        if not isinstance(found, NotReadable):
            return ""
        code = f"ubl_{found.reason.lower().replace(' ', '_')}"
        return Text(code, "not readable as UBL: {0}", found.detail)

    def is_sent_by(self, upload: InboxUpload) -> bool:
        """Whether the upload holds this file unchanged."""
        contents = (item.content.shared_file for item in upload.attachments)
        return any(
            (content.file if isinstance(content, FileView) else content) is self._file
            for content in contents
        )

    def look(self) -> None:
        """Read the file now, so that `ubl`, `warning` and `is_unreadable` need not.

        Without this, an event loop that makes a report of them would wait for the disk.
        """
        _ = self._found

    @cached_property
    def _formats(self) -> tuple[str, ...]:
        media = self.content_type.partition(";")[0].strip().lower()
        name = self.name.strip().lower()
        pdf = media == "application/pdf" or name.endswith(".pdf")
        xml = media.endswith(("/xml", "+xml")) or name.endswith(".xml")
        if pdf != xml:
            return ("pdf",) if pdf else ("xml",)
        head = self.open().read(1024).replace(b"\0", b"").lstrip(_BEFORE_CONTENT)
        if head.startswith(b"%PDF"):
            return ("pdf",)
        if head.startswith(b"<") and not head.lower().startswith((b"<html", b"<!doctype html")):
            return ("xml",)
        return ("pdf", "xml") if pdf else ()

    @cached_property
    def _found(self) -> UblInvoice | NotReadable | None:
        return peek(self.open()) if self.is_xml else None


Mapper: TypeAlias = Callable[[Document, Sequence[SourceFile]], InboxUpload | Skip]
"""Makes the upload of a document, or says why to skip it. It is called in several worker threads at
once, so it must be thread-safe. If it raises, or returns something else, only that document is
concerned, which is tried again in later runs."""

AsyncMapper: TypeAlias = Callable[
    [Document, Sequence[SourceFile]], InboxUpload | Skip | Awaitable[InboxUpload | Skip]
]
"""A mapper for the asynchronous connection, which may also be a coroutine function."""


def main_file(files: Sequence[SourceFile]) -> SourceFile:
    """Return the file that is the document.

    It is the first UBL that can be read; else the first UBL that cannot; else the first PDF; else
    the first XML file of another kind; else the first file that is not empty.

    Raises:
        ValueError: There is no file at all.
    """
    if not files:
        message = "the document has no file"
        raise ValueError(message)
    present = [file for file in files if file.size > 0]
    for is_wanted in _ORDER:
        for file in present:
            if is_wanted(file):
                return file
    return (present or files)[0]


_ORDER: tuple[Callable[[SourceFile], bool], ...] = (
    lambda file: file.ubl is not None,
    lambda file: file.is_ubl,
    lambda file: file.is_pdf,
    lambda file: file.is_xml,
)


def one_line(text: str) -> str:
    """Return a stranger's text as one printable line for a subject.

    Square brackets become round ones: a journal code such as ``[INK]`` in a subject chooses the
    journal in Zenvoices, which the sender of an invoice must not be able to do.
    """
    text = " ".join(text[: 2 * LONGEST_TEXT].split()).translate(_BRACKETS)
    return "".join(char for char in text if char.isprintable())[:LONGEST_TEXT]


_BRACKETS = str.maketrans("[]", "()")


def document_number(file: SourceFile) -> str:
    """Return the number in the UBL, else the file's name; Banqup's documents have no number."""
    return one_line((file.ubl.number if file.ubl else None) or file.name)


def default_mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
    """Send one file unchanged: the UBL with the PDF it embeds, or the PDF where there is no UBL.

    Zenvoices reads best from one UBL with its PDF inside, and would make two documents of two
    files (published). Subject and sender name come from the document, then from the UBL, so that
    assignment rules in Zenvoices find the same words each time. A UBL that cannot be read is sent
    too, and the report says so. Thread-safe.
    """
    file = main_file(files)
    ubl = file.ubl
    credit = document.is_credit_note or (ubl is not None and ubl.kind == "credit note")
    sender = document.supplier.name or (ubl.supplier.name if ubl else None)
    subject = f"{'Credit note' if credit else 'Invoice'} {document_number(file)}"
    return InboxUpload(
        attachments=(file.attachment(),),
        subject=subject[:LONGEST_TEXT],
        sender_name=one_line(sender) if sender else None,
    )
