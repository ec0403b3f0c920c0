"""The temporary file that holds a document's bytes between download and upload."""

from __future__ import annotations

from contextlib import suppress
from tempfile import SpooledTemporaryFile

# Bytes. Nearly all invoices are smaller, even with their PDF inside, so few need a file on disk.
IN_MEMORY = 3 * 1024 * 1024


class Spool(SpooledTemporaryFile[bytes]):
    """A temporary binary file that no other user can open; closing it deletes it.

    Args:
        room: The most bytes to hold in memory; a longer file is moved to disk.
    """

    def __init__(self, room: int = IN_MEMORY) -> None:
        # For SpooledTemporaryFile, zero means no limit.
        super().__init__(max(room, 1), prefix="banqup-zenvoices-")

    @property
    def in_memory(self) -> bool:
        """Whether all bytes are still in memory, so that reading cannot block."""
        return self.name is None

    def close(self) -> None:
        """Delete the file, even if the disk is full and buffered bytes cannot be written."""
        with suppress(OSError):
            super().close()
