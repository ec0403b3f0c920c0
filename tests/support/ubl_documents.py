"""Invoices written for tests, and reading them with a demand on the outcome."""

import base64

from bridge import ubl

INVOICE_SPACE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
PDF = b"%PDF-1.4 invented\n" + bytes(range(256)) * 3


def document(body: str, root: str = "Invoice") -> bytes:
    """Return a document with UBL's namespaces around `body`."""
    return (
        f'<{root} xmlns="{INVOICE_SPACE.replace("Invoice", root)}" '
        f'xmlns:cac="{CAC}" xmlns:cbc="{CBC}">{body}</{root}>'
    ).encode()


def embedded(data: bytes, name: str = "invoice.pdf", media: str = "application/pdf") -> str:
    """Return a header reference that carries `data`."""
    return (
        "<cac:AdditionalDocumentReference><cbc:ID>A1</cbc:ID><cac:Attachment>"
        f'<cbc:EmbeddedDocumentBinaryObject mimeCode="{media}" filename="{name}">'
        f"{base64.b64encode(data).decode()}"
        "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )


FULL = document(
    "<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>"
    "<cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>"
    "<cbc:ID> 2026/0042\n</cbc:ID><cbc:IssueDate>2026-02-03</cbc:IssueDate>"
    "<cbc:DueDate>2026-03-05+01:00</cbc:DueDate>"
    "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>"
    "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
    "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>EARLIER</cbc:ID>"
    "</cac:InvoiceDocumentReference></cac:BillingReference>"
    + embedded(PDF)
    + embedded(b"", "empty.csv", "text/csv")
    + "<cac:PayeeParty><cac:PartyName><cbc:Name>Factor NV</cbc:Name></cac:PartyName>"
    "</cac:PayeeParty>"
    "<cac:AccountingSupplierParty><cac:Party>"
    '<cbc:EndpointID schemeID="0208">0777000124</cbc:EndpointID>'
    "<cac:PartyName><cbc:Name>De Molenbeek</cbc:Name></cac:PartyName>"
    "<cac:PartyTaxScheme><cbc:CompanyID>FC-1</cbc:CompanyID>"
    "<cac:TaxScheme><cbc:ID>FC</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
    "<cac:PartyTaxScheme><cbc:CompanyID>BE0777000124</cbc:CompanyID>"
    "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
    "<cac:PartyLegalEntity><cbc:RegistrationName>Brouwerij De Molenbeek BV"
    "</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>"
    "<cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>Caf\u00e9 De Sluis</cbc:Name>"
    "</cac:PartyName><cac:PartyLegalEntity><cbc:CompanyID>0777000223</cbc:CompanyID>"
    "</cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>"
    "<cac:PaymentMeans><cbc:PaymentID>+++090/9337/55493+++</cbc:PaymentID></cac:PaymentMeans>"
    '<cac:TaxTotal><cbc:TaxAmount currencyID="SEK">999.00</cbc:TaxAmount></cac:TaxTotal>'
    '<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">21.00</cbc:TaxAmount>'
    '<cac:TaxSubtotal><cbc:TaxAmount currencyID="EUR">7.00</cbc:TaxAmount></cac:TaxSubtotal>'
    "</cac:TaxTotal><cac:LegalMonetaryTotal>"
    '<cbc:LineExtensionAmount currencyID="EUR">90.00</cbc:LineExtensionAmount>'
    '<cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>'
    '<cbc:TaxInclusiveAmount currencyID="EUR">121.00</cbc:TaxInclusiveAmount>'
    '<cbc:PayableAmount currencyID="EUR">-0.50</cbc:PayableAmount></cac:LegalMonetaryTotal>'
    "<cac:InvoiceLine><cbc:ID>1</cbc:ID>"
    '<cbc:LineExtensionAmount currencyID="EUR">5.00</cbc:LineExtensionAmount>'
    "<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Line NV</cbc:Name>"
    "</cac:PartyName></cac:Party></cac:AccountingSupplierParty></cac:InvoiceLine>"
)


def read(source: ubl.Source) -> ubl.UblInvoice:
    """Peek at something that must be readable."""
    found = ubl.peek(source)
    assert isinstance(found, ubl.UblInvoice), found
    return found


def refused(source: ubl.Source) -> ubl.NotReadable:
    """Peek at something that must not be readable."""
    found = ubl.peek(source)
    assert isinstance(found, ubl.NotReadable), found
    return found
