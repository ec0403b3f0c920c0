"""Stores of every kind by an address, for several processes that share a clock a test moves."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bridge import CheckpointStore, HookCheckpoints, SQLiteCheckpoints

__all__ = ["Store", "TextFile", "open_store"]

Clock = Callable[[], float]


class Store(CheckpointStore, Protocol):
    """A store that can be closed."""

    def close(self) -> None:
        """Give everything back."""
        ...


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


def _in_database(url: str, clock: Clock, *, create: bool) -> Store:
    # Only here: most processes that come by this module do without SQLAlchemy.
    import sqlalchemy as sa

    from bridge import SQLAlchemyCheckpoints

    engine = sa.create_engine(url)

    class Moved(SQLAlchemyCheckpoints):
        """By the database's clock, and what the test has moved its own by."""

        def _now(self, db: Any) -> float:
            return super()._now(db) + clock() - time.time()

        def close(self) -> None:
            engine.dispose()

    store = Moved(engine)
    if create:
        store.create_tables()
    return store


def open_store(address: str, clock: Clock, *, create: bool = False) -> Store:
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
    return _in_database(address, clock, create=create)
