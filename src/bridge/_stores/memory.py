"""A store in memory, and the base class that it shares with `HookCheckpoints`."""

from __future__ import annotations

import os
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from heapq import nsmallest
from operator import attrgetter
from typing import TypeVar

from attrs import define, field

from _client_kit._arguments import check_clock
from bridge._errors import configuration_error
from bridge._stores.connection_record import ConnectionRecord, LeasedStore, Use
from bridge._stores.protocol import Row

_by_id = attrgetter("id")
_T = TypeVar("_T")


@define
class ConnectionRows(ConnectionRecord):
    """The record of a connection, with its rows by id."""

    rows: dict[str, Row] = field(factory=dict[str, Row], eq=False)


class RecordStore(LeasedStore):
    """Base of stores that load and save all connections at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        check_clock(clock, service="bridge")
        self._clock = clock

    @abstractmethod
    def _apply(self, use: Callable[[dict[str, ConnectionRows]], tuple[_T, bool]]) -> _T:
        """Call `use` with all connections by key, under a lock, and return its first result.

        Save the connections if the second result of `use` is True.
        """

    def _use(self, key: str, use: Use[_T], *, write: bool, rows: Sequence[Row] = ()) -> _T:
        def change(known: dict[str, ConnectionRows]) -> tuple[_T, bool]:
            record = known.get(key) or ConnectionRows()
            before = copy(record)
            result = use(record, self._clock)
            record.rows.update((row.id, row) for row in rows)
            changed = write and (bool(rows) or record != before)
            if changed:
                known[key] = record
            return result, changed

        return self._apply(change)

    def _read(self, key: str, ask: Callable[[dict[str, Row]], _T]) -> _T:
        return self._apply(lambda known: (ask(known[key].rows if key in known else {}), False))

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        wanted = dict.fromkeys(ids)
        return self._read(key, lambda rows: [rows[name] for name in wanted if name in rows])

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""

        def matches(row: Row) -> bool:
            return (
                row.state in states
                and (due is None or (row.due is not None and row.due <= due))
                and (after is None or row.id > after)
            )

        return self._read(
            key,
            lambda rows: nsmallest(limit, filter(matches, rows.values()), key=_by_id),
        )


class MemoryCheckpoints(RecordStore):
    """Checkpoints in memory, lost when the process ends.

    Warning:
        A new process does not know what was exported. Use this store in tests and trials only.

    Args:
        clock: Returns epoch seconds, for leases.
    """

    in_memory = True
    """Whether the checkpoints are lost when the process ends. If so, activate() reports it."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._records: dict[str, ConnectionRows] = {}

    def _apply(self, use: Callable[[dict[str, ConnectionRows]], tuple[_T, bool]]) -> _T:
        if self._process != os.getpid():
            # Each forked process has a copy, so each would send every document.
            raise configuration_error(
                "MemoryCheckpoints belongs to the process that made it",
                'Use SQLiteCheckpoints("exports.db") where several processes share a connection.',
            )
        with self._lock:
            return use(self._records)[0]
