"""The default store: one SQLite file on this machine's own disk."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from copy import copy
from operator import attrgetter
from pathlib import Path
from typing import Any, Self, TypeVar

from _client_kit._arguments import argument_error, check_clock, check_seconds
from _client_kit._text import Text
from bridge._errors import setting_error
from bridge._stores.connection_record import ConnectionRecord, LeasedStore, Use
from bridge._stores.protocol import Lease, Row, check_ids
from bridge._stores.sqlite_file import CheckpointFile

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
_T = TypeVar("_T")


class SQLiteCheckpoints(LeasedStore):
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

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        super().release(lease)
        self._file.checkpoint_wal()

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
        found: list[Row] = []
        if limit <= 0:
            return found
        with self._file.transaction(write=False) as file:
            for state in dict.fromkeys(states):
                if due is None:
                    rows = file.execute(_SELECT, (key, state, after or "", limit))
                else:
                    rows = file.execute(_SELECT_DUE, (key, state, after or "", due, limit))
                found += [self._row(key, columns) for columns in rows]
        return sorted(found, key=_by_id)[:limit]

    # -- rows ----------------------------------------------------------------------------------

    def _use(self, key: str, use: Use[_T], *, write: bool, rows: Sequence[Row] = ()) -> _T:
        with self._file.transaction(write=write) as file:
            record = self._record(file, key)
            before = copy(record)
            result = use(record, self._clock)
            if record != before:
                values = (record.fence, record.owner, record.expires, record.ttl, record.head)
                file.execute(_SAVE, (key, *values, _crc(key, *values)))
            saved = (
                (row.id, row.state, None if row.due is None else float(row.due), row.value)
                for row in rows
            )
            file.executemany(_WRITE, ((key, *values, _crc(key, *values)) for values in saved))
            return result

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
