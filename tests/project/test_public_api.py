"""A change to what applications rely on is seen, and made on purpose."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attrs import frozen

from public_api import SNAPSHOT, describe

ROOT = Path(__file__).parent
RENEW = "where it is meant: python tools/public_api.py --write, and a line in CHANGELOG.md"


def differences(old: str, new: str) -> list[str]:
    """What is gone and what came, line by line."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "promised", "found", n=1, lineterm=""
    )
    return list(lines)


def test_public_api_is_what_was_promised() -> None:
    """No public name, parameter, attribute or base class changes unnoticed."""
    # In a process of its own: what other tests replace is not what an application sees.
    script = Path(str(sys.modules["public_api"].__file__))
    shown = subprocess.run(
        [sys.executable, str(script)], capture_output=True, encoding="utf-8", check=True
    )
    found = differences(SNAPSHOT.read_text(encoding="utf-8"), shown.stdout)
    if found:
        pytest.fail("\n".join([*found, "", RENEW]), pytrace=False)


@frozen
class Thing:
    """Something public."""

    size: int = 3
    _hidden: str = ""

    @property
    def area(self) -> int:
        """Something derived."""
        return self.size**2

    def grow(self, by: int, *, slowly: bool = False) -> Thing:
        """Something it does."""
        return Thing(self.size + by)


def test_a_class_is_described_with_all_a_caller_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters, defaults, keywords and results are in the snapshot; private names are not."""
    monkeypatch.setattr("public_api.PACKAGES", (Thing.__module__.split(".")[0],))
    assert "\n".join(describe("Thing", Thing)).splitlines() == [
        "class Thing",
        "    made by (size: int = 3, hidden: str = '') -> None",
        "    area  property",
        "    grow(by: int, *, slowly: bool = False) -> Thing",
        "    size  attribute",
    ]


def test_no_default_shows_this_machine() -> None:
    """A default that is no plain value is three dots: it may hold an address or the environment."""

    def make(env: object = os.environ, clock: object = time.time, at: object = ROOT) -> None:
        """Something with defaults of every kind."""

    assert list(describe("make", make)) == [
        "make(env: object = ..., clock: object = time, at: object = ...) -> None"
    ]


def test_a_long_signature_has_a_line_for_each_parameter() -> None:
    """A difference then names the parameter."""

    def make(first_parameter_of_this: int, second_parameter_of_this: str, *, third: bool) -> None:
        """Something with a long signature."""

    assert "\n".join(describe("make", make)).splitlines() == [
        "make(",
        "        first_parameter_of_this: int,",
        "        second_parameter_of_this: str,",
        "        *,",
        "        third: bool,",
        "    ) -> None",
    ]


def test_a_break_is_readable() -> None:
    """A renamed parameter and a missing attribute each make a line with a minus and a plus."""
    old = "class A(size:int=3)\n    grow(by:int) -> A\n    size  attribute"
    new = "class A(size:int=3)\n    grow(amount:int) -> A"
    assert differences(old, new)[3:] == [
        " class A(size:int=3)",
        "-    grow(by:int) -> A",
        "-    size  attribute",
        "+    grow(amount:int) -> A",
    ]


def test_no_difference_is_no_line() -> None:
    """What stays as it is says nothing."""
    assert differences("a\nb\n", "a\nb\n") == []


def test_a_function_and_a_constant_are_described() -> None:
    """A routine has its signature, a constant its value."""

    def make(name: str, /, *more: int, loud: bool = False) -> list[str]:
        return [name]

    assert list(describe("make", make)) == [
        "make(name: str, /, *more: int, loud: bool = False) -> list[str]"
    ]
    assert list(describe("LIMIT", 7)) == ["LIMIT = 7"]
