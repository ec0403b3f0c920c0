"""Worker processes, as a test sees them: told to begin, stopped, woken and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.estate import CREDENTIALS

__all__ = ["Worker", "fleet"]

_SCRIPT = Path(__file__).with_name("worker.py")


class Worker:
    """One process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **CREDENTIALS},
        )

    def begin(self, order: dict[str, Any]) -> None:
        """Give an order; returns when the worker has read it."""
        self.order(order)
        assert self._read() == "begun"

    def order(self, order: dict[str, Any]) -> None:
        """Give an order without waiting for anything."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """How the order that was begun ended."""
        answer: dict[str, Any] = self._read()
        return answer

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Give an order and return how it ended."""
        self.begin(order)
        return self.answer()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the worker has ended with {self._process.wait(10)}")
        return json.loads(line)

    def stop(self) -> None:
        """Stop the process where it is; returns when it stands still."""
        os.kill(self._process.pid, signal.SIGSTOP)
        self.wait_until_stopped()

    def wait_until_stopped(self) -> None:
        """Return when the process stands still, whoever stopped it."""
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def wake(self) -> None:
        """Let a stopped process go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the process where it is; returns when it is gone."""
        self._process.kill()
        self._process.wait(10)

    def close(self) -> None:
        """End the process, whatever it does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.kill()
        self._process.stdin.close()
        self._process.stdout.close()


@contextmanager
def fleet(size: int) -> Generator[Sequence[Worker]]:
    """That many worker processes."""
    workers = [Worker() for _ in range(size)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.close()
