"""Imports point one way: bridge -> the two clients -> the kit; and few things come from outside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

MAY_IMPORT = {
    "banqup_zenvoices": {"bridge"},
    "_client_kit": {"_client_kit"},
    "_contract_check": {"_client_kit", "_contract_check", "banqup_client", "zenvoices_client"},
    "banqup_client": {"_client_kit", "banqup_client"},
    "zenvoices_client": {"_client_kit", "zenvoices_client"},
    "bridge": {"_client_kit", "_contract_check", "banqup_client", "bridge", "zenvoices_client"},
}
RUNTIME = {"attrs", "cattrs", "httpx"}
EXTRAS = {"IPython", "psycopg", "pytest", "respx", "sqlalchemy", "tqdm", "yaml"}
"""Only ever imported inside a function or for annotations: they may be missing."""
ON_DEMAND = {("bridge/_stores/sqlalchemy.py", "sqlalchemy")}
"""Modules that are built on an extra, and loaded when what they hold is asked for by its name."""
EVENT_LOOPS = {"anyio", "asyncio", "curio", "sniffio", "trio"}
RUNTIME_PAIR = Path("_client_kit/_runtime_async.py")


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str, bool]]:
    """Each import of a module: its line, the top-level name, and whether it runs on import.

    Imports inside functions count, as do `importlib.import_module` and `__import__` of a text.
    """
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, lazy = waiting.pop()
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        inside = lazy or is_function or is_typing
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
        names: list[str] = []
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom():
                names = [package if node.level else str(node.module)]
            case ast.Call(
                func=ast.Attribute(attr="import_module")
                | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(text)), *_],
            ):
                names = [text or package]
            case _:
                continue
        for name in names:
            yield node.lineno, name.partition(".")[0] or package, not lazy


def faults(source: str, path: Path) -> list[str]:
    """What a module below ``src`` imports and may not."""
    package = path.parts[0].removesuffix(".py")
    found: list[str] = []
    for line, name, eager in imported(ast.parse(source), package):
        where = f"{path.as_posix()}:{line}: imports {name}"
        if name in MAY_IMPORT:
            # A command is a program of its own and may use what is above its package.
            command = path.name == "__main__.py" and name in {"_contract_check", "banqup_zenvoices"}
            if name not in MAY_IMPORT[package] and not command:
                found.append(f"{where}, against the direction")
        elif name in EVENT_LOOPS:
            if path != RUNTIME_PAIR or name != "asyncio":
                found.append(f"{where}; only {RUNTIME_PAIR} may know the event loop")
        elif name in EXTRAS:
            if eager and (path.as_posix(), name) not in ON_DEMAND:
                found.append(f"{where} when it is imported; that is an extra")
        elif name not in RUNTIME and name not in sys.stdlib_module_names:
            found.append(f"{where}, which is no dependency")
    return found


def test_imports_point_one_way() -> None:
    """No module below src imports what its place in the house does not allow."""
    modules = sorted(SRC.rglob("*.py"))
    assert len(modules) > 20
    found: list[str] = []
    for path in modules:
        found += faults(path.read_text(encoding="utf-8"), path.relative_to(SRC))
    assert found == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("_client_kit/_x.py", "import banqup_client"),
        ("_client_kit/_x.py", "from bridge._run import go"),
        ("banqup_client/_x.py", "def f():\n    from zenvoices_client import UserLogin"),
        ("banqup_client/_x.py", "import importlib\nimportlib.import_module('bridge.ubl')"),
        ("zenvoices_client/testing.py", "from banqup_client.testing import FakeBanqup"),
        ("zenvoices_client/_x.py", "class C:\n    x = __import__('bridge')"),
        ("bridge/_async/_x.py", "import asyncio"),
        ("bridge/_async/_x.py", "def f():\n    from asyncio import sleep"),
        ("_client_kit/_runtime_async.py", "import anyio"),
        ("bridge/_x.py", "import sqlalchemy.orm"),
        ("bridge/_x.py", "try:\n    import tqdm\nexcept ImportError:\n    pass"),
        ("bridge/_x.py", "def f():\n    import requests"),
    ],
)
def test_import_that_breaks_the_house_is_found(path: str, source: str) -> None:
    """Each kind of forbidden import is seen, lazy ones too."""
    assert len(faults(source, Path(path))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("_client_kit/_runtime_async.py", "import asyncio"),
        (
            "bridge/_x.py",
            "from . import _y\nfrom banqup_client import Space\nimport httpx, json",
        ),
        ("bridge/_x.py", "def f():\n    import sqlalchemy"),
        ("bridge/_x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tqdm"),
    ],
)
def test_import_within_the_house_passes(path: str, source: str) -> None:
    """What the design allows is not reported."""
    assert faults(source, Path(path)) == []
