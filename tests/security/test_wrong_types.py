"""Secrets of a wrong type, and settings that are refused, are in no error."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from _client_kit._errors import ConfigurationError, ServiceError
from banqup_client import BanqupClient, ClientCredentials, Environment
from bridge import Connection, ConnectionConfig, MemoryCheckpoints
from support.reach import shown
from zenvoices_client import UserLogin, ZenvoicesClient, verify_signature

CANARY = "kanarie-9f31"


@pytest.mark.parametrize(
    "call",
    [
        lambda: ClientCredentials("app", CANARY.encode()),  # type: ignore[arg-type]
        lambda: ClientCredentials("app", [CANARY]),  # type: ignore[arg-type]
        lambda: ClientCredentials("app", f"{CANARY}\n"),
        lambda: UserLogin("me", CANARY.encode(), organisation_code="acme"),  # type: ignore[arg-type]
        lambda: UserLogin("me", f"{CANARY}\ud800", organisation_code="acme"),
        lambda: UserLogin("me", CANARY),  # type: ignore[call-arg]
    ],
)
def test_a_refused_credential_is_in_no_frame(call: Callable[[], Any]) -> None:
    """The error names the type or the field; no frame has the arguments."""
    with pytest.raises((TypeError, ConfigurationError)) as caught:
        call()
    assert CANARY not in shown(caught.value)


APP = ClientCredentials("app", "s3cret-of-the-app")
USER = UserLogin("me", "s3cret-of-the-user", organisation_code="acme")
ROW = {"space_id": "s1", "company_code": "1", "environment": "UAT_EU", "checkpoint_file": "x.db"}


@pytest.mark.parametrize(
    "call",
    [
        lambda: BanqupClient(APP, base_url=f"https://u:{CANARY}@host"),
        lambda: BanqupClient(APP, base_url=f"https:/{CANARY}"),
        lambda: BanqupClient(APP, CANARY),  # type: ignore[arg-type]
        lambda: BanqupClient(APP, Environment.UAT_EU, storage_hosts=[f"u:{CANARY}@host"]),
        lambda: BanqupClient(APP, Environment.UAT_EU, timeout=CANARY),  # type: ignore[arg-type]
        lambda: BanqupClient(APP, Environment.UAT_EU, user_agent=f"{CANARY}\n"),
        lambda: ZenvoicesClient(USER, base_url=f"https://u:{CANARY}@host"),
        lambda: ZenvoicesClient(USER, base_url=None),  # type: ignore[arg-type]
        lambda: ZenvoicesClient(USER, deadline=CANARY),  # type: ignore[arg-type]
        lambda: BanqupClient(("app", CANARY), Environment.UAT_EU),  # type: ignore[arg-type]
        lambda: ZenvoicesClient(CANARY),  # type: ignore[arg-type]
        lambda: verify_signature(CANARY, "sha256=00", CANARY),  # type: ignore[arg-type]
        lambda: verify_signature(b"{}", "sha256=00", CANARY.encode()),  # type: ignore[arg-type]
        lambda: Connection(
            BanqupClient(APP, Environment.UAT_EU),
            ZenvoicesClient(USER),
            space_id=f"{CANARY}!",
            company_code=CANARY,
            checkpoints=MemoryCheckpoints(),
        ),
        lambda: BanqupClient(APP, Environment.UAT_EU, ssl_context=CANARY),  # type: ignore[arg-type]
        lambda: ConnectionConfig.from_dict({**ROW, "environment": CANARY}),
        lambda: ConnectionConfig.from_dict({**ROW, "password": CANARY}),
        lambda: ConnectionConfig.from_dict({**ROW, "space_id": f"{CANARY}!"}),
        lambda: ConnectionConfig(**{**ROW, "banqup_url": f"https://u:{CANARY}@host"}),  # type: ignore[arg-type]
        lambda: ConnectionConfig.many([{**ROW, "checkpoint_file": f"x://u:{CANARY}@db"}]),
    ],
)
def test_a_refused_setting_is_in_no_text(call: Callable[[], Any]) -> None:
    """A password in the wrong place is not repeated by the error."""
    with pytest.raises((TypeError, ConfigurationError)) as caught:
        call()
    assert CANARY not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("kind", [ClientCredentials, UserLogin])
@pytest.mark.parametrize("environ", [CANARY, [CANARY], {1: CANARY}])
def test_a_wrong_environment_is_in_no_frame(kind: Any, environ: Any) -> None:
    """A wrong type is found at its line, without the arguments."""
    with pytest.raises((AttributeError, ConfigurationError)) as caught:
        kind.from_env(environ)
    told = shown(caught.value)
    assert CANARY not in told
    if isinstance(caught.value, AttributeError):
        assert "if not environ.get(name)" in told


def test_a_webhook_body_of_any_buffer_is_checked() -> None:
    """Also a view with gaps, whose error would show the secret."""
    body = memoryview(b"a-b-c-")[::2]
    signature = hmac.new(CANARY.encode(), b"abc", "sha256").hexdigest()
    assert verify_signature(body, f"sha256={signature}", CANARY)  # type: ignore[arg-type]
    assert not verify_signature(body, "sha256=00", CANARY)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["u:x@127.0.0.1:{}/db", "u:{}@127.0.0.1:1/db", "u@h/db?port={}"])
def test_a_database_that_fails_shows_no_password(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither what opens it nor what uses it repeats the password of its address."""
    address = url.replace("{}", CANARY)
    monkeypatch.setenv("EXPORTS_DATABASE", f"postgresql+psycopg://{address}")
    monkeypatch.setenv("BANQUP_CLIENT_ID", "app")
    monkeypatch.setenv("BANQUP_CLIENT_SECRET", "s3cret-of-the-app")
    monkeypatch.setenv("ZENVOICES_USER", "me")
    monkeypatch.setenv("ZENVOICES_PASSWORD", "s3cret-of-the-user")
    monkeypatch.setenv("ZENVOICES_ORGANISATION_CODE", "acme")
    row = {**ROW, "checkpoint_url_variable": "EXPORTS_DATABASE"}
    del row["checkpoint_file"]
    with pytest.raises(ServiceError) as caught, ConnectionConfig.from_dict(row).open() as opened:
        opened.status()
    assert CANARY not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("kind", [ClientCredentials, UserLogin])
def test_an_environment_that_is_refused_is_in_no_frame(kind: Any) -> None:
    """What is missing is named; what is there, or was taken from it, is not shown."""
    secret = "BANQUP_CLIENT_SECRET" if kind is ClientCredentials else "ZENVOICES_PASSWORD"
    rest = {
        "BANQUP_CLIENT_ID": "\n",
        "ZENVOICES_USER": " ",
        "ZENVOICES_ORGANISATION_CODE": "acme",
    }
    for environ in ({secret: CANARY}, {secret: CANARY, **rest}):
        with pytest.raises(ConfigurationError) as caught:
            kind.from_env(environ)
        assert CANARY not in shown(caught.value)


def test_a_secret_with_half_a_character_signs_nothing() -> None:
    """What no encoding takes is a wrong secret, not an error that shows it."""
    assert not verify_signature(b"{}", "sha256=00", f"{CANARY}\ud800")


@pytest.mark.parametrize(
    "password",
    [
        'pa"ss\\word-9931',
        "geheim wacht9931",
        "wáchtwoord-ü9931",
        "p+w/9931 ?",
        "p&a<s+w9931",
    ],
)
def test_a_password_that_the_service_repeats_in_any_writing_is_not_shown(password: str) -> None:
    """As it is, in JSON with or without escapes, in a form: none of them is in the error."""

    def echo(request: httpx.Request) -> httpx.Response:
        body = request.content.decode()
        said = (
            f"{body} {json.dumps(password, ensure_ascii=False)} {password} {quote_plus(password)}"
        )
        refusal = {"__abp": True, "success": False, "error": {"message": said, "details": body}}
        return httpx.Response(500, json=refusal)

    client = ZenvoicesClient(
        UserLogin("me", password, organisation_code="acme"), transport=httpx.MockTransport(echo)
    )
    with pytest.raises(ServiceError) as caught:
        list(client.companies.list())
    assert "9931" not in str(caught.value)
    client.close()


def test_a_database_url_is_no_name_of_a_variable() -> None:
    """A password in the wrong setting is refused without being shown."""
    with pytest.raises(ConfigurationError, match="checkpoint_url_variable") as caught:
        ConnectionConfig(
            space_id="s1",
            company_code="1",
            environment=Environment.UAT_EU,
            zenvoices_url="https://app.zenvoices.com",
            checkpoint_url_variable="postgresql://u:hunter-9931@db/exports",
        )
    assert "9931" not in str(caught.value)
