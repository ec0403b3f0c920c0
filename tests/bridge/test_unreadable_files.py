"""Which file of a document is sent where some cannot be read, and what its line says of them."""

from __future__ import annotations

import io
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge import SourceFile
from bridge.testing import trial_document, try_mapper
from support.broken_ubl import CREDIT_NOTE, PLAIN, UNREADABLE
from support.corpus import MALFORMED, corpus_files, needs_corpus
from support.ubl_documents import INVOICE_SPACE

PDF = ("a.pdf", b"%PDF-1.4 beside")
CII = b'<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard"/>'
STYLESHEET = (
    f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
    f'xmlns:in="{INVOICE_SPACE}"/>'
).encode()


def sent(*files: tuple[str, bytes]) -> tuple[str, str]:
    """Return the name of the file that the default mapper sends, and the warning of its line."""
    (trial,) = try_mapper(documents=[trial_document(*files)])
    assert trial.upload is not None, trial
    (attachment,) = trial.upload.attachments
    return attachment.file_name, trial.warning


# Neither the name "b" nor the first bytes say that this one is XML.
WITHOUT_A_NAME = {kind: data for kind, data in UNREADABLE.items() if kind != "text before it"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *(("b.xml", data) for data in UNREADABLE.values()),
        *(("b", data) for data in WITHOUT_A_NAME.values()),
    ],
    ids=[*UNREADABLE, *(f"{kind}, without a name" for kind in WITHOUT_A_NAME)],
)
def test_an_unreadable_invoice_is_sent_whether_or_not_a_pdf_is_beside_it(
    name: str, data: bytes
) -> None:
    """The PDF, before it or after it, changes neither the file that is sent nor the warning."""
    alone = sent((name, data))
    assert alone[0] == name
    assert alone[1].startswith("not readable as UBL: ")
    assert sent((name, data), PDF) == sent(PDF, (name, data)) == alone


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_a_readable_invoice_goes_before_an_unreadable_one(data: bytes) -> None:
    """The unreadable one stays, and the line names it, in any order of the files."""
    for files in permutations([("a.xml", data), ("b.xml", PLAIN), PDF]):
        name, warning = sent(*files)
        assert name == "b.xml"
        assert warning.startswith("a.xml is not sent and not readable as UBL: ")


@pytest.mark.parametrize(
    "data", [CII, STYLESHEET, b"<html/>", b"<Order>", b"<Invoice xmlns='x'>", CII[:-2] + b"><"]
)
def test_xml_that_is_read_and_is_something_else_never_beats_a_pdf(data: bytes) -> None:
    """The PDF is the document, and there is nothing to warn of."""
    assert sent(("other.xml", data), PDF) == sent(PDF, ("other.xml", data)) == ("a.pdf", "")
    assert sent(("other.xml", data), ("more.csv", b"1;2"))[0] == "other.xml"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n",
        b"hello",
        b"<Invoice><ID>1",
        b"<!DOCTYPE a><a/>",
        PLAIN.decode().encode("cp037"),
        b"<!--" + b" " * 64 * 1024 + b"-->\n" + PLAIN[:-4],
    ],
    ids=["empty", "blank", "text", "cut", "DOCTYPE", "EBCDIC", "far"],
)
def test_what_may_be_anything_stays_beside_a_pdf_with_a_warning(data: bytes) -> None:
    """Without the namespace near its beginning, an unreadable XML is named and not sent."""
    name, warning = sent(("b.xml", data), PDF)
    assert name == "a.pdf"
    assert warning.startswith("b.xml is not sent and not readable as UBL: ")


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("wide", [1, 2, 4])
def test_the_namespace_counts_within_the_first_64_kilobytes(pad: int, wide: int) -> None:
    """The last place that counts, and one byte behind it, in encodings of every width."""
    head = f"<!DOCTYPE a><!--{{}}-->{INVOICE_SPACE}"
    room = 64 * 1024 // wide - len(head.format(""))
    text = head.format("x" * (room + pad))
    data = text.encode({1: "utf-8", 2: "utf-16-le", 4: "utf-32-be"}[wide])
    assert sent(("b.xml", data), PDF)[0] == ("a.pdf" if pad else "b.xml")


@pytest.mark.parametrize("left", ["not readable as UBL", "is not sent"])
def test_every_unreadable_file_has_a_part_of_the_warning(left: str) -> None:
    """The one that is sent and each that stays, by name; names of strangers stay on one line."""
    files = [(f"{n}\nx.xml", data) for n, data in enumerate([PLAIN[:-4], b"<a", b"<"])]
    _, warning = sent(*files, PDF)
    assert warning.count(left) == (3 if left == "not readable as UBL" else 2)
    assert "\n" not in warning
    assert "1 x.xml is not sent" in warning
    assert "2 x.xml is not sent" in warning


@settings(deadline=None)
@given(
    st.binary(max_size=40),
    st.binary(max_size=8),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
    st.sampled_from(["UTF-8", "utf-16", "IBM850", "x", ""]),
    st.integers(0, 100),
)
def test_whatever_stands_before_an_invoice_the_pdf_changes_nothing(
    before: bytes, inside: bytes, encoding: str, label: str, cut: int
) -> None:
    """Bytes before it or in it, any width and label, the end cut off: it is sent all the same."""
    text = PLAIN.decode().replace("UTF-8", label)
    data = text.encode(encoding).replace(b"N", b"N" + inside)
    data = before.replace(b"<", b"") + data[: len(data) - cut]
    alone = sent(("b.xml", data))
    assert alone[0] == "b.xml"
    assert sent(("b.xml", data), PDF) == sent(PDF, ("b.xml", data)) == alone


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="<>/ab&;!-[]?\"'= \n").map(str.encode))
@example(b"<a/>")
@example(b"")
def test_no_xml_file_stays_behind_in_silence(data: bytes) -> None:
    """Whatever the bytes: sent, or read as another document, or named in the warning."""
    file = SourceFile("f", "b.xml", "application/xml", len(data), io.BytesIO(data))
    name, warning = sent(("b.xml", data), PDF)
    read = not file.is_unreadable and file.warning.startswith("not readable as UBL: not an invoice")
    assert name == "b.xml" or read or "b.xml is not sent" in warning


@pytest.mark.parametrize(
    ("name", "kind", "data", "formats"),
    [
        ("scan", "application/pdf;charset=binary", b"", "pdf"),
        ("scan", "application/pdf ; charset=binary", b"", "pdf"),
        ("scan", "Application/PDF", b"", "pdf"),
        ("SCAN.PDF", "application/octet-stream", b"", "pdf"),
        ("a", "application/xml; charset=utf-8", b"", "xml"),
        ("a", "TEXT/XML", b"", "xml"),
        ("a", "Application/Vnd.Oasis.Ubl+XML;v=2", b"", "xml"),
        ("A.XML ", "", b"", "xml"),
        ("a", "", b"%PDF-1.7", "pdf"),
        ("a.bin", "application/octet-stream", b"\r\n%PDF-1.7", "pdf"),
        ("a", "", b"<a/>", "xml"),
        ("a", "", b"\xef\xbb\xbf\n<a/>", "xml"),
        ("a", "", "\ufeff<a/>".encode("utf-16-be"), "xml"),
        ("a", "", b"\xff\xfe\0\0" + "<a/>".encode("utf-32-le"), "xml"),
        ("a", "", b"1;2", ""),
        ("a", "", b"", ""),
        ("a", "text/csv", b"1;2", ""),
        ("a.htm", "text/html", b"<!DOCTYPE HTML><p>", ""),
        ("a", "", b"\n<html><br>", ""),
        # Where name and media type say two things, the first bytes decide as well.
        ("a.xml", "application/pdf", b"<a/>", "xml"),
        ("a.pdf", "application/xml", b"%PDF-1.7", "pdf"),
        ("a.pdf", "text/xml", b"junk %PDF-1.7", "pdf xml"),
    ],
)
def test_name_type_and_first_bytes_say_what_a_file_is(
    name: str, kind: str, data: bytes, formats: str
) -> None:
    """A media type in capitals or with parameters counts; without any, the first bytes do."""
    file = SourceFile("f", name, kind, len(data), io.BytesIO(data))
    assert (file.is_pdf, file.is_xml) == ("pdf" in formats, "xml" in formats)


def test_a_file_is_read_once_for_all_its_properties() -> None:
    """After a look, what a report needs is read from no file any more."""
    for data in (PLAIN, CREDIT_NOTE[:-2], b"%PDF", b"1;2"):
        content = io.BytesIO(data)
        file = SourceFile("f", "f", "", len(data), content)
        _ = file.warning
        content.close()
        assert (file.warning != "", file.is_unreadable) == (data == CREDIT_NOTE[:-2],) * 2
        assert (file.ubl is not None) == (data == PLAIN)


@needs_corpus
def test_real_invoices_go_before_a_pdf_and_broken_ones_are_named() -> None:
    """Each real file beside a PDF: sent when it is UBL, else named in the warning."""
    for path in corpus_files(".xml"):
        name, warning = sent(("b.xml", path.read_bytes()), PDF)
        if path.name not in MALFORMED:
            assert (name, warning) == ("b.xml", "")
        else:
            # One has another root element, so it is another kind of document.
            other = path.name == "ublinvoice-invlidID.xml"
            assert ("not readable as UBL" in warning) != other
            assert ("b.xml is not sent" in warning) == (name == "a.pdf" and not other)
