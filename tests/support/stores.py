"""Stores of every kind by an address, for several processes that share a clock a test moves."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from bridge import HookCheckpoints, SQLAlchemyCheckpoints, SQLiteCheckpoints

__all__ = ["TextFile", "open_store"]

Clock = Callable[[], float]


class Moved(SQLAlchemyCheckpoints):
    """The database's clock, and what the test has moved its own by."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.engine = sa.create_engine(url)
        super().__init__(self.engine)
        self._moved = lambda: clock() - time.time()

    def _now(self, db: sa.Connection) -> float:
        return super()._now(db) + self._moved()

    def close(self) -> None:
        """Give the engine's connections back."""
        self.engine.dispose()


class TextFile:
    """What an application with a file of its own would give to HookCheckpoints."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[str | None, object]:
        """The text, and what it is replaced by."""
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            return None, ""
        return text, hashlib.sha256(text.encode()).hexdigest()

    def save(self, value: str, expected: object) -> bool:
        """Replace the text if it is still the one that was loaded: whole, durable, or not."""
        with Path(f"{self._path}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.load()[1] != expected:
                return False
            draft = Path(f"{self._path}.{os.getpid()}")
            with draft.open("w", encoding="utf-8") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            return True


class Hooked(HookCheckpoints):
    """A store in a text file, with compare-and-set."""

    def __init__(self, path: Path, clock: Clock) -> None:
        file = TextFile(path)
        super().__init__(file.load, file.save, clock=clock)

    def close(self) -> None:
        """There is nothing to close."""


def open_store(
    address: str, clock: Clock, *, create: bool = False
) -> SQLiteCheckpoints | Moved | Hooked:
    """The store of an address: ``file:PATH``, ``text:PATH``, or SQLAlchemy's URL of a database.

    Args:
        address: Where the store is.
        clock: By which leases end.
        create: Make the tables of a database; only one process may.
    """
    kind, _, rest = address.partition(":")
    if kind == "file":
        return SQLiteCheckpoints(rest, clock=clock)
    if kind == "text":
        return Hooked(Path(rest), clock)
    store = Moved(address, clock)
    if create:
        store.create_tables()
    return store
