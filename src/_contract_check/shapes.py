"""Comparing live answers with what an export needs. Only names and types are ever shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import attrs
from attrs import frozen

from _client_kit._errors import ServiceError
from _client_kit._json import is_list, is_object
from _client_kit._models import wire_name
from _client_kit._secret import Secret
from _contract_check.expectations import Expectations

__all__ = ["Probe", "Unlike", "as_json", "differences", "kind_of", "rows_of", "seen"]

MOST_NAMES = 12
# A name with anything else in it may be somebody's data used as a name.
_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$-]{0,40}")


@frozen
class Probe:
    """One operation of a service that was tried.

    Attributes:
        operation: Its name in the contract.
        answers: What came, as JSON in the contract's names.
        error: Why nothing came.
        note: What else is to be said of it.
        remedy: What corrects it, where the note is a complaint.
        skipped: Whether there was nothing to try it with; the note says why.
    """

    operation: str
    answers: tuple[Any, ...] = ()
    error: ServiceError | None = None
    note: str = ""
    remedy: str = ""
    skipped: bool = False


@frozen
class Unlike:
    """A property that did not come as an export needs it.

    Attributes:
        path: Its path in the contract.
        expected: The types it may have.
        above: The path of the object that should hold it.
        came: Names and types that came in its place.
        near: The name that came and differs from it in letter case or an underscore only.
    """

    path: str
    expected: str
    above: str
    came: str
    near: str = ""


def as_json(value: Any) -> Any:
    """Return a decoded answer as JSON, without the members that did not come."""
    if isinstance(value, tuple):
        return [as_json(item) for item in cast("Sequence[Any]", value)]
    cls = cast("Any", type(value))
    if isinstance(value, Secret) or not attrs.has(cls):
        return value
    members = {
        wire_name(attribute): as_json(getattr(value, attribute.name))
        for attribute in attrs.fields(cls)
        if attribute.name != "extra"
    }
    came = {name: member for name, member in members.items() if not _is_empty(member)}
    return {**came, **getattr(value, "extra", {})}


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def rows_of(items: Iterable[Any], unreadable: int, *, under: str) -> Any:
    """Return a page of a list as JSON; an entry that is not an object stands as a text."""
    return {under: [*map(as_json, items), *[""] * unreadable]}


def kind_of(value: object) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (str, datetime, Secret)):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    return "array" if is_list(value) else "object"


def differences(answers: Iterable[Any], operation: str, expected: Expectations) -> Iterator[Unlike]:
    """Yield what an export needs of an operation's answers, and did not come."""
    kinds = expected.kinds.get(operation, {})
    needed = expected.essential.get(operation, frozenset())
    found = list(answers)
    broken_at: list[str] = []
    for path, wanted in kinds.items():
        if f"reads:{path}" not in needed or path.startswith(tuple(broken_at)):
            continue
        above, _, name = path.rpartition(".")
        holders = list(_at(found, above))
        came = {kind_of(holder[name]) for holder in holders if is_object(holder) and name in holder}
        near = "" if came else _near(name, holders)
        lost = bool(holders) and not came
        if lost and not near and f"{operation} {path}" in expected.may_be_empty:
            lost = not all(map(is_object, holders))
        if lost or (came and not came & wanted):
            broken_at += [f"{path}.", f"{path}[]"]
            shown = "string" if "string" in wanted else "|".join(sorted(wanted)) or "object"
            yield Unlike(path, shown, above, _shown(holders, None if lost else name), near)


def seen(answers: Iterable[Any], operation: str, expected: Expectations) -> tuple[int, int]:
    """Return how many of an operation's properties came, of how many."""
    found = list(answers)
    paths = expected.kinds.get(operation, {})
    parts = [path.rpartition(".") for path in paths]
    came = [
        any(is_object(holder) and name in holder for holder in _at(found, above))
        for above, _, name in parts
    ]
    return sum(came), len(came)


def _at(answers: list[Any], path: str) -> Iterator[Any]:
    """Yield the values at a path, through lists."""
    values = answers
    for part in path.split(".") if path else []:
        name = part.removesuffix("[]")
        values = [value.get(name) for value in values if is_object(value)] if name else values
        if part.endswith("[]"):
            values = [entry for value in values if is_list(value) for entry in value]
    return (value for value in values if value is not None)


def _near(name: str, holders: Iterable[Any]) -> str:
    letters = name.replace("_", "").casefold()
    names = {str(key) for holder in holders if is_object(holder) for key in holder}
    near = [key for key in names if key.replace("_", "").casefold() == letters]
    return near[0] if len(near) == 1 else ""


def _shown(holders: Iterable[Any], only: str | None) -> str:
    """Return names with types, such as ``id (string)``; never a value."""
    kinds: dict[str, set[str]] = {}
    others: set[str] = set()
    for holder in holders:
        if not is_object(holder):
            others.add(kind_of(holder))
        for name, value in holder.items() if is_object(holder) else ():
            if only in (None, name):
                kinds.setdefault(str(name), set()).add(kind_of(value))
    named = [
        f"{name if _NAME.fullmatch(name) else '<name>'} ({'|'.join(sorted(kinds[name]))})"
        for name in sorted(kinds)[:MOST_NAMES]
    ]
    more = [f"{len(kinds) - MOST_NAMES} more"] if len(kinds) > MOST_NAMES else []
    return ", ".join([*named, *more, *sorted(others)])
