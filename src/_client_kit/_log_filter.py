"""A filter for an application's own log: our calls need none, its other use of httpx may."""

from __future__ import annotations

import logging
import re

__all__ = ["RedactSecrets", "redact", "redact_addresses"]

_RULES = (
    # The query of an address: a signed one is a credential.
    (re.compile(r"(\bhttps?://[^\s'\"<>?#]+)\?[^\s'\"<>]+"), r"\1?***"),
    (re.compile(r"(\bhttps?://)[^\s'\"<>/@]+@"), r"\1***@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    # Members of JSON, forms, and what repr makes of a mapping or of header pairs.
    (
        re.compile(
            r"""(["']?\b[\w-]*(?:secret|password|token|signature|api-?key)["']?\s*[:=,]\s*b?["']?)"""
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


_SIGNED = (*_RULES[:2], (re.compile(r"\bbearer\s+[\w.~+/=-]{8,}", re.IGNORECASE), "Bearer ***"))


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
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
