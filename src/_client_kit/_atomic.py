"""Write a file under a temporary name and rename it when it is complete."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import BinaryIO, Self, cast

__all__ = ["AtomicFile"]


class AtomicFile:
    """A file that is written through ``handle``, under a temporary name.

    :meth:`keep` gives the file its final name. Without this call, the file is deleted on exit.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()
        if self._path.exists() and not self._path.is_file():
            # Without this, a device such as /dev/null would be replaced by an ordinary file.
            raise FileExistsError(errno.EEXIST, "not an ordinary file", str(self._path))
        number, name = tempfile.mkstemp(prefix=f".{self._path.name[:60]}.", dir=self._path.parent)
        self._temporary = Path(name)
        self.handle = cast("BinaryIO", os.fdopen(number, "w+b"))

    def keep(self) -> None:
        """Flush the file to disk and rename it to its final name."""
        self.handle.flush()
        os.fsync(self.handle.fileno())
        self.handle.close()
        self._temporary.replace(self._path)
        if os.name == "posix":  # pragma: no branch - elsewhere a folder cannot be synced
            # Without this, a power failure could undo the rename.
            with contextlib.suppress(PermissionError):  # no right to open the folder
                folder = os.open(self._path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.handle.close()  # close() fails on a full disk: delete the file even then
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._temporary.unlink()
