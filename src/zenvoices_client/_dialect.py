"""How Zenvoices answers: the ABP envelope, its errors, its login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from _client_kit._address import check_header_text
from _client_kit._answer import Answer, Dialect, Token, TokenRequest, sanitise
from _client_kit._contract import Contract, Operation
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    Indefinite,
    PermissionDenied,
    ProtocolError,
    Rejected,
    ServiceError,
    Unavailable,
)
from _client_kit._json import dumps
from _client_kit._secret import Secret
from _client_kit._status import CONTRACT_HINT, meaning_of
from zenvoices_client._credentials import UserLogin

__all__ = ["dialect_of"]

SERVICE = "zenvoices"
TOKEN_LIFE = 86_400.0  # published: one day

_LOGIN_CAUSES = (
    "Likely causes, in this order: the user name or the password is wrong; the organisation code "
    "is wrong; the user is locked (5 wrong passwords lock it for 5 minutes); the user must change "
    "the password at the next login; the user signs in by single sign-on; the user is inactive. "
    "Check them in Zenvoices under Manage > Organisation > Users."
)
_TWO_FACTOR = (
    "This user signs in with two factors, which an application cannot do. Create a dedicated API "
    "user without it in Zenvoices under Manage > Organisation > Users."
)
_RIGHTS = {
    "companies": "API > Companies > List access",
    "inbox": "API > Inbox access",
}


def is_envelope(body: Any) -> bool:
    """Whether a JSON body is wrapped as the ABP framework does."""
    return isinstance(body, dict) and (
        body.get("__abp") is True or ("success" in body and "result" in body)
    )


def unwrap(body: Any) -> Any:
    """The payload of an answer, with or without the envelope."""
    return body.get("result") if is_envelope(body) else body


def server_text(body: Any) -> str | None:
    """What the service says went wrong, in the user's language."""
    if not isinstance(body, dict):
        return None
    texts: list[str] = []
    error = body.get("error")
    result = body.get("result")
    if isinstance(result, dict):
        texts.append(sanitise(result.get("errorMessage") or ""))
    if isinstance(error, dict):
        texts += [sanitise(error.get("message") or ""), sanitise(error.get("details") or "")]
        texts += [
            sanitise(item.get("message") or "")
            for item in error.get("validationErrors") or ()
            if isinstance(item, dict)
        ]
    elif isinstance(error, str):
        texts.append(sanitise(error))
    return sanitise(" ".join(text for text in dict.fromkeys(texts) if text)) or None


def _members(body: Any) -> tuple[str, ...]:
    error = body.get("error") if isinstance(body, dict) else None
    items = error.get("validationErrors") if isinstance(error, dict) else None
    return tuple(
        sanitise(member)
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and isinstance(item.get("members"), list)
        for member in item["members"]
    )


def failure(answer: Answer, operation: Operation) -> ServiceError | None:
    """The error an answer to an API call means; None for success.

    The body decides first: a 500 with an envelope is a refusal, one without is a fault whose
    outcome nobody knows.
    """
    status = answer.status
    body = answer.json_or_none() if status >= 300 or b'"success"' in answer.body else None
    envelope = is_envelope(body)
    if 200 <= status < 300 and not (envelope and body["success"] is False):
        return None
    kind, text, hint = _classify(status, operation, envelope=envelope)
    said = server_text(body)
    message = f"{operation.name}: {text}" + (f": {said}" if said else "")
    return kind(
        message,
        service=SERVICE,
        status=status,
        retry_after=answer.retry_after,
        request_id=answer.request_id,
        hint=hint,
        members=_members(body),
        answered_at=answer.date,
    )


def _classify(
    status: int, operation: Operation, *, envelope: bool
) -> tuple[type[ServiceError], str, str | None]:
    if status == 404 and not envelope:
        return ConfigurationError, "no such call at this address (404)", CONTRACT_HINT
    if envelope and (status >= 500 or status < 300):
        return Rejected, f"refused ({status})", None
    kind, text, hint = meaning_of(status, safe=operation.safe)
    if kind is CredentialsError:
        hint = _LOGIN_CAUSES
    if kind is PermissionDenied:
        right = _RIGHTS.get(operation.name.partition(".")[0])
        named = f"the right {right}" if right else "the right for this call"
        hint = (
            f"The user misses {named}, or rights on the company itself: in Zenvoices, "
            "Manage > Organisation > Users, the list icon beside the user."
        )
    return kind, text, hint


def dialect_of(login: UserLogin, contract: Contract) -> Dialect:
    """Zenvoices' dialect for one login."""
    operation = contract["login"]

    def token_request() -> TokenRequest:
        body = {
            "userNameOrEmailAddress": login.user,
            "password": login.password.reveal(),
            "tenancyName": login.organisation_code,
        }
        return TokenRequest(
            operation, dumps(operation.rename_out(body)).encode(), "application/json"
        )

    def read(answer: Answer) -> Token:
        return read_token(answer, operation)

    return Dialect(SERVICE, token_request, read, failure, unwrap)


def read_token(answer: Answer, operation: Operation) -> Token:
    """The access token in a login's answer.

    No token is a failed login whatever the status (published); only two-factor is told by a flag.

    Raises:
        CredentialsError: The login was refused.
        ServiceError: The service did not get to decide.
    """
    body = operation.rename_in(answer.json_or_none())
    result: Mapping[str, Any] = {}
    if isinstance(body, dict):
        inner = body.get("result", body)
        result = inner if isinstance(inner, dict) else {}
    value = result.get("accessToken")
    if isinstance(value, str) and value and 200 <= answer.status < 300:
        check_header_text(value, "access token", service=SERVICE, error=ProtocolError)
        life = result.get("expireInSeconds")
        seconds = float(life) if type(life) is int and 0 < life < 10**9 else TOKEN_LIFE
        return Token(Secret(value), seconds)
    decided = isinstance(body, dict) and (is_envelope(body) or "error" in body or "result" in body)
    if result.get("requiresTwoFactorVerification") is True:
        message = "the login needs a second factor"
        raise CredentialsError(message, service=SERVICE, status=answer.status, hint=_TWO_FACTOR)
    if answer.status != 429 and (decided or answer.status in (400, 401)):
        said = server_text(body)
        message = "the login was refused" + (f": {said}" if said else "")
        raise CredentialsError(
            message,
            service=SERVICE,
            status=answer.status,
            request_id=answer.request_id,
            hint=_LOGIN_CAUSES,
        )
    error = failure(answer, operation)
    if error is None or isinstance(error, Indefinite):
        kind = ProtocolError if error is None else Unavailable
        text = f"got {answer.describe()}" if error is None else f"failed ({answer.status})"
        error = kind(
            f"login: {text} instead of an access token",
            service=SERVICE,
            status=answer.status,
            retry_after=answer.retry_after,
            request_id=answer.request_id,
        )
    raise error
