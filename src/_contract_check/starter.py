"""A first draft of a function for ``operations=``, with the names of the vendor's file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from _client_kit._contract import Operation
from _contract_check.expectations import Expectations
from _contract_check.matching import letters, locate
from _contract_check.openapi_file import VendorOperation
from _contract_check.openapi_schema import Schema

__all__ = ["starter"]

MOST_DEPTH = 4
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CONTENT = "Base64(file.content)"
_VALUE = re.compile(r"\b(?:asked|file)\.")
MOST_MEMBERS = 200


def starter(ours: Operation, theirs: VendorOperation, expected: Expectations) -> tuple[str, ...]:
    """Return the lines of a function that makes the vendor's call in place of ours.

    What the library cannot know is written ``...``, with the file's type behind it.
    """
    draft = _Draft(ours, expected)
    call = [f'"{theirs.method}",', f"{draft.path(theirs.path)},"]
    query = draft.query(theirs)
    if query:
        call += ["query={", *(f"    {line}" for line in query), "},"]
    if theirs.body is not None and theirs.body.inner().names:
        call += draft.value("json=", theirs.body, 0)
    lines = [f"def {re.sub('[^a-z_]', '_', ours.name)}(asked):"]
    if draft.one_file:
        lines.append("    (file,) = asked.upload.attachments")
    lines += ["    answer = yield Call(", *(f"        {line}" for line in call), "    )"]
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
        *(f"        {line}" for line in _object(wanted, payload, "answer")),
        "    }",
    )


class _Draft:
    def __init__(self, ours: Operation, expected: Expectations) -> None:
        self._upload = any(item.path.endswith("content") for item in ours.sends)
        self._values = {letters(name): f"asked.{name}" for name in _PLACEHOLDER.findall(ours.path)}
        for name, wire in ours.query.items():
            self._values |= {letters(name): f"asked.{name}", letters(wire): f"asked.{name}"}
        if self._upload:
            self._values |= expected.values
        self._in_list = False
        self._left = MOST_MEMBERS
        self.one_file = False
        """Whether the body has one place for a file, outside any list."""

    def path(self, path: str) -> str:
        """Return the path as an f-string where it has placeholders."""
        filled = _PLACEHOLDER.sub(lambda match: f"{{{self._known(match[1]) or '...'}}}", path)
        return f'{"f" if filled != path or "{" in path else ""}"{filled}"'

    def query(self, theirs: VendorOperation) -> list[str]:
        """Return the query parameters that are required, or that the library has a value for."""
        lines: list[str] = []
        for name, schema in theirs.query.items():
            known = self._known(name)
            if known or name in theirs.required:
                lines.append(f'"{name}": {known},' if known else f'"{name}": ...,  # {schema}')
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
                lines.append(f'    "{name}": {known},')
            elif name in inner.required or (opened and self._left > 0):
                below = self.value(f'"{name}": ', member, level + 1)
                if name in inner.required or any(_VALUE.search(line) for line in below):
                    lines += [f"    {line}" for line in below]
            elif self._left > 0:
                lines.append(f'    # "{name}": {member}')
        self._in_list = was
        if listed:
            source = " for file in asked.upload.attachments" if self._upload else ""
            return [f"{start}[{{", *lines, f"}}{source}],"]
        return [f"{start}{{", *lines, "},"]

    def _known(self, name: str, schema: Schema | None = None) -> str:
        known = self._values.get(letters(name), "")
        if self._upload and schema is not None and schema.format in ("byte", "base64", "binary"):
            known = _CONTENT
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
        source = f'{variable}["{place.last}"]' if place.schema is not None else "..."
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
        return f'{variable}["{lists[0]}"]', schema.member(lists[0]).inner()
    return "...", None


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
