"""Make file names safe to send and to store on any system."""

from __future__ import annotations

import re
import unicodedata
from typing import cast

MAX_BYTES = 120
MOST_CHARACTERS = 1000
_UNSAFE = frozenset('<>:"|?*')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$) *(\..*)?")


def safe_file_name(name: str) -> str:
    """Return the last part of a path as a name that is safe for file systems and terminals.

    The name is normalised (NFKC), because some systems read U+FF0F as a slash. Folders, control
    and direction characters, and characters and names that Windows reserves are removed or
    replaced. The result is at most 120 bytes of UTF-8 and never empty. An extension of up to 10
    characters is kept.
    """
    # A user's mapper may pass a value of any type.
    if not isinstance(cast("object", name), str):
        message = f"Attachment: file_name must be a text, not {type(name).__name__}"
        raise TypeError(message)
    # Shorten the name first: normalising many combining marks takes seconds.
    name = unicodedata.normalize("NFKC", name[-MOST_CHARACTERS:])
    name = re.split(r"[/\\]", name.rstrip("/\\ "))[-1]
    kept = "".join(char if char.isprintable() and char not in _UNSAFE else "\0" for char in name)
    name = re.sub("\0+", "_", kept)
    # Repeat: after one rule has cut the name, another rule may apply again.
    while (fitted := _fitted(name)) != name:
        name = fitted
    return name


def _fitted(name: str) -> str:
    name = name.strip(" .")
    if set(name) <= set("_. "):
        return "document"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = name, ""
    tail = f".{extension}" if extension else ""
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail
