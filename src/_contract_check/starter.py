"""A first draft of a function for ``operations=``, with the names of the vendor's file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import attrs

from _client_kit._contract import Operation
from _contract_check.expectations import Expectations
from _contract_check.matching import letters, locate
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Schema

__all__ = ["starter"]

MOST_DEPTH = 4
MOST_MEMBERS = 200
CONTENT = "Base64(file.content)"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_VALUE = re.compile(r"\b(?:asked|file)\.")


def starter(ours: Operation, theirs: VendorOperation, expected: Expectations) -> tuple[str, ...]:
    """Return the lines of a function that makes the vendor's call in place of ours.

    What the library cannot know is written ``...``, with the file's type behind it.
    """
    draft = _Draft(ours, expected)
    name = expected.function_for(ours.name)
    lines = [f"def {name.replace('.', '_')}(asked):"]
    if ours.path.startswith("{"):  # the library itself fetches what the function names
        return (*lines, f"    return {draft.path(theirs.path)}")
    call = [f"{_quoted(theirs.method)},", f"{draft.path(theirs.path)},"]
    query = draft.query(theirs)
    if query:
        call += ["query={", *_indented(query), "},"]
    if theirs.body is not None and theirs.body.inner().names:
        call += draft.value("json=", theirs.body, 0)
    if draft.one_file:
        lines.append("    (file,) = asked.upload.attachments")
    lines += ["    answer = yield Call(", *_indented(_indented(call)), "    )"]
    payload = None if theirs.answer is None else expected.unwrap(ours.name, theirs.answer)
    needed = expected.essential.get(ours.name, frozenset())
    wanted = [item.path for item in ours.reads if f"reads:{item.path}" in needed]
    places = [locate(payload, path).status for path in wanted]
    if all(status in ("confirmed", "not described") for status in places):
        return (*lines, "    return answer")
    wanted += [
        item.path
        for item in ours.reads
        if item.path.isalpha()
        and item.path not in wanted
        and locate(payload, item.path).schema is not None
    ]
    return (
        *lines,
        "    return {",
        *_indented(_indented(_object(wanted, payload, "answer"))),
        "    }",
    )


class _Draft:
    def __init__(self, ours: Operation, expected: Expectations) -> None:
        given = {item.name for item in attrs.fields(expected.asked[ours.name])}
        self._upload = "upload" in given
        self._values = {
            letters(name): value
            for value, names in expected.values.items()
            if ("upload" in given if "file." in value else value.split(".")[1] in given)
            for name in names
        }
        self._in_list = False
        self._left = MOST_MEMBERS
        self.one_file = False
        """Whether the body has one place for a file, outside any list."""

    def path(self, path: str) -> str:
        """Return the path as an f-string where it has placeholders."""
        filled = _PLACEHOLDER.sub(lambda match: f"{{{self._known(match[1]) or '...'}}}", path)
        return ("f" if "{" in path else "") + _quoted(filled)

    def query(self, theirs: VendorOperation) -> list[str]:
        """Return the query parameters that are required, or that the library has a value for."""
        lines: list[str] = []
        for name, schema in theirs.query.items():
            known = self._known(name)
            if known or name in theirs.required:
                value = f"{known}," if known else f"...,  # {schema}"
                lines.append(f"{_quoted(name)}: {value}")
        return lines

    def value(self, start: str, schema: Schema, level: int) -> list[str]:
        """Return a member of a body: an object opened, a list as a comprehension."""
        inner = schema.inner()
        listed = inner is not schema
        if not inner.names or level == MOST_DEPTH or self._left < 0:
            return [f"{start}...,  # {schema}"]
        was, self._in_list = self._in_list, self._in_list or listed
        lines: list[str] = []
        for name in inner.names:
            self._left -= 1
            member = inner.member(name)
            opened = bool(member.inner().names)
            known = "" if opened else self._known(name, member)
            if known:
                lines.append(f"    {_quoted(name)}: {known},")
            elif name in inner.required or (opened and self._left > 0):
                below = self.value(f"{_quoted(name)}: ", member, level + 1)
                if name in inner.required or any(_VALUE.search(line) for line in below):
                    lines += _indented(below)
            elif self._left > 0:
                lines.append(f"    # {_quoted(name)}: {member}")
        self._in_list = was
        if listed:
            source = " for file in asked.upload.attachments" if self._upload else ""
            return [f"{start}[{{", *lines, f"}}{source}],"]
        return [f"{start}{{", *lines, "},"]

    def _known(self, name: str, schema: Schema | None = None) -> str:
        known = self._values.get(letters(name), "")
        if self._upload and schema is not None and schema.format in ("byte", "base64", "binary"):
            known = CONTENT
        if "file." in known and not self._in_list:
            self.one_file = True
        return known


def _object(paths: Sequence[str], schema: Schema | None, variable: str) -> list[str]:
    """Return the lines of an object with our names, read from a variable with the file's names."""
    lines: list[str] = []
    for name in dict.fromkeys(re.split(r"[.\[]", path)[0] for path in paths):
        row_start, start = f"{name}[].", f"{name}."
        rows = [path.removeprefix(row_start) for path in paths if path.startswith(row_start)]
        below = [path.removeprefix(start) for path in paths if path.startswith(start)]
        place = locate(schema, name)
        source = f"{variable}[{_quoted(place.last)}]" if place.schema is not None else "..."
        if rows:
            if place.schema is None:
                source, entries = _only_list(schema, variable)
            else:
                entries = place.schema.inner()
            row = "row" if variable == "answer" else "part"
            inner = _object(rows, entries, row)
            lines += [f'"{name}": [{{', *_indented(inner), f"}} for {row} in {source}],"]
        elif below:
            lines += [f'"{name}": {{', *_indented(_object(below, place.schema, source)), "},"]
        elif place.schema is not None:
            lines.append(f'"{name}": {source},')
        else:
            near = f"  # one of {place.last}"[:60] if place.last else ""
            lines.append(f'"{name}": ...,{near}')
    return lines


def _only_list(schema: Schema | None, variable: str) -> tuple[str, Schema | None]:
    """Return where the rows are if the answer is a list, or has one member that is a list."""
    if schema is None:
        return "...", None
    if "array" in schema.kinds:
        return variable, schema.inner()
    lists = [name for name in schema.names if "array" in schema.member(name).kinds]
    if len(lists) == 1:
        return f"{variable}[{_quoted(lists[0])}]", schema.member(lists[0]).inner()
    return "...", None


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _quoted(name: str) -> str:
    """Return a name of the file as Python source: it may hold quotes, and so other code."""
    return json.dumps(name, ensure_ascii=False)
