"""Write the first draft of a function for ``operations=``, with the names of the vendor's file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from _client_kit._contract import Operation
from _contract_check.expectations import Expectations
from _contract_check.matching import BASE64, uploads
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


def starter(ours: Operation, theirs: VendorOperation, expected: Expectations) -> tuple[str, ...]:
    """Return the lines of a function that makes the vendor's call in place of ours.

    The result is empty for the login, which no function can replace. A function for an upload sends
    one file. A required member whose value the library does not have is written ``...``, with its
    type in a comment.
    """
    name = expected.function_for(ours.name)
    if not name:
        return ()
    draft = _Draft(ours, theirs, expected)
    if not ours.path.startswith("{"):
        lines = [*draft.call(), *draft.answer()]
    elif is_json(theirs.answer_media):
        lines = [*draft.call(), "return ...  # the file's bytes, from the answer"]
    else:  # the library downloads from the address that the function returns
        lines = [f"return {draft.path()}"]
    return (f"def {name.replace('.', '_')}(asked):", *_indented(lines))


class _Draft:
    """The lines of a function."""

    def __init__(self, ours: Operation, theirs: VendorOperation, expected: Expectations) -> None:
        self._ours, self._theirs, self._expected = ours, theirs, expected
        self._values = expected.values_of(ours.name)
        self._shape = expected.answer_of(ours, theirs)

    def path(self) -> str:
        """Return the path as a Python string, with expressions for its placeholders."""
        parts = re.split(r"\{([^{}]*)\}", self._theirs.path)
        if len(parts) == 1:
            return _quoted(self._theirs.path)
        texts = [part.replace("{", "{{").replace("}", "}}") for part in parts]
        texts[1::2] = [f"{{{self._values.get(letters(it), '...')}}}" for it in parts[1::2]]
        return "f" + _quoted("".join(texts))

    def call(self) -> list[str]:
        """Return the lines that make the call and assign its answer to the variable ``answer``.

        The call has the members that the file requires and those for which the library has a value.
        """
        theirs = self._theirs
        lines = [f"{_quoted(theirs.method)},", f"{self.path()},"]
        lines += self._given("query=", theirs.query, "")
        lines += self._given("headers=", theirs.headers, "")
        if theirs.media and not is_json(theirs.media):
            lines.append(f"# not as {theirs.media}, which this library cannot send:")
        lines += self._given("json=", theirs.body or {}, "")
        with_file = any("file." in line for line in lines)
        start = ["(file,) = asked.upload.attachments"] if with_file else []
        return [*start, "answer = yield Call(", *_indented(lines), ")"]

    def _given(self, start: str, shape: Shape, at: str) -> list[str]:
        """Return the lines of an object in the call, or of a list with one object."""
        inner = entries_of(shape, at)
        above, lines = shape.get(inner, Schema()), list[str]()
        for name in above.members:
            path, begin = below(inner, name), f"{_quoted(name)}: "
            required = name in above.required
            value = self._value(name, shape, path)
            if shape.get(entries_of(shape, path), Schema()).members:
                written = self._given(begin, shape, path)
                if required or re.search(r"\b(asked|file)\.", "".join(written)):
                    lines += written
            elif value:
                note = "  # counts from 0" if "page" in value or "//" in value else ""
                lines.append(f"{begin}{value},{note}")
            elif required:
                lines.append(f"{begin}...,  # {typed(shape, path)}")
        opened, closed = ("{", "},") if inner == at else ("[{", "}],")
        return [start + opened, *_indented(lines), closed] if lines else []

    def _value(self, name: str, shape: Shape, path: str) -> str:
        """Return the Python expression for a member; empty if the library has no value for it."""
        inner = entries_of(shape, path)
        value = self._values.get(letters(name), "")
        if uploads(self._ours) and shape.get(inner, Schema()).format in BASE64:
            value = "Base64(file.content)"
        return f"[{value}]" if value and inner != path else value

    def answer(self) -> list[str]:
        """Return the lines that return the answer with our contract's names.

        If the file has other names, the user completes these lines.
        """
        essential = self._expected.essential.get(self._ours.name, frozenset())
        paths = [item.path for item in self._ours.reads if f"reads:{item.path}" in essential]
        places = [locate(self._shape, path) for path in paths]
        if all(place.status in ("confirmed", "not described") for place in places):
            return ["return answer"]
        return [f"return ...  # the answer, as an object with {', '.join(paths)}"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _quoted(name: str) -> str:
    """Return a name of the file as a Python string: without quotes, it could be run as code."""
    return json.dumps(name, ensure_ascii=False)
