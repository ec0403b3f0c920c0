"""A service's own words, made safe to show: without what it was sent in secret, on one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from json import dumps

from _client_kit._log_filter import redact_addresses
from _client_kit._secret import Secret

__all__ = ["masked", "sanitise"]

MAX_SERVER_TEXT = 500
SHORTEST_SECRET = 4  # what is shorter cannot be told from ordinary words
SHORTEST_PART = 6  # of a beginning where a text was cut
LONG_PART = 24  # of a beginning anywhere
_MASK = "***"
# What escaping begins with may be escaped in its turn.
_PERCENT = r"(?:%|\\+u0025)(?:25)*"
_BACKSLASH = rf"(?:\\|{_PERCENT}5c)"
_HASH = f"(?:#|{_PERCENT}23)"
_SEMICOLON = f"(?:;|{_PERCENT}3b)"
_AMPERSAND = rf"(?:&|{_BACKSLASH}+u0026|{_PERCENT}26)(?:amp{_SEMICOLON})*"
_CUT = re.compile(r"(?:[%\\&]+#?\w{0,6})?\W*\Z")
"""What may follow the beginning of a secret that was cut: half an escape, dots, a quote."""


def sanitise(text: object, secrets: Iterable[Secret] = ()) -> str:
    """A service's own words, safe to show: one line, nothing invisible, at most 500 long.

    Args:
        text: The words.
        secrets: What the service was sent and may have repeated in them.
    """
    shown = str(text)[: 10 * MAX_SERVER_TEXT]  # cut early: an answer may be large
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
    plain = secret.reveal()
    if len(plain) < SHORTEST_SECRET:
        return text
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
    before = ""
    for known, char in enumerate(secret, 1):
        found = {
            step.end() for end in ends for form in _forms(char) if (step := form.match(text, end))
        }
        if _is_blank(char) and (before == char or not char.isprintable()):
            found |= ends  # left out where a service cleaned its text
        if not found:
            return max(ends) if known > LONG_PART else cut
        if known >= SHORTEST_PART:
            long = (end for end in found if end - at >= SHORTEST_PART)
            cut = max((end for end in long if _CUT.match(text, end)), default=cut)
        ends, before = found, char
    end = max(ends)
    return end if end - at >= SHORTEST_SECRET else None


def _is_word(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _is_blank(char: str) -> bool:
    return char == " " or not char.isprintable()


@lru_cache(512)
def _forms(char: str) -> tuple[re.Pattern[str], ...]:
    """One character as it is, or escaped for JSON, a form, HTML, or several of them in turn."""
    return tuple(re.compile(form, re.IGNORECASE) for form in _escaped(char))


def _escaped(char: str) -> Iterator[str]:
    if char == "\\":
        yield from (rf"{_BACKSLASH}{{{times}}}" for times in (1, 2, 4, 8))
    else:
        yield f"{_BACKSLASH}*{re.escape(char)}"
    units = char.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    yield "".join(f"{_BACKSLASH}+u{pair}" for pair in pairs)
    quoted = (f"{_PERCENT}{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    yield f"{_BACKSLASH}*{''.join(quoted)}"
    number = ord(char)
    yield rf"{_BACKSLASH}*{_AMPERSAND}{_HASH}(?:0*{number}|x0*{number:x}){_SEMICOLON}"
    if (named := escape(char)) != char and named[1] != "#":
        yield f"{_BACKSLASH}*{_AMPERSAND}{named[1:-1]}{_SEMICOLON}"
    short = dumps(char)[1:-1]
    if short.startswith("\\") and short[1] != "u":
        yield f"{_BACKSLASH}+{re.escape(short[1:])}"
    if _is_blank(char):
        # As a form has a space, and a cleaned text what is invisible.
        yield rf"[ +]|{_PERCENT}2b|{_BACKSLASH}+u002b"
