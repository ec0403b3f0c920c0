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
from _contract_check.openapi_schema import Schema, Shape, below, letters

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


def shape_of(answers: Iterable[Any]) -> Shape:
    """Return every path of some answers, as of a vendor's schema; null counts as a type."""
    kinds: dict[str, set[str]] = {}
    names: dict[str, dict[str, Any]] = {}
    waiting = [("", answer) for answer in answers]
    for path, value in waiting:
        kinds.setdefault(path, set()).add(kind_of(value))
        if is_object(value):
            names.setdefault(path, {}).update(value)
            waiting += [(below(path, str(name)), member) for name, member in value.items()]
        elif is_list(value):
            waiting += [(f"{path}[]", entry) for entry in value]
    return {
        path: Schema(kinds=frozenset(found), members=names.get(path, {}))
        for path, found in kinds.items()
    }


def differences(answers: Iterable[Any], operation: str, expected: Expectations) -> Iterator[Unlike]:
    """Yield what an export needs of an operation's answers, and did not come."""
    needed = expected.essential.get(operation, frozenset())
    shape = shape_of(answers)
    broken_at: list[str] = []
    for path, wanted in expected.kinds.get(operation, {}).items():
        above, _, name = path.rpartition(".")
        holder = shape.get(above, Schema())
        if f"reads:{path}" not in needed or path.startswith(tuple(broken_at)):
            continue
        if holder.kinds <= {"null"}:  # no value came that could hold it
            continue
        came = shape[path].kinds if path in shape else frozenset[str]()
        alike = [item for item in holder.members if letters(item) == letters(name) and not came]
        lost = not came
        if lost and not alike and f"{operation} {path}" in expected.may_be_empty:
            lost = bool(holder.kinds - {"object"})
        if lost or (came and not came & wanted):
            broken_at += [f"{path}.", f"{path}[]"]
            shown = "string" if "string" in wanted else "|".join(sorted(wanted)) or "object"
            near = alike[0] if len(alike) == 1 else ""
            yield Unlike(path, shown, above, _shown(shape, above, None if lost else name), near)


def seen(answers: Iterable[Any], operation: str, expected: Expectations) -> tuple[int, int]:
    """Return how many of an operation's properties came, of how many."""
    shape, paths = shape_of(answers), expected.kinds.get(operation, {})
    return sum(path in shape for path in paths), len(paths)


def _shown(shape: Shape, above: str, only: str | None) -> str:
    """Return names with types, such as ``id (string)``; never a value."""
    names = sorted(name for name in shape[above].members if only in (None, name))
    named = [
        f"{name if _NAME.fullmatch(name) else '<name>'} ({shape[below(above, name)]})"
        for name in names[:MOST_NAMES]
    ]
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return ", ".join([*named, *more, *sorted(shape[above].kinds - {"object", "null"})])
