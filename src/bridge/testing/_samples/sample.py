"""Sample invoices and credit notes for companies that do not exist.

Any number of them, each different and each the same on every machine: the demo, the benchmarks and
a user's own tests draw on them. They follow Peppol BIS Billing 3 and pass EN 16931.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from attrs import frozen

from bridge.testing._samples.parties import COMPANY, PARTNERS, SampleParty, structured_reference
from bridge.testing._samples.pdf import write_pdf
from bridge.testing._samples.ubl_xml import Line, Payment, Tax, write_ubl
from bridge.ubl import Kind

__all__ = ["COMPANY", "PARTNERS", "Sample", "SampleParty", "sample"]

_FIRST_DAY: Final = date(2026, 1, 5)
_DAYS: Final = 270
_CENT: Final = Decimal("0.01")

# What is sold: name, unit (UN/ECE recommendation 20), price without VAT, Belgian VAT rate.
_GOODS: Final = (
    ("Blond bier, vat 20 l", "C62", Decimal("84.50"), 21),
    ("Pain de campagne 800 g", "C62", Decimal("2.95"), 6),
    ("Vin blanc, carton de 6", "C62", Decimal("47.40"), 21),
    ("Verse kabeljauw", "KGM", Decimal("18.75"), 6),
    ("Menukaarten & flyers <A5>", "C62", Decimal("0.36"), 21),
    ("Nettoyage des vitres", "HUR", Decimal("34.00"), 21),
    ("Margarine, doos 10 kg", "C62", Decimal("29.90"), 12),
    ("Comté 12 mois", "KGM", Decimal("21.30"), 6),
    ("Herstelling koelcel", "HUR", Decimal("62.00"), 21),
    ("Livraison", "C62", Decimal("15.00"), 21),
)


@frozen
class Sample:
    """One sample document.

    Attributes:
        filename: A name for the file, different for each document.
        content: The UBL XML.
        total: What is to be paid, or is given back, VAT included.
        pdf: The PDF of the same document, embedded in `content` unless that was not wanted.
    """

    filename: str
    content: bytes
    kind: Kind
    number: str
    supplier: SampleParty
    customer: SampleParty
    total: Decimal
    currency: str
    issue_date: date
    payment_reference: str
    pdf: bytes


def sample(
    n: int,
    *,
    kind: Kind = "invoice",
    lines: int = 3,
    pdf_size: int | None = None,
    attach_pdf: bool = True,
    sale: bool = False,
) -> Sample:
    """Make the `n`-th sample document; the same arguments always give the same bytes.

    Args:
        n: Which one, from 0.
        kind: An invoice, or a credit note on the invoice of the same `n`.
        lines: How many lines it has, at least one.
        pdf_size: How many bytes its PDF has; without it, as many as the text takes (2 KB).
            1,500,000 make a document of about 2 MB.
        attach_pdf: Whether the PDF is embedded in the UBL.
        sale: A document that the sample company sends, not one that it receives.

    Raises:
        ValueError: When `n` is negative, there is no line, or the PDF does not fit in `pdf_size`.
    """
    if n < 0:
        raise ValueError("samples are counted from 0")
    if lines < 1:
        raise ValueError("an invoice has at least one line")
    partner = PARTNERS[n % len(PARTNERS)]
    supplier, customer = (COMPANY, partner) if sale else (partner, COMPANY)
    credit = kind == "credit note"
    issued = _FIRST_DAY + timedelta(days=n % _DAYS)
    invoice_number = f"{supplier.prefix}-{issued.year}-{n:05d}"
    number = f"{supplier.prefix}-CN-{issued.year}-{n:05d}" if credit else invoice_number
    # Goods that cross a border inside the Union carry no VAT; the buyer accounts for it.
    items = _lines(n, lines, domestic=supplier.country == customer.country)
    taxes = _taxes(items)
    net = sum((tax.taxable for tax in taxes), Decimal(0))
    total = net + sum((tax.amount for tax in taxes), Decimal(0))
    if supplier.country == "BE":
        reference = structured_reference(int(supplier.enterprise_number[-6:]) * 10_000 + n)
    else:
        reference = number
    pdf = write_pdf(
        _page(kind, number, issued, supplier, customer, items, taxes, total, reference),
        size=pdf_size,
    )
    content = write_ubl(
        credit=credit,
        number=number,
        issued=issued,
        due=issued + timedelta(days=30),
        invoice_number=invoice_number,
        order=f"PO-{n + 1000}",
        supplier=supplier,
        customer=customer,
        lines=items,
        taxes=taxes,
        net=net,
        total=total,
        payment=Payment(reference, supplier.iban),
        pdf=b64encode(pdf).decode() if attach_pdf else None,
    )
    return Sample(
        filename=f"{kind.replace(' ', '-')}-{number}.xml",
        content=content,
        kind=kind,
        number=number,
        supplier=supplier,
        customer=customer,
        total=total,
        currency="EUR",
        issue_date=issued,
        payment_reference=reference,
        pdf=pdf,
    )


def _lines(n: int, count: int, *, domestic: bool) -> list[Line]:
    lines: list[Line] = []
    for index in range(count):
        name, unit, price, rate = _GOODS[(n * 3 + index) % len(_GOODS)]
        quantity = (n * 7 + index * 5) % 23 + 1
        lines.append(
            Line(
                name=name,
                unit=unit,
                quantity=quantity,
                price=price,
                amount=price * quantity,
                rate=Decimal(rate if domestic else 0),
                category="S" if domestic else "K",
            )
        )
    return lines


def _taxes(lines: Sequence[Line]) -> list[Tax]:
    """Return one tax for each rate, rounded once over all its lines, as EN 16931 asks."""
    taxable: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        key = (line.category, line.rate)
        taxable[key] = taxable.get(key, Decimal(0)) + line.amount
    return [
        Tax(category, rate, amount, (amount * rate / 100).quantize(_CENT, ROUND_HALF_UP))
        for (category, rate), amount in sorted(taxable.items())
    ]


def _page(
    kind: Kind,
    number: str,
    issued: date,
    supplier: SampleParty,
    customer: SampleParty,
    lines: Sequence[Line],
    taxes: Sequence[Tax],
    total: Decimal,
    reference: str,
) -> list[str]:
    """Return the document as a person reads it."""
    shown = [
        supplier.name,
        f"{supplier.street}, {supplier.postal_code} {supplier.city} ({supplier.country})",
        f"VAT {supplier.vat_number}   IBAN {supplier.iban}",
        "",
        f"{kind.capitalize()} {number}",
        f"Date {issued}",
        f"For {customer.name}, {customer.street}, {customer.postal_code} {customer.city}",
        "",
    ]
    shown += [f"{line.quantity} x {line.name} at {line.price} = {line.amount}" for line in lines]
    shown += [
        "",
        *(f"VAT {tax.rate} % of {tax.taxable}: {tax.amount}" for tax in taxes),
        f"Total: EUR {total}",
        f"Payment reference: {reference}",
    ]
    return shown
