"""The response of a call, and the :class:`Dialect`, which describes a service's API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from _client_kit._contract import Contract, Operation
from _client_kit._errors import ProtocolError, ServiceError
from _client_kit._json import JsonError, is_list, is_object, loads
from _client_kit._operations import USER_CODE, Answer
from _client_kit._redaction import sanitise
from _client_kit._retry import parse_retry_after
from _client_kit._secret import Secret
from _client_kit._status import CONTRACT_HINT, WEB_PAGE_HINT, WHOLE_HINT
from _client_kit._text import Text
from _client_kit._times import parse_time

T = TypeVar("T")


@frozen
class ApiResponse(Answer):
    """An answer to a call of this library, with its parsed headers and the secrets to mask.

    ``secrets`` are the request's credentials. The service may repeat them in an error message, so
    they are masked there.
    """

    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    conclusive: bool = True
    """False if the result "not found" proves nothing: the user's function made no call, or one of
    its calls failed otherwise than with "not found"."""

    @property
    def date(self) -> datetime | None:
        """The server's time, from the ``Date`` header; None if it is missing or invalid."""
        value = self.headers.get("date")
        try:
            return None if value is None else parse_time(value)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, 0 to 3600, from ``Retry-After``; None if it is missing or invalid."""
        return parse_retry_after(self.headers.get("retry-after"), self.date)

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_web_page(self) -> bool:
        """Whether the body is HTML, such as a login page or a gateway's error page."""
        if self.content_type in ("text/html", "application/xhtml+xml"):
            return True
        return self.body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, from headers such as ``X-Request-Id``, or None."""
        for name in ("x-request-id", "request-id", "x-correlation-id", "traceparent"):
            value = self.headers.get(name)
            if value:
                return self.words(value)[:100]
        return None

    @property
    def facts(self) -> dict[str, Any]:
        """Status, request id and server's time, as arguments of an error."""
        return {"status": self.status, "request_id": self.request_id, "answered_at": self.date}

    def words(self, text: object) -> str:
        """Return a service's text as one line of at most 500 characters, with secrets masked."""
        return sanitise(text, self.secrets)

    def json_or_none(self) -> Any:
        """Return the decoded JSON body, or None if it is not valid JSON."""
        try:
            return loads(self.body)
        except JsonError:
            return None

    def describe(self) -> Text:
        """Return the size and media type of the body, for error messages."""
        if not self.body:
            return Text("empty_body", "an empty body")
        kind = self.words(self.content_type)[:60] or Text("no_type", "no content type")
        return Text("body", "{0} byte of {1}|{0} bytes of {1}", len(self.body), kind)


@frozen
class Token:
    """An access token and its lifetime in seconds, counted from the request for it."""

    value: Secret
    life: float


@frozen
class Page(Generic[T]):
    """One page of a list, from one response.

    Attributes:
        items: The page's entries.
        total: Number of entries in the whole list, as the service says; None if it does not.
        answered_at: The server's time of the response, from its ``Date`` header, or None.
        unreadable: Number of entries that are not JSON objects; ``items`` leaves them out.
    """

    items: tuple[T, ...]
    total: int | None = None
    answered_at: datetime | None = None
    unreadable: int = 0
    full: bool = True
    """False if the page looks like the last one: it is empty, or shorter than was requested."""
    next: Any = None
    """The position of the next page; None if the service says that there is none."""
    fingerprint: int = 0
    """A number by which this process recognises a repeated page with entries."""
    repeat_is_end: bool = False
    """Whether the list is complete if this page is equal to the page directly before it."""


def fingerprint(rows: list[Any]) -> int:
    """Return a number that is equal for pages with equal rows, within one process."""
    return hash(repr(rows))


def object_of(body: bytes, name: str, *, service: str) -> dict[str, Any]:
    """Return the JSON object that a service has sent to the application.

    Args:
        body: The body of the service's request.
        name: Name of the body, such as ``webhook``, to put into the error.
        service: Name of the service, to put into the error.

    Raises:
        ProtocolError: The body is not a JSON object.
    """
    try:
        value = loads(body)
    except JsonError as error:
        problem = str(error)
    else:
        if is_object(value):
            return value
        problem = "not a JSON object"
    raise ProtocolError(f"{name}: {problem}", service=service)


def quoted(words: str) -> Text | None:
    """Return a service's text as part of a message; None if the text is empty."""
    return Text("said", "{0}", words) if words else None


def no_token(call: str, answer: ApiResponse, service: str) -> ProtocolError:
    """Return the error for a login that was answered with a success but without a token."""
    what = answer.describe()
    message = Text("no_token", "{0}: got {1} instead of an access token", call, what)
    return _unreadable(message, call, answer, service)


def _unreadable(
    message: Text, call: str, answer: ApiResponse, service: str, hint: Text = CONTRACT_HINT
) -> ProtocolError:
    """Return the error for a successful answer with a wrong body.

    A web page gets a message and a hint of its own.
    """
    if answer.is_web_page:
        name, body = service.capitalize(), answer.describe()
        message = Text("web_page", "{0}: this is a web page, not {1} ({2})", call, name, body)
        hint = WEB_PAGE_HINT
    return ProtocolError(message, service=service, hint=hint, operation=call, **answer.facts)


def object_in(payload: Any, operation: Operation, answer: ApiResponse) -> dict[str, Any]:
    """Return the payload, if it is a JSON object.

    Raises:
        ProtocolError: The payload is not a JSON object.
    """
    if not is_object(payload):
        raise unexpected(operation, answer, Text("an_object", "an object"))
    return payload


def rows_in(payload: Any, member: str, operation: Operation, answer: ApiResponse) -> list[Any]:
    """Return the list in a member of the payload.

    Raises:
        ProtocolError: The payload has no such list.
    """
    rows = payload.get(member) if is_object(payload) else None
    if not is_list(rows):
        expected = Text("object_with_list", "an object with a list {0!r}", member)
        raise unexpected(operation, answer, expected)
    return rows


def unexpected(operation: Operation, answer: ApiResponse, expected: Text) -> ProtocolError:
    """Return the error for an answer with an unexpected structure.

    If a user's function returned the payload, the error names the function and does not advise to
    correct the contract.
    """
    own = operation.function is not None
    return ProtocolError(
        Text("unexpected_shape", "{0}: expected {1}", operation.label, expected),
        service=operation.service,
        hint=None if own else CONTRACT_HINT,
        operation=operation.name,
        code=USER_CODE if own else None,
        **answer.facts,
    )


@frozen
class Dialect:
    """The description of one service's API that ``_async/_calls.py`` uses.

    Attributes:
        service: Name of the service, to put into errors.
        contract: The operations, with the user's corrections and functions.
        login: The operation that returns a token.
        login_type: Media type of the login's body.
        login_body: Returns the login's body.
        read_token: Returns the token in a response to the login, or raises.
        failure: Returns the error for a response to an operation; None if the call succeeded.
        unwrap: Returns the payload inside the JSON of a successful answer.
        secret: The secret of the credential, which a service may repeat in its errors.
    """

    service: str
    contract: Contract
    login: Operation
    login_type: str
    login_body: Callable[[], bytes]
    read_token: Callable[[ApiResponse, Operation], Token]
    failure: Callable[[ApiResponse, Operation], ServiceError | None]
    unwrap: Callable[[Any], Any]
    secret: Secret = Secret("")  # noqa: RUF009 - immutable

    def payload(self, answer: ApiResponse, operation: Operation) -> Any:
        """Return the JSON payload of a successful answer, with the names of our contract.

        The payload is None if the body is empty and the operation allows this.

        Raises:
            ProtocolError: The body is not JSON, or is empty although the operation does not allow
                this.
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
        hint = WHOLE_HINT if operation.may_be_empty else CONTRACT_HINT
        raise _unreadable(message, operation.name, answer, self.service, hint)
