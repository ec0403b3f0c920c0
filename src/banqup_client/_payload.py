"""Check the outermost structure of an answer, and format times for the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from _client_kit._arguments import argument_error
from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._json import is_list, is_object
from _client_kit._response import ApiResponse
from _client_kit._status import CONTRACT_HINT
from _client_kit._text import Text

__all__ = ["object_in", "rows_in", "to_wire_time", "unexpected"]


def object_in(payload: Any, operation: Operation, answer: ApiResponse) -> dict[str, Any]:
    """Return the payload, if it is a JSON object.

    Raises:
        ProtocolError: The payload is not a JSON object.
    """
    if not is_object(payload):
        raise unexpected(operation, answer, Text("an_object", "an object"))
    return payload


def rows_in(payload: Any, member: str, operation: Operation, answer: ApiResponse) -> list[Any]:
    """Return the list in a member of the payload.

    Raises:
        ProtocolError: The payload has no such list.
    """
    rows = object_in(payload, operation, answer).get(member)
    if not is_list(rows):
        expected = Text("object_with_list", "an object with a list {0!r}", member)
        raise unexpected(operation, answer, expected)
    return rows


def unexpected(operation: Operation, answer: ApiResponse, expected: Text) -> ProtocolError:
    """Return the error for an answer with an unexpected structure."""
    return ProtocolError(
        Text("unexpected_shape", "{0}: expected {1}", operation.label, expected),
        service="banqup",
        status=answer.status,
        request_id=answer.request_id,
        hint=CONTRACT_HINT,
        answered_at=answer.date,
        operation=operation.name,
    )


def to_wire_time(value: datetime | None, name: str) -> str | None:
    """Return an aware datetime as text for the wire: UTC, with milliseconds and ``Z``.

    Raises:
        ConfigurationError: The datetime has no time zone.
    """
    if value is None:
        return None
    if not isinstance(value, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise argument_error(name, "a datetime with a time zone", value, service="banqup")
    if value.tzinfo is None:
        message = f"{name} must be an aware datetime, with a time zone"
        raise ConfigurationError(message, service="banqup")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
