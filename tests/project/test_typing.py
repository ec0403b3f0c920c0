"""Applications are typed as they are promised, whichever type checker they use."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "typing"
APPLICATIONS = FOLDER / "applications.py"
MISTAKES = FOLDER / "mistakes.py"


def run(*command: str, cwd: Path) -> str:
    """What a checker prints, and no settings of ours: an application has none of them."""
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def mypy(file: Path, folder: Path) -> dict[int, str]:
    """Mistakes that mypy sees, by line."""
    options = ["--strict", "--no-error-summary", "--hide-error-context", "--config-file="]
    options += ["--explicit-package-bases", "--cache-dir", str(folder / "cache")]
    text = run(sys.executable, "-m", "mypy", *options, str(file), cwd=folder)
    found = re.findall(r"^(.+?):(\d+): error: (.+)$", text, re.MULTILINE)
    assert all(Path(name).name == file.name for name, _, _ in found), text
    return {int(line): message for _, line, message in found}


def basedpyright(file: Path, folder: Path) -> dict[int, str]:
    """Mistakes that basedpyright sees, by line."""
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "src")]}
    settings |= {"include": [str(file)], "reportPrivateUsage": "none"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    text = run(*command, "--outputjson", cwd=folder)
    found = json.loads(text)
    assert found["summary"]["filesAnalyzed"] == 1, text
    return {
        each["range"]["start"]["line"] + 1: each["message"]
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    }


def ty(file: Path, folder: Path) -> dict[int, str]:
    """Mistakes that ty sees, by line."""
    program = Path(sys.executable).with_name("ty")
    command = [str(program), "check", "--python", sys.prefix, "--output-format", "concise"]
    command += ["--extra-search-path", str(ROOT / "src"), str(file)]
    text = run(*command, cwd=folder)
    found = re.findall(r"^.+?:(\d+):\d+: error\[(.+)$", text, re.MULTILINE)
    assert "All checks passed" in text or "Found" in text, text
    return {int(line): message for line, message in found}


CHECKERS = [mypy, basedpyright, ty]
Checker = Callable[[Path, Path], dict[int, str]]


@pytest.fixture(params=CHECKERS, ids=lambda checker: checker.__name__)
def checker(request: pytest.FixtureRequest) -> Checker:
    """Each type checker in turn."""
    if request.param is ty and shutil.which("ty", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("ty is not installed beside this Python")
    found: Checker = request.param
    return found


@pytest.mark.long
def test_an_application_is_understood_and_its_mistakes_are_seen(
    checker: Checker, tmp_path: Path
) -> None:
    """Mappers, stores, listeners, errors and reports have the types that an application expects.

    A misspelt name, a forgotten argument and a wrong word are errors, and nothing else is.
    """
    lines = MISTAKES.read_text(encoding="utf-8").splitlines()
    expected = [number for number, line in enumerate(lines, 1) if line.endswith("# mistake")]
    assert len(expected) >= 10
    # One after the other, because mypy then reads the library once.
    assert checker(APPLICATIONS, tmp_path) == {}
    assert sorted(checker(MISTAKES, tmp_path)) == expected
