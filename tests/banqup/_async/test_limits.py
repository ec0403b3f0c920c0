"""The time a single call may take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from _client_kit import _clock
from banqup_client import AsyncBanqupClient, Environment, UnavailableError
from banqup_client.testing import FakeBanqup, Fault
from support.banqup_service import ONCE, credentials, fake_banqup, invoice
from support.kit_service import Clock

pytestmark = pytest.mark.anyio

RESOURCES = ("spaces", "documents", "files", "users", "messages")


def client_of(fake: FakeBanqup, **options: Any) -> AsyncBanqupClient:
    return AsyncBanqupClient(
        credentials(),
        Environment.UAT_EU,
        **{
            "transport": fake.transport(),
            "storage_transport": fake.transport(),
            "retry": ONCE,
            **options,
        },
    )


def verbs_of(client: AsyncBanqupClient) -> dict[str, Callable[..., object]]:
    return {
        f"{resource}.{name}": verb
        for resource in RESOURCES
        for name, verb in inspect.getmembers(getattr(client, resource), inspect.ismethod)
        if not name.startswith("_")
    }


async def test_every_verb_takes_a_timeout_and_a_deadline() -> None:
    """Both are named, and are the client's own by default."""
    async with client_of(fake_banqup()) as client:
        verbs = verbs_of(client)
    assert sorted(verbs) == [
        "documents.create",
        "documents.files",
        "documents.get",
        "documents.list",
        "files.create",
        "files.details",
        "files.download",
        "files.upload",
        "messages.find",
        "spaces.get",
        "spaces.list",
        "users.me",
    ]
    for name, verb in verbs.items():
        parameters = inspect.signature(verb).parameters
        for limit in ("timeout", "deadline"):
            assert limit in parameters, f"{name} takes no {limit}"
            assert parameters[limit].kind is inspect.Parameter.KEYWORD_ONLY, name
            assert parameters[limit].default is None, name


async def test_a_tiny_deadline_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call waits no longer than its own deadline, though the client's is far away."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)
    fake = fake_banqup(sleep=clock.sleep_sync)
    space = fake.add_space()
    document = fake.publish(space)
    fake.faults.add("documents.get", nth=1, action=Fault.delay(60))
    client = client_of(fake)
    with pytest.raises(UnavailableError):
        await client.documents.get(space, document, deadline=0.5)
    assert clock.pauses == [0.5]
    assert (await client.documents.get(space, document)).id == document


@pytest.mark.parametrize("limit", ["timeout", "deadline"])
async def test_limits_travel_to_httpx(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request of a call, and those to storage, have the call's own limit."""
    monkeypatch.setattr(_clock, "monotonic", Clock())
    seen: list[float] = []

    class Watched(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "oauth2" not in request.url.path:
                seen.append(request.extensions["timeout"]["read"])
            return await inner.handle_async_request(request)

    fake = fake_banqup()
    space = fake.add_space()
    document = fake.publish(space, files=[invoice()])
    file = fake.documents(space)[0]["files"][0]["id"]
    inner = fake.transport()
    client = client_of(fake, transport=Watched(), storage_transport=Watched(), timeout=30)

    def own(seconds: float) -> dict[str, Any]:
        return {limit: seconds}

    await client.spaces.list(**own(1))
    await client.spaces.get(space, **own(2))
    await client.users.me(**own(3))
    await client.messages.find(**own(4))
    _ = [item.id async for item in client.documents.list(space, **own(5))]
    await client.documents.get(space, document, **own(6))
    await client.documents.create(space, folder="SALES", **own(7))
    await client.files.details(space, file, **own(8))
    named: dict[str, Any] = {"filename": "a.xml", "content_type": "application/xml"}
    await client.files.create(space, size=1, **named, **own(9))
    await client.files.upload(space, b"x", **named, **own(10))
    await client.files.download(space, file, **own(11))
    await client.users.me()
    assert list(dict.fromkeys(seen)) == [*range(1, 12), 30]
    assert (seen.count(10), seen.count(11)) == (2, 2)
