"""Fuzz the answers of both services: whatever comes, nothing but a ServiceError is raised.

The first three bytes choose the call, the status and the media type; the rest is the body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from _client_kit._json import dumps, loads
from _client_kit._models import decode, encode
from banqup_client import BanqupClient, ClientCredentials, Message, ServiceError, Space
from zenvoices_client import RetryPolicy, UserLogin, WebhookEvent, ZenvoicesClient, verify_signature

STATUSES = (200, 201, 204, 400, 401, 403, 404, 405, 409, 410, 413, 415, 429, 500, 502, 503, 301)
KINDS = (
    "application/json",
    "application/problem+json",
    "text/html",
    "text/plain",
    "application/json; charset=utf-16",
    "",
)
SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ONCE = RetryPolicy(attempts=1)
GOOD_TOKENS = {
    "api.uat.btx.eu.banqup.com": {"access_token": "token", "expires_in": 300},
    "public.zenvoices.com": {"result": {"accessToken": "token"}, "success": True, "__abp": True},
}


def _answers(data: bytes) -> httpx.MockTransport:
    status, kind = STATUSES[data[1] % len(STATUSES)], KINDS[data[2] % len(KINDS)]
    tokens = data[0] >= 128
    body = data[3:]

    def answer(request: httpx.Request) -> httpx.Response:
        login = "token" in request.url.path.lower() or "auth" in request.url.path.lower()
        if login and not tokens:
            return httpx.Response(200, json=GOOD_TOKENS.get(request.url.host, {}))
        headers = {"Content-Type": kind, "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
        if data[1] >= 128:
            # As a server might: in any of the header fields that are read.
            text = body[:200].decode("latin-1").translate(_UNSENDABLE)
            headers |= dict.fromkeys(("Date", "Retry-After", "X-Request-Id"), text)
        return httpx.Response(status, headers=headers, content=body)

    return httpx.MockTransport(answer)


_UNSENDABLE = dict.fromkeys((*range(32), *range(127, 256)))


def _banqup(data: bytes) -> BanqupClient:
    from banqup_client import Environment

    app = ClientCredentials("app", "secret")
    return BanqupClient(app, Environment.UAT_EU, transport=_answers(data), retry=ONCE)


def _zenvoices(data: bytes) -> ZenvoicesClient:
    user = UserLogin("user", "password", organisation_code="acme")
    return ZenvoicesClient(user, transport=_answers(data), retry=ONCE)


def _all(rows: Iterable[Any]) -> None:
    for count, row in enumerate(rows):
        repr(row)
        if count == 200:  # the same answer for every page
            break


def _message(data: bytes) -> None:
    repr(Message.from_body(data[3:]))


def _webhook(data: bytes) -> None:
    header = data[3:103].decode("latin-1")
    if verify_signature(data[3:], header, "whs_secret"):
        raise AssertionError("a signature was guessed")
    repr(WebhookEvent.parse(data[3:]))


def _json(data: bytes) -> None:
    """What is read can be written, and what was written reads the same."""
    try:
        value = loads(data[3:])
    except ValueError:
        return
    try:
        text = dumps(value)
    except ValueError:  # a number no float can carry
        return
    loads(text.encode())
    if isinstance(value, dict):
        encode(decode(Space, value))


CALLS: tuple[Callable[[bytes], Any], ...] = (
    lambda data: _all(_banqup(data).spaces.list()),
    lambda data: _all(_banqup(data).documents.list(SPACE, folder="SALES")),
    lambda data: repr(_banqup(data).documents.get(SPACE, SPACE)),
    lambda data: repr(_banqup(data).files.details(SPACE, SPACE)),
    lambda data: repr(_banqup(data).users.me()),
    lambda data: repr(_banqup(data).messages.find()),
    lambda data: _all(_zenvoices(data).companies.list()),
    lambda data: repr(_zenvoices(data).companies.resolve("0042")),
    lambda data: _all(_zenvoices(data).inbox.list()),
    lambda data: repr(_zenvoices(data).inbox.details(7)),
    lambda data: repr(_zenvoices(data).inbox.find(external_id="x", company_id=7)),
    _message,
    _webhook,
    _json,
)


def target(data: bytes) -> None:
    """One call, answered with these bytes."""
    if len(data) < 3:
        return
    try:
        CALLS[data[0] % 128 % len(CALLS)](data)
    except ServiceError as error:
        str(error)
        error.copy()


def seeds() -> list[bytes]:
    """A right answer for every call, and the wrong ones of either service."""
    rows: dict[str, Any] = {
        "id": SPACE, "name": "Brouwerij De Molenbeek BV", "type": "COMPANY", "folder": "SALES",
        "category": "INVOICE", "files": [{"id": SPACE, "filename": "a.xml", "fileSize": 12}],
        "status": {"document": "VALIDATED", "pay": "UNPAID"}, "updatedAt": "2026-11-22T10:00:00Z",
        "downloadUrl": "https://storage.googleapis.com/b/f?X-Goog-Signature=00",
    }  # fmt: skip
    item = {"id": 7, "code": "0042", "name": "x", "externalId": "x", "administrationId": 7}
    right = [
        {"spaces": [rows]},
        {"documents": [rows], "page": 0, "size": 50, "total": 1},
        rows,
        {"extensionPoints": [rows]},
        {"access_token": "a.eyJleHAiOjF9.c", "expires_at": "2026-11-22T10:00:00Z"},
        {"__abp": True, "success": True, "result": {"items": [item], "totalCount": 1}},
        {"__abp": True, "success": True, "result": item},
        {"__abp": True, "success": True, "result": {"accessToken": "t", "expireInSeconds": 1}},
        {"__abp": True, "success": False, "result": None, "error": {"message": "Nee",
         "validationErrors": [{"message": "x", "members": ["externalId"]}]}},
        {"title": "Bad", "detail": "x", "requestId": "none", "fault": {"faultstring": "f"}},
        {"event": "Booking.Exported", "data": {"id": 1}},
    ]  # fmt: skip
    bodies = [json.dumps(value).encode() for value in right]
    bodies += [b"", b"<html>", b'{"a":1e999999}', b'"\\ud800"', b"[" * 80 + b"]" * 80, b"1" * 5000]
    return [
        bytes([call + 128 * (number % 2), number % len(STATUSES), 0]) + body
        for number, body in enumerate(bodies)
        for call in range(len(CALLS))
    ]
