"""The schemas of a vendor's OpenAPI file, read one level at a time.

A schema may lead back to itself through its members, so a member is read when it is asked for.
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

MAX_TEXT = 4_000
MAX_LISTS = 5
MAX_MEMBERS = 2_000
TREE_DEPTH = 6
TREE_LINES = 120
_INDEX = re.compile("[0-9]{1,6}")


class VendorFileError(ValueError):
    """The file cannot be compared with; the text says why."""


def is_true(value: object) -> bool:
    """Return True for a set flag; the YAML reader keeps every scalar as text."""
    return value is True or value == "true"


def text(value: object) -> str:
    """Return a text or number of the file, safe to print; empty for anything else.

    A terminal obeys control characters, so each becomes U+FFFD.
    """
    if not isinstance(value, (str, int, float, Decimal)):
        return ""
    return "".join(char if char.isprintable() else "\ufffd" for char in str(value)[:MAX_TEXT])


class Node:
    """A vendor's file as JSON, with its references followed."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        # The raw value is kept beside its schema, because an id is only good while its object
        # lives. None marks a schema that is being read.
        self._read: dict[int, tuple[Any, Schema | None]] = {}

    def follow(self, value: Any) -> Any:
        """Return a parameter, a body or an answer with its ``$ref`` followed."""
        passed: list[Any] = []
        while is_object(value) and isinstance(value.get("$ref"), str):
            if any(value is other for other in passed):
                message = "a $ref leads back to itself"
                raise VendorFileError(message)
            passed.append(value)
            value = self._target(value["$ref"])
        return value

    def _target(self, reference: str) -> Any:
        """Return the place a local reference names; None for one into another file."""
        if not reference.startswith("#"):
            return None
        place: Any = self.root
        for part in reference[1:].split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if is_list(place) and _INDEX.fullmatch(name) and int(name) < len(place):
                place = place[int(name)]
            elif is_object(place) and name in place:
                place = place[name]
            else:
                message = f"the reference {text(reference[:120])!r} leads nowhere"
                raise VendorFileError(message)
        return place

    def schema(self, raw: Any) -> Schema:
        """Return the schema written at a place of the file."""
        if raw in (None, True, False, "true", "false"):
            return Schema(self)
        if not is_object(raw):
            message = "a schema is not an object"
            raise VendorFileError(message)
        known = self._read.get(id(raw))
        if known is not None:
            if known[1] is None:
                message = "a schema leads back to itself"
                raise VendorFileError(message)
            return known[1]
        self._read[id(raw)] = (raw, None)
        parts = [self._own(raw)]
        if isinstance(raw.get("$ref"), str):
            parts.append(self.schema(self._target(raw["$ref"])))
        parts += [self.schema(part) for part in _listed(raw, "allOf")]
        for name in ("oneOf", "anyOf"):
            if variants := [self.schema(part) for part in _listed(raw, name)]:
                parts.append(_either(self, variants))
        schema = _all_of(self, parts)
        self._read[id(raw)] = (raw, schema)
        return schema

    def _own(self, raw: dict[str, Any]) -> Schema:
        """Return what a schema says itself, without its references and variants."""
        named = raw.get("type")
        kinds = {text(kind) for kind in (named if is_list(named) else [named])} - {""}
        nullable = "null" in kinds or is_true(raw.get("nullable")) or is_true(raw.get("x-nullable"))
        kinds -= {"null"}
        written = raw.get("properties")
        members: dict[str, Any] = written if is_object(written) else {}
        if not kinds and (members or "items" in raw):
            kinds = {"object" if members else "array"}
        more = raw.get("additionalProperties")
        words = _listed(raw, "enum") or [raw.get("const")]
        return Schema(
            self,
            kinds=frozenset(kinds),
            format=text(raw.get("contentEncoding", raw.get("format"))),
            nullable=nullable,
            words=tuple(text(word) for word in words if word is not None),
            members={text(name): value for name, value in members.items()},
            required=frozenset(map(text, _listed(raw, "required"))),
            entries=raw.get("items"),
            read_only=is_true(raw.get("readOnly")),
            open=is_object(more) or is_true(more),
        )


def _listed(raw: dict[str, Any], name: str) -> list[Any]:
    value = raw.get(name)
    return value if is_list(value) else []


@frozen(eq=False)
class Schema:
    """One level of a schema. Empty ``kinds`` means that the file does not say.

    Attributes:
        members: The members the file names, as they are written.
        entries: The schema of a list's entries, as it is written.
        open: Whether it may hold members that the file does not name.
    """

    _node: Node
    kinds: frozenset[str] = frozenset()
    format: str = ""
    nullable: bool = False
    words: tuple[str, ...] = ()
    members: Mapping[str, Any] = {}
    required: frozenset[str] = frozenset()
    entries: Any = None
    read_only: bool = False
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The members the file names."""
        return tuple(self.members)

    @property
    def described(self) -> bool:
        """Whether a member that is not named is really missing."""
        return bool(self.members) and not self.open

    def member(self, name: str) -> Schema:
        """Return a member's schema."""
        return self._node.schema(self.members[name])

    def items(self) -> Schema:
        """Return the schema of a list's entries."""
        return self._node.schema(self.entries)

    def inner(self) -> Schema:
        """Return the entries' schema of a list, of lists of lists too; else itself."""
        schema = self
        for _ in range(MAX_LISTS):
            if "array" not in schema.kinds or schema.entries is None:
                break
            schema = schema.items()
        return schema

    def anything(self) -> Schema:
        """Return the schema of which the file says nothing."""
        return Schema(self._node)

    def __str__(self) -> str:
        kind = self.kind
        if "array" in self.kinds and self.entries is not None:
            kind = f"list of {self.items().kind}"
        return kind + (f" ({self.format})" if self.format else "")

    @property
    def kind(self) -> str:
        """The JSON type."""
        return "|".join(sorted(self.kinds)) or "anything"


def _all_of(node: Node, parts: Sequence[Schema]) -> Schema:
    """Return what satisfies every part."""
    if len(parts) == 1:
        return parts[0]
    kinds: frozenset[str] = frozenset()
    written: dict[str, list[Any]] = {}
    for part in parts:
        kinds = kinds & part.kinds or kinds or part.kinds
        for name, raw in part.members.items():
            raws = written.setdefault(name, [])
            if all(raw is not other for other in raws):
                raws.append(raw)
    return Schema(
        node,
        kinds=kinds,
        format=next((part.format for part in parts if part.format), ""),
        nullable=any(part.nullable for part in parts),
        words=next((part.words for part in parts if part.words), ()),
        members={
            name: raws[0] if len(raws) == 1 else {"allOf": raws} for name, raws in written.items()
        },
        required=frozenset[str]().union(*(part.required for part in parts)),
        entries=next((part.entries for part in parts if part.entries is not None), None),
        read_only=any(part.read_only for part in parts),
        open=any(part.open for part in parts),
    )


def _either(node: Node, variants: Sequence[Schema]) -> Schema:
    """Return what satisfies one of the variants: a member of any of them may be there."""
    real = [part for part in variants if part.kinds or part.members or part.words]
    nullable = any(part.nullable for part in variants)
    if len(real) == 1:
        return evolve(real[0], nullable=nullable)
    members: dict[str, Any] = {}
    required = real[0].required if real else frozenset[str]()
    for part in real:
        members = {**part.members, **members}
        required &= part.required
    kinds = [part.kinds for part in real]
    return Schema(
        node,
        kinds=frozenset[str]().union(*kinds) if all(kinds) else frozenset(),
        members=members,
        required=required,
        entries=next((part.entries for part in real if part.entries is not None), None),
        nullable=nullable,
        open=bool(members) and not all(part.described for part in real),
    )


def walk(schema: Schema, depth: int = TREE_DEPTH) -> Iterator[tuple[str, Schema]]:
    """Yield the properties below, the nearest first, each with its path: ``files[].name``.

    A schema that holds itself has no end, so the number of properties is limited.
    """
    waiting = deque([("", schema, 0)])
    left = MAX_MEMBERS
    while waiting:
        path, above, level = waiting.popleft()
        inner = above.inner()
        if inner is not above and path:
            path += "[]"
        for name in inner.names if level < depth else ():
            left -= 1
            if left < 0:
                return
            member = inner.member(name)
            below = f"{path}.{name}" if path else name
            yield below, member
            waiting.append((below, member, level + 1))


def tree(schema: Schema, depth: int = TREE_DEPTH) -> tuple[str, ...]:
    """Return a schema written out, one property a line, with ``_links`` opened two levels."""
    inner = schema.inner()
    lines = ["a list of"] if inner is not schema else []
    _write(inner, lines, 0, depth)
    return tuple(lines[:TREE_LINES]) + (("...",) if len(lines) > TREE_LINES else ())


def _write(schema: Schema, lines: list[str], level: int, depth: int) -> None:
    for name in schema.names:
        if len(lines) > TREE_LINES:
            return
        member = schema.member(name)
        notes = [str(member)]
        if name in schema.required:
            notes.append("required")
        if member.words:
            notes.append("one of " + ", ".join(member.words[:12]))
        lines.append(f"{'  ' * level}{name}: {', '.join(notes)}"[:200])
        below = member.inner()
        # A link's address stands two levels below: ``_links: {download: {href: ...}}``.
        deepest = max(depth, level + 2) if name == "_links" else depth
        if level < deepest:
            _write(below, lines, level + 1, deepest)
        elif below.names:
            lines.append(f"{'  ' * level}  ...")
