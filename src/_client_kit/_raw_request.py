"""Check a user's calls, made with ``Call(...)``, before they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from attrs import evolve

from _client_kit._address import API_PATH, check_header_text
from _client_kit._contract import Operation, query_text
from _client_kit._errors import ConfigurationError
from _client_kit._operations import Call

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    ("accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host")
) | {"proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}


def operation_of(call: Call, within: Operation, *, service: str, origin: str) -> Operation:
    """Return the operation for a call that a user has written.

    Args:
        call: The call that the user has written.
        within: The operation that the call is part of. If this operation has a name, errors use it.
        service: Name of the service, to put into the error.
        origin: Scheme, host and port of the API; a URL that starts with them is allowed.

    Raises:
        ConfigurationError: Method or path cannot be used, or the call has both ``json`` and
            ``content``.
    """
    method, path = str(call.method).upper(), str(call.path)
    if path.startswith(f"{origin}/"):
        path = path.removeprefix(origin)
    problem = None
    if method not in _METHODS:
        problem = f"method must be one of {', '.join(_METHODS)}"
    elif not API_PATH.fullmatch(path):
        problem = (
            "path must be of this API, such as '/a/b', without '.' or '..'; quote() an id in it"
        )
    elif call.json is not None and call.content is not None:
        problem = "give json= or content=, not both"
    if problem is not None:
        message = f"Call: {problem}"
        raise ConfigurationError(message, service=service)
    safe = method == "GET" if call.safe is None else call.safe
    return evolve(
        within,
        name=within.name or f"{method} {path.partition('?')[0][:200]}",
        method=method,
        path=path,
        query={},
        rename={},
        safe=within.safe or safe is True,
        may_be_empty=True,
    )


def url_of(call: Call, operation: Operation, base_url: str, origin: str) -> str:
    """Return the whole URL of a call that :func:`operation_of` has checked."""
    absolute = not str(call.path).startswith("/")
    url = (origin if absolute else base_url) + operation.path
    pairs = [
        (str(name), query_text(one))
        for name, value in call.query.items()
        if value is not None
        for one in (cast("Iterable[Any]", value) if isinstance(value, (list, tuple)) else (value,))
    ]
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs, quote_via=quote)}"


def check_headers(headers: Mapping[str, str], *, service: str) -> None:
    """Check a user's header fields.

    Raises:
        ConfigurationError: A field is invalid, or only the client may set it.
    """
    for name, value in headers.items():
        if not _FIELD.fullmatch(name) or name.lower() in _OURS:
            message = f"Call: the header {str(name)[:80]!r} cannot be set"
            raise ConfigurationError(message, service=service)
        check_header_text(value, f"Call: the header {name}", service=service)
