"""The values that go in and come out."""

from __future__ import annotations

import io
import pickle
import string
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import zenvoices_client
from _client_kit._models import decode
from zenvoices_client import (
    Account,
    Attachment,
    Company,
    InboxDocument,
    InboxUpload,
    Lookup,
    Product,
    PurchaseOrder,
    WebhookSubscription,
)
from zenvoices_client._file_name import safe_file_name

DOCUMENT = {
    "id": 4711,
    "externalId": "0042",
    "administrationId": 101,
    "importStatus": 3,
    "receivedTime": "2026-01-02T04:04:05+01:00",
    "newField": {"a": [1.5]},
}


def test_document_is_read_leniently() -> None:
    """Known members get their types, missing ones are None, unknown ones are kept."""
    document = decode(InboxDocument, DOCUMENT)
    assert document == InboxDocument(
        id=4711,
        external_id="0042",
        company_id=101,
        import_status=3,
        received_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        extra={"newField": {"a": [1.5]}},
    )
    assert document.received_time is not None
    assert document.received_time.utcoffset() is not None


def test_code_stays_a_string() -> None:
    """A code with leading zeros, or one a service writes as a number, is a string."""
    assert decode(Company, {"code": "0042"}).code == "0042"
    assert decode(Company, {"code": 42}).code == "42"


MODELS = [
    value
    for name in zenvoices_client.__all__
    if attrs.has(value := getattr(zenvoices_client, name)) and hasattr(value, "extra")
]


@pytest.mark.parametrize("model", MODELS)
def test_models_are_frozen_and_travel(model: type[Company]) -> None:
    """Every model can be pickled, compared and hashed, and nothing can be changed on it."""
    value = decode(model, {"id": 1, "code": "7", "lines": [{"a": 1}], "unknown": Decimal("1.5")})
    assert value.extra["unknown"] == Decimal("1.5")
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.extra = {}  # type: ignore[misc]
    assert not hasattr(value, "__dict__")


def test_models_under_test_are_the_ones_that_matter() -> None:
    """The list above is not empty by accident."""
    assert {Account, Company, InboxDocument, Product, PurchaseOrder, WebhookSubscription} <= set(
        MODELS
    )


def test_upload_travels(tmp_path: Path) -> None:
    """An upload of bytes or paths, and a look-up, can be sent to another process."""
    path = tmp_path / "a.xml"
    path.write_bytes(b"<Invoice/>")
    upload = InboxUpload(attachments=[Attachment("a.xml", path), Attachment("b.xml", b"<x/>")])
    copy = pickle.loads(pickle.dumps(upload))
    assert copy == upload
    assert [part.size for part in copy.attachments] == [10, 4]
    found = Lookup("found", InboxDocument(id=1), datetime(2026, 1, 1, tzinfo=UTC))
    assert pickle.loads(pickle.dumps(found)) == found


def test_content_is_not_shown() -> None:
    """A printed upload names its files and never holds their bytes."""
    assert "canary" not in repr(InboxUpload(attachments=[Attachment("a.xml", b"canary")]))


@pytest.mark.parametrize("attachments", [(), [b"x"], ["a.xml"], [None]])
def test_upload_holds_attachments_only(attachments: list[Attachment]) -> None:
    """An upload without a file, or with something else, is a programming error."""
    with pytest.raises(TypeError, match="at least one Attachment"):
        InboxUpload(attachments=attachments)


@pytest.mark.parametrize("content", [io.StringIO("x"), 3, None, ["x"]])
def test_content_that_is_no_file_is_refused(content: bytes) -> None:
    """Text files and other things are refused before anything is sent."""
    with pytest.raises(TypeError):
        Attachment("a.xml", content)


def test_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file is noticed when the attachment is made, not while it is sent."""
    with pytest.raises(FileNotFoundError):
        Attachment("a.xml", tmp_path / "missing.xml")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("F2026-001.xml", "F2026-001.xml"),
        ("V01/15000001.xml", "15000001.xml"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ("a\r\nb.xml", "a_b.xml"),
        ("CON.xml", "_CON.xml"),
        ("", "document"),
        ("...", "document"),
        ("///", "document"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("Re\u0301sume\u0301.pdf", "R\u00e9sum\u00e9.pdf"),
        (" a .xml ", "a.xml"),
        ("\uff0e\uff0e\uff0fetc\uff0fpasswd", "\uff0e\uff0e_etc_passwd"),
        ("C\uff1a\uff3ca\ufe68b\u2105d.pdf", "C_a_b_d.pdf"),
        ("\uff0e\uff0e", "document"),
        ("\u2025", "document"),
        ("\uff0e\u3000_", "document"),
        ("\uff23\uff2f\uff2e.xml", "_\uff23\uff2f\uff2e.xml"),
        ("con." + "x" * 200, "_con." + "x" * 115),
        ("x" * 110 + " ." + "b" * 30, "x" * 110 + ".bbbbbbbb"),
        ("_" * 130 + "x", "document"),
    ],
)
def test_file_name_is_made_safe(name: str, safe: str) -> None:
    """Folders, control characters, reserved names, in all their forms, and blanks go."""
    assert Attachment(name, b"x").file_name == safe


@given(st.text(max_size=300))
@example("x" * 300 + ".pdf")
@example("\u20ac" * 100 + ".xml")
@example("a." + "b" * 40)
@example("\ud800")
@example("con" + "\u3000" * 60 + ".xml")
@example("\u226e\u0334\u2260")
def test_every_file_name_is_safe(name: str) -> None:
    """Whatever goes in, a short, printable, single and stable name comes out."""
    safe = safe_file_name(name)
    assert 0 < len(safe.encode()) <= 120
    assert not set(safe) & set('/\\<>:"|?*\0\r\n')
    assert safe not in {".", ".."}
    assert safe == safe.strip(" ")
    assert not any(unicodedata.category(letter)[0] == "C" for letter in safe)
    assert not {"\u2028", "\u2029"} & set(safe)
    folded = unicodedata.normalize("NFKC", safe)
    assert not set(folded) & set('/\\<>:"|?*\0\r\n')
    assert set(folded) - set("_. ")
    stem = folded.partition(".")[0].rstrip(" ").upper()
    assert stem not in {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    assert not (stem[:3] in {"COM", "LPT"} and stem[3:] in set("0123456789\u00b9\u00b2\u00b3"))
    assert safe_file_name(safe) == safe


HIDDEN = st.sampled_from([
    "\u00ad", "\u061c", "\u180e", "\u200d", "\u2028", "\u2066", "\ufeff", "\ufff9", "\ue000",
    "\ufdd0", "\U000e0001", "\U000e0041", "\U000e007f", "\U0010fffe",
])  # fmt: skip


@given(st.lists(st.one_of(HIDDEN, st.sampled_from("aZ9 .-_/\u00e9\u4e2d\u0301\U0001f600$\u00b9"))))
@example(list("COM\u00b9"))
@example(list("con" + " " * 130 + "x.txt"))
@example(list("conin$.txt"))
@example(list("nul .txt"))
def test_what_does_not_show_leaves_a_file_name(letters: list[str]) -> None:
    """Format, tag, private and unassigned characters go; nothing that can be seen does."""
    test_every_file_name_is_safe.hypothesis.inner_test("".join(letters))  # type: ignore[attr-defined]


TRICKY = st.sampled_from([
    *("/", "\\", "\uff0f", "\uff3c", "\ufe68", "\uff1a", "\u2047", "\u2100", "\uff0e", "\u2024"),
    *("\u2025", "\u2026", "\u3000", "\xa0", ".", " ", "_", "con", "\uff23on", "Lpt", "\u2460"),
    *("conin$", "x" * 117, "e", "\u0301", "\u0338", "\u226e", "\u2105", "\u1fef", "\u037e"),
    *("\u00b2", "\u212a", "\U0001f600"),
])  # fmt: skip


@given(st.lists(TRICKY, max_size=9))
def test_what_is_cut_off_leaves_no_name_that_is_not_safe(parts: list[str]) -> None:
    """Names near the limit, near a reserved one, and of characters that have another form."""
    test_every_file_name_is_safe.hypothesis.inner_test("".join(parts))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    [
        "Facture n\u00b0 12 \u2013 \u00e9t\u00e9.pdf",
        "\u8acb\u6c42\u66f8\u3000\uff11.xml",
        "\u0441\u0447\u0451\u0442.pdf",
        "\u05d7\u05e9\u05d1\u05d5\u05df.pdf",
        "\U0001f600\u2764\ufe0f.pdf",
        "prix\u00a0HT.pdf",
        "COM\u00b95.txt",
        "context.xml",
        "lpt.xml",
    ],
)
def test_an_ordinary_file_name_stays(name: str) -> None:
    """Accents, other scripts, emoji and the spaces of a language are no danger."""
    assert safe_file_name(name) == name


@given(st.text(string.ascii_letters, min_size=1, max_size=300), st.sampled_from(["xml", "pdf"]))
def test_file_name_keeps_its_extension(stem: str, extension: str) -> None:
    """However long the name, its type stays visible."""
    assert safe_file_name(f"{stem}.{extension}").endswith(f".{extension}")


def test_a_long_name_is_cut_before_it_is_looked_at() -> None:
    """A million marks, whose order takes hours to find, are a name like any other."""
    marks = "".join(map(chr, (0x0315, 0x0300, 0x05AE, 0x0062)))
    assert safe_file_name(f"{marks * 250_000}.xml").endswith(".xml")


@pytest.mark.parametrize("value", [12, ("Invoice",), b"Invoice", ["a"]])
@pytest.mark.parametrize("name", ["subject", "sender_name", "destination"])
def test_a_text_of_an_upload_is_a_text(name: str, value: Any) -> None:
    """A trailing comma makes a tuple: it is refused in the mapper's own line."""
    attachments = [Attachment("a.xml", b"x")]
    with pytest.raises(TypeError, match=f"InboxUpload: {name} must be a text, not "):
        InboxUpload(attachments=attachments, **{name: value})
    assert InboxUpload(attachments=attachments, **{name: None}).subject is None


@pytest.mark.parametrize("value", [None, 12, Path("a.xml")])
def test_names_of_an_attachment_are_texts(value: Any) -> None:
    """A path is no name, and no media type is no text."""
    with pytest.raises(TypeError, match="Attachment: file_name must be a text, not "):
        Attachment(value, b"x")
    with pytest.raises(TypeError, match="Attachment: content_type must be a text, not "):
        Attachment("a.xml", b"x", value)
