"""Sample invoices and credit notes for companies that do not exist.

`sample` can make any number of different documents, and makes the same ones on every machine. The
documents follow Peppol BIS Billing 3 and pass the rules of EN 16931. The demo, the benchmarks and
users' tests use them.
"""

from base64 import b64encode
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from xml.sax.saxutils import escape

from attrs import evolve, frozen

from bridge.testing._samples.parties import COMPANY, PARTNERS, SampleParty
from bridge.testing._samples.pdf import write_pdf
from bridge.ubl import Kind

_FIRST_DAY: Final = date(2026, 1, 5)
_DAYS: Final = 270
_CENT: Final = Decimal("0.01")
_SPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_VAT: Final = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
_VAT_RATE: Final = 21
_RATE: Final = f"<cbc:ID>S</cbc:ID><cbc:Percent>{_VAT_RATE}</cbc:Percent>{_VAT}"

# Items, all with the same VAT rate: name, unit (a code of UN/ECE recommendation 20), price of one
# unit in euros without VAT.
_GOODS: Final = (
    ("Blond bier, vat 20 l", "C62", Decimal("84.50")),
    ("Verres à bière, carton de 12", "C62", Decimal("22.95")),
    ("Vin blanc, carton de 6", "C62", Decimal("47.40")),
    ("Reinigingsmiddel, bus 5 l", "C62", Decimal("18.75")),
    ("Menukaarten & flyers <A5>", "C62", Decimal("0.36")),
    ("Nettoyage des vitres", "HUR", Decimal("34.00")),
    ("Papieren servetten, doos", "C62", Decimal("29.90")),
    ("Bougies de table", "KGM", Decimal("21.30")),
    ("Herstelling koelcel", "HUR", Decimal("62.00")),
    ("Livraison", "C62", Decimal("15.00")),
)


@frozen
class Line:
    """One invoice line; ``price`` is for one unit, without VAT."""

    name: str
    unit: str
    price: Decimal
    quantity: int

    @property
    def amount(self) -> Decimal:
        """The price of the whole quantity, without VAT."""
        return self.price * self.quantity


@frozen(repr=False)
class Sample:
    """One sample document.

    Attributes:
        lines: The invoice lines.
        pdf: The PDF of the document. It is embedded in `content`, unless ``sample()`` was called
            with ``attach_pdf=False``.
        content: The UBL XML.
    """

    kind: Kind
    number: str
    issue_date: date
    supplier: SampleParty
    customer: SampleParty
    lines: tuple[Line, ...]
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
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def vat(self) -> Decimal:
        """The VAT, rounded to cents."""
        return (self.net * _VAT_RATE / 100).quantize(_CENT, ROUND_HALF_UP)

    @property
    def total(self) -> Decimal:
        """The amount to pay or to pay back, with VAT."""
        return self.net + self.vat


def sample(
    n: int,
    *,
    kind: Kind = "invoice",
    attach_pdf: bool = True,
    sale: bool = False,
) -> Sample:
    """Make the `n`-th sample document; the same arguments always give the same bytes.

    Args:
        n: The number of the sample, from 0.
        kind: An invoice or a credit note.
        attach_pdf: Whether the PDF is embedded in the UBL.
        sale: Whether the sample company is the supplier; by default it is the customer.
    """
    partner = PARTNERS[n % len(PARTNERS)]
    supplier, customer = (COMPANY, partner) if sale else (partner, COMPANY)
    issued = _FIRST_DAY + timedelta(days=n % _DAYS)
    prefix = f"{supplier.prefix}-CN" if kind == "credit note" else supplier.prefix
    items: list[Line] = []
    for index in range(3):
        name, unit, price = _GOODS[(n * 3 + index) % len(_GOODS)]
        items.append(Line(name, unit, price, (n * 7 + index * 5) % 23 + 1))
    made = Sample(
        kind=kind,
        number=f"{prefix}-{issued.year}-{n:05d}",
        issue_date=issued,
        supplier=supplier,
        customer=customer,
        lines=tuple(items),
    )
    made = evolve(made, pdf=write_pdf(_page(made)))
    return evolve(made, content=_ubl(made, attach_pdf=attach_pdf))


def _page(invoice: Sample) -> list[str]:
    """Return the text lines of the PDF."""
    supplier, customer = invoice.supplier, invoice.customer
    return [
        f"{supplier.name}, {supplier.street}, {supplier.postal_code} {supplier.city}",
        f"{invoice.kind.capitalize()} {invoice.number} of {invoice.issue_date}",
        f"For {customer.name}, {customer.street}, {customer.postal_code} {customer.city}",
        f"Total: EUR {invoice.total}",
    ]


def _ubl(invoice: Sample, *, attach_pdf: bool) -> bytes:
    """Return the document as XML, with its PDF embedded or without it."""
    credit = invoice.kind == "credit note"
    root = "CreditNote" if credit else "Invoice"
    # A UBL 2.1 credit note has no element DueDate.
    due_date = invoice.issue_date + timedelta(days=30)
    due = "" if credit else f"\n<cbc:DueDate>{due_date}</cbc:DueDate>"
    embedded = (
        ""
        if not attach_pdf
        else f"""
<cac:AdditionalDocumentReference><cbc:ID>{invoice.number}</cbc:ID><cac:Attachment>
<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="{invoice.number}.pdf">\
{b64encode(invoice.pdf).decode()}</cbc:EmbeddedDocumentBinaryObject>
</cac:Attachment></cac:AdditionalDocumentReference>"""
    )

    return f"""<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="{_SPACE}{root}-2" xmlns:cac="{_SPACE}CommonAggregateComponents-2" \
xmlns:cbc="{_SPACE}CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0\
</cbc:CustomizationID>
<cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>
<cbc:ID>{invoice.number}</cbc:ID>
<cbc:IssueDate>{invoice.issue_date}</cbc:IssueDate>{due}
<cbc:{root}TypeCode>{381 if credit else 380}</cbc:{root}TypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:OrderReference><cbc:ID>PO-{invoice.number}</cbc:ID></cac:OrderReference>{embedded}
{_party("Supplier", invoice.supplier)}
{_party("Customer", invoice.customer)}
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
<cbc:PaymentID>{invoice.number}</cbc:PaymentID>
<cac:PayeeFinancialAccount><cbc:ID>{invoice.supplier.iban}</cbc:ID></cac:PayeeFinancialAccount>
</cac:PaymentMeans>
<cac:PaymentTerms><cbc:Note>30 days</cbc:Note></cac:PaymentTerms>
<cac:TaxTotal>{_amount("TaxAmount", invoice.vat)}
<cac:TaxSubtotal>{_amount("TaxableAmount", invoice.net)}
{_amount("TaxAmount", invoice.vat)}
<cac:TaxCategory>{_RATE}</cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal>{_amount("LineExtensionAmount", invoice.net)}
{_amount("TaxExclusiveAmount", invoice.net)}
{_amount("TaxInclusiveAmount", invoice.total)}
{_amount("PayableAmount", invoice.total)}</cac:LegalMonetaryTotal>
{"".join(_line(root, index, line) for index, line in enumerate(invoice.lines, 1))}</{root}>
""".encode()


def _party(side: str, party: SampleParty) -> str:
    name = escape(party.name)
    # 0208 is the ISO 6523 code of the Belgian register.
    return f"""<cac:Accounting{side}Party><cac:Party>
<cbc:EndpointID schemeID="0208">{party.enterprise_number}</cbc:EndpointID>
<cac:PartyName><cbc:Name>{name}</cbc:Name></cac:PartyName>
<cac:PostalAddress><cbc:StreetName>{escape(party.street)}</cbc:StreetName>
<cbc:CityName>{party.city}</cbc:CityName><cbc:PostalZone>{party.postal_code}</cbc:PostalZone>
<cac:Country><cbc:IdentificationCode>BE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>{party.vat_number}</cbc:CompanyID>{_VAT}</cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName>
<cbc:CompanyID schemeID="0208">{party.enterprise_number}</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:Accounting{side}Party>"""


def _line(root: str, index: int, line: Line) -> str:
    quantity = "CreditedQuantity" if root == "CreditNote" else "InvoicedQuantity"
    return f"""<cac:{root}Line><cbc:ID>{index}</cbc:ID>
<cbc:{quantity} unitCode="{line.unit}">{line.quantity}</cbc:{quantity}>
{_amount("LineExtensionAmount", line.amount)}
<cac:Item><cbc:Name>{escape(line.name)}</cbc:Name>
<cac:ClassifiedTaxCategory>{_RATE}</cac:ClassifiedTaxCategory></cac:Item>
<cac:Price>{_amount("PriceAmount", line.price)}</cac:Price></cac:{root}Line>
"""


def _amount(name: str, value: Decimal) -> str:
    return f'<cbc:{name} currencyID="EUR">{value:.2f}</cbc:{name}>'
