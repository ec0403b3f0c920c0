"""What travels between a fake's doors (sockets, httpx transport) and its state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal
from urllib.parse import parse_qsl

from attrs import define, field, frozen

Body = bytes | bytearray
"""A request's body: a server reads a large one straight into a bytearray."""


@define(eq=False, slots=False)
class Head:
    """A request as far as its headers, before its body was read."""

    origin: str
    """Which of the fake's origins was spoken to: ``"api"`` or ``"storage"``."""
    method: str
    target: str
    """Path and query exactly as they stood on the wire: a signature covers these bytes."""
    headers: Mapping[str, str] = field(repr=False)
    storage_url: str = ""
    """The storage origin as this client can reach it."""

    @cached_property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's names and decoded values; the last of a repeated name counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        """The token of an ``Authorization: Bearer`` header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" and token else None


@frozen
class FakeRequest:
    """One request as the fake saw it; never its body."""

    operation: str
    """Name of the operation, e.g. ``"documents.list"``; ``"unknown"`` where none matched."""
    origin: str
    method: str
    path: str
    query: Mapping[str, str] = field(repr=False)  # a signed URL's query is a credential
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    status: int | None = None
    """The status that was answered; None where the connection ended without an answer."""
    ignored: tuple[str, ...] = ()
    """Query names and list parameters that the operation does not know."""
    fault: str | None = None
    """The scripted fault that hit this request."""


@frozen
class Delivery:
    """How an answer reaches the client, where that is not simply whole."""

    kind: Literal["drop", "truncate", "cut", "drip", "garbage", "close"]
    reset: bool = True
    size: int = 0
    pause: float = 0.0
    raw: bytes = field(default=b"", repr=False)


@frozen
class Reply:
    """An answer, before a door turns it into bytes or an ``httpx.Response``."""

    status: int
    body: Body = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    pause: float = 0.0
    delivery: Delivery | None = None

    def with_header(self, name: str, value: str) -> Reply:
        """The same answer with a header it does not have yet."""
        if any(have.lower() == name.lower() for have, _ in self.headers):
            return self
        headers = (*self.headers, (name, value))
        return Reply(self.status, self.body, headers, self.pause, self.delivery)

    def wire_body(self) -> tuple[Body, int]:
        """The body to send and the length its headers claim, which a fault may have bent."""
        if self.status in {204, 304}:
            return b"", 0
        body = self.body
        if self.delivery is not None and self.delivery.kind == "cut":
            body = body[: self.delivery.size]
        claimed = {name.lower(): value for name, value in self.headers}
        return body, int(claimed.get("content-length", len(body)))

    def wire_headers(self) -> tuple[tuple[str, str], ...]:
        """All headers to send, with the Content-Length unless the answer may have none."""
        unmeasured = self.delivery is not None and self.delivery.kind == "cut"
        if unmeasured or self.status in {204, 304}:
            return self.headers
        return self.with_header("Content-Length", str(len(self.body))).headers


class RequestRefusedError(Exception):
    """Raised by a handler to answer at once."""

    def __init__(self, reply: Reply) -> None:
        """Remember the answer."""
        super().__init__(reply.status)
        self.reply = reply


def json_reply(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    try:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate travels only as an escape
        body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(status, body, (("Content-Type", "application/json; charset=utf-8"),))


def html_reply(title: str, status: int) -> Reply:
    """A web page, as a gateway or a maintenance switch answers."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
    return Reply(status, page.encode(), (("Content-Type", "text/html; charset=utf-8"),))


def xml_error(code: str, message: str, status: int) -> Reply:
    """An error as Google Cloud Storage answers it."""
    text = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Reply(status, text.encode(), (("Content-Type", "application/xml; charset=UTF-8"),))


def iso(moment: datetime | float) -> str:
    """A time in ISO-8601, UTC, with milliseconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
