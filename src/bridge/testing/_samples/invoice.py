"""The content of a sample, with the sums that EN 16931 requires."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from attrs import frozen

from bridge.testing._samples.parties import COMPANY, PARTNERS, SampleParty
from bridge.ubl import Kind

_FIRST_DAY: Final = date(2026, 1, 5)
_DAYS: Final = 270
_CENT: Final = Decimal("0.01")

# Items: name, unit (UN/ECE recommendation 20), price in euros without VAT, Belgian VAT rate in
# percent.
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
class Line:
    """One invoice line, without VAT."""

    name: str
    unit: str
    price: Decimal
    rate: int
    quantity: int

    @property
    def amount(self) -> Decimal:
        """The price of the whole quantity, without VAT."""
        return self.price * self.quantity


@frozen
class Tax:
    """The VAT of all lines with one rate, rounded once."""

    rate: int
    taxable: Decimal

    @property
    def amount(self) -> Decimal:
        """The VAT, rounded to cents."""
        return (self.taxable * self.rate / 100).quantize(_CENT, ROUND_HALF_UP)


@frozen(repr=False)
class Sample:
    """One sample document.

    Attributes:
        invoice_number: The number of the invoice; for a credit note, that of the invoice that it
            corrects.
        order: The number of the order.
        lines: The invoice lines.
        taxes: The VAT of each rate.
        pdf: The PDF of the document. It is embedded in `content`, unless ``sample()`` was called
            with ``attach_pdf=False``.
        content: The UBL XML.
    """

    kind: Kind
    number: str
    invoice_number: str
    order: str
    issue_date: date
    supplier: SampleParty
    customer: SampleParty
    payment_reference: str
    lines: tuple[Line, ...]
    taxes: tuple[Tax, ...]
    currency: str = "EUR"
    pdf: bytes = b""
    content: bytes = b""

    def __repr__(self) -> str:
        """Show kind, number and total, but not the bytes."""
        return f"<Sample {self.kind} {self.number}: {self.total} {self.currency}>"

    @property
    def filename(self) -> str:
        """A name for the file, different for each document."""
        return f"{self.kind.replace(' ', '-')}-{self.number}.xml"

    @property
    def net(self) -> Decimal:
        """The total without VAT."""
        return sum((tax.taxable for tax in self.taxes), Decimal(0))

    @property
    def vat(self) -> Decimal:
        """The sum of the VAT of all rates."""
        return sum((tax.amount for tax in self.taxes), Decimal(0))

    @property
    def total(self) -> Decimal:
        """The amount to pay or to pay back, with VAT."""
        return self.net + self.vat


def sample_without_files(n: int, kind: Kind, lines: int, sale: bool) -> Sample:
    """Return the `n`-th sample without its PDF and its XML."""
    partner = PARTNERS[n % len(PARTNERS)]
    supplier, customer = (COMPANY, partner) if sale else (partner, COMPANY)
    issued = _FIRST_DAY + timedelta(days=n % _DAYS)
    invoice_number = f"{supplier.prefix}-{issued.year}-{n:05d}"
    credit_number = f"{supplier.prefix}-CN-{issued.year}-{n:05d}"
    number = credit_number if kind == "credit note" else invoice_number
    items: list[Line] = []
    for index in range(lines):
        name, unit, price, rate = _GOODS[(n * 3 + index) % len(_GOODS)]
        # Goods sold to another EU country have no VAT on the invoice; the buyer accounts for it.
        rate = rate if supplier.country == customer.country else 0
        items.append(Line(name, unit, price, rate, (n * 7 + index * 5) % 23 + 1))
    taxable: dict[int, Decimal] = {}
    for line in items:
        taxable[line.rate] = taxable.get(line.rate, Decimal(0)) + line.amount
    belgian = int(supplier.enterprise_number[-6:]) * 10_000 + n if supplier.country == "BE" else 0
    return Sample(
        kind=kind,
        number=number,
        invoice_number=invoice_number,
        order=f"PO-{n + 1000}",
        issue_date=issued,
        supplier=supplier,
        customer=customer,
        payment_reference=structured_reference(belgian) if belgian else number,
        lines=tuple(items),
        taxes=tuple(Tax(rate, amount) for rate, amount in sorted(taxable.items())),
    )


def structured_reference(number: int) -> str:
    """Return the Belgian structured communication of `number`: ten digits and a check modulo 97."""
    digits = f"{number % 10**10:010d}"
    digits += f"{int(digits) % 97 or 97:02d}"
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"
