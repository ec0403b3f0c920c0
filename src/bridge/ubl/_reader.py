"""Collect the fields of a UBL invoice by their paths."""

from binascii import a2b_base64
from collections.abc import Callable

from attrs import frozen

from bridge.ubl._expat import WRAPPER, StopReadingError, stop

ROOTS = ("Invoice", "CreditNote")

# Longer texts are cut. Without this, one field could fill the memory.
_TEXT_LIMIT = 1000
_ATTACHMENT_LIMIT = 1000
_TAX_TOTAL_LIMIT = 20

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
# The names that paths contain. Without this set, long names on many levels would fill the memory.
_NAMES = {name for path in (*_FIELDS, _EMBEDDED) for name in path.split("/")}

# The bytes to ignore. In the accepted encodings, characters outside ASCII contain no base64 byte.
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)


@frozen
class UblAttachment:
    """A file embedded in the document.

    Attributes:
        index: The position among the embedded files, from 0; an argument of `extract`.
        file_name: The sender's name for the file. It is untrusted: never use it as a path.
        content_type: The sender's media type.
        size: The number of bytes that `extract` writes.
    """

    index: int
    file_name: str | None
    content_type: str | None
    size: int


class Base64:
    """Counts the bytes that base64 text decodes to, and writes them if `write` is given.

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
    """Collects the fields of one document as text, and writes the attachment `index`.

    Attributes:
        root: The name of the root element.
        values: The first value of each field.
        taxes: Currency and amount of each tax total.
        attachments: The embedded files.
    """

    def __init__(self, index: int | None = None, write: Callable[[bytes], object] | None = None):
        self.root: str | None = None
        self.values: dict[str, str] = {}
        self.taxes: list[tuple[str | None, str]] = []
        self.attachments: list[UblAttachment] = []
        self._index = index
        self._write = write
        # One entry per open element: its path below the root, with an empty name for an element
        # that no field has in its path; None outside of the root.
        self._open: list[str | None] = []
        self._attributes: dict[str, str] = {}
        self._text: str | None = None
        self._file: Base64 | None = None
        self._file_path = ""

    @property
    def take_base64(self) -> Callable[[bytes], object] | None:
        """The function that counts or writes the open embedded file; None if no file is open."""
        return None if self._file is None else self._file.feed

    def start(self, name: str | None, attributes: dict[str, str]) -> None:
        """Enter an element; ignore elements inside an embedded file, which no schema allows."""
        path: str | None = None
        if self.root is None:
            path = self._begin(name)
        elif self._open[-1] is not None:
            path = f"{self._open[-1]}/{name if name in _NAMES else ''}"
        if self._file is None and path is not None:
            if path.endswith(_EMBEDDED):
                self._start_file(path, attributes)
            elif path in _FIELDS:
                self._attributes = attributes
                self._text = ""
        self._open.append(path)

    def text(self, data: str) -> None:
        """Add text to the open embedded file or field."""
        if self._file is not None:
            self._file.feed(data.encode("ascii", "replace"))
        elif self._text is not None and self._open[-1] in _FIELDS:
            self._text = (self._text + data)[:_TEXT_LIMIT]

    def end(self) -> None:
        """Leave the open element and store its value."""
        path = self._open.pop()
        if self._file is not None:
            if path == self._file_path:
                self._end_file(self._file)
        elif path in _TAX_SCHEMES:
            self._end_tax_scheme(_TAX_SCHEMES[path])
        elif path in _FIELDS:
            value = " ".join((self._text or "").split())
            self._text = None
            if value:
                self._keep(_FIELDS[path], value)

    def _begin(self, name: str | None) -> str | None:
        """Return the path of an element before the root: ``""`` for the root itself, else None.

        The root may be in a standard business document. For another kind of document, raise
        StopReadingError.
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
            currency = self._attributes.get("currencyID", "")[:_TEXT_LIMIT] or None
            if len(self.taxes) < _TAX_TOTAL_LIMIT:
                self.taxes.append((currency, value))
            return
        scheme = self._attributes.get("schemeID", "").upper()
        if key.endswith(".registered_id") and scheme not in _REGISTERS:
            return
        # Keep the first value of an element that is repeated.
        self.values.setdefault(key, value)

    def _end_tax_scheme(self, side: str) -> None:
        """Store the number as VAT number, unless its scheme is another tax."""
        number = self.values.pop(f"{side}.tax_id", None)
        scheme = self.values.pop(f"{side}.tax_scheme", "VAT")
        if number is not None and scheme.upper() == "VAT":
            self.values.setdefault(f"{side}.vat_number", number)

    def _start_file(self, path: str, attributes: dict[str, str]) -> None:
        if len(self.attachments) >= _ATTACHMENT_LIMIT:
            raise stop("too big", f"more than {_ATTACHMENT_LIMIT:,} embedded files")
        self._attributes = attributes
        self._file = Base64(self._write if len(self.attachments) == self._index else None)
        self._file_path = path

    def _end_file(self, file: Base64) -> None:
        file.close()
        self._file = None
        name, media_type = (
            " ".join(self._attributes.get(key, "")[:_TEXT_LIMIT].split()) or None
            for key in ("filename", "mimeCode")
        )
        index = len(self.attachments)
        self.attachments.append(UblAttachment(index, name, media_type, file.size))
        if index == self._index:
            raise StopReadingError
