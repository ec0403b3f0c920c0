"""Write a sample as UBL 2.1, with the elements in the order of its schema."""

from base64 import b64encode
from datetime import timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

from bridge.testing._samples.invoice import Line, Sample, Tax
from bridge.testing._samples.parties import SampleParty

_SPACE = "urn:oasis:names:specification:ubl:schema:xsd:"
_VAT = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"


def write_ubl(invoice: Sample, *, attach_pdf: bool) -> bytes:
    """Return the document as XML, with its PDF embedded or without it."""
    credit = invoice.kind == "credit note"
    root = "CreditNote" if credit else "Invoice"
    # UBL 2.1 has no due date in a credit note.
    due_date = invoice.issue_date + timedelta(days=30)
    due = "" if credit else f"\n<cbc:DueDate>{due_date}</cbc:DueDate>"
    corrected = f"""
<cac:BillingReference><cac:InvoiceDocumentReference>
<cbc:ID>{invoice.invoice_number}</cbc:ID></cac:InvoiceDocumentReference>
</cac:BillingReference>"""
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
<cac:OrderReference><cbc:ID>{invoice.order}</cbc:ID></cac:OrderReference>\
{corrected if credit else ""}{embedded}
{_party("Supplier", invoice.supplier)}
{_party("Customer", invoice.customer)}
<cac:Delivery><cbc:ActualDeliveryDate>{invoice.issue_date}</cbc:ActualDeliveryDate>
<cac:DeliveryLocation><cac:Address>{_country(invoice.customer)}</cac:Address></cac:DeliveryLocation>
</cac:Delivery>
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
<cbc:PaymentID>{invoice.payment_reference}</cbc:PaymentID>
<cac:PayeeFinancialAccount><cbc:ID>{invoice.supplier.iban}</cbc:ID></cac:PayeeFinancialAccount>
</cac:PaymentMeans>
<cac:PaymentTerms><cbc:Note>30 days</cbc:Note></cac:PaymentTerms>
<cac:TaxTotal>{_amount("TaxAmount", invoice.vat)}
{"".join(map(_tax, invoice.taxes))}</cac:TaxTotal>
<cac:LegalMonetaryTotal>{_amount("LineExtensionAmount", invoice.net)}
{_amount("TaxExclusiveAmount", invoice.net)}
{_amount("TaxInclusiveAmount", invoice.total)}
{_amount("PayableAmount", invoice.total)}</cac:LegalMonetaryTotal>
{"".join(_line(root, index, line) for index, line in enumerate(invoice.lines, 1))}</{root}>
""".encode()


def _party(side: str, party: SampleParty) -> str:
    # The ISO 6523 codes of the national registers, and that of Luxembourg's VAT numbers, by which
    # Peppol finds companies there.
    register = {"BE": "0208", "FR": "0002"}.get(party.country)
    scheme = f' schemeID="{register}"' if register else ""
    endpoint = party.enterprise_number if register else party.vat_number
    name = escape(party.name)
    return f"""<cac:Accounting{side}Party><cac:Party>
<cbc:EndpointID schemeID="{register or "9938"}">{endpoint}</cbc:EndpointID>
<cac:PartyName><cbc:Name>{name}</cbc:Name></cac:PartyName>
<cac:PostalAddress><cbc:StreetName>{escape(party.street)}</cbc:StreetName>
<cbc:CityName>{party.city}</cbc:CityName><cbc:PostalZone>{party.postal_code}</cbc:PostalZone>
{_country(party)}</cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>{party.vat_number}</cbc:CompanyID>{_VAT}</cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName>
<cbc:CompanyID{scheme}>{party.enterprise_number}</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:Accounting{side}Party>"""


def _tax(tax: Tax) -> str:
    exemption = (
        ""
        if tax.rate
        else """
<cbc:TaxExemptionReasonCode>VATEX-EU-IC</cbc:TaxExemptionReasonCode>
<cbc:TaxExemptionReason>Intra-community supply</cbc:TaxExemptionReason>"""
    )
    return f"""<cac:TaxSubtotal>{_amount("TaxableAmount", tax.taxable)}
{_amount("TaxAmount", tax.amount)}
<cac:TaxCategory>{_rate(tax.rate)}{exemption}{_VAT}</cac:TaxCategory></cac:TaxSubtotal>
"""


def _line(root: str, index: int, line: Line) -> str:
    quantity = "CreditedQuantity" if root == "CreditNote" else "InvoicedQuantity"
    return f"""<cac:{root}Line><cbc:ID>{index}</cbc:ID>
<cbc:{quantity} unitCode="{line.unit}">{line.quantity}</cbc:{quantity}>
{_amount("LineExtensionAmount", line.amount)}
<cac:Item><cbc:Name>{escape(line.name)}</cbc:Name>
<cac:ClassifiedTaxCategory>{_rate(line.rate)}{_VAT}</cac:ClassifiedTaxCategory></cac:Item>
<cac:Price>{_amount("PriceAmount", line.price)}</cac:Price></cac:{root}Line>
"""


def _rate(rate: int) -> str:
    return f"<cbc:ID>{'S' if rate else 'K'}</cbc:ID><cbc:Percent>{rate}</cbc:Percent>"


def _country(party: SampleParty) -> str:
    code = f"<cbc:IdentificationCode>{party.country}</cbc:IdentificationCode>"
    return f"<cac:Country>{code}</cac:Country>"


def _amount(name: str, value: Decimal) -> str:
    return f'<cbc:{name} currencyID="EUR">{value:.2f}</cbc:{name}>'
