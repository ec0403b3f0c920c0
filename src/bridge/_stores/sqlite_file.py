"""The file of `SQLiteCheckpoints`: create it atomically, check it, and run transactions.

Unless it is on a shared folder, the file has a write-ahead log. A commit then takes one fsync; with
a rollback journal, it takes four. A stopped reader does not block a writer. Releasing a lease moves
the log into the file, so that normally one file holds everything between runs. After a process was
killed, the ``-wal`` file next to it is needed until the next open.

Only SQLite may open the file: closing any other descriptor of it drops every lock that this process
has on it (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import stat
import threading
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

from _client_kit._errors import StoreError
from _client_kit._text import Text
from bridge._errors import damaged, newer_version, not_replaced, store_error

logger = logging.getLogger("bridge")

APPLICATION_ID = 0x42515A56
"""SQLite's application id of a checkpoint file; a database with another id is refused."""

VERSION = 1
"""The version of the file's format; a file with another version is refused."""

_STATEMENTS = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
    """CREATE TABLE bridge_connection (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        fence INTEGER NOT NULL,
        owner TEXT,
        expires REAL,
        ttl REAL NOT NULL,
        head TEXT,
        crc INTEGER NOT NULL)""",
    """CREATE TABLE bridge_delivery (
        connection INTEGER NOT NULL,
        id TEXT NOT NULL,
        state TEXT NOT NULL,
        due REAL,
        value TEXT NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (connection, id)) WITHOUT ROWID""",
    # The index has all columns that select() filters and orders by. Without this index, select()
    # would read all rows of a connection, also those of delivered documents.
    "CREATE INDEX bridge_delivery_by_state ON bridge_delivery (connection, state, id, due)",
)

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
"""Files up to this size are checked completely when opened (about 10 ms). In larger files, only the
rows that are read are checked."""

_SHARED = (
    *("9p", "afs", "ceph", "cifs", "drvfs", "fakeowner", "fuse.", "lustre", "nfs", "prl_fs"),
    *("smb", "vboxsf", "virtiofs"),
)
"""How the types of shared file systems begin on Linux; other machines may open files there."""

_DISK_FULL = Text("hint_disk_full", "Its disk is full: free some space.")

_HINTS = {
    sqlite3.SQLITE_BUSY: Text(
        "hint_file_busy",
        "Another process is writing to it for too long. The next run may succeed; if it does not, "
        "end that process.",
    ),
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_IOERR: Text(
        "hint_disk_failed", "Its disk is full or failed; look at the system's log."
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
        Text("hint_read_only", "This user must be able to write to the file and its directory."),
    ),
}

_open_files: weakref.WeakSet[CheckpointFile] = weakref.WeakSet()
_open_files_lock = threading.Lock()


class CheckpointFile:
    """A checkpoint file for any number of threads: opened when first used, closed before a fork."""

    _connection: sqlite3.Connection | None = None

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.lock = threading.Lock()
        self._timeout = timeout
        self._warned = False
        with _open_files_lock:
            _open_files.add(self)

    def __del__(self) -> None:
        self.disconnect()

    def close(self) -> None:
        """Close the file. The next transaction opens it again."""
        with self.lock:
            self.disconnect()

    def disconnect(self) -> None:
        """Close the file; the caller must hold the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def checkpoint_wal(self) -> None:
        """Move the write-ahead log into the file, without waiting for other processes."""
        with self.lock, contextlib.suppress(sqlite3.Error):
            if self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Generator[sqlite3.Connection, None, None]:
        """Yield the open file for one transaction, which an exception rolls back."""
        with self.lock:
            if not write and self._is_new():
                # Only a write creates the file: status() in a wrong folder must not create one.
                with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
                    _create_tables(empty)
                    yield empty
                return
            try:
                connection = self._opened()
                # The connection's own context manager also rolls back for KeyboardInterrupt.
                with connection:
                    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                    yield connection
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self.disconnect()  # so that the next call opens and checks the file again
                raise self._error_of(error) from error

    def damaged(self, why: str) -> StoreError:
        """Return the error for a file with invalid content."""
        return damaged(str(self.path), why)

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
            return self._open()
        try:
            is_same = os.path.samestat(self.path.stat(), self._opened_as)
        except OSError:
            is_same = False
        if not is_same:
            # Writes to a deleted file are lost, so the documents recorded there would be sent
            # again.
            self.disconnect()
            raise store_error(
                "file_replaced",
                "{0} was removed or replaced while it was in use",
                str(self.path),
                hint="Put the file back, or call activate() again if it was meant to go.",
            )
        return self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            folder = self.path.parent.stat()
            kind = _file_system(self.path.parent, folder.st_dev)
            if not self.path.exists():
                self._create(shared=bool(kind))
            seen = self.path.stat()
        except OSError as error:
            why = Text("said", "{0}", str(error.strerror))
            hint = not_replaced(str(self.path)) or Text(
                "hint_file_unusable",
                "{0} must be a directory that this user can write to.",
                str(self.path.parent),
            )
            raise store_error(
                "file_unusable",
                "{0} cannot be used: {1}",
                *(str(self.path), why),
                hint=_DISK_FULL if error.errno == errno.ENOSPC else hint,
            ) from error
        if not stat.S_ISREG(seen.st_mode):
            raise store_error(
                "not_a_file",
                "{0} is not a file",
                str(self.path),
                hint="Name the checkpoint file itself.",
            )
        self._warn(folder, seen, kind)
        # mode=rw: if the file was deleted since, fail instead of creating an empty one.
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._prepare(connection, seen.st_size, shared=bool(kind))
        except BaseException:
            connection.close()
            raise
        self._connection, self._opened_as = connection, seen
        return connection

    def _warn(self, folder: os.stat_result, file: os.stat_result, kind: str) -> None:
        """Log one warning if other users or machines may write to the file."""
        if self._warned:
            return
        self._warned = True
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
        if reasons:
            logger.warning("the checkpoint file %r: %s", str(self.path), "; ".join(reasons))

    def _prepare(self, file: sqlite3.Connection, size: int, *, shared: bool) -> None:
        if _pragma(file, "application_id") != APPLICATION_ID:
            raise self.damaged(Text("why_other_file", "it is not a checkpoint file"))
        version = int(_pragma(file, "user_version"))
        if version > VERSION:
            raise newer_version(str(self.path), version)
        self._check_schema(file)
        if size <= _CHECKED_AT_OPEN and _pragma(file, "integrity_check(1)") != "ok":
            raise self.damaged(Text("why_check", "the check of the whole file failed"))
        # A write-ahead log needs shared memory, which few shared folders support.
        journal = _pragma(file, "journal_mode" if shared else "journal_mode = WAL")
        # A rollback journal needs EXTRA to be as durable as a write-ahead log with FULL.
        file.execute(f"PRAGMA synchronous = {'FULL' if journal == 'wal' else 'EXTRA'}")
        file.execute("PRAGMA fullfsync = ON")

    def _check_schema(self, file: sqlite3.Connection) -> None:
        """Refuse a file that lacks one of our tables or indexes, or to which others were added.

        Refused are added views, and added indexes and triggers of our tables.
        """
        found = set(file.execute(_SCHEMA))
        for kind, name in sorted(found - _OURS):
            # A trigger could delete rows at each commit; a view could show rows that do not exist.
            why = "it holds the {0} {1!r}, which is not ours: remove it with DROP"
            raise self.damaged(Text("why_foreign", why, kind, name))
        # In reverse order, a missing table is named before its indexes.
        for kind, name in sorted(_OURS - found, reverse=True):
            raise self.damaged(Text("why_missing", "its {0} {1!r} is missing", kind, name))

    def _create(self, *, shared: bool) -> None:
        """Create the file under another name and link it, so that no process sees it incomplete."""
        for tail in ("-wal", "-journal"):
            left = Path(f"{self.path}{tail}")
            if left.exists() and not self.path.exists():
                raise store_error(
                    "file_gone_log_left",
                    "{0} is gone, but {1} is still there",
                    *(str(self.path), left.name),
                    hint="Put the file back beside it; or, if it was meant to go, remove both.",
                )
        draft = self.path.with_name(f".{self.path.name}.{os.urandom(8).hex()}.new")
        draft.touch(mode=0o600, exist_ok=False)
        try:
            with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as file:
                _create_tables(file)
                if not shared:
                    file.execute("PRAGMA journal_mode = WAL")
            _put(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Windows and some shared folders cannot fsync a folder
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _error_of(self, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
        # Errors about text that is not UTF-8 have no code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        # SQLITE_ERROR means a missing table or column, because the statements are correct.
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            return self.damaged(Text("said", "{0}", str(error)))
        busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        return store_error(
            "file_failed",
            "{0} could not be used: {1}",
            *(str(self.path), Text("said", "{0}", str(error))),
            hint=_HINTS.get(code),
            retryable=busy,
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
    """Return the type of the file system if it is shared between machines, else ''."""
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


def _create_tables(file: sqlite3.Connection) -> None:
    with file:
        file.execute("BEGIN")
        for statement in _STATEMENTS:
            file.execute(statement)


def _pragma(file: sqlite3.Connection, text: str) -> Any:
    return file.execute(f"PRAGMA {text}").fetchone()[0]


def _put(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process has created the file
    except OSError:
        # The file system has no hard links: reserve the name, then replace it by the draft.
        with contextlib.suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
            draft.replace(path)


def _before_fork() -> None:
    # SQLite's locks belong to the process, so a child process must not inherit an open file. Parent
    # and child open the file again when they need it.
    _open_files_lock.acquire()
    for file in _open_files:
        file.lock.acquire()
        file.disconnect()


def _after_fork() -> None:
    for file in _open_files:
        file.lock.release()
    _open_files_lock.release()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
