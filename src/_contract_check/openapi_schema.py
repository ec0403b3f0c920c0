"""Read the schemas of a vendor's OpenAPI file, each as a flat mapping from paths to schemas.

The paths are written as in the contract: ``documents[].files[].id``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import unquote

from attrs import frozen

from _client_kit._json import is_list, is_object

MAX_TEXT = 4_000
MAX_LEVELS = 8
MAX_PATHS = 1_000
MAX_PARTS = 40
MAX_LINES = 120
MOST_NAMES = 12
_OPEN = "_open"


class VendorFileError(ValueError):
    """The file cannot be compared with a contract; the message says why."""


@frozen
class Schema:
    """One level of a schema; the levels below it are not decoded.

    Attributes:
        kinds: The JSON types; empty if the file names none.
        words: The values that the file allows, as texts; empty if it allows all.
        members: The undecoded schemas of the members, by name. A list has one member ``[]``: the
            schema of its entries.
        open: Whether the object may have members that the file does not name.
    """

    kinds: frozenset[str] = frozenset()
    format: str = ""
    words: tuple[str, ...] = ()
    members: Mapping[str, Any] = {}
    required: frozenset[str] = frozenset()
    read_only: bool = False
    open: bool = False

    @property
    def described(self) -> bool:
        """Whether a member that the file does not name is certainly missing."""
        return not self.open and bool(self.members or self.kinds - {"object"})

    @property
    def names(self) -> str:
        """The names of the first 12 members, separated by commas."""
        return ", ".join([name for name in self.members if name != "[]"][:MOST_NAMES])

    def __str__(self) -> str:
        kinds = "|".join(sorted(self.kinds)) or "anything"
        return kinds + (f" ({self.format})" if self.format else "")


Shape = Mapping[str, Schema]
"""The schemas at all paths below a schema, by path; the schema itself has the empty path."""


@frozen
class Place:
    """The place of one of our properties in a shape.

    Attributes:
        status: ``confirmed``, ``differs`` (in letter case, ``_`` or ``-`` only), ``missing`` or
            ``not described``.
        path: Path of the property in the shape. If the property was not found: the names, or else
            the type, that the shape has in its place; empty if there are none.
    """

    status: str
    path: str

    @property
    def found(self) -> bool:
        return self.status in ("confirmed", "differs")


def locate(shape: Shape | None, path: str) -> Place:
    """Return the place of a property in a shape; its status is ``not described`` without a shape.

    The same name matches, or else the only name with equal :func:`letters`.
    """
    if shape is None:
        return Place("not described", "")
    if path in shape[""].members:  # a query parameter's name may be "filter[id]"
        return Place("confirmed", path)
    at = ""
    for part in re.findall(r"\[\]|[^.\[]+", path):
        above = shape.get(at, Schema())
        alike = [item for item in above.members if letters(item) == letters(part)]
        if part not in alike and len(alike) != 1:
            kind = f"{at or 'the answer'} is of type {above}" if above.kinds else ""
            said = above.names or kind
            return Place("missing" if above.described else "not described", said)
        at = below(at, part if part in alike else alike[0])
    return Place("confirmed" if last(at) == last(path) else "differs", at)


def below(path: str, name: str) -> str:
    """Return the path of a member, or of a list's entries (``[]``)."""
    return f"{path}.{name}" if path and name != "[]" else path + name


def letters(name: str) -> str:
    """Return a name in lower case without ``_`` and ``-``."""
    return name.replace("_", "").replace("-", "").casefold()


def last(path: str) -> str:
    """Return the last name of a path, without ``[]``."""
    return path.rpartition(".")[2].replace("[]", "")


def entries_of(shape: Shape, path: str) -> str:
    """Return the path of a list's innermost entries; if there is no list, the path itself."""
    while path in shape and "array" in shape[path].kinds and f"{path}[]" in shape:
        path += "[]"
    return path


def typed(shape: Shape, path: str) -> str:
    """Return the type at a path, such as ``list of string``."""
    inner = entries_of(shape, path)
    return f"list of {shape[inner]}" if inner != path else str(shape.get(path, Schema()))


def tree(shape: Shape) -> tuple[str, ...]:
    """Return a shape as lines of text, one for each property; a long shape is cut."""
    inner = entries_of(shape, "")
    lines = [*(["a list of"] if inner else []), *islice(_lines(shape, inner, ""), MAX_LINES)]
    return tuple(lines if len(lines) < MAX_LINES else [*lines, "..."])


def _lines(shape: Shape, at: str, indent: str) -> Iterator[str]:
    above = shape.get(at, Schema())
    for name in above.members:
        path = below(at, name)
        if path not in shape:
            yield f"{indent}..."
            return
        notes = [typed(shape, path)]
        notes += ["required"] if name in above.required else []
        if words := shape[path].words:
            notes.append("one of " + ", ".join(words[:MOST_NAMES]))
        yield f"{indent}{name}: {', '.join(notes)}"[:200]
        yield from _lines(shape, entries_of(shape, path), f"{indent}  ")


class References:
    """A vendor's decoded file; the methods follow its references (``$ref``).

    If a reference leads nowhere, into another file or back to itself, its schema counts as not
    described.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        # The keys are the id() of schemas in the file. Each schema is kept in the value: otherwise
        # it could be deleted, and another object could get the same id().
        self._known: dict[int, tuple[Any, dict[str, Any]]] = {}

    def follow(self, value: Any) -> Any:
        """Return the parameter, body or answer that a ``$ref`` leads to.

        A value without ``$ref`` is returned unchanged.
        The result is None if the reference leads nowhere.
        """
        for _ in range(MAX_PARTS):
            if not is_object(value) or "$ref" not in value:
                return value
            value = self._target(text(value["$ref"]))
        return None

    def _target(self, reference: str) -> Any:
        place: Any = self.root if reference.startswith("#") else None
        for part in reference.split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            place = as_object(place).get(name)
        return place

    def shape(self, raw: Any) -> Shape:
        """Return the schemas at all paths below an undecoded schema, the nearest first.

        The numbers of levels and paths are limited, because a schema may contain itself.
        """
        found: dict[str, Schema] = {}
        waiting: deque[tuple[str, Any, int]] = deque([("", raw, 0)])
        while waiting and len(found) < MAX_PATHS:
            path, written, level = waiting.popleft()
            schema = found[path] = _schema(self._merged(written))
            if level < MAX_LEVELS:
                inside = schema.members.items()
                waiting += [(below(path, name), it, level + 1) for name, it in inside]
        return found

    def _merged(self, raw: Any, level: int = 0) -> dict[str, Any]:
        """Return one level of a schema, merged with its ``$ref``, ``allOf``, ``oneOf``, ``anyOf``.

        The result has ``_open`` if there may be members that the file does not name.
        """
        raw = self.follow(raw)
        if not is_object(raw) or level > MAX_PARTS:
            return {_OPEN: True}
        if id(raw) not in self._known:
            self._known[id(raw)] = raw, {}  # used if a reference below leads back here
            parts = [self._merged(part, level + 1) for part in as_list(raw.get("allOf"))]
            for name in ("oneOf", "anyOf"):
                variants = [self._merged(part, level + 1) for part in as_list(raw.get(name))]
                # Leave out variants that allow only null, or say nothing. If one variant remains,
                # use it. If several remain, it is not known which one applies.
                variants = [part for part in variants if _schema(part) != Schema()]
                parts += variants if len(variants) < 2 else [{_OPEN: True}]
            found = raw
            for part in parts:
                members = as_object(found.get("properties"))
                members = members | as_object(part.get("properties")) | members
                required = [*as_list(found.get("required")), *as_list(part.get("required"))]
                found = {**part, **found, "properties": members, "required": required}
            self._known[id(raw)] = raw, found
        return self._known[id(raw)][1]


def _schema(merged: Mapping[str, Any]) -> Schema:
    named = merged.get("type")
    kinds = {text(kind) for kind in (named if is_list(named) else [named])} - {"", "null"}
    members = as_object(merged.get("properties"))
    if not kinds and (members or "items" in merged):
        kinds = {"object" if members else "array"}
    if "array" in kinds:
        members = {"[]": merged.get("items")}
    more = merged.get("additionalProperties")
    words = as_list(merged.get("enum")) or [merged.get("const")]
    return Schema(
        kinds=frozenset(kinds),
        format=text(merged.get("contentEncoding", merged.get("format"))),
        words=tuple(text(word) for word in words if word is not None),
        members={text(name): value for name, value in members.items() if name},
        required=frozenset(map(text, as_list(merged.get("required")))),
        read_only=is_true(merged.get("readOnly")),
        open=_OPEN in merged or is_object(more) or is_true(more),
    )


def as_list(value: Any) -> list[Any]:
    """Return a list unchanged, and an empty list for any other value."""
    return value if is_list(value) else []


def as_object(value: Any) -> dict[str, Any]:
    """Return an object unchanged, and an empty object for any other value."""
    return value if is_object(value) else {}


def is_true(value: object) -> bool:
    """Return True for ``true``, also as text: the YAML reader keeps every scalar as text."""
    return value is True or value == "true"


def text(value: object) -> str:
    """Return a text or number of the file as text that is safe to print.

    Each control character becomes U+FFFD, because a terminal would obey it. Other types give an
    empty text, and long texts are cut.
    """
    if not isinstance(value, (str, int, float, Decimal)):
        return ""
    return "".join(char if char.isprintable() else "\ufffd" for char in str(value)[:MAX_TEXT])
