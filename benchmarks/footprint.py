"""What the library costs besides time per document: memory, processes, requests, connections."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from measure import Measure, absolute, compared
from service import CLIENT_ID, CLIENT_SECRET, COMPANY_CODE, ORGANISATION, PASSWORD, USER, Service

from banqup_client import AsyncBanqupClient, BanqupClient, ClientCredentials
from bridge import Connection, MemoryCheckpoints, SQLiteCheckpoints
from zenvoices_client import UserLogin, ZenvoicesClient

HERE = Path(__file__).parent
MB = 1024.0


def clients(service: Service) -> tuple[BanqupClient, ZenvoicesClient]:
    """Both clients, for the measured service."""
    credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
    login = UserLogin(USER, PASSWORD, organisation_code=ORGANISATION)
    return (
        BanqupClient(credentials, base_url=service.banqup_url),
        ZenvoicesClient(login, base_url=service.zenvoices_url),
    )


def nothing_new(service: Service, rounds: int, rows: int) -> Iterator[Measure]:
    """A run with nothing to do, after few and after many deliveries."""
    times: dict[int, list[float]] = {1_000: [], rows: []}
    requests: list[float] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        made: dict[int, Connection] = {}
        for past in times:
            banqup, zenvoices = clients(service)
            stack.enter_context(banqup)
            stack.enter_context(zenvoices)
            store = stack.enter_context(SQLiteCheckpoints(Path(folder) / f"{past}.db"))
            space = service.ask("space")
            connection = made[past] = Connection(
                banqup, zenvoices, space_id=space, company_code=COMPANY_CODE, checkpoints=store
            )
            connection.activate()
            service.ask("publish", space=space, count=20, pdf_size=None, raw=None)
            connection.export_new()
            _fill(store, connection.key, past)
            connection.export_new()
        for _ in range(rounds * 20):
            for past, connection in made.items():
                before = sum(service.ask("counts").values())
                began = time.perf_counter()
                report = connection.export_new()
                times[past].append(time.perf_counter() - began)
                requests.append(sum(service.ask("counts").values()) - before)
                assert report.exported == 0
    yield absolute(
        "nothing new: requests per folder", [n / 2 for n in requests], unit="", at_most=1
    )
    yield compared(
        f"nothing new: time after {rows:,} deliveries over 1,000",
        [1000 * value for value in times[rows]],
        [1000 * value for value in times[1_000]],
        unit="ms",
        budget=1.2,
        at_most=True,
    )


def _fill(store: SQLiteCheckpoints, key: str, rows: int) -> None:
    """As many deliveries as that many exports would have left."""
    from attrs import evolve

    sample = store.select(key, ("delivered",), due=None, after=None, limit=1)[0]
    lease = store.acquire(key, "bench", 600.0)
    assert lease is not None
    for start in range(0, rows, 20_000):
        numbers = range(start, min(start + 20_000, rows))
        some = [evolve(sample, id=f"past-{number:08d}") for number in numbers]
        store.commit(lease, rows=some, ttl=600.0)
    store.release(lease)


def memory(service: Service, megabytes: int, documents: int) -> Iterator[Measure]:
    """Peak memory of one large file, and growth over many documents."""
    grown = [_child("large", service, megabytes)["grown_kb"] / MB for _ in range(3)]
    yield absolute(f"peak memory over idle, one {megabytes} MB file", grown, unit="MB", at_most=8)
    half, whole = (_child("many", service, n)["grown_kb"] / MB for n in (documents // 2, documents))
    yield absolute(
        f"memory of {documents:,} documents over {documents // 2:,}", [whole - half], unit="MB"
    )


def _child(job: str, service: Service, number: int) -> dict[str, Any]:
    arguments = [service.banqup_url, service.zenvoices_url, service.ask("space"), str(number)]
    child = subprocess.Popen(
        [sys.executable, str(HERE / "memory_child.py"), job, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin
    assert child.stdout
    ready = json.loads(child.stdout.readline())
    raw = number * 1_000_000 if job == "large" else None
    count = 1 if job == "large" else number
    service.ask("publish", space=ready["space"], count=count, pdf_size=None, raw=raw)
    child.stdin.write("go\n")
    child.stdin.flush()
    answer: dict[str, Any] = json.loads(child.stdout.readline())
    child.stdin.close()
    child.stdout.close()
    child.wait(timeout=60)
    return answer


INSTALLED = "from importlib.metadata import distributions as d; print(*(x.name for x in d()))"


def process(service: Service, pairs: int, python: str) -> Iterator[Measure]:
    """A whole process that exports one document, against one that makes the same calls by httpx.

    What the interpreter takes to start is measured beside it, and taken off both.

    Args:
        service: The fakes.
        pairs: How often.
        python: Of an environment with what users install and nothing else: httpx imports what it
            finds of its own extras.
    """

    def seconds(kind: str, *arguments: str) -> float:
        command = [python, str(HERE / "one_export.py"), kind, *arguments]
        began = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        took = time.perf_counter() - began
        if done.stdout.strip() != ("" if kind == "nothing" else "1"):
            raise RuntimeError(f"{kind} exported {done.stdout!r}")
        return took

    def once(kind: str) -> float:
        space = service.ask("space")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "exports.db"
            banqup, zenvoices = clients(service)
            with banqup, zenvoices, SQLiteCheckpoints(path) as store:
                Connection(
                    banqup, zenvoices, space_id=space, company_code=COMPANY_CODE, checkpoints=store
                ).activate()
            service.ask("publish", space=space, count=1, pdf_size=2_900, raw=None)
            addresses = (service.banqup_url, service.zenvoices_url, space, COMPANY_CODE)
            secrets = (CLIENT_ID, CLIENT_SECRET, USER, PASSWORD, ORGANISATION)
            return seconds(kind, *addresses, *secrets, str(path))

    for kind in ("ours", "bare"):
        once(kind)  # write the byte code
    ours: list[float] = []
    bare: list[float] = []
    for pair in range(pairs):
        idle = min(seconds("nothing") for _ in range(3))
        for kind in ("ours", "bare") if pair % 2 == 0 else ("bare", "ours"):
            (ours if kind == "ours" else bare).append(1000 * (once(kind) - idle))
    yield compared(
        "process that exports one document, over httpx",
        ours,
        bare,
        unit="ms",
        budget=1.6,
        at_most=True,
    )
    listed = subprocess.run([python, "-c", INSTALLED], check=True, capture_output=True, text=True)
    count = len(set(listed.stdout.split()) - {"pip", "setuptools"})
    yield absolute("distributions installed", [float(count)], unit="", at_most=11)


def connections(service: Service, rounds: int) -> Iterator[Measure]:
    """1,000 connections on the same two clients."""
    import tracemalloc

    banqup, zenvoices = clients(service)
    store = MemoryCheckpoints()

    def build() -> list[Connection]:
        return [
            Connection(
                banqup,
                zenvoices,
                space_id=f"space-{number}",
                company_code=f"{number:04d}",
                checkpoints=store,
            )
            for number in range(1000)
        ]

    seconds: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        build()
        seconds.append(time.perf_counter() - began)
    tracemalloc.start()
    kept = build()
    size = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    assert len(kept) == 1000
    yield absolute("1,000 connections on shared clients: time", seconds, unit="s", at_most=0.2)
    yield absolute("1,000 connections on shared clients: memory", [size], unit="MB", at_most=20)
    banqup.close()
    zenvoices.close()


def tokens(service: Service) -> Iterator[Measure]:
    """Token requests when many threads, or many tasks, need one at once."""
    banqup, _ = clients(service)
    before = service.ask("counts").get("token.get", 0)
    barrier = threading.Barrier(32)

    def call() -> None:
        barrier.wait()
        banqup.spaces.list()

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    banqup.close()
    after = service.ask("counts")["token.get"]
    yield absolute("token requests of 32 threads", [after - before], unit="", at_most=1)

    async def run() -> None:
        credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
        async with AsyncBanqupClient(credentials, base_url=service.banqup_url) as client:
            await asyncio.gather(*(client.spaces.list() for _ in range(32)))

    asyncio.run(run())
    last = service.ask("counts")["token.get"]
    yield absolute("token requests of 32 tasks", [last - after], unit="", at_most=1)
