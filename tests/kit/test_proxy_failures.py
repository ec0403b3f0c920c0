"""A proxy that cannot be used is named by its variable, in each language."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from _client_kit._tls import proxy_variable
from bridge._reports.texts import Lang, translate
from support.raw_server import RawServer, answer
from zenvoices_client import RetryPolicy, UnreachableError, UserLogin, ZenvoicesClient

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the proxies of this machine."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "http://proxy.invalid:3128"], ids=["refused", "no name"]
)
def test_proxy_that_cannot_be_reached_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    """The variable and not its value, which may hold a password; Zenvoices is not blamed."""
    monkeypatch.setenv(variable, address)
    login = UserLogin("user", "password", organisation_code="acme")
    with (
        ZenvoicesClient(login, retry=RetryPolicy(attempts=1)) as client,
        pytest.raises(UnreachableError) as caught,
    ):
        next(iter(client.companies.list()))
    error = caught.value
    assert error.code == "proxy"
    assert f"the proxy that {variable} names" in error.message
    assert error.hint is not None
    assert variable in error.hint
    assert address not in str(error)
    lang: Lang
    for lang in ("fr", "nl"):
        assert variable in translate(error.message, lang)
        assert variable in translate(error.hint, lang)


def test_no_proxy_leaves_none_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that goes past the proxy is not blamed on it; an empty variable names none."""
    assert proxy_variable("https://app.zenvoices.com") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert proxy_variable("https://app.zenvoices.com") == "HTTPS_PROXY"
    monkeypatch.setenv("NO_PROXY", "zenvoices.com")
    assert proxy_variable("https://app.zenvoices.com") is None
    monkeypatch.setenv("HTTPS_PROXY", "")
    monkeypatch.delenv("NO_PROXY")
    assert proxy_variable("https://app.zenvoices.com") is None


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize("given", ["transport", "http_client"])
def test_injected_client_is_not_blamed_on_the_proxy(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """It does not use the environment's proxy, so that a change there would help nothing."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    transport = httpx.MockTransport(refuse)
    options: dict[str, Any] = {"transport": transport}
    if given == "http_client":
        options = {"http_client": httpx.Client(trust_env=False, transport=transport)}
    login = UserLogin("user", "password", organisation_code="acme")
    with (
        ZenvoicesClient(login, retry=RetryPolicy(attempts=1), **options) as client,
        pytest.raises(UnreachableError) as caught,
    ):
        next(iter(client.companies.list()))
    assert caught.value.code == "unreachable"
    assert "HTTPS_PROXY" not in str(caught.value)


@pytest.mark.parametrize("status", [407, 403, 502])
def test_proxy_that_refuses_is_told_by_its_status(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """407 means a login; the variable is named, and not the login that it may hold."""
    login = UserLogin("user", "password", organisation_code="acme")
    with RawServer(answer(status=f"{status} No")) as proxy:
        address = f"http://user:canary@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", address)
        with (
            ZenvoicesClient(login, retry=RetryPolicy(attempts=1)) as client,
            pytest.raises(UnreachableError) as caught,
        ):
            next(iter(client.companies.list()))
    error = caught.value
    assert f"the proxy answered {status}" in error.message
    assert "login" in str(error.hint)
    assert "HTTPS_PROXY" in str(error.hint)
    assert "canary" not in str(error)
