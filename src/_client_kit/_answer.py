"""What came back from a call, and what one service makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from html import escape
from json import dumps
from typing import Any
from urllib.parse import quote, quote_plus

from attrs import field, frozen

from _client_kit._contract import Operation
from _client_kit._errors import ProtocolError, ServiceError
from _client_kit._json import JsonError, loads
from _client_kit._log_filter import redact_addresses
from _client_kit._retry import parse_retry_after
from _client_kit._secret import Secret
from _client_kit._times import parse_time

__all__ = ["Answer", "Dialect", "Token", "TokenRequest", "sanitise", "scrub"]

MAX_SERVER_TEXT = 500
SHORTEST_SECRET = 6  # what is shorter stands in ordinary words, too


def sanitise(text: object) -> str:
    """A service's own words, safe to show: one line, nothing invisible, at most 500 long."""
    shown = str(text)[: 10 * MAX_SERVER_TEXT]  # cut early: an answer may be large
    shown = redact_addresses(_one_line(shown)).strip()
    return shown if len(shown) <= MAX_SERVER_TEXT else shown[: MAX_SERVER_TEXT - 1] + "…"


def _one_line(text: str) -> str:
    if text.isprintable():  # control, direction, format characters, and spaces but for " "
        return text
    shown = "".join(char if char.isprintable() else "\n" for char in text)
    return re.sub("\n+", " ", shown)


def scrub(error: ServiceError, *secrets: Secret) -> ServiceError:
    """The error, without secrets that the service repeated in its own words."""
    for secret in secrets:
        plain = secret.reveal()
        if len(plain) < SHORTEST_SECRET:
            continue
        any_writing = re.compile("".join(map(_written, plain)), re.IGNORECASE)
        error.message = any_writing.sub("***", error.message)
        error.members = tuple(any_writing.sub("***", member) for member in error.members)
        if error.request_id is not None:
            error.request_id = any_writing.sub("***", error.request_id)
        for one in _writings(plain):
            error.message = _masked(error.message, one)
            error.members = tuple(_masked(member, one) for member in error.members)
            if error.request_id is not None:
                error.request_id = _masked(error.request_id, one)
    error.args = (error.message,)
    return error


def _written(char: str) -> str:
    """A pattern for one character, escaped for JSON, a form, HTML, or several of them in turn."""
    units = char.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    forms = [
        r"\\*" + re.escape(char),
        "".join(rf"\\+u{pair}" for pair in pairs),
        "".join(f"%(?:25)*{byte:02x}" for byte in char.encode("utf-8", "surrogatepass")),
        f"&#0*{ord(char)};|&#x0*{ord(char):x};|{re.escape(escape(char))}",
    ]
    short = dumps(char)[1:-1]
    if short.startswith("\\") and short[1] != "u":
        forms.append(r"\\+" + re.escape(short[1:]))
    if char == " ":
        forms.append(r"\+")
    elif not char.isprintable():
        forms.append(" ?")  # what a cleaned text shows of it, or of a row of them
    return f"(?:{'|'.join(forms)})"


def _writings(secret: str) -> Iterable[str]:
    """How a secret may be written whose end was cut off: as it is, in a form, in JSON; cleaned."""
    forms = (secret, quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace"))
    quoted = (dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    written = dict.fromkeys((*forms, *quoted))
    # Longest first: one may hold another.
    every = {*written, *map(_one_line, written)}
    return sorted((one for one in every if len(one) >= SHORTEST_SECRET), key=len, reverse=True)


def _masked(text: str, secret: str) -> str:
    """The text without a secret, and without its beginning where the text was cut inside it."""
    text = text.replace(secret, "***")
    whole = text.removesuffix("…")
    for length in range(min(len(secret), len(whole)), SHORTEST_SECRET - 1, -1):
        if whole.endswith(secret[:length]):
            return f"{whole[:-length]}***"
    return text


@frozen
class Answer:
    """Status, header fields (lower-case names) and body of one answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

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
    def request_id(self) -> str | None:
        """The service's id of the request, from the usual headers."""
        for name in ("x-request-id", "request-id", "x-correlation-id", "traceparent"):
            value = self.headers.get(name)
            if value:
                return sanitise(value)[:100]
        return None

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

    def describe(self) -> str:
        """What kind of body came, for error messages: never its content."""
        if not self.body:
            return "an empty body"
        kind = self.content_type or "no content type"
        return f"{len(self.body)} bytes of {sanitise(kind)[:60]}"


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
    read_token: Callable[[Answer], Token]
    failure: Callable[[Answer, Operation], ServiceError | None]
    unwrap: Callable[[Any], Any]
    secret: Secret = Secret("")  # noqa: RUF009 - immutable

    def payload(self, answer: Answer, operation: Operation) -> Any:
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
        message = (
            f"{operation.name}: expected JSON, got {answer.describe()} "
            f"with status {answer.status}: {reason}"
        )
        raise ProtocolError(
            message,
            service=self.service,
            status=answer.status,
            request_id=answer.request_id,
            answered_at=answer.date,
        )
