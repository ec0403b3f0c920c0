"""Sources of file content, JSON bodies that contain files in base64, and files to write."""

from __future__ import annotations

import errno
import io
import os
import secrets
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from attrs import field, frozen

from _client_kit._clock import unchecked
from _client_kit._json import dumps, plain

_AS_PATH = "a text is taken for a path; encode a document's own text to bytes"

FileContent = bytes | str | os.PathLike[str] | BinaryIO
"""Bytes, a path, or a binary file open for reading that can seek."""


def os_reason(error: OSError) -> str:
    """Return the system's text for an error's number; without a number, the error's class.

    The error's own text could hold a network address.
    """
    return os.strerror(error.errno) if error.errno else type(error).__name__


class FileView(io.RawIOBase):
    """A reader of an open file, with a position of its own.

    Closing the reader leaves the file open.

    Attributes:
        file: The open file; other readers of it have positions of their own.
        in_memory: Whether all bytes of the file are in memory, so that reading cannot block.
    """

    def __init__(self, file: BinaryIO, start: int = 0) -> None:
        super().__init__()
        self.file = file
        self.in_memory = isinstance(file, io.BytesIO) or getattr(file, "in_memory", False) is True
        self._at = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        # RawIOBase would read through readinto(), and copy each piece of a file twice more.
        self.file.seek(self._at)
        data = self.file.read(-1 if size is None else size)
        self._at += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset, whence = self._at + offset, io.SEEK_SET
        self._at = self.file.seek(offset, whence)
        return self._at

    def close(self) -> None:
        """Do nothing, so that the file stays open: an upload may still have to read it."""


@frozen
class FileSource:
    """The content of one file, which can be read any number of times.

    Only one thread at a time may read a source that was made of an open file.

    Attributes:
        size: Length in bytes.
        check: Function that raises an exception to stop an upload to Zenvoices. Only the check of
            an upload's first file is called: before each request and each piece of its body.
    """

    size: int
    _content: bytes | Path | BinaryIO = field(repr=False)
    _start: int = 0
    check: Callable[[], object] = field(default=unchecked, repr=False, eq=False)

    @classmethod
    def of(cls, content: FileContent | FileSource) -> FileSource:
        """Return a source for bytes, a path or an open binary file.

        For an open file, the source begins at the file's current position.

        Raises:
            TypeError: The content has another type, or is a file opened in text mode.
            OSError: No file is at the path, the text cannot be a path, or the file cannot seek.
        """
        if isinstance(content, FileSource):
            return content
        if isinstance(content, (bytes, bytearray, memoryview)):
            data = bytes(content)
            return cls(len(data), data)
        if isinstance(content, (str, os.PathLike)):
            try:
                path = Path(content)
                return cls(path.stat().st_size, path)
            except (OSError, ValueError) as error:
                if not isinstance(content, str):
                    raise
                number = error.errno if isinstance(error, OSError) else errno.EINVAL
            # Do not raise the caught error: it repeats the text, which may be a whole document.
            raise OSError(number, f"{os.strerror(number or 0)} ({_AS_PATH})")
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

    @property
    def shared_file(self) -> object:
        """The bytes, the path or the caller's open file that the source was made of."""
        return self._content

    def open(self) -> BinaryIO:
        """Return a new reader that starts at the source's first byte.

        If the source was made of an open file, closing the reader leaves this file open.
        """
        if isinstance(self._content, bytes):
            return io.BytesIO(self._content)
        if isinstance(self._content, Path):
            return self._content.open("rb")
        return cast("BinaryIO", FileView(self._content, self._start))


def file_source(content: FileContent | FileSource) -> FileSource:
    """Do the same as :meth:`FileSource.of`, which mypy does not accept as an attrs converter."""
    return FileSource.of(content)


@frozen
class Base64:
    """A placeholder in a JSON value for a file, which is base64-encoded while it is sent."""

    source: FileSource = field(converter=file_source)

    @property
    def encoded_size(self) -> int:
        """Length of the base64 text in bytes."""
        return (self.source.size + 2) // 3 * 4


BodyPart = bytes | Base64 | FileSource
"""A part of a request's body; a :class:`FileSource` is sent as it is, without base64."""


def size_of(parts: Iterable[BodyPart]) -> int:
    """Return the length in bytes of a body that consists of these parts."""
    size = 0
    for part in parts:
        if isinstance(part, bytes):
            size += len(part)
        else:
            size += part.encoded_size if isinstance(part, Base64) else part.size
    return size


def json_parts(value: object) -> list[BodyPart]:
    """Return the JSON of a value as parts: texts, and the :class:`Base64` placeholders between."""
    files: list[Base64] = []
    mark = secrets.token_hex(16)  # random, so that no other text of the value contains the mark

    def stand_in(item: object) -> object:
        if isinstance(item, Base64):
            files.append(item)
            return mark
        if isinstance(item, (FileSource, bytes)):
            message = f"{type(item).__name__} cannot be written as JSON: write Base64(...)"
            raise TypeError(message)
        return plain(item)

    texts = [text.encode() for text in dumps(value, default=stand_in).split(mark)]
    parts: list[BodyPart] = [texts[0]]
    for file, text in zip(files, texts[1:], strict=True):
        parts += [file, text]
    return parts


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """Open a file under a temporary name; it gets its final name when the block has ended.

    If the block raises an exception, the temporary file is deleted.

    Raises:
        FileExistsError: The path is that of a device, folder or the like, not of an ordinary file.
    """
    final = Path(path).absolute()
    if final.exists() and not final.is_file():
        # Without this, a device such as /dev/null would be replaced by an ordinary file.
        raise FileExistsError(errno.EEXIST, "not an ordinary file", str(final))
    number, name = tempfile.mkstemp(prefix=f".{final.name[:60]}.", dir=final.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "w+b") as file:
            yield file
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
