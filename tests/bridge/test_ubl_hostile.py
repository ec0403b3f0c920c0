"""The look at UBL invoices, given what is no invoice or means harm: it never fails."""

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import ubl
from support.ubl_documents import FULL, PDF, document, embedded, read, refused


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
        # A code page whose ASCII is not ASCII.
        (b'<?xml version="1.0" encoding="cp864"?><Invoice/>', "encoding"),
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


def test_overlong_text_is_cut() -> None:
    """A name of a megabyte costs a thousand characters."""
    found = read(document(f"<cbc:ID>{'x' * 1_000_000}</cbc:ID>"))
    assert found.number == "x" * 1000


def check_anything(data: bytes) -> None:
    """Whatever `data` is, the answer is a value."""
    found = ubl.peek(data)
    assert isinstance(found, ubl.UblInvoice | ubl.NotReadable)
    assert ubl.root_name(data) is None or isinstance(ubl.root_name(data), str)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_garbage_never_raises(data: bytes) -> None:
    """Arbitrary bytes give a value."""
    check_anything(data)


@settings(deadline=None)
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


@settings(deadline=None)
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
