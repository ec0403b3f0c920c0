"""The temporary file that holds a document's bytes between download and upload."""

from __future__ import annotations

from contextlib import suppress
from tempfile import SpooledTemporaryFile

__all__ = ["IN_MEMORY", "Spool"]

# Nearly every invoice is smaller, also with its PDF inside, so that few need a file.
IN_MEMORY = 3 * 1024 * 1024


class Spool(SpooledTemporaryFile[bytes]):
    """A temporary binary file that no other user can open; closing it deletes it.

    Args:
        room: Bytes that it may hold in memory.
    """

    def __init__(self, room: int = IN_MEMORY) -> None:
        # Zero would mean that it always stays in memory.
        super().__init__(max(room, 1), prefix="banqup-zenvoices-")

    @property
    def in_memory(self) -> bool:
        """Whether reading and writing cannot block."""
        return self.name is None

    def close(self) -> None:
        """Delete the bytes, also where the disk has no room for the last of them."""
        with suppress(OSError):
            super().close()
