"""What a process inherits from its machine: proxies and files that variables name."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest

from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import ConfigurationError, UnreachableError
from _client_kit._retry import RetryPolicy
from _client_kit._tls import _ssl_context, shared_ssl_context
from support.kit_service import READ, Service, call_async, dialect, reply

pytestmark = pytest.mark.anyio

THING = {"thing_id": "a1"}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Generator[pytest.MonkeyPatch]:
    """An environment that names no proxy and no file, and no context made before."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    _ssl_context.cache_clear()
    yield monkeypatch
    _ssl_context.cache_clear()


def calls_to(url: str = "https://api.example", **options: Any) -> AsyncCalls:
    """Calls to an address, each tried once."""
    given: dict[str, Any] = dict.fromkeys(("transport", "http_client", "ssl_context"))
    return AsyncCalls(
        dialect(),
        {},
        base_url=url,
        timeout=5.0,
        deadline=20.0,
        user_agent="test",
        retry=RetryPolicy(attempts=1),
        **{**given, **options},
    )


def opened_to(url: str) -> Any:
    """The httpx client that calls to an address would go through."""
    return calls_to(url)._clients.get()


def proxied(client: Any) -> bool:
    """Whether the client's requests go through a proxy."""
    return bool(client._mounts)


@pytest.mark.parametrize(
    "entry",
    [
        "fd07:b51a:cc66:f0::/64",
        "fe80::/10",
        "fd00::/8,::1",
        "[::1]",
        "[fd00::1]:8080",
        "10.0.0.0/8,[::1],localhost",
        "*.cluster.local",
        "http://[::1",
        ",, ,",
        "::1",
    ],
)
async def test_no_proxy_as_other_programs_write_it(
    environment: pytest.MonkeyPatch, entry: str
) -> None:
    """None of its forms ends a call; the proxy is used for other hosts, and not for those named."""
    environment.setenv("NO_PROXY", entry)
    assert not proxied(opened_to("https://api.example"))
    environment.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxied(opened_to("https://api.example"))
    environment.setenv("NO_PROXY", f"{entry},example")
    assert not proxied(opened_to("https://api.example"))


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxy_of_the_environment(environment: pytest.MonkeyPatch, name: str) -> None:
    """It is used for the service, not for this machine, and not beside an injected transport."""
    environment.setenv(name, "proxy.example:3128")
    assert proxied(opened_to("https://api.example"))
    assert not proxied(opened_to("http://localhost:8080"))
    environment.setenv("NO_PROXY", "*")
    assert not proxied(opened_to("https://api.example"))
    environment.delenv("NO_PROXY")
    answered = await call_async(calls_to(transport=Service(reply(200, {}))), READ, path=THING)
    assert answered[0] == {}


@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "no certificate"])
async def test_certificate_file_that_cannot_be_used(
    environment: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """The error names the variable and the file."""
    path = tmp_path / "cacert.pem"
    if kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "no certificate":
        path.write_text("-----BEGIN NOTHING-----\n")
    environment.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE names") as caught:
        opened_to("https://api.example")
    assert str(path) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert not caught.value.retryable


@pytest.mark.parametrize("name", ["missing/keys.log", "."])
async def test_key_log_that_cannot_be_written(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """The error names the variable and the file, with good certificates or none named."""
    path = tmp_path / name
    environment.setenv("SSLKEYLOGFILE", str(path))
    for certificates in ("", certifi.where()):
        environment.setenv("SSL_CERT_FILE", certificates)
        with pytest.raises(ConfigurationError, match="SSLKEYLOGFILE names") as caught:
            opened_to("https://api.example")
        assert repr(str(path)) in str(caught.value)


async def test_files_that_can_be_used(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key log is written where it can be, as Python itself does."""
    environment.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    assert not proxied(opened_to("https://api.example"))


async def test_new_client_follows_a_corrected_variable(environment: pytest.MonkeyPatch) -> None:
    """In a notebook: the error says to set SSL_CERT_FILE, and the next client must see it."""
    before = shared_ssl_context()
    assert shared_ssl_context() is before
    environment.setenv("SSL_CERT_FILE", certifi.where())
    assert shared_ssl_context() is not before


def raising(response: Any) -> None:
    """A hook as tutorials write it."""
    response.raise_for_status()


@pytest.mark.parametrize("hooks", [[raising], [print], [raising, print]])
async def test_response_hooks_are_refused(hooks: list[Any]) -> None:
    """One that raises would hide a refusal, so that a password is tried four times a call."""
    async with httpx.AsyncClient(event_hooks={"response": hooks}) as client:
        with pytest.raises(ConfigurationError, match="http_client must have no response hooks"):
            calls_to(http_client=client)


async def test_request_hooks_are_left_alone() -> None:
    """They are called before anything is sent."""
    seen: list[str] = []

    async def hook(request: httpx.Request) -> None:
        seen.append(request.method)

    transport = Service(reply(200, {}))
    async with httpx.AsyncClient(transport=transport, event_hooks={"request": [hook]}) as client:
        await call_async(calls_to(http_client=client), READ, path=THING)
    assert seen[-1] == "GET"


async def test_unreachable_is_still_told(environment: pytest.MonkeyPatch) -> None:
    """A proxy that nothing listens at is no connection."""
    environment.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with aclosing(calls_to()) as calls:
        with pytest.raises(UnreachableError):
            await call_async(calls, READ, path=THING)
