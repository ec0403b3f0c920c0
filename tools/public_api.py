#!/usr/bin/env python3
"""Writes down every public name with its signature, so that a break is seen.

Usage: ``public_api.py [--write]``. Without ``--write`` it prints; with it the snapshot that the
tests compare with is renewed. What a change to it means: docs/deprecation.md.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Container, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "tests" / "project" / "public_api.txt"
MODULES = (
    "banqup_client",
    "banqup_client.testing",
    "bridge",
    "bridge.testing",
    "bridge.ubl",
    "zenvoices_client",
    "zenvoices_client.testing",
)
PACKAGES = ("_client_kit", "banqup_client", "bridge", "zenvoices_client")
LONG = 80
# Where a thing lives is private.
_PRIVATE_HOME = re.compile(
    r"\b(?:_client_kit|banqup_client|bridge|zenvoices_client)\.[\w.]*?(\w+)\b"
)
_TYPING = re.compile(r"\b(?:typing|collections\.abc|datetime|decimal|pathlib)\.(?=[A-Za-z])")


def _plain(text: str) -> str:
    return _TYPING.sub("", _PRIVATE_HOME.sub(r"\1", text)).replace("NoneType", "None")


def _annotation(value: Any) -> str:
    return _plain(value if isinstance(value, str) else inspect.formatannotation(value))


def _default(value: Any) -> str:
    # Never the text of anything else: it may hold an address, or this machine's environment.
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(_default(item) for item in value)})"
    if inspect.isroutine(value) or isinstance(value, type):
        return str(value.__name__)
    return "..."


def _parameter(parameter: inspect.Parameter) -> str:
    kinds = inspect.Parameter
    stars = 1 if parameter.kind is kinds.VAR_POSITIONAL else 2
    text = parameter.name
    if parameter.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD):
        text = "*" * stars + text
    if parameter.annotation is not kinds.empty:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is not kinds.empty:
        text += f" = {_default(parameter.default)}"
    return text


def _signature(value: Any, *, bound: bool, indent: str = "") -> str:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    parts: list[str] = []
    kinds = inspect.Parameter
    before = None
    for parameter in list(signature.parameters.values())[bound:]:
        if before is kinds.POSITIONAL_ONLY and parameter.kind is not before:
            parts.append("/")
        if parameter.kind is kinds.KEYWORD_ONLY and before not in (
            kinds.KEYWORD_ONLY,
            kinds.VAR_POSITIONAL,
        ):
            parts.append("*")
        parts.append(_parameter(parameter))
        before = parameter.kind
    if before is kinds.POSITIONAL_ONLY:
        parts.append("/")
    answer = signature.return_annotation
    shown = "" if answer is inspect.Signature.empty else f" -> {_annotation(answer)}"
    line = f"({', '.join(parts)}){shown}"
    if len(line) <= LONG:
        return line
    # One a line, so that a difference names the parameter.
    return "(" + "".join(f"\n{indent}        {part}," for part in parts) + f"\n{indent}    ){shown}"


def _home(kind: type, name: str) -> type | None:
    """The class in which a member is written."""
    return next((base for base in kind.__mro__ if name in vars(base)), None)


def _told_elsewhere(kind: type, home: type, public: Container[object]) -> bool:
    return home is not kind and home in public


def _members(kind: type, public: Container[object]) -> Iterator[str]:
    fields = {field.name for field in attrs.fields(kind)} if attrs.has(kind) else set[str]()
    for name in sorted({*dir(kind), *fields}):
        home = _home(kind, name)
        if name.startswith("_") or (home and home.__module__.split(".")[0] not in PACKAGES):
            continue
        if home and _told_elsewhere(kind, home, public):
            continue
        value = inspect.getattr_static(kind, name, None)
        if isinstance(value, property):
            yield f"{name}  property"
        elif isinstance(value, (classmethod, staticmethod)):
            yield f"{name}{_signature(getattr(kind, name), bound=False, indent='    ')}"
        elif inspect.isfunction(value):
            mark = "async " if inspect.iscoroutinefunction(value) else ""
            yield f"{mark}{name}{_signature(value, bound=True, indent='    ')}"
        elif issubclass(kind, Enum):
            yield f"{name} = {value.value if isinstance(value, Enum) else value!r}"
        else:
            yield f"{name}  attribute"


def describe(name: str, value: Any, public: Container[object] = ()) -> Iterator[str]:
    """One public name: a line, and one for each member that no public base class has.

    Args:
        name: The name.
        value: What it stands for.
        public: Everything that is described somewhere.
    """
    if inspect.isclass(value):
        bases = ", ".join(
            base.__name__
            for base in value.__bases__
            if base.__name__[0] != "_" and base is not object
        )
        yield f"class {name}" + (f"  is {bases}" if bases else "")
        maker = _home(value, "__init__")
        if (
            maker
            and not issubclass(value, Enum)  # differs between versions of Python
            and not _told_elsewhere(value, maker, public)
        ):
            yield f"    made by {_signature(value, bound=False, indent='    ')}"
        for member in _members(value, public):
            yield f"    {member}"
    elif inspect.isroutine(value):
        yield f"{name}{_signature(value, bound=False)}"
    elif isinstance(value, (str, int)):
        yield f"{name} = {value!r}"
    else:
        yield f"{name}  type"


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def public_api(modules: tuple[str, ...] = MODULES) -> str:
    """Every public name of the modules, in a form that reads well as a difference."""
    found = [(name, importlib.import_module(name)) for name in modules]
    public = [getattr(module, name) for _, module in found for name in module.__all__]
    classes = {value for value in public if inspect.isclass(value)}
    told: dict[type, str] = {}
    lines: list[str] = []
    for module_name, module in found:
        lines += [f"# {module_name}", ""]
        for name in sorted(module.__all__, key=_order):
            value = getattr(module, name)
            if value in classes and told.setdefault(value, module_name) != module_name:
                lines.append(f"class {name}  of {told[value]}")
            else:
                lines += describe(name, value, classes)
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Print the snapshot, or write it."""
    text = public_api()
    if sys.argv[1:] == ["--write"]:
        SNAPSHOT.write_text(text, encoding="utf-8")
    elif sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
