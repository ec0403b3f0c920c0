"""Zenvoices' login, its errors, and the envelope of ABP (ASP.NET Boilerplate), its web framework.

Statuses that have no special meaning here are judged in ``_client_kit/_status.py``. What the bridge
does about an error is in ``bridge/_delivery/faults.py``.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from _client_kit._address import check_header_text
from _client_kit._contract import Contract, Operation
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RejectedError,
    ServiceError,
)
from _client_kit._json import dumps, is_list, is_object
from _client_kit._response import (
    ApiResponse,
    Dialect,
    Token,
    no_token,
    quoted,
)
from _client_kit._secret import Secret
from _client_kit._status import ADDRESS_HINT, CONTRACT_HINT, FOREIGN_HINT, meaning_of, no_such_call
from _client_kit._text import Text, joined
from zenvoices_client._credentials import UserLogin

SERVICE = "zenvoices"
TOKEN_LIFE = 86_400.0  # one day (published)

_LOGIN_CAUSES = Text(
    "hint_login",
    "Check, in this order: user name and password; the organisation code, which Zenvoices' login "
    "page asks for. If the user is locked (by 5 wrong passwords), wait 5 minutes. If the password "
    "must be changed, log in once in a browser and change it. If the user signs in by single "
    "sign-on or is inactive, make a dedicated API user. In Zenvoices: Manage > Organisation > "
    "Users.",
)
_SAID_CAUSE = Text(
    "hint_login_said",
    "If Zenvoices says that the user name, the password or the tenant (the organisation code) is "
    "wrong, or names no cause, check these three settings (for the command: ZENVOICES_USER, "
    "ZENVOICES_PASSWORD and ZENVOICES_ORGANISATION_CODE); after 5 wrong passwords wait 5 minutes. "
    "Otherwise correct the cause under Manage > Organisation > Users.",
)
_TWO_FACTOR = Text(
    "hint_two_factor",
    "This user signs in with two factors, which an application cannot do. Create a dedicated API "
    "user without it in Zenvoices under Manage > Organisation > Users.",
)
_LOGGED_OUT = Text(
    "hint_logged_out",
    "The login was accepted, yet its access token is not: the user may have been locked, "
    "made inactive or logged out since.",
)
_LINKED_ANEW = Text(
    "hint_linked_anew",
    "A company that was linked again has a new number: resolve its code again.",
)
_RIGHTS = {
    "companies": Text(
        "hint_companies_right",
        "Give the user the right API > Companies > List access: in Zenvoices, Manage > "
        "Organisation > Users, the list icon beside the user.",
    ),
    "inbox": Text(
        "hint_inbox_right",
        "Give the user the right API > Inbox access, and rights on the company itself: in "
        "Zenvoices, Manage > Organisation > Users, the list icon beside the user.",
    ),
}
COMPANY_CODE_HINT = Text(
    "hint_company_code",
    "The company code is shown in Zenvoices under Manage > Organisation > Companies; a company is "
    "missing when the user has no rights on it: Manage > Organisation > Users.",
)
_RIGHT = Text(
    "hint_right",
    "Give the user the right for this call, and rights on the company: in Zenvoices, Manage > "
    "Organisation > Users, the list icon beside the user.",
)


def member(value: object, name: str) -> Any:
    """Return a member of a JSON object; None if it is missing or the value is not an object."""
    return value.get(name) if is_object(value) else None


def is_envelope(body: object) -> bool:
    """Return True if a JSON body is ABP's envelope, an object with the payload as ``result``."""
    return is_object(body) and (
        body.get("__abp") is True or ("success" in body and "result" in body)
    )


def unwrap(body: Any) -> Any:
    """Return the ``result`` of an envelope, or else the whole body."""
    return body.get("result") if is_envelope(body) else body


def server_text(answer: ApiResponse, body: object) -> Text | None:
    """Return the service's error text, in the user's language; None if the answer has none."""
    error = member(body, "error")
    said = [
        member(member(body, "result"), "errorMessage"),
        error,
        member(error, "message"),
        member(error, "details"),
        *(member(item, "message") for item in _validation_errors(error)),
    ]
    texts = [answer.words(text) for text in said if isinstance(text, str)]
    return quoted(answer.words(" ".join(text for text in dict.fromkeys(texts) if text)))


def _validation_errors(error: object) -> list[Any]:
    items = member(error, "validationErrors")
    return items if is_list(items) else []


def _members(answer: ApiResponse, body: object) -> tuple[str, ...]:
    """Return the names of the request's fields that the validation errors name."""
    listed = [member(item, "members") for item in _validation_errors(member(body, "error"))]
    return tuple(
        answer.words(name)
        for names in listed
        if is_list(names)
        for name in names
        if isinstance(name, str)
    )


def companies_ended_early() -> ProtocolError:
    """Return the error for a company that was not found in a list that ended early."""
    message = Text(
        "companies_ended_early",
        "companies.list: the list ended early, and the company may be in the rest",
    )
    return ProtocolError(message, service=SERVICE, retryable=True, operation="companies.list")


def failure(answer: ApiResponse, operation: Operation) -> ServiceError | None:
    """Return the error for an answer to an API call; None if the call succeeded.

    The body counts more than the status: a 2xx or 5xx answer whose envelope says ``success: false``
    is a refusal. For an upload, ``success: false`` counts without an envelope too. After a 500 that
    is no refusal, the outcome of a call that changes something is unknown; a read gives
    UnavailableError.
    """
    success = 200 <= answer.status < 300
    if success and b'"success"' not in answer.body:
        return None
    body = answer.json_or_none()
    envelope = is_envelope(body)
    refused = member(body, "success") is False and (envelope or operation.name == "inbox.upload")
    if success and not refused:
        return None
    login = operation.name == "login"
    kind, text, hint = meaning_of(answer.status, safe=operation.safe)
    if kind is NotFoundError and not envelope:
        kind, text = ConfigurationError, no_such_call(answer.status)
        hint = ADDRESS_HINT if login else CONTRACT_HINT
    elif refused and (success or answer.status >= 500):
        kind, text = RejectedError, Text("refused", "refused ({0})", str(answer.status))
        hint = None
    elif kind is ConfigurationError and login:
        hint = ADDRESS_HINT
    elif kind is CredentialsError:
        hint = _LOGGED_OUT
    elif kind is NotFoundError:
        hint = _LINKED_ANEW
    elif kind is PermissionDeniedError and answer.body and not envelope:
        hint = FOREIGN_HINT
    elif kind is PermissionDeniedError:
        hint = _RIGHTS.get(operation.name.partition(".")[0], _RIGHT)
    return _error(kind, operation.name, text, answer, body, hint)


def _error(
    kind: type[ServiceError],
    call: str,
    text: Text,
    answer: ApiResponse,
    body: object,
    hint: str | None,
) -> ServiceError:
    return kind(
        joined(": ", call, text, server_text(answer, body)),
        service=SERVICE,
        retry_after=answer.retry_after,
        hint=hint,
        members=_members(answer, body),
        code="foreign" if hint is FOREIGN_HINT else text.code,
        own=is_envelope(body),
        **answer.facts,
    )


def dialect_of(login: UserLogin, contract: Contract) -> Dialect:
    """Return the :class:`Dialect` of Zenvoices for one login."""
    operation = contract["login"]

    def login_body() -> bytes:
        body = {
            "userNameOrEmailAddress": login.user,
            "password": login.password.reveal(),
            "tenancyName": login.organisation_code,
        }
        return dumps(operation.rename_out(body)).encode()

    return Dialect(
        service=SERVICE,
        contract=contract,
        login=operation,
        login_type="application/json",
        login_body=login_body,
        read_token=partial(read_token, organisation_code=login.organisation_code),
        failure=failure,
        unwrap=unwrap,
        secret=login.password,
    )


def read_token(answer: ApiResponse, operation: Operation, *, organisation_code: str) -> Token:
    """Return the access token in a login's answer; its lifetime is one day by default.

    An answer of Zenvoices without a token means that the login has failed, also with a status of
    success (published). A flag in the answer shows that the user needs a second factor.

    Raises:
        CredentialsError: The login was refused.
        ServiceError: The request failed before the login was checked, or the answer is not
            understood.
    """
    body = operation.rename_in(answer.json_or_none())
    result = body["result"] if is_object(body) and "result" in body else body
    value = member(result, "accessToken")
    if isinstance(value, str) and value and 200 <= answer.status < 300:
        check_header_text(value, "access token", service=SERVICE, error=ProtocolError)
        return Token(Secret(value), _life(member(result, "expireInSeconds")))
    if member(result, "requiresTwoFactorVerification") is True:
        text = Text("two_factor", "the login needs a second factor")
        raise _error(CredentialsError, "", text, answer, body, _TWO_FACTOR)
    if not value and _decided(answer.status, body):
        causes = _SAID_CAUSE if server_text(answer, body) else _LOGIN_CAUSES
        sent = Text(
            "hint_organisation_sent",
            "The organisation code that was sent is {0!r}: the code that Zenvoices asks for when a "
            "user logs in, not the code of a company.",
            organisation_code,
        )
        hint = joined(" ", causes, sent)
        text = Text("login_refused", "the login was refused")
        raise _error(CredentialsError, "", text, answer, body, hint)
    raise failure(answer, operation) or no_token("login", answer, SERVICE)


def _life(seconds: object) -> float:
    if isinstance(seconds, (int, Decimal)) and seconds is not True and 0 < seconds < 10**9:
        return float(seconds)
    return TOKEN_LIFE


def _decided(status: int, body: object) -> bool:
    """Return True if an answer counts as Zenvoices' refusal of the login.

    A status of 400 or 401 always counts, 429 never. Other statuses count only with a body in
    Zenvoices' format. 408, 502, 503 and 504 may come from a gateway, so they need the whole
    envelope.
    """
    if status == 429:
        return False
    if status in (400, 401) or is_envelope(body):
        return True
    said = is_object(body) and ("error" in body or "result" in body)
    return said and status not in (408, 502, 503, 504)
