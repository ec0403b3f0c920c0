"""Starts exporters as processes of their own, kills them, and says how they ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from harness.world import CANARIES, DEADLINE, LEASE_TTL, World

__all__ = ["Ended", "Exporters"]

_SCRIPT = Path(__file__).with_name("exporter.py")
_PATIENCE = 60.0


@frozen
class Ended:
    """How an exporter ended.

    Attributes:
        killed: By SIGKILL, before it was done.
        ok: It did what it was told.
        told: Its report as plain data, or its error.
        steps: How many steps it made; 0 when it was killed.
    """

    killed: bool
    ok: bool
    told: Any
    steps: int


class Exporters:
    """One forking exporter process, reused for all worlds of a test."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(_SCRIPT), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._child = 0
        self._order: dict[str, Any] = {}
        self._started = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(_PATIENCE)
        self._server.stdout.close()

    @staticmethod
    def order(
        world: World,
        verb: str,
        *,
        kill_at: int | None = None,
        in_flight: int = 1,
        kind: str = "sync",
        design: str = "connection",
        on_uncertain: str = "hold",
        **options: Any,
    ) -> dict[str, Any]:
        """What an exporter is told."""
        return {
            "verb": verb,
            "kind": kind,
            "banqup": world.banqup_url,
            "zenvoices": world.zenvoices_url,
            "secrets": CANARIES,
            "space": world.space,
            "checkpoint": str(world.checkpoint),
            "store": world.address,
            "clock": str(world.clock.path),
            "deadline": DEADLINE,
            "lease_ttl": LEASE_TTL,
            "kill_at": kill_at,
            "in_flight": in_flight,
            "design": design,
            "on_uncertain": on_uncertain,
            "options": options,
            "output": str(world.directory / "output.txt"),
            "answer": str(world.directory / "answer.json"),
        }

    def run(self, world: World, verb: str, **how: Any) -> Ended:
        """Have an exporter do one thing, to its end or until it is killed."""
        self.start(world, verb, **how)
        return self.wait()

    def start(self, world: World, verb: str, *, name: str = "", **how: Any) -> None:
        """Have an exporter begin one thing.

        Args:
            world: Where.
            verb: What.
            name: Of the exporter, where another one runs at the same time in this world.
            how: See `order`.
        """
        order = self.order(world, verb, **how)
        order["answer"] = str(world.directory / f"answer{name}.json")
        self._order = order
        self._started.clear()
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        self._child = self._answer()["child"]
        self._started.set()

    def wait(self) -> Ended:
        """Wait until what was started has ended, or was killed."""
        return _ended(self._order, self._answer()["status"])

    def kill(self) -> None:
        """Kill the exporter that runs now; called from a service's thread."""
        if not self._started.wait(_PATIENCE):
            raise AssertionError("no exporter was started")
        os.kill(self._child, signal.SIGKILL)

    def _answer(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise AssertionError("the exporters' parent has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run_traced(self, world: World, verb: str, call: str, nth: int, **how: Any) -> Ended:
        """Have a fresh exporter do one thing under strace, killed at its n-th such system call."""
        order = self.order(world, verb, **how)
        path = world.directory / "order.json"
        path.write_text(json.dumps(order))
        done = subprocess.run(
            [
                *("strace", "-f", "-qq", "-o", "/dev/null"),
                *("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={nth}"),
                *(sys.executable, str(_SCRIPT), "once", str(path)),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        return _ended(order, done.returncode)


def strace_refusal() -> str | None:
    """Why processes cannot be traced here; None where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=exit_group"]
    command += ["-e", "inject=exit_group:signal=SIGKILL:when=1", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return None
    return f"strace cannot kill a process here: {tried.stderr.strip()[:200]}"


def _ended(order: dict[str, Any], status: int) -> Ended:
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return Ended(True, False, None, 0)
    output = Path(order["output"])
    if status != 0:
        raise AssertionError(f"the exporter ended with {status}: {output.read_text()[-2000:]}")
    answer = json.loads(Path(order["answer"]).read_text())
    return Ended(False, answer["ok"], answer["told"], answer["steps"])
