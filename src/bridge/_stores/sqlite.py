"""The default store: one SQLite file on this machine's own disk."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from _client_kit._arguments import argument_error, check_clock, check_seconds
from _client_kit._text import Text
from bridge._errors import configuration_error
from bridge._stores.connection_record import ConnectionRecord
from bridge._stores.protocol import (
    Lease,
    Row,
    check_acquire,
    check_commit,
    check_ids,
)
from bridge._stores.sqlite_file import CheckpointFile

__all__ = ["SQLiteCheckpoints"]

_CONNECTION = "SELECT fence, owner, expires, ttl, head, crc FROM connection WHERE key = ?"
_SAVE = """INSERT INTO connection (key, fence, owner, expires, ttl, head, crc)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
    SET fence = excluded.fence, owner = excluded.owner, expires = excluded.expires,
        ttl = excluded.ttl, head = excluded.head, crc = excluded.crc"""
_NUMBER = "(SELECT number FROM connection WHERE key = ?)"
_COLUMNS = "SELECT id, state, due, value, crc FROM delivery WHERE connection = " + _NUMBER  # noqa: S608
_SELECT = _COLUMNS + " AND state = ? AND id > ? ORDER BY id LIMIT ?"
_SELECT_DUE = _COLUMNS + " AND state = ? AND id > ? AND due <= ? ORDER BY id LIMIT ?"
_WRITE = f"""INSERT INTO delivery (connection, id, state, due, value, crc)
    VALUES ({_NUMBER}, ?, ?, ?, ?, ?) ON CONFLICT (connection, id) DO UPDATE
    SET state = excluded.state, due = excluded.due, value = excluded.value, crc = excluded.crc"""  # noqa: S608

_by_id = attrgetter("id")


class SQLiteCheckpoints:
    """Checkpoints in one SQLite file, for any number of connections, threads and processes.

    The file is created on first use with mode 0600; its directory must exist. It holds ids, states
    and times, never a credential or a document. If other users may write to the file or its
    directory, a warning is logged.

    Warning:
        Keep it on a local disk: file locks on network shares do not work. To back it up during a
        run, use ``sqlite3 exports.db ".backup copy.db"``; a plain copy is complete only if no
        process uses the file.

    Args:
        path: The file. A relative path and links are resolved when the store is created.
        timeout: Seconds to wait for another process that is writing.
        clock: Returns epoch seconds, for leases.
    """

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
            raise configuration_error(
                "the checkpoints' place is not the path of a file",
                "Name a file, or use MemoryCheckpoints for a trial; SQLAlchemyCheckpoints "
                "keeps checkpoints in a database.",
            )
        self.path: Path = Path(os.path.realpath(name))
        self._clock = clock
        self._file = CheckpointFile(self.path, timeout)

    def __repr__(self) -> str:
        return f"SQLiteCheckpoints({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        self._file.close()

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        check_acquire(key, owner, ttl)
        with self._file.transaction(write=True) as file:
            record = self._record(file, key)
            expires = record.expires
            # Read the clock only now: a lease may have expired while this call waited for the file.
            lease = record.acquire(key, owner, ttl, self._clock())
            if lease is not None or record.expires != expires:
                self._save(file, key, record)
            return lease

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        with self._file.transaction(write=True) as file:
            record = self._record(file, lease.key)
            if record.release(lease):
                self._save(file, lease.key, record)
        self._file.checkpoint_wal()

    def held_until(self, key: str) -> float | None:
        """Return when the lease ends, or None if no worker holds it."""
        with self._file.transaction(write=False) as file:
            return self._record(file, key).held_until(self._clock())

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        with self._file.transaction(write=False) as file:
            return self._record(file, key).head

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        wanted = set(check_ids(ids))
        query = _COLUMNS + f" AND id IN ({', '.join('?' * len(wanted))})"
        with self._file.transaction(write=False) as file:
            return [self._row(key, columns) for columns in file.execute(query, (key, *wanted))]

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""
        found: list[list[Row]] = []
        if limit <= 0:
            return []
        with self._file.transaction(write=False) as file:
            for state in dict.fromkeys(states):
                if due is None:
                    rows = file.execute(_SELECT, (key, state, after or "", limit))
                else:
                    rows = file.execute(_SELECT_DUE, (key, state, after or "", due, limit))
                found.append([self._row(key, columns) for columns in rows])
        return list(islice(merge(*found, key=_by_id), limit))

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`."""
        checked = check_commit(head, rows, ttl)
        with self._file.transaction(write=True) as file:
            record = self._record(file, lease.key)
            record.renew(lease, head, ttl, self._clock())
            self._save(file, lease.key, record)
            saved = (
                (row.id, row.state, None if row.due is None else float(row.due), row.value)
                for row in checked
            )
            file.executemany(
                _WRITE, ((lease.key, *values, _crc(lease.key, *values)) for values in saved)
            )

    # -- rows ----------------------------------------------------------------------------------

    def _record(self, file: sqlite3.Connection, key: str) -> ConnectionRecord:
        found = file.execute(_CONNECTION, (key,)).fetchone()
        if found is None:
            return ConnectionRecord()
        *values, crc = found
        if _crc(key, *values) != crc:
            raise self._file.damaged(
                Text("why_connection", "a connection's record does not match its checksum")
            )
        return ConnectionRecord(*values)

    def _save(self, file: sqlite3.Connection, key: str, record: ConnectionRecord) -> None:
        values = (record.fence, record.owner, record.expires, record.ttl, record.head)
        file.execute(_SAVE, (key, *values, _crc(key, *values)))

    def _row(self, key: str, columns: tuple[Any, ...]) -> Row:
        *values, crc = columns
        if _crc(key, *values) != crc:
            raise self._file.damaged(
                Text("why_delivery", "a delivery's record does not match its checksum")
            )
        return Row(*values)


def _crc(*values: object) -> int:
    # repr() distinguishes None from a text, and escapes lone surrogates, which encode() refuses.
    return zlib.crc32(repr(values).encode())
