"""The default store: one SQLite file on this machine's own disk.

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
import secrets
import sqlite3
import stat
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Generator, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from _client_kit._errors import StoreError
from bridge._checkpoints import (
    Lease,
    Row,
    check_ids,
    check_rows,
    check_text,
    check_ttl,
    failure,
)
from bridge._errors import LeaseLost

__all__ = ["SQLiteCheckpoints"]

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

_CONNECTION = "SELECT number, fence, owner, expires, ttl, head, crc FROM connection WHERE key = ?"
_NUMBER = "(SELECT number FROM connection WHERE key = ?)"
_COLUMNS = "SELECT id, state, due, value, crc FROM delivery WHERE connection = " + _NUMBER  # noqa: S608
_SELECT = _COLUMNS + " AND state = ? AND id > ? ORDER BY id LIMIT ?"
_SELECT_DUE = _COLUMNS + " AND state = ? AND id > ? AND due <= ? ORDER BY id LIMIT ?"
# Few distinct statements, so that each is prepared once.
_FIND = {n: _COLUMNS + f" AND id IN ({', '.join('?' * n)})" for n in (1, 8, 64, 500)}
_WRITE = """INSERT INTO delivery (connection, id, state, due, value, crc) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (connection, id) DO UPDATE
    SET state = excluded.state, due = excluded.due, value = excluded.value, crc = excluded.crc"""
_UPDATE = """UPDATE connection SET fence = ?, owner = ?, expires = ?, ttl = ?, head = ?, crc = ?
    WHERE number = ?"""

_by_id = attrgetter("id")
_registry: weakref.WeakSet[SQLiteCheckpoints] = weakref.WeakSet()
_registry_lock = threading.Lock()
_forking: list[SQLiteCheckpoints] = []


class SQLiteCheckpoints:
    """Checkpoints in one SQLite file, for any number of connections, threads and processes.

    The file is created on first use with mode 0600; its directory must exist. It holds ids,
    states and times, never a credential or a document.

    Warning:
        Keep it on a disk of this machine: file locks on network shares do not hold. To back it up
        while something runs, use ``sqlite3 exports.db ".backup copy.db"``; a plain copy is
        complete only while nothing runs.

    Args:
        path: The file.
        timeout: Seconds to wait for another process that is writing.
        clock: Epoch seconds of this machine, for leases.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        name = os.fspath(path)
        if not name or name == ":memory:" or "\0" in name:
            raise failure(
                f"{name!r} is not the path of a file",
                hint="Name a file, or use MemoryCheckpoints for a trial.",
            )
        self.path = Path(name).absolute()
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._handle = _Handle()
        # Closes the file when the store is forgotten, and at the end of the interpreter.
        self._finalizer = weakref.finalize(self, self._handle.close)
        with _registry_lock:
            _registry.add(self)

    def __repr__(self) -> str:
        return f"SQLiteCheckpoints({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        with self._lock:
            self._handle.close()

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        check_ttl(ttl)
        check_text(key, "the key")
        check_text(owner, "the owner")
        with self._writing() as file:
            found = self._connection(file, key)
            # Only now: waiting for the file may have taken longer than somebody's lease.
            now = self._clock()
            if found is None:
                fence, head = 1, None
                number = file.execute(
                    "INSERT INTO connection (key, fence, ttl, crc) VALUES (?, 0, 0, 0)", (key,)
                ).lastrowid
            else:
                number, fence, holder, expires, term, head = found
                if expires is not None and expires > now:
                    # A clock that was set back must not keep a dead worker's lease for ever.
                    if expires > now + term:
                        self._update(file, key, number, fence, holder, now + term, term, head)
                    return None
                fence += 1
            self._update(file, key, number, fence, owner, now + ttl, ttl, head)
            return Lease(key, fence)

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        with self._writing() as file:
            found = self._connection(file, lease.key)
            if found is None or found[1] != lease.fence:
                return
            # Raising the fence makes a returned lease as useless as a superseded one.
            number, fence, _, _, term, head = found
            self._update(file, lease.key, number, fence + 1, None, None, term, head)
        with self._lock, contextlib.suppress(sqlite3.Error):
            # Best effort, waits for nobody: what it leaves, the next one folds in.
            if self._handle.file is not None:
                self._handle.file.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def held_until(self, key: str) -> float | None:
        """When the lease ends, or None when nobody holds it."""
        with self._reading() as file:
            found = self._connection(file, key)
            now = self._clock()
        if found is None or found[3] is None or found[3] <= now:
            return None
        return min(found[3], now + found[4])

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        with self._reading() as file:
            found = self._connection(file, key)
        return None if found is None else found[5]

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        wanted = list(dict.fromkeys(check_ids(ids)))
        if not wanted:
            return []
        size = next(n for n in _FIND if n >= len(wanted))
        wanted += [wanted[0]] * (size - len(wanted))
        with self._reading() as file:
            found = file.execute(_FIND[size], (key, *wanted)).fetchall()
        return [self._row(key, columns) for columns in found]

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""
        found: list[list[Row]] = []
        if limit <= 0:
            return []
        with self._reading() as file:
            for state in dict.fromkeys(states):
                if due is None:
                    rows = file.execute(_SELECT, (key, state, after or "", limit))
                else:
                    rows = file.execute(_SELECT_DUE, (key, state, after or "", due, limit))
                found.append([self._row(key, columns) for columns in rows.fetchall()])
        if len(found) == 1:
            return found[0]
        return list(islice(merge(*found, key=_by_id), limit))

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`."""
        check_ttl(ttl)
        checked = check_rows(rows)
        if head is not None:
            check_text(head, "the head")
        with self._writing() as file:
            found = self._connection(file, lease.key)
            if found is None or found[1] != lease.fence:
                raise LeaseLost
            number, fence, owner, _, _, kept = found
            file.executemany(
                _WRITE,
                (
                    (number, row.id, row.state, due, row.value, _row_crc(lease.key, row, due))
                    for row in checked
                    for due in (None if row.due is None else float(row.due),)
                ),
            )
            until = self._clock() + ttl
            written = kept if head is None else head
            self._update(file, lease.key, number, fence, owner, until, ttl, written)

    # -- rows ----------------------------------------------------------------------------------

    def _connection(
        self, file: sqlite3.Connection, key: str
    ) -> tuple[int, int, str | None, float | None, float, str | None] | None:
        found = file.execute(_CONNECTION, (key,)).fetchone()
        if found is None:
            return None
        number, *rest, crc = found
        if _crc(key, *rest) != crc:
            raise self._damaged("a connection's record does not match its checksum")
        return (number, *rest)

    def _update(
        self,
        file: sqlite3.Connection,
        key: str,
        number: int | None,
        fence: int,
        owner: str | None,
        expires: float | None,
        ttl: float,
        head: str | None,
    ) -> None:
        values = (fence, owner, expires, float(ttl), head)
        file.execute(_UPDATE, (*values, _crc(key, *values), number))

    def _row(self, key: str, columns: tuple[Any, ...]) -> Row:
        name, state, due, value, crc = columns
        row = Row(name, state, due, value)
        if _row_crc(key, row, due) != crc:
            raise self._damaged("a delivery's record does not match its checksum")
        return row

    # -- transactions --------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        with self._transaction("BEGIN IMMEDIATE") as file:
            yield file

    @contextlib.contextmanager
    def _reading(self) -> Generator[sqlite3.Connection, None, None]:
        with self._transaction("BEGIN") as file:
            yield file

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Generator[sqlite3.Connection, None, None]:
        with self._lock:
            try:
                file = self._opened()
                try:
                    file.execute(begin)
                    yield file
                    file.execute("COMMIT")
                except BaseException:
                    # Also for KeyboardInterrupt: nothing half done may wait in an open handle.
                    if file.in_transaction:
                        file.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                # Whatever it was, the next call starts from a fresh look at the file.
                self._handle.close()
                raise self._failed(error) from None
            except UnicodeDecodeError:
                self._handle.close()
                raise self._damaged("its text is not UTF-8") from None

    def _opened(self) -> sqlite3.Connection:
        file = self._handle.file
        if file is None:
            return self._open()
        try:
            seen = os.lstat(self.path)
        except OSError:
            seen = None
        if seen is None or (seen.st_dev, seen.st_ino) != self._handle.identity:
            self._handle.close()
            raise failure(
                f"{self.path} was removed or replaced while it was in use",
                hint="Put the file back, or call activate() again if it was meant to go.",
            )
        return file

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            seen = os.lstat(self.path)
        except FileNotFoundError:
            self._create()
            seen = os.lstat(self.path)
        except OSError as error:
            raise failure(f"{self.path} cannot be looked at: {error.strerror}") from None
        self._inspect(seen)
        file = self._handle.open(self.path, self._timeout)
        try:
            self._prepare(file, seen.st_size)
        except BaseException:
            self._handle.close()
            raise
        self._handle.identity = (seen.st_dev, seen.st_ino)
        return file

    def _inspect(self, seen: os.stat_result) -> None:
        if stat.S_ISLNK(seen.st_mode) or not stat.S_ISREG(seen.st_mode):
            raise failure(
                f"{self.path} is a link or not a file", hint="Name the checkpoint file itself."
            )
        if os.name == "posix":
            if seen.st_uid != os.geteuid():
                raise failure(
                    f"{self.path} belongs to another user (id {seen.st_uid})",
                    hint="Run as the file's owner, or give the file to this user with chown.",
                )
            parent = self.path.parent.stat()
            if seen.st_mode & 0o022:
                raise failure(
                    f"{self.path} can be changed by other users",
                    hint=f"Check its content can be trusted, then: chmod 600 {self.path}",
                )
            if parent.st_mode & 0o002 and not parent.st_mode & stat.S_ISVTX:
                raise failure(
                    f"{self.path.parent} lets every user replace the checkpoint file",
                    hint="Keep the file in a directory of its own with mode 700.",
                )
        if not seen.st_size:
            raise self._damaged("the file is empty")

    def _prepare(self, file: sqlite3.Connection, size: int) -> None:
        if _pragma(file, "application_id") != APPLICATION_ID:
            raise self._damaged("it is not a checkpoint file")
        version = int(_pragma(file, "user_version"))
        if version > len(MIGRATIONS):
            raise failure(
                f"{self.path} was written by a newer release (version {version}, this one reads "
                f"up to {len(MIGRATIONS)})",
                hint="Update this installation; the file was left as it is.",
            )
        if version < 1:
            raise self._damaged(f"its version is {version}")
        if size <= _CHECKED_AT_OPEN and _pragma(file, "integrity_check(1)") != "ok":
            raise self._damaged("the check of the whole file failed")
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
        for tail in ("-wal", "-journal"):
            left = Path(f"{self.path}{tail}")
            if left.exists() and not self.path.exists():
                raise failure(
                    f"{self.path} is gone, but {left.name} is still there",
                    hint="Put the file back beside it; or, if it was meant to go, remove both.",
                )
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.new")
        try:
            _reserve(draft)
            try:
                with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as file:
                    _migrate(file)
                    file.execute("PRAGMA journal_mode = WAL")
                _fsync(draft)
                _put(draft, self.path)
            finally:
                draft.unlink(missing_ok=True)
            if os.name == "posix":
                _fsync(self.path.parent)
        except OSError as error:
            raise failure(
                f"{self.path} cannot be created: {error.strerror}",
                hint=f"{self.path.parent} must be a directory that this user can write to.",
            ) from None

    def _damaged(self, why: str) -> StoreError:
        return failure(
            f"{self.path} is damaged or not ours: {why}", hint=_RESTORE.format(path=self.path)
        )

    def _failed(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._damaged(str(error))
        if isinstance(error, sqlite3.OperationalError) and code == sqlite3.SQLITE_ERROR:
            return self._damaged(str(error))  # a table or a column is not there
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
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise


def _pragma(file: sqlite3.Connection, what: str) -> Any:
    return file.execute(f"PRAGMA {what}").fetchone()[0]


def _crc(*values: object) -> int:
    return zlib.crc32("\0".join(map(repr, values)).encode())


def _row_crc(key: str, row: Row, due: float | None) -> int:
    text = f"{key}\0{row.id}\0{row.state}\0{due!r}\0{row.value}"
    return zlib.crc32(text.encode(errors="replace"))


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
    for store in _forking:
        store._lock.acquire()
        store._handle.close()


def _after_fork() -> None:
    for store in _forking:
        store._lock.release()
    _forking.clear()
    _registry_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
