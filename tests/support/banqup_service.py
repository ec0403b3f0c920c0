"""A Banqup that answers what a test tells it to, in memory."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
from attrs import define, field

from _client_kit.fakes.service import Call, Route
from _client_kit.fakes.wire import Reply, json_reply
from banqup_client import ClientCredentials, RetryPolicy
from banqup_client._fake.service import StoredDocument, StoredSpace
from banqup_client.testing import FakeBanqup, FakeFile

SECRET = "canary-secret-7d21"
TOKEN = "canary-token-41fe"
SIGNATURE = "canary-signature-9b03"
SPACE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
LOOPBACK = "http://127.0.0.1:9"
API = "https://api.uat.btx.eu.banqup.com"
ONCE = RetryPolicy(attempts=1)
STEADY = RetryPolicy(wait_jitter=0.0)

Handler = Callable[[httpx.Request], object]


def credentials() -> ClientCredentials:
    """Fresh credentials that both the fake and :class:`Scripted` accept."""
    return ClientCredentials("demo-app", SECRET)


@define(eq=False, repr=False, slots=False, kw_only=True)
class UnhelpfulBanqup(FakeBanqup):
    """A fake whose list of documents can be as unhelpful as a service may be.

    Attributes:
        order: ``"newest_first"`` or ``"oldest_first"``, by time of creation and then as they were
            added; None for the fake's own order.
        ignore: Filters of the list that have no effect: ``"folder"``, ``"updatedSince"``.
        total: The ``total`` of the list; None for the true number.
    """

    order: str | None = None
    ignore: set[str] = field(factory=set[str])
    total: int | None = None

    def _listing(
        self, space: StoredSpace, folder: str | None, since: float | None
    ) -> list[StoredDocument]:
        if "folder" in self.ignore:
            folder = None
        if "updatedSince" in self.ignore:
            since = None
        found = super()._listing(space, folder, since)
        if self.order is not None:
            newest = self.order == "newest_first"
            added = {name: place for place, name in enumerate(space.documents)}
            found.sort(key=lambda document: added[document.id])
            found.sort(key=lambda document: document.created, reverse=newest)
        return found

    def _list_documents(self, call: Call) -> Reply:
        reply = super()._list_documents(call)
        if self.total is None or reply.status != 200:
            return reply
        return json_reply({**json.loads(reply.body), "total": self.total})


@define(eq=False, repr=False, slots=False, kw_only=True)
class OtherTokens(FakeBanqup):
    """A fake whose token requests are answered in another way; it has the older path too.

    Attributes:
        style: Where the token's lifetime is: ``"expires_in"``, ``"jwt"`` (only in the JWT),
            ``"bare"`` (the whole answer is a JWT), ``"opaque"`` (nowhere), or ``"expires_at"``.
    """

    style: str = "bare"

    def _routes(self) -> Sequence[Route]:
        path = "/oauth2/client_credential/accesstoken"
        return (*super()._routes(), Route("token.get", "POST", path, self._token, public=True))

    def _token(self, call: Call) -> Reply:
        reply = super()._token(call)
        if reply.status != 200:
            return reply
        answer = json.loads(reply.body)
        if self.style in {"jwt", "bare"}:
            token = jwt(iat=int(self.clock()), exp=int(self.clock() + self.token_life))
            self._tokens[token] = self._tokens.pop(answer["access_token"])
            answer["access_token"] = token
        if self.style == "bare":
            return Reply(200, token.encode(), {"Content-Type": "text/plain"})
        if self.style != "expires_at":
            del answer["expires_at"]
        if self.style == "expires_in":
            answer["expires_in"] = int(self.token_life)
        return json_reply(answer)


def jwt(**claims: object) -> str:
    """A JWT with these claims and a random signature."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    encoded = map(base64.urlsafe_b64encode, (*parts, secrets.token_bytes(32)))
    return ".".join(part.rstrip(b"=").decode() for part in encoded)


def fake_banqup(**options: Any) -> UnhelpfulBanqup:
    """A fake that accepts :func:`credentials`."""
    return UnhelpfulBanqup(client_secret=SECRET, **options)


def invoice(content: bytes = b"<Invoice/>", **options: Any) -> FakeFile:
    """A file that is UBL by its name."""
    return FakeFile("F1.xml", "application/xml", content, **options)


class Scripted(httpx.MockTransport):
    """Answers token requests by itself and all others with a handler.

    The handler returns an httpx response, or a value to answer as JSON.

    Attributes:
        requests: Every request but those for a token.
        token_requests: Those for a token.
    """

    def __init__(self, handler: Handler, token: object = None) -> None:
        super().__init__(self._answer)
        self._answer_with = handler
        self._token = token
        self.requests: list[httpx.Request] = []
        self.token_requests: list[httpx.Request] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/oauth2/"):
            self.token_requests.append(request)
            return as_response(self._token or {"access_token": TOKEN, "expires_in": 300})
        self.requests.append(request)
        return as_response(self._answer_with(request))


def as_response(value: object) -> httpx.Response:
    """The value itself where it is a response, bytes as they are, anything else as JSON."""
    if isinstance(value, httpx.Response):
        return value
    if isinstance(value, bytes):
        return httpx.Response(200, content=value)
    return httpx.Response(200, content=json.dumps(value).encode())


def file_details(url: str | None, size: int | None, **more: object) -> Mapping[str, object]:
    """Details of a file that can be downloaded."""
    details = {"id": "f1", "status": "AVAILABLE", "fileSize": size, "downloadUrl": url}
    return {name: value for name, value in {**details, **more}.items() if value is not None}
