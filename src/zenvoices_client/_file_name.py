"""File names that are safe to send and to store anywhere."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["safe_file_name"]

MAX_BYTES = 120
_UNSAFE = set('<>:"|?*')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$) *(\..*)?")


def safe_file_name(name: str, *, default: str = "document") -> str:
    """The last part of a name, without anything a file system or a terminal would stumble over.

    Folders, control and direction characters and what Windows reserves are taken out; the result
    is at most 120 bytes of UTF-8, keeps its extension, and is never empty.
    """
    # Before and after a character is replaced, a mark may join another letter than it did.
    name = unicodedata.normalize("NFC", name)
    kept = "".join(char if _is_safe(char) else "\0" for char in name)
    name = unicodedata.normalize("NFC", re.sub("\0+", "_", kept))
    name = re.split(r"[/\\]", name.rstrip("/\\ "))[-1].strip(" .")
    if not name or set(name) <= {"_", "."}:
        name = default
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = name, ""
    tail = f".{extension}" if extension else ""
    room = MAX_BYTES - len(tail.encode())
    # What was cut off may leave a name of Windows' own.
    name = stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _is_safe(char: str) -> bool:
    """Whether a character shows, or is a space: no control, format, private or unassigned one."""
    return char not in _UNSAFE and (char.isprintable() or unicodedata.category(char) == "Zs")
