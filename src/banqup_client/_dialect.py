"""How Banqup answers: its token, its error bodies."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from _client_kit._address import check_header_text
from _client_kit._answer import Answer, Dialect, Token, TokenRequest, sanitise
from _client_kit._contract import Contract, Operation
from _client_kit._errors import (
    CredentialsError,
    Indefinite,
    PermissionDenied,
    ProtocolError,
    ServiceError,
    Unavailable,
)
from _client_kit._json import JsonError, loads
from _client_kit._secret import Secret
from _client_kit._status import meaning_of
from _client_kit._times import parse_time
from banqup_client._credentials import ClientCredentials

__all__ = ["NOT_WHITELISTED", "dialect_of"]

SERVICE = "banqup"
TOKEN_LIFE = 300.0  # the shortest life any page of the vendor names

NOT_WHITELISTED = (
    "The app is not whitelisted: a space administrator must add its App ID in Banqup under "
    "Settings > External applications, with roles, and the APIs must be enabled on the app in the "
    "developer portal. Without this, Banqup answers with an empty list of spaces, not with an error."
)
_LOGIN_CAUSES = (
    "Check client id and client secret of the app in Banqup's developer portal, and that they "
    "belong to this environment."
)


def server_text(answer: Answer) -> str | None:
    """What the service says went wrong, from any of the body shapes it is known to use."""
    body = answer.json_or_none()
    if not isinstance(body, dict):
        return None
    fault = body.get("fault")
    if isinstance(fault, dict):
        body = {**fault, "title": fault.get("faultstring") or fault.get("message")}
    names = ("title", "detail", "error_description", "message")
    texts = [body[name] for name in names if isinstance(body.get(name), str)]
    if not texts and isinstance(body.get("error"), str):
        texts = [body["error"]]
    return sanitise(": ".join(dict.fromkeys(text for text in texts if text))) or None


def failure(answer: Answer, operation: Operation) -> ServiceError | None:
    """The error an answer to an API call means; None for success."""
    if 200 <= answer.status < 300:
        return None
    kind, text, hint = meaning_of(answer.status, safe=operation.safe)
    if kind is PermissionDenied:
        hint = (
            "The app misses a role in this space (Banqup: Settings > External applications), or "
            "the API is not enabled on the app in the developer portal."
        )
    if kind is CredentialsError:
        hint = _LOGIN_CAUSES
    said = server_text(answer)
    return kind(
        f"{operation.name}: {text}" + (f": {said}" if said else ""),
        service=SERVICE,
        status=answer.status,
        retry_after=answer.retry_after,
        request_id=_request_id(answer),
        hint=hint,
        answered_at=answer.date,
    )


def _request_id(answer: Answer) -> str | None:
    body = answer.json_or_none()
    value = body.get("requestId") if isinstance(body, dict) else None
    if isinstance(value, str) and value not in ("", "none"):
        return sanitise(value)[:100]
    return answer.request_id


def dialect_of(credentials: ClientCredentials, contract: Contract) -> Dialect:
    """Banqup's dialect for one app."""
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

    def read(answer: Answer) -> Token:
        return read_token(answer, operation)

    return Dialect(SERVICE, token_request, read, failure, lambda body: body)


def read_token(answer: Answer, operation: Operation) -> Token:
    """The token in an answer: JSON, or a bare JWT as an older page has it.

    Raises:
        CredentialsError: The app's credentials were refused.
        ServiceError: The service did not get to decide.
    """
    if not 200 <= answer.status < 300:
        raise _refusal(answer, operation)
    text = answer.body.decode("utf-8", "replace").strip().strip('"')
    body = operation.rename_in(answer.json_or_none())
    value = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(body, dict) and text.count(".") == 2 and _claims(text):
        value, body = text, {}
    if not isinstance(value, str) or not value or not isinstance(body, dict):
        message = f"token.get: got {answer.describe()} instead of an access token"
        raise ProtocolError(message, service=SERVICE, status=answer.status)
    check_header_text(value, "access token", service=SERVICE, error=ProtocolError)
    return Token(Secret(value), _life(body, value, answer))


def _refusal(answer: Answer, operation: Operation) -> ServiceError:
    error = failure(answer, operation)
    if answer.status in (400, 401, 403):
        said = server_text(answer)
        return CredentialsError(
            "the app's credentials were refused" + (f": {said}" if said else ""),
            service=SERVICE,
            status=answer.status,
            request_id=_request_id(answer),
            hint=_LOGIN_CAUSES,
        )
    if error is None or isinstance(error, Indefinite):
        # Asking for a token changes nothing, so no outcome can be in doubt.
        return Unavailable(
            f"token.get: the service failed ({answer.status})",
            service=SERVICE,
            status=answer.status,
            retry_after=answer.retry_after,
        )
    return error


def _life(body: dict[str, Any], token: str, answer: Answer) -> float:
    """Seconds the token lives, by the server's clock where the answer shows it."""
    now = answer.date or datetime.now(UTC)
    life: float | None = None
    expires_at = body.get("expires_at")
    if isinstance(expires_at, str):
        try:
            life = (parse_time(expires_at) - now).total_seconds()
        except ValueError:
            life = None
    if life is None:
        life = _number(body.get("expires_in"))
    if life is None:
        claims = _claims(token)
        expires = _number(claims.get("exp"))
        if expires is not None:
            issued = _number(claims.get("iat"))
            life = expires - (now.timestamp() if issued is None else issued)
    if life is None or life <= 0:
        return TOKEN_LIFE
    return min(life, 10.0**6)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and value.isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**15:
        return None
    return float(value)


def _claims(token: str) -> dict[str, Any]:
    """A JWT's claims, unverified: only its life is read from them."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        value = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, JsonError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
