"""Parse times in the formats that services send, and format them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from _client_kit._arguments import argument_error
from _client_kit._text import Text


def parse_time(text: str) -> datetime:
    """Return a datetime in UTC from ISO 8601 or an HTTP date; a text without a zone is UTC.

    Raises:
        ValueError: The text has neither format.
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


def to_wire_time(value: object, name: str, *, service: str) -> str | None:
    """Return an aware datetime as text for the wire: UTC, with milliseconds and ``Z``.

    None stays None. ``name`` is the argument's name, for the error.

    Raises:
        ConfigurationError: The value is not a datetime, or has no time zone.
    """
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise argument_error(name, "a datetime with a time zone", value, service=service)
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_time(when: datetime) -> Text:
    """Return a time as this machine's local time, and in UTC too if the two differ."""
    return Text.made(shown_time(when, "%Y-%m-%d %H:%M"), "time", (when.isoformat(),))


def shown_time(when: datetime, form: str) -> str:
    """Return local time in a ``strftime`` format, followed by the UTC time if the two differ."""
    here, universal = when.astimezone(), when.astimezone(UTC)
    if here.utcoffset() == universal.utcoffset():
        return f"{universal:{form}} UTC"
    return f"{here:{form}} ({universal:%H:%M} UTC)"
