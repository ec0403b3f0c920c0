"""A service's own words, made safe to show: without what it was sent in secret, on one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html.entities import html5
from json import dumps
from unicodedata import normalize

from _client_kit._log_filter import redact_addresses
from _client_kit._secret import Secret

__all__ = ["masked", "sanitise"]

MAX_SERVER_TEXT = 500
SHORTEST_SECRET = 4  # what is shorter cannot be told from ordinary words
SHORTEST_PART = 6  # of a beginning where a text was cut
LONG_PART = 24  # of a beginning anywhere
MOST_BLANKS = 30  # that are left out
MOST_READINGS = 4  # that end first, and that end last
_MASK = "***"
# What escaping begins with may be escaped in its turn. Every repetition has an end, so that no text
# takes long to look through. "u0025" needs no backslash: one may stand before anything.
_PERCENT = "(?:%|u0025)(?:25){0,4}"
_BACKSLASH = rf"(?:\\|{_PERCENT}5c)"
_ESCAPED = f"{_BACKSLASH}{{0,8}}"
_HASH = f"(?:#|{_PERCENT}23)"
_SEMICOLON = f"(?:;|{_PERCENT}3b)"
_AMPERSAND = f"(?:&|u0026|{_PERCENT}26)(?:amp{_SEMICOLON}){{0,4}}"
_CUT = re.compile(r"(?:[%\\&]+#?\w{0,6})?(?:\W*\Z|…|\.\.|\*\*)")
"""What may follow the beginning of a secret that was cut: half an escape, dots, the end."""
_GAP = re.compile(r"(?:[\r\n][\r\n\t ]*|[\t\u00ad\u200b-\u200d\u2060\ufeff])+")
"""Where a long word was wrapped."""


def sanitise(text: object, secrets: Iterable[Secret] = ()) -> str:
    """A service's own words, safe to show: one line, nothing invisible, at most 500 long.

    Args:
        text: The words.
        secrets: What the service was sent and may have repeated in them.
    """
    shown = str(text)[: 4 * MAX_SERVER_TEXT]  # cut early: an answer may be large
    for secret in secrets:  # first, while nothing else has changed how one is written
        shown = masked(shown, secret)
    shown = redact_addresses(_one_line(shown)).strip()
    return shown if len(shown) <= MAX_SERVER_TEXT else shown[: MAX_SERVER_TEXT - 1] + "…"


def _one_line(text: str) -> str:
    if text.isprintable():  # control, direction, format characters, and spaces but for " "
        return text
    shown = "".join(char if char.isprintable() else "\n" for char in text)
    return re.sub("\n+", " ", shown)


def masked(text: str, secret: Secret) -> str:
    """The text without a secret: plain, escaped in any way, or its beginning where it was cut.

    Not found is what was encoded so that no character is left, as in base64. One of fewer than four
    characters is not looked for, one of fewer than six only as a word.
    """
    plain = secret.reveal().strip()  # services trim what they are sent
    plain = re.sub(r"\\+", r"\\", plain)  # a row of them has no length that escaping keeps
    for spelling in dict.fromkeys((plain, normalize("NFC", plain))):
        if len(spelling) >= SHORTEST_SECRET:
            text = _without(text, spelling)
    return text


def _without(text: str, plain: str) -> str:
    shown: list[str] = []
    done = at = 0
    while at < len(text):
        end = _end(plain, text, at)
        if end is None or (len(plain) < SHORTEST_PART and not _is_word(text, at, end)):
            at += 1
        else:
            shown += (text[done:at], _MASK)
            done = at = end
    return "".join((*shown, text[done:]))


def _end(secret: str, text: str, at: int) -> int | None:
    """Where a secret ends that begins there, in any writing; or the text, if that was cut."""
    ends = {at}  # of all readings: what escapes one character may be another as it is
    cut = None
    left_out = 0
    before = ""
    for known, char in enumerate(secret, 1):
        ends |= {gap.end() for end in ends if known > 1 and (gap := _GAP.match(text, end))}
        found = {
            step.end() for end in ends for form in _forms(char) if (step := form.match(text, end))
        }
        if (
            _is_blank(char)
            and (before == char or not char.isprintable())
            and left_out < MOST_BLANKS
        ):
            left_out += 1
            found |= ends  # where a service cleaned its text
        if not found:
            return max(ends) if known > LONG_PART else cut
        if known >= SHORTEST_PART:
            long = (end for end in found if end - at >= SHORTEST_PART)
            cut = max((end for end in long if _CUT.match(text, end)), default=cut)
        ordered = sorted(found)
        ends, before = {*ordered[:MOST_READINGS], *ordered[-MOST_READINGS:]}, char
    end = max(ends)
    return end if end - at >= SHORTEST_SECRET else None


def _is_word(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _is_blank(char: str) -> bool:
    return char == " " or not char.isprintable()


@lru_cache(512)
def _forms(char: str) -> tuple[re.Pattern[str], ...]:
    """One character as it is, or escaped for JSON, a form, HTML, or several of them in turn."""
    forms = [f"{_ESCAPED}{form}" for form in _written(char)]
    if char == "\\":
        forms.append(f"{_BACKSLASH}+")
    return tuple(re.compile(form, re.IGNORECASE) for form in forms)


def _written(char: str) -> Iterator[str]:
    yield re.escape(char)
    # JSON, JavaScript, Python.
    utf_8 = char.encode("utf-8", "surrogatepass")
    utf_16 = char.encode("utf-16-be", "surrogatepass")
    yield _ESCAPED.join(f"u{utf_16[at : at + 2].hex()}" for at in range(0, len(utf_16), 2))
    yield _ESCAPED.join(f"x{byte:02x}" for byte in utf_8)
    yield rf"(?:u\{{0*{ord(char):x}\}}|U{ord(char):08x}|x{ord(char):02x})"
    short = dumps(char)[1:-1]
    if short.startswith("\\") and short[1] != "u":
        yield re.escape(short[1:])
    # A form.
    yield "".join(f"{_PERCENT}{byte:02x}" for byte in utf_8)
    yield f"{_PERCENT}{ord(char):02x}"
    if _is_blank(char):
        # As a form has a space, and a cleaned text what is invisible.
        yield f"(?:[ +]|{_PERCENT}2b|u002b)"
    # HTML, by number or by any of its names.
    names = "".join(f"|{name[:-1]}" for name, named in html5.items() if named == char)
    number = f"{_HASH}(?:0{{0,8}}{ord(char)}|x0{{0,8}}{ord(char):x})"
    yield f"{_AMPERSAND}(?:{number}{names}){_SEMICOLON}"
    # SQL, CSV.
    if char in "'\"":
        yield char * 2
    # In another encoding, taken apart, or replaced.
    if not char.isascii():
        yield re.escape(normalize("NFD", char))
        yield r"(?:\?{1,4}|[^\x00-\x7f]{1,4})"
