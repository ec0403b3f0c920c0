"""One HTTP request, and the error for each way in which sending it can fail."""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

import httpx

from _client_kit._contract import Operation
from _client_kit._errors import (
    OutcomeUnknownError,
    ProtocolError,
    ServiceError,
    UnavailableError,
    UnreachableError,
)
from _client_kit._response import Token

__all__ = ["BROKEN", "PreparedRequest", "TooLargeError", "transport_failure"]

_Pieces = Iterable[bytes] | AsyncIterable[bytes]

# httpx raises these before a byte of the request can have reached the service.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
_CHECK_NETWORK = "Check the network, the proxy settings and the address of the service."
_CHECK_TLS = (
    "Where a proxy or the service uses certificates of its own, pass an ssl_context= that "
    "trusts them."
)


class TooLargeError(Exception):
    """A response's body exceeds the limit; the argument is the limit in bytes."""


BROKEN = (httpx.HTTPError, httpx.StreamError, OSError, zlib.error, TooLargeError)
"""The exceptions that :func:`transport_failure` translates."""


class PreparedRequest:
    """A request that can be built any number of times, for retries.

    Its ``repr`` shows no content: a login's body is a password, and error trackers show locals.
    """

    __slots__ = ("_check", "_content", "_headers", "_method", "_url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: httpx.Headers,
        content: bytes | _Pieces | None,
        check: Callable[[], object] | None = None,
    ) -> None:
        self._method = method
        self._url = url
        self._headers = headers
        self._content = content
        self._check = check

    def check(self) -> None:
        """Ask whether the request may still be sent; a streamed body asks before each piece."""
        if self._check is not None:
            self._check()

    @property
    def streamed(self) -> Any:
        """The body if it is sent piece by piece, else None."""
        return None if isinstance(self._content, bytes) else self._content

    def build(
        self, token: Token | None, timeout: float, streamed: _Pieces | None = None
    ) -> httpx.Request:
        """Return a new httpx request, with ``streamed`` as its body if it is given.

        The client must not build it: an injected client would add its default headers, query
        parameters and cookies. No local variable of a caller holds the token as a plain string.
        """
        headers = httpx.Headers(self._headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token.value.reveal()}"
        seconds = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        return httpx.Request(
            self._method,
            self._url,
            headers=headers,
            content=self._content if streamed is None else streamed,
            extensions={"timeout": seconds},
        )


def transport_failure(
    error: Exception, operation: Operation, *, service: str, origin: str, in_time: bool
) -> ServiceError:
    """Return our error for an exception of :data:`BROKEN`.

    Args:
        error: The exception.
        operation: The operation that was called.
        service: The service's name for the error.
        origin: Scheme, host and port that the request was sent to.
        in_time: Whether the deadline leaves time for another try.
    """
    if isinstance(error, _NOT_SENT):
        return _not_sent(error, operation, service, origin)
    if isinstance(error, TooLargeError):
        message = f"{operation.name}: the answer is larger than {error.args[0]} bytes"
        return ProtocolError(message, service=service)
    if isinstance(error, zlib.error):
        message = f"{operation.name}: the answer's compression is damaged"
        return ProtocolError(message, service=service)
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        what = "the service took too long"
    else:
        what = f"the connection broke ({_reason(error)})"
    # Reading has no effect that could be in doubt.
    kind = UnavailableError if operation.safe else OutcomeUnknownError
    return kind(f"{operation.name}: {what}", service=service, retryable=in_time)


def _not_sent(
    error: Exception, operation: Operation, service: str, origin: str
) -> UnreachableError:
    reason = "timed out" if isinstance(error, httpx.TimeoutException) else _reason(error)
    untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
    return UnreachableError(
        f"{operation.name}: no connection to {origin} ({reason})",
        service=service,
        retryable=False if untrusted else None,
        hint=_CHECK_TLS if untrusted else _CHECK_NETWORK,
    )


def _causes(error: BaseException) -> Iterable[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _reason(error: BaseException) -> str:
    """What went wrong below HTTP, without addresses or anything that was sent."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS certificate not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "TLS failed"
        if isinstance(cause, socket.gaierror):
            return "its name could not be resolved"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)  # not its own text: who raised it may be a stranger
    return type(error).__name__
