"""A small service of one's own, in memory, to test the shared call with."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from _client_kit._async._calls import AsyncCalls
from _client_kit._clock import unchecked
from _client_kit._contract import Contract, Operation, Property
from _client_kit._errors import (
    CredentialsError,
    OutcomeUnknownError,
    ProtocolError,
    ServiceError,
    UnavailableError,
)
from _client_kit._response import ApiResponse, Dialect, Token
from _client_kit._secret import Secret
from _client_kit._status import meaning_of
from _client_kit._sync._calls import Calls

ORIGIN = "https://api.example"
PASSWORD = "canary-password-5f1e"
TOKEN = "canary-token-9a7c"

T = TypeVar("T")


def operation(name: str, method: str, path: str, **options: Any) -> Operation:
    """An operation that is safe where it is a GET."""
    known = tuple(Property(item, "assumed", "test") for item in options.pop("properties", ()))
    return Operation(
        name=name,
        method=method,
        path=path,
        query=options.pop("query", {}),
        sends=known,
        reads=known,
        evidence="assumed",
        source="test",
        safe=options.pop("safe", method == "GET"),
        **options,
    )


TOKEN_CALL = operation("token.get", "POST", "/token")
READ = operation("things.get", "GET", "/things/{thing_id}", query={"since": "from", "word": "q"})
WRITE = operation("things.create", "POST", "/things")


def read_token(answer: ApiResponse, _operation: Operation) -> Token:
    """The token of an answer: 401 is a refusal, anything else that is no success a fault."""
    if answer.status == 401:
        message = "the password was refused"
        raise CredentialsError(message, service="bridge", status=401)
    if answer.status != 200:
        error = failure(answer, TOKEN_CALL)
        if isinstance(error, OutcomeUnknownError):
            message = "the token service failed"
            raise UnavailableError(message, service="bridge", status=answer.status)
        assert error is not None
        raise error
    body = answer.json_or_none()
    if not isinstance(body, dict):
        message = "no token in the answer"
        raise ProtocolError(message, service="bridge")
    return Token(Secret(body["token"]), float(body.get("life", 3600.0)))


def failure(answer: ApiResponse, operation: Operation) -> ServiceError | None:
    """What a status means, without a body's help."""
    if 200 <= answer.status < 300:
        return None
    kind, text, hint = meaning_of(answer.status, safe=operation.safe)
    return kind(
        f"{operation.name}: {text}",
        service="bridge",
        status=answer.status,
        retry_after=answer.retry_after,
        request_id=answer.request_id,
        hint=hint,
        answered_at=answer.date,
    )


def dialect(password: str = PASSWORD) -> Dialect:
    """How the test service speaks."""
    secret = Secret(password)
    return Dialect(
        service="bridge",
        contract=Contract("bridge", {}),
        login=TOKEN_CALL,
        login_type="text/plain",
        login_body=lambda: f"password={secret.reveal()}".encode(),
        read_token=read_token,
        failure=failure,
        unwrap=lambda body: body,
    )


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer's body in the pieces given; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in iter(self):
            yield piece


def reply(
    status: int = 200,
    body: object = None,
    headers: dict[str, str] | None = None,
    *,
    pieces: tuple[bytes | Exception, ...] | None = None,
) -> httpx.Response:
    """An answer with a JSON body, with these bytes, or with these pieces."""
    if pieces is None:
        pieces = (body if isinstance(body, bytes) else json.dumps(body).encode(),)
    return httpx.Response(status, headers=headers or {}, stream=Body(*pieces))


class WatchedBody(Body):
    """A body that notes the read timeout in force when its first piece is asked for."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(*pieces)
        self.request: httpx.Request | None = None
        self.read_timeout: float | None = None

    def __iter__(self) -> Iterator[bytes]:
        assert self.request is not None
        self.read_timeout = self.request.extensions["timeout"]["read"]
        return super().__iter__()


class Service(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers by script; gives out tokens by itself.

    Attributes:
        script: What the next calls get, one each: an answer, or an exception that is raised. After
            its end every call gets ``{"ok": true}``.
        token_script: The same for token requests; after its end each gets a fresh token.
        requests: Every request but those for a token, with its body.
        token_requests: Those for a token.
        before_token: Called when a token request arrives.
        closed: Whether the transport was closed.
    """

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script = list(script)
        self.token_script: list[httpx.Response | Exception] = []
        self.token_life = 3600.0
        self.requests: list[tuple[httpx.Request, bytes]] = []
        self.token_requests: list[httpx.Request] = []
        self.closed = False
        self.before_token: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        if request.url.path == "/token":
            self.before_token()
        with self._lock:
            if request.url.path == "/token":
                self.token_requests.append(request)
                number = len(self.token_requests)
                token = {"token": f"{TOKEN}-{number}", "life": self.token_life}
                step = self.token_script.pop(0) if self.token_script else reply(200, token)
            else:
                self.requests.append((request, body))
                step = self.script.pop(0) if self.script else reply(200, {"ok": True})
        if isinstance(step, Exception):
            raise step
        if isinstance(step.stream, WatchedBody):
            step.stream.request = request
        return step

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        return self._answer(request, b"".join(request.stream))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        # Others get their turn here, as they would on a socket.
        for _ in range(3):
            await asyncio.sleep(0)
        return self._answer(request, b"".join([piece async for piece in request.stream]))

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    async def aclose(self) -> None:
        """Remember it."""
        self.closed = True

    @property
    def bearers(self) -> list[str | None]:
        """The Authorization header of each request."""
        return [request.headers.get("authorization") for request, _ in self.requests]


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep_sync(self, seconds: float) -> None:
        """Let time pass at once, and remember how much."""
        self.pauses.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass at once, and remember how much."""
        self.sleep_sync(seconds)


async def call_async(
    calls: AsyncCalls,
    operation: Operation,
    *,
    deadline: float | None = None,
    timeout: float | None = None,
    check: Callable[[], object] = unchecked,
    **request: Any,
) -> tuple[Any, ApiResponse]:
    """Call an operation within the limits given, which are the client's own by default."""
    limit = calls.limit(deadline, timeout, check)
    return await calls.call(operation, limit=limit, **request)


def call_sync(
    calls: Calls,
    operation: Operation,
    *,
    deadline: float | None = None,
    timeout: float | None = None,
    check: Callable[[], object] = unchecked,
    **request: Any,
) -> tuple[Any, ApiResponse]:
    """Call an operation within the limits given, which are the client's own by default."""
    limit = calls.limit(deadline, timeout, check)
    return calls.call(operation, limit=limit, **request)


async def together_async(count: int, job: Callable[[int], Awaitable[T]]) -> list[T | Exception]:
    """What so many tasks of one loop return or raise, started at once."""

    async def run(number: int) -> T | Exception:
        try:
            return await job(number)
        except Exception as error:
            return error

    return list(await asyncio.gather(*(run(number) for number in range(count))))


def together_sync(count: int, job: Callable[[int], T]) -> list[T | Exception]:
    """What so many threads return or raise, started at once."""
    barrier = threading.Barrier(count)

    def run(number: int) -> T | Exception:
        barrier.wait()
        try:
            return job(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
