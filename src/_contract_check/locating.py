"""Finding a property of ours in a vendor's schema: there, spelt otherwise, or elsewhere."""

from __future__ import annotations

from attrs import frozen

from _contract_check.findings import Status
from _contract_check.openapi_schema import Schema, walk

__all__ = ["Place", "elsewhere", "last", "locate"]


@frozen
class Place:
    """Where a property of ours was found in the file's schema, or why not."""

    status: Status
    theirs: str = ""
    schema: Schema | None = None
    last: str = ""
    exact: bool = True


def locate(schema: Schema | None, path: str) -> Place:
    """The place of a property, written as in the contract: ``documents[].id``."""
    if schema is None:
        return Place("not described")
    below, trail = schema, ""
    status: Status = "confirmed"
    spelling, exact = "", True
    for part in path.split("."):
        name = part.removesuffix("[]")
        if "array" in below.kinds:
            return Place("missing", f"{trail or 'the answer'} is a list")
        if below.kinds and "object" not in below.kinds:
            return Place("missing", f"{trail or 'the answer'} is {below}")
        spelling, exact = _spelling(name, below)
        if not spelling:
            said = ", ".join(below.names[:12])
            return Place("missing" if below.described else "not described", said, last=said)
        below = below.member(spelling)
        trail = f"{trail}.{spelling}" if trail else spelling
        status = "differs" if spelling != name else "confirmed"
        if part.endswith("[]"):
            if below.kinds and "array" not in below.kinds:
                return Place("missing", f"{trail or 'the answer'} is {below}")
            below = below.items()
            trail += "[]"
    return Place(status, trail, below, spelling, exact)


def _spelling(name: str, schema: Schema) -> tuple[str, bool]:
    """A member's name as the file spells it, and whether only letter case differs."""
    if name in schema.names:
        return name, True
    cased = [item for item in schema.names if item.casefold() == name.casefold()]
    if len(cased) == 1:
        return cased[0], True
    letters = [item for item in schema.names if _letters(item) == _letters(name)]
    return (letters[0], False) if len(letters) == 1 else ("", False)


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def elsewhere(schema: Schema, name: str) -> str:
    """Where else the file has a property of this name."""
    found: list[str] = []
    for path, _ in walk(schema, 4):
        if _letters(last(path)) == _letters(name):
            found.append(path)
        if len(found) == 3:
            break
    return ", ".join(found)


def last(path: str) -> str:
    return path.rpartition(".")[2].removesuffix("[]")
