"""Calls that this library does not model: checking what is asked for, reading what comes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import attrs

from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError, ProtocolError
from _client_kit._json import is_object
from _client_kit._models import decode
from _client_kit._response import ApiResponse

__all__ = ["operation_of", "read_model"]

T = TypeVar("T")

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What may stand in a path (RFC 3986, 3.3), but for ".", ".." and empty segments.
_PATH = re.compile(r"(?:/(?!(?:\.|%2[eE]){1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?")


def operation_of(
    method: str,
    path: str,
    query: Iterable[str],
    *,
    service: str,
    safe: bool | None,
    model: type[Any] | None,
) -> Operation:
    """An operation for a call that is in no contract.

    Raises:
        ConfigurationError: Method, path or model cannot be used.
    """
    method = method.upper()
    problem = None
    if method not in _METHODS:
        problem = f"method must be one of {', '.join(_METHODS)}"
    elif not _PATH.fullmatch(path):
        problem = "path must be a plain path such as '/a/b', without host, query, '.' or '..'"
    elif model is not None and not attrs.has(model):
        problem = "model must be an attrs class"
    if problem is not None:
        message = f"request: {problem}"
        raise ConfigurationError(message, service=service)
    return Operation(
        name=f"{method} {path[:200]}",
        method=method,
        path=path,
        query={name: name for name in query},
        sends=(),
        reads=(),
        evidence="assumed",
        source="the caller",
        safe=method == "GET" if safe is None else safe,
        may_be_empty=True,
    )


def read_model(
    model: type[T], payload: object, operation: Operation, answer: ApiResponse, *, service: str
) -> T:
    """The payload as an instance of the caller's class.

    Raises:
        ProtocolError: It is no JSON object, or the class asks for what is not there.
    """
    try:
        if is_object(payload):
            return decode(model, payload)
    except (TypeError, ValueError):
        problem = f"the answer does not make a {model.__name__}"
    else:
        problem = "expected an object"
    raise ProtocolError(
        f"{operation.name}: {problem}",
        service=service,
        status=answer.status,
        request_id=answer.request_id,
        answered_at=answer.date,
    )
