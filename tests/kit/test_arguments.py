"""Credentials and words as users give them."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from _client_kit._arguments import ServiceWord, check_word
from _client_kit._errors import ConfigurationError
from banqup_client import ClientCredentials
from bridge._reports.texts import translate
from zenvoices_client import UserLogin

CANARY = "canary-7d1f"


def _app_id(text: Any) -> object:
    return ClientCredentials(text, "secret")


def _app_secret(text: Any) -> object:
    return ClientCredentials("app", text)


def _scope(text: Any) -> object:
    return ClientCredentials("app", "secret", text)


def _user(text: Any) -> object:
    return UserLogin(text, "password", organisation_code="acme")


def _password(text: Any) -> object:
    return UserLogin("user", text, organisation_code="acme")


def _organisation(text: Any) -> object:
    return UserLogin("user", "password", organisation_code=text)


PLACES = [_app_id, _app_secret, _scope, _user, _password, _organisation]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{CANARY}\n", "begin or end with a blank or a line break"),
        (f"{CANARY}\r\n", "begin or end with a blank or a line break"),
        (f"{CANARY}\nX-Evil: 1", r"invisible character .*\(U\+000A\)"),
        (f"\ufeff{CANARY}", r"byte order mark \(U\+FEFF ZERO WIDTH NO-BREAK SPACE\)"),
        (f"{CANARY}\u200b", r"invisible character .*\(U\+200B ZERO WIDTH SPACE\)"),
        (f"canary\xad{CANARY}", "invisible character"),
        (f"canary\xa0{CANARY}", "invisible character"),
        (f"{CANARY}\0", "invisible character"),
        (f"{CANARY}\ud800", r"invisible character .*\(U\+D800\)"),
        (f" {CANARY}", "begin or end with a blank"),
        (f"{CANARY}\t", "begin or end with a blank"),
        (f"\xa0{CANARY}", "begin or end with a blank"),
        (f'"{CANARY}"', "without the quotes around"),
        (f"'{CANARY}'", "without the quotes around"),
        (f"\u201c{CANARY}\u201d", "without the quotes around"),
        ('""', "without the quotes around"),
        ("", r"must not be empty$"),
        ("  ", r"must not be empty$"),
        (CANARY.encode(), "must be a text, not bytes"),
        (42, "must be a text, not int"),
    ],
)
def test_credential_changed_on_its_way(place: Any, text: Any, reason: str) -> None:
    """Both services' credentials are refused alike, before one try of five is spent on them."""
    with pytest.raises(ConfigurationError, match=reason) as caught:
        place(text)
    assert CANARY not in str(caught.value)
    for frame, _ in traceback.walk_tb(caught.value.__traceback__):
        ours = "/src/" in frame.f_code.co_filename
        assert not ours or CANARY not in repr(frame.f_locals)


@pytest.mark.parametrize(
    ("text", "french", "dutch"),
    [
        ("", "vide", "leeg"),
        ("secret ", "blanc", "spatie"),
        ("sec\u200bret", "U+200B ZERO WIDTH SPACE", "U+200B ZERO WIDTH SPACE"),
        ("'secret'", "guillemets", "aanhalingstekens"),
        (42, "pas int", "geen int"),
    ],
)
def test_mistake_in_a_credential_is_named_in_each_language(
    text: Any, french: str, dutch: str
) -> None:
    """One code for all; the mistake itself is translated too."""
    with pytest.raises(ConfigurationError) as caught:
        _app_secret(text)
    assert caught.value.code == "bad_credential"
    assert french in translate(caught.value.message, "fr")
    assert dutch in translate(caught.value.message, "nl")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", ["it's", '"', 'a"b"', "two words", "émile-1984", "`a'", "a\u0301"])
def test_credential_that_is_only_unusual(place: Any, text: str) -> None:
    """Quotes, blanks and letters inside are a matter of taste."""
    place(text)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("purchases", "Did you mean 'PURCHASES'?"),
        ("SALLES", "Did you mean 'SALES'?"),
        ("xyz", "Known are: SALES, PURCHASES."),
        ("", "Known are: SALES, PURCHASES."),
    ],
)
def test_word_that_is_not_known(word: str, hint: str) -> None:
    """The hint names the nearest word, or all there are."""
    with pytest.raises(ConfigurationError) as caught:
        check_word(word, ("SALES", "PURCHASES"), "folder", service="banqup")
    assert caught.value.hint == hint


def test_word_of_a_service_passes() -> None:
    """The service may know a word that this library does not know."""
    check_word(ServiceWord("xx"), ("SALES",), "folder", service="banqup")
