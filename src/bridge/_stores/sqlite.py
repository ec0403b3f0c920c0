"""The default store: one SQLite file on this machine's own disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Self

from _client_kit._arguments import argument_error, check_clock, check_seconds
from bridge._errors import setting_error, store_error
from bridge._stores.protocol import Lease
from bridge._stores.sql import Execute, SQLStore, Values
from bridge._stores.sqlite_file import CREATE_TABLES, error_of, open_file

_stores: weakref.WeakSet[SQLiteCheckpoints] = weakref.WeakSet()
_stores_lock = threading.Lock()


class SQLiteCheckpoints(SQLStore):
    """Checkpoints in one SQLite file, for any number of connections, threads and processes.

    The first write creates the file with mode 0600; its directory must exist. It holds ids, states,
    times, reasons and names of suppliers and customers, never a credential or the content of a
    document. If other users may write to the file or its directory, a warning is logged.

    Warning:
        Keep the file on a local disk: file locks on network shares do not work. To back it up
        during a run, use ``sqlite3 exports.db ".backup copy.db"``; a plain copy is complete only if
        no process uses the file.

    Args:
        path: The file. A relative path and links are resolved when the store is created.
        timeout: Seconds to wait for another process that is writing.
        clock: Returns epoch seconds, for leases.
    """

    _connection: sqlite3.Connection | None = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(path, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise argument_error("path", "the path of a file", path, service="bridge")
        check_seconds(timeout, "timeout", service="bridge", zero=True)
        check_clock(clock, service="bridge")
        name = os.fspath(path)
        if not name or name == ":memory:" or "\0" in name or "://" in name:
            # Do not show the argument: the URL of a database may contain a password.
            raise setting_error(
                "not_a_path",
                "the checkpoints' place is not the path of a file",
                hint="Name a file, or use MemoryCheckpoints for a trial; SQLAlchemyCheckpoints "
                "keeps checkpoints in a database.",
            )
        self.path: Path = Path(os.path.realpath(name))
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        with _stores_lock:
            _stores.add(self)

    def __repr__(self) -> str:
        return f"SQLiteCheckpoints({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._disconnect()

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        """Close the file; the caller must hold the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        super().release(lease)
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._connection is not None:
                # Move the log into the file, without waiting for other processes.
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def _transaction(self, key: str, *, write: bool) -> Generator[Execute]:  # noqa: ARG002
        with self._lock:
            if not write and self._is_new():
                # Only a write creates the file: status() in a wrong folder must not create one.
                with contextlib.closing(sqlite3.connect(":memory:")) as empty:
                    empty.executescript(CREATE_TABLES)
                    yield _executor(empty)
                return
            try:
                connection = self._opened()
                # The connection's own context manager also rolls back for KeyboardInterrupt.
                with connection:
                    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                    yield _executor(connection)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._disconnect()  # so that the next call opens and checks the file again
                raise error_of(self.path, error) from error

    def _now(self, execute: Execute) -> float:  # noqa: ARG002
        return self._clock()

    def _is_new(self) -> bool:
        """Return True if there is no file and no log of one, and a write could create the file."""
        beside = (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-journal"))
        return (
            self._connection is None
            and not any(map(os.path.lexists, beside))
            and os.access(self.path.parent, os.W_OK | os.X_OK)
        )

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection, self._opened_as = open_file(self.path, self._timeout)
            return self._connection
        try:
            is_same = os.path.samestat(self.path.stat(), self._opened_as)
        except OSError:
            is_same = False
        if not is_same:
            # Writes to a deleted file are lost, so the documents recorded there would be sent
            # again.
            self._disconnect()
            raise store_error(
                "file_replaced",
                "{0} was removed or replaced while it was in use",
                str(self.path),
                hint="Put the file back, or call activate() again if it was meant to go.",
            )
        return self._connection


def _executor(file: sqlite3.Connection) -> Execute:
    def execute(statement: str, values: Values) -> Any:
        if isinstance(values, list):
            return file.executemany(statement, values)
        return file.execute(statement, values)

    return execute


def _before_fork() -> None:
    # SQLite's locks belong to the process, so a child process must not inherit an open file. Parent
    # and child open the file again when they need it.
    _stores_lock.acquire()
    for store in _stores:
        store._lock.acquire()
        store._disconnect()


def _after_fork() -> None:
    for store in _stores:
        store._lock.release()
    _stores_lock.release()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
