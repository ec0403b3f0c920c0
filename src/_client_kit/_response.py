"""What came back from a call, and what one service makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from _client_kit._contract import Operation
from _client_kit._errors import ProtocolError, ServiceError
from _client_kit._json import JsonError, loads
from _client_kit._redaction import sanitise
from _client_kit._retry import parse_retry_after
from _client_kit._secret import Secret
from _client_kit._status import CONTRACT_HINT, WEB_PAGE_HINT, web_page
from _client_kit._text import Text
from _client_kit._times import parse_time

__all__ = ["ApiResponse", "Dialect", "Token", "TokenRequest", "no_token", "quoted"]


@frozen
class ApiResponse:
    """Status, header fields (lower-case names) and body of one answer.

    ``secrets`` are those of its request: a service may repeat them.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[Secret, ...] = field(default=(), repr=False)

    @property
    def date(self) -> datetime | None:
        """The server's time, from its ``Date`` header; None without a readable one."""
        value = self.headers.get("date")
        try:
            return None if value is None else parse_time(value)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds the service asked to wait."""
        return parse_retry_after(self.headers.get("retry-after"), self.date)

    @property
    def content_type(self) -> str:
        """Media type without parameters; empty where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_web_page(self) -> bool:
        """Whether the body is a page for browsers, such as a login page or a gateway's error."""
        if self.content_type in ("text/html", "application/xhtml+xml"):
            return True
        return self.body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, from the usual headers."""
        for name in ("x-request-id", "request-id", "x-correlation-id", "traceparent"):
            value = self.headers.get(name)
            if value:
                return self.words(value)[:100]
        return None

    def words(self, text: object) -> str:
        """The service's own words, safe to show: at most 500 on one line, without our secrets."""
        return sanitise(text, self.secrets)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            JsonError: It is not; see :func:`_client_kit._json.loads`.
        """
        return loads(self.body)

    def json_or_none(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return loads(self.body)
        except JsonError:
            return None

    def describe(self) -> Text:
        """What kind of body came, for error messages: never its content."""
        if not self.body:
            return Text("empty_body", "an empty body")
        size = len(self.body)
        if not self.content_type:
            return Text(
                "untyped_body", "{0} byte of no content type|{0} bytes of no content type", size
            )
        kind = self.words(self.content_type)[:60]
        return Text("body", "{0} byte of {1}|{0} bytes of {1}", size, kind)


@frozen
class Token:
    """An access token and how long it lives, in seconds from when it was asked for."""

    value: Secret
    life: float


@frozen
class TokenRequest:
    """The request that gets a token."""

    operation: Operation
    content: bytes = field(repr=False)
    content_type: str


def quoted(words: str) -> Text | None:
    """A service's own words as a part of our sentence; None where it said nothing."""
    return Text("said", "{0}", words) if words else None


def no_token(call: str, answer: ApiResponse, service: str) -> ProtocolError:
    """The error for a successful answer to a login that holds no access token."""
    message, hint = web_page(call, service, answer.describe()), WEB_PAGE_HINT
    if not answer.is_web_page:
        what = answer.describe()
        message = Text("no_token", "{0}: got {1} instead of an access token", call, what)
        hint = CONTRACT_HINT
    return ProtocolError(
        message,
        service=service,
        status=answer.status,
        request_id=answer.request_id,
        answered_at=answer.date,
        hint=hint,
    )


@frozen
class Dialect:
    """How one service speaks: all that the shared call needs to know of it.

    Attributes:
        service: Name for errors.
        token_request: Builds the request for a token.
        read_token: Reads the token from its answer, or raises.
        failure: The error an answer means, None for success; the flag says the call only reads.
        unwrap: The payload inside a successful answer's JSON.
        secret: The credential's own, which a service may repeat in its errors.
    """

    service: str
    token_request: Callable[[], TokenRequest]
    read_token: Callable[[ApiResponse], Token]
    failure: Callable[[ApiResponse, Operation], ServiceError | None]
    unwrap: Callable[[Any], Any]
    secret: Secret = Secret("")  # noqa: RUF009 - immutable

    def payload(self, answer: ApiResponse, operation: Operation) -> Any:
        """The JSON payload of a successful answer, in the names of our own contract.

        Raises:
            ProtocolError: The body is not JSON.
        """
        if operation.may_be_empty and not answer.body:
            return None
        try:
            return operation.rename_in(self.unwrap(answer.json()))
        except JsonError as error:
            reason = str(error)
        message = Text(
            "not_json",
            "{0}: expected JSON, got {1} with status {2}: {3}",
            *(operation.name, answer.describe(), str(answer.status), reason),
        )
        hint = CONTRACT_HINT
        if answer.is_web_page:
            message, hint = web_page(operation.name, self.service, answer.describe()), WEB_PAGE_HINT
        raise ProtocolError(
            message,
            service=self.service,
            status=answer.status,
            request_id=answer.request_id,
            answered_at=answer.date,
            hint=hint,
        )
