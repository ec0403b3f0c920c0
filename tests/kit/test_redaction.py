"""Secrets in a service's own words, as services write them."""

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._redaction import sanitise
from _client_kit._secret import Secret

WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json in utf-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "url": lambda text: quote(text, safe=""),
    "url in small letters": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, "")),
    "form": quote_plus,
    "html": html.escape,
    "html of .NET": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
}
secrets = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=4, max_size=30)
pytestmark = pytest.mark.leaks("secrets of any text that hypothesis makes")


@pytest.mark.parametrize("writing", WRITINGS)
@given(secret=secrets)
def test_a_secret_is_masked_in_each_writing(writing: str, secret: str) -> None:
    """As it is, escaped for JSON or HTML, and quoted for a URL or a form."""
    written = WRITINGS[writing]("+" + secret)
    assert sanitise(f"saw [ {written} ] there", [Secret("+" + secret)]) == "saw [ *** ] there"


@given(secrets, st.text(max_size=100))
def test_what_holds_no_secret_stays(secret: str, text: str) -> None:
    """Nothing else of a text is changed."""
    assert sanitise(text, [Secret("\ue000" + secret)]) == sanitise(text)


@pytest.mark.parametrize(
    "secret", ["canary-" + "k" * 40 + "-end", "canary-" + "t" * 2500, "line\nbreak-canary"]
)
def test_a_long_text_shows_no_half_of_a_secret(secret: str) -> None:
    """It is masked before the text is cut and before line breaks are replaced."""
    for before in (*range(440, 520), *range(1950, 2010)):
        shown = sanitise("x" * before + secret * 3, [Secret(secret)])
        assert "canary" not in shown
        assert "kkk" not in shown
        assert len(shown) <= 500


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "see https://storage.example/f?X-Goog-Signature=5ecre7",
            "see https://storage.example/f?***",
        ),
        ("HTTPS%3A%2F%2Fstorage.example%3Fsig%3D5ecre7 end", "HTTPS://*** end"),
        ("a\r\nb\x1b[2J\u202e\u2028c", "a b [2J c"),
        ("y" * 501, "y" * 499 + "…"),
        ("abc is short", "abc is short"),
    ],
)
def test_words_are_one_printable_line(text: str, shown: str) -> None:
    """Of an address only what comes before its query; no control character; 500 at most."""
    assert sanitise(text, [Secret("abc")]) == shown
