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

from bridge._errors import LeaseLostError
from bridge._stores.protocol import (
    Lease,
    Row,
    check_ids,
    check_rows,
    check_text,
    check_ttl,
    failure,
)
from bridge._stores.sqlite_file import CheckpointFile

__all__ = ["SQLiteCheckpoints"]

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


class SQLiteCheckpoints:
    """Checkpoints in one SQLite file, for any number of connections, threads and processes.

    The file is created on first use with mode 0600; its directory must exist, and be one that only
    this user may change. It holds ids, states and times, never a credential or a document.

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
        if not name or name == ":memory:" or "\0" in name or "://" in name:
            # Not shown: the address of a database holds its password.
            raise failure(
                "the checkpoints' place is not the path of a file",
                hint="Name a file, or use MemoryCheckpoints for a trial; SQLAlchemyCheckpoints "
                "keeps checkpoints in a database.",
            )
        self.path: Path = Path(name).absolute()
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
        check_ttl(ttl)
        check_text(key, "the key")
        check_text(owner, "the owner")
        with self._file.transaction(write=True) as file:
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
        with self._file.transaction(write=True) as file:
            found = self._connection(file, lease.key)
            if found is None or found[1] != lease.fence:
                return
            # Raising the fence makes a returned lease as useless as a superseded one.
            number, fence, _, _, term, head = found
            self._update(file, lease.key, number, fence + 1, None, None, term, head)
        self._file.fold()

    def held_until(self, key: str) -> float | None:
        """When the lease ends, or None when nobody holds it."""
        with self._file.transaction(write=False) as file:
            found = self._connection(file, key)
            now = self._clock()
        if found is None or found[3] is None or found[3] <= now:
            return None
        return min(found[3], now + found[4])

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        with self._file.transaction(write=False) as file:
            found = self._connection(file, key)
        return None if found is None else found[5]

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        wanted = list(dict.fromkeys(check_ids(ids)))
        if not wanted:
            return []
        size = next(n for n in _FIND if n >= len(wanted))
        wanted += [wanted[0]] * (size - len(wanted))
        with self._file.transaction(write=False) as file:
            found = file.execute(_FIND[size], (key, *wanted)).fetchall()
        return [self._row(key, columns) for columns in found]

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
        with self._file.transaction(write=True) as file:
            found = self._connection(file, lease.key)
            if found is None or found[1] != lease.fence:
                raise LeaseLostError
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
            raise self._file.damaged("a connection's record does not match its checksum")
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
            raise self._file.damaged("a delivery's record does not match its checksum")
        return row


def _crc(*values: object) -> int:
    return zlib.crc32("\0".join(map(repr, values)).encode())


def _row_crc(key: str, row: Row, due: float | None) -> int:
    text = f"{key}\0{row.id}\0{row.state}\0{due!r}\0{row.value}"
    return zlib.crc32(text.encode(errors="replace"))
