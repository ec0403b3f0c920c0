"""Credentials, environments and the contract: what is refused before anything is sent."""

from __future__ import annotations

import copy
import json
import pickle
from importlib.resources import files
from typing import Any

import attrs
import pytest

from _client_kit._contract import load_contract
from banqup_client import (
    AsyncBanqupClient,
    BanqupClient,
    ClientCredentials,
    ConfigurationError,
    Environment,
)
from support.banqup_service import SECRET, credentials, fake_banqup


def test_credentials_come_from_the_environment() -> None:
    """Two variables are needed, the scope is not."""
    environ = {"BANQUP_CLIENT_ID": "app", "BANQUP_CLIENT_SECRET": "s", "BANQUP_SCOPE": "a b"}
    app = ClientCredentials.from_env(environ)
    assert (app.client_id, app.client_secret.reveal(), app.scope) == ("app", "s", "a b")
    del environ["BANQUP_SCOPE"]
    assert ClientCredentials.from_env(environ).scope is None
    with pytest.raises(ConfigurationError, match="BANQUP_CLIENT_ID, BANQUP_CLIENT_SECRET"):
        ClientCredentials.from_env({})


@pytest.mark.parametrize("value", ["", " ", "secret\n", "a\x00b", "\ud800"])
def test_credentials_that_cannot_be_right_are_refused(value: str) -> None:
    """An empty text, or the line break of a file, is found before Banqup refuses it for good."""
    for arguments in ((value, "s"), ("app", value), ("app", "s", value)):
        with pytest.raises(ConfigurationError) as caught:
            ClientCredentials(*arguments)
        assert not value.strip() or repr(value) not in str(caught.value)


def test_an_environment_has_a_name() -> None:
    """A setting of an application holds a text."""
    assert Environment("PRODUCTION_EU") is Environment.PRODUCTION_EU
    with pytest.raises(ValueError, match="PRODUCTION"):
        Environment("PRODUCTION")


def test_an_environment_that_is_none_is_not_repeated() -> None:
    """A secret in its place is not shown; the names there are, are."""
    environment: Any = SECRET
    with pytest.raises(ConfigurationError, match=r"not str\..*UAT_EU, .*PRODUCTION_FR") as caught:
        BanqupClient(credentials(), environment)
    assert SECRET not in str(caught.value)


def test_credentials_show_no_secret_and_stay_in_their_process() -> None:
    """repr, asdict and comparison show a mask; pickling and copying are refused."""
    app = credentials()
    assert SECRET not in f"{app!r} {app} {attrs.asdict(app)} {attrs.astuple(app)}"
    assert app != credentials()
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="from_env"):
            attempt(app)


@pytest.mark.parametrize("kind", [BanqupClient, AsyncBanqupClient])
def test_a_client_shows_no_secret_and_stays_in_its_process(kind: Any) -> None:
    """Its repr names app and address."""
    client = kind(credentials(), Environment.UAT_EU, transport=fake_banqup().transport())
    assert repr(client) == (
        f"{kind.__name__}('demo-app', base_url='https://api.uat.btx.eu.banqup.com')"
    )
    assert (client.base_url, client.deadline) == (Environment.UAT_EU.value, 300.0)
    with pytest.raises(TypeError, match="from_env"):
        pickle.dumps(client)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"environment": Environment.CVE, "base_url": "https://a.example"},
        {"environment": "UAT_EU"},
        {"base_url": "http://api.example"},
        {"base_url": "https://user:pass@api.example"},
        {"base_url": "api.example"},
        {"base_url": "https://api.example?x=1"},
        {"environment": Environment.CVE, "timeout": 0},
        {"environment": Environment.CVE, "deadline": -1},
        {"environment": Environment.CVE, "user_agent": "a\r\nb"},
        {"environment": Environment.CVE, "storage_hosts": ["https://storage.example"]},
        {"environment": Environment.CVE, "storage_hosts": ["*.example"]},
        {"environment": Environment.CVE, "storage_hosts": ["127.0.0.1"]},
        {"environment": Environment.CVE, "storage_hosts": [""]},
        {"environment": Environment.CVE, "contract": {"documents.lst": {}}},
    ],
)
@pytest.mark.parametrize("kind", [BanqupClient, AsyncBanqupClient])
def test_settings_that_cannot_be_right_are_refused(kind: Any, arguments: dict[str, Any]) -> None:
    """Each is a ConfigurationError at once, not a failure in the middle of a run."""
    with pytest.raises(ConfigurationError):
        kind(credentials(), **arguments)


@pytest.mark.parametrize("kind", [BanqupClient, AsyncBanqupClient])
def test_credentials_must_be_credentials(kind: Any) -> None:
    """A client id alone is not enough, and the message says what is."""
    with pytest.raises(ConfigurationError, match="ClientCredentials, not str"):
        kind("app", Environment.CVE)


def test_a_typing_error_in_a_contract_is_named() -> None:
    """The nearest right key is offered."""
    with pytest.raises(ConfigurationError, match=r"documents\.list"):
        load_contract("banqup_client").patched({"documents.lst": {}})
    with pytest.raises(ConfigurationError, match=r"documents\[\]\.updatedAt"):
        load_contract("banqup_client").patched(
            {"documents.list": {"rename": {"documents[].updatedA": "x"}}}
        )


def test_every_fact_of_the_contract_has_its_evidence() -> None:
    """Each operation and property is published, observed or assumed, and says where from."""
    contract = load_contract("banqup_client")
    assert {name for name, known in contract.operations.items() if known.needed} == {
        "token.get",
        "spaces.list",
        "files.details",
        "files.download",
        "documents.list",
        "documents.get",
    }
    for operation in contract.operations.values():
        facts = [(operation.evidence, operation.source)]
        facts += [(item.evidence, item.source) for item in (*operation.sends, *operation.reads)]
        for evidence, source in facts:
            assert evidence in ("published", "observed", "assumed")
            assert source


def test_the_contract_file_has_no_unknown_key() -> None:
    """A key that nothing reads would be a fact that nothing follows."""
    raw = json.loads((files("banqup_client") / "contract.json").read_text(encoding="utf-8"))
    known = {"method", "path", "query", "sends", "reads", "evidence", "source", "needed", "note"}
    assert raw.keys() == {"service", "operations"}
    for operation in raw["operations"].values():
        assert operation.keys() <= known
        for group in ("sends", "reads"):
            for fact in operation.get(group, {}).values():
                assert fact.keys() in (set(), {"evidence", "source"})


def test_environments_have_the_reference_addresses() -> None:
    """The assumed ones are marked where a user reads them."""
    assert {environment.name: environment.value for environment in Environment} == {
        "UAT_EU": "https://api.uat.btx.eu.banqup.com",
        "UAT_FR": "https://api.uat.btx.fr.banqup.com",
        "CVE": "https://api.cve.btx.eu.banqup.com",
        "PRODUCTION_EU": "https://api.btx.eu.banqup.com",
        "PRODUCTION_FR": "https://api.btx.fr.banqup.com",
    }


def test_an_address_is_no_storage_host() -> None:
    """Only names are, beside an API on loopback too."""
    with pytest.raises(ConfigurationError, match="storage_hosts"):
        BanqupClient(
            ClientCredentials("app", "a-secret"),
            base_url="http://127.0.0.1:9",
            storage_hosts=["10.0.0.1"],
        )
