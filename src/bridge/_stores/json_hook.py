"""A store over two functions of the application: everything is one JSON text that it keeps.

The text says what it is, in which version, and carries a checksum. The checksum finds accidents
(a cut, a wrong paste, a lost line); whoever can write the text on purpose can write the checksum.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, TypeVar, cast, overload

from _client_kit._errors import StoreError
from bridge._stores.memory import Shelf
from bridge._stores.protocol import (
    Lease,
    Row,
    check_ids,
    check_rows,
    check_text,
    check_ttl,
    failure,
)

__all__ = ["HookCheckpoints"]

FORMAT = "bridge-checkpoints"
VERSION = 1
ROW_LIMIT = 20_000
"""The whole text is written at each commit; beyond this it no longer makes sense."""

_ATTEMPTS = 100
"""How often a change is made again on top of somebody else's. Each lost race is another's commit,
so this many in a row means that save() never agrees."""

_T = TypeVar("_T")
Shelves = dict[str, Shelf]


class HookCheckpoints:
    """Checkpoints in one text that the application keeps where it likes.

    With compare-and-set, for any number of workers::

        def load() -> tuple[str | None, object]:
            row = db.fetch("SELECT value, version FROM state WHERE name = 'exports'")
            return (row.value, row.version) if row else (None, 0)

        def save(value: str, expected: object) -> bool:
            # True only if the version was still the one load() gave. Durable on return.
            return db.execute(
                "UPDATE state SET value = ?, version = version + 1 "
                "WHERE name = 'exports' AND version = ?", value, expected) == 1

        HookCheckpoints(load, save)

    Without it, ``load() -> str | None`` and ``save(value) -> None``, where the application itself
    sees to it that only one process exports at a time::

        HookCheckpoints(load, save, single_worker=True)

    A value of None means that nothing was ever saved. Everything else must be what was saved, be it
    with other white space or key order (a ``jsonb`` column may), or the store refuses it.

    Warning:
        With ``single_worker=True`` no lease is promised: two processes would overwrite each other.
        Workers on several machines need clocks that agree to well within the lease (600 s).

    Args:
        load: Gives the text, and the version that save() will be asked to replace.
        save: Keeps the text; with compare-and-set, says whether it did.
        single_worker: There is no compare-and-set, and only one process exports.
        clock: Epoch seconds, for leases.
    """

    @overload
    def __init__(
        self,
        load: Callable[[], tuple[str | None, Any]],
        save: Callable[[str, Any], bool],
        *,
        single_worker: Literal[False] = False,
        clock: Callable[[], float] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        load: Callable[[], str | None],
        save: Callable[[str], object],
        *,
        single_worker: Literal[True],
        clock: Callable[[], float] = ...,
    ) -> None: ...

    def __init__(
        self,
        load: Callable[..., Any],
        save: Callable[..., Any],
        *,
        single_worker: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._load = load
        self._save = save
        self._single_worker = single_worker
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[str, Shelves] | None = None

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`."""
        check_ttl(ttl)
        check_text(key, "the key")
        check_text(owner, "the owner")

        def take(shelves: Shelves) -> tuple[Lease | None, bool]:
            shelf = shelves.setdefault(key, Shelf())
            before = shelf.expires
            lease = shelf.acquire(key, owner, ttl, self._clock())
            return lease, shelf.expires != before

        return self._change(take)

    def release(self, lease: Lease) -> None:
        """See :meth:`CheckpointStore.release`."""
        self._change(lambda shelves: (None, _shelf(shelves, lease.key).release(lease)))

    def held_until(self, key: str) -> float | None:
        """When the lease ends, or None when nobody holds it."""
        with self._lock:
            return _shelf(self._read()[0], key).held_until(self._clock())

    def head(self, key: str) -> str | None:
        """See :meth:`CheckpointStore.head`."""
        with self._lock:
            return _shelf(self._read()[0], key).head

    def find(self, key: str, ids: Sequence[str]) -> Sequence[Row]:
        """See :meth:`CheckpointStore.find`."""
        check_ids(ids)
        with self._lock:
            return _shelf(self._read()[0], key).find(ids)

    def select(
        self, key: str, states: Sequence[str], *, due: float | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        """See :meth:`CheckpointStore.select`."""
        with self._lock:
            return _shelf(self._read()[0], key).select(states, due, after, limit)

    def commit(
        self, lease: Lease, *, head: str | None = None, rows: Sequence[Row] = (), ttl: float
    ) -> None:
        """See :meth:`CheckpointStore.commit`."""
        check_ttl(ttl)
        checked = check_rows(rows)
        if head is not None:
            check_text(head, "the head")

        def write(shelves: Shelves) -> tuple[None, bool]:
            shelf = _shelf(shelves, lease.key)
            shelf.commit(lease, head, checked, ttl, self._clock())
            if sum(len(shelf.rows) for shelf in shelves.values()) > ROW_LIMIT:
                raise failure(
                    f"the application's checkpoint value would hold more than {ROW_LIMIT} rows",
                    hint="Move to SQLiteCheckpoints or SQLAlchemyCheckpoints.",
                )
            return None, True

        self._change(write)

    def _change(self, change: Callable[[Shelves], tuple[_T, bool]]) -> _T:
        """Apply ``change`` to what is stored now, and store it if that changed anything."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                shelves, version = self._read()
                self._known = None  # until it is stored, what is changed here is nobody's truth
                result, changed = change(shelves)
                if not changed:
                    return result
                text = _write(shelves)
                if self._store(text, version):
                    self._known = (text, shelves)
                    return result
        raise failure(
            f"the application's save hook refused {_ATTEMPTS} times in a row",
            hint="It must return True when it replaced the version that load() gave.",
            retryable=True,
        )

    def _read(self) -> tuple[Shelves, Any]:
        try:
            answer: Any = self._load()
        except Exception as error:
            raise _broke("load", error) from error
        value: Any = answer
        version: Any = None
        if not self._single_worker:
            try:
                value, version = answer
            except (TypeError, ValueError):
                raise failure(
                    "the application's load hook must return (value, version)",
                    hint="Without compare-and-set, use single_worker=True.",
                ) from None
        if value is None:
            return {}, version
        if not isinstance(value, str):
            raise failure(
                f"the application's load hook gave {type(value).__name__}, not text or None"
            )
        if self._known is None or self._known[0] != value:
            self._known = (value, _parse(value))
        return self._known[1], version

    def _store(self, text: str, version: Any) -> bool:
        try:
            if self._single_worker:
                self._save(text)
                return True
            kept: Any = self._save(text, version)
        except Exception as error:
            raise _broke("save", error) from error
        if not isinstance(kept, bool):
            raise failure(
                f"the application's save hook returned {type(kept).__name__}, not True or False",
                hint="Without compare-and-set, use single_worker=True.",
            )
        return kept


def _broke(hook: str, error: Exception) -> StoreError:
    # The text of a stranger's error may hold anything, also a password; its cause stays attached.
    return failure(f"the application's {hook} hook raised {type(error).__name__}", retryable=True)


def _shelf(shelves: Shelves, key: str) -> Shelf:
    return shelves.get(key) or Shelf()


# -- the text ------------------------------------------------------------------------------------


def _write(shelves: Shelves) -> str:
    body = _canonical(shelves)
    checksum = hashlib.sha256(body.encode()).hexdigest()
    return (
        f'{{"format":"{FORMAT}","version":{VERSION},"checksum":"{checksum}","connections":{body}}}'
    )


def _canonical(shelves: Shelves) -> str:
    return json.dumps(
        {
            key: {
                "fence": shelf.fence,
                "owner": shelf.owner,
                "expires": _number(shelf.expires),
                "ttl": _number(shelf.ttl),
                "head": shelf.head,
                "rows": {
                    row.id: [row.state, _number(row.due), row.value] for row in shelf.rows.values()
                },
            }
            for key, shelf in shelves.items()
        },
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _parse(text: str) -> Shelves:
    try:
        whole = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _damaged("it is not the JSON that was saved") from None
    if not isinstance(whole, dict):
        raise _damaged("it is not an object")
    found = cast("dict[str, Any]", whole)
    version = found.get("version")
    if found.get("format") != FORMAT or type(version) is not int or version < 1:
        raise _damaged("it does not say that it is ours")
    if version > VERSION:
        raise failure(
            f"the application's checkpoint value was written by a newer release "
            f"(version {version}, this one reads up to {VERSION})",
            hint="Update this installation; the value was left as it is.",
        )
    if found.keys() != {"format", "version", "checksum", "connections"}:
        raise _damaged("its members are not those that were saved")
    try:
        shelves = {key: _shelf_of(value) for key, value in _members(found["connections"])}
        whole = hashlib.sha256(_canonical(shelves).encode()).hexdigest() == found["checksum"]
    except (TypeError, ValueError, OverflowError):
        raise _damaged("its content is not what was saved") from None
    if not whole:
        raise _damaged("its checksum does not match")
    return shelves


def _shelf_of(value: Any) -> Shelf:
    members = dict(_members(value))
    if members.keys() != {"fence", "owner", "expires", "ttl", "head", "rows"}:
        raise ValueError
    rows: dict[str, Row] = {}
    for name, columns in _members(members["rows"]):
        state, due, text = columns
        rows[name] = Row(_text(name), _text(state), _optional(due, _float), _text(text))
    fence = members["fence"]
    if type(fence) is not int or not 0 <= fence < 2**63:
        raise ValueError
    return Shelf(
        fence=fence,
        owner=_optional(members["owner"], _text),
        expires=_optional(members["expires"], _float),
        ttl=_float(members["ttl"]),
        head=_optional(members["head"], _text),
        rows=rows,
    )


def _members(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise TypeError
    return list(cast("dict[str, Any]", value).items())


def _optional(value: Any, convert: Callable[[Any], _T]) -> _T | None:
    return None if value is None else convert(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError
    value.encode()  # half a character is a ValueError
    return value


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _damaged(why: str) -> StoreError:
    return failure(
        f"the application's checkpoint value is damaged: {why}",
        hint=(
            "Restore it from a backup and run export_new(look_first=True). Only None means that "
            "nothing was ever saved."
        ),
    )
