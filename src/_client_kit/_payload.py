"""Check the outermost structure of an answer."""

from __future__ import annotations

from typing import Any

from _client_kit._contract import Operation
from _client_kit._errors import ProtocolError
from _client_kit._json import is_list, is_object
from _client_kit._operations import USER_CODE
from _client_kit._response import ApiResponse
from _client_kit._status import CONTRACT_HINT, name_correction
from _client_kit._text import Text


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
    rows = payload.get(member) if is_object(payload) else None
    if not is_list(rows):
        expected = Text("object_with_list", "an object with a list {0!r}", member)
        raise unexpected(operation, answer, expected)
    return rows


def unexpected(operation: Operation, answer: ApiResponse, expected: Text) -> ProtocolError:
    """Return the error for an answer with an unexpected structure.

    If a user's function returned the payload, the error names the function and does not advise to
    correct the contract.
    """
    own = operation.function is not None
    error = ProtocolError(
        Text("unexpected_shape", "{0}: expected {1}", operation.label, expected),
        service=operation.service,
        hint=None if own else CONTRACT_HINT,
        operation=operation.name,
        code=USER_CODE if own else None,
        **answer.facts,
    )
    name_correction(error, operation)
    return error
