"""Writing a sample as UBL 2.1, in the order that its schema asks for."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape

from attrs import frozen

from bridge.testing._samples.parties import SampleParty

_SPACE = "urn:oasis:names:specification:ubl:schema:xsd:"
_CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_VAT = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
_EXEMPTION = (
    "<cbc:TaxExemptionReasonCode>VATEX-EU-IC</cbc:TaxExemptionReasonCode>"
    "<cbc:TaxExemptionReason>Intra-community supply</cbc:TaxExemptionReason>"
)


@frozen
class Line:
    """One line: `quantity` times `price` is `amount`, without VAT."""

    name: str
    unit: str
    quantity: int
    price: Decimal
    amount: Decimal
    rate: Decimal
    category: str


@frozen
class Tax:
    """The VAT of all lines of one rate."""

    category: str
    rate: Decimal
    taxable: Decimal
    amount: Decimal


@frozen
class Payment:
    """Where to pay, and what to quote."""

    reference: str
    iban: str


def write_ubl(
    *,
    credit: bool,
    number: str,
    issued: date,
    due: date,
    invoice_number: str,
    order: str,
    supplier: SampleParty,
    customer: SampleParty,
    lines: Sequence[Line],
    taxes: Sequence[Tax],
    net: Decimal,
    total: Decimal,
    payment: Payment,
    pdf: str | None,
) -> bytes:
    """Return the document; `pdf` is base64 already."""
    root = "CreditNote" if credit else "Invoice"
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        _root(root),
        _element("CustomizationID", _CUSTOMIZATION),
        _element("ProfileID", _PROFILE),
        _element("ID", number),
        _element("IssueDate", issued),
        # A credit note has no due date of its own in UBL 2.1.
        *([] if credit else [_element("DueDate", due)]),
        _element(f"{root}TypeCode", 381 if credit else 380),
        _element("DocumentCurrencyCode", "EUR"),
        f"<cac:OrderReference>{_element('ID', order)}</cac:OrderReference>",
    ]
    if credit:
        parts.append(
            "<cac:BillingReference><cac:InvoiceDocumentReference>"
            f"{_element('ID', invoice_number)}"
            "</cac:InvoiceDocumentReference></cac:BillingReference>"
        )
    if pdf is not None:
        parts.append(
            "<cac:AdditionalDocumentReference>"
            f"{_element('ID', number)}<cac:Attachment>"
            '<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" '
            f'filename="{number}.pdf">{pdf}</cbc:EmbeddedDocumentBinaryObject>'
            "</cac:Attachment></cac:AdditionalDocumentReference>"
        )
    parts += [
        _party("Supplier", supplier),
        _party("Customer", customer),
        _delivery(issued, customer),
        _payment(payment, supplier),
        _taxes(taxes),
        _totals(net, total),
        *(_line(root, index, line) for index, line in enumerate(lines, 1)),
        f"</{root}>\n",
    ]
    return "\n".join(parts).encode()


def _root(name: str) -> str:
    return (
        f'<{name} xmlns="{_SPACE}{name}-2" xmlns:cac="{_SPACE}CommonAggregateComponents-2" '
        f'xmlns:cbc="{_SPACE}CommonBasicComponents-2">'
    )


def _element(name: str, value: object) -> str:
    return f"<cbc:{name}>{escape(str(value))}</cbc:{name}>"


def _amount(name: str, value: Decimal) -> str:
    return f'<cbc:{name} currencyID="EUR">{value:.2f}</cbc:{name}>'


def _party(side: str, party: SampleParty) -> str:
    scheme = f' schemeID="{party.enterprise_scheme}"' if party.enterprise_scheme else ""
    return "\n".join(
        [
            f"<cac:Accounting{side}Party><cac:Party>",
            f'<cbc:EndpointID schemeID="{party.endpoint_scheme}">{party.endpoint}</cbc:EndpointID>',
            f"<cac:PartyName>{_element('Name', party.name)}</cac:PartyName>",
            "<cac:PostalAddress>",
            _element("StreetName", party.street),
            _element("CityName", party.city),
            _element("PostalZone", party.postal_code),
            _country(party),
            "</cac:PostalAddress>",
            f"<cac:PartyTaxScheme>{_element('CompanyID', party.vat_number)}{_VAT}",
            "</cac:PartyTaxScheme>",
            f"<cac:PartyLegalEntity>{_element('RegistrationName', party.name)}",
            f"<cbc:CompanyID{scheme}>{party.enterprise_number}</cbc:CompanyID>",
            "</cac:PartyLegalEntity>",
            f"</cac:Party></cac:Accounting{side}Party>",
        ]
    )


def _country(party: SampleParty) -> str:
    return f"<cac:Country>{_element('IdentificationCode', party.country)}</cac:Country>"


def _delivery(day: date, customer: SampleParty) -> str:
    return (
        f"<cac:Delivery>{_element('ActualDeliveryDate', day)}"
        f"<cac:DeliveryLocation><cac:Address>{_country(customer)}</cac:Address>"
        "</cac:DeliveryLocation></cac:Delivery>"
    )


def _payment(payment: Payment, supplier: SampleParty) -> str:
    return (
        f"<cac:PaymentMeans>{_element('PaymentMeansCode', 30)}"
        f"{_element('PaymentID', payment.reference)}"
        f"<cac:PayeeFinancialAccount>{_element('ID', payment.iban)}"
        f"{_element('Name', supplier.name)}</cac:PayeeFinancialAccount></cac:PaymentMeans>\n"
        f"<cac:PaymentTerms>{_element('Note', '30 days')}</cac:PaymentTerms>"
    )


def _category(name: str, category: str, rate: Decimal, exemption: str = "") -> str:
    return (
        f"<cac:{name}>{_element('ID', category)}{_element('Percent', rate)}{exemption}{_VAT}"
        f"</cac:{name}>"
    )


def _taxes(taxes: Sequence[Tax]) -> str:
    parts = ["<cac:TaxTotal>", _amount("TaxAmount", sum((t.amount for t in taxes), Decimal(0)))]
    for tax in taxes:
        exemption = _EXEMPTION if tax.category == "K" else ""
        parts += [
            f"<cac:TaxSubtotal>{_amount('TaxableAmount', tax.taxable)}",
            _amount("TaxAmount", tax.amount),
            _category("TaxCategory", tax.category, tax.rate, exemption),
            "</cac:TaxSubtotal>",
        ]
    return "\n".join([*parts, "</cac:TaxTotal>"])


def _totals(net: Decimal, total: Decimal) -> str:
    return "\n".join(
        [
            "<cac:LegalMonetaryTotal>",
            _amount("LineExtensionAmount", net),
            _amount("TaxExclusiveAmount", net),
            _amount("TaxInclusiveAmount", total),
            _amount("PayableAmount", total),
            "</cac:LegalMonetaryTotal>",
        ]
    )


def _line(root: str, index: int, line: Line) -> str:
    quantity = "CreditedQuantity" if root == "CreditNote" else "InvoicedQuantity"
    return "\n".join(
        [
            f"<cac:{root}Line>{_element('ID', index)}",
            f'<cbc:{quantity} unitCode="{line.unit}">{line.quantity}</cbc:{quantity}>',
            _amount("LineExtensionAmount", line.amount),
            f"<cac:Item>{_element('Name', line.name)}",
            _category("ClassifiedTaxCategory", line.category, line.rate),
            f"</cac:Item><cac:Price>{_amount('PriceAmount', line.price)}</cac:Price>",
            f"</cac:{root}Line>",
        ]
    )
