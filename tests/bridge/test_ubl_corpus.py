"""Real invoices, read twice: by the project and by lxml, with other code and other paths."""

import base64
import io
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from bridge import ubl
from support.corpus import CORPUS, MALFORMED, corpus_files, needs_corpus
from support.ubl_documents import read, refused


def text(root: etree._Element, path: str) -> str | None:
    """Return the first non-empty text at `path`, by local names."""
    found = root.iterfind("/".join(f"{{*}}{name}" for name in path.split("/")))
    texts = (" ".join("".join(map(str, each.itertext())).split()) for each in found)
    return next((each for each in texts if each), None)


def amount(root: etree._Element, path: str) -> Decimal | None:
    """Return the number at `path`."""
    found = text(root, path)
    return Decimal(found) if found else None


def lxml_reading(data: bytes) -> dict[str, object]:
    """Read an invoice with the whole tree in memory and no line of the project's own code."""
    root = etree.fromstring(data)
    name = etree.QName(root).localname
    code = text(root, "InvoiceTypeCode") or text(root, "CreditNoteTypeCode")
    currency = text(root, "DocumentCurrencyCode")
    taxes = root.iterfind("{*}TaxTotal/{*}TaxAmount")
    tax = next((t.text for t in taxes if t.get("currencyID") == currency or not currency), None)
    files = root.iter("{*}EmbeddedDocumentBinaryObject")
    return {
        "kind": "credit note" if name == "CreditNote" or code in {"381", "396"} else "invoice",
        "root": name,
        "number": text(root, "ID"),
        "issue_date": text(root, "IssueDate"),
        "supplier": text(root, "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName")
        or text(root, "AccountingSupplierParty/Party/PartyName/Name"),
        "line_extension": amount(root, "LegalMonetaryTotal/LineExtensionAmount"),
        "tax_exclusive": amount(root, "LegalMonetaryTotal/TaxExclusiveAmount"),
        "tax_inclusive": amount(root, "LegalMonetaryTotal/TaxInclusiveAmount"),
        "payable": amount(root, "LegalMonetaryTotal/PayableAmount"),
        "tax": Decimal(tax) if tax else None,
        "files": [
            (each.get("filename"), each.get("mimeCode"), base64.b64decode(each.text or ""))
            for each in files
        ],
    }


def our_reading(data: bytes) -> dict[str, object]:
    """Give what `peek` and `extract` say in the same shape."""
    found = read(data)
    files = []
    for each in found.attachments:
        target = io.BytesIO()
        assert ubl.extract(data, each.index, target) == each
        assert len(target.getvalue()) == each.size
        files.append((each.file_name, each.content_type, target.getvalue()))
    return {
        "kind": found.kind,
        "root": found.root,
        "number": found.number,
        "issue_date": str(found.issue_date),
        "supplier": found.supplier.name,
        "line_extension": found.totals.line_extension,
        "tax_exclusive": found.totals.tax_exclusive,
        "tax_inclusive": found.totals.tax_inclusive,
        "payable": found.totals.payable,
        "tax": found.totals.tax,
        "files": files,
    }


@needs_corpus
def test_the_corpus_is_all_there() -> None:
    """The corpus has the files its manifest lists, so that no test passes on nothing."""
    manifest = (CORPUS / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert {line.split("\t")[0] for line in manifest} == {
        path.relative_to(CORPUS).as_posix() for path in corpus_files()
    }
    assert len(corpus_files()) == 58
    assert len([path for path in corpus_files() if path.name in MALFORMED]) == len(MALFORMED)


@needs_corpus
@pytest.mark.parametrize("path", corpus_files(), ids=lambda path: path.name)
def test_corpus_file(path: Path) -> None:
    """Each real invoice is read as lxml reads it; each other file is a value with a reason."""
    data = path.read_bytes()
    if path.suffix.lower() == ".pdf" or path.name in MALFORMED:
        refused(data)
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(data)
        return
    assert our_reading(data) == lxml_reading(data)
    assert our_reading(data)["number"]


@needs_corpus
def test_comparison_notices_a_difference() -> None:
    """A reading of a changed document does not agree: the comparison is not blind."""
    data = next(p for p in corpus_files() if p.name == "ubl-tc434-example5.xml").read_bytes()
    expected = lxml_reading(data)
    for old, new in ((b"TOSL110", b"TOSL111"), (b"2337.50", b"2337.51"), (b"EHF.pdf", b"x.pdf")):
        assert old in data
        assert our_reading(data.replace(old, new)) != expected
