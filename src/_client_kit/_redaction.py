"""Mask secrets in texts from a service, in logs and in tracebacks.

``_secret.py`` has :class:`Secret`, the string type that does not display its value.
"""

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

MAX_SERVER_TEXT = 500
SHORTEST_SECRET = 4  # masking a shorter secret would destroy ordinary words

_E = TypeVar("_E", bound=BaseException)
_F = TypeVar("_F", bound=Callable[..., Any])


# Texts from a service


def sanitise(text: object, secrets: Iterable[Secret] = ()) -> str:
    """Return a service's text as one printable line of at most 500 characters, without secrets.

    The query of each URL is masked too.

    Args:
        text: The text, such as an error message.
        secrets: The credentials of the request; the service may have repeated them. Those of fewer
            than 4 characters are not masked.
    """
    shown = str(text)
    # Mask before cutting: half of a secret would not be recognised. Mask longer spellings first:
    # a shorter spelling may be the beginning of a longer one.
    spellings = set[str]().union(*map(_spellings, secrets))
    for spelling in sorted(spellings, key=len, reverse=True):
        shown = shown.replace(spelling, "***")
    shown = shown[: 4 * MAX_SERVER_TEXT]
    for pattern, masked in _ADDRESSES:
        shown = pattern.sub(masked, shown)
    if not shown.isprintable():  # for example, it has line breaks or direction characters
        shown = "".join(char if char.isprintable() else "\n" for char in shown)
        shown = re.sub("\n+", " ", shown)
    shown = shown.strip()
    return shown if len(shown) <= MAX_SERVER_TEXT else shown[: MAX_SERVER_TEXT - 1] + "…"


def _spellings(secret: Secret) -> set[str]:
    """Return a secret as it is, URL-quoted, JSON-escaped and HTML-escaped.

    The result is empty for a secret that is too short to be masked.
    """
    plain = secret.reveal().strip()  # a service may repeat a secret without spaces at its ends
    if len(plain) < SHORTEST_SECRET:
        return set()
    quoted = {quote(plain, "", errors="replace"), quote_plus(plain, errors="replace")}
    quoted |= {re.sub("%..", lambda match: match[0].lower(), one) for one in quoted}
    encoded = {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    escaped = html.escape(plain)
    return {plain, *quoted, *encoded, escaped, escaped.replace("&#x27;", "&#39;")}


# Logs

_ADDRESSES = (
    # Mask what follows the path of a URL: the query of a signed URL is a credential.
    (re.compile(r"(\bhttps?://[^\s'\"<>?#;%]{1,2000})[?#;%][^\s'\"<>]+", re.IGNORECASE), r"\1?***"),
    (re.compile(r"\b(https?)%3a%2f%2f[^\s'\"<>]+", re.IGNORECASE), r"\1://***"),
)
_RULES = (
    *_ADDRESSES,
    (re.compile(r"([?&;][\w.-]*(?:sig|signature)=)[^\s'\"<>&;]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,30}://)[^\s'\"<>/@]{1,2000}@", re.IGNORECASE), r"\1***@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"""(authorization["']?\s*[:=,]\s*b?["']?)[^"'\r\n]+""", re.IGNORECASE), r"\1***"),
    # Mask secrets in JSON objects, form fields, and the repr of a mapping or of header pairs.
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
    """Return the text with everything masked that looks like a credential."""
    for pattern, masked in _RULES:
        text = pattern.sub(masked, text)
    return text


class RedactSecrets(logging.Filter):
    """A logging filter that masks credentials: signed URLs, tokens, passwords, client secrets.

    This library's own calls log no credentials. An ``httpx.Client`` of the application may log
    some: httpx logs the whole URL of each request at INFO. Add the filter to handlers, because a
    logger's filter does not see the records of the loggers below it::

        for handler in logging.getLogger().handlers:
            handler.addFilter(RedactSecrets())
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message, traceback and stack of a record; return True to log it."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            return True  # wrong arguments for the message: the handler reports this error
        record.msg, record.args = redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
            record.exc_info = None  # some formatters would write it again, unmasked
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


class OwnCall:
    """A context manager that limits httpcore's logs of requests to the names of the events.

    It affects the current thread or task only: the application's own calls are logged in full.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        _own_calls.set(_own_calls.get() + 1)

    def __exit__(self, *_error: object) -> None:
        _own_calls.set(_own_calls.get() - 1)


_own_calls = ContextVar("own_calls", default=0)


def _cut_headers(record: logging.LogRecord) -> bool:
    """Cut a record of our own call after the event's name; return True to log it.

    The values after the name may be headers with cookies or a signed ``Location``.
    At DEBUG httpcore writes ``receive_response_headers.complete return_value=(..., [headers])``.
    """
    if _own_calls.get() > 0:
        record.msg, record.args = record.getMessage().partition(" ")[0], None
    return True


# Each of these loggers needs the filter: a filter on their parent would not see their records.
for _part in ("http11", "http2", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_part}").addFilter(_cut_headers)


# Tracebacks


def without_traceback(error: _E) -> _E:
    """Return the error without traceback, cause and context: frames of httpx hold the request.

    Raise the result after the ``except`` block has ended. Inside the block, Python would set the
    handled exception as ``__context__``, and exceptions of httpx hold the request too.

    An ``Exception`` that is no ServiceError, such as a ``TypeError`` in an injected transport,
    keeps its traceback, but the local variables of its frames are deleted.
    """
    error.__cause__ = error.__context__ = None
    group: BaseException = error
    if isinstance(group, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", group).exceptions:
            without_traceback(member)
    if isinstance(error, Exception) and not isinstance(error, ServiceError):
        clear_frames(error.__traceback__)
        return error
    return error.with_traceback(None)


def hide_arguments(function: _F) -> _F:
    """Decorate a function or class so that tracebacks of its errors do not hold its arguments."""
    if isinstance(function, type):
        cls: Any = function
        cls.__init__ = hide_arguments(cls.__init__)
        return cast("_F", cls)

    @wraps(function)
    def hidden(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again below
            problem = error
        del args, kwargs
        raise without_traceback(problem)

    return cast("_F", hidden)
