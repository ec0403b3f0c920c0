"""Where a document's bytes lie between download and upload: memory while small, then a file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

__all__ = ["Spool"]

IN_MEMORY = 1024 * 1024


class Spool(io.RawIOBase):
    """A temporary binary file nobody else can open, gone when it is closed.

    Attributes:
        guard: Called before each read; whoever sends the bytes may stop it by raising.
    """

    def __init__(self) -> None:
        super().__init__()
        self._file: IO[bytes] = io.BytesIO()
        self.in_memory = True
        self.guard: Callable[[], None] | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.guard is not None:
            self.guard()
        return self._file.read(-1 if size is None else size)

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.in_memory and self._file.tell() + len(data) > IN_MEMORY:
            self._roll_over()
        return self._file.write(data)

    def _roll_over(self) -> None:
        position = self._file.tell()
        file = tempfile.TemporaryFile(prefix="banqup-zenvoices-")  # noqa: SIM115 - closed below
        self._file.seek(0)
        file.write(self._file.read())
        file.seek(position)
        self._file, self.in_memory = file, False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None, /) -> int:
        return self._file.truncate(size)

    def close(self) -> None:
        self._file.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
