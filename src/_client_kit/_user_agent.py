"""The User-Agent header."""

from __future__ import annotations

from functools import cache

from _client_kit._address import check_header_text

__all__ = ["user_agent_of"]


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("banqup-zenvoices")
    except PackageNotFoundError:
        return "unknown"


def user_agent_of(application: str | None, *, service: str) -> str:
    """Our name and version, after the application's own part where it gave one.

    Raises:
        ConfigurationError: The application's part cannot stand in a header.
    """
    ours = f"banqup-zenvoices/{_version()}"
    if not application:
        return ours
    return f"{check_header_text(application, 'user_agent', service=service)} {ours}"
