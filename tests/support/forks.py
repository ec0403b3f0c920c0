"""Running a job in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

forks = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    # Newer Pythons warn of just what is tested here: a fork beside threads.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_child(job: Callable[[], object]) -> None:
    """Run a job in a forked child; fails where the job raises or hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            job()
            code = 0
        finally:
            os._exit(code)
    timer = threading.Timer(10.0, os.kill, (child, 9))
    timer.start()
    try:
        _, status = os.waitpid(child, 0)
    finally:
        timer.cancel()
    assert os.waitstatus_to_exitcode(status) == 0
