"""Base URLs of Banqup's environments, and the check of a space's id."""

from __future__ import annotations

from enum import Enum

from _client_kit._address import check_id
from _client_kit._arguments import check_instance
from _client_kit._errors import ConfigurationError
from _client_kit._text import Text


class Environment(Enum):
    """Banqup's environments; each value is the base URL of an environment's API."""

    UAT_EU = "https://api.uat.btx.eu.banqup.com"
    """Acceptance tests, all regions except France. The URL is published."""
    UAT_FR = "https://api.uat.btx.fr.banqup.com"
    """Acceptance tests, France. The URL is published."""
    CVE = "https://api.cve.btx.eu.banqup.com"
    """The self-service sandbox. The URL was observed."""
    PRODUCTION_EU = "https://api.btx.eu.banqup.com"
    """Production, all regions except France. The URL is assumed: that of UAT without ``uat``."""
    PRODUCTION_FR = "https://api.btx.fr.banqup.com"
    """Production, France. The URL is assumed: that of UAT without ``uat``."""

    @classmethod
    def _missing_(cls, value: object) -> Environment | None:
        """Return the member with this name, so that ``Environment("UAT_EU")`` works too."""
        return cls.__members__.get(str(value))


def address_of(environment: Environment | None, base_url: str | None) -> str:
    """Return the base URL of an environment, or ``base_url`` if that is given instead.

    Raises:
        ConfigurationError: Both or neither are given, or the environment is not an Environment.
    """
    if environment is not None:
        known = ", ".join(f"Environment.{name}" for name in Environment.__members__)
        hint = f"Known are: {known}. An address of your own is given as base_url=."
        check_instance(environment, Environment, "environment", service="banqup", hint=hint)
    if environment is not None and base_url is None:
        return environment.value
    if environment is None and base_url is not None:
        return base_url
    message = "give either an environment, such as Environment.UAT_EU, or base_url="
    raise ConfigurationError(message, service="banqup")


def check_space_id(given: object, name: str, *, service: str) -> str:
    """Return the id of a space as text.

    Raises:
        ConfigurationError: The id is not usable. If it is a text, the error's hint says where to
            find the ids.
    """
    try:
        return check_id(given, name, service=service)
    except ConfigurationError as error:
        if isinstance(given, str):
            error.hint = Text(
                "hint_space_id",
                "Give the id of the space, such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, and not "
                "its name or its address: banqup-zenvoices pairs lists the ids (in Python: "
                "spaces.list()).",
            )
        raise
