"""Parse times in the formats that services send."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["parse_time"]


def parse_time(text: str) -> datetime:
    """Return a datetime in UTC from ISO 8601 or an HTTP date; a time without zone is in UTC.

    Raises:
        ValueError: The text is neither.
    """
    text = text.strip()
    try:
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = parsedate_to_datetime(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    # For malformed text the standard library also raises errors other than ValueError.
    except (ValueError, TypeError, IndexError, OverflowError):
        message = "neither an ISO 8601 nor an HTTP date"
        raise ValueError(message) from None
