"""One SQLite file of ours: made whole or not at all, looked at before it is believed.

Why a write-ahead log: a commit is one append and one fsync (a rollback journal takes four), a
stopped reader does not block a writer, and a killed process leaves either the whole commit or
nothing. The log is folded into the file whenever a lease is given back, so that between runs the
one file holds everything; after a kill, the ``-wal`` beside it belongs to it until the next open.

Why the file is looked at with lstat and never opened by us: closing any descriptor of a file drops
every lock this process has on it, also those SQLite holds through another handle.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

from _client_kit._errors import StoreError
from bridge._stores.file_owner import inspect_file, inspect_folders
from bridge._stores.protocol import failure

__all__ = ["CheckpointFile"]

APPLICATION_ID = 0x42515A56
"""Marks a file as ours (see the ``file`` command): nobody else's database is ever written to."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE connection (
            number INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            fence INTEGER NOT NULL,
            owner TEXT,
            expires REAL,
            ttl REAL NOT NULL,
            head TEXT,
            crc INTEGER NOT NULL)""",
        """CREATE TABLE delivery (
            connection INTEGER NOT NULL,
            id TEXT NOT NULL,
            state TEXT NOT NULL,
            due REAL,
            value TEXT NOT NULL,
            crc INTEGER NOT NULL,
            PRIMARY KEY (connection, id)) WITHOUT ROWID""",
        # Everything select() filters and orders by: a million delivered rows are never visited.
        "CREATE INDEX delivery_by_state ON delivery (connection, state, id, due)",
    ),
)
"""What brings a file from each version to the next; their number is the version."""

_CHECKED_AT_OPEN = 4 * 1024 * 1024
"""Files up to this size are checked whole when opened (some 10 ms); larger ones as they are read,
so that opening does not grow with the number of past deliveries."""

_RESTORE = (
    "Restore {path} from a backup and run export_new(look_first=True). Move it away only if "
    "nothing was ever exported through it, or if you then call activate() again."
)

_registry: weakref.WeakSet[CheckpointFile] = weakref.WeakSet()
_registry_lock = threading.Lock()
_forking: list[CheckpointFile] = []


class CheckpointFile:
    """The file behind any number of threads: opened when first used, closed before a fork."""

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.handle = _Handle()
        self._timeout = timeout
        # Closes the file when the store is forgotten, and at the end of the interpreter.
        self._finalizer = weakref.finalize(self, self.handle.close)
        with _registry_lock:
            _registry.add(self)

    def close(self) -> None:
        """Close the file. The next transaction opens it again."""
        with self.lock:
            self.handle.close()

    def fold(self) -> None:
        """Move the log's content into the file itself.

        Best effort, and waits for nobody: what it leaves, the next one moves.
        """
        with self.lock, contextlib.suppress(sqlite3.Error):
            if self.handle.file is not None:
                self.handle.file.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Generator[sqlite3.Connection, None, None]:
        """The open file within one transaction; committed if nothing is raised."""
        with self.lock:
            try:
                file = self._opened()
                try:
                    file.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                    yield file
                    file.execute("COMMIT")
                except BaseException:
                    # Also for KeyboardInterrupt: nothing half done may wait in an open handle.
                    if file.in_transaction:
                        file.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                # Whatever it was, the next call starts from a fresh look at the file.
                self.handle.close()
                raise self._failed(error) from None
            except UnicodeDecodeError:
                self.handle.close()
                raise self.damaged("its text is not UTF-8") from None

    def _opened(self) -> sqlite3.Connection:
        file = self.handle.file
        if file is None:
            return self._open()
        try:
            seen = os.lstat(self.path)
        except OSError:
            seen = None
        if seen is None or (seen.st_dev, seen.st_ino) != self.handle.identity:
            self.handle.close()
            raise failure(
                f"{self.path} was removed or replaced while it was in use",
                hint="Put the file back, or call activate() again if it was meant to go.",
            )
        return file

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if os.name == "posix":  # pragma: no branch - Windows has neither owners nor modes
            inspect_folders(self.path)
        try:
            seen = self._looked_at()
        except OSError as error:
            raise failure(f"{self.path} cannot be looked at: {error.strerror}") from None
        file = self.handle.open(self.path, self._timeout)
        try:
            self._prepare(file, seen.st_size)
            # Only now it is known to be ours; and nobody has put something beside it meanwhile.
            self._close_to_others()
        except BaseException:
            self.handle.close()
            raise
        self.handle.identity = (seen.st_dev, seen.st_ino)
        return file

    def _looked_at(self) -> os.stat_result:
        """The file, made where there is none, and refused if others could have written it."""
        try:
            seen = os.lstat(self.path)
        except FileNotFoundError:
            self._create()
            seen = os.lstat(self.path)
        inspect_file(self.path, seen)
        if not seen.st_size:
            raise self.damaged("the file is empty")
        self._beside()
        return seen

    def _beside(self) -> dict[Path, os.stat_result]:
        """What SQLite keeps beside the file, which must be as it is."""
        found: dict[Path, os.stat_result] = {}
        for tail in ("-wal", "-shm", "-journal"):
            path = Path(f"{self.path}{tail}")
            with contextlib.suppress(FileNotFoundError):
                found[path] = os.lstat(path)
        if os.name == "posix":  # pragma: no branch - Windows has neither owners nor modes
            for path, seen in found.items():
                inspect_file(path, seen)
        return found

    def _close_to_others(self) -> None:
        """Let nobody else read the file, or what is beside it."""
        if os.name != "posix":  # pragma: no cover - Windows has neither owners nor modes
            return
        for path, seen in {self.path: os.lstat(self.path), **self._beside()}.items():
            if seen.st_mode & 0o077:
                # Another process of ours may have put away what is beside the file.
                with contextlib.suppress(FileNotFoundError):
                    path.chmod(0o600)

    def _prepare(self, file: sqlite3.Connection, size: int) -> None:
        if _pragma(file, "application_id") != APPLICATION_ID:
            raise self.damaged("it is not a checkpoint file")
        # In one moment: another process may be about to bring the file up to date.
        file.execute("BEGIN")
        version = int(_pragma(file, "user_version"))
        if version > len(MIGRATIONS):
            raise failure(
                f"{self.path} was written by a newer release (version {version}, this one reads "
                f"up to {len(MIGRATIONS)})",
                hint="Update this installation; the file was left as it is.",
            )
        if version < 1:
            raise self.damaged(f"its version is {version}")
        if _things(file) != _made_by(MIGRATIONS[:version]):
            raise self.damaged("it holds other tables, or what acts on them")
        file.execute("COMMIT")
        if size <= _CHECKED_AT_OPEN and _pragma(file, "integrity_check(1)") != "ok":
            raise self.damaged("the check of the whole file failed")
        if _pragma(file, "journal_mode = WAL") != "wal":
            # A file system without shared memory; there, only EXTRA is as durable as FULL in WAL.
            file.execute("PRAGMA synchronous = EXTRA")
        else:
            file.execute("PRAGMA synchronous = FULL")
        file.execute("PRAGMA fullfsync = ON")
        if version < len(MIGRATIONS):
            _migrate(file)

    def _create(self) -> None:
        """Make the file elsewhere and link it in place: it is there whole or not at all."""
        draft = self.path.with_name(f".{self.path.name}.{os.urandom(8).hex()}.new")
        try:
            for tail in ("-wal", "-journal"):
                left = Path(f"{self.path}{tail}")
                if left.exists() and not self.path.exists():
                    raise failure(
                        f"{self.path} is gone, but {left.name} is still there",
                        hint="Put the file back beside it; or, if it was meant to go, remove both.",
                    )
            _reserve(draft)
            try:
                with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as file:
                    _migrate(file)
                    file.execute("PRAGMA journal_mode = WAL")
                _fsync(draft)
                _put(draft, self.path)
            finally:
                draft.unlink(missing_ok=True)
            if os.name == "posix":  # pragma: no branch - elsewhere a folder cannot be synced
                _fsync(self.path.parent)
        except OSError as error:
            raise failure(
                f"{self.path} cannot be created: {error.strerror}",
                hint=f"{self.path.parent} must be a directory that this user can write to.",
            ) from None

    def damaged(self, why: str) -> StoreError:
        """The error for a file whose content cannot be believed."""
        return failure(
            f"{self.path} is damaged or not ours: {why}", hint=_RESTORE.format(path=self.path)
        )

    def _failed(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self.damaged(str(error))
        if isinstance(error, sqlite3.OperationalError) and code == sqlite3.SQLITE_ERROR:
            return self.damaged(str(error))  # a table or a column is not there
        busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        return failure(
            f"{self.path} could not be used: {error}", hint=_HINTS.get(code), retryable=busy
        )


_HINTS = {
    sqlite3.SQLITE_BUSY: "Another process is writing to it for too long; the next run may do.",
    sqlite3.SQLITE_FULL: "Free some space on its disk.",
    sqlite3.SQLITE_READONLY: "This user must be able to write to the file and its directory.",
    sqlite3.SQLITE_CANTOPEN: "This user must be able to write to the file and its directory.",
    sqlite3.SQLITE_PERM: "This user must be able to write to the file and its directory.",
    sqlite3.SQLITE_IOERR: "Its disk reported an error; look at the system's log.",
}


class _Handle:
    """The open file, apart from the store so that it can be closed after the store is gone."""

    def __init__(self) -> None:
        self.file: sqlite3.Connection | None = None
        self.identity: tuple[int, int] | None = None

    def open(self, path: Path, timeout: float) -> sqlite3.Connection:
        # mode=rw: a file that vanished is an error here, never a new and empty one.
        self.file = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        return self.file

    def close(self) -> None:
        file, self.file, self.identity = self.file, None, None
        if file is not None:
            with contextlib.suppress(sqlite3.Error):
                file.close()


def _migrate(file: sqlite3.Connection) -> None:
    file.execute("BEGIN IMMEDIATE")
    try:
        # Again, under the lock: another process may have done it meanwhile.
        version = int(_pragma(file, "user_version"))
        for statement in (s for step in MIGRATIONS[version:] for s in step):
            file.execute(statement)
        file.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:  # pragma: no branch - a full disk ends it by itself
            file.execute("ROLLBACK")
        raise


def _things(file: sqlite3.Connection) -> set[tuple[str, str]]:
    """The tables and indexes of a file, and its views and triggers, but what SQLite adds itself."""
    return set(
        file.execute(
            "SELECT type, name FROM sqlite_master"
            " WHERE NOT (type IN ('table', 'index') AND name GLOB 'sqlite_*')"
        )
    )


def _made_by(steps: tuple[tuple[str, ...], ...]) -> set[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as file:
        for statement in (s for step in steps for s in step):
            file.execute(statement)
        return _things(file)


def _pragma(file: sqlite3.Connection, what: str) -> Any:
    return file.execute(f"PRAGMA {what}").fetchone()[0]


def _reserve(path: Path) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        # A umask may have taken bits away that SQLite will need; it never adds any.
        path.chmod(0o600)
    finally:
        os.close(descriptor)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first, and its file is as good
    except OSError:
        # No hard links here: reserve the name, then put the draft over it.
        with contextlib.suppress(FileExistsError):
            _reserve(path)
            draft.replace(path)


def _before_fork() -> None:
    # SQLite's locks belong to the process: a child must not inherit an open file. Both sides open
    # it again when they next need it.
    _registry_lock.acquire()
    _forking[:] = _registry
    for file in _forking:
        file.lock.acquire()
        file.handle.close()


def _after_fork() -> None:
    for file in _forking:
        file.lock.release()
    _forking.clear()
    _registry_lock.release()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
