"""Where Banqup answers."""

from __future__ import annotations

from enum import Enum

__all__ = ["Environment"]


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
