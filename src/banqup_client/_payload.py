"""Checking the outermost shape of an answer, and writing times for the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._json import is_list, is_object
from _client_kit._response import ApiResponse
from _client_kit._status import CONTRACT_HINT
from _client_kit._text import Text

__all__ = ["object_in", "rows_in", "to_wire_time", "unexpected"]


def object_in(payload: Any, operation: Operation, answer: ApiResponse) -> dict[str, Any]:
    """The payload as a JSON object.

    Raises:
        ProtocolError: It is none.
    """
    if not is_object(payload):
        raise unexpected(operation, answer, Text("an_object", "an object"))
    return payload


def rows_in(payload: Any, member: str, operation: Operation, answer: ApiResponse) -> list[Any]:
    """The list a payload holds under a name.

    Raises:
        ProtocolError: It holds none.
    """
    rows = object_in(payload, operation, answer).get(member)
    if not is_list(rows):
        expected = Text("object_with_list", "an object with a list {0!r}", member)
        raise unexpected(operation, answer, expected)
    return rows


def unexpected(operation: Operation, answer: ApiResponse, expected: Text) -> ProtocolError:
    """The error for an answer of another shape."""
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
    """An aware datetime as the wire has it: UTC, milliseconds, ``Z``.

    Raises:
        ConfigurationError: It has no time zone.
    """
    if value is None:
        return None
    if value.tzinfo is None:
        message = f"{name} must be an aware datetime, with a time zone"
        raise ConfigurationError(message, service="banqup")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
