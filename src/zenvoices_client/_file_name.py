"""Make file names safe to send and to store on any system."""

from __future__ import annotations

import re
import unicodedata
from typing import cast

MAX_BYTES = 120
MOST_CHARACTERS = 1000
DEFAULT = "document"
_UNSAFE = set('<>:"|?*/\\')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$) *(\..*)?")


def safe_file_name(name: str) -> str:
    """Return the last part of a path as a name that is safe for file systems and terminals.

    Folders, control and text-direction characters, and characters and names that Windows reserves
    are removed or replaced. So are characters that become one of these by Unicode normalisation
    (NFKC). The result is at most 120 bytes of UTF-8 and never empty. An extension of up to 10
    characters is kept. A name that is not a text raises TypeError.
    """
    # A user's mapper may pass a value of any type.
    if not isinstance(cast("object", name), str):
        message = f"Attachment: file_name must be a text, not {type(name).__name__}"
        raise TypeError(message)
    # Shorten the name first: normalising many combining marks takes seconds.
    name = re.split(r"[/\\]", name[-MOST_CHARACTERS:].rstrip("/\\ "))[-1]
    kept = "".join(char if _is_safe(char) else "\0" for char in name)
    name = unicodedata.normalize("NFC", re.sub("\0+", "_", kept))
    # Repeat: after one rule has cut the name, another rule may apply again.
    while (fitted := _fitted(name)) != name:
        name = fitted
    return name


def _fitted(name: str) -> str:
    name = name.strip(" .")
    if set(unicodedata.normalize("NFKC", name)) <= set("_. "):
        return DEFAULT
    if _RESERVED.fullmatch(unicodedata.normalize("NFKC", name)):
        name = f"_{name}"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = name, ""
    tail = f".{extension}" if extension else ""
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail


def _is_safe(char: str) -> bool:
    """Return True if a character is printable or a space, and not reserved.

    Characters that normalise to a reserved one count as reserved: some systems read U+FF0F as a
    slash.
    """
    folded = set(unicodedata.normalize("NFKC", char))
    return not folded & _UNSAFE and (char.isprintable() or unicodedata.category(char) == "Zs")
