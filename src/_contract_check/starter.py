"""Write the first draft of a function for ``operations=``, with the names of the vendor's file."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any

from _client_kit._contract import Operation
from _contract_check.expectations import Expectations
from _contract_check.matching import BASE64, carries_content, content_path, uploads
from _contract_check.openapi_file import VendorOperation, is_json
from _contract_check.openapi_schema import Schema, Shape, below, entries_of, last, letters, typed

__all__ = ["starter"]

MOST_LEVELS = 5
MOST_NAMES = 6
CONTENT = "Base64(file.content)"
_SOURCES = {"file": "asked.upload.attachments", "token": "tokens"}
_PAGES = ("asked.page", "asked.skip // asked.size")
_TAKEN = ("asked", "answer", "row", "part", "kept", "tokens", *_SOURCES)
Tree = Mapping[str, Any]


def starter(
    ours: Operation, likely: Sequence[VendorOperation], expected: Expectations
) -> tuple[str, ...]:
    """Return the lines of a function that makes the vendor's call in place of ours.

    A value that the library does not have is written ``...``, with its type in a comment.

    Args:
        ours: The operation that the function replaces.
        likely: Operations of the file that may replace ours, the likeliest first; without any, the
            result is empty. If ours uploads files and the likeliest one takes no file, the function
            first calls another operation, which takes the files.
        expected: The facts that an export needs from the service.
    """
    name = expected.function_for(ours.name).replace(".", "_")
    if not name or not likely:
        return ()
    theirs = likely[0]
    draft = _Draft(ours, expected)
    if ours.path.startswith("{"):
        content = content_path(theirs.answer) if "json" in theirs.answer_media else None
        if content is None:  # return the content's address: the library downloads it
            lines = [f"return {draft.path(theirs.path)}"]
        else:
            members = re.findall(r"\[\]|[^.\[]+", content)
            read = "".join("[0]" if it == "[]" else f"[{_quoted(it)}]" for it in members)
            lines = draft.call("answer", theirs)
            lines += ["from base64 import b64decode", "", f"return b64decode(answer{read})"]
    else:
        with_files = [item for item in likely if carries_content(item.body, item.media)]
        two_steps = draft.uploads and theirs not in with_files and with_files
        with_files.sort(key=lambda item: item.answer is None)
        lines = draft.first_step(with_files[0], theirs) if two_steps else []
        lines += draft.call("answer", theirs)
        lines += _Answer(ours, theirs, expected).lines()
    return (f"def {name}(asked):", *_indented([*draft.unknown, *lines]))


class _Draft:
    """A builder of the calls that the drafted function makes, as lines of Python."""

    def __init__(self, ours: Operation, expected: Expectations) -> None:
        self.uploads = uploads(ours)
        self.unknown: list[str] = []
        """Lines that assign ``...`` to variables whose value a person must fill in."""
        self._values = expected.values_of(ours.name)
        self._free: set[str] = set()
        """Loop variables (``file``, ``token``) in the lines so far that no loop sets yet."""

    def path(self, path: str) -> str:
        """Return a path as a Python string, with expressions for its placeholders."""
        parts = re.split(r"\{([^{}]*)\}", path)
        if len(parts) == 1:
            return _quoted(path)
        texts = [part.replace("{", "{{").replace("}", "}}") for part in parts]
        texts[1::2] = [
            f"{{{self._values.get(letters(it)) or self._named(it)}}}" for it in parts[1::2]
        ]
        return "f" + _quoted("".join(texts))

    def _named(self, placeholder: str) -> str:
        name = re.sub(r"\W+", "_", placeholder).strip("_").lower()
        if not name.isidentifier() or keyword.iskeyword(name) or name in _TAKEN:
            name = f"the_{name}"
        line = f"{name} = ...  # in the path"
        self.unknown += [line] if line not in self.unknown else []
        return name

    def call(self, name: str, theirs: VendorOperation, *more: str) -> list[str]:
        """Return the lines that make a call and assign its answer to the variable ``name``.

        The call has the members that the file requires and those for which the library has a value.
        """
        self._free = set()
        lines = [f"{_quoted(theirs.method)},", f"{self.path(theirs.path)},"]
        for place, shape in (("query", theirs.query), ("headers", theirs.headers)):
            members = [line for line in self._members(shape, "") if not line.startswith("#")]
            lines += [f"{place}={{", *_indented(members), "},"] if members else []
        body = theirs.body
        if theirs.media and not is_json(theirs.media):
            lines.append(f"# not as {theirs.media}, which this library cannot send:")
        if body is not None and body[entries_of(body, "")].members:
            lines += self._object("json=", body, "")
        bound = [f"({it},) = {_SOURCES[it]}" for it in sorted(self._free) if name == "answer"]
        return [*bound, f"{name} = yield Call(", *_indented([*lines, *more]), ")"]

    def first_step(self, kept: VendorOperation, then: VendorOperation) -> list[str]:
        """Return the lines that send each file with the call ``kept``.

        They collect the tokens by which the next call, ``then``, names the files.
        """
        wanted = {letters(last(path)).removesuffix("s") for path in then.body or {}}
        answer = kept.answer or {}
        found = [path for path, it in answer.items() if it.kinds & {"string", "integer"}]
        found.sort(key=lambda path: (letters(last(path)) not in wanted, path.count(".")))
        parts = found[0].split(".") if found and found[0] else []
        token = "kept" + "".join(f"[{_quoted(part)}]" for part in parts)
        call = self.call("kept", kept, "safe=True,  # it leaves nothing in the inbox")
        self._values |= {letters(name): "token" for name in parts[-1:]}
        self._values[""] = "tokens"
        loop = _indented([*call, f"tokens.append({token})"])
        return ["tokens = []", "for file in asked.upload.attachments:", *loop]

    def _object(self, start: str, shape: Shape, at: str) -> list[str]:
        """Return the lines of a member: an object, or a list with one object for each file."""
        inner = entries_of(shape, at)
        if inner == at:
            return [f"{start}{{", *_indented(self._members(shape, at)), "},"]
        outside, self._free = self._free, set()
        lines = _indented(self._members(shape, inner))
        each = "".join(f" for {name} in {_SOURCES[name]}" for name in sorted(self._free))
        self._free = outside
        return [f"{start}[{{", *lines, f"}}{each}],"]

    def _members(self, shape: Shape, at: str) -> list[str]:
        above, lines = shape.get(at, Schema()), list[str]()
        for name in above.members if at.count(".") < MOST_LEVELS else ():
            path = below(at, name)
            opened = bool(shape.get(entries_of(shape, path), Schema()).members)
            start, kind = f"{_quoted(name)}: ", typed(shape, path)
            if opened:
                written = self._object(start, shape, path)
                useful = any(re.search(r"\b(asked|file|tokens?)\b", line) for line in written)
                lines += written if useful or name in above.required else []
            elif value := self._value(name, shape, path):
                note = "  # counts from 0" if value in _PAGES else ""
                lines.append(f"{start}{value},{note}")
            else:
                words = ", ".join(shape[path].words[:MOST_NAMES]) if path in shape else ""
                kind += f", one of {words}" if words else ""
                lines.append(
                    f"{start}...,  # {kind}" if name in above.required else f"# {start}{kind}"
                )
        return lines

    def _value(self, name: str, shape: Shape, path: str) -> str:
        """Return the Python expression for a member; empty if the library has no value for it."""
        inner = entries_of(shape, path)
        schema = shape.get(inner, Schema())
        value = self._values.get(letters(name), "")
        if self.uploads and schema.format in BASE64:
            value = CONTENT
        listed = inner != path
        if listed and re.search("file|attachment|document|token", letters(name)) and not value:
            return self._values.get("", "")
        variable = re.match(r"(?:Base64\()?(file|token)\b", value)
        if variable and listed:
            return f"[{value} for {variable[1]} in {_SOURCES[variable[1]]}]"
        self._free |= {variable[1]} if variable else set()
        return f"[{value}]" if listed and value else value


class _Answer:
    """Builds the last lines of the drafted function: they return the answer with our names."""

    def __init__(self, ours: Operation, theirs: VendorOperation, expected: Expectations) -> None:
        self._shape = theirs.answer or {}
        self._at = expected.payload(ours.name, self._shape) if self._shape else None
        self._needed = expected.essential.get(ours.name, frozenset())
        self._finds = expected.function_for(ours.name) != ours.name
        self._alike = expected.alike
        self._tree: dict[str, Any] = {}
        for item in ours.reads:
            level = self._tree
            for part in re.findall(r"\[\]|[^.\[]+", item.path):
                level = level.setdefault(part, {})

    def lines(self) -> list[str]:
        """Return the lines that follow the call."""
        if self._at is None or self._same(self._tree, self._at, ""):
            return ["return answer"]
        source, rows = self._rows(self._at, "answer")
        if self._finds and source and not self._name(self._at, "id"):
            reference = f"row[{_quoted(self._name(rows, 'externalId') or 'externalId')}]"
            found = _indented(_indented(self._members(self._tree, rows, "row", "")))
            body = [
                f"if {reference} == asked.external_id:",
                "    return {",
                *found,
                "    }",
            ]
            return [f"for row in {source}:", *_indented(body), "return None"]
        members = self._members(self._tree, self._at, "answer", "")
        return ["return {", *_indented(members), "}"]

    def _name(self, at: str | None, name: str) -> str:
        """Return the file's name for one of our members; empty if the file has no such member.

        The file's name has the same :func:`letters` as ours, or is another common name for the
        member.
        """
        above = self._shape.get(at, Schema()) if at is not None else Schema()
        known = {letters(item): item for item in above.members}
        common = [known.get(letters(item), "") for item in (name, *self._alike.get(name, ()))]
        return name if name in above.members else next(filter(None, common), "")

    def _same(self, tree: Tree, at: str, path: str) -> bool:
        """Return True if the file has our names below this path, or describes none there."""
        above = self._shape.get(at, Schema())
        if not above.described:
            return True
        for name, inside in tree.items():
            here, theirs = below(path, name), below(at, name)
            if name == "[]":
                fits = theirs in self._shape
            else:
                found = self._name(at, name)
                fits = found == name or (not found and f"reads:{here}" not in self._needed)
            if not fits or (theirs in self._shape and not self._same(inside, theirs, here)):
                return False
        return True

    def _rows(self, at: str, variable: str) -> tuple[str, str]:
        """Return the Python expression for the list of rows, and the path of its entries.

        The list is the answer itself or its only list; without one, both texts are empty.
        """
        above = self._shape[at]
        if "array" in above.kinds:
            return variable, entries_of(self._shape, at)
        paths = {name: below(at, name) for name in above.members}
        lists = [name for name, path in paths.items() if entries_of(self._shape, path) != path]
        if len(lists) != 1:
            return "", ""
        return f"{variable}[{_quoted(lists[0])}]", entries_of(self._shape, paths[lists[0]])

    def _members(self, tree: Tree, at: str | None, variable: str, path: str) -> list[str]:
        """Return the lines of an object with our names, from a variable with the file's names."""
        lines: list[str] = []
        for name, inside in tree.items():
            here, found = below(path, name), self._name(at, name)
            theirs = below(at, found) if at is not None and found else None
            needed = f"reads:{here}" in self._needed
            read = f"[{_quoted(found)}]" if needed else f".get({_quoted(found)})"
            source = variable + read if found else ""
            if theirs is not None and self._same(inside, theirs, here):
                lines.append(f'"{name}": {source},')
                lines += [f'"last": not {source},'] if here == "next" else []
            elif not needed:
                continue
            elif "[]" in inside:
                rows = theirs and entries_of(self._shape, theirs)
                if at is not None and rows == theirs:
                    source, rows = self._rows(at, variable)
                row = "row" if variable == "answer" else "part"
                members = self._members(inside["[]"], rows or None, row, f"{here}[]")
                if members:
                    each = f"}} for {row} in {source or '...'}],"
                    lines += [f'"{name}": [{{', *_indented(members), each]
            elif inside and theirs and not self._shape[theirs].members:
                (inner,) = (it for it in inside if f"reads:{here}.{it}" in self._needed)
                lines.append(f'"{name}": {{"{inner}": {source}}},')
            elif inside:
                members = self._members(inside, theirs, source, here)
                lines += [f'"{name}": {{', *_indented(members), "},"] if members else []
            else:
                names = list(self._shape[at].members)[:MOST_NAMES] if at is not None else []
                lines.append(
                    f'"{name}": ...,' + (f"  # one of {', '.join(names)}" if names else "")
                )
        return lines


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _quoted(name: str) -> str:
    """Return a name of the file as a Python string; unquoted, it could contain code."""
    return json.dumps(name, ensure_ascii=False)
