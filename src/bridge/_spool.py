"""Where a document's bytes lie between download and upload: memory while small, then a file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from typing import IO

__all__ = ["Guarded", "Spool"]

# Nearly every invoice, also with its PDF inside, so that nearly none costs a file.
IN_MEMORY = 3 * 1024 * 1024


class Spool(io.RawIOBase):
    """A temporary binary file nobody else can open, gone when it is discarded.

    A mapper may read it, and even close it: that has no effect, as its bytes are still to be sent.

    Attributes:
        guard: Called before each read; whoever sends the bytes may stop it by raising.
    """

    def __init__(self) -> None:
        super().__init__()
        self._memory = io.BytesIO()
        self._file: IO[bytes] = self._memory
        self._sealed = False
        self.in_memory = True
        self.guard: Callable[[], object] | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return not self._sealed

    def seekable(self) -> bool:
        return True

    def seal(self) -> int:
        """Refuse to be changed from now on, and return the length in bytes."""
        self._sealed = True
        return self._file.seek(0, io.SEEK_END)

    def read(self, size: int | None = -1, /) -> bytes:
        if self.guard is not None:
            self.guard()
        return self._file.read(-1 if size is None else size)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self._may_change()
        if self.in_memory and self._file.tell() + len(data) > IN_MEMORY:
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

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        """Nothing: see the class."""

    def discard(self) -> None:
        """Throw the bytes away."""
        self._file.close()


class Guarded(io.RawIOBase):
    """Somebody's open file, with a function called before each read."""

    def __init__(self, file: IO[bytes], guard: Callable[[], object]) -> None:
        super().__init__()
        self._file = file
        self._guard = guard

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        self._guard()
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def discard(self) -> None:
        """Close the file."""
        self._file.close()
