"""The look at UBL invoices: what it reads, what it refuses, and that nothing makes it fail."""

import base64
import hashlib
import io
import pickle
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import ubl

INVOICE_SPACE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
SPACES = f'xmlns:q="{INVOICE_SPACE}" xmlns:odd="{CBC}"'
PDF = b"%PDF-1.4 invented\n" + bytes(range(256)) * 3


def document(body: str, root: str = "Invoice") -> bytes:
    """Return a document with UBL's namespaces around `body`."""
    return (
        f'<{root} xmlns="{INVOICE_SPACE.replace("Invoice", root)}" '
        f'xmlns:cac="{CAC}" xmlns:cbc="{CBC}">{body}</{root}>'
    ).encode()


def declared(encoding: str, note: str) -> str:
    """Return an invoice that declares its encoding, with `note` in it before the number."""
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        f"<Invoice><Note>{note}</Note><ID>N-1</ID></Invoice>"
    )


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


def refused(source: ubl.Source, **limits: int) -> ubl.NotReadable:
    """Peek at something that must not be readable."""
    found = ubl.peek(source, **limits)
    assert isinstance(found, ubl.NotReadable), found
    return found


def test_reads_every_field_and_no_neighbour() -> None:
    """Header fields are read; those of lines, payees, subtotals and earlier invoices are not."""
    assert read(FULL) == ubl.UblInvoice(
        kind="invoice",
        root="Invoice",
        number="2026/0042",
        issue_date=date(2026, 2, 3),
        due_date=date(2026, 3, 5),
        currency="EUR",
        type_code="380",
        customization="urn:cen.eu:en16931:2017",
        profile="urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        payment_reference="+++090/9337/55493+++",
        supplier=ubl.UblParty("Brouwerij De Molenbeek BV", "BE0777000124", "0777000124"),
        customer=ubl.UblParty("Caf\u00e9 De Sluis", None, "0777000223"),
        totals=ubl.UblTotals(
            Decimal("90.00"), Decimal("100.00"), Decimal("121.00"), Decimal("-0.50"), Decimal(21)
        ),
        attachments=(
            ubl.UblAttachment(0, "invoice.pdf", "application/pdf", len(PDF)),
            ubl.UblAttachment(1, "empty.csv", "text/csv", 0),
        ),
    )


def test_what_is_missing_is_none() -> None:
    """A document that says nothing is an invoice with nothing in it."""
    assert read(b"<Invoice/>") == ubl.UblInvoice(kind="invoice", root="Invoice")


@pytest.mark.parametrize(
    ("root", "code", "kind"),
    [
        ("Invoice", "380", "invoice"),
        ("Invoice", "384", "invoice"),
        ("Invoice", "389", "invoice"),
        ("Invoice", "", "invoice"),
        ("Invoice", "381", "credit note"),
        ("Invoice", "396", "credit note"),
        ("CreditNote", "381", "credit note"),
        ("CreditNote", "380", "credit note"),
        ("CreditNote", "", "credit note"),
    ],
)
def test_kind_follows_root_and_type_code(root: str, code: str, kind: str) -> None:
    """A CreditNote is one whatever its code; an Invoice is one when its code says so."""
    body = f"<cbc:{root}TypeCode>{code}</cbc:{root}TypeCode>"
    assert read(document(body, root)).kind == kind


def test_wrapper_is_looked_through() -> None:
    """A standard business document gives the first invoice inside it, not its header."""
    space = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
    second = document("<cbc:ID>SECOND</cbc:ID>" + embedded(b"other"))
    data = (
        f'<s:StandardBusinessDocument xmlns:s="{space}"><s:StandardBusinessDocumentHeader>'
        "<s:Sender><s:Identifier>x</s:Identifier></s:Sender>"
        "</s:StandardBusinessDocumentHeader>"
    ).encode() + FULL.replace(b"2026/0042", b"INSIDE")
    wrapped = data + second + b"</s:StandardBusinessDocument>"
    assert read(wrapped).number == "INSIDE"
    assert len(read(wrapped).attachments) == 2
    assert ubl.root_name(wrapped) == "Invoice"
    alone = refused(f'<s:StandardBusinessDocument xmlns:s="{space}"/>'.encode())
    assert alone.reason == "not UBL"


@pytest.mark.parametrize(
    "data",
    [
        "<Invoice><ID>N-1</ID><Note>\u00e9</Note></Invoice>".encode(),
        b"\xef\xbb\xbf<Invoice><ID>N-1</ID></Invoice>",
        declared("ISO-8859-1", "\u00e9").encode("latin-1"),
        declared("windows-1252", "\u20ac").encode("cp1252"),
        declared("UTF-16", "\u20ac").encode("utf-16"),
        b"<!-- a --><?b c?><Invoice><!-- d --><?e f?><ID>N<!-- g -->-<![CDATA[1]]></ID></Invoice>",
        f"<q:Invoice {SPACES}><odd:ID>N-1</odd:ID></q:Invoice>".encode(),
        f'<q:Invoice {SPACES}><x:ID xmlns:x="urn:x">no</x:ID><ID>N-1</ID></q:Invoice>'.encode(),
        b"<Invoice><ID/><ID> </ID><ID>N-1</ID><ID>N-2</ID></Invoice>",
    ],
    ids=["plain", "bom", "latin-1", "cp1252", "utf-16", "comments", "prefix", "foreign", "empty"],
)
def test_forms_of_xml(data: bytes) -> None:
    """Encodings, prefixes, comments and empty elements do not hide the number."""
    assert read(data).number == "N-1"
    assert ubl.root_name(data) == "Invoice"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not XML"),
        (b"%PDF-1.7\n", "not XML"),
        (b"\x00\xff\xfe", "not XML"),
        (b"<Invoice><ID>1</Invoice>", "not XML"),
        (b"<Invoice>&nbsp;</Invoice>", "not XML"),
        (b"<Invoice><x:ID>1</x:ID></Invoice>", "not XML"),
        (b"<Invoice/><Invoice/>", "not XML"),
        (b"<Invoice>\xe9</Invoice>", "not XML"),
        (b"\n<?xml version='1.0'?><Invoice/>", "not XML"),
        (b"<Invoice><ID>1</ID>", "truncated"),
        (b"<Invoice><ID>1</I", "truncated"),
        (b"<Invoice><![CDATA[", "truncated"),
        (b"<Invo", "truncated"),
        (b"<!DOCTYPE Invoice><Invoice/>", "DOCTYPE"),
        (b'<?xml version="1.0" encoding="klingon"?><Invoice/>', "encoding"),
        (b'<?xml version="1.0" encoding="unicode_escape"?><Invoice/>', "encoding"),
        (b'<?xml version="1.0" encoding="latin-99"?><Invoice/>', "encoding"),
        (b"<html/>", "not UBL"),
        (b"<Order><Invoice/></Order>", "not UBL"),
        (b'<Invoice xmlns="http://www.ebinterface.at/schema/6p0/"/>', "not UBL"),
    ],
)
def test_unreadable_bytes_are_a_value_with_a_reason(data: bytes, reason: str) -> None:
    """What cannot be read as an invoice is told apart by one word."""
    found = refused(data)
    assert found.reason == reason
    assert str(found) == found.detail


def test_entity_bomb_is_refused_before_it_is_read() -> None:
    """Entities cannot be declared, so nothing expands and no file is fetched."""
    bomb = '<!DOCTYPE Invoice [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' if n else '<!ENTITY a0 "&a;&a;">'
        for n in range(12)
    )
    assert refused(f"{bomb}]><Invoice><ID>&a11;</ID></Invoice>".encode()).reason == "DOCTYPE"
    outside = b'<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/passwd">]><Invoice>&x;</Invoice>'
    assert refused(outside).reason == "DOCTYPE"
    assert ubl.root_name(outside) is None


def test_depth_is_capped_exactly() -> None:
    """The deepest nesting allowed is read; one element more is not, nor are a million."""
    deep = b"<Invoice>" + b"<a>" * (ubl.MAX_DEPTH - 1)
    end = b"</a>" * (ubl.MAX_DEPTH - 1) + b"</Invoice>"
    assert read(deep + end).root == "Invoice"
    assert refused(deep + b"<a/>" + end).reason == "too deep"
    assert refused(b"<Invoice>" + b"<a>" * 1_000_000).reason == "too deep"
    assert refused(b"<Invoice><a/></Invoice>", max_depth=1).reason == "too deep"


def test_size_is_capped_exactly() -> None:
    """A document of the largest size allowed is read; one byte more is not."""
    assert ubl.peek(FULL, max_bytes=len(FULL)) == read(FULL)
    assert refused(FULL, max_bytes=len(FULL) - 1).reason == "too big"


@pytest.mark.parametrize(
    "data",
    [
        b"<Invoice><!--" + b"x" * 9_000_000 + b"--></Invoice>",
        b'<Invoice a="' + b"x" * 9_000_000 + b'"/>',
        b"<Invoice>" + b"".join(b"<n%d/>" % n for n in range(40_000)) + b"</Invoice>",
        document(embedded(b"") * 1001),
    ],
    ids=["comment", "attribute", "names", "attachments"],
)
def test_what_would_fill_memory_is_refused(data: bytes) -> None:
    """What expat must hold whole, or the result would, has a limit of its own."""
    assert refused(data).reason == "too big"


@pytest.mark.parametrize(
    "text", ["", "1,00", "NaN", "Infinity", "1_0", "\u0661", "1e999", "--1", "x", "1" * 99]
)
def test_an_amount_that_is_no_amount_is_none(text: str) -> None:
    """Decimal() takes more than invoices may say; what is no plain number is left out."""
    body = (
        "<cac:LegalMonetaryTotal><cbc:PayableAmount>{}</cbc:PayableAmount></cac:LegalMonetaryTotal>"
    )
    assert read(document(body.format(text))).totals.payable is None
    assert read(document(body.format(" +1.50 "))).totals.payable == Decimal("1.50")


@pytest.mark.parametrize("text", ["2026-02-30", "03/02/2026", "2026-02-031", "0000-00-00", "x"])
def test_a_date_that_is_no_date_is_none(text: str) -> None:
    """An impossible or foreign date is left out; a time behind a date is passed over."""
    assert read(document(f"<cbc:IssueDate>{text}</cbc:IssueDate>")).issue_date is None
    timed = read(document("<cbc:IssueDate>2026-02-03T00:00:00</cbc:IssueDate>"))
    assert timed.issue_date == date(2026, 2, 3)


def test_credit_note_is_due_when_its_payment_is() -> None:
    """A credit note has no due date of its own, and its means of payment may have one."""
    body = (
        "<cac:PaymentMeans><cbc:PaymentDueDate>2026-04-01</cbc:PaymentDueDate></cac:PaymentMeans>"
    )
    assert read(document(body, "CreditNote")).due_date == date(2026, 4, 1)
    both = body + "<cbc:DueDate>2026-05-01</cbc:DueDate>"
    assert read(document(both)).due_date == date(2026, 5, 1)


def test_tax_in_another_currency_is_not_taken() -> None:
    """Tax is in the currency of the document or unknown, wherever its currency is said."""
    tax = '<cac:TaxTotal><cbc:TaxAmount currencyID="{}">5</cbc:TaxAmount></cac:TaxTotal>'
    euro = "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
    assert read(document(tax.format("SEK") + euro)).totals.tax is None
    assert read(document(tax.format("EUR") + euro)).totals.tax == 5


def test_currency_of_the_amount_to_pay_stands_in() -> None:
    """A document that forgets its currency still says it on its amounts."""
    body = (
        '<cac:LegalMonetaryTotal><cbc:PayableAmount currencyID="EUR">1</cbc:PayableAmount>'
        "</cac:LegalMonetaryTotal>"
    )
    assert read(document(body)).currency == "EUR"


def test_overlong_text_is_cut() -> None:
    """A name of a megabyte costs a thousand characters."""
    found = read(document(f"<cbc:ID>{'x' * 1_000_000}</cbc:ID>"))
    assert found.number == "x" * 1000


@given(st.binary(max_size=300), st.integers(1, 80), st.sampled_from(["", "\n", "\r\n\t ", "!-"]))
def test_extract_writes_what_was_embedded(data: bytes, width: int, between: str) -> None:
    """Whatever the line length and blank space, the bytes come out and the size is theirs."""
    text = base64.b64encode(data).decode()
    text = between.join(text[n : n + width] for n in range(0, len(text), width))
    whole = document(embedded(b"first") + embedded(b"@@@")).replace(
        base64.b64encode(b"@@@"), text.encode()
    )
    target = io.BytesIO()
    found = ubl.extract(whole, 1, target)
    assert isinstance(found, ubl.UblAttachment)
    assert (target.getvalue(), found.size) == (data, len(data))
    assert read(whole).attachments[1] == found


@given(st.text("QUJDRA=-_ \n\u00e9", max_size=40))
def test_size_is_what_extract_writes(text: str) -> None:
    """Broken base64 has a size too: that of what comes out of it."""
    whole = document(embedded(b"@@@")).replace(base64.b64encode(b"@@@"), text.encode())
    target = io.BytesIO()
    found = ubl.extract(whole, 0, target)
    assert isinstance(found, ubl.UblAttachment)
    assert len(target.getvalue()) == found.size == read(whole).attachments[0].size


def test_extract_names_what_is_not_there() -> None:
    """A wrong index is the caller's mistake; unreadable bytes are a value."""
    for index in (2, -1):
        with pytest.raises(IndexError, match="carries 2 files"):
            ubl.extract(FULL, index, io.BytesIO())
    broken = ubl.extract(FULL[:-1], 5, io.BytesIO())
    assert isinstance(broken, ubl.NotReadable)
    assert broken.reason == "truncated"
    # Reading ends with the attachment, so what is missing behind it is not missed.
    target = io.BytesIO()
    ubl.extract(FULL[:-1], 0, target)
    assert target.getvalue() == PDF


def test_fault_of_the_target_is_not_taken_for_the_document() -> None:
    """Writing to a closed file is the caller's own error, and is raised."""
    target = io.BytesIO()
    target.close()
    with pytest.raises(ValueError, match="closed file"):
        ubl.extract(FULL, 0, target)


def test_every_kind_of_source_reads_the_same(tmp_path: Path) -> None:
    """Bytes, views, paths and open files agree; a seekable file stays where it was."""
    path = tmp_path / "invoice.xml"
    path.write_bytes(FULL)
    expected = read(FULL)
    assert read(bytearray(FULL)) == read(memoryview(FULL)) == read(path) == read(str(path))
    assert read(path) == expected
    with path.open("rb") as file:
        assert read(file) == expected
        assert file.tell() == 0
        assert ubl.root_name(file) == "Invoice"
        assert file.tell() == 0

    class Pipe:
        """Gives one byte at a time and cannot go back."""

        def __init__(self) -> None:
            self.file = io.BytesIO(FULL)

        def read(self, size: int, /) -> bytes:
            assert size
            return self.file.read(1)

    assert read(Pipe()) == expected
    with path.open(encoding="utf-8") as text, pytest.raises(TypeError, match="binary mode"):
        ubl.peek(text)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        ubl.peek(tmp_path / "absent.xml")


def test_root_name_reads_only_the_beginning() -> None:
    """The root is found in the first kilobytes, however broken or long the rest is."""

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    file = Counting(FULL + b"\x00" * 1_000_000)
    assert ubl.root_name(file) == "Invoice"
    assert file.taken <= 4096
    hidden = Counting(b"<!--" + b"x" * 1_000_000 + b"--><Invoice/>")
    assert ubl.root_name(hidden) is None
    assert hidden.taken <= 64 * 1024


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", None),
        (b" " * 100_000, None),
        (b"%PDF-1.7", None),
        (b"\n \n<?xml version='1.0'?><Invoice/>", "Invoice"),
        (b"<Order/>", "Order"),
        (b"<CreditNote><junk", "CreditNote"),
        (b'<Invoice xmlns="http://www.ebinterface.at/schema/6p0/"/>', None),
        (b'<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact"/>', None),
    ],
)
def test_root_name(data: bytes, name: str | None) -> None:
    """A UBL root has a name, even in a file that is broken behind it; a foreign one has none."""
    assert ubl.root_name(data) == name


def test_values_are_frozen_and_travel() -> None:
    """What was read can be pickled, compared and kept, and not changed."""
    for value in (read(FULL), refused(b"")):
        assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(AttributeError):
        read(FULL).number = "other"  # type: ignore[misc]


def check_anything(data: bytes) -> None:
    """Whatever `data` is, the answer is a value."""
    found = ubl.peek(data)
    assert isinstance(found, ubl.UblInvoice | ubl.NotReadable)
    assert ubl.root_name(data) is None or isinstance(ubl.root_name(data), str)


@given(st.binary(max_size=400))
def test_garbage_never_raises(data: bytes) -> None:
    """Arbitrary bytes give a value."""
    check_anything(data)


@given(st.data())
def test_mutations_never_raise(data: st.DataObject) -> None:
    """An invoice with bytes changed, removed or put in gives a value."""
    mutated = bytearray(FULL)
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(mutated)))
        stop = min(len(mutated), start + data.draw(st.integers(0, 30)))
        mutated[start:stop] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from([b"<", b"</", b"]]>", b"<!--", b"&", b"<Party>"])
        )
    check_anything(bytes(mutated))


@given(st.integers(0, len(FULL) - 1))
def test_a_truncated_invoice_is_never_read(length: int) -> None:
    """No beginning of an invoice passes for the whole."""
    assert refused(FULL[:length]).reason in {"empty", "truncated"}


def test_memory_stays_constant_with_a_large_attachment(tmp_path: Path) -> None:
    """60 MB of base64 pass through peek and extract in a few megabytes; read whole, they do not."""
    path = tmp_path / "large.xml"
    before, _, after = FULL.partition(base64.b64encode(PDF))
    line = base64.b64encode(bytes(range(48)) * 1) + b"\n"
    with path.open("wb") as file:
        file.write(before)
        for _ in range(60_000_000 // (len(line) * 1000)):
            file.write(line * 1000)
        file.write(after)
    probe = (
        "import hashlib, sys, tracemalloc\n"
        "from bridge import ubl\n"
        "class Hash:\n"
        "    def __init__(self): self.hash = hashlib.sha256()\n"
        "    def write(self, data): self.hash.update(data)\n"
        "target = Hash()\n"
        "tracemalloc.start()\n"
        "path = sys.argv[1]\n"
        "size = ubl.peek(path).attachments[0].size\n"
        "ubl.extract(path, 0, target)\n"
        "peak = tracemalloc.get_traced_memory()[1]\n"
        "whole = open(path, 'rb').read(); del whole\n"
        "print(size, target.hash.hexdigest(), peak, tracemalloc.get_traced_memory()[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(path)], capture_output=True, text=True, check=True
    )
    size, digest, peak, whole = done.stdout.split()
    lines = 60_000_000 // (len(line) * 1000) * 1000
    assert int(size) == lines * 48
    assert digest == hashlib.sha256(bytes(range(48)) * lines).hexdigest()
    assert int(peak) < 2_000_000
    assert int(whole) > 55_000_000  # the measure itself sees what is kept
