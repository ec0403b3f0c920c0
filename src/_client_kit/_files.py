"""Where the bytes of a file come from, and JSON bodies that carry files in base64."""

from __future__ import annotations

import io
import os
import re
import secrets
from pathlib import Path
from typing import BinaryIO, Self, cast

from attrs import field, frozen

from _client_kit._json import dumps, plain

__all__ = ["Base64", "FileContent", "FileSource", "JsonTemplate", "json_template", "os_reason"]

_NO_PATH = re.compile(r"[<\r\n\0]")
"""What stands in documents, and hardly in the name of a file."""

FileContent = bytes | str | os.PathLike[str] | BinaryIO
"""Bytes, a path, or a binary file open for reading that can seek."""


def os_reason(error: OSError) -> str:
    """What the system calls it; not the error's own text, which may be a stranger's."""
    return os.strerror(error.errno) if error.errno else type(error).__name__


@frozen
class FileSource:
    """The bytes of one file, which can be read any number of times, one reader at a time.

    Attributes:
        size: Length in bytes.
    """

    size: int
    _content: bytes | Path | BinaryIO = field(repr=False)
    _start: int = 0

    @classmethod
    def of(cls, content: FileContent | FileSource) -> FileSource:
        """A source from bytes, a path, or an open binary file from where it stands.

        Raises:
            TypeError: Of another type, a file opened in text mode, or a text that is no path.
            OSError: The path cannot be read.
        """
        if isinstance(content, FileSource):
            return content
        if isinstance(content, (bytes, bytearray, memoryview)):
            data = bytes(content)
            return cls(len(data), data)
        if isinstance(content, str):
            return cls._at(content)
        if isinstance(content, os.PathLike):
            path = Path(content)
            return cls(path.stat().st_size, path)
        file: object = content  # a caller without a type checker may pass anything
        if isinstance(file, io.TextIOBase) or not hasattr(file, "seek"):
            message = (
                "a file must be bytes, a path, or a binary file that can seek, "
                f"not {type(file).__name__}"
            )
            raise TypeError(message)
        start = content.tell()
        size = max(content.seek(0, os.SEEK_END) - start, 0)
        content.seek(start)
        return cls(size, content, start)

    @classmethod
    def _at(cls, text: str) -> FileSource:
        """A source from a text, which may be a document itself: so no error repeats it."""
        hint = "a text is taken for a path; encode a document's own text to bytes"
        try:
            if _NO_PATH.search(text) is None:
                path = Path(text)
                return cls(path.stat().st_size, path)
        except OSError as error:
            problem = OSError(error.errno, f"{error.strerror} ({hint})")
        else:
            raise TypeError(hint)
        raise problem

    @property
    def in_memory(self) -> bytes | None:
        """The bytes themselves where they are in memory anyway."""
        return self._content if isinstance(self._content, bytes) else None

    @property
    def shared_file(self) -> object:
        """What the bytes come from: bytes, a path, or somebody's open file."""
        return self._content

    def open(self) -> BinaryIO:
        """A binary file at the first byte. Closing it leaves a file that was passed in open."""
        if isinstance(self._content, bytes):
            return io.BytesIO(self._content)
        if isinstance(self._content, Path):
            return self._content.open("rb")
        self._content.seek(self._start)
        return cast("BinaryIO", _Borrowed(self._content))


class _Borrowed:
    """Somebody else's open file: reading goes through, closing does not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.in_memory = isinstance(file, io.BytesIO) or getattr(file, "in_memory", False) is True

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@frozen
class Base64:
    """Stands in a JSON value where a file's content goes, base64-encoded while it is sent."""

    source: FileSource

    @property
    def encoded_size(self) -> int:
        """Length of the base64 text."""
        return (self.source.size + 2) // 3 * 4


@frozen
class JsonTemplate:
    """A JSON document cut at its files: encoded text and :class:`Base64` by turns.

    Attributes:
        parts: The pieces in order.
        size: Length in bytes of the whole body.
    """

    parts: tuple[bytes | Base64, ...] = field(repr=False)
    size: int


def json_template(value: object) -> JsonTemplate:
    """Encode a JSON value in which :class:`Base64` may stand for a string."""
    files: list[Base64] = []
    mark = ""

    def stand_in(item: object) -> object:
        if isinstance(item, Base64):
            files.append(item)
            return mark
        return plain(item)

    texts: list[bytes] = []
    while len(texts) != len(files) + 1:  # else a text in the value holds the mark
        mark = secrets.token_hex(16)
        files.clear()
        texts = [text.encode() for text in dumps(value, default=stand_in).split(mark)]
    parts: list[bytes | Base64] = [texts[0]]
    for file, text in zip(files, texts[1:], strict=True):
        parts += [file, text]
    size = sum(map(len, texts)) + sum(file.encoded_size for file in files)
    return JsonTemplate(tuple(parts), size)
