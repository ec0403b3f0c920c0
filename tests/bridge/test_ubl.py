"""The look at UBL invoices: what it reads, from what, and what it gives out."""

import base64
import io
import pickle
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge import ubl
from support.ubl_documents import CBC, FULL, INVOICE_SPACE, PDF, document, embedded, read, refused

SPACES = f'xmlns:q="{INVOICE_SPACE}" xmlns:odd="{CBC}"'


def declared(encoding: str, note: str) -> str:
    """Return an invoice that declares its encoding, with `note` in it before the number."""
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        f"<Invoice><Note>{note}</Note><ID>N-1</ID></Invoice>"
    )


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


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.text("QUJDRA=-_ \n\u00e9", max_size=40))
def test_size_is_what_extract_writes(text: str) -> None:
    """Broken base64 has a size too: that of what comes out of it."""
    whole = document(embedded(b"@@@")).replace(base64.b64encode(b"@@@"), text.encode())
    target = io.BytesIO()
    found = ubl.extract(whole, 0, target)
    assert isinstance(found, ubl.UblAttachment)
    assert len(target.getvalue()) == found.size == read(whole).attachments[0].size


PIECES = st.sampled_from(
    [
        "QUJDRA",
        "QUJD\n",
        "\r\n",
        " ",
        "=",
        "&#13;",
        "&amp;",
        "<!-- a - b -->",
        "é",
        "-_",
        "<![CDATA[QUJD]]>",
        "<x>QUJD</x>",
        "<?a b?>",
        "QUJDQUJDQUJDQUJDQUJDQUJDQUJD",
    ]
)


@settings(deadline=None)
# Not byte by byte: expat 2.5, which Debian 12 has, then loses its place in UTF-16.
@given(st.lists(PIECES, max_size=12).map("".join), st.integers(2, 60), st.booleans())
def test_however_it_is_cut_the_same_is_read(text: str, size: int, wide: bool) -> None:
    """Text that is passed by in large files says what it says when it is parsed."""
    whole = document(embedded(b"@@@") + embedded(b"second"))
    whole = whole.replace(base64.b64encode(b"@@@"), text.encode())
    if wide:
        whole = whole.decode().encode("utf-16")
    wanted, bytes_wanted = read(whole), io.BytesIO()
    ubl.extract(whole, 0, bytes_wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.ubl._expat.CHUNK", size)
        found, bytes_found = read(whole), io.BytesIO()
        ubl.extract(whole, 0, bytes_found)
    assert found == wanted
    assert bytes_found.getvalue() == bytes_wanted.getvalue()


def test_the_line_of_an_error_behind_a_large_file_is_right() -> None:
    """Lines that are not parsed count."""
    whole = document(embedded(b"@@@")).replace(base64.b64encode(b"@@@"), b"QUJD\n" * 99_999)
    lines = whole[: whole.rindex(b"</")].count(b"\n") + 1
    broken = refused(whole[: whole.rindex(b"</")] + b"</nothing>")
    assert f"line {lines}," in broken.detail


def test_extract_names_what_is_not_there() -> None:
    """A wrong index is the caller's mistake; unreadable bytes are a value."""
    for index in (2, -1):
        with pytest.raises(IndexError, match="carries 2 files"):
            ubl.extract(FULL, index, io.BytesIO())
    broken = ubl.extract(FULL[:-1], 5, io.BytesIO())
    assert isinstance(broken, ubl.NotReadable)
    assert broken.reason == "not XML"
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
    """Bytes, paths and open files agree; a file stays where it was."""
    path = tmp_path / "invoice.xml"
    path.write_bytes(FULL)
    expected = read(FULL)
    assert read(path) == read(str(path)) == expected
    with path.open("rb") as file:
        assert read(file) == expected
        assert file.tell() == 0
    with path.open(encoding="utf-8") as text, pytest.raises(TypeError, match="binary file"):
        ubl.peek(text)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        ubl.peek(tmp_path / "absent.xml")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
@example("urn:a b.xsd")
@example(" ")
def test_what_a_namespace_holds_hides_nothing(text: str) -> None:
    """Whatever characters a namespace has, a well-formed invoice is read."""
    name = escape("".join(each for each in text if each.isprintable()), {'"': "&quot;"})
    data = document("<cbc:ID>N-1</cbc:ID>").replace(
        b"<Invoice ", f'<Invoice xmlns:a="urn:{name}" '.encode(), 1
    )
    data = data.replace(b"<cbc:ID>", b"<a:ID>no</a:ID><cbc:ID>")
    assert read(data).number == "N-1"


def test_values_are_frozen_and_travel() -> None:
    """What was read can be pickled, compared and kept, and not changed."""
    for value in (read(FULL), refused(b"")):
        assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(AttributeError):
        read(FULL).number = "other"  # type: ignore[misc]


def test_only_a_number_of_a_register_is_an_enterprise_number() -> None:
    """An address in a scheme of another kind (a GLN, an e-mail) is not taken for one."""
    body = (
        "<cac:AccountingSupplierParty><cac:Party>"
        '<cbc:EndpointID schemeID="0088">7300010000001</cbc:EndpointID>'
        "<cac:PartyIdentification><cbc:ID>12</cbc:ID></cac:PartyIdentification>"
        "{}</cac:Party></cac:AccountingSupplierParty>"
    )
    assert read(document(body.format(""))).supplier == ubl.UblParty()
    right = (
        '<cac:PartyIdentification><cbc:ID schemeID="be:cbe">0777000124</cbc:ID>'
        "</cac:PartyIdentification>"
    )
    assert read(document(body.format(right))).supplier.enterprise_number == "0777000124"


def test_elements_inside_a_field_are_passed_over() -> None:
    """No schema allows them, and what they say is no part of the field."""
    data = document("<cbc:ID>F1<cbc:Note>not this</cbc:Note>-2</cbc:ID>")
    assert read(data).number == "F1-2"


def test_elements_inside_an_embedded_file_are_passed_over() -> None:
    """No schema allows them; the text around them is still the file's, and they are not fields."""
    data = document(embedded(b"abcdef")).replace(b"YWJjZGVm", b"YWJj<cbc:ID>*</cbc:ID>ZGVm")
    target = io.BytesIO()
    ubl.extract(data, 0, target)
    assert target.getvalue() == b"abcdef"
    assert [each.size for each in read(data).attachments] == [6]
    assert read(data).number is None


def test_only_attachments_are_embedded_files() -> None:
    """A binary object elsewhere, in an extension say, is no attachment."""
    loose = "<cbc:EmbeddedDocumentBinaryObject>QQ==</cbc:EmbeddedDocumentBinaryObject>"
    assert read(document(loose)).attachments == ()


def test_an_invoice_deep_in_a_wrapper_is_not_the_document() -> None:
    """Only a child of the wrapper is the document that it wraps."""
    data = b"<StandardBusinessDocument><Manifest><Invoice/></Manifest></StandardBusinessDocument>"
    assert refused(data).reason == "not UBL"


def test_wrapper_without_an_invoice_carries_no_attachment() -> None:
    """Extracting from what is no invoice says so instead of raising."""
    found = ubl.extract(
        b"<StandardBusinessDocument><Manifest/></StandardBusinessDocument>", 0, io.BytesIO()
    )
    assert isinstance(found, ubl.NotReadable)
    assert found.reason == "not UBL"


def test_tax_totals_in_other_currencies_are_passed_over() -> None:
    """The one in the document's currency is taken, wherever it stands."""
    total = '<cac:TaxTotal><cbc:TaxAmount currencyID="{}">{}</cbc:TaxAmount></cac:TaxTotal>'
    others = "".join(total.format("USD", n) for n in range(20))
    currency = "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
    assert read(document(currency + others + total.format("EUR", 21))).totals.tax == Decimal(21)
    assert read(document(currency + total.format("EUR", 21) + others)).totals.tax == Decimal(21)
