"""The look at UBL invoices, given what is no invoice or means harm: it never fails."""

import base64
import hashlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from bridge import ubl
from bridge.ubl._expat import CHUNK
from support.ubl_documents import CAC, CBC, FULL, PDF, document, embedded, read, refused


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
        (b"<Invoice><ID>1</ID>", "not XML"),
        (b"<Invoice><ID>1</I", "not XML"),
        (b"<Invoice><![CDATA[", "not XML"),
        (b"<Invo", "not XML"),
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


def test_depth_is_capped_exactly() -> None:
    """The deepest nesting allowed is read; one element more is not, nor are a million."""
    deep = b"<Invoice>" + b"<a>" * (ubl.MAX_DEPTH - 1)
    end = b"</a>" * (ubl.MAX_DEPTH - 1) + b"</Invoice>"
    assert read(deep + end).root == "Invoice"
    assert refused(deep + b"<a/>" + end).reason == "too big"
    assert refused(b"<Invoice>" + b"<a>" * 1_000_000).reason == "too big"


def test_size_is_capped_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of the largest size allowed is read; one byte more is not."""
    monkeypatch.setattr("bridge.ubl._expat.MAX_BYTES", len(FULL))
    assert read(FULL).root == "Invoice"
    assert refused(FULL + b" ").reason == "too big"


@pytest.mark.parametrize(
    "data",
    [
        b"<Invoice><!--" + b"x" * 9_000_000 + b"--></Invoice>",
        b'<Invoice a="' + b"x" * 9_000_000 + b'"/>',
        b"<Invoice>" + b"".join(b"<n%d/>" % n for n in range(40_000)) + b"</Invoice>",
        b"<Invoice>" + b"".join(b'<a b%d=""/>' % n for n in range(40_000)) + b"</Invoice>",
        b"<Invoice>" + b"".join(b'<a xmlns:p%d="u"/>' % n for n in range(40_000)) + b"</Invoice>",
        document(embedded(b"") * 1001),
    ],
    ids=["comment", "attribute", "names", "names of attributes", "prefixes", "attachments"],
)
def test_what_would_fill_memory_is_refused(data: bytes) -> None:
    """What expat must hold whole, or the result would, has a limit of its own."""
    assert refused(data).reason == "too big"


def test_overlong_text_is_cut() -> None:
    """A name of a megabyte costs a thousand characters."""
    found = read(document(f"<cbc:ID>{'x' * 1_000_000}</cbc:ID>"))
    assert found.number == "x" * 1000


OPEN, _, CLOSE = embedded(b"@@@").partition(base64.b64encode(b"@@@").decode())


@pytest.mark.parametrize(("begin", "end"), [("<![CDATA[", "]]>"), ("<?x ", "?>")])
def test_no_invoice_hides_in_an_embedded_file(begin: str, end: str) -> None:
    """Text that is passed by never takes the end of a section or an instruction with it."""
    start = document(f"{OPEN}{begin}>").removesuffix(b"</Invoice>")
    start += b"A" * (CHUNK - len(start))
    hidden = f"<!-- ]]> ?> {CLOSE}<cbc:ID>FAKE</cbc:ID>{OPEN} -->"
    data = start + f"{end}{hidden}{CLOSE}<cbc:ID>REAL</cbc:ID></Invoice>".encode()
    assert read(data).number == "REAL"
    assert as_peek(data) == as_element_tree(data)


@pytest.mark.parametrize("bad", [b"\0", b"\x08", b"\xff\xfe", b"]]>", b"&", b"&x;"])
def test_what_xml_may_not_hold_is_refused_in_an_embedded_file(bad: bytes) -> None:
    """Bytes far into a large file are as good or as bad as anywhere."""
    letters = b"QUJD" * 50_000
    data = document(embedded(b"@@@") + "<cbc:ID>N-1</cbc:ID>")
    whole = data.replace(base64.b64encode(b"@@@"), letters)
    assert read(whole).number == "N-1"
    broken = data.replace(base64.b64encode(b"@@@"), letters + bad + letters)
    # A reference that does not end is one that is too long, first of all.
    assert refused(broken).reason == ("too big" if bad == b"&" else "not XML")


Content: TypeAlias = tuple[str | None, str | None, tuple[bytes, ...]]
"""The number, the name of the supplier, and every embedded file."""


def as_peek(data: bytes) -> Content | None:
    """What the look at a document finds in it; None when it is refused."""
    found = ubl.peek(data)
    if isinstance(found, ubl.NotReadable):
        return None
    files: list[bytes] = []
    for attachment in found.attachments:
        target = io.BytesIO()
        assert ubl.extract(data, attachment.index, target) == attachment
        assert attachment.size == len(target.getvalue())
        files.append(target.getvalue())
    return found.number, found.supplier.name, tuple(files)


def as_element_tree(data: bytes) -> Content | None:
    """The same by ElementTree, which reads the document whole; None when it is not well-formed."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return None
    party = f"{{{CAC}}}AccountingSupplierParty/{{{CAC}}}Party/{{{CAC}}}PartyName/{{{CBC}}}Name"
    files = tuple(decoded(text) for text in embedded_texts(root))
    return first_text(root, f"{{{CBC}}}ID"), first_text(root, party), files


def first_text(root: ElementTree.Element, path: str) -> str | None:
    """What the first element there says, of those that say something."""
    texts = (
        " ".join("".join([each.text or "", *(child.tail or "" for child in each)]).split())
        for each in root.findall(path)
    )
    return next((text for text in texts if text), None)


def embedded_texts(element: ElementTree.Element) -> Iterator[str]:
    """The text of each embedded file; one inside another is a part of it."""
    for child in element:
        if (element.tag, child.tag) == (
            f"{{{CAC}}}Attachment",
            f"{{{CBC}}}EmbeddedDocumentBinaryObject",
        ):
            yield "".join(child.itertext())
        else:
            yield from embedded_texts(child)


def decoded(text: str) -> bytes:
    """The bytes of lenient base64: up to the first padding, and no letter left over."""
    letters = re.sub(r"[^A-Za-z0-9+/=]", "", text).partition("=")[0]
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(letters + "=" * (-len(letters) % 4))


def party(name: str) -> str:
    """A supplier of that name."""
    return (
        f"<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>{name}</cbc:Name>"
        "</cac:PartyName></cac:Party></cac:AccountingSupplierParty>"
    )


# Runs of base64 that reach over the edges of chunks, and the marks that end something.
LINES = ["QUJD", "bcdefgh", "A", "01+/\n", "xyz \r\n", "QQ=="]
RUNS = st.lists(st.sampled_from(LINES), min_size=1, max_size=20).map("".join)
MARKS = [">", "]", "]]", "]]>", "-", "-->", "?", "?>", "/", "=", '"', ";", "\r", "\u00e9", "amp;"]
ENDS = ["<x>", "</x>", OPEN, CLOSE, "<cbc:ID>FAKE</cbc:ID>", party("Fake NV")]
TEXTS = st.lists(RUNS | st.sampled_from(MARKS) | st.sampled_from(ENDS), max_size=5).map("".join)
PIECES = st.one_of(
    RUNS,
    RUNS,
    TEXTS.map(lambda text: f"<![CDATA[{text.replace(']]>', '')}]]>"),
    TEXTS.map(lambda text: f"<!--{text.replace('-', '')}-->"),
    TEXTS.map(lambda text: f"<?x {text.replace('?>', '')}?>"),
    RUNS.map(lambda text: f"<x a='>'>{text}</x>"),
    RUNS.map(lambda text: f"{CLOSE}<cbc:ID>{text}</cbc:ID>{party(text)}{OPEN}"),
    st.sampled_from(["&amp;", "&#65;", "&#xd;", "]", ">", "]]&gt;", "-->", "?>", "\u00e9", "\r"]),
)
# What makes most documents, and not all, unreadable; "\udcff" stands for a byte outside UTF-8.
STRAYS = st.sampled_from(
    [*MARKS, *ENDS, "<", "&", "<!--", "<![CDATA[", "<?x ", "--", "\0", "\x08", "\ufffe", "\udcff"]
)
ENCODINGS = {
    "utf-8": ("", "surrogateescape"),
    "utf-8-sig": ("", "surrogateescape"),
    "utf-16": ("", "surrogatepass"),
    "utf-16-be": ("<?xml version='1.0' encoding='utf-16be'?>", "surrogatepass"),
    "iso-8859-1": ("<?xml version='1.0' encoding='iso-8859-1'?>", "xmlcharrefreplace"),
    "cp1252": ("<?xml version='1.0' encoding='windows-1252'?>", "xmlcharrefreplace"),
}


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A document whose embedded file is made of everything that can stand in one."""
    pieces = draw(st.lists(PIECES, max_size=8))
    for stray in draw(st.just([]) | st.lists(STRAYS, max_size=2)):
        pieces.insert(draw(st.integers(0, len(pieces))), stray)
    frame = document(f"{OPEN}@@@{CLOSE}<cbc:ID>REAL</cbc:ID>{party('Real NV')}").decode()
    text = frame.replace("@@@", "".join(pieces))
    encoding = draw(st.just("utf-8") | st.sampled_from(sorted(ENCODINGS)))
    declaration, errors = ENCODINGS[encoding]
    return (declaration + text).encode(encoding, errors)


def agree(data: bytes, size: int) -> bool:
    """Whether both find the same, when the look takes `size` bytes at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.ubl._expat.CHUNK", size)
        return as_peek(data) == as_element_tree(data)


@settings(deadline=None)
@given(documents(), st.integers(1, 64))
def test_the_look_finds_what_a_whole_parser_finds(data: bytes, size: int) -> None:
    """Wherever the text that is passed by is cut: the same fields and files, the same refusals."""
    assert agree(data, size)


def test_the_comparison_catches_text_passed_by_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that passes by every chunk without a tag, whatever else is in it, is found out."""
    monkeypatch.setattr("bridge.ubl._expat._is_base64", lambda chunk: b"<" not in chunk)
    cases = st.tuples(documents(), st.integers(1, 64))
    caught = find(
        cases,
        lambda case: not agree(*case),
        # The first case that is caught ends the search, so the limit costs nothing.
        settings=settings(
            max_examples=1000, derandomize=True, database=None, phases=[Phase.generate]
        ),
    )
    assert not agree(*caught)


def check_anything(data: bytes) -> None:
    """Whatever `data` is, the answer is a value."""
    found = ubl.peek(data)
    assert isinstance(found, ubl.UblInvoice | ubl.NotReadable)


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
    assert refused(FULL[:length]).reason in {"empty", "not XML"}


@pytest.mark.long
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
