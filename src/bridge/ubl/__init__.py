"""A look at UBL invoices and credit notes: who, what, how much, and the files they carry.

The look is lenient and streaming. It reads what is there, gives ``None`` for what is not, checks no
business rule and never changes a byte: it serves to name and route a document, not to judge it::

    found = ubl.peek("invoice.xml")
    if isinstance(found, ubl.NotReadable):
        print("not readable:", found)
    else:
        print(found.kind, found.number, found.supplier.name, found.totals.payable)

Memory does not grow with the document: an embedded PDF is measured as it passes and not kept.
`extract` writes one to a file in the same way.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

from attrs import frozen

from bridge.ubl._expat import NotReadable, Readable, Reason, Source, opened, parse
from bridge.ubl._reader import Finished, Reader, RootReader

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Kind",
    "NotReadable",
    "Readable",
    "Reason",
    "Source",
    "UblAttachment",
    "UblInvoice",
    "UblParty",
    "UblTotals",
    "Writable",
    "extract",
    "peek",
    "root_name",
]

MAX_BYTES = 256 * 1024 * 1024
"""The largest document that is read, unless the caller says otherwise."""
MAX_DEPTH = 200
"""The deepest nesting that is read; a real invoice stays under 20."""

# A standard business document header stands before the root and is seldom over 4 kilobytes.
_ROOT_WITHIN = 64 * 1024

Kind: TypeAlias = Literal["invoice", "credit note"]
"""What a document is, whatever its root is called."""

# UNTDID 1001 as EN 16931 divides it; a credit note may also come as an Invoice with such a code.
_CREDIT_CODES = frozenset(
    ["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"]
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
# xsd:decimal, and the short exponent that some programs write by mistake ("1.0E7").
_DECIMAL = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?")


class Writable(Protocol):
    """Anything with a binary ``write``: an open file, a ``BytesIO``, a hash in disguise."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""
        ...


@frozen
class UblParty:
    """The supplier or the customer, as the document names it.

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
    """The totals of the document, in its own currency; positive in most credit notes too."""

    line_extension: Decimal | None = None
    tax_exclusive: Decimal | None = None
    tax_inclusive: Decimal | None = None
    payable: Decimal | None = None
    tax: Decimal | None = None


@frozen
class UblAttachment:
    """A file that travels inside the document.

    Attributes:
        index: Its place among the embedded files, from 0; `extract` takes it.
        file_name: The name given by the sender. It may hold anything: never use it as a path.
        content_type: The media type given by the sender.
        size: The number of bytes that `extract` writes.
    """

    index: int
    file_name: str | None
    content_type: str | None
    size: int


@frozen
class UblInvoice:
    """What a UBL invoice or credit note says of itself; None is what it does not say.

    Attributes:
        kind: Credit note by its root element or by its type code, else invoice.
        root: The name of the root element, ``Invoice`` or ``CreditNote``.
        type_code: 380 for an invoice, 381 for a credit note, 384, 389 and others.
        customization: The specification the sender says the document follows.
        profile: The business process it belongs to.
        payment_reference: What the payer is to quote, in Belgium the structured reference.
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


def peek(
    source: Source, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> UblInvoice | NotReadable:
    """Read what a UBL invoice or credit note says.

    Args:
        source: Bytes, the path of a file, or an open binary file. A seekable file is read from its
            position and put back there.
        max_bytes: A longer document is not read.
        max_depth: A document nested deeper is not read.

    Returns:
        The invoice, or why the bytes cannot be read as one. No content raises.

    Raises:
        OSError: When the file itself cannot be opened or read.
    """
    reader = Reader()
    with opened(source) as file:
        wrong = parse(file, reader, max_bytes=max_bytes, max_depth=max_depth)
    if wrong is not None:
        return wrong
    found = reader.finish()
    return found if isinstance(found, NotReadable) else _invoice(found)


def extract(
    source: Source,
    index: int,
    target: Writable,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
) -> UblAttachment | NotReadable:
    """Write one embedded file to `target`, as it is read.

    Args:
        source: The document, as for `peek`.
        index: Which one, as `UblAttachment.index` says.
        target: A file open for writing bytes.
        max_bytes: A longer document is not read.
        max_depth: A document nested deeper is not read.

    Returns:
        The attachment, or why the document cannot be read; `target` then holds a part of it.
        Reading ends with the attachment, so a fault behind it does not matter.

    Raises:
        IndexError: When the document carries no such attachment.
        OSError: When a file cannot be opened, read or written.
    """
    reader = Reader(index, target.write)
    with opened(source) as file:
        wrong = parse(file, reader, max_bytes=max_bytes, max_depth=max_depth)
    if wrong is not None:
        return wrong
    found = reader.finish()
    if isinstance(found, NotReadable):
        return found
    files = found.attachments
    if not 0 <= index < len(files):
        raise IndexError(f"the document carries {len(files)} files, none with the index {index}")
    return _attachment(index, files[index])


def root_name(source: Source) -> str | None:
    """Return the name of the root element, reading the first kilobytes only.

    A standard business document is looked through. Blank space before the XML declaration, which
    makes a file unreadable for `peek`, is ignored: the file is still somebody's invoice.

    Returns:
        ``Invoice`` or ``CreditNote`` for what `peek` reads; the name of another UBL document, or of
        an element without namespace; None for a foreign document and for anything that is not XML.
    """
    reader = RootReader()
    with opened(source) as file:
        parse(_Head(file), reader, max_bytes=_ROOT_WITHIN, max_depth=MAX_DEPTH)
    return reader.root


class _Head:
    """The first bytes of a file, without leading blank space."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._left = _ROOT_WITHIN
        self._begun = False

    def read(self, size: int, /) -> bytes:
        # Small steps: the root of nearly every file is in its first 4 kilobytes.
        while chunk := self._file.read(min(size, self._left, 4096)):
            self._left -= len(chunk)
            if not self._begun:
                chunk = chunk.lstrip(b" \t\r\n")
            if chunk:
                self._begun = True
                return chunk
        return b""


def _invoice(found: Finished) -> UblInvoice:
    values = found.values
    code = values.get("type_code")
    credit = found.root == "CreditNote" or code in _CREDIT_CODES
    currency = values.get("currency") or found.amount_currency
    return UblInvoice(
        kind="credit note" if credit else "invoice",
        root=found.root,
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
            tax=_tax(found, currency),
        ),
        attachments=tuple(_attachment(n, each) for n, each in enumerate(found.attachments)),
    )


def _party(values: Mapping[str, str], side: str) -> UblParty:
    return UblParty(
        name=values.get(f"{side}.legal_name") or values.get(f"{side}.name"),
        vat_number=values.get(f"{side}.vat_number"),
        enterprise_number=values.get(f"{side}.company_id") or values.get(f"{side}.registered_id"),
    )


def _attachment(index: int, found: tuple[str | None, str | None, int]) -> UblAttachment:
    file_name, content_type, size = found
    return UblAttachment(index, file_name, content_type, size)


def _tax(found: Finished, currency: str | None) -> Decimal | None:
    """Return the tax in the document's currency: a second total may be in the accounting one."""
    for code, amount in found.taxes:
        if code == currency or code is None or currency is None:
            return _decimal(amount)
    return None


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None and _DECIMAL.fullmatch(text) else None


def _date(text: str | None) -> date | None:
    """Return the day; a time or a zone behind it says nothing about when to pay."""
    found = _DATE.match(text) if text is not None else None
    try:
        return date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None
