"""Write a file under a temporary name and rename it when it is complete."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """Open a file under a temporary name; it gets its final name when the block has ended.

    If the block raises an exception, the file is deleted.
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
