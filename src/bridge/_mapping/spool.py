"""Where a document's bytes lie between download and upload: memory while small, then a file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO, BinaryIO

__all__ = ["IN_MEMORY", "Guarded", "Spool"]

# Nearly every invoice, also with its PDF inside, so that nearly none costs a file.
IN_MEMORY = 3 * 1024 * 1024


class _Wrapped:
    """Passes on what an upload asks of its file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def discard(self) -> None:
        """Close the file; a temporary one is then gone, also where its last bytes found no room."""
        with suppress(OSError):
            self._file.close()


class Spool(_Wrapped):
    """A temporary binary file nobody else can open, gone when it is discarded.

    Args:
        room: Bytes that it may hold in memory.

    Attributes:
        in_memory: Whether reading never waits.
    """

    def __init__(self, room: int = IN_MEMORY) -> None:
        self._room = room
        self._memory = io.BytesIO()
        super().__init__(self._memory)
        self._sealed = False
        self.in_memory = True

    def seal(self) -> int:
        """Refuse to be changed from now on, and return the length in bytes."""
        self._sealed = True
        return self._file.seek(0, io.SEEK_END)

    def write(self, data: bytes, /) -> int:
        self._may_change()
        if self.in_memory and self._file.tell() + len(data) > self._room:
            self._roll_over()
        return self._file.write(data)

    def truncate(self, size: int | None = None, /) -> int:
        self._may_change()
        return self._file.truncate(size)

    def _may_change(self) -> None:
        if self._sealed:
            message = "a document's bytes are never changed"
            raise io.UnsupportedOperation(message)

    def _roll_over(self) -> None:
        position = self._file.tell()
        file = tempfile.TemporaryFile(prefix="banqup-zenvoices-")  # noqa: SIM115 - see discard
        file.write(self._memory.getbuffer())
        file.seek(position)
        self._memory.close()
        self._file, self.in_memory = file, False


class Guarded(_Wrapped):
    """An open file with a function called before each read, which may stop it by raising.

    Attributes:
        in_memory: Whether reading never waits.
    """

    def __init__(self, file: BinaryIO, guard: Callable[[], object]) -> None:
        super().__init__(file)
        self._guard = guard
        self.in_memory = isinstance(file, io.BytesIO) or getattr(file, "in_memory", False) is True

    def read(self, size: int = -1, /) -> bytes:
        self._guard()
        return super().read(size)
