"""The default store: one SQLite file on this machine's own disk.

The file is created atomically, and checked when it is opened. Unless it is on a shared folder, it
has a write-ahead log (WAL). With a WAL, a commit takes one fsync (with a rollback journal, four),
and a suspended reader does not block a writer. Releasing a lease copies the WAL into the file, so
that normally one file holds everything between runs. After a process was killed, the ``-wal`` file
next to it is needed until the next open.

Open the file with SQLite only. When a process opens it otherwise and closes that descriptor, the
process loses its locks on it (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Self

from _client_kit._arguments import argument_error, check_clock, check_seconds
from _client_kit._errors import StoreError
from _client_kit._text import Text
from bridge._errors import damaged, newer_version, setting_error, store_error
from bridge._stores.protocol import Lease
from bridge._stores.sql import Execute, SQLStore, Values

logger = logging.getLogger("bridge")

_APPLICATION_ID = 0x42515A56
"""SQLite's application id of a checkpoint file; a database with another id is refused."""

_VERSION = 1
"""The version of the file's format; a file with another version is refused."""

_CREATE_TABLES = f"""BEGIN;
    PRAGMA application_id = {_APPLICATION_ID};
    PRAGMA user_version = {_VERSION};
    CREATE TABLE bridge_connection (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        fence INTEGER NOT NULL,
        owner TEXT,
        expires REAL,
        ttl REAL NOT NULL,
        head TEXT,
        crc INTEGER NOT NULL);
    CREATE TABLE bridge_delivery (
        connection INTEGER NOT NULL,
        id TEXT NOT NULL,
        state TEXT NOT NULL,
        due REAL,
        value TEXT NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (connection, id)) WITHOUT ROWID;
    -- The index has all columns that select() filters and orders by. Without this index, select()
    -- would read all rows of a connection, also those of delivered documents.
    CREATE INDEX bridge_delivery_by_state ON bridge_delivery (connection, state, id, due);
    COMMIT"""

# Selects our tables with their indexes and triggers, and all views. Tables of other programs
# (Litestream, Datasette, ANALYZE) are left out, because they are allowed in the file.
_SCHEMA = """SELECT type, name FROM sqlite_master
    WHERE type = 'view' OR tbl_name COLLATE NOCASE IN ('bridge_connection', 'bridge_delivery')"""
_OURS = {
    ("table", "bridge_connection"),
    ("table", "bridge_delivery"),
    ("index", "bridge_delivery_by_state"),
    ("index", "sqlite_autoindex_bridge_connection_1"),
}

_CHECKED_AT_OPEN = 4 * 1024 * 1024
"""Files up to this size are checked completely when opened (about 10 ms). In larger files, a row is
checked only when it is read."""

_SHARED = (
    *("9p", "afs", "ceph", "cifs", "drvfs", "fakeowner", "fuse.", "lustre", "nfs", "prl_fs"),
    *("smb", "vboxsf", "virtiofs"),
)
"""The prefixes of the types of Linux file systems whose files other machines may open."""

_HINTS = {
    sqlite3.SQLITE_BUSY: Text(
        "hint_file_busy",
        "Another process is writing to it for too long. The next run may succeed; if it does not, "
        "end that process.",
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
        Text("hint_read_only", "This user must be able to write to the file and its directory."),
    ),
}

_warned_of: set[Path] = set()

_stores: weakref.WeakSet[SQLiteCheckpoints] = weakref.WeakSet()
_stores_lock = threading.Lock()


class SQLiteCheckpoints(SQLStore):
    """Checkpoints in one SQLite file, for any number of connections, threads and processes.

    The first write creates the file with mode 0600; its directory must exist. The file holds ids,
    states, times, reasons and names of suppliers and customers, never a credential or the content
    of a document. A warning is logged if the file is on a shared folder, or if other users may
    write to it or its directory.

    Warning:
        Keep the file on a local disk: file locks on network shares are not reliable. To back it up
        during a run, use ``sqlite3 exports.db ".backup copy.db"``; a plain copy is complete only if
        no process uses the file.

    Args:
        path: The file. A relative path and links are resolved when the store is created. A URL or
            ``:memory:`` raises ConfigurationError.
        timeout: Seconds to wait while another process writes; after that, StoreError is raised.
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
        """Close the file; the caller must hold the lock, except in `__del__`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        super().release(lease)
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._connection is not None:
                # Copy the WAL into the file; PASSIVE does not wait for other processes.
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def _transaction(self, key: str, *, write: bool) -> Generator[Execute]:  # noqa: ARG002
        with self._lock:
            if not write and self._is_new():
                # Only a write creates the file: status() in a wrong folder must not create one.
                # So read from an empty database in memory.
                with contextlib.closing(sqlite3.connect(":memory:")) as empty:
                    empty.executescript(_CREATE_TABLES)
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
                raise _error_of(self.path, error) from error

    def _now(self, execute: Execute) -> float:  # noqa: ARG002
        return self._clock()

    def _is_new(self) -> bool:
        """Return True if a write would create the file.

        The file is not open, neither it nor a WAL or journal exists, and its folder is writable.
        """
        beside = (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-journal"))
        return (
            self._connection is None
            and not any(map(os.path.lexists, beside))
            and os.access(self.path.parent, os.W_OK | os.X_OK)
        )

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection, self._opened_as = _open_file(self.path, self._timeout)
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


# -- the file ------------------------------------------------------------------------------------


def _open_file(path: Path, timeout: float) -> tuple[sqlite3.Connection, os.stat_result]:
    """Open or create a checkpoint file, and check it; return connection and `os.stat_result`."""
    try:
        folder = path.parent.stat()
        kind = _file_system(path.parent, folder.st_dev)
        if not path.exists():
            _create(path, shared=bool(kind))
        seen = path.stat()
    except OSError as error:
        hint = Text(
            "hint_file_unusable",
            "{0} must be a directory that this user can write to.",
            str(path.parent),
        )
        raise store_error(
            "file_unusable",
            "{0} cannot be used: {1}",
            *(str(path), Text("said", "{0}", str(error.strerror))),
            hint=None if error.errno == errno.ENOSPC else hint,
        ) from error
    if not stat.S_ISREG(seen.st_mode):
        raise store_error("not_a_file", "{0} is not a file", str(path))
    _warn(path, folder, seen, kind)
    # mode=rw: if the file was deleted after path.stat(), fail instead of creating an empty one.
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path, seen.st_size, shared=bool(kind))
    except BaseException:
        connection.close()
        raise
    return connection, seen


def _warn(path: Path, folder: os.stat_result, file: os.stat_result, kind: str) -> None:
    """Log a warning, once per file, if other users or machines may write to it or its folder."""
    reasons = [
        f"other users may write to the {name}, and so decide what is sent again"
        for name, seen in (("folder", folder), ("file", file))
        if _others_may_write(seen)
    ]
    if kind:
        reasons.append(
            f"it is on a network or shared folder ({kind}), and locks may not hold there: "
            "use it from one machine only, or use PostgreSQL"
        )
    if reasons and path not in _warned_of:
        _warned_of.add(path)
        logger.warning("the checkpoint file %r: %s", str(path), "; ".join(reasons))


def _prepare(file: sqlite3.Connection, path: Path, size: int, *, shared: bool) -> None:
    if _pragma(file, "application_id") != _APPLICATION_ID:
        raise _not_a_checkpoint(path)
    version = int(_pragma(file, "user_version"))
    if version > _VERSION:
        raise newer_version(str(path), version)
    found = set(file.execute(_SCHEMA))
    for kind, name in found - _OURS:
        # A trigger could delete rows at each commit; a view could show rows that do not exist.
        raise store_error(
            "foreign_schema",
            "{0} is damaged: it holds the {1} {2!r}, which does not belong there",
            *(str(path), kind, name),
        )
    # The order is reversed so that the error names a missing table before its indexes.
    for kind, name in sorted(_OURS - found, reverse=True):
        raise damaged(str(path), Text("why_missing", "its {0} {1!r} is missing", kind, name))
    if size <= _CHECKED_AT_OPEN and _pragma(file, "integrity_check(1)") != "ok":
        raise damaged(str(path), Text("why_check", "the check of the whole file failed"))
    # A write-ahead log needs shared memory, which few shared folders support.
    journal = _pragma(file, "journal_mode" if shared else "journal_mode = WAL")
    # A rollback journal needs EXTRA to be as durable as a write-ahead log with FULL.
    file.execute(f"PRAGMA synchronous = {'FULL' if journal == 'wal' else 'EXTRA'}")
    file.execute("PRAGMA fullfsync = ON")


def _not_a_checkpoint(path: Path) -> StoreError:
    return store_error(
        "not_a_checkpoint",
        "{0} is not a checkpoint file",
        str(path),
        hint="If it is the right file, restore it from a backup and run banqup-zenvoices "
        "export --look-first. Otherwise name another file.",
    )


def _create(path: Path, *, shared: bool) -> None:
    """Create the file under another name and link it, so that no process sees it incomplete."""
    for tail in ("-wal", "-journal"):
        left = Path(f"{path}{tail}")
        if left.exists() and not path.exists():
            raise store_error(
                "file_gone_log_left",
                "{0} is gone, but {1} is still there: put the file back beside it, or put both "
                "away",
                *(str(path), left.name),
            )
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}.new")
    draft.touch(mode=0o600, exist_ok=False)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as file:
            file.executescript(_CREATE_TABLES)
            if not shared:
                file.execute("PRAGMA journal_mode = WAL")
        _put(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # Windows and some shared folders cannot fsync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _error_of(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
    """Return the StoreError for an exception of SQLite, or for text that is not UTF-8."""
    # Text that is not UTF-8 raises an exception without a code; treat it as damage.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return _not_a_checkpoint(path)
    # SQLITE_ERROR means a missing table or column, because the SQL of this package is correct.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
        return damaged(str(path), Text("said", "{0}", str(error)))
    return store_error(
        "file_failed",
        "{0} could not be used: {1}",
        *(str(path), Text("said", "{0}", str(error))),
        hint=_HINTS.get(code),
        retryable=code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
    )


def _others_may_write(seen: os.stat_result) -> bool:
    """Return True if users other than root and this process's may write to the file or folder."""
    if os.name != "posix":  # pragma: no cover - Windows has neither owners nor modes
        return False
    ours = (0, os.geteuid())
    # Many systems give each user a private group with the user's own number, and let it write
    # (umask 002). No other user is in that group.
    by_group = seen.st_mode & 0o020 and seen.st_gid not in ours
    return bool(by_group or seen.st_mode & 0o002 or seen.st_uid not in ours)


def _file_system(folder: Path, device: int) -> str:
    """Return the type of the folder's file system if it is a shared one (`_SHARED`), else ''."""
    if str(folder).startswith("\\\\"):
        return "UNC"
    number = f"{os.major(device)}:{os.minor(device)}" if os.name == "posix" else ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return ""
    for fields in map(str.split, mounts):
        if fields[2] == number:
            kind = fields[fields.index("-") + 1]
            return kind if kind.startswith(_SHARED) else ""
    return ""


def _pragma(file: sqlite3.Connection, text: str) -> Any:
    return file.execute(f"PRAGMA {text}").fetchone()[0]


def _put(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process has created the file
    except OSError:
        # The file system has no hard links: reserve the name, then replace that file by the draft.
        with contextlib.suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
            draft.replace(path)
