"""Collect the fields of a UBL invoice by their paths."""

import re
from binascii import a2b_base64
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, TypeAlias

from attrs import frozen

Reason: TypeAlias = Literal["empty", "not XML", "encoding", "DOCTYPE", "too big", "not UBL"]
"""Why bytes could not be read as an invoice. XML that is nested too deep counts as too big."""

MAX_DEPTH = 200
"""The limit of nesting; a real invoice has less than 20 levels."""

WRAPPER = "StandardBusinessDocument"
_WRAPPER_SPACE = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
_UBL_SPACE = re.compile(r"urn:oasis:names:(specification|tc):ubl:", re.IGNORECASE)
# Expat refuses a namespace that contains this separator, so it is a character that XML 1.0 forbids.
# With a blank, expat would refuse invoices that declare a namespace such as "urn:a b.xsd".
SEPARATOR = "\f"

ROOTS = ("Invoice", "CreditNote")

# The most characters of a field (longer texts are cut), and the most embedded files. Without these
# limits, one document could fill the memory.
_TEXT_LIMIT = 1000
_ATTACHMENT_LIMIT = 1000

# Identifier schemes of the business registers of Belgium, France (two) and the Netherlands. Without
# this list, an e-mail address or a GLN would be read as an enterprise number.
_REGISTERS = frozenset(
    ["0208", "0002", "0009", "0106", "BE:EN", "BE:CBE", "FR:SIRENE", "FR:SIRET", "NL:KVK"]
)

_DOCUMENT = {
    "/ID": "number",
    "/IssueDate": "issue_date",
    "/DueDate": "due_date",
    # Credit notes have no DueDate, and UBL 2.0 invoices may use these elements instead.
    "/PaymentMeans/PaymentDueDate": "due_date_of_payment",
    "/PaymentTerms/PaymentDueDate": "due_date_of_payment",
    "/PaymentMeans/PaymentID": "payment_reference",
    "/InvoiceTypeCode": "type_code",
    "/CreditNoteTypeCode": "type_code",
    "/DocumentCurrencyCode": "currency",
    "/CustomizationID": "customization",
    "/ProfileID": "profile",
    "/LegalMonetaryTotal/LineExtensionAmount": "line_extension",
    "/LegalMonetaryTotal/TaxExclusiveAmount": "tax_exclusive",
    "/LegalMonetaryTotal/TaxInclusiveAmount": "tax_inclusive",
    "/LegalMonetaryTotal/PayableAmount": "payable",
}
_PARTY = {
    "/PartyLegalEntity/RegistrationName": "legal_name",
    "/PartyName/Name": "name",
    "/PartyLegalEntity/CompanyID": "company_id",
    "/EndpointID": "registered_id",
    "/PartyIdentification/ID": "registered_id",
    "/PartyTaxScheme/CompanyID": "tax_id",
    "/PartyTaxScheme/TaxScheme/ID": "tax_scheme",
}
_SIDES = {
    "/AccountingSupplierParty/Party": "supplier",
    "/AccountingCustomerParty/Party": "customer",
}
_FIELDS = _DOCUMENT | {
    place + path: f"{side}.{key}" for place, side in _SIDES.items() for path, key in _PARTY.items()
}
_FIELDS["/TaxTotal/TaxAmount"] = "tax"
_TAX_SCHEMES = {f"{place}/PartyTaxScheme": side for place, side in _SIDES.items()}
_EMBEDDED = "/Attachment/EmbeddedDocumentBinaryObject"
# Paths contain only these names. Otherwise, long names on many levels would fill the memory.
_NAMES = {name for path in (*_FIELDS, _EMBEDDED) for name in path.split("/")}

# The bytes to ignore in base64 text, such as the "?" that replaces a character outside ASCII.
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)


@frozen
class NotReadable:
    """The bytes cannot be read as a UBL invoice or credit note.

    It is a return value and not an exception, because an unreadable file must not stop an export.

    Attributes:
        reason: One of the fixed values of ``Reason``, for programs.
        detail: The reason as text for people, with line and column if known.
    """

    reason: Reason
    detail: str

    def __str__(self) -> str:
        """Return the detail."""
        return self.detail


class StopReadingError(Exception):
    """Raised by a handler of expat to stop `parse`; it never leaves this package.

    Attributes:
        outcome: Why the document is not readable; None if no more of it has to be read.
    """

    def __init__(self, outcome: NotReadable | None = None) -> None:
        super().__init__()
        self.outcome = outcome


def stop(reason: Reason, detail: str) -> StopReadingError:
    """Return the exception that stops `parse` with the reason why a document is not readable."""
    return StopReadingError(NotReadable(reason, detail))


@frozen
class UblAttachment:
    """A file embedded in the document.

    Attributes:
        index: The position among the embedded files, from 0; an argument of `extract`.
        file_name: The sender's name for the file. It is untrusted: never use it as a path.
        content_type: The sender's media type for the file, untrusted too.
        size: The number of bytes that `extract` writes.
    """

    index: int
    file_name: str | None
    content_type: str | None
    size: int


class Base64:
    """A decoder that counts the bytes in base64 text, and passes them to `write` if given.

    The text comes in pieces; at most three characters are kept between two pieces.
    """

    def __init__(self, write: Callable[[bytes], object] | None) -> None:
        self._write = write
        self._letters = 0
        self._rest = b""
        self._ended = False

    @property
    def size(self) -> int:
        """The number of whole bytes that the base64 text so far decodes to."""
        return self._letters * 3 // 4

    def feed(self, data: bytes) -> None:
        """Add a piece of text; ignore bytes that are not base64, and all text after padding."""
        if self._ended:
            return
        letters = data.translate(None, _NOT_BASE64)
        letters, padding, _ = letters.partition(b"=")
        self._ended = bool(padding)
        self._letters += len(letters)
        if self._write is not None:
            letters = self._rest + letters
            whole = len(letters) // 4 * 4
            self._rest = letters[whole:]
            if whole:
                self._write(a2b_base64(letters[:whole]))

    def close(self) -> None:
        """Write the bytes of an incomplete last group of four characters."""
        if self._write is not None and len(self._rest) > 1:
            self._write(a2b_base64(self._rest + b"=="))


class Reader:
    """Handlers for expat that collect a document's fields, and write the attachment `index`.

    Reading stops after that attachment. If `index` is None, no attachment is written, and the whole
    document is read.

    Attributes:
        root: The name of the invoice's root element; None until it is found.
        values: The first value of each field.
        attachments: The embedded files that were read so far.
        file: The decoder of the embedded file that is being read, if any.
    """

    def __init__(self, index: int | None = None, write: Callable[[bytes], object] | None = None):
        self.root: str | None = None
        self.values: dict[str, str] = {}
        self.attachments: list[UblAttachment] = []
        self._index = index
        self._write = write
        # The path of each open element below the root; None for an element around the root. In a
        # path, a name that is not in `_NAMES` is left empty.
        self._open: list[str | None] = []
        self._attributes: dict[str, str] = {}
        self._text: str | None = None
        self.file: Base64 | None = None
        self._file_path = ""

    def start(self, full_name: str, attributes: dict[str, str]) -> None:
        """Enter an element; ignore elements inside an embedded file, which no schema allows."""
        if len(self._open) == MAX_DEPTH:
            raise stop("too big", f"nested deeper than {MAX_DEPTH} elements")
        name = _local_name(full_name)
        path: str | None = None
        if self.root is None:
            path = self._begin(name)
        elif self._open[-1] is not None:
            path = f"{self._open[-1]}/{name if name in _NAMES else ''}"
        if self.file is None and path is not None:
            if path.endswith(_EMBEDDED):
                self._start_file(path, attributes)
            elif path in _FIELDS:
                self._attributes = attributes
                self._text = ""
        self._open.append(path)

    def text(self, data: str) -> None:
        """Add text to the open embedded file or field."""
        if self.file is not None:
            self.file.feed(data.encode("ascii", "replace"))
        elif self._text is not None and self._open[-1] in _FIELDS:
            self._text = (self._text + data)[:_TEXT_LIMIT]

    def end(self, _name: str) -> None:
        """Leave the open element and store its value."""
        path = self._open.pop()
        if self.file is not None:
            if path == self._file_path:
                self._end_file(self.file)
        elif path in _TAX_SCHEMES:
            self._end_tax_scheme(_TAX_SCHEMES[path])
        elif path in _FIELDS:
            value = " ".join((self._text or "").split())
            self._text = None
            if value:
                self._keep(_FIELDS[path], value)

    def _begin(self, name: str | None) -> str | None:
        """Return ``""`` for the invoice's root; None for the wrapper around it and its header.

        Raise StopReadingError if the outermost element is neither a root nor a `WRAPPER`.
        """
        if name in ROOTS and len(self._open) < 2:
            self.root = name
            return ""
        if not self._open and name != WRAPPER:
            shown = f"root element is {name[:60]!r}" if name else "root element is not of UBL"
            raise stop("not UBL", f"not an invoice or credit note: the {shown}")
        return None

    def _keep(self, key: str, value: str) -> None:
        if key == "tax":
            # A document may have a second tax total in another currency, to be skipped. A total
            # without a currency counts as in the document's; so does each total if the document's
            # currency is not known yet.
            currency = self._attributes.get("currencyID", "")[:_TEXT_LIMIT]
            if currency not in ("", self.values.get("currency", currency)):
                return
            self.values.setdefault("tax_currency", currency)
        scheme = self._attributes.get("schemeID", "").upper()
        if key.endswith(".registered_id") and scheme not in _REGISTERS:
            return
        # Keep the first value of an element that is repeated.
        self.values.setdefault(key, value)

    def _end_tax_scheme(self, side: str) -> None:
        """Store a party's tax number as its VAT number, unless the number is for another tax."""
        number = self.values.pop(f"{side}.tax_id", None)
        scheme = self.values.pop(f"{side}.tax_scheme", "VAT")
        if number is not None and scheme.upper() == "VAT":
            self.values.setdefault(f"{side}.vat_number", number)

    def _start_file(self, path: str, attributes: dict[str, str]) -> None:
        if len(self.attachments) >= _ATTACHMENT_LIMIT:
            raise stop("too big", f"more than {_ATTACHMENT_LIMIT:,} embedded files")
        self._attributes = attributes
        self.file = Base64(self._write if len(self.attachments) == self._index else None)
        self._file_path = path

    def _end_file(self, file: Base64) -> None:
        file.close()
        self.file = None
        name, media_type = (
            " ".join(self._attributes.get(key, "")[:_TEXT_LIMIT].split()) or None
            for key in ("filename", "mimeCode")
        )
        index = len(self.attachments)
        self.attachments.append(UblAttachment(index, name, media_type, file.size))
        if index == self._index:
            raise StopReadingError


@lru_cache(maxsize=256)
def _local_name(name: str) -> str | None:
    """Return the local part of an element's name from expat; None in a foreign namespace.

    UBL's namespaces and that of the wrapper around an invoice (`WRAPPER`) are not foreign. An
    element without a namespace counts as UBL, because some senders forget the namespace.
    """
    space, _, local = name.rpartition(SEPARATOR)
    if not space or _UBL_SPACE.match(space):
        return local
    return local if local == WRAPPER and space == _WRAPPER_SPACE else None
