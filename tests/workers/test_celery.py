"""Two hundred connections under real Celery workers, with everything that goes wrong there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge import BusyError
from bridge._command import main
from harness.clock import SharedClock
from support.estate import CREDENTIALS, LEASE_TTL, Estate
from support.examples import EXAMPLES, load, write_toml
from support.stores import open_store

CONNECTIONS = 100
EACH = 3
KILLS = (50, 100, 150)
"""After how many uploads a worker is killed: twice one of its processes, then all of another."""

PATIENCE = 240.0


class CeleryWorker:
    """One ``celery worker`` with its processes."""

    def __init__(self, name: str, environ: Mapping[str, str], output: Path) -> None:
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "exports", "worker"),
                    *("--concurrency", "2", "--hostname", f"{name}@localhost", "--loglevel"),
                    *("WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"),
                ],
                cwd=EXAMPLES / "celery",
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_one(self) -> None:
        """Kill one of the processes that run tasks."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    def kill(self) -> None:
        """Kill all of it at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)


class Strikes:
    """Does something when so many uploads have arrived, from a thread of the service."""

    def __init__(self, estate: Estate, acts: Mapping[int, Callable[[], None]]) -> None:
        self._acts = dict(acts)
        self._count = 0
        self._lock = threading.Lock()
        self.all_done = threading.Event()
        estate.zenvoices.on_request = self._seen

    def _seen(self, request: Any) -> None:
        if request.operation != "inbox.upload":
            return
        with self._lock:
            self._count += 1
            act = self._acts.pop(self._count, None)
            if act is not None:
                act()
                if not self._acts:
                    self.all_done.set()


@contextmanager
def _celery(environ: Mapping[str, str], output: Path) -> Generator[Callable[[str], CeleryWorker]]:
    workers: list[CeleryWorker] = []

    def start(name: str) -> CeleryWorker:
        workers.append(CeleryWorker(name, environ, output))
        return workers[-1]

    try:
        yield start
    finally:
        for worker in workers:
            worker.kill()


@pytest.mark.long
@pytest.mark.alone
def test_a_hundred_connections_with_two_schedulers_and_killed_workers(
    tmp_path: Path,
    database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each document arrives once, whoever fired it, took it or died with it in his hands."""
    url = database()
    clock = SharedClock(tmp_path / "clock")
    environ = {
        **CREDENTIALS,
        "EXPORTS_DATABASE": url,
        "EXPORTS_QUEUE": str(tmp_path / "queue"),
        "EXPORTS_CONNECTIONS": str(tmp_path / "connections.toml"),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    log = tmp_path / "celery.log"
    with Estate(CONNECTIONS, clock) as estate, _celery(os.environ, log) as start:
        configs = estate.configs(checkpoint_url_variable="EXPORTS_DATABASE")
        toml = write_toml(tmp_path / "connections.toml", configs)
        estate.publish(1, old=True)
        assert main(["activate", "--config", str(toml)]) == 0
        estate.publish(EACH)
        logins = estate.zenvoices.counts["login"]
        one, two = start("one"), start("two")
        acts = dict(zip(KILLS, (one.kill_one, one.kill_one, two.kill), strict=True))
        strikes = Strikes(estate, acts)
        began = time.perf_counter()
        _fire_at_once(2)
        assert strikes.all_done.wait(PATIENCE), log.read_text()[-3000:]
        start("three")
        exports = load("celery/exports.py")
        third = [exports.export_new.delay(config.to_dict()) for config in configs]
        answers = [result.get(timeout=PATIENCE, interval=0.05) for result in third]
        took = time.perf_counter() - began
        arrived = len(estate.arrived())
        held = _settle(estate, clock, url)
        faults, duplicates = estate.faults(), estate.zenvoices.duplicates
        requests = sum(estate.banqup.counts.values()) + sum(estate.zenvoices.counts.values())
        logins = estate.zenvoices.counts["login"] - logins
    with capsys.disabled():
        print(
            f"\n  {CONNECTIONS} connections, {len(estate.published)} documents, 3 firings "
            f"(2 at once), {len(KILLS)} kills: {arrived} documents in {took:.0f} s, "
            f"{sum('busy' in answer for answer in answers)} found busy by the third firing, "
            f"{held} connections taken over later, {requests} requests, {logins} logins: "
            f"{faults.get('lost', 0)} lost, {faults.get('twice', 0)} sent twice, "
            f"{faults.get('too old', 0)} too old"
        )
    assert faults == {}
    assert duplicates == {}
    clock.close()


def _fire_at_once(schedulers: int) -> None:
    """Start that many schedulers together; each queues every connection."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", "from exports import fire; input(); fire()"],
            cwd=EXAMPLES / "celery",
            stdin=subprocess.PIPE,
        )
        for _ in range(schedulers)
    ]
    for scheduler in running:
        assert scheduler.stdin is not None
        scheduler.stdin.write(b"\n")
        scheduler.stdin.close()
    assert [scheduler.wait(PATIENCE) for scheduler in running] == [0] * schedulers


def _settle(estate: Estate, clock: SharedClock, url: str) -> int:
    """The firings of later hours, until nothing is on its way; returns how many had work."""
    store = open_store(url, clock)
    worked = 0
    try:
        left = list(estate.configs(checkpoint_url_variable="EXPORTS_DATABASE"))
        for _ in range(4):
            clock.move(LEASE_TTL + 700.0)
            unquiet = []
            for config in left:
                with config.open(checkpoints=store, clock=clock) as connection:
                    counts = connection.status().counts
                    if counts == {"baseline": 1, "delivered": EACH}:
                        continue
                    try:
                        connection.export_new()
                    except BusyError as busy:
                        raise AssertionError(f"still held: {busy.held_until}") from busy
                    unquiet.append(config)
            left = unquiet
            worked = worked or len(left)
    finally:
        store.close()
    assert left == []
    return worked
