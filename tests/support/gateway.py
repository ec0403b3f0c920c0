"""Something between us and a service that refuses or breaks what it does not like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

__all__ = ["HTML", "Gateway", "Rule", "envelope", "problem"]

Rule = Callable[[httpx.Request, bytes], "httpx.Response | Exception | None"]
HTML = {"content-type": "text/html"}


class Gateway(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Passes requests on, but for those that its rule answers or breaks itself."""

    def __init__(self, inner: Any, rule: Rule) -> None:
        self._inner = inner
        self._rule = rule

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response | None:
        answer = self._rule(request, body)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        own = self._answer(request, body)
        return self._inner.handle_request(request) if own is None else own

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        own = self._answer(request, body)
        return await self._inner.handle_async_request(request) if own is None else own


def envelope(status: int, message: str = "no") -> httpx.Response:
    """A refusal in Zenvoices' own words."""
    error = {"code": 0, "message": message, "details": None, "validationErrors": None}
    body = {"result": None, "success": False, "error": error, "__abp": True}
    return httpx.Response(status, json=body)


def problem(status: int, title: str = "No") -> httpx.Response:
    """A refusal in Banqup's own words."""
    return httpx.Response(status, json={"status": status, "error": "X", "title": title})
