"""The SQL that SQLiteCheckpoints and SQLAlchemyCheckpoints have in common."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from operator import attrgetter
from typing import Any, TypeVar

from attrs import asdict

from _client_kit._text import Text
from bridge._errors import damaged
from bridge._stores.connection_record import ConnectionRecord, LeasedStore, Use
from bridge._stores.protocol import Row, name_of_store

_CONNECTION = """SELECT fence, owner, expires, ttl, head, crc FROM bridge_connection
    WHERE key = :key"""
INSERT_CONNECTION = """INSERT INTO bridge_connection (key, fence, owner, expires, ttl, head, crc)
    VALUES (:key, :fence, :owner, :expires, :ttl, :head, :crc) ON CONFLICT (key) DO UPDATE
    SET fence = """
_SAVE = f"""{INSERT_CONNECTION} excluded.fence, owner = excluded.owner, expires = excluded.expires,
    ttl = excluded.ttl, head = excluded.head, crc = excluded.crc"""
_NUMBER = "(SELECT number FROM bridge_connection WHERE key = :key)"
_ROWS = f"SELECT id, state, due, value, crc FROM bridge_delivery WHERE connection = {_NUMBER}"  # noqa: S608
_WRITE = f"""INSERT INTO bridge_delivery (connection, id, state, due, value, crc)
    VALUES ({_NUMBER}, :id, :state, :due, :value, :crc) ON CONFLICT (connection, id) DO UPDATE
    SET state = excluded.state, due = excluded.due, value = excluded.value, crc = excluded.crc"""  # noqa: S608

Values = dict[str, Any] | list[dict[str, Any]]
Execute = Callable[[str, Values], Any]
"""A function that executes a statement with a dict of values, or once for each dict of a list."""

_by_id = attrgetter("id")
_T = TypeVar("_T")
_Item = TypeVar("_Item", ConnectionRecord, Row)


class SQLStore(LeasedStore):
    """Base of stores that have the tables ``bridge_connection`` and ``bridge_delivery``."""

    @abstractmethod
    def _transaction(self, key: str, *, write: bool) -> AbstractContextManager[Execute]:
        """Begin a transaction, give a function that executes SQL in it, and commit.

        An exception rolls the transaction back. A write must exclude other writers of the
        connection ``key`` until the transaction ends.
        """

    @abstractmethod
    def _now(self, execute: Execute) -> float:
        """Return the time by the store's clock, in epoch seconds."""

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        values = {f"id{number}": name for number, name in enumerate(ids)}
        if not values:  # PostgreSQL refuses "IN ()"
            return []
        marks = ", ".join(f":{mark}" for mark in values)
        return self._rows(key, f"{_ROWS} AND id IN ({marks})", values)

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""
        values: dict[str, Any] = {"after": after or "", "due": due, "limit": limit}
        until = "" if due is None else "AND due <= :due"
        # A query for one state reads the index in order and stops at the limit. Combine the queries
        # of all states in one statement. Otherwise a row that changes its state between two queries
        # could be returned twice or not at all.
        parts: list[str] = []
        for state in dict.fromkeys(states):
            mark = f"state{len(parts)}"
            values[mark] = state
            query = f"{_ROWS} AND state = :{mark} AND id > :after {until} ORDER BY id LIMIT :limit"
            parts.append(f"SELECT * FROM ({query}) AS {mark}")  # noqa: S608
        rows = self._rows(key, " UNION ALL ".join(parts), values) if parts else []
        # The query sorts the rows of each state only, so sort all rows together here.
        return sorted(rows, key=_by_id)[:limit]

    def _rows(self, key: str, query: str, values: dict[str, Any]) -> list[Row]:
        with self._transaction(key, write=False) as execute:
            found = execute(query, values | {"key": key})
            return [self._checked(key, Row(*columns), crc) for *columns, crc in found]

    def _use(self, key: str, use: Use[_T], *, write: bool, rows: Sequence[Row] = ()) -> _T:
        with self._transaction(key, write=write) as execute:
            found = execute(_CONNECTION, {"key": key}).fetchone()
            record = ConnectionRecord()
            if found is not None:
                *columns, crc = found
                record = self._checked(key, ConnectionRecord(*columns), crc)
            result = use(record, lambda: self._now(execute))
            if write:
                execute(_SAVE, columns_of(key, record))
            if rows:
                execute(_WRITE, [columns_of(key, row) for row in rows])
            return result

    def _checked(self, key: str, item: _Item, crc: int) -> _Item:
        if columns_of(key, item)["crc"] != crc:
            why = Text("why_checksum", "its checksum does not match")
            raise damaged(name_of_store(self), why)
        return item


def columns_of(key: str, item: ConnectionRecord | Row) -> dict[str, Any]:
    """Return the column values of a record or a row, with the connection's key and a checksum."""
    values: dict[str, Any] = asdict(item, recurse=False)
    # A column of floats returns 5.0 for the int 5; both must have the same checksum.
    plain = [float(value) if isinstance(value, int) else value for value in values.values()]
    # repr() distinguishes None from a text, and escapes lone surrogates, which encode() refuses.
    crc = zlib.crc32(repr((key, *plain)).encode())
    return values | {"key": key, "crc": crc}
