"""One clock for several processes: the machine's, moved by whatever a test wrote into a file."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

__all__ = ["SharedClock"]

_OFFSET = struct.Struct("<d")


class SharedClock:
    """Epoch seconds, the same in every process that opened the same file.

    Nothing sleeps in a test of crashes: leases end and documents become due because the clock is
    moved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_OFFSET.pack(0.0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSET.size)

    def __call__(self) -> float:
        (offset,) = _OFFSET.unpack_from(self._shared)
        return time.time() + float(offset)

    def move(self, seconds: float) -> None:
        """Let that much time pass, for everybody, at once."""
        (offset,) = _OFFSET.unpack_from(self._shared)
        _OFFSET.pack_into(self._shared, 0, offset + seconds)

    def close(self) -> None:
        """Give the file back."""
        self._shared.close()
