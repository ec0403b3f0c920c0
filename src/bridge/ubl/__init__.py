"""Read the header of UBL invoices and credit notes, and extract the files embedded in them.

Reading is lenient: a missing field is ``None``, and no business rule is checked. Use the result to
name and route a document, not to validate it::

    found = ubl.peek("invoice.xml")
    if isinstance(found, ubl.NotReadable):
        print("not readable:", found)
    else:
        print(found.kind, found.number, found.supplier.name, found.totals.payable)

The document is read as a stream: the size of an embedded PDF is counted without keeping the PDF in
memory. `extract` writes an embedded file to an open file in the same way.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import BinaryIO, Literal, TypeAlias

from attrs import frozen

from _client_kit._files import FileSource
from bridge.ubl._expat import MAX_BYTES, Source, parse
from bridge.ubl._reader import MAX_DEPTH, WRAPPER, NotReadable, Reader, Reason, UblAttachment

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Kind",
    "NotReadable",
    "Reason",
    "Source",
    "UblAttachment",
    "UblInvoice",
    "UblParty",
    "UblTotals",
    "extract",
    "peek",
]

Kind: TypeAlias = Literal["invoice", "credit note"]
"""The kind of a document. An ``Invoice`` with a type code of credit notes is a credit note."""

# The type codes of UNTDID 1001 that EN 16931 assigns to credit notes.
_CREDIT_CODES = frozenset(
    ["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"]
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
# The syntax of xsd:decimal. An exponent ("1.0E7") is accepted too: some programs write one.
_DECIMAL = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?")


@frozen
class UblParty:
    """The supplier or the customer of a document.

    Attributes:
        name: The legal name, else the trading name.
        vat_number: The VAT number, as written ("BE0123456749", "BE 0123.456.749").
        enterprise_number: The number in the national register of companies, as written.
    """

    name: str | None = None
    vat_number: str | None = None
    enterprise_number: str | None = None


@frozen
class UblTotals:
    """The totals of a document in its currency; in most credit notes they are positive too.

    A total is None if it is missing or no number, and ``tax`` also if it is in another currency.
    """

    line_extension: Decimal | None = None
    tax_exclusive: Decimal | None = None
    tax_inclusive: Decimal | None = None
    payable: Decimal | None = None
    tax: Decimal | None = None


@frozen
class UblInvoice:
    """The header of a UBL invoice or credit note; missing fields and invalid dates are None.

    Attributes:
        kind: ``"credit note"`` if the root element or the type code says so, else ``"invoice"``.
        root: The name of the root element, ``Invoice`` or ``CreditNote``.
        due_date: The due date of the document, else of its payment means or terms.
        type_code: The code as text: ``"380"`` for an invoice, ``"381"`` for a credit note, others.
        customization: The id of the specification, such as that of Peppol BIS Billing.
        profile: The id of the business process.
        payment_reference: The payment reference; in Belgium often a structured communication.
    """

    kind: Kind
    root: str
    number: str | None = None
    issue_date: date | None = None
    due_date: date | None = None
    currency: str | None = None
    type_code: str | None = None
    customization: str | None = None
    profile: str | None = None
    payment_reference: str | None = None
    supplier: UblParty = UblParty()
    customer: UblParty = UblParty()
    totals: UblTotals = UblTotals()
    attachments: tuple[UblAttachment, ...] = ()


def peek(source: Source) -> UblInvoice | NotReadable:
    """Read the header of a UBL invoice or credit note.

    Args:
        source: Bytes, the path of a file, or an open binary file, which is read from its
            position and put back there. A document that is larger than ``MAX_BYTES``, or nested
            deeper than ``MAX_DEPTH``, is not readable.

    Returns:
        The invoice, or the reason why it is not readable. Malformed content raises no exception.

    Raises:
        OSError: When the file itself cannot be opened or read.
        TypeError: When the source has another type, or was opened as text.
    """
    reader = Reader()
    wrong = _read(source, reader)
    return _invoice(reader) if wrong is None else wrong


def extract(source: Source, index: int, target: BinaryIO) -> UblAttachment | NotReadable:
    """Write one embedded file to `target`.

    Args:
        source: The document, as for `peek`.
        index: The `UblAttachment.index` of the file.
        target: A file open for writing bytes.

    Returns:
        The attachment, or the reason why the document is not readable; `target` may then contain a
        part of the file. Reading stops after the attachment, so later errors are not found.

    Raises:
        IndexError: When the document has no attachment with this index.
        OSError: When a file cannot be opened, read or written.
        TypeError: As for `peek`.
    """
    reader = Reader(index, target.write)
    wrong = _read(source, reader)
    if wrong is not None:
        return wrong
    files = reader.attachments
    if not 0 <= index < len(files):
        raise IndexError(f"the document carries {len(files)} files, none with the index {index}")
    return files[index]


def _read(source: Source, reader: Reader) -> NotReadable | None:
    with FileSource.of(source).open() as file:
        start = file.tell()
        try:
            wrong = parse(file, reader)
        finally:
            file.seek(start)  # put the caller's open file back at its old position
    if wrong is None and reader.root is None:
        return NotReadable("not UBL", f"a {WRAPPER} without an invoice or credit note in it")
    return wrong


def _invoice(found: Reader) -> UblInvoice:
    values = found.values
    code = values.get("type_code")
    credit = found.root == "CreditNote" or code in _CREDIT_CODES
    currency = values.get("currency")
    # The reader may have stored a tax total in another currency, if the total stood before the
    # element that names the document's currency. Do not return such a total.
    tax_currency = values.get("tax_currency") or currency
    return UblInvoice(
        kind="credit note" if credit else "invoice",
        root=found.root or "",
        number=values.get("number"),
        issue_date=_date(values.get("issue_date")),
        due_date=_date(values.get("due_date") or values.get("due_date_of_payment")),
        currency=currency,
        type_code=code,
        customization=values.get("customization"),
        profile=values.get("profile"),
        payment_reference=values.get("payment_reference"),
        supplier=_party(values, "supplier"),
        customer=_party(values, "customer"),
        totals=UblTotals(
            line_extension=_decimal(values.get("line_extension")),
            tax_exclusive=_decimal(values.get("tax_exclusive")),
            tax_inclusive=_decimal(values.get("tax_inclusive")),
            payable=_decimal(values.get("payable")),
            tax=None if tax_currency != (currency or tax_currency) else _decimal(values.get("tax")),
        ),
        attachments=tuple(found.attachments),
    )


def _party(values: Mapping[str, str], side: str) -> UblParty:
    return UblParty(
        name=values.get(f"{side}.legal_name") or values.get(f"{side}.name"),
        vat_number=values.get(f"{side}.vat_number"),
        enterprise_number=values.get(f"{side}.company_id") or values.get(f"{side}.registered_id"),
    )


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None and _DECIMAL.fullmatch(text) else None


def _date(text: str | None) -> date | None:
    """Return the date at the beginning of the text, or None if there is no valid date."""
    found = _DATE.match(text) if text is not None else None
    try:
        return date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None
