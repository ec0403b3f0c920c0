"""One HTTP request, and the error for each way in which sending it can fail."""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterable, Iterable, Mapping

import httpx
from attrs import frozen

from _client_kit._contract import Operation
from _client_kit._errors import (
    OutcomeUnknownError,
    ProtocolError,
    ServiceError,
    UnavailableError,
    UnreachableError,
)
from _client_kit._text import Text
from _client_kit._tls import proxy_variable

# httpx raises these exceptions before a byte of the request can have reached the service.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
_CHECK_TLS = Text(
    "hint_tls",
    "Check this machine's clock. Where a proxy or the service uses certificates of its own, name "
    "the file of their authority in SSL_CERT_FILE, or pass an ssl_context= that trusts them.",
)


class TooLargeError(Exception):
    """A response's body exceeds the limit; the argument is the limit in bytes."""


class TargetError(Exception):
    """An answer cannot be written to its file.

    A plain OSError would count as a broken connection instead.
    """

    def __init__(self, cause: OSError) -> None:
        self.cause = cause


BROKEN = (httpx.HTTPError, httpx.StreamError, OSError, zlib.error, TooLargeError)
"""The exceptions that :func:`transport_failure` translates."""


@frozen(eq=False, repr=False)
class PreparedRequest:
    """A request without its token, which can be sent any number of times, for retries.

    Its ``repr`` shows no content: error trackers show local variables by their ``repr``, and the
    body of a login holds a password.
    """

    operation: Operation
    url: str
    headers: Mapping[str, str]
    content: bytes | Iterable[bytes] | AsyncIterable[bytes] | None = None


def transport_failure(
    error: Exception,
    operation: Operation,
    *,
    service: str,
    origin: str,
    in_time: bool,
    proxied: bool,
) -> ServiceError:
    """Return our error for an exception of :data:`BROKEN`.

    Args:
        error: One of the exceptions in :data:`BROKEN`.
        operation: The operation that was called.
        service: Name of the service, to put into the error.
        origin: Scheme, host and port that the request was sent to.
        in_time: Whether the deadline leaves time for another try.
        proxied: Whether the request may have used a proxy of the environment.
    """
    call = operation.name
    if isinstance(error, _NOT_SENT):
        return _not_sent(error, call, service, origin, proxy_variable(origin) if proxied else None)
    if isinstance(error, TooLargeError):
        most: int = error.args[0]
        message = Text("answer_too_large", "{0}: the answer is larger than {1} bytes", call, most)
        return ProtocolError(message, service=service)
    if isinstance(error, zlib.error):
        message = Text("bad_compression", "{0}: the answer's compression is damaged", call)
        return ProtocolError(message, service=service)
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        message = Text("too_slow", "{0}: the service took too long", call)
    else:
        reason = _reason(error)
        message = Text("connection_broke", "{0}: the connection broke ({1})", call, reason)
    # A read changes nothing, so "outcome unknown" would be wrong for it.
    kind = UnavailableError if operation.safe else OutcomeUnknownError
    return kind(message, service=service, retryable=in_time)


def _not_sent(
    error: Exception, call: str, service: str, origin: str, proxy: str | None
) -> UnreachableError:
    reason = _reason(error)
    message = Text("unreachable", "{0}: no connection to {1} ({2})", call, origin, reason)
    hint = Text(
        "hint_network",
        "{0} could not be reached. Check the network, the proxy settings and the address, and try "
        "again later.",
        service.capitalize(),
    )
    untrusted = reason.code == "tls_untrusted"
    if untrusted:
        hint = _CHECK_TLS
    elif proxy is not None:
        message = Text(
            "proxy",
            "{0}: no connection to {1} through the proxy that {2} names ({3})",
            *(call, origin, proxy, reason),
        )
        hint = Text(
            "hint_proxy",
            "A proxy is in use because the environment variable {0} is set: check that its address "
            "and login are right (http://user:password@host:port) and the proxy runs, or name {1} "
            "in NO_PROXY.",
            *(proxy, origin.partition("://")[2]),
        )
    return UnreachableError(
        message, service=service, retryable=False if untrusted else None, hint=hint
    )


def _reason(error: BaseException) -> Text:
    """Return the reason for a broken connection, as text without addresses and sent data."""
    # The status of a proxy's answer is no attribute of the error; the error's text begins with it.
    if isinstance(error, httpx.ProxyError) and (status := str(error)[:3]).isdecimal():
        return Text("proxy_status", "the proxy answered {0}", status)
    if isinstance(error, httpx.TimeoutException):
        return Text("timed_out", "timed out")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message
            return Text("tls_untrusted", "TLS certificate not accepted: {0}", why)
        if isinstance(cause, ssl.SSLError):
            return Text("tls_failed", "TLS failed")
        if isinstance(cause, socket.gaierror):
            return Text("no_such_name", "its name could not be resolved")
        if isinstance(cause, OSError) and cause.errno:
            # str(cause) may hold an address.
            return Text("said", "{0}", os.strerror(cause.errno))
        cause = cause.__cause__ or cause.__context__
    return Text("said", "{0}", type(error).__name__)
