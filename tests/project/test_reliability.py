"""The fault matrix of docs/reliability.md names, for each fault, tests that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
FAULTS = set(range(1, 81))


@frozen
class Row:
    """One line of the matrix."""

    number: int
    fault: str
    outcome: str
    tests: tuple[tuple[str, str], ...]


def rows_of(page: str) -> list[Row]:
    """The lines of the tables below the heading of the matrix."""
    rows: list[Row] = []
    for line in page.partition("## The fault matrix")[2].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and cells[0].isdigit():
            tests = tuple((path, name) for path, name in NAMED.findall(cells[4]))
            rows.append(Row(int(cells[0]), cells[1], cells[3], tests))
    return rows


@cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    return frozenset(DEFINED.findall(path.read_text()))


def complaints(page: str) -> list[str]:
    """What is wrong with the matrix of a page."""
    rows = rows_of(page)
    numbers = [row.number for row in rows]
    found = [f"row {number} is there twice" for number in set(numbers) if numbers.count(number) > 1]
    found += [f"row {number} is missing" for number in FAULTS - set(numbers)]
    for row in rows:
        if not row.fault or not row.outcome:
            found.append(f"row {row.number} does not say what happens")
        if not row.tests:
            found.append(f"row {row.number} names no test")
        for path, name in row.tests:
            if not name.startswith("test_") or name not in _tests_in(ROOT / "tests" / path):
                found.append(f"row {row.number} names {path}::{name}, which does not exist")
    return found


def test_each_fault_has_its_tests() -> None:
    """Every row says what happens and names tests that exist."""
    assert complaints(PAGE.read_text()) == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda page: re.sub(r"(\| 12 \|.*\|) `.*` \|", r"\1 |", page), "row 12 names no test"),
        (lambda page: page.replace("test_kill.py::", "test_kiln.py::"), "which does not exist"),
        (lambda page: page.replace("::test_an_inf", "::test_no_inf"), "row 42 names"),
        (lambda page: re.sub(r"(?m)^\| 20 \|.*\n", "", page), "row 20 is missing"),
        (lambda page: page.replace("\n| 21 |", "\n| 20 |"), "row 20 is there twice"),
    ],
    ids=["no test", "no file", "no such test", "no row", "two rows"],
)
def test_what_is_missing_is_noticed(spoil: object, complaint: str) -> None:
    """A row without a test, with one that is not there, or that is gone itself, is named."""
    assert callable(spoil)
    page = PAGE.read_text()
    spoilt = spoil(page)
    assert spoilt != page
    assert any(complaint in found for found in complaints(spoilt))
