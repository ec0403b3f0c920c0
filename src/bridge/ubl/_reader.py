"""Where an invoice says what: the paths that are read, and the collector that follows them."""

from binascii import a2b_base64
from collections.abc import Callable

from attrs import frozen

from bridge.ubl._expat import WRAPPER, NotReadable, StopReadingError

ROOTS = ("Invoice", "CreditNote")

# No name, number or reference is longer; what is longer is cut, not kept.
_TEXT_LIMIT = 1000
_ATTACHMENT_LIMIT = 1000
_TAX_TOTAL_LIMIT = 20

# Registers of enterprises among the identifier schemes: Belgium, France (twice), the Netherlands.
_REGISTERS = frozenset(
    ["0208", "0002", "0009", "0106", "BE:EN", "BE:CBE", "FR:SIRENE", "FR:SIRET", "NL:KVK"]
)

_DOCUMENT = {
    "/ID": "number",
    "/IssueDate": "issue_date",
    "/DueDate": "due_date",
    # A credit note has no due date of its own, and UBL 2.0 invoices may use this one as well.
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
_TAX_SCHEMES = {f"{place}/PartyTaxScheme": side for place, side in _SIDES.items()}
_TAX_AMOUNT = "/TaxTotal/TaxAmount"
_PAYABLE = "/LegalMonetaryTotal/PayableAmount"
_PATHS = frozenset(
    whole[: -len(rest) or None]
    for whole in (*_FIELDS, _TAX_AMOUNT)
    for rest in ("", *(whole[n:] for n in range(1, len(whole)) if whole[n] == "/"))
)
_EMBEDDED = "EmbeddedDocumentBinaryObject"

# All that is no letter of base64; no character outside ASCII has one in its bytes.
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)


@frozen
class Finished:
    """All that was read, as text."""

    root: str
    values: dict[str, str]
    taxes: tuple[tuple[str | None, str], ...]
    amount_currency: str | None
    attachments: tuple[tuple[str | None, str | None, int], ...]


class Base64:
    """Counts, and on request decodes, base64 in pieces; holds three characters at most."""

    def __init__(self, write: Callable[[bytes], object] | None) -> None:
        self._write = write
        self._letters = 0
        self._rest = b""
        self._ended = False

    @property
    def size(self) -> int:
        """The number of bytes so far; a single letter left over stands for none."""
        return self._letters * 3 // 4

    def feed(self, data: bytes) -> None:
        """Take a piece; what is not base64 in it is passed over."""
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
        """Write what an unfinished group of four stands for."""
        if self._write is not None and len(self._rest) > 1:
            self._write(a2b_base64(self._rest + b"=="))


class RootReader:
    """Learns the name of the root, and leaves."""

    raw = None

    def __init__(self) -> None:
        self.root: str | None = None
        self._names: list[str | None] = []

    def start(self, name: str | None, attributes: dict[str, str]) -> None:
        """Look at the root, or in a wrapper at what is not its header."""
        del attributes
        if not self._names and name != WRAPPER:
            self.root = name
            raise StopReadingError
        if self._names == [WRAPPER] and name is not None and not name.startswith(WRAPPER):
            self.root = name
            raise StopReadingError
        self._names.append(name)

    def text(self, data: str) -> None:
        """Text says nothing here."""

    def end(self) -> None:
        """Step out."""
        self._names.pop()


class Reader:
    """Collects the fields of one document, and writes out the attachment `index`."""

    def __init__(self, index: int | None = None, write: Callable[[bytes], object] | None = None):
        self._index = index
        self._write = write
        self._root: str | None = None
        # One entry per open element: its path below the root while that is of interest, else None.
        self._open: list[str | None] = []
        self._names: list[str | None] = []
        self._values: dict[str, str] = {}
        self._taxes: list[tuple[str | None, str]] = []
        self._amount_currency: str | None = None
        self._attachments: list[tuple[str | None, str | None, int]] = []
        self._attributes: dict[str, str] = {}
        self._text: list[str] = []
        self._room = 0
        self._file: Base64 | None = None
        self._file_depth = 0
        self._inside = False

    @property
    def raw(self) -> Callable[[bytes], object] | None:
        """Takes what an embedded file holds, which is counted or written and never parsed."""
        if self._file is None or len(self._open) > self._file_depth + 1:
            return None
        return self._file.feed

    def finish(self) -> Finished | NotReadable:
        """Return what was read; the whole document has passed, or the wanted attachment."""
        if self._root is None:
            return NotReadable("not UBL", f"a {WRAPPER} without an invoice or credit note in it")
        return Finished(
            self._root,
            self._values,
            tuple(self._taxes),
            self._amount_currency,
            tuple(self._attachments),
        )

    def start(self, name: str | None, attributes: dict[str, str]) -> None:
        """An element begins."""
        parent = self._open[-1] if self._open else None
        path: str | None = None
        if self._root is None:
            path = self._begin(name)
        elif parent is not None and name is not None:
            path = f"{parent}/{name}"
            if path not in _PATHS:
                path = None
        if self._file is not None:
            pass  # an element inside an embedded file: no schema allows it, and it says nothing
        elif name == _EMBEDDED and self._inside and self._names[-1] == "Attachment":
            self._start_file(attributes)
        elif path in _FIELDS or path == _TAX_AMOUNT:
            self._attributes = attributes
            self._text.clear()
            self._room = _TEXT_LIMIT
        self._open.append(path)
        self._names.append(name)

    def text(self, data: str) -> None:
        """Some text of the element that is open."""
        if self._file is not None:
            self._file.feed(data.encode("ascii", "replace"))
        elif self._room:
            path = self._open[-1]
            if path in _FIELDS or path == _TAX_AMOUNT:
                self._text.append(data[: self._room])
                self._room -= len(self._text[-1])

    def end(self) -> None:
        """The element that is open ends."""
        path = self._open.pop()
        self._names.pop()
        if self._file is not None:
            if len(self._open) == self._file_depth:
                self._end_file(self._file)
        elif path in _TAX_SCHEMES:
            self._end_tax_scheme(_TAX_SCHEMES[path])
        elif path in _FIELDS or path == _TAX_AMOUNT:
            value = " ".join("".join(self._text).split())
            self._text.clear()
            self._room = 0
            if value:
                self._keep(path, value)
        elif path == "":
            self._inside = False

    def _begin(self, name: str | None) -> str | None:
        """Find the root, in a wrapper too; anything else is a document that is not read."""
        if name in ROOTS and self._names in ([], [WRAPPER]):
            self._root = name
            self._inside = True
            return ""
        if not self._names and name != WRAPPER:
            shown = f"root element is {name[:60]!r}" if name else "root element is not of UBL"
            raise StopReadingError(
                NotReadable("not UBL", f"not an invoice or credit note: the {shown}")
            )
        return None

    def _keep(self, path: str, value: str) -> None:
        currency = self._attributes.get("currencyID")
        if path == _TAX_AMOUNT:
            if len(self._taxes) < _TAX_TOTAL_LIMIT:
                self._taxes.append((currency, value))
            return
        key = _FIELDS[path]
        if key.endswith(".registered_id"):
            if self._attributes.get("schemeID", "").upper() not in _REGISTERS:
                return
        elif path == _PAYABLE and self._amount_currency is None and currency:
            self._amount_currency = currency[:_TEXT_LIMIT]
        # The first one that says something: an empty element, or a second party, changes nothing.
        self._values.setdefault(key, value)

    def _end_tax_scheme(self, side: str) -> None:
        """Take the number for VAT when its scheme says so, or says nothing; not another tax."""
        number = self._values.pop(f"{side}.tax_id", None)
        scheme = self._values.pop(f"{side}.tax_scheme", "VAT")
        if number is not None and scheme.upper() == "VAT":
            self._values.setdefault(f"{side}.vat_number", number)

    def _start_file(self, attributes: dict[str, str]) -> None:
        if len(self._attachments) >= _ATTACHMENT_LIMIT:
            raise StopReadingError(
                NotReadable("too big", f"more than {_ATTACHMENT_LIMIT:,} embedded files")
            )
        self._attributes = attributes
        self._file = Base64(self._write if len(self._attachments) == self._index else None)
        self._file_depth = len(self._open)

    def _end_file(self, file: Base64) -> None:
        file.close()
        self._file = None
        self._attachments.append(
            (
                _attribute(self._attributes, "filename"),
                _attribute(self._attributes, "mimeCode"),
                file.size,
            )
        )
        if len(self._attachments) - 1 == self._index:
            raise StopReadingError


def _attribute(attributes: dict[str, str], name: str) -> str | None:
    return " ".join(attributes.get(name, "")[:_TEXT_LIMIT].split()) or None
