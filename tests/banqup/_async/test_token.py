"""The token: where it goes, how long it is kept, and how often it is asked for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from banqup_client import (
    AsyncBanqupClient,
    ClientCredentials,
    ConfigurationError,
    CredentialsError,
    Environment,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ServiceError,
    UnavailableError,
)
from banqup_client.testing import FakeBanqup, Fault
from support.banqup_service import (
    API,
    SECRET,
    STEADY,
    TOKEN,
    OtherTokens,
    Scripted,
    credentials,
    fake_banqup,
)
from support.kit_service import Clock, together_async

pytestmark = pytest.mark.anyio


def client_of(fake: FakeBanqup, **options: Any) -> AsyncBanqupClient:
    return AsyncBanqupClient(
        options.pop("app", None) or credentials(),
        Environment.UAT_EU,
        transport=fake.transport(),
        **options,
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One clock for client and fake; a pause takes no time."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)
    monkeypatch.setattr(runtime, "sleep", clock.sleep_async)
    return clock


@pytest.mark.parametrize("style", ["expires_at", "expires_in", "jwt", "bare", "opaque"])
async def test_a_token_is_kept_for_its_life(style: Any, clock: Clock) -> None:
    """However its life is told, a token is used until shortly before its end, then renewed."""
    fake = OtherTokens(client_secret=SECRET, style=style, token_life=300.0, clock=clock)
    client = client_of(fake)
    await client.spaces.list()
    clock.now += 235
    await client.spaces.list()
    assert fake.counts["token.get"] == 1
    clock.now += 35
    await client.spaces.list()
    assert fake.counts["token.get"] == 2
    assert all(request.status != 401 for request in fake.requests)


async def test_a_server_clock_that_is_wrong_does_not_matter(clock: Clock) -> None:
    """The life is told by the server's own clock, whatever ours says."""
    fake = fake_banqup(clock=lambda: clock.now + 10**9, token_life=300.0)
    client = client_of(fake)
    await client.spaces.list()
    clock.now += 200
    await client.spaces.list()
    assert fake.counts["token.get"] == 1
    clock.now += 70
    await client.spaces.list()
    assert fake.counts["token.get"] == 2


async def test_a_token_the_service_forgot_is_renewed_once() -> None:
    """401 in the middle of a run costs one new token and one repeat."""
    fake = fake_banqup()
    client = client_of(fake)
    await client.spaces.list()
    fake.expire_tokens()
    assert await client.spaces.list() == ()
    assert fake.counts["token.get"] == 2


async def test_a_second_401_is_an_error() -> None:
    """A fresh token that is not accepted either ends the call, and is no rejection."""
    fake = fake_banqup()
    client = client_of(fake)
    fault = fake.faults.add("spaces.list", action=Fault.status(401))
    with pytest.raises(CredentialsError):
        await client.spaces.list()
    assert fault.fired == 2
    fake.faults.clear()
    assert await client.spaces.list() == ()


async def test_refused_credentials_are_final_for_their_object() -> None:
    """One refusal is one request, whoever asks next; a new object may try again."""
    fake = fake_banqup()
    app = ClientCredentials("demo-app", "wrong")
    for client in (client_of(fake, app=app), client_of(fake, app=app)):
        for _ in range(3):
            with pytest.raises(CredentialsError, match="Client authentication failed") as caught:
                await client.spaces.list()
            assert caught.value.hint
            assert "wrong" not in str(caught.value)
    assert fake.counts["token.get"] == 1
    assert await client_of(fake).spaces.list() == ()


REFUSALS = [
    (401, b"", CredentialsError),
    (400, b'{"error": "invalid_client", "error_description": "no"}', CredentialsError),
    (403, b'{"status": 403, "title": "Forbidden"}', CredentialsError),
    (403, b"<html>Blocked by the firewall</html>", PermissionDeniedError),
    (404, b"<html>404</html>", NotFoundError),
    (405, b"", ConfigurationError),
    (429, b"", ServiceError),
    (500, b"", UnavailableError),
    (503, b"", UnavailableError),
    (302, b"", ProtocolError),
    (200, b"", ProtocolError),
    (200, b"<html>Login</html>", ProtocolError),
    (200, b'{"access_token": ""}', ProtocolError),
    (200, b'{"access_token": null}', ProtocolError),
    (200, b'{"access_token": "a\\r\\nb"}', ProtocolError),
    (200, b'{"token": "a"}', ProtocolError),
    (200, b"a.b.c", ProtocolError),
    (200, b"[]", ProtocolError),
]


@pytest.mark.parametrize(("status", "body", "error"), REFUSALS)
async def test_what_a_token_answer_means(
    status: int, body: bytes, error: type[ServiceError], clock: Clock
) -> None:
    """Only Banqup's own refusal is final; a gateway's words are tried again at the next call."""
    scripted = Scripted(lambda _: {"spaces": []}, token=httpx.Response(status, content=body))
    client = AsyncBanqupClient(credentials(), base_url=API, transport=scripted, retry=STEADY)
    with pytest.raises(error) as caught:
        await client.spaces.list()
    assert isinstance(caught.value, CredentialsError) == (error is CredentialsError)
    assert scripted.requests == []
    asked = len(scripted.token_requests)
    with pytest.raises(error):
        await client.spaces.list()
    assert (len(scripted.token_requests) == asked) == (error is CredentialsError)
    if status in (404, 405):
        hint = caught.value.hint or ""
        assert hint.startswith(f"The address asked was {API}. Is this the address of the service")
        assert "contract=" in hint


async def test_a_token_request_is_repeated_like_a_read(clock: Clock) -> None:
    """A fault of the token service is tried again before anything is said."""
    fake = fake_banqup(clock=clock)
    fake.faults.add("token.get", action=Fault.status(503), nth=1, times=2)
    assert await client_of(fake, retry=STEADY).spaces.list() == ()
    assert clock.pauses == [0.25, 0.5]


async def test_a_token_is_asked_for_as_published() -> None:
    """A form with grant type, id and secret; no token, no secret in the URL; scope if given."""
    scripted = Scripted(lambda _: {"spaces": []})
    app = ClientCredentials("demo-app", SECRET, scope="entity_read space_read")
    await AsyncBanqupClient(app, base_url=API, transport=scripted).spaces.list()
    (request,) = scripted.token_requests
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers
    assert str(request.url) == f"{API}/oauth2/client_credential/gettoken"
    assert request.content == (
        b"grant_type=client_credentials&client_id=demo-app"
        b"&client_secret=canary-secret-7d21&scope=entity_read+space_read"
    )
    assert scripted.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_the_older_token_path_can_be_chosen() -> None:
    """The contract replaces the path; the older one answers a bare JWT."""
    fake = OtherTokens(client_secret=SECRET)
    patch = {"token.get": {"path": "/oauth2/client_credential/accesstoken"}}
    assert await client_of(fake, contract=patch).spaces.list() == ()
    assert fake.requests[0].path.endswith("/accesstoken")


async def test_many_at_once_ask_for_one_token() -> None:
    """32 calls without a token make one token request, and all are answered."""
    fake = fake_banqup()
    app = credentials()
    clients = [client_of(fake, app=app) for _ in range(4)]

    async def job(number: int) -> object:
        return await clients[number % 4].spaces.list()

    assert await together_async(32, job) == [()] * 32
    assert fake.counts["token.get"] == 1
    assert fake.counts["spaces.list"] == 32


async def test_many_at_once_learn_of_one_refusal() -> None:
    """32 calls with refused credentials make one token request, and all are told."""
    fake = fake_banqup()
    client = client_of(fake, app=ClientCredentials("demo-app", "wrong"))

    async def job(number: int) -> object:
        return await client.spaces.list()

    results = await together_async(32, job)
    assert all(isinstance(result, CredentialsError) for result in results)
    assert fake.counts["token.get"] == 1


async def test_a_token_stays_at_its_address() -> None:
    """The same credentials at another address get another token."""
    here, there = Scripted(lambda _: {"spaces": []}), Scripted(lambda _: {"spaces": []})
    app = credentials()
    await AsyncBanqupClient(app, Environment.UAT_EU, transport=here).spaces.list()
    await AsyncBanqupClient(app, Environment.CVE, transport=there).spaces.list()
    assert len(here.token_requests) == len(there.token_requests) == 1
