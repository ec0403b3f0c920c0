"""Every row of the security table has tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
IDLE = re.compile(r"\bmark\.(skip|xfail)\b")
ROWS = [f"S{number}" for number in range(1, 29)]


def functions(source: str) -> set[str]:
    """Names of the test functions in a file that run, and whose failure counts."""
    module = ast.parse(source)
    marks = [ast.unparse(node) for node in module.body if isinstance(node, ast.Assign)]
    if any(IDLE.search(mark) for mark in marks if mark.startswith("pytestmark")):
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in ast.walk(module)
        if isinstance(node, kinds)
        and not any(IDLE.search(ast.unparse(mark)) for mark in node.decorator_list)
    }


@cache
def functions_of(path: Path) -> set[str]:
    """The same for a file, which the table names again and again."""
    return functions(path.read_text()) if path.is_file() else set()


def problems(page: str) -> list[str]:
    """Rows that are missing, without a rule or a test, or with a test that does not exist."""
    found: list[str] = []
    rows = dict.fromkeys(ROWS, "")
    for line in page.splitlines():
        if match := re.match(r"\| (S\d+) \|", line):
            rows[match[1]] = line
    for name, line in rows.items():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != 4 or not all(cells[:3]):
            found.append(f"{name}: no threat or no rule")
            continue
        tests = re.findall(r"`([\w/.]+)::(\w+)`", cells[3])
        if not tests or len(tests) != cells[3].count("`") // 2:
            found.append(f"{name}: no test")
        for file, test in tests:
            if test not in functions_of(ROOT / file) or not test.startswith("test_"):
                found.append(f"{name}: {file}::{test} does not exist, or does not run")
    return found


def test_every_row_has_tests_that_exist() -> None:
    """All 28 rows are there, each with a rule and with tests that can be run."""
    assert problems(PAGE.read_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r"\n\| S7 .*", "", "S7: no threat"),
        (r"(\| S9 \|[^|]*\|[^|]*\|)[^|]*\|", r"\1  |", "S9: no test"),
        (r"test_no_switch_turns_tls_off", "test_a_switch", "S1: tests/security/test_network.py"),
        (r"`tests/kit/test_address.py::test_ids", "`tests/kit/test_gone.py::test_ids", "S6: "),
    ],
)
def test_a_row_without_a_test_is_found(old: str, new: str, said: str) -> None:
    """A row that is gone, has no test, or names one that is not there, fails."""
    broken = re.sub(old, new, PAGE.read_text(), count=1)
    assert any(line.startswith(said) for line in problems(broken))


def test_a_test_that_is_skipped_is_none() -> None:
    """A mark that lets a test be passed over, or fail, leaves its row without one."""
    sources = (
        "def test_a(): ...",
        "@pytest.mark.skip\ndef test_a(): ...",
        "@pytest.mark.xfail(strict=False)\nasync def test_a(): ...",
        "pytestmark = [pytest.mark.skip(reason='')]\ndef test_a(): ...",
        "@pytest.mark.skipif(WINDOWS)\ndef test_a(): ...",
    )
    assert [bool(functions(source)) for source in sources] == [True, False, False, False, True]
