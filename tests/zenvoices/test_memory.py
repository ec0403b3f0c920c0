"""A large upload is never in memory as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "upload_memory.py"


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's peak is read from /proc")
def test_upload_takes_little_memory() -> None:
    """The peak stays within its budget, also through a function of the user's own."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARK)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("peak +") == 6
