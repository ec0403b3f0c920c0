"""Compare live answers with the facts that an export needs.

Messages show names and types of members, never values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from attrs import frozen

from _client_kit._errors import ServiceError
from _client_kit._json import is_list, is_object
from _client_kit._models import encode
from _client_kit._secret import Secret
from _contract_check.expectations import Expectations
from _contract_check.openapi_schema import Schema, Shape, below, letters

MOST_NAMES = 12


@frozen
class Probe:
    """The result of trying one operation of a service.

    Attributes:
        operation: Name of the operation in the contract.
        answers: The answers, as JSON with the contract's names.
        error: The error if the call failed.
        note: A remark, such as a problem or the reason for skipping.
        remedy: How to correct the problem in the note; empty if there is no problem.
        skipped: Whether the operation was not called, for the reason in the note.
    """

    operation: str
    answers: tuple[Any, ...] = ()
    error: ServiceError | None = None
    note: str = ""
    remedy: str = ""
    skipped: bool = False


@frozen
class Unlike:
    """A property that an export needs and that is missing in answers or has another type.

    Attributes:
        path: Path of the property in the contract.
        expected: The JSON types that the property may have.
        above: Path of the object that should contain the property.
        came: Names and types that this object has instead.
        near: The received name that differs from the property's in letter case, ``_`` or ``-``
            only; empty if there is none.
    """

    path: str
    expected: str
    above: str
    came: str
    near: str = ""


def rows_of(items: Iterable[Any], unreadable: int, *, under: str) -> Any:
    """Return a page as a JSON object with its list in the member ``under``.

    Each entry that was not a JSON object (``unreadable`` counts them) becomes a text.
    """
    return {under: [*map(encode, items), *["unreadable"] * unreadable]}


def kind_of(value: object) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (str, Secret)):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    return "array" if is_list(value) else "object"


def shape_of(answers: Iterable[Any]) -> Shape:
    """Return one shape for several answers: all names and types in them.

    Null counts as a type; empty texts and objects are left out.
    """
    kinds: dict[str, set[str]] = {}
    names: dict[str, dict[str, Any]] = {}
    waiting = [("", answer) for answer in answers]
    for path, value in waiting:
        kinds.setdefault(path, set()).add(kind_of(value))
        if is_object(value):
            came = {name: member for name, member in value.items() if member not in ("", {})}
            names.setdefault(path, {}).update(came)
            waiting += [(below(path, name), member) for name, member in came.items()]
        elif is_list(value):
            waiting += [(f"{path}[]", entry) for entry in value]
    return {
        path: Schema(kinds=frozenset(found), members=names.get(path, {}))
        for path, found in kinds.items()
    }


def differences(answers: Iterable[Any], operation: str, expected: Expectations) -> Iterator[Unlike]:
    """Yield the needed properties that an operation's answers lack or have with another type."""
    needed = expected.essential.get(operation, frozenset())
    shape = shape_of(answers)
    broken_at: list[str] = []
    for path, wanted in expected.kinds.get(operation, {}).items():
        above, _, name = path.rpartition(".")
        holder = shape.get(above, Schema())
        if f"reads:{path}" not in needed or path.startswith(tuple(broken_at)):
            continue
        if holder.kinds <= {"null"}:  # no answer has an object that could contain the property
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
            yield Unlike(path, shown, above, _shown(shape, above), near)


def _shown(shape: Shape, above: str) -> str:
    """Return an object's members as names and types, such as ``id (string)``, without values.

    ``above`` is the object's path.
    """
    names = sorted(shape[above].members)[:MOST_NAMES]
    named = [f"{name} ({shape[below(above, name)]})" for name in names]
    return ", ".join([*named, *sorted(shape[above].kinds - {"object", "null"})])
