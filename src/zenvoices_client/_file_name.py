"""File names that are safe to send and to store anywhere."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["safe_file_name"]

MAX_BYTES = 120
MOST_CHARACTERS = 1000
DEFAULT = "document"
_FOLDERS = set("/\\")
_UNSAFE = set('<>:"|?*') | _FOLDERS
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$) *(\..*)?")


def safe_file_name(name: str) -> str:
    """The last part of a name, without anything a file system or a terminal would stumble over.

    Folders, control and direction characters and what Windows reserves are taken out, also where a
    character only becomes one of these when a system folds its form (NFKC); the result is at most
    120 bytes of UTF-8, keeps its extension, and is never empty.
    """
    # What is cut off is cut first: the order of a thousand marks takes seconds to find.
    name = name[-MOST_CHARACTERS:]
    # Before and after a character is replaced, a mark may join another letter than it did.
    name = unicodedata.normalize("NFC", name)
    kept = "".join(char if _is_safe(char) else "\0" for char in name)
    name = unicodedata.normalize("NFC", re.sub("\0+", "_", kept))
    name = re.split(r"[/\\]", name.rstrip("/\\ "))[-1]
    # What one rule cuts off may leave what another does not let pass.
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
    """Whether a character shows, or is a space: no control, format, private or unassigned one.

    Nor one that a name may not hold, in whatever form: U+FF0F is a slash to some. A slash itself
    is safe, as what stands before it is cut off.
    """
    if char in _FOLDERS:
        return True
    folded = set(unicodedata.normalize("NFKC", char))
    return not folded & _UNSAFE and (char.isprintable() or unicodedata.category(char) == "Zs")
