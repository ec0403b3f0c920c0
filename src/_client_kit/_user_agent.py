"""The User-Agent header."""

from __future__ import annotations

from _client_kit._address import check_header_text
from _client_kit._version import __version__


def user_agent_of(application: str | None, *, service: str) -> str:
    """Return our name and version, after the application's own part if there is one.

    Raises:
        ConfigurationError: The application's part cannot stand in a header.
    """
    ours = f"banqup-zenvoices/{__version__}"
    if not application:
        return ours
    return f"{check_header_text(application, 'user_agent', service=service)} {ours}"
