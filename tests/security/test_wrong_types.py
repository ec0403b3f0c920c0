"""Secrets of a wrong type, and environments that are refused, stay out of every frame."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from _client_kit._errors import ConfigurationError
from banqup_client import ClientCredentials
from zenvoices_client import UserLogin, verify_signature

CANARY = "kanarie-9f31"


def shown(error: BaseException) -> str:
    """The error, and the local variables of every frame of ours in its traceback."""
    told = [str(error)]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "tests" not in Path(frame.f_code.co_filename).parts:
            told += map(repr, frame.f_locals.values())
    assert len(told) > 1
    return "".join(told)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ClientCredentials("app", CANARY.encode()),  # type: ignore[arg-type]
        lambda: ClientCredentials("app", [CANARY]),  # type: ignore[arg-type]
        lambda: UserLogin("me", CANARY.encode(), organisation_code="acme"),  # type: ignore[arg-type]
        lambda: verify_signature(CANARY, "sha256=00", CANARY),  # type: ignore[arg-type]
        lambda: verify_signature(b"{}", 3, CANARY),  # type: ignore[arg-type]
        lambda: verify_signature(b"{}", "sha256=00", CANARY.encode()),  # type: ignore[arg-type]
    ],
)
def test_a_secret_of_a_wrong_type_is_in_no_frame(call: Callable[[], Any]) -> None:
    """A TypeError that names the type, with nothing of the value in any frame of ours."""
    with pytest.raises(TypeError) as caught:
        call()
    assert CANARY not in shown(caught.value)


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
