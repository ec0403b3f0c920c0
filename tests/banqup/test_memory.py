"""Large files do not pass through memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "download_memory.py"


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count a process's peak")
@pytest.mark.parametrize("world", [[], ["--async"]], ids=["sync", "async"])
def test_a_file_of_100_mb_costs_no_more_than_8_mb(world: list[str]) -> None:
    """Downloading to a path raises the peak of a warm process by at most 8 MB."""
    run = subprocess.run(
        [sys.executable, str(BENCHMARK), *world], capture_output=True, text=True, check=False
    )
    assert run.stdout, run.stderr
    measured = json.loads(run.stdout)
    assert measured["value"] <= 8.0
    assert run.returncode == 0
