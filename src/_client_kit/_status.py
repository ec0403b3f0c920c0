"""The error for an HTTP status, unless a service gives the status another meaning.

The services' own meanings are in the ``_dialect.py`` of each client. What an error means for the
document that was sent is decided in ``bridge/_delivery/faults.py``.
"""

from __future__ import annotations

from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from _client_kit._text import Text

CONTRACT_HINT = Text(
    "hint_contract",
    "The service may not know this call, or have other names in it, than this library assumes. "
    "Correct the assumption with the contract= argument of the client; verify(deep=True), or "
    "banqup-zenvoices verify --deep, shows which one.",
)
ADDRESS_HINT = Text(
    "hint_base_url",
    "Is this the address of the service, and not that of the other one or with a path behind it? "
    "Check base_url= (banqup_url or zenvoices_url in a file) or the environment; after that the "
    "contract: contract=.",
)
FOREIGN_HINT = Text(
    "hint_foreign",
    "The answer is not one of the service's own errors: a firewall, a proxy or a gateway on the "
    "way may have refused the call. Show it to whoever runs that.",
)
LATER_HINT = Text("hint_later", "The service was reached, but cannot answer now: try again later.")
WHOLE_HINT = Text(
    "hint_whole", "Call(..., whole=True) gives an answer that is not JSON as it came."
)
WEB_PAGE_HINT = Text(
    "hint_web_page",
    "Something on the way answers instead of the service: the login page of a network, a proxy or "
    "a firewall. Open the address in a browser on this machine, and check base_url= (banqup_url or "
    "zenvoices_url in a file): it is the address of the API, and not of the portal.",
)


def meaning_of(status: int, *, safe: bool) -> tuple[type[ServiceError], Text, Text | None]:
    """Return the error class, text and hint for a status other than success.

    Args:
        status: The HTTP status.
        safe: Whether the call only reads. The error is then never an OutcomeUnknownError. If the
            service refuses its content, the hint says to check the contract, which may be wrong.
    """
    number = str(status)
    unknown: type[ServiceError] = UnavailableError if safe else OutcomeUnknownError
    if status == 401:
        text = Text("token_refused", "the access token was not accepted ({0})", number)
        return CredentialsError, text, None
    if status == 403:
        return PermissionDeniedError, Text("not_permitted", "not permitted ({0})", number), None
    if status in (404, 410):
        return NotFoundError, Text("not_found", "not found ({0})", number), None
    if status in (405, 406, 415, 501):
        return ConfigurationError, no_such_call(status), CONTRACT_HINT
    if status == 413:
        return RejectedError, Text("too_large", "the request is too large ({0})", number), None
    if status == 429:
        return RateLimitedError, Text("rate_limited", "too many requests ({0})", number), LATER_HINT
    if status in (408, 409) or status >= 500:
        text = Text("service_failed", "the service failed ({0})", number)
        return unknown, text, LATER_HINT if safe else None
    if status < 400:
        text = Text("redirected", "an unexpected status ({0})", number)
        return ProtocolError, text, WEB_PAGE_HINT if status >= 300 else CONTRACT_HINT
    text = Text("refused", "refused ({0})", number)
    return RejectedError, text, CONTRACT_HINT if safe else None


def no_such_call(status: int) -> Text:
    """Return the message for a path, method or media type that the service does not know."""
    return Text("no_such_call", "no such call at this address ({0})", str(status))
