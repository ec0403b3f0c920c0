"""A task that is cancelled leaves a state from which the next run goes on."""

from __future__ import annotations

import anyio
import httpx
import pytest

from banqup_client import AsyncBanqupClient, ClientCredentials, Environment
from bridge import AsyncConnection
from harness.simulation import DEADLINE, LEASE_TTL, Simulation
from zenvoices_client import AsyncZenvoicesClient, UserLogin

pytestmark = pytest.mark.anyio


class CancellingTransport(httpx.AsyncBaseTransport):
    """Cancels whoever waits for an answer, before the n-th request or after it was applied."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, scope: anyio.CancelScope, requests: list[int]
    ) -> None:
        self._inner = inner
        self._scope = scope
        self._left = requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._step()
        response = await self._inner.handle_async_request(request)
        await self._step()
        return response

    async def _step(self) -> None:
        self._left[0] -= 1
        if self._left[0] == 0:
            self._scope.cancel()
        await anyio.lowlevel.checkpoint()


async def _export(world: Simulation, cancel_at: int, in_flight: int) -> bool:
    """One run that is cancelled at a request; whether it was."""
    left = [cancel_at]
    with anyio.CancelScope() as scope:
        banqup, storage, zenvoices = (
            CancellingTransport(service.transport(), scope, left)
            for service in (world.banqup, world.banqup, world.zenvoices)
        )
        async with (
            AsyncBanqupClient(
                ClientCredentials("demo-app", "demo-secret"),
                Environment.UAT_EU,
                transport=banqup,
                storage_transport=storage,
                deadline=DEADLINE,
            ) as from_banqup,
            AsyncZenvoicesClient(
                UserLogin("api-user", "demo-password", organisation_code="acme"),
                transport=zenvoices,
                deadline=DEADLINE,
            ) as to_zenvoices,
        ):
            connection = AsyncConnection(
                from_banqup,
                to_zenvoices,
                space_id=world.space,
                company_code="0042",
                checkpoints=world.store,
                clock=world.wall_time,
                in_flight=in_flight,
                lease_ttl=LEASE_TTL,
            )
            await connection.export_new()
    return scope.cancelled_caught


@pytest.mark.parametrize(
    ("every", "in_flight"),
    [
        (4, 4),
        pytest.param(1, 1, marks=pytest.mark.long),
        pytest.param(1, 4, marks=pytest.mark.long),
    ],
)
async def test_cancelled_at_every_request(world: Simulation, every: int, in_flight: int) -> None:
    """Cancelled at any request, a run calls nothing delivered that is not, and frees its lease."""
    cancelled = 0
    for at in range(1, 60, every):
        for _ in range(2):
            world.publish("PURCHASES", "FULLY_APPROVED")
        cancelled += await _export(world, at, in_flight)
        found = world.judge()
        assert found.clean, found
        world.pass_time(700.0)
    assert cancelled > 20 // every
    world.rest(4)
