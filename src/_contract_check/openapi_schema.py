"""The schemas of a vendor's OpenAPI file, read one level at a time and only where asked for.

A schema may lead back to itself through its members, and a hostile one may fan out without end; so
nothing is expanded ahead, and what is read is remembered.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from attrs import evolve, frozen

from _client_kit._json import is_list, is_object

__all__ = ["Node", "Schema", "VendorFileError", "is_true", "text", "tree", "walk"]

MAX_CHAIN = 60
MAX_BRANCHES = 2_000
MAX_PARTS = 20
MAX_LISTS = 5
MAX_WORK = 400_000
CHARACTERS = 100
MEMBERS = 4
"""Work is counted in entries, and a long text or a wide schema is that of more than one."""
MAX_TEXT = 4_000
TREE_DEPTH = 6
TREE_LINES = 120
_INDEX = re.compile("[0-9]{1,6}")


class VendorFileError(ValueError):
    """The file cannot be compared with; the text says why."""


def is_true(value: object) -> bool:
    """A flag; our YAML reader keeps every scalar as text."""
    return value is True or value == "true"


def text(value: object) -> str:
    """A text or number of the file, safe to show and not endless; empty for anything else.

    A terminal obeys what is not printable. And ``str`` of a list could go on without end: YAML can
    name a list many times in a list that it names many times.
    """
    return _shown(_written(value))


def _written(value: object) -> str:
    return value if isinstance(value, str) else str(value) if _is_number(value) else ""


def _shown(written: str) -> str:
    shown = written[:MAX_TEXT]
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else "\ufffd" for char in shown)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal))


class Node:
    """A vendor file as JSON, and what its references lead to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        # The raw value is kept beside its schema: an id is only good while its object lives.
        self._read: dict[int, tuple[Any, Schema]] = {}
        self._left = MAX_WORK

    def spend(self, work: int) -> None:
        """Count what is gone through: where places are shared, that can be far more than is there.

        Raises:
            VendorFileError: No honest file needs as much.
        """
        self._left -= work
        if self._left < 0:
            message = "it is too entangled to be compared"
            raise VendorFileError(message)

    def text(self, value: object) -> str:
        """The text of a place that many others may share."""
        written = _written(value)
        self.spend(len(written) // CHARACTERS)
        return _shown(written)

    def follow(self, value: Any) -> Any:
        """What a parameter, a body or an answer is, with its ``$ref`` followed."""
        for _ in range(MAX_CHAIN):
            if not is_object(value) or not isinstance(value.get("$ref"), str):
                return value
            value = self._target(value["$ref"])
        message = "a $ref leads back to itself"
        raise VendorFileError(message)

    def _target(self, reference: str) -> Any:
        """The place a local reference names; None for one into another file, which is not read."""
        if not reference.startswith("#"):
            return None
        self.spend(1 + len(reference) // CHARACTERS)
        place: Any = self.root
        for part in reference[1:].split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if is_list(place) and _INDEX.fullmatch(name) and int(name) < len(place):
                place = place[int(name)]
            elif is_object(place) and name in place:
                place = place[name]
            else:
                message = f"the reference {reference[:120]!r} leads nowhere"
                raise VendorFileError(message)
        return place

    def schema(self, raw: Any) -> Schema:
        """The schema written at a place of the file."""
        return self._schema(raw, ())

    def _schema(self, raw: Any, trail: tuple[int, ...]) -> Schema:
        if not is_object(raw):
            if raw in (None, True, False, "true", "false"):
                return Schema(self)
            message = "a schema is not an object"
            raise VendorFileError(message)
        key = id(raw)
        if key in self._read:
            return self._read[key][1]
        if key in trail or len(trail) >= MAX_CHAIN:
            message = f"a schema leads back to itself, or through more than {MAX_CHAIN} others"
            raise VendorFileError(message)
        trail = (*trail, key)
        parts = [self._own(raw)]
        reference = raw.get("$ref")
        if isinstance(reference, str):
            parts.append(self._schema(self._target(reference), trail))
        parts += [self._schema(part, trail) for part in _listed(raw, "allOf")]
        for name in ("oneOf", "anyOf"):
            variants = [self._schema(part, trail) for part in _listed(raw, name)]
            if variants:
                parts.append(_either(self, variants))
        schema = _all_of(self, parts)
        self._read[key] = (raw, schema)
        return schema

    def _own(self, raw: dict[str, Any]) -> Schema:
        named = raw.get("type")
        named = named[:MAX_PARTS] if is_list(named) else [named]
        kinds = {self.text(kind) for kind in named if kind is not None}
        kinds.discard("")
        nullable = "null" in kinds or is_true(raw.get("nullable")) or is_true(raw.get("x-nullable"))
        members = raw.get("properties")
        members = members if is_object(members) else {}
        if not kinds - {"null"}:
            kinds |= {"object"} if members else {"array"} if "items" in raw else set()
        more = raw.get("additionalProperties")
        words = raw.get("enum", [raw["const"]] if "const" in raw else ())
        words = words if is_list(words) else []
        required = _listed(raw, "required")
        self.spend((len(members) + len(words) + len(required)) // MEMBERS)
        encoding = raw.get("contentEncoding", raw.get("format"))
        return Schema(
            self,
            kinds=frozenset(kinds - {"null"}),
            format=self.text(encoding),
            nullable=nullable,
            words=tuple(self.text(word) for word in words if word is not None),
            raw_members={self.text(name): (value,) for name, value in members.items()},
            required=frozenset(map(self.text, required)),
            raw_items=(raw["items"],) if "items" in raw else (),
            read_only=is_true(raw.get("readOnly")),
            open=is_object(more) or is_true(more),
        )


def _listed(raw: dict[str, Any], name: str) -> list[Any]:
    value = raw.get(name)
    return value[:MAX_BRANCHES] if is_list(value) else []


@frozen(eq=False)
class Schema:
    """One level of a schema. Empty ``kinds`` means that the file does not say."""

    _node: Node
    kinds: frozenset[str] = frozenset()
    format: str = ""
    nullable: bool = False
    words: tuple[str, ...] = ()
    raw_members: Mapping[str, tuple[Any, ...]] = {}
    required: frozenset[str] = frozenset()
    raw_items: tuple[Any, ...] = ()
    read_only: bool = False
    open: bool = False
    """Whether it may hold members that the file does not name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The members the file names."""
        return tuple(self.raw_members)

    @property
    def described(self) -> bool:
        """Whether a member that is not named is really missing."""
        return bool(self.raw_members) and not self.open

    def member(self, name: str) -> Schema:
        """A member's schema."""
        return _all_of(self._node, [self._node.schema(raw) for raw in self.raw_members[name]])

    def items(self) -> Schema:
        """The schema of a list's entries."""
        return _all_of(self._node, [self._node.schema(raw) for raw in self.raw_items])

    def inner(self) -> Schema:
        """The entries' schema of a list, of lists of lists too; else itself."""
        schema = self
        for _ in range(MAX_LISTS):
            if "array" not in schema.kinds or not schema.raw_items:
                break
            schema = schema.items()
        return schema

    def __str__(self) -> str:
        kind = self.kind
        if "array" in self.kinds and self.raw_items:
            kind = f"list of {self.items().kind}"
        return kind + (f" ({self.format})" if self.format else "")

    @property
    def kind(self) -> str:
        """What JSON type it is."""
        return "|".join(sorted(self.kinds)) or "anything"


def _all_of(node: Node, parts: Sequence[Schema]) -> Schema:
    """What satisfies every part."""
    if len(parts) == 1:
        return parts[0]
    node.spend(sum(1 + len(part.raw_members) for part in parts))
    kinds: frozenset[str] = frozenset()
    members: dict[str, tuple[Any, ...]] = {}
    for part in parts:
        kinds = kinds & part.kinds or kinds or part.kinds
        for name, raws in part.raw_members.items():
            kept = members.get(name, ())
            new = tuple(raw for raw in raws if all(raw is not x for x in kept))
            members[name] = (kept + new)[:MAX_PARTS]
    return Schema(
        node,
        kinds=kinds,
        format=next((part.format for part in parts if part.format), ""),
        nullable=any(part.nullable for part in parts),
        words=next((part.words for part in parts if part.words), ()),
        raw_members=members,
        required=frozenset[str]().union(*(part.required for part in parts)),
        raw_items=next((part.raw_items for part in parts if part.raw_items), ()),
        read_only=any(part.read_only for part in parts),
        open=any(part.open for part in parts),
    )


def _either(node: Node, variants: Sequence[Schema]) -> Schema:
    """What satisfies one of the variants: a member of any of them may be there."""
    real = [part for part in variants if part.kinds or part.raw_members or part.words]
    nullable = any(part.nullable for part in variants)
    if len(real) == 1:
        return evolve(real[0], nullable=nullable)
    node.spend(sum(1 + len(part.raw_members) for part in real))
    members: dict[str, tuple[Any, ...]] = {}
    required = real[0].required if real else frozenset[str]()
    for part in real:
        required &= part.required
        for name, raws in part.raw_members.items():
            members.setdefault(name, raws)
    described = all(part.described for part in real) if members else True
    return Schema(
        node,
        kinds=frozenset[str]().union(*(part.kinds for part in real))
        if all(part.kinds for part in real)
        else frozenset(),
        raw_members=members,
        required=required,
        raw_items=next((part.raw_items for part in real if part.raw_items), ()),
        nullable=nullable,
        open=not described,
    )


def walk(schema: Schema, depth: int = TREE_DEPTH) -> Iterator[tuple[str, Schema]]:
    """The properties below, the nearest first, each with its path such as ``files[].name``.

    Ends after a number no honest body comes near: a schema can fan out without end.
    """
    waiting = deque([("", schema, 0)])
    left = MAX_BRANCHES
    while waiting:
        path, above, level = waiting.popleft()
        inner = above.inner()
        if inner is not above and path:
            path += "[]"
        for name in inner.names if level < depth else ():
            left -= 1
            if left < 0:
                return
            schema._node.spend(1)
            member = inner.member(name)
            below = f"{path}.{name}" if path else name
            yield below, member
            waiting.append((below, member, level + 1))


def tree(schema: Schema) -> tuple[str, ...]:
    """A body written out, one property a line, as far as a person would read it."""
    lines: list[str] = []
    _write(schema, lines, 0)
    return tuple(lines[:TREE_LINES]) + (("...",) if len(lines) > TREE_LINES else ())


def _write(schema: Schema, lines: list[str], depth: int) -> None:
    inner, indent = schema.inner(), "  " * depth
    if depth == 0 and inner is not schema:
        lines.append("a list of")
    for name in inner.names:
        if len(lines) > TREE_LINES:
            return
        member = inner.member(name)
        notes = [str(member)]
        if name in inner.required:
            notes.append("required")
        if member.words:
            notes.append("one of " + ", ".join(member.words[:12]))
        lines.append(f"{indent}{name}: {', '.join(notes)}"[:200])
        if depth < TREE_DEPTH:
            _write(member, lines, depth + 1)
        elif member.inner().names:
            lines.append(f"{indent}  ...")
