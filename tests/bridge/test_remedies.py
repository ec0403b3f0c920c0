"""Remedies: one for each failure, in both languages, naming the screen and the setting."""

from __future__ import annotations

import pytest

from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    ServiceError,
    StoreError,
    UnavailableError,
)
from bridge._reports.remedies import CHECKS, REMEDIES, cause_of, remedy, title
from bridge._reports.verification import verification_of

SCREENS = {
    "API > Inbox access": "API > Accès à la boîte de réception",
    "API > Companies > List access": "API > Entreprises > Accès à la liste",
    "Manage > Organisation > Users": "Gérer > Organisation > Utilisateurs",
    "Manage > Organisation > Companies": "Gérer > Organisation > Entreprises",
    "Company code": "Code entreprise",
    "organisation code": "Code organisation",
    "Settings > External applications": "Paramètres > Applications externes",
}
"""What the screens say in English, and what the same screens say in French."""


@pytest.mark.parametrize("cause", sorted(REMEDIES))
def test_each_remedy_names_the_same_screens_in_both_languages(cause: str) -> None:
    """A screen or setting that the English text names is in the French one, and the reverse."""
    english = " ".join(remedy(cause, "en").split())
    french = remedy(cause, "fr")
    assert english != french
    for screen, ecran in SCREENS.items():
        assert (screen in english) == (ecran in french), screen


@pytest.mark.parametrize("screen", sorted(SCREENS))
def test_each_screen_is_named_by_some_remedy(screen: str) -> None:
    """None of the product's screens that matter is left out."""
    assert any(screen in text.en for text in REMEDIES.values())


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_has_a_title_and_a_remedy(check: str) -> None:
    """In both languages, and not the same text twice."""
    assert title(check, "en") != title(check, "fr")
    assert remedy(check, "en")
    assert remedy(check, "fr")


@pytest.mark.parametrize(
    ("check", "error", "fails", "screen"),
    [
        (
            "banqup login",
            CredentialsError("x", service="banqup"),
            "banqup login",
            "developer portal",
        ),
        (
            "banqup space",
            NotFoundError("x", service="banqup"),
            "banqup space",
            "Settings > External applications",
        ),
        (
            "banqup documents",
            PermissionDeniedError("x", status=403, service="banqup"),
            "banqup documents",
            "Settings > External applications",
        ),
        (
            "zenvoices companies",
            CredentialsError("x", service="zenvoices"),
            "zenvoices login",
            "Manage > Organisation > Users",
        ),
        (
            "zenvoices companies",
            CredentialsError("x", service="zenvoices", code="two_factor"),
            "zenvoices login",
            "two factors",
        ),
        (
            "zenvoices companies",
            PermissionDeniedError("x", status=403, service="zenvoices"),
            "zenvoices companies",
            "API > Companies > List access",
        ),
        (
            "company code",
            ConfigurationError("no company has it", service="zenvoices"),
            "company code",
            "Manage > Organisation > Companies",
        ),
        (
            "company code",
            PermissionDeniedError("x", status=403, service="zenvoices"),
            "zenvoices companies",
            "API > Companies > List access",
        ),
        (
            "zenvoices inbox",
            PermissionDeniedError("x", status=403, service="zenvoices"),
            "zenvoices inbox",
            "API > Inbox access",
        ),
        (
            "zenvoices inbox",
            PermissionDeniedError("x", status=403, service="zenvoices", code="foreign"),
            "zenvoices inbox",
            "firewall",
        ),
        (
            "company code",
            ConfigurationError("x", service="zenvoices", code="company_moved"),
            "company code",
            "renumbered",
        ),
        (
            "zenvoices inbox",
            UnavailableError("x", service="zenvoices"),
            "zenvoices inbox",
            "network",
        ),
        ("banqup login", OutcomeUnknownError("x", service="banqup"), "banqup login", "network"),
        ("banqup login", RateLimitedError("x", service="banqup"), "banqup login", "network"),
        (
            "zenvoices inbox",
            ProtocolError("x", service="zenvoices"),
            "zenvoices inbox",
            "contract=",
        ),
        (
            "zenvoices inbox",
            ConfigurationError("no such route", status=404, service="zenvoices"),
            "zenvoices inbox",
            "contract=",
        ),
        ("checkpoints", StoreError("x", service="bridge"), "checkpoints", "store"),
    ],
)
def test_each_failure_fails_the_right_check(
    check: str, error: ServiceError, fails: str, screen: str
) -> None:
    """Its remedy names the setting, the error carries it as its hint, the others are not failed."""
    made = verification_of({check: error}, "en")
    assert [found.name for found in made.failed] == [fails]
    assert screen in made.failed[0].remedy
    assert made.failed[0].cause == cause_of(check, error)[1]
    assert made.error is not None
    assert made.error.hint == made.failed[0].remedy
    with pytest.raises(type(error)):
        made.raise_for_failure()


def test_a_verification_in_french_can_be_shown_in_english() -> None:
    """Titles and remedies follow the language that is asked for; what a service said stays."""
    error = PermissionDeniedError("Nee", service="zenvoices", status=403)
    made = verification_of({"zenvoices inbox": error}, "fr")
    assert "Accès à la boîte de réception" in str(made)
    english = " ".join(made.to_text(lang="en").split())
    assert "Give the user the right API > Inbox access" in english
    assert "Nee" in english
    assert made.to_text(lang="en") == verification_of({"zenvoices inbox": error}, "en").to_text()
