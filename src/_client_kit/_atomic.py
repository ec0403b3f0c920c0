"""A file that appears under its name only when it is whole."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

__all__ = ["AtomicFile"]


class AtomicFile:
    """Write to ``handle``, then :meth:`keep`; without that nothing is left behind."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()
        if self._path.exists() and not self._path.is_file():
            # A folder, or a device, which would be replaced by a file.
            raise FileExistsError(errno.EEXIST, "not an ordinary file", str(self._path))
        number, name = tempfile.mkstemp(prefix=f".{self._path.name[:60]}.", dir=self._path.parent)
        self._temporary = Path(name)
        self.handle = cast("BinaryIO", os.fdopen(number, "w+b"))

    def keep(self) -> None:
        """Make it durable and give it its name."""
        self.handle.flush()
        os.fsync(self.handle.fileno())
        self.handle.close()
        self._temporary.replace(self._path)
        if os.name == "posix":  # pragma: no branch - elsewhere a folder cannot be synced
            # The name is durable when the folder is.
            with contextlib.suppress(PermissionError):  # of a folder that may not be listed
                folder = os.open(self._path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        try:
            self.handle.close()  # may fail too, on a full disk
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._temporary.unlink()
