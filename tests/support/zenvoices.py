"""What the tests of the Zenvoices client share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from zenvoices_client import RetryPolicy, UserLogin

ONCE = RetryPolicy(attempts=1)
"""No second try, so no pause."""


def login(password: str = "demo-password", **changes: str) -> UserLogin:
    """The login of the fake's first user."""
    values = {"user": "api-user", "organisation_code": "acme", **changes}
    return UserLogin(values["user"], password, organisation_code=values["organisation_code"])


def enveloped(result: object, **changes: object) -> dict[str, Any]:
    """An answer in the ABP envelope."""
    return {
        "result": result,
        "targetUrl": None,
        "success": True,
        "error": None,
        "unAuthorizedRequest": False,
        "__abp": True,
        **changes,
    }


def refusal(message: str = "Nee", **changes: object) -> dict[str, Any]:
    """A refusal in the ABP envelope."""
    error = {"code": 0, "message": message, "details": None, "validationErrors": None, **changes}
    return enveloped(None, success=False, error=error)


TOKEN = {"accessToken": "token-1", "expireInSeconds": 86400}

Answer = Callable[[httpx.Request], httpx.Response]


def answering(answer: Answer | object, status: int = 200, **headers: str) -> httpx.MockTransport:
    """A transport that logs in whoever asks and gives every call one answer.

    Args:
        answer: A function of the request, the body's bytes, or a JSON value.
        status: The answer's status.
        headers: More headers of the answer.
    """

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/TokenLogin"):
            return httpx.Response(200, json=enveloped(TOKEN))
        if callable(answer):
            made: httpx.Response = answer(request)
            return made
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, content=body, headers=given)

    return httpx.MockTransport(handle)


class Pages:
    """A list's answers, page by page, and what was asked for them."""

    def __init__(self, *pages: object) -> None:
        self.pages = list(pages)
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The next page; the last is given again and again."""
        self.asked.append(json.loads(request.content))
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        return httpx.Response(200, json=page)


def page(*ids: int, total: object = None) -> dict[str, Any]:
    """A page of a list with records that have these ids."""
    return {"items": [{"id": number} for number in ids], "totalCount": total}
