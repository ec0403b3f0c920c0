"""Every public name is typed, for editors and checkers of applications."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
@pytest.mark.parametrize("package", ["bridge", "bridge.testing", "bridge.ubl"])
def test_package_is_completely_typed(package: str) -> None:
    """No public name has a type that checkers could see differently."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable),
            *("--verifytypes", package, "--ignoreexternal", "--outputjson"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["typeCompleteness"]
    unclear = [each["name"] for each in found["symbols"] if not each["isTypeKnown"]]
    assert found["completenessScore"] == 1, unclear
