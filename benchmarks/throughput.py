"""An export against the hand-written loop on bare httpx: each further document, and the start.

A *slope* is what one more document costs: the difference between a run over many documents and one
over few, so that what a run does once is in neither. The *start* is the time before the first
upload, less the calls that must be made before it: each takes as long as the same call of the
hand-written loop with one document in flight.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen
from baseline import AsyncBare, Bare
from measure import Measure, absolute, compared
from service import CLIENT_ID, CLIENT_SECRET, COMPANY_CODE, ORGANISATION, PASSWORD, USER, Service

from banqup_client import AsyncBanqupClient, BanqupClient, ClientCredentials
from bridge import AsyncConnection, Connection, SQLiteCheckpoints
from zenvoices_client import AsyncZenvoicesClient, UserLogin, ZenvoicesClient

ANSWER = 0.02
"""Seconds until a server that is not on this machine answers."""


@frozen
class Case:
    """One size of document at one latency.

    Attributes:
        size: Its name.
        pdf_size: Bytes of the PDF in the document's UBL.
        latency: Seconds until an answer.
        few: Documents of the short run.
        many: Documents of the long run.
        budget: The least ratio, by kind of client and documents in flight.
    """

    size: str
    pdf_size: int
    latency: float
    few: int
    many: int
    budget: dict[tuple[str, int], float]


CASES = (
    Case(
        "10 KB",
        2_900,
        ANSWER,
        20,
        120,
        {("sync", 1): 0.97, ("async", 1): 0.97, ("sync", 4): 0.98, ("async", 4): 0.98},
    ),
    Case(
        "10 KB",
        2_900,
        0.0,
        20,
        220,
        {("sync", 1): 0.60, ("async", 1): 0.55, ("sync", 4): 0.60, ("async", 4): 0.55},
    ),
    Case(
        "2 MB",
        1_500_000,
        0.0,
        5,
        45,
        dict.fromkeys([(w, n) for w in ("sync", "async") for n in (1, 4)], 1.0),
    ),
)


@frozen
class Run:
    """One run.

    Attributes:
        seconds: Its time.
        start: Seconds until its first upload had arrived.
        calls: How many calls the first upload needs before it.
    """

    seconds: float
    start: float
    calls: int


def measures(service: Service, pairs: int) -> Iterator[Measure]:
    """Every combination of client, documents in flight, size and latency."""
    for case in CASES:
        service.ask("delay", seconds=case.latency)
        for in_flight in (1, 4):
            for world in ("sync", "async"):
                yield from _case(service, case, world, in_flight, pairs)
    service.ask("delay", seconds=0.0)


def _case(
    service: Service, case: Case, world: str, in_flight: int, pairs: int
) -> Iterator[Measure]:
    slopes: dict[str, list[float]] = {"ours": [], "bare": []}
    starts: list[float] = []
    for pair in range(pairs):
        # Whoever goes second finds the machine warmer: take turns.
        turns = ("ours", "bare") if pair % 2 == 0 else ("bare", "ours")
        runs: dict[tuple[str, int], Run] = {}
        for count in (case.few, case.many):
            for who in turns:
                runs[who, count] = _run(service, who, world, count, case.pdf_size, in_flight)
        for who in turns:
            more = runs[who, case.many].seconds - runs[who, case.few].seconds
            slopes[who].append((case.many - case.few) / more)
        for count in (case.few, case.many) if case.latency else ():
            alone = runs["bare", count]
            if in_flight > 1:
                alone = _run(service, "bare", world, count, case.pdf_size, 1)
            ours = runs["ours", count]
            starts.append(1000 * (ours.start - ours.calls * alone.start / alone.calls))
    milliseconds = f"{1000 * case.latency:g} ms"
    name = f"{world}, {in_flight} in flight, {case.size}, {milliseconds}"
    yield compared(
        f"one more document: {name}",
        slopes["ours"],
        slopes["bare"],
        unit="documents/s",
        budget=case.budget[world, in_flight],
    )
    if case.latency:
        limit = 1000 * case.latency
        yield absolute(f"start of a run: {name}", starts, unit="ms", at_most=limit)


def _run(service: Service, who: str, world: str, count: int, pdf_size: int, in_flight: int) -> Run:
    if world == "async":
        run = _ours_async if who == "ours" else _bare_async
        began, ended = asyncio.run(run(service, count, pdf_size, in_flight))
    else:
        began, ended = (_ours if who == "ours" else _bare)(service, count, pdf_size, in_flight)
    # The clock is the machine's, the same in both processes.
    first = service.ask("first upload")
    return Run(ended - began, first["at"] - began, first["calls"])


def _published(service: Service, space: str, count: int, pdf_size: int) -> float:
    service.ask("publish", space=space, count=count, pdf_size=pdf_size, raw=None)
    service.ask("watch")
    return time.perf_counter()


def _arguments() -> tuple[Any, Any]:
    credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
    return credentials, UserLogin(USER, PASSWORD, organisation_code=ORGANISATION)


def _ours(service: Service, count: int, pdf_size: int, in_flight: int) -> tuple[float, float]:
    credentials, login = _arguments()
    space = service.ask("space")
    with (
        tempfile.TemporaryDirectory() as folder,
        BanqupClient(credentials, base_url=service.banqup_url) as banqup,
        ZenvoicesClient(login, base_url=service.zenvoices_url) as zenvoices,
        SQLiteCheckpoints(Path(folder) / "exports.db") as checkpoints,
    ):
        connection = Connection(
            banqup,
            zenvoices,
            space_id=space,
            company_code=COMPANY_CODE,
            checkpoints=checkpoints,
            in_flight=in_flight,
        )
        connection.activate()
        began = _published(service, space, count, pdf_size)
        report = connection.export_new()
        ended = time.perf_counter()
        assert report.exported == count, report.summary()
    return began, ended


def _bare(service: Service, count: int, pdf_size: int, in_flight: int) -> tuple[float, float]:
    with Bare(service) as bare:
        bare.run(service.ask("space"), 1)  # connections open, as ours are after activate()
        space = service.ask("space")
        began = _published(service, space, count, pdf_size)
        assert bare.run(space, in_flight) == count
        return began, time.perf_counter()


async def _ours_async(
    service: Service, count: int, pdf_size: int, in_flight: int
) -> tuple[float, float]:
    credentials, login = _arguments()
    space = service.ask("space")
    with (
        tempfile.TemporaryDirectory() as folder,
        SQLiteCheckpoints(Path(folder) / "exports.db") as checkpoints,
    ):
        async with (
            AsyncBanqupClient(credentials, base_url=service.banqup_url) as banqup,
            AsyncZenvoicesClient(login, base_url=service.zenvoices_url) as zenvoices,
        ):
            connection = AsyncConnection(
                banqup,
                zenvoices,
                space_id=space,
                company_code=COMPANY_CODE,
                checkpoints=checkpoints,
                in_flight=in_flight,
            )
            await connection.activate()
            began = _published(service, space, count, pdf_size)
            report = await connection.export_new()
            ended = time.perf_counter()
            assert report.exported == count, report.summary()
    return began, ended


async def _bare_async(
    service: Service, count: int, pdf_size: int, in_flight: int
) -> tuple[float, float]:
    async with AsyncBare(service) as bare:
        await bare.run(service.ask("space"), 1)
        space = service.ask("space")
        began = _published(service, space, count, pdf_size)
        assert await bare.run(space, in_flight) == count
        return began, time.perf_counter()
