"""The samples: valid by the rules of others, different from each other, the same everywhere."""

import hashlib
import io
import os
import re
import subprocess
import sys
from base64 import b64decode
from decimal import Decimal
from itertools import product
from pathlib import Path

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from stdnum import iban
from stdnum.be import vat as belgian

from bridge import ubl
from bridge.testing import Sample, SampleParty, sample
from bridge.testing._samples.parties import COMPANY, PARTNERS
from support.en16931 import broken_rules, schema_fault

KINDS: tuple[ubl.Kind, ...] = ("invoice", "credit note")

anything = st.builds(
    sample,
    st.integers(0, 1_000_000),
    kind=st.sampled_from(KINDS),
    attach_pdf=st.booleans(),
    sale=st.booleans(),
)


def every_sort() -> list[Sample]:
    """Return samples with each partner, of each kind, in each direction."""
    made = [
        sample(n, kind=kind, sale=sale)
        for n, kind, sale in product(range(len(PARTNERS)), KINDS, (False, True))
    ]
    return [*made, sample(3, attach_pdf=False)]


@pytest.mark.long
def test_samples_pass_en_16931(tmp_path: Path) -> None:
    """Every sort of sample passes every rule of EN 16931, and rules were applied to it."""
    files = []
    for n, made in enumerate(every_sort()):
        files.append(tmp_path / f"{n}.xml")
        files[-1].write_bytes(made.content)
    answers = broken_rules(files)
    assert len(answers) == len(files) == 37
    assert [broken for _, broken in answers] == [[]] * len(files)
    assert min(fired for fired, _ in answers) > 20


@pytest.mark.parametrize("made", every_sort(), ids=lambda made: str(made.filename))
def test_samples_follow_the_schema(made: Sample) -> None:
    """Every sort of sample is valid UBL 2.1."""
    assert schema_fault(made.content) is None


def test_broken_samples_are_noticed(tmp_path: Path) -> None:
    """The two checks do find faults: each change breaks the rule that forbids it."""
    good = sample(0).content
    changes = {
        "BR-02": re.sub(rb"<cbc:ID>BDM[^<]*</cbc:ID>\n<cbc:Issue", b"<cbc:Issue", good),
        "BR-CO-15": re.sub(rb"(<cbc:TaxInclusiveAmount[^>]*>)", rb"\g<1>9", good),
        "BR-CO-10": re.sub(rb"(<cbc:LineExtensionAmount[^>]*>)", rb"\g<1>9", good, count=1),
        "BR-S-08": re.sub(rb"(<cbc:TaxableAmount[^>]*>)", rb"\g<1>9", good, count=1),
        "BR-61": re.sub(rb"<cac:PayeeFinancialAccount>.*</cac:PayeeFinancialAccount>", b"", good),
    }
    files = []
    for rule, content in changes.items():
        assert content != good
        files.append(tmp_path / f"{rule}.xml")
        files[-1].write_bytes(content)
    answers = dict(zip(changes, broken_rules(files), strict=True))
    for rule, answer in answers.items():
        assert rule in answer[1], answer
    swapped = re.sub(rb"(<cbc:IssueDate>.*)\n(<cbc:DueDate>.*)\n", rb"\2\n\1\n", good)
    assert "IssueDate" in str(schema_fault(swapped))


@settings(deadline=None)
@given(anything)
def test_any_sample_is_valid_and_says_what_it_is(made: Sample) -> None:
    """Whatever is asked for, the schema is kept and reading it gives what `Sample` says."""
    assert schema_fault(made.content) is None
    found = ubl.peek(made.content)
    assert isinstance(found, ubl.UblInvoice)
    assert (found.kind, found.number, found.issue_date, found.currency) == (
        made.kind,
        made.number,
        made.issue_date,
        made.currency,
    )
    assert found.payment_reference == made.number
    assert found.totals.payable == found.totals.tax_inclusive == made.total
    for said, party in ((found.supplier, made.supplier), (found.customer, made.customer)):
        assert said == ubl.UblParty(party.name, party.vat_number, party.enterprise_number)


@settings(deadline=None)
@given(anything)
def test_the_sums_are_right(made: Sample) -> None:
    """Lines, VAT and totals add up, worked out again from the XML."""
    root = etree.fromstring(made.content)

    def amounts(path: str) -> list[Decimal]:
        return [Decimal(each.text or "") for each in root.iterfind(path)]

    line = "{*}CreditNoteLine" if made.kind == "credit note" else "{*}InvoiceLine"
    (net,) = amounts("{*}LegalMonetaryTotal/{*}TaxExclusiveAmount")
    (tax,) = amounts("{*}TaxTotal/{*}TaxAmount")
    assert sum(amounts(f"{line}/{{*}}LineExtensionAmount")) == net
    assert sum(amounts("{*}TaxTotal/{*}TaxSubtotal/{*}TaxableAmount")) == net
    assert net + tax == made.total > 0
    subtotals = zip(
        amounts("{*}TaxTotal/{*}TaxSubtotal/{*}TaxableAmount"),
        amounts("{*}TaxTotal/{*}TaxSubtotal/{*}TaxCategory/{*}Percent"),
        amounts("{*}TaxTotal/{*}TaxSubtotal/{*}TaxAmount"),
        strict=True,
    )
    for taxable, rate, amount in subtotals:
        assert abs(taxable * rate / 100 - amount) <= Decimal("0.005")


def check_numbers(party: SampleParty) -> None:
    """Check the numbers of `party` with python-stdnum."""
    iban.validate(party.iban)
    belgian.validate(party.vat_number)
    assert party.vat_number == f"BE{party.enterprise_number}"


def test_numbers_of_the_companies_pass_their_checks() -> None:
    """Enterprise, VAT and account numbers are valid in Belgium."""
    parties = [COMPANY, *PARTNERS]
    for party in parties:
        check_numbers(party)
    for field in ("name", "prefix", "vat_number", "enterprise_number", "iban"):
        assert len({getattr(party, field) for party in parties}) == len(parties)


def test_a_sample_says_which_one_it_is() -> None:
    """In a shell it is one short line, without the bytes of the document."""
    made = sample(0)
    assert repr(made) == f"<Sample invoice BDM-2026-00000: {made.total} EUR>"


def test_samples_differ_from_each_other() -> None:
    """No two share a number, a name or their bytes."""
    made = [
        sample(n, kind=kind, sale=sale, attach_pdf=False)
        for n, kind, sale in product(range(250), KINDS, (False, True))
    ]
    assert len({each.filename for each in made}) == len(made)
    assert len({each.number for each in made}) == len(made)
    assert len({each.content for each in made}) == len(made)
    for each in made:
        assert re.fullmatch(r"[\w.-]+\.xml", each.filename, re.ASCII)


def test_samples_are_the_same_everywhere() -> None:
    """Another process, with other hashes, makes the same bytes."""
    code = (
        "import hashlib; from bridge.testing._samples.sample import sample\n"
        "print(hashlib.sha256(b''.join(sample(n).content for n in range(20)))"
        ".hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = b"".join(sample(n).content for n in range(20))
    assert other.stdout.strip() == hashlib.sha256(here).hexdigest()


def pdf_text(data: bytes) -> list[str]:
    """Return the text of each page, read by pypdf."""
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    return [page.extract_text() for page in reader.pages]


def test_pdf_shows_the_document() -> None:
    """A strict reader opens the PDF and finds supplier, number and total in it."""
    made = sample(4)
    shown = pdf_text(made.pdf)
    assert len(shown) == 1
    assert made.supplier.name in shown[0]
    assert "Li\u00e8ge" in shown[0]
    assert made.number in shown[0]
    assert f"Total: EUR {made.total}" in shown[-1]


def test_pdf_is_the_one_embedded() -> None:
    """The embedded file is `pdf`, byte for byte; without it there is none."""
    made = sample(6)
    target = io.BytesIO()
    found = ubl.extract(made.content, 0, target)
    assert found == ubl.UblAttachment(0, f"{made.number}.pdf", "application/pdf", len(made.pdf))
    assert target.getvalue() == made.pdf
    root = etree.fromstring(made.content)
    (embedded,) = root.iter("{*}EmbeddedDocumentBinaryObject")
    assert b64decode(embedded.text or "", validate=True) == made.pdf
    bare = ubl.peek(sample(6, attach_pdf=False).content)
    assert isinstance(bare, ubl.UblInvoice)
    assert bare.attachments == ()
    assert sample(6, attach_pdf=False).pdf == made.pdf
