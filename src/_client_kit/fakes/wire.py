"""The log entries and answers of a fake, for both sockets and the httpx transport."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from attrs import define, field, frozen


@define(eq=False, kw_only=True)
class FakeRequest:
    """One request in the fake's ``requests``, without its body."""

    operation: str = "unknown"
    """Name of the operation, such as ``"documents.list"``; ``"unknown"`` if none matched."""
    origin: str
    """The server that the request was sent to: ``"api"`` or ``"storage"``."""
    method: str
    path: str = field(init=False)
    """The path, still percent-encoded."""
    query: Mapping[str, str] = field(init=False, repr=False)  # a signed URL's query is a credential
    """The query's names and decoded values; the last value of a repeated name counts."""
    headers: Mapping[str, str] = field(repr=False)
    """Header fields; their names are in lower case."""
    status: int | None = field(init=False, default=None)
    """The answer's status; None if the client got no HTTP answer."""
    ignored: tuple[str, ...] = field(init=False, default=())
    """Names in the query, or in the JSON body of a list request, that the operation ignores."""
    fault: str | None = field(init=False, default=None)
    """Name of the scripted fault that hit this request, or None."""


Delivery = Literal["whole", "reset", "drop", "truncate", "garbage"]
"""How an answer is sent: the name of the ``Fault`` method that damages it, ``"reset"`` for a drop
with a TCP reset, or ``"whole"``."""


@frozen
class Reply:
    """An answer, before it is converted to bytes or an ``httpx.Response``.

    Attributes:
        pause: Seconds to wait before the answer is sent.
        delivery: How the answer is sent.
        size: Number of bytes of the body to send, if the answer is truncated.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(factory=dict[str, str])
    pause: float = 0.0
    delivery: Delivery = "whole"
    size: int = 0

    def headers_and(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the answer's headers, and those of ``more`` that the answer does not have."""
        have = {name.lower() for name in self.headers}
        added = {name: value for name, value in more.items() if name.lower() not in have}
        return {**self.headers, **added}

    def wire_body(self) -> tuple[bytes, int]:
        """Return the bytes to send and the length that the headers claim."""
        if self.status in {204, 304}:
            return b"", 0
        body = self.body[: self.size] if self.delivery == "truncate" else self.body
        claimed = {name.lower(): value for name, value in self.headers.items()}
        return body, int(claimed.get("content-length", len(self.body)))

    def wire_headers(self) -> Mapping[str, str]:
        """Return all headers to send, with Content-Length unless the status forbids it."""
        if self.status in {204, 304}:
            return self.headers
        return self.headers_and({"Content-Length": str(len(self.body))})


class RequestRefusedError(Exception):
    """The exception that a handler raises to send an answer at once."""

    def __init__(self, reply: Reply) -> None:
        """Store the answer."""
        super().__init__(reply.status)
        self.reply = reply


def json_reply(value: object, status: int = 200) -> Reply:
    """Return a JSON answer."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # An unpaired surrogate can be sent only as an escape, which Python and JSON write alike.
    body = text.encode(errors="backslashreplace")
    return Reply(status, body, {"Content-Type": "application/json; charset=utf-8"})


def html_reply(title: str, status: int) -> Reply:
    """Return a web page such as a gateway's page during maintenance."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
    return Reply(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def xml_error(code: str, message: str, status: int) -> Reply:
    """Return an error in the format of Google Cloud Storage."""
    text = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Reply(status, text.encode(), {"Content-Type": "application/xml; charset=UTF-8"})


def iso(moment: datetime | float) -> str:
    """Return a time in ISO-8601, in UTC with milliseconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
