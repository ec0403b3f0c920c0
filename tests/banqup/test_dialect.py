"""How Banqup's answers are understood: errors in all shapes, and the life of a token."""

from __future__ import annotations

import base64
import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._contract import load_contract
from _client_kit._response import ApiResponse
from banqup_client import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from banqup_client._dialect import failure, read_token

CONTRACT = load_contract("banqup_client")
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def answer(status: int, body: object = b"", **headers: str) -> ApiResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ApiResponse(
        status, {name.replace("_", "-"): text for name, text in headers.items()}, raw
    )


PROBLEM = {
    "status": 400,
    "error": "BAD_REQUEST",
    "timestamp": "Tue, 6 Feb 2024 12:27:24 GMT",
    "title": "Invalid Request Format",
    "detail": "folder is unknown",
}
NOT_ACCEPTABLE = {
    "status": 406,
    "error": "NOT_ACCEPTABLE",
    "requestId": "none",
    "timestamp": "2024-10-31T12:34:30.150Z",
    "type": "about:blank",
    "title": "Not Acceptable",
    "detail": "no such type",
    "instance": "/v1/assets/1",
}
SHAPES: list[tuple[ApiResponse, type[ServiceError], str]] = [
    (answer(400, PROBLEM), RejectedError, "Invalid Request Format: folder is unknown"),
    (answer(406, NOT_ACCEPTABLE), ConfigurationError, "Not Acceptable: no such type"),
    (answer(401, {"fault": {"faultstring": "Invalid Token"}}), CredentialsError, "Invalid Token"),
    (
        answer(403, {"fault": {"message": "Missing Role", "detail": {"code": 1}}}),
        PermissionDeniedError,
        "Missing Role",
    ),
    (answer(400, {"error": "invalid_scope", "error_description": "Nope"}), RejectedError, "Nope"),
    (answer(400, {"error": "invalid_scope"}), RejectedError, "invalid_scope"),
    (
        answer(404, b"<html>404</html>", content_type="text/html"),
        NotFoundError,
        "16 bytes of text/html",
    ),
    (
        answer(503, b"try later\nplease", content_type="text/plain"),
        UnavailableError,
        "try later please",
    ),
    (answer(502, b""), UnavailableError, "502"),
    (answer(429, b""), RateLimitedError, "429"),
    (answer(409, {"message": "conflict"}), UnavailableError, "conflict"),
    (answer(413, b""), RejectedError, "413"),
    (answer(400, {"title": 1, "detail": None, "error": ["x"]}), RejectedError, "400"),
    (answer(400, b"[1, 2]"), RejectedError, "400"),
    (answer(400, b'"plain"'), RejectedError, "plain"),
]


@pytest.mark.parametrize(("sent", "kind", "text"), SHAPES)
def test_every_shape_of_an_error_is_understood(
    sent: ApiResponse, kind: type[ServiceError], text: str
) -> None:
    """Problem details, a gateway's fault, RFC 6749, HTML, text and nothing at all."""
    error = failure(sent, CONTRACT["documents.list"])
    assert type(error) is kind
    assert text in str(error)
    assert error.status == sent.status
    assert error.service == "banqup"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_a_broken_write_is_in_doubt() -> None:
    """Only reads can be unavailable: nobody knows whether a failed write was applied."""
    assert type(failure(answer(502), CONTRACT["documents.create"])) is OutcomeUnknownError
    assert type(failure(answer(429), CONTRACT["documents.create"])) is RateLimitedError


def test_a_request_id_is_found() -> None:
    """In the body, unless it says "none"; else in the usual headers."""
    operation = CONTRACT["documents.list"]
    in_body = failure(answer(400, {"requestId": "r1"}, x_request_id="r2"), operation)
    in_header = failure(answer(400, {"requestId": "none"}, x_request_id="r2"), operation)
    nowhere = failure(answer(400, {"requestId": 7}), operation)
    assert in_body is not None
    assert in_header is not None
    assert nowhere is not None
    assert [in_body.request_id, in_header.request_id, nowhere.request_id] == ["r1", "r2", None]


def test_a_retry_after_is_read() -> None:
    """Seconds, or a date by the server's own clock."""
    date = {"date": format_datetime(NOW, usegmt=True)}
    later = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    for text in ("90", later):
        error = failure(answer(429, retry_after=text, **date), CONTRACT["spaces.list"])
        assert error is not None
        assert error.retry_after == 90
        assert error.answered_at == NOW


def test_the_services_words_are_made_safe() -> None:
    """No line break, no escape, no more than 500 characters."""
    said = "a\nERROR forged\x1b[31m\u202e" + "x" * 1000
    error = failure(answer(400, {"detail": said}), CONTRACT["spaces.list"])
    text = str(error)
    assert text.isprintable()
    assert error is not None
    assert len(error.message) < 600


def jwt(**claims: object) -> str:
    """A token with these claims."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims, {})]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


EPOCH = int(NOW.timestamp())
LIVES: list[tuple[dict[str, Any], float]] = [
    ({"expires_at": "2026-03-01T13:00:00.000Z"}, 3600),
    ({"expires_at": "2026-03-01T14:00:00+01:00"}, 3600),
    ({"expires_at": "Sun, 01 Mar 2026 13:00:00 GMT"}, 3600),
    ({"expires_at": "2026-03-01T13:00:00.000Z", "expires_in": 5}, 3600),
    ({"expires_in": 480}, 480),
    ({"expires_in": "480"}, 480),
    ({"expires_in": 480.5}, 480.5),
    ({"expires_at": "2020-01-01T00:00:00Z", "expires_in": 480}, 480),
    ({"expires_at": "soon", "expires_in": 480}, 480),
    ({"expires_at": 17, "expires_in": 480}, 480),
    ({"expires_in": -5}, 300),
    ({"expires_in": 0}, 300),
    ({"expires_in": True}, 300),
    ({"expires_in": "never"}, 300),
    ({"expires_in": 10**30}, 300),
    ({"expires_in": 10**9}, 10**6),
    ({}, 300),
    ({"expires_at": None, "expires_in": None}, 300),
    ({"access_token": jwt(exp=EPOCH + 900, iat=EPOCH)}, 900),
    ({"access_token": jwt(exp=EPOCH + 900)}, 900),
    # Issued by a clock that is a day off: only the difference counts.
    ({"access_token": jwt(exp=EPOCH + 87_300, iat=EPOCH + 86_400)}, 900),
    ({"access_token": jwt(exp=EPOCH - 900)}, 300),
    ({"access_token": jwt(exp="x")}, 300),
    ({"access_token": jwt(exp=EPOCH + 900, iat=EPOCH), "expires_in": 60}, 60),
    ({"access_token": "a.b.c"}, 300),
    ({"access_token": "a.%%%.c"}, 300),
]


@pytest.mark.parametrize(("body", "life"), LIVES)
def test_the_life_of_a_token(body: dict[str, Any], life: float) -> None:
    """``expires_at``, ``expires_in``, the JWT's claim, 300 s: the first that lies ahead."""
    sent = answer(200, {"access_token": "t", **body}, date=format_datetime(NOW, usegmt=True))
    assert read_token(sent, CONTRACT["token.get"]).life == life


def test_without_a_date_our_own_clock_counts() -> None:
    """An answer that does not tell its time is believed to share ours."""
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    token = read_token(
        answer(200, {"access_token": "t", "expires_at": until}), CONTRACT["token.get"]
    )
    assert 3590 < token.life <= 3600


@pytest.mark.parametrize("shape", ["{}", '"{}"', "\n{}\n"])
def test_a_bare_jwt_is_a_token(shape: str) -> None:
    """An older page has the token as the whole answer, whatever it calls that."""
    value = jwt(exp=EPOCH + 900, iat=EPOCH)
    token = read_token(answer(200, shape.format(value).encode()), CONTRACT["token.get"])
    assert token.value.reveal() == value
    assert token.life == 900


@given(st.binary(max_size=100), st.sampled_from([200, 201, 400, 401, 403, 500]))
def test_no_token_answer_raises_anything_else(body: bytes, status: int) -> None:
    """Whatever comes is a token or one of our errors."""
    try:
        token = read_token(answer(status, body), CONTRACT["token.get"])
    except ServiceError:
        return
    assert token.life > 0
