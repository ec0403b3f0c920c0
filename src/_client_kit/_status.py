"""The error for an HTTP status, unless a service gives the status another meaning."""

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

__all__ = ["CONTRACT_HINT", "FOREIGN_HINT", "meaning_of"]

CONTRACT_HINT = (
    "The address of this call may differ from what this library assumes: see the contract= "
    "argument of the client."
)

FOREIGN_HINT = (
    "The answer is not one of the service's own errors: a firewall, a proxy or a gateway on the "
    "way may have refused the call. Show it to whoever runs that."
)


def meaning_of(status: int, *, safe: bool) -> tuple[type[ServiceError], str, str | None]:
    """Error class, text and hint for a status that is no success.

    Args:
        status: The HTTP status.
        safe: Whether the call only reads: then no outcome can be in doubt.
    """
    unknown: type[ServiceError] = UnavailableError if safe else OutcomeUnknownError
    if status == 401:
        return CredentialsError, "the access token was not accepted (401)", None
    if status == 403:
        return PermissionDeniedError, "not permitted (403)", None
    if status in (404, 410):
        return NotFoundError, f"not found ({status})", None
    if status in (405, 406, 415, 501):
        return ConfigurationError, f"no such call at this address ({status})", CONTRACT_HINT
    if status == 413:
        return RejectedError, "the request is too large (413)", None
    if status == 429:
        return RateLimitedError, "too many requests (429)", None
    if status in (408, 409) or status >= 500:
        return unknown, f"the service failed ({status})", None
    if status < 400:
        return ProtocolError, f"an unexpected status ({status})", CONTRACT_HINT
    return RejectedError, f"refused ({status})", None
