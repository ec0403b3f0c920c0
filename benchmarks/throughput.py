"""Documents per second of an export, against the hand-written loop on bare httpx."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baseline import AsyncBare, Bare
from measure import Measure, compared
from service import CLIENT_ID, CLIENT_SECRET, COMPANY_CODE, ORGANISATION, PASSWORD, USER, Service

from banqup_client import AsyncBanqupClient, BanqupClient, ClientCredentials
from bridge import AsyncConnection, Connection, SQLiteCheckpoints
from zenvoices_client import AsyncZenvoicesClient, UserLogin, ZenvoicesClient

SIZES = {"10 KB": 2_900, "2 MB": 1_500_000}
BUDGETS = {"20 ms": 0.95}


def measures(service: Service, rounds: int) -> Iterator[Measure]:
    """Every combination of world, concurrency, size and latency."""
    for latency, seconds in (("20 ms", 0.02), ("0 ms", 0.0)):
        service.ask("delay", seconds=seconds)
        for size, pdf_size in SIZES.items():
            for in_flight in (1, 4):
                count = _count(latency, size, in_flight)
                for world in ("sync", "async"):
                    name = f"export {world}, {in_flight} in flight, {size}, {latency}"
                    run = _sync_round if world == "sync" else _async_round
                    ours: list[float] = []
                    bare: list[float] = []
                    for _ in range(rounds):
                        mine, theirs = run(service, count, pdf_size, in_flight)
                        ours.append(count / mine)
                        bare.append(count / theirs)
                    yield compared(
                        name, ours, bare, unit="documents/s", budget=BUDGETS.get(latency)
                    )
    service.ask("delay", seconds=0.0)


def _count(latency: str, size: str, in_flight: int) -> int:
    if size == "2 MB":
        return 16 * in_flight
    return 60 * in_flight if latency == "20 ms" else 200


def _space(service: Service) -> str:
    space: str = service.ask("space")
    return space


def _publish(service: Service, space: str, count: int, pdf_size: int) -> None:
    service.ask("publish", space=space, count=count, pdf_size=pdf_size, raw=None)


def _arguments(service: Service) -> tuple[Any, Any]:
    credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
    login = UserLogin(USER, PASSWORD, organisation_code=ORGANISATION)
    return credentials, login


def _sync_round(service: Service, count: int, pdf_size: int, in_flight: int) -> tuple[float, float]:
    credentials, login = _arguments(service)
    space = _space(service)
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
        _publish(service, space, count, pdf_size)
        began = time.perf_counter()
        report = connection.export_new()
        ours = time.perf_counter() - began
        assert report.exported == count, report.summary()
    bare = Bare(service)
    bare.run(_space(service), 1)  # connections open, as ours are after activate()
    space = _space(service)
    _publish(service, space, count, pdf_size)
    began = time.perf_counter()
    assert bare.run(space, in_flight) == count
    theirs = time.perf_counter() - began
    for client in (bare.banqup, bare.zenvoices, bare.storage):
        client.close()
    return ours, theirs


def _async_round(
    service: Service, count: int, pdf_size: int, in_flight: int
) -> tuple[float, float]:
    return asyncio.run(_async_times(service, count, pdf_size, in_flight))


async def _async_times(
    service: Service, count: int, pdf_size: int, in_flight: int
) -> tuple[float, float]:
    credentials, login = _arguments(service)
    space = _space(service)
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
            _publish(service, space, count, pdf_size)
            began = time.perf_counter()
            report = await connection.export_new()
            ours = time.perf_counter() - began
            assert report.exported == count, report.summary()
    bare = AsyncBare(service)
    await bare.login()
    await bare.run(_space(service), 1)
    space = _space(service)
    _publish(service, space, count, pdf_size)
    began = time.perf_counter()
    assert await bare.run(space, in_flight) == count
    theirs = time.perf_counter() - began
    for client in (bare.banqup, bare.zenvoices, bare.storage):
        await client.aclose()
    return ours, theirs
