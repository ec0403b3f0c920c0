"""What a log may show: of our own calls, and, with a filter, of an application's use of httpx."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar

__all__ = ["OwnCall", "RedactSecrets", "redact", "redact_addresses"]

_RULES = (
    # What follows the path of an address: a signed query is a credential.
    (re.compile(r"(\bhttps?://[^\s'\"<>?#;%]{1,2000})[?#;%][^\s'\"<>]+", re.IGNORECASE), r"\1?***"),
    (re.compile(r"\b(https?)%3a%2f%2f[^\s'\"<>]+", re.IGNORECASE), r"\1://***"),
    (re.compile(r"([?&;][\w.-]*(?:sig|signature)=)[^\s'\"<>&;]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,30}://)[^\s'\"<>/@]{1,2000}@", re.IGNORECASE), r"\1***@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"""(authorization["']?\s*[:=,]\s*b?["']?)[^"'\r\n]+""", re.IGNORECASE), r"\1***"),
    # Members of JSON, forms, and what repr makes of a mapping or of header pairs.
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
    """The text without what looks like a credential in it."""
    for pattern, shown in _RULES:
        text = pattern.sub(shown, text)
    return text


_SIGNED = (*_RULES[:4], (re.compile(r"\bbearer\s+[\w.~+/=-]{8,}", re.IGNORECASE), "Bearer ***"))


def redact_addresses(text: str) -> str:
    """A service's own words without signed queries and bearer tokens; the rest stays readable."""
    for pattern, shown in _SIGNED:
        text = pattern.sub(shown, text)
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
            return True  # its arguments do not fit: what handles it says so
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
    """``with OwnCall():`` httpx and httpcore log no header, no body and no words of the service.

    Of this thread or task only: an application's own calls are logged as they were.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        _own_calls.set(_own_calls.get() | {id(self)})

    def __exit__(self, *_error: object) -> None:
        # By its name: tasks may share a context, and a forgotten coroutine is cleaned up in any.
        _own_calls.set(_own_calls.get() - {id(self)})


_own_calls: ContextVar[frozenset[int]] = ContextVar("own_calls", default=frozenset())


def _cut(record: logging.LogRecord) -> bool:
    """Let through what cannot hold a secret, and drop what is not known to be that."""
    if not _own_calls.get() or record.name == "httpcore.connection":
        return True
    if record.name.startswith("httpcore."):
        # "receive_response_headers.complete return_value=...": the event, not what it carried.
        record.msg, record.args = record.getMessage().partition(" ")[0], None
        return True
    if record.name == "httpx" and isinstance(record.args, tuple) and len(record.args) == 5:
        record.args = (*record.args[:4], "")  # the last is the status in the service's own words
        return True
    return False


# At the loggers that write the records: a filter sees nothing of what loggers below it write.
for _name in (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
    *(f"hpack.{part}" for part in ("hpack", "table")),  # of an injected HTTP/2 client
):
    logging.getLogger(_name).addFilter(_cut)
