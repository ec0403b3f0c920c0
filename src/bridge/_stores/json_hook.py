"""A store over two functions of the application, which load and save one JSON text.

The text names its format and version and has a checksum. The checksum detects accidents, such as a
truncated text. It does not detect an attacker, who can write a checksum too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from cattrs import Converter

from _client_kit._arguments import check_function
from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text
from _client_kit._user_code import name_of, place_of
from bridge._errors import THE_CHECKPOINT, damaged, newer_version, store_error
from bridge._stores.memory import ConnectionRows, RecordStore
from bridge._stores.protocol import Lease

logger = logging.getLogger("bridge")

FORMAT = "bridge-checkpoints"
VERSION = 1
ROW_LIMIT = 20_000
"""The most rows of all connections together, because each commit writes the whole text."""

_HOOKS = Text(
    "hint_hooks",
    "They are load() and save(value, expected); or, with single_worker=True, load() and "
    "save(value).",
)
_SINGLE = Text("hint_single_worker", "Without compare-and-set, use single_worker=True.")

_ATTEMPTS = 100
"""How often a change is tried while save() returns False; after that, StoreError is raised. Each
False means that another worker has committed. So many in a row probably mean a bug in save()."""

_converter = Converter(detailed_validation=False)
# Write the int 5 as 5.0. Otherwise it would be read as the float 5.0, and the checksum, which is
# computed from the records again, would not match.
_converter.register_unstructure_hook(float, float)

_BUGS = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError),
    *(TypeError, ValueError),
)
"""Exceptions that show a bug in a hook, so that trying again does not help."""

_T = TypeVar("_T")


class HookCheckpoints(RecordStore):
    """Checkpoints in one text that the application stores itself.

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

    Without compare-and-set, ``load() -> str | None`` and ``save(value) -> None``. The application
    must then ensure that only one process exports at a time::

        HookCheckpoints(load, save, single_worker=True)

    If load() returns None for the text, nothing was ever saved. Any other text must be the saved
    JSON, or StoreError is raised. White space and the order of keys may differ, as in a ``jsonb``
    column.

    Warning:
        With ``single_worker=True`` the lease does not reliably keep processes apart: two of them
        could overwrite each other's checkpoints.
        The clocks of several machines must differ by much less than the length of a lease (by
        default 600 s).

    Args:
        load: Returns the text or None. With compare-and-set, returns a tuple of the text and its
            version.
        save: Saves the text. With compare-and-set, returns True if it replaced the version
            ``expected``, and False if it saved nothing.
        single_worker: True for functions without compare-and-set, if only one process exports.
        clock: Returns epoch seconds, for leases.
    """

    def __init__(
        self,
        load: Callable[[], tuple[str | None, Any] | str | None],
        save: Callable[..., object],
        *,
        single_worker: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        check_function(load, "load", 0, _HOOKS, service="bridge")
        given = 1 if single_worker else 2
        check_function(save, "save", given, _HOOKS, service="bridge")
        self._load: Callable[[], Any] = load
        self._save = save
        self._single_worker = single_worker
        self._lock = threading.Lock()
        self._raised_at = ""
        self._parsed: tuple[str | None, dict[str, ConnectionRows]] | None = None

    def acquire(self, key: str, owner: str, ttl: float) -> Lease | None:
        """See :meth:`CheckpointStore.acquire`.

        Raises:
            StoreError: load() does not return what save() has saved. Without this check, a save()
                that does not commit would make later commits raise LeaseLostError.
        """
        lease = super().acquire(key, owner, ttl)
        if lease is not None and self.held_until(key) is None:
            raise store_error(
                "save_lost",
                "the application's save hook {0} reported success, but load() then gave the "
                "former value",
                name_of(self._save),
                hint="Does save() commit what it writes? If it does, load() reads another place, "
                "or a replica or a cache that is behind.",
            )
        return lease

    def _apply(self, use: Callable[[dict[str, ConnectionRows]], tuple[_T, bool]]) -> _T:
        with self._lock:
            for _ in range(_ATTEMPTS):
                text, version = self._loaded()
                kept, self._parsed = self._parsed, None
                known = kept[1] if kept and kept[0] == text else _parse(text)
                result, changed = use(known)
                if changed:
                    text = _write(known)
                # Keep the parsed records only now: if save() refused them, the next call must not
                # use them.
                if not changed or self._saved(text, version):
                    self._parsed = (text, known)
                    return result
        raise store_error(
            "save_refused",
            "the application's save hook refused {0} times in a row",
            _ATTEMPTS,
            hint="It must return True when it replaced the version that load() gave.",
            retryable=True,
        )

    def _loaded(self) -> tuple[str | None, Any]:
        answer = self._call("load", self._load)
        try:
            value, version = (answer, None) if self._single_worker else answer
        except (TypeError, ValueError):
            message = "the application's load hook must return (value, version)"
            raise store_error("load_shape", message, hint=_SINGLE) from None
        if value is not None and not isinstance(value, str):
            kind = type(value).__name__
            raise store_error("load_kind", "load() gave {0}, not the text that was saved", kind)
        return value, version

    def _saved(self, text: str | None, version: Any) -> bool:
        if self._single_worker:
            self._call("save", self._save, text)
            answer: object = True
        else:
            answer = self._call("save", self._save, text, version)
        self._raised_at = ""
        if not isinstance(answer, bool):
            raise store_error(
                "save_kind",
                "the application's save hook returned {0}, not True or False",
                type(answer).__name__,
                hint=_SINGLE,
            )
        return answer

    def _call(self, hook: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a hook; log its exception, and raise a StoreError without the exception's text.

        The text may contain a password. Until save() has returned, another exception from the same
        line is not logged.
        """
        try:
            return function(*arguments)
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            place = place_of(error)
            passing = not isinstance(error, _BUGS) and getattr(error, "retryable", True)
            failed = store_error(
                "hook_raised",
                "the application's {0} hook raised {1} at {2}",
                *(hook, type(error).__name__, place),
                hint="Its own traceback, the cause of this error, shows the line.",
                retryable=passing,
            )
            if place != self._raised_at:
                self._raised_at = place
                logger.warning("%s", failed.message, exc_info=error)
            raise failed from error


# -- the JSON text -------------------------------------------------------------------------------


def _write(known: dict[str, ConnectionRows]) -> str:
    if sum(len(record.rows) for record in known.values()) > ROW_LIMIT:
        raise store_error(
            "value_full",
            "the application's checkpoint value would hold more than {0} rows",
            ROW_LIMIT,
            hint="Move to SQLiteCheckpoints or SQLAlchemyCheckpoints.",
        )
    body, checksum = _body_of(known)
    return (
        f'{{"format":"{FORMAT}","version":{VERSION},"checksum":"{checksum}","connections":{body}}}'
    )


def _body_of(known: dict[str, ConnectionRows]) -> tuple[str, str]:
    """Return the JSON of the connections, and its checksum."""
    plain = _converter.unstructure(known, dict[str, ConnectionRows])
    body = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return body, hashlib.sha256(body.encode()).hexdigest()


def _parse(text: str | None) -> dict[str, ConnectionRows]:
    if text is None:
        return {}
    try:
        saved = json.loads(text)
        version = saved["version"]
        if version > VERSION:
            raise newer_version(THE_CHECKPOINT, version)
        body = saved["connections"]
        known = _converter.structure(body, dict[str, ConnectionRows])
        # Compute the checksum from the parsed records. A JSON column may change white space, the
        # order of keys, and how a number is written, which must not count as damage.
        _, checksum = _body_of(known)
        whole = {"format": FORMAT, "version": VERSION, "checksum": checksum, "connections": body}
        if saved == whole and type(version) is int:
            return known
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        pass
    raise damaged(THE_CHECKPOINT, Text("why_not_json", "it is not the JSON that was saved"))
