"""The examples of the page about testing run as a reader's own tests would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing-banqup.md"
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_page_has_examples() -> None:
    """A pattern that finds nothing would show nothing."""
    assert len(EXAMPLES) >= 6
    assert all("def test_" in code for code in EXAMPLES)


def test_the_examples_pass(tmp_path: Path) -> None:
    """Each example is a test module that passes with every warning an error."""
    for number, code in enumerate(EXAMPLES, start=1):
        (tmp_path / f"test_example_{number}.py").write_text(code, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    if "skipped" in run.stdout:
        pytest.fail(run.stdout)
