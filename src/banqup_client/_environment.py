"""Where Banqup answers."""

from __future__ import annotations

from enum import Enum

from _client_kit._arguments import check_instance
from _client_kit._errors import ConfigurationError

__all__ = ["Environment", "address_of"]


class Environment(Enum):
    """Banqup's environments by their API address."""

    UAT_EU = "https://api.uat.btx.eu.banqup.com"
    """Acceptance tests, all regions but France (published)."""
    UAT_FR = "https://api.uat.btx.fr.banqup.com"
    """Acceptance tests, France (published)."""
    CVE = "https://api.cve.btx.eu.banqup.com"
    """The self-service sandbox (observed)."""
    PRODUCTION_EU = "https://api.btx.eu.banqup.com"
    """Production, all regions but France (assumed: the environment's label dropped)."""
    PRODUCTION_FR = "https://api.btx.fr.banqup.com"
    """Production, France (assumed: the environment's label dropped)."""


def address_of(environment: Environment | None, base_url: str | None) -> str:
    """The address to speak to, of an environment or given instead of one.

    Raises:
        ConfigurationError: Both are given, or neither, or the environment is none.
    """
    if environment is not None:
        known = f"Known are: {', '.join(Environment.__members__)}."
        check_instance(environment, Environment, "environment", service="banqup", hint=known)
    if environment is not None and base_url is None:
        return environment.value
    if environment is None and base_url is not None:
        return base_url
    message = "give either an environment, such as Environment.UAT_EU, or base_url="
    raise ConfigurationError(message, service="banqup")
