"""Banqup's token requests and error bodies."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from _client_kit._address import check_header_text
from _client_kit._contract import Contract, Operation
from _client_kit._errors import (
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ServiceError,
)
from _client_kit._json import JsonError, is_object, loads
from _client_kit._response import ApiResponse, Dialect, Token, TokenRequest
from _client_kit._secret import Secret
from _client_kit._status import CONTRACT_HINT, FOREIGN_HINT, meaning_of
from _client_kit._times import parse_time
from banqup_client._credentials import ClientCredentials

__all__ = ["NOT_WHITELISTED", "dialect_of"]

SERVICE = "banqup"
MAX_LIFE = 10.0**6
TOKEN_LIFE = 300.0  # the shortest lifetime in the vendor's documentation

NOT_WHITELISTED = (
    "The app is not whitelisted: a space administrator must add its App ID in Banqup under "
    "Settings > External applications, with roles, and the APIs must be enabled on the app in the "
    "developer portal. Until then Banqup answers with an empty list of spaces, not with an error."
)
"""Why a list of spaces is empty, for a person to read."""
_LOGIN_CAUSES = (
    "Check client id and client secret of the app in Banqup's developer portal, and that they "
    "belong to this environment."
)


def server_text(answer: ApiResponse) -> str | None:
    """What the service says went wrong, from any of the body shapes it is known to use.

    Of a web page only that it came: its text is for browsers.
    """
    body = answer.json_or_none()
    if not is_object(body):
        text = body if isinstance(body, str) else ""
        if answer.content_type == "text/plain":
            text = answer.body.decode("utf-8", "replace")
        return answer.words(text) or (f"it sent {answer.describe()}" if answer.body else None)
    fault = body.get("fault")
    if is_object(fault):
        body = {**fault, "title": fault.get("faultstring") or fault.get("message")}
    names = ("title", "detail", "error_description", "message")
    texts = [text for name in names if isinstance(text := body.get(name), str) and text]
    if not texts and isinstance(error := body.get("error"), str):
        texts = [error]
    shown = dict.fromkeys(map(answer.words, texts))
    return answer.words(": ".join(text for text in shown if text)) or None


def is_own(body: object) -> bool:
    """Return True if a JSON body is an error of Banqup itself, and not of a gateway."""
    return is_object(body) and "fault" not in body and bool({"title", "detail", "error"} & {*body})


def failure(answer: ApiResponse, operation: Operation) -> ServiceError | None:
    """Return the error that an answer to an API call means; None for success."""
    if 200 <= answer.status < 300:
        return None
    kind, text, hint = meaning_of(answer.status, safe=operation.safe)
    if kind is PermissionDeniedError and answer.body and not is_own(answer.json_or_none()):
        hint = FOREIGN_HINT
    elif kind is PermissionDeniedError:
        hint = (
            "The app misses a role in this space (Banqup: Settings > External applications), or "
            "the API is not enabled on the app in the developer portal."
        )
    elif kind is CredentialsError:
        hint = _LOGIN_CAUSES
    elif kind is NotFoundError and not is_object(answer.json_or_none()):
        hint = CONTRACT_HINT  # a gateway that knows no such address, not the service itself
    said = server_text(answer)
    code = "foreign" if hint == FOREIGN_HINT else "too_large" if answer.status == 413 else None
    return kind(
        f"{operation.name}: {text}" + (f": {said}" if said else ""),
        service=SERVICE,
        status=answer.status,
        retry_after=answer.retry_after,
        request_id=_request_id(answer),
        hint=hint,
        answered_at=answer.date,
        code=code,
        own=is_own(answer.json_or_none()),
    )


def _request_id(answer: ApiResponse) -> str | None:
    body = answer.json_or_none()
    value = body.get("requestId") if is_object(body) else None
    if isinstance(value, str) and value not in ("", "none"):
        return answer.words(value)[:100]
    return answer.request_id


def dialect_of(credentials: ClientCredentials, contract: Contract) -> Dialect:
    """Return Banqup's dialect with the credentials of one app."""
    operation = contract["token.get"]

    def token_request() -> TokenRequest:
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret.reveal(),
        }
        if credentials.scope:
            form["scope"] = credentials.scope
        return TokenRequest(
            operation,
            urlencode(operation.rename_out(form)).encode(),
            "application/x-www-form-urlencoded",
        )

    def read(answer: ApiResponse) -> Token:
        return read_token(answer, operation)

    return Dialect(
        SERVICE, token_request, read, failure, lambda body: body, credentials.client_secret
    )


def read_token(answer: ApiResponse, operation: Operation) -> Token:
    """Return the token in an answer: JSON, or a bare JWT as on an older page of the vendor.

    Raises:
        CredentialsError: The app's credentials were refused.
        ServiceError: The request failed before the credentials were checked.
    """
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    text = answer.body.decode("utf-8", "replace").strip().strip('"')
    payload = operation.rename_in(answer.json_or_none())
    body = payload if is_object(payload) else {}
    value = body.get("access_token")
    if not is_object(payload) and _claims(text):
        value = text
    if not isinstance(value, str) or not value:
        message = f"token.get: got {answer.describe()} instead of an access token"
        raise ProtocolError(
            message, service=SERVICE, status=answer.status, request_id=answer.request_id
        )
    check_header_text(value, "access token", service=SERVICE, error=ProtocolError)
    return Token(Secret(value), _life(body, value, answer))


def _refusal(answer: ApiResponse) -> ServiceError:
    """Why there is no token: a refusal is final, so a gateway's words must not pass for one."""
    said = server_text(answer)
    # Asking for a token changes nothing, so no outcome can be in doubt.
    kind, text, hint = meaning_of(answer.status, safe=True)
    text = f"token.get: {text}"
    decided = answer.status in (400, 403) and is_object(answer.json_or_none())
    if answer.status == 401 or decided:
        kind, text, hint = CredentialsError, "the app's credentials were refused", _LOGIN_CAUSES
    elif kind is NotFoundError:
        hint = CONTRACT_HINT
    return kind(
        text + (f": {said}" if said else ""),
        service=SERVICE,
        status=answer.status,
        retry_after=answer.retry_after,
        request_id=_request_id(answer),
        hint=hint,
        answered_at=answer.date,
    )


def _life(body: dict[str, Any], token: str, answer: ApiResponse) -> float:
    """Return the lifetime of a token in seconds, by the server's clock if the answer has a date.

    Use the first of these that gives a positive lifetime: ``expires_at``, ``expires_in``, the
    JWT's claims.
    """
    now = answer.date or datetime.now(UTC)
    claims = _claims(token)
    expires, issued = _number(claims.get("exp")), _number(claims.get("iat"))
    from_claims = None
    if expires is not None:
        from_claims = expires - (now.timestamp() if issued is None else issued)
    for life in (
        _seconds_until(body.get("expires_at"), now),
        _number(body.get("expires_in")),
        from_claims,
    ):
        if life is not None and life > 0:
            return min(life, MAX_LIFE)
    return TOKEN_LIFE


def _seconds_until(value: Any, now: datetime) -> float | None:
    try:
        return (parse_time(value) - now).total_seconds() if isinstance(value, str) else None
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    digits = str(value) if type(value) in (int, str, Decimal) else ""
    return float(digits) if re.fullmatch(r"\d{1,15}(\.\d+)?", digits, re.ASCII) else None


def _claims(token: str) -> dict[str, Any]:
    """Return a JWT's claims without verification: only the lifetime is read from them."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        value = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, JsonError, ValueError):
        return {}
    return value if is_object(value) else {}
