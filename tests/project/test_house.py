"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MOST_LINES = 400
LONGER: dict[str, str] = {}
"""Modules that may be longer, each with the reason why splitting would not help a reader."""


def without_docstring(source: str) -> list[str]:
    """The test functions in a module that do not say what they show."""
    return [
        f"{node.name}, line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def test_every_test_says_what_it_shows() -> None:
    """Each test function has a docstring, in the twins too."""
    modules = sorted((ROOT / "tests").rglob("test_*.py"))
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


def too_long(lines: dict[str, int], allowed: dict[str, str]) -> list[str]:
    """Modules over the limit, and exceptions that are none any more."""
    found = [
        f"{path} has {count} lines, more than {MOST_LINES}"
        for path, count in lines.items()
        if count > MOST_LINES and path not in allowed
    ]
    return found + [
        f"{path} needs no exception"
        for path in allowed
        if lines.get(path, 0) <= MOST_LINES or not allowed[path]
    ]


def test_modules_stay_readable() -> None:
    """No hand-written module is over the limit, fakes aside."""
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted((ROOT / "src").rglob("*.py"))
        if "_sync" not in path.parts and path.name != "testing.py"
    }
    assert len(lines) > 20
    assert too_long(lines, LONGER) == []


def test_long_module_and_idle_exception_are_found() -> None:
    """One line too many is seen, as is an exception that nothing needs."""
    lines = {"a.py": 400, "b.py": 401, "c.py": 500, "d.py": 10}
    assert too_long(lines, {"c.py": "one table", "d.py": "was long", "e.py": "gone"}) == [
        "b.py has 401 lines, more than 400",
        "d.py needs no exception",
        "e.py needs no exception",
    ]


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
