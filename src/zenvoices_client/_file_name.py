"""File names that are safe to send and to store anywhere."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["safe_file_name"]

MAX_BYTES = 120
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+'
)
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def safe_file_name(name: str, *, default: str = "document") -> str:
    """The last part of a name, without anything a file system or a terminal would stumble over.

    Folders, control and direction characters and what Windows reserves are taken out; the result
    is at most 120 bytes of UTF-8, keeps its extension, and is never empty.
    """
    name = unicodedata.normalize("NFC", _UNSAFE.sub("_", name))
    name = re.split(r"[/\\]", name.rstrip("/\\ "))[-1].strip(" .")
    if not name or set(name) <= {"_", "."}:
        name = default
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = name, ""
    tail = f".{extension}" if extension else ""
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail
