"""A client made before a fork downloads in the child."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from banqup_client import AsyncBanqupClient, BanqupClient
from banqup_client.testing import FakeBanqup
from support.banqup_service import LOOPBACK, credentials, fake_banqup, invoice
from support.forks import forks, in_child

pytestmark = forks


def published() -> tuple[FakeBanqup, str, str]:
    """A fake with one file, its space and the file's id."""
    fake = fake_banqup()
    space = fake.add_space()
    fake.publish(space, files=[invoice(b"12345")])
    return fake, space, fake.documents(space)[0]["files"][0]["id"]


def injected(fake: FakeBanqup) -> dict[str, Any]:
    """Arguments of a client that speaks to a fake in memory."""
    return {
        "base_url": LOOPBACK,
        "transport": fake.transport(),
        "storage_transport": fake.transport(),
    }


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_forked_child_opens_connections_of_its_own(in_memory: bool) -> None:
    """A child that inherits open connections downloads over others; what was injected serves on."""
    fake, space, file = published()
    with fake.serve() as served:
        arguments = injected(fake) if in_memory else {"base_url": served.url}
        with BanqupClient(credentials(), **arguments) as client:

            def job() -> None:
                assert client.files.download(space, file) == b"12345"

            job()
            in_child(job)
            job()


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_forked_child_with_an_event_loop_opens_connections_of_its_own(in_memory: bool) -> None:
    """The same where parent and child each run an event loop."""
    fake, space, file = published()
    with fake.serve() as served, asyncio.Runner() as runner:
        arguments = injected(fake) if in_memory else {"base_url": served.url}
        client = AsyncBanqupClient(credentials(), **arguments)

        async def job() -> None:
            assert await client.files.download(space, file) == b"12345"

        runner.run(job())
        in_child(lambda: asyncio.run(job()))
        runner.run(job())
        runner.run(client.aclose())
