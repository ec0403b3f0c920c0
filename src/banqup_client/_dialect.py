"""Banqup's token requests and error bodies.

Statuses that have no special meaning here are judged in ``_client_kit/_status.py``. What the bridge
does about an error is in ``bridge/_delivery/faults.py``.
"""

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
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ServiceError,
)
from _client_kit._json import JsonError, is_object, loads
from _client_kit._response import (
    ApiResponse,
    Dialect,
    Token,
    no_token,
    quoted,
)
from _client_kit._secret import Secret
from _client_kit._status import ADDRESS_HINT, CONTRACT_HINT, FOREIGN_HINT, meaning_of
from _client_kit._text import Text, joined
from _client_kit._times import parse_time
from banqup_client._credentials import ClientCredentials

SERVICE = "banqup"
MAX_LIFE = 10.0**6
TOKEN_LIFE = 300.0  # the shortest lifetime in the vendor's documentation

NOT_WHITELISTED = Text(
    "hint_not_whitelisted",
    "The app is not whitelisted: a space administrator must add its App ID in Banqup under "
    "Settings > External applications, with roles that may read documents, and the APIs must be "
    "enabled on the app in the developer portal of Banqup. Until then Banqup "
    "answers with an empty list of spaces, not with an error. Check the space id too.",
)
"""A text for people: why the list of spaces may be empty, and what to do."""
_LOGIN_CAUSES = Text(
    "hint_app_credentials",
    "Compare the client id and the client secret that you give (for the command: BANQUP_CLIENT_ID "
    "and BANQUP_CLIENT_SECRET) with those of the app in Banqup's developer portal: they must not "
    "be swapped, and must belong to the environment of this client.",
)
_ROLES = Text(
    "hint_roles",
    "Give the app a role in this space that may read documents: in Banqup, Settings > External "
    "applications. The API must be enabled on the app in the developer portal, too.",
)


def server_text(answer: ApiResponse) -> Text | None:
    """Return the error text in an answer, whose body may have any of the formats of the service.

    For a web page, and other bodies without a readable text, the result is the body's size and
    media type. It is None for an empty body, and for a JSON object without a known member.
    """
    body = answer.json_or_none()
    if not is_object(body):
        text = body if isinstance(body, str) else ""
        if answer.content_type == "text/plain":
            text = answer.body.decode("utf-8", "replace")
        words = answer.words(text)
        if answer.body and not words:
            return Text("it_sent", "it sent {0}", answer.describe())
        return quoted(words)
    fault = body.get("fault")
    if is_object(fault):
        body = {**fault, "title": fault.get("faultstring") or fault.get("message")}
    names = ("title", "detail", "error_description", "message")
    texts = [text for name in names if isinstance(text := body.get(name), str) and text]
    if not texts and isinstance(error := body.get("error"), str):
        texts = [error]
    shown = dict.fromkeys(map(answer.words, texts))
    return quoted(answer.words(": ".join(text for text in shown if text)))


def is_own(body: object) -> bool:
    """Return True if a JSON body is an error of Banqup itself, and not of a gateway."""
    return is_object(body) and "fault" not in body and bool({"title", "detail", "error"} & {*body})


def failure(answer: ApiResponse, operation: Operation) -> ServiceError | None:
    """Return the error for an answer to a call or a token request; None for a status of 2xx."""
    if 200 <= answer.status < 300:
        return None
    login = operation.name == "token.get"
    # Requesting a token changes nothing, so a failure is never an OutcomeUnknownError.
    kind, text, hint = meaning_of(answer.status, safe=operation.safe or login)
    body = answer.json_or_none()
    own = is_own(body)
    foreign = kind is PermissionDeniedError and not own and (login or bool(answer.body))
    # Refused credentials are not tried again, so a gateway's 400 or 403 must not count as a
    # refusal. A 401 always counts as one.
    if login and (answer.status == 401 or (answer.status in (400, 403) and own)):
        text = Text("app_refused", "the app's credentials were refused")
        kind, hint = CredentialsError, _LOGIN_CAUSES
    elif login and kind in (NotFoundError, ConfigurationError):
        hint = ADDRESS_HINT
    elif foreign:
        hint = FOREIGN_HINT
    elif kind is PermissionDeniedError:
        hint = _ROLES
    elif kind is CredentialsError:
        hint = _LOGIN_CAUSES
    elif kind is NotFoundError and not own:
        hint = CONTRACT_HINT  # a gateway's 404: the path is unknown
    elif kind is NotFoundError and operation.name in ("spaces.list", "documents.list"):
        hint = NOT_WHITELISTED
    error = kind(
        joined(": ", operation.name, text, server_text(answer)),
        service=SERVICE,
        retry_after=answer.retry_after,
        hint=hint,
        code="foreign" if foreign else text.code,
        own=own,
        **answer.facts,
    )
    request_id = body.get("requestId") if is_object(body) else None
    if isinstance(request_id, str) and request_id not in ("", "none"):
        error.request_id = answer.words(request_id)[:100]
    return error


def dialect_of(credentials: ClientCredentials, contract: Contract) -> Dialect:
    """Return the :class:`Dialect` of Banqup for the credentials of one app."""
    operation = contract["token.get"]

    def login_body() -> bytes:
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret.reveal(),
        }
        if credentials.scope:
            form["scope"] = credentials.scope
        return urlencode(operation.rename_out(form)).encode()

    return Dialect(
        service=SERVICE,
        contract=contract,
        login=operation,
        login_type="application/x-www-form-urlencoded",
        login_body=login_body,
        read_token=read_token,
        failure=failure,
        unwrap=lambda body: body,
        secret=credentials.client_secret,
    )


def read_token(answer: ApiResponse, operation: Operation) -> Token:
    """Return the token in an answer to a token request.

    The answer is JSON or, as on an older page of the vendor's documentation, a JWT alone.

    Raises:
        CredentialsError: The app's credentials were refused.
        ServiceError: The request failed before the credentials were checked, or the answer has no
            token.
    """
    error = failure(answer, operation)
    if error is not None:
        raise error
    text = answer.body.decode("utf-8", "replace").strip().strip('"')
    payload = operation.rename_in(answer.json_or_none())
    body = payload if is_object(payload) else {}
    value = body.get("access_token")
    if not is_object(payload) and _claims(text):
        value = text
    if not isinstance(value, str) or not value:
        raise no_token("token.get", answer, SERVICE)
    check_header_text(value, "access token", service=SERVICE, error=ProtocolError)
    return Token(Secret(value), _life(body, value, answer))


def _life(body: dict[str, Any], token: str, answer: ApiResponse) -> float:
    """Return the lifetime of a token in seconds, by the server's clock if the answer has a date.

    The first of these that gives a positive lifetime is used: ``expires_at``, ``expires_in``, the
    JWT's claims. If none does, the lifetime is 300 seconds. It is at most a million seconds.
    """
    now = answer.date or datetime.now(UTC)
    claims = _claims(token)
    issued = _number(claims.get("iat")) or now.timestamp()
    lives = (
        _seconds_until(body.get("expires_at"), now),
        _number(body.get("expires_in")),
        _number(claims.get("exp")) - issued,
    )
    return min(next((life for life in lives if life > 0), TOKEN_LIFE), MAX_LIFE)


def _seconds_until(value: Any, now: datetime) -> float:
    try:
        return (parse_time(value) - now).total_seconds() if isinstance(value, str) else 0.0
    except ValueError:
        return 0.0


def _number(value: Any) -> float:
    """Return a number or its text as a float; 0 for any other value."""
    digits = str(value) if type(value) in (int, str, Decimal) else ""
    return float(digits) if re.fullmatch(r"\d{1,15}(\.\d+)?", digits, re.ASCII) else 0.0


def _claims(token: str) -> dict[str, Any]:
    """Return a JWT's claims without verification, to read the lifetime; empty for other texts."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        value = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, JsonError, ValueError):
        return {}
    return value if is_object(value) else {}
