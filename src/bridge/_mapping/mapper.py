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
from bridge._reports.texts import language, say, translate
from bridge.ubl import NotReadable, UblInvoice, peek
from zenvoices_client import Attachment, InboxUpload

LONGEST_TEXT = 250

# A broken XML file that contains one of these near its beginning is treated as UBL.
_UBL_NAMESPACES = (
    b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    b"urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
)
_NAMESPACE_WITHIN = 64 * 1024
# Bytes to skip before the content: white space, and all bytes above 0x7F. Byte order marks consist
# of such bytes, even if a mark was encoded twice.
_BEFORE_CONTENT = b" \t\r\n" + bytes(range(0x80, 0x100))


# With slots, attrs adds a __getattr__ without a module, on which help(bridge) fails in Python 3.13.
@frozen(slots=False)
class SourceFile:
    """One downloaded file of a document.

    Attributes:
        id: The file's id in Banqup.
        name: The file's name in Banqup, or else its id.
        content_type: The media type in Banqup; if missing or malformed, application/octet-stream.
        size: Length in bytes.
    """

    id: str
    name: str
    content_type: str
    size: int
    _file: BinaryIO = field(repr=False)

    def open(self) -> BinaryIO:
        """Return a new reader that starts at the first byte of the file.

        One thread may use any number of readers at a time, and need not close them. The file is
        deleted when the run is done with the document; its readers can then no longer be used.
        """
        return cast("BinaryIO", FileView(self._file))

    def attachment(self, file_name: str | None = None) -> Attachment:
        """Return the file unchanged, as an attachment of an upload.

        Args:
            file_name: The name to send; by default the file's own.
        """
        self._file.seek(0)
        return Attachment(file_name or self.name, FileSource.of(self._file), self.content_type)

    @property
    def is_pdf(self) -> bool:
        """Whether the file is a PDF, by name and media type.

        If these name both PDF and XML, or neither, the first bytes decide if they can.
        """
        return "pdf" in self._formats

    @property
    def is_xml(self) -> bool:
        """Whether the file is XML, by name and media type.

        If these name both PDF and XML, or neither, the first bytes decide if they can.
        """
        return "xml" in self._formats

    @property
    def is_ubl(self) -> bool:
        """Whether the file is a UBL invoice or credit note, readable or not.

        Unreadable XML counts as UBL if its first 64 KiB contain the namespace of UBL invoices or
        credit notes.
        """
        if not self.is_unreadable:
            return self.ubl is not None
        # In UTF-16 and UTF-32, the namespace is its ASCII bytes with NUL bytes between them.
        head = self.open().read(_NAMESPACE_WITHIN).replace(b"\0", b"")
        return any(namespace in head for namespace in _UBL_NAMESPACES)

    @property
    def is_unreadable(self) -> bool:
        """Whether the file is XML that could not be parsed: malformed, or too big, for example.

        False for other files, and for XML that can be parsed and is no UBL invoice or credit note.
        """
        return isinstance(self._found, NotReadable) and self._found.reason != "not UBL"

    @property
    def ubl(self) -> UblInvoice | None:
        """The header of the UBL invoice or credit note, read once; None if it is not readable."""
        return self._found if isinstance(self._found, UblInvoice) else None

    @property
    def warning(self) -> str:
        """Why an XML file cannot be read as UBL; empty if it can, or if the file is not XML."""
        found = self._found
        if not isinstance(found, NotReadable):
            return ""
        code = f"ubl_{found.reason.lower().replace(' ', '_')}"
        return Text(code, "not readable as UBL: {0}", found.detail)

    def is_sent_by(self, upload: InboxUpload) -> bool:
        """Return True if the upload contains this file unchanged."""
        contents = (item.content.shared_file for item in upload.attachments)
        return any(
            (content.file if isinstance(content, FileView) else content) is self._file
            for content in contents
        )

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
"""A function that returns the upload of a document, or a `Skip` with the reason not to send it. It
is called in several worker threads at once, so it must be thread-safe. If it raises, or returns
something else, later runs try that document again; other documents are not affected. After five
attempts, the document is given up if other documents were delivered meanwhile."""

AsyncMapper: TypeAlias = Callable[
    [Document, Sequence[SourceFile]], InboxUpload | Skip | Awaitable[InboxUpload | Skip]
]
"""A mapper for :class:`AsyncConnection`; unlike a `Mapper`, it may be a coroutine function."""


def main_file(files: Sequence[SourceFile]) -> SourceFile:
    """Return the file that represents the document.

    It is the first that exists of: readable UBL, unreadable UBL, PDF, other XML, other file.
    Empty files are left out, unless all files are empty.
    """
    return min([file for file in files if file.size > 0] or files, key=_rank)


def _rank(file: SourceFile) -> int:
    if file.ubl is not None:
        return 0
    if file.is_ubl:
        return 1
    if file.is_pdf:
        return 2
    return 3 if file.is_xml else 4


def one_line(text: str) -> str:
    """Return untrusted text as one printable line of at most 250 characters, for a subject.

    Square brackets become round ones. In a subject, a journal code such as ``[INK]`` chooses the
    journal in Zenvoices; the sender of an invoice must not be able to do that.
    """
    text = " ".join(text[: 2 * LONGEST_TEXT].split()).translate(_BRACKETS)
    return "".join(char for char in text if char.isprintable())[:LONGEST_TEXT]


_BRACKETS = str.maketrans("[]", "()")


def default_mapper(document: Document, files: Sequence[SourceFile]) -> InboxUpload | Skip:
    """Return an upload of one unchanged file: the UBL, else the PDF, else another.

    Zenvoices' documentation recommends one UBL with its PDF embedded: of two files, Zenvoices can
    make two documents. The subject is the kind of document, in the language of
    :func:`set_language`, and the number in the UBL, else the file's name. The sender name is the
    supplier's name in Banqup, else in the UBL. So assignment rules in Zenvoices find the same texts
    each time. An unreadable UBL is sent too, with a warning in the report. This function is
    thread-safe.
    """
    file = main_file(files)
    ubl = file.ubl
    credit = document.is_credit_note or (ubl is not None and ubl.kind == "credit note")
    sender = document.supplier.name or (ubl.supplier.name if ubl else None)
    kind = translate(say("credit note" if credit else "invoice"), language())
    # A document in Banqup has no invoice number.
    number = one_line((ubl.number if ubl else None) or file.name)
    return InboxUpload(
        attachments=(file.attachment(),),
        subject=f"{kind} {number}"[:LONGEST_TEXT],
        sender_name=one_line(sender) if sender else None,
    )
