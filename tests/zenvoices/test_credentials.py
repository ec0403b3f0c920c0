"""The login object: what it takes, what it hides."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest

from support.zenvoices import login
from zenvoices_client import ConfigurationError, Secret, UserLogin

ENVIRONMENT = {
    "ZENVOICES_USER": "api-user",
    "ZENVOICES_PASSWORD": "canary-password",
    "ZENVOICES_ORGANISATION_CODE": "acme",
}


def test_login_is_built_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three variables make a login, from the process or from a mapping."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for made in (UserLogin.from_env(), UserLogin.from_env(ENVIRONMENT)):
        assert (made.user, made.organisation_code) == ("api-user", "acme")
        assert made.password.reveal() == "canary-password"


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_missing_variable_is_named(missing: str) -> None:
    """A variable that is not set, or empty, is named; no value is shown."""
    for environ in (
        {name: value for name, value in ENVIRONMENT.items() if name != missing},
        {**ENVIRONMENT, missing: ""},
    ):
        with pytest.raises(ConfigurationError, match=rf"not set: {missing}\.") as caught:
            UserLogin.from_env(environ)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", ""),
        ("user", "  "),
        ("user", None),
        ("user", 3),
        ("user", "a\ud800"),
        ("password", ""),
        ("password", "canary\ud800"),
        ("organisation_code", ""),
        ("organisation_code", 42),
    ],
)
def test_login_that_cannot_work_is_refused(field: str, value: object) -> None:
    """An empty or unsendable part fails where it is given, and is not shown."""
    parts: dict[str, object] = {"user": "u", "password": "p", "organisation_code": "o"}
    parts[field] = value
    with pytest.raises(ConfigurationError, match=field) as caught:
        UserLogin(**parts)  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


def test_login_hides_its_password() -> None:
    """No way of printing a login shows the password."""
    made = login("canary")
    shown = f"{made!r} {made} {attrs.asdict(made)} {made.password} {made.password!r}"
    assert "api-user" in shown
    assert "canary" not in shown
    assert login(Secret("x").reveal()).password == Secret("x")


def test_login_does_not_travel() -> None:
    """A login can be neither pickled nor copied: workers make their own."""
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="from_env"):
            copying(login())


def test_logins_are_compared_by_identity() -> None:
    """Two objects with the same values are two logins: a refusal of one is not the other's."""
    assert login() != login()
    assert len({login(), login()}) == 2
