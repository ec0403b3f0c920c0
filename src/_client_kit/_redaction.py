"""Where a secret is masked: in a service's own words, in logs, and in what tracebacks lead to."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from traceback import clear_frames
from typing import Any, TypeVar, cast
from urllib.parse import quote, quote_plus

from _client_kit._errors import ServiceError
from _client_kit._secret import Secret

__all__ = ["OwnCall", "RedactSecrets", "hide_arguments", "redact", "sanitise", "without_traceback"]

MAX_SERVER_TEXT = 500
SHORTEST_SECRET = 4  # a shorter one would mask parts of ordinary words

_E = TypeVar("_E", bound=BaseException)
_F = TypeVar("_F", bound=Callable[..., Any])


# A service's own words


def sanitise(text: object, secrets: Iterable[Secret] = ()) -> str:
    """Return a service's words as one printable line of at most 500 characters, without secrets.

    Args:
        text: The words.
        secrets: The credentials of the request, which the service may have repeated.
    """
    shown = str(text)
    # Before the text is cut: the half of a secret would not be recognised. The longest spelling
    # first: a shorter one may be its beginning.
    spellings = set[str]().union(*map(_spellings, secrets))
    for spelling in sorted(spellings, key=len, reverse=True):
        shown = shown.replace(spelling, "***")
    shown = shown[: 4 * MAX_SERVER_TEXT]
    for pattern, masked in _ADDRESSES:
        shown = pattern.sub(masked, shown)
    if not shown.isprintable():  # control, direction and format characters, line breaks
        shown = "".join(char if char.isprintable() else "\n" for char in shown)
        shown = re.sub("\n+", " ", shown)
    shown = shown.strip()
    return shown if len(shown) <= MAX_SERVER_TEXT else shown[: MAX_SERVER_TEXT - 1] + "…"


def _spellings(secret: Secret) -> set[str]:
    """Return a secret as it is, URL-quoted, JSON-escaped and HTML-escaped."""
    plain = secret.reveal().strip()  # services trim what they are sent
    if len(plain) < SHORTEST_SECRET:
        return set()
    quoted = {quote(plain, "", errors="replace"), quote_plus(plain, errors="replace")}
    quoted |= {re.sub("%..", lambda match: match[0].lower(), one) for one in quoted}
    encoded = {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    escaped = html.escape(plain)
    return {plain, *quoted, *encoded, escaped, escaped.replace("&#x27;", "&#39;")}


# Logs

_ADDRESSES = (
    # What follows the path of an address: a signed query is a credential.
    (re.compile(r"(\bhttps?://[^\s'\"<>?#;%]{1,2000})[?#;%][^\s'\"<>]+", re.IGNORECASE), r"\1?***"),
    (re.compile(r"\b(https?)%3a%2f%2f[^\s'\"<>]+", re.IGNORECASE), r"\1://***"),
)
_RULES = (
    *_ADDRESSES,
    (re.compile(r"([?&;][\w.-]*(?:sig|signature)=)[^\s'\"<>&;]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,30}://)[^\s'\"<>/@]{1,2000}@", re.IGNORECASE), r"\1***@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"""(authorization["']?\s*[:=,]\s*b?["']?)[^"'\r\n]+""", re.IGNORECASE), r"\1***"),
    # Members of JSON, forms, and the repr of a mapping or of header pairs.
    (
        re.compile(
            r"""(["']?(?<![\w-])[\w-]{0,64}(?:secret|passw\w{0,9}|pwd|passphrase|token|sig|signature|api-?key|jwt|cookie)["']?\s*[:=,]\s*b?["']?)"""
            r"""[^\s"'&,;}\])]+""",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)


def redact(text: str) -> str:
    """Return the text without what looks like a credential."""
    for pattern, masked in _RULES:
        text = pattern.sub(masked, text)
    return text


class RedactSecrets(logging.Filter):
    """Takes credentials out of log records: signed URLs, tokens, passwords, client secrets.

    This library's own calls write none. An ``httpx.Client`` of the application does: httpx logs
    each request's whole URL at INFO. Add it to the handlers, because a logger's filter does not see
    what is logged below it::

        for handler in logging.getLogger().handlers:
            handler.addFilter(RedactSecrets())
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without its secrets."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            return True  # its arguments do not fit: the handler reports that
        record.msg, record.args = redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
            record.exc_info = None  # which some formatters write by themselves
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


class OwnCall:
    """``with OwnCall():`` httpcore logs the events of a call without the headers of its answer.

    Of this thread or task only: an application's own calls are logged as ever.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        _own_calls.set(_own_calls.get() + 1)

    def __exit__(self, *_error: object) -> None:
        _own_calls.set(_own_calls.get() - 1)


_own_calls = ContextVar("own_calls", default=0)


def _cut_headers(record: logging.LogRecord) -> bool:
    """Keep an event's name: what follows may be ``Set-Cookie``, or a ``Location`` that is signed.

    At DEBUG httpcore writes ``receive_response_headers.complete return_value=(..., [headers])``.
    """
    if _own_calls.get() > 0:
        record.msg, record.args = record.getMessage().partition(" ")[0], None
    return True


# At the loggers that write the records: a filter sees nothing of what loggers below it write.
for _part in ("http11", "http2", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_part}").addFilter(_cut_headers)


# Tracebacks


def without_traceback(error: _E) -> _E:
    """Return an error that leads to no frame it came through: httpx's hold the request.

    Raise it after the ``except`` block has ended. Inside, the exception that is being handled would
    become its ``__context__``, and those of httpx hold the request too.

    A fault that is not ours, such as a ``TypeError`` in an injected transport, keeps its places in
    the source, without local variables.
    """
    error.__cause__ = error.__context__ = None
    if isinstance(error, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            without_traceback(member)
    if isinstance(error, Exception) and not isinstance(error, ServiceError):
        clear_frames(error.__traceback__)
        return error
    return error.with_traceback(None)


def hide_arguments(function: _F) -> _F:
    """Keep the arguments of a function, or of a class's constructor, out of its errors' frames."""
    if isinstance(function, type):
        function.__init__ = hide_arguments(function.__init__)  # type: ignore[misc]
        return function

    @wraps(function)
    def hidden(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again below
            problem = error
        del args, kwargs
        raise without_traceback(problem)

    return cast("_F", hidden)
