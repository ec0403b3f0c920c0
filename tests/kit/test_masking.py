"""Secrets in a service's own words, however they are written there."""

import html
import json
import unicodedata
from collections.abc import Callable
from html.entities import html5
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as xml_escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from _client_kit._redaction import masked, sanitise
from _client_kit._secret import Secret


def _dotnet(text: str) -> str:
    r"""As .NET's JSON writes it: ``\u0026`` for what HTML would read."""
    written = json.dumps(text)[1:-1].replace('\\"', '"')
    return "".join(f"\\u{ord(char):04X}" if char in "\"&'+<>`" else char for char in written)


NAMES = {named: name for name, named in html5.items() if name.endswith(";") and len(named) == 1}
WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json in utf-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "dotnet": _dotnet,
    "php": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "url": lambda text: quote(text, safe=""),
    "url in part": lambda text: quote(text, safe="!*'()/?@:"),
    "form": quote_plus,
    "python": lambda text: repr(text)[1:-1] if text.isprintable() and text.isascii() else text,
    "xml": lambda text: xml_escape(text, {"'": "&apos;", '"': "&quot;"}),
    "html by name": lambda text: "".join(
        f"&{NAMES[char]}" if char in NAMES else char for char in text
    ),
    "javascript": lambda text: "".join(
        f"\\x{ord(char):02x}" if char in "'\"&<" else char for char in text
    ),
    "ecmascript": lambda text: "".join(
        f"\\u{{{ord(char):x}}}" if char in "'\"&<" else char for char in text
    ),
    "sql": lambda text: text.replace("'", "''"),
    "csv": lambda text: text.replace('"', '""'),
    "upper": lambda text: text.upper() if text.isascii() else text,
}
secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30).filter(
    lambda text: text.strip() == text and len({char for char in text if char.isprintable()}) > 3
)
pytestmark = pytest.mark.leaks("secrets of ordinary words, and of any text that hypothesis makes")

RARER = ("html by name", "javascript", "ecmascript", "sql", "csv")
writings = st.lists(st.sampled_from(sorted({*WRITINGS}.difference(RARER))), min_size=1, max_size=3)
writings |= st.sampled_from(RARER).map(lambda name: [name])


def written(text: str, names: list[str]) -> str:
    """The text in several writings, one over the other."""
    for name in names:
        text = WRITINGS[name](text)
    return text


@given(secrets, writings)
@example('pa"ss\\word', ["json", "json"])
@example("p&a<s+s/1", ["dotnet", "html"])
@example("two  spaces", ["form"])
@example("back\\slash", ["php", "url"])
@example("tab\there", ["json"])
def test_a_secret_is_masked_however_it_is_written(secret: str, names: list[str]) -> None:
    """Plain, in JSON, in a form, in HTML, of several languages, or one over the other."""
    text = f"saw [{written(secret, names)}] there"
    assert masked(text, Secret(secret)) == "saw [***] there"


@given(secrets, writings, st.data())
def test_the_beginning_of_a_secret_is_masked_where_the_text_was_cut(
    secret: str, names: list[str], data: st.DataObject
) -> None:
    """Six characters or more at the end of a text, also with half an escape or dots after them."""
    plain = f"saw [{secret}"
    cut = data.draw(st.integers(len("saw [") + 6, len(plain)), label="cut")
    text = written(plain[:cut], names) + data.draw(st.sampled_from(["", "…", "...", '"}', "%2"]))
    shown = masked(text, Secret(secret))
    assert "***" in shown
    assert written(secret[:6], names) not in shown


@given(st.text(), secrets)
def test_what_holds_no_secret_stays(text: str, secret: str) -> None:
    """Nothing else of a text is changed, unless it ends as a secret begins."""
    shown = masked(text, Secret(secret))
    assert shown == text or "***" in shown
    assert masked(f"{text} of 12.", Secret("Zq" + secret)) == f"{text} of 12."


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("the user user1 is locked", "user", "the *** user1 is locked"),
        ("abc is short", "abc", "abc is short"),
        ("nothing", "", "nothing"),
        ("hunter2 and HUNTER2hunter2", "hunter2", "*** and ******"),
        ("aaaaaaab", "aaaaaab", "a***"),
        ("zenvoices refused", "zenvoices2024", "zenvoices refused"),
        ("ask zenvoices.", "zenvoices2024", "ask ***."),
        ("token abcdefghijklmnopqrstuvwx, cut", "abcdefghijklmnopqrstuvwxyz", "token ***, cut"),
        ("a" * 5000, "a" * 1000 + "b", "***" * 5),
    ],
)
def test_short_and_repeated_secrets(text: str, secret: str, shown: str) -> None:
    """A short one is a word or nothing, a short beginning counts at the end alone."""
    assert masked(text, Secret(secret)) == shown


@pytest.mark.parametrize(
    "secret",
    [
        "head9931xyz?sig=tail",
        "top9931xyz@https://x?zzz",
        "Bearer abcdefgh9931xyz tail-tail",
        "https://h9931xyz/?rest-of-secret",
    ],
)
def test_a_secret_that_looks_like_an_address_is_masked_whole(secret: str) -> None:
    """What is cut from addresses and bearer tokens does not tear a secret apart before."""
    assert sanitise(f"saw {{{secret}}} end", [Secret(secret)]) == "saw {***} end"


@pytest.mark.parametrize(
    "shown",
    [
        repr("Motdépassé42".encode()),
        ascii("Motdépassé42"),
        quote("Motdépassé42".encode("latin-1")),
        "Motdépassé42".encode().decode("latin-1"),
        "Motdépassé42".encode("ascii", "replace").decode(),
        unicodedata.normalize("NFD", "Motdépassé42"),
        "Motdé\u200bpassé42",
        "Motdé\u00adpassé42",
        "Motdépa\nssé42",
        "Motdépa\r\n    ssé42",
        "Motdépass... is",
        "'Motdépass…' is",
        "'Motdépass***' is",
    ],
)
@pytest.mark.parametrize("around", ["{}", " {} ", "{}\n", "\t{}"])
def test_a_secret_is_masked_in_another_encoding_or_wrapped_or_trimmed(
    shown: str, around: str
) -> None:
    """Accents taken apart, replaced or misread; broken over lines; without the blanks around it."""
    secrets = [Secret(around.format("Motdépassé42"))]
    text = sanitise(f"wrong: {shown} given", secrets)
    assert "***" in text
    assert "ass" not in text
    assert sanitise(f"wrong: {shown[:-1]}x given", [Secret("another-one")]).endswith("x given")


@pytest.mark.parametrize(
    "unit", ["\\", "%5c", "%25", "\\u0025", "&amp;", "&#0", "é", "\x00", "?", "a "]
)
@pytest.mark.parametrize(
    "secret", ["hunter2hunter2", "\\" * 8 + "xyz", "%25" * 9, "é" * 23 + "x", "a" + " " * 999 + "b"]
)
def test_no_text_takes_long_to_look_through(unit: str, secret: str) -> None:
    """What escapes begin with, over and over: looked through at once, and no secret found."""
    text = (unit * 2000)[:2000]
    assert "hunter" not in sanitise(f"{text}{secret}", [Secret(secret)])
    assert sanitise(text, [Secret("hunter2hunter2")])[:400] == sanitise(text)[:400]


def test_a_long_text_shows_no_half_of_a_secret() -> None:
    """A secret that lies across the place where a long text is cut is not shown in part."""
    secret = "canary-" + "k" * 40 + "-end"
    for before in (*range(440, 520), *range(4940, 5060)):
        assert "canary" not in sanitise("x" * before + secret * 3, [Secret(secret)])
