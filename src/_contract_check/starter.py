"""Write the first draft of a function for ``operations=``, with the names of the vendor's file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from _client_kit._contract import Operation
from _contract_check.expectations import Expectations
from _contract_check.matching import BASE64, content_path, uploads
from _contract_check.openapi_file import VendorOperation, is_json
from _contract_check.openapi_schema import (
    Schema,
    Shape,
    below,
    entries_of,
    letters,
    locate,
    typed,
)

MOST_NAMES = 6
_FILES = "asked.upload.attachments"


def starter(ours: Operation, theirs: VendorOperation, expected: Expectations) -> tuple[str, ...]:
    """Return the lines of a function that makes the vendor's call in place of ours.

    A value that the library does not have is written ``...``, with its type in a comment.
    """
    name = expected.function_for(ours.name)
    if not name:
        return ()
    call = _Call(ours, theirs, expected)
    if ours.path.startswith("{") and not is_json(theirs.answer_media):
        # The library downloads from the address that the function returns.
        lines = [f"return {call.path()}"]
    elif ours.path.startswith("{"):
        lines = [*call.lines(), "return ...  # the file's bytes, from the answer"]
    else:
        lines = [*call.lines(), *_Answer(ours, theirs, expected).lines()]
    return (f"def {name.replace('.', '_')}(asked):", *_indented(lines))


class _Call:
    """The lines that make the vendor's call.

    The call has the members that the file requires and those for which the library has a value.
    """

    def __init__(self, ours: Operation, theirs: VendorOperation, expected: Expectations) -> None:
        self._theirs = theirs
        self._values = expected.values_of(ours.name)
        self._uploads = uploads(ours)
        content = content_path(theirs.body) if self._uploads else None
        self._files = content.rpartition("[]")[0] if content and "[]" in content else None
        """The path of the list that has one entry for each file; None if there is no such list."""

    def path(self) -> str:
        """Return the path as a Python string, with expressions for its placeholders."""
        parts = re.split(r"\{([^{}]*)\}", self._theirs.path)
        if len(parts) == 1:
            return _quoted(self._theirs.path)
        texts = [part.replace("{", "{{").replace("}", "}}") for part in parts]
        texts[1::2] = [f"{{{self._values.get(letters(it), '...')}}}" for it in parts[1::2]]
        return "f" + _quoted("".join(texts))

    def lines(self) -> list[str]:
        """Return the lines; they assign the answer to the variable ``answer``."""
        theirs = self._theirs
        lines = [f"{_quoted(theirs.method)},", f"{self.path()},"]
        lines += self._object("query=", theirs.query, "")
        lines += self._object("headers=", theirs.headers, "")
        if theirs.media and not is_json(theirs.media):
            lines.append(f"# not as {theirs.media}, which this library cannot send:")
        lines += self._object("json=", theirs.body or {}, "")
        one_file = self._files is None and any("file." in line for line in lines)
        start = [f"(file,) = {_FILES}"] if one_file else []
        return [*start, "answer = yield Call(", *_indented(lines), ")"]

    def _object(self, start: str, shape: Shape, at: str) -> list[str]:
        """Return the lines of an object, or of a list with one object for each file."""
        inner = entries_of(shape, at)
        members = _indented(self._members(shape, inner))
        if not members:
            return []
        if inner == at:
            return [f"{start}{{", *members, "},"]
        return [f"{start}[{{", *members, f"}}{self._loop(at)}],"]

    def _members(self, shape: Shape, at: str) -> list[str]:
        above, lines = shape.get(at, Schema()), list[str]()
        for name in above.members:
            path, start = below(at, name), f"{_quoted(name)}: "
            required = name in above.required
            value = self._value(name, shape, path)
            if shape.get(entries_of(shape, path), Schema()).members:
                written = self._object(start, shape, path)
                if required or re.search(r"\b(asked|file)\.", "".join(written)):
                    lines += written
            elif value:
                note = "  # counts from 0" if "page" in value or "//" in value else ""
                lines.append(f"{start}{value},{note}")
            elif required:
                lines.append(f"{start}...,  # {typed(shape, path)}")
        return lines

    def _value(self, name: str, shape: Shape, path: str) -> str:
        """Return the Python expression for a member; empty if the library has no value for it."""
        inner = entries_of(shape, path)
        value = self._values.get(letters(name), "")
        if self._uploads and shape.get(inner, Schema()).format in BASE64:
            value = "Base64(file.content)"
        if "file." in value and self._files is not None and not path.startswith(self._files):
            return ""  # outside of the list, there is no variable for one file
        return f"[{value}{self._loop(path)}]" if value and inner != path else value

    def _loop(self, path: str) -> str:
        return f" for file in {_FILES}" if path == self._files else ""


class _Answer:
    """The last lines of a generated function: they return the answer with our contract's names."""

    def __init__(self, ours: Operation, theirs: VendorOperation, expected: Expectations) -> None:
        self._shape = theirs.answer or {}
        self._at = expected.payload(ours.name, self._shape) if self._shape else None
        self._needed = expected.essential.get(ours.name, frozenset())
        self._alike = expected.alike
        self._ours = ours

    def lines(self) -> list[str]:
        """Return the lines that follow the call."""
        places = [
            locate(self._shape, fact.removeprefix("reads:"), self._at)
            for fact in self._needed
            if self._at is not None and fact.startswith("reads:")
        ]
        if self._at is None or all(it.status in ("confirmed", "not described") for it in places):
            return ["return answer"]
        tree: dict[str, Any] = {}
        for item in self._ours.reads:
            level = tree
            for part in re.findall(r"\[\]|[^.\[]+", item.path):
                level = level.setdefault(part, {})
        members = self._members(tree, self._at, "answer", "")
        return ["return {", *_indented(members), "}"]

    def _members(self, tree: Mapping[str, Any], at: str, variable: str, path: str) -> list[str]:
        """Return the lines of an object with our names, from a variable with the file's names.

        Args:
            tree: Our members of the object.
            at: The object's path in the file.
            variable: The Python variable that holds the object.
            path: The object's path in the contract.
        """
        above, lines = self._shape.get(at, Schema()), list[str]()
        for name, inside in tree.items():
            here, found = below(path, name), self._name(above, name)
            needed = f"reads:{here}" in self._needed
            theirs = below(at, found) if found else ""
            source = variable + (f"[{_quoted(found)}]" if needed else f".get({_quoted(found)})")
            if "[]" in inside and "array" in above.kinds:  # the answer itself is the list
                source, found, theirs = variable, name, at
            rows = entries_of(self._shape, theirs)
            if not found and not needed:
                continue
            if "[]" in inside and found and rows != theirs:
                row = "row" if variable == "answer" else "part"
                members = self._members(inside["[]"], rows, row, f"{here}[]")
                lines += [f'"{name}": [{{', *_indented(members), f"}} for {row} in {source}],"]
            elif inside and found and self._shape[theirs].members:
                members = self._members(inside, theirs, source, here)
                lines += [f'"{name}": {{', *_indented(members), "},"]
            elif inside or not found:
                names = ", ".join(list(above.members)[:MOST_NAMES])
                lines.append(f'"{name}": ...,' + (f"  # one of {names}" if names else ""))
            else:
                lines.append(f'"{name}": {source},')
                lines += [f'"last": not {source},'] if here == "next" else []
        return lines

    def _name(self, above: Schema, name: str) -> str:
        """Return the file's name for one of our members; empty if the file has no such member."""
        if name in above.members:
            return name
        known = {letters(item): item for item in above.members}
        likely = [name, *self._alike.get(name, "").split()]
        return next((known[letters(it)] for it in likely if letters(it) in known), "")


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _quoted(name: str) -> str:
    """Return a name of the file as a Python string; unquoted, it could contain code."""
    return json.dumps(name, ensure_ascii=False)
