"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def without_docstring(source: str) -> list[str]:
    """The test functions in a module that do not say what they show."""
    return [
        f"{node.name}, line {node.lineno}"
        for node in _statements(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def _statements(node: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    """What a module or a class consists of, its classes with what they consist of."""
    for statement in node.body:
        yield statement
        if isinstance(statement, ast.ClassDef):
            yield from _statements(statement)


def test_every_test_says_what_it_shows() -> None:
    """Each test function has a docstring; so its twin has one too."""
    modules = [path for path in (ROOT / "tests").rglob("test_*.py") if path.parent.name != "_sync"]
    assert Path(__file__) in modules
    found = {
        path.relative_to(ROOT).as_posix(): silent
        for path in modules
        if (silent := without_docstring(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_test_without_docstring_is_found() -> None:
    """Functions and methods, plain or async, count; helpers do not."""
    source = (
        'def test_a():\n    """Says."""\n'
        "def test_b(): pass\n"
        "class TestC:\n    async def test_d(self): ...\n"
        "def helper(): pass\n"
    )
    assert without_docstring(source) == ["test_b, line 3", "test_d, line 5"]


def without_reason(source: str) -> list[int]:
    """The lines that leave themselves out of what coverage measures and do not say why."""
    return [
        number
        for number, line in enumerate(source.splitlines(), 1)
        if "pragma: no" in line and not re.search(r"# pragma: no (?:cover|branch) - \w+ \w", line)
    ]


def test_what_coverage_leaves_out_says_why() -> None:
    """Each exclusion in the source gives its reason on its line."""
    modules = sorted((ROOT / "src").rglob("*.py"))
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in modules
        if (lines := without_reason(path.read_text(encoding="utf-8")))
    }
    assert len(modules) > 100
    assert found == {}


def test_exclusion_without_reason_is_found() -> None:
    """A bare one, or one that names no reason, is seen."""
    source = (
        "a()  # pragma: no cover\nb()  # pragma: no branch - Windows has none\n# pragma: nope\n"
    )
    assert without_reason(source) == [1, 3]
