"""Make every API call: deadline, token, request, classification, retry, token renewal."""

from __future__ import annotations

import ssl
import sys
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar, cast

import httpx
from attrs import evolve

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from _client_kit._address import check_base_url, check_header_text, origin_of
from _client_kit._arguments import check_instance, check_seconds
from _client_kit._async._body import AsyncJsonBody
from _client_kit._async._per_loop import AsyncPerLoop
from _client_kit._clock import Deadline, unchecked
from _client_kit._contract import Operation
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    ServiceError,
    UnavailableError,
)
from _client_kit._files import BodyPart, FileSource, json_parts, size_of
from _client_kit._operations import (
    Answer,
    Asked,
    Call,
    FunctionRun,
    check_headers,
    operation_of,
    url_with,
)
from _client_kit._redaction import OwnCall, without_traceback
from _client_kit._request import (
    BROKEN,
    PreparedRequest,
    TargetError,
    TooLargeError,
    transport_failure,
)
from _client_kit._response import ApiResponse, Dialect, Token
from _client_kit._retry import RetryPolicy
from _client_kit._signals import raised_by_signal_handler, signal_error
from _client_kit._status import ADDRESS_HINT
from _client_kit._text import Text, joined
from _client_kit._tls import opened, proxy_of, shared_ssl_context
from _client_kit._tokens import TokenCache
from _client_kit._version import __version__

_T = TypeVar("_T")

MAX_ANSWER = 64 * 1024 * 1024

AsyncContent = bytes | AsyncIterable[bytes]

_BY_HAND = Operation(name="", method="", path="")


class AsyncCalls:
    """The calls of one client, which uses one service with one credential."""

    def __init__(
        self,
        dialect: Dialect,
        states: dict[str, TokenCache],
        *,
        base_url: str,
        timeout: float,
        deadline: float,
        user_agent: str | None,
        retry: RetryPolicy | None,
        transport: httpx.AsyncBaseTransport | None,
        http_client: httpx.AsyncClient | None,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.service = dialect.service
        self.contract = dialect.contract
        self.base_url = check_base_url(base_url, service=self.service)
        self.origin = origin_of(self.base_url)
        self.timeout = check_seconds(timeout, "timeout", service=self.service)
        self.deadline = check_seconds(deadline, "deadline", service=self.service)
        self._dialect = dialect
        # The key is the base URL: a token for one address is never sent to another address.
        self._state = states.setdefault(self.base_url, TokenCache())
        self.user_agent = f"banqup-zenvoices/{__version__}"
        if user_agent:
            check_header_text(user_agent, "user_agent", service=self.service)
            self.user_agent = f"{user_agent} {self.user_agent}"
        self.retry = RetryPolicy() if retry is None else retry
        check_instance(self.retry, RetryPolicy, "retry", service=self.service)
        # Do not accept compression: a compressed answer can have any size when it is unpacked.
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": self.user_agent,
        }
        self._owned = http_client is None
        if http_client is not None and transport is not None:
            message = "give transport= or http_client=, not both"
            raise ConfigurationError(message, service=self.service)
        given: tuple[tuple[str, object, type[object]], ...] = (
            ("transport", transport, httpx.AsyncBaseTransport),
            ("http_client", http_client, httpx.AsyncClient),
            ("ssl_context", ssl_context, ssl.SSLContext),
        )
        for name, value, kind in given:
            if value is not None:
                check_instance(value, kind, name, service=self.service)
        if http_client is not None and http_client.event_hooks["response"]:
            raise ConfigurationError(
                "http_client must have no response hooks",
                service=self.service,
                hint="They are called before an answer is read: one that raises for a status turns "
                "a refusal into a doubt. This library raises typed errors by itself.",
            )

        def open_client() -> httpx.AsyncClient:
            proxy = None if transport is not None else proxy_of(self.base_url)
            return httpx.AsyncClient(
                verify=ssl_context or shared_ssl_context(),
                transport=transport,
                proxy=proxy.reveal() if proxy else None,
                trust_env=False,
                follow_redirects=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            )

        open_checked = partial(opened, open_client, service=self.service)
        # Processes and event loops must not share connections, so each gets its own httpx client.
        # An injected client or transport is used in all of them.
        if http_client is None and transport is not None:
            http_client = open_checked()
        self._given = http_client
        self._clients = AsyncPerLoop(open_checked)

    def limit(
        self,
        deadline: float | None,
        timeout: float | None = None,
        check: Callable[[], object] = unchecked,
    ) -> Deadline:
        """Return the :class:`Deadline` of a call; None means the client's own number of seconds.

        Raises:
            ConfigurationError: An argument is not a positive number of seconds (``deadline`` may be
                0), or the client is closed.
        """
        if deadline is None:
            deadline = self.deadline
        check_seconds(deadline, "deadline", service=self.service, zero=True)
        if timeout is None:
            timeout = self.timeout
        check_seconds(timeout, "timeout", service=self.service)
        if self.is_closed:
            hint = "Make calls inside its `with` block, or make a new client."
            raise ConfigurationError("the client is closed", service=self.service, hint=hint)
        return Deadline(_clock.monotonic() + deadline, timeout, check)

    @property
    def is_closed(self) -> bool:
        """Whether the HTTP client was closed: the injected one, or that of this event loop."""
        client = self._given or self._clients.opened()
        return client is not None and client.is_closed

    async def aclose(self) -> None:
        """Close the connections, unless the HTTP client was injected: its owner closes it."""
        client = self._given or self._clients.opened()
        if self._owned and client is not None:
            await client.aclose()

    async def call(
        self,
        operation: Operation,
        *,
        limit: Deadline,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        json: object = None,
        asked: Callable[..., object] = Asked,
        decoded: bool = True,
    ) -> tuple[Any, ApiResponse]:
        """Call an operation and return its payload and the whole response.

        Args:
            operation: An operation of the contract.
            limit: The deadline of all tries and pauses together.
            path: Values for the placeholders of the operation's path.
            query: Query parameters under the contract's names; None is left out.
            json: JSON body under the contract's names, with :class:`Base64` for files.
            asked: Function that returns the argument for a user's function from ``operations=``. It
                is called with the library's own call as ``default=``.
            decoded: Whether an answer that is not JSON is an error. If False, the payload of
                such an answer is None.

        Raises:
            ServiceError: The call failed; the subclass gives the kind of failure.
        """
        target = operation.url_path(path or {}, service=self.service)
        pairs = operation.url_query(query) if query else {}
        sends = None if json is None else operation.rename_out(json)
        if operation.function is not None:
            default = Call(operation.method, target, query=pairs, json=sends, safe=operation.safe)
            return await self.run(operation, asked(default=default), limit)
        url = url_with(self.base_url + target, pairs)
        parts = [] if sends is None else json_parts(sends)
        answer = await self._send(self._prepare(operation, url, parts), limit)
        if not decoded:
            return operation.rename_in(self._dialect.unwrap(answer.json_or_none())), answer
        return self._dialect.payload(answer, operation), answer

    async def request(self, call: Call, limit: Deadline) -> Any:
        """Make a call that a user has written and return its payload.

        Raises:
            ConfigurationError: The call is not valid.
            ServiceError: The call failed; the subclass gives the kind of failure.
        """
        check_instance(call, Call, "the argument of request()", service=self.service)
        return (await self._make(call, self._step(call, _BY_HAND), limit))[0]

    async def run(
        self, operation: Operation, asked: object, limit: Deadline
    ) -> tuple[Any, ApiResponse]:
        """Run a user's function for an operation, and make the calls that it yields.

        ``asked`` is the argument of the function.

        Returns:
            The return value of the function, and the response to the function's last call. If the
            operation changes something, calls that change nothing do not count for this. The
            response to a failed call has only its status and the server's time. If there was
            no response, the status is 0.

        Raises:
            ServiceError: The function raised an error, or yielded or returned a wrong value. Or it
                was closed, because a call failed or could not be made.
        """
        run = FunctionRun(operation, asked)
        answer = ApiResponse(0, {}, b"")
        try:
            call = run.start()
            while call is not None:
                problem: BaseException | None = None
                last: ApiResponse | None = None
                try:
                    request = self._step(call, operation)
                except ConfigurationError as error:
                    run.refuse(f"yielded a call that cannot be made ({error.message})")
                step = request.operation
                run.permit(step, request.url)
                try:
                    value, last = await self._make(call, request, limit)
                except BaseException as error:  # noqa: BLE001 - passed to `run.failed`
                    value, last, problem = None, _answer_of(error), error
                # Keep an upload's answer: the answer to a later read says nothing about the upload.
                if last is not None and step.safe == operation.safe:
                    answer = last
                call = run.answered(value) if problem is None else run.failed(problem)
        except ServiceError as error:
            error.operation = error.operation or operation.name
            raise
        return run.result, evolve(answer, conclusive=run.conclusive)

    def _step(self, call: Call, within: Operation) -> PreparedRequest:
        """Return the request for a call that a user has written.

        Raises:
            ConfigurationError: The call is not valid.
        """
        try:
            step = operation_of(call, within, service=self.service, origin=self.origin)
            check_headers(call.headers, service=self.service)
            # The path of an absolute URL begins at the host, not at the base URL.
            base_url = self.base_url if str(call.path).startswith("/") else self.origin
            url = url_with(base_url + step.path, call.query)
            parts: list[BodyPart] = []
            if call.content is not None:
                parts = [FileSource.of(call.content)]
            elif call.json is not None:
                parts = json_parts(call.json)
            return self._prepare(step, url, parts, call.headers)
        except ServiceError:
            raise
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            raise ConfigurationError(f"Call: {error}", service=self.service) from None

    async def _make(
        self, call: Call, request: PreparedRequest, limit: Deadline
    ) -> tuple[Any, ApiResponse]:
        answer = await self._send(request, limit)
        if call.whole:
            return Answer(answer.status, dict(answer.headers), answer.body), answer
        return self._dialect.payload(answer, request.operation), answer

    def _prepare(
        self,
        operation: Operation,
        url: str,
        parts: list[BodyPart],
        own: Mapping[str, str] | None = None,
    ) -> PreparedRequest:
        """Return a request with its headers; a body that contains files is streamed.

        A user's ``own`` header fields replace those of the same name.
        """
        headers = dict(self._headers)
        content: AsyncContent | None = None
        if parts:
            first = parts[0]
            kind = "octet-stream" if isinstance(first, FileSource) else "json"
            headers["Content-Type"] = f"application/{kind}"
            headers["Content-Length"] = str(size_of(parts))
            content = AsyncJsonBody(parts, service=self.service)
            if len(parts) == 1 and isinstance(first, bytes):
                content = first
        for name, value in (own or {}).items():
            headers[name.title()] = value
        return PreparedRequest(operation, url, headers, content)

    async def _send(self, request: PreparedRequest, limit: Deadline) -> ApiResponse:
        """Send a request with a token, which is renewed once if the service rejects it."""

        async def once(token: Token) -> ApiResponse:
            answer = await self._exchange(request, limit, token)
            error = self._dialect.failure(answer, request.operation)
            if error is not None:
                raise error
            return answer

        return await self.repeat(once, request.operation, limit, with_token=True)

    async def repeat(
        self,
        once: Callable[..., Awaitable[_T]],
        operation: Operation,
        limit: Deadline,
        *,
        origin: str | None = None,
        proxied: bool | None = None,
        with_token: bool = False,
    ) -> _T:
        """Call ``once``, which sends one request with httpx, until it succeeds; return its result.

        Args:
            once: The function to call. In a task it is cancelled at the deadline; in a thread
                nothing interrupts it.
            operation: The operation that the request belongs to.
            limit: The deadline of all tries and pauses together.
            origin: Scheme, host and port that the request is sent to; the API's by default.
            proxied: Whether the request may use a proxy of the environment. None means yes, unless
                the client was given ``transport=`` or ``http_client=``.
            with_token: Whether ``once`` is called with a valid token. If the service rejects the
                token, the call is repeated once with a new token, which does not count as a try.

        Raises:
            ServiceError: The retry policy or the deadline allows no further try. The error has no
                cause, context or traceback of httpx, because those hold the request and its
                secrets.
            OSError: Writing the answer to a file failed.
        """
        handled = sys.exception()
        tried = 0
        renewed = False
        while True:
            tokens = [await self.token(limit)] if with_token else []
            tried += 1
            problem: BaseException
            pause: float | None = None
            try:
                with OwnCall():
                    async with runtime.time_limit(limit):
                        return await once(*tokens)
            except TargetError as error:
                problem = error.cause
            except BROKEN as error:
                problem = signal_error(error, handled) or transport_failure(
                    error,
                    operation,
                    service=self.service,
                    origin=origin or self.origin,
                    in_time=limit.remaining() > 0,
                    proxied=self._given is None if proxied is None else proxied,
                )
            except BaseException as error:  # noqa: BLE001 - raised again below
                problem = error
            if isinstance(problem, ServiceError):
                if tokens and isinstance(problem, CredentialsError):
                    self._state.drop(tokens[0])
                    if not renewed:
                        renewed = True
                        tried -= 1
                        continue
                pause = self.retry.pause(problem, tried=tried, safe=operation.safe)
                problem.operation = problem.operation or operation.name
            if pause is None or pause >= limit.remaining():
                raise without_traceback(problem)
            await runtime.sleep(pause)
            if limit.remaining() <= 0:
                # The pause lasted too long, as on a busy machine. The last try's error says more
                # than a timeout would.
                raise without_traceback(problem)

    async def token(self, limit: Deadline) -> Token:
        """Return a valid access token; request a new token if there is none.

        Raises:
            ServiceError: The login failed, was refused before, or took longer than the deadline.
        """
        token = self._state.current()
        if token is not None:
            return token
        known = self._state.failure
        try:
            async with self._state.flight(runtime.SingleFlight).acquire(limit):
                token = self._state.current()
                failure = self._state.failure
                if token is None and failure is not None and failure is not known:
                    # Another call's token request failed while this call waited. Without this
                    # check, each waiting call would repeat all tries, one call after the other.
                    raise failure.copy()
                return token or await self._fetch_token(limit)
        except TimeoutError as error:
            if raised_by_signal_handler(error):
                raise
            # Another call's token request took too long. The outage may end, so a
            # retry may succeed.
            raise self._too_late(self._dialect.login.name, retryable=True) from None

    def _too_late(self, call: str, *, retryable: bool = False) -> UnavailableError:
        message = Text(
            "deadline_passed", "{0}: the deadline passed before the request was sent", call
        )
        return UnavailableError(message, service=self.service, retryable=retryable, operation=call)

    async def _fetch_token(self, limit: Deadline) -> Token:
        # Requesting a token changes nothing, so the request may be repeated like a read.
        operation = evolve(self._dialect.login, safe=True)
        headers = {**self._headers, "Content-Type": self._dialect.login_type}
        url = self.base_url + operation.path
        request = PreparedRequest(operation, url, headers, self._dialect.login_body())
        tried = 0

        async def once() -> Token:
            nonlocal tried
            tried += 1
            asked_at = _clock.monotonic()
            token = self._dialect.read_token(await self._exchange(request, limit), operation)
            self._state.store(token, asked_at)
            return token

        try:
            return await self.repeat(once, operation, limit)
        except ServiceError as error:
            if isinstance(error, CredentialsError):
                self._state.reject(error)
                raise
            if error.hint is ADDRESS_HINT:
                asked = Text("asked_address", "The address asked was {0}.", self.origin)
                error.hint = joined(" ", asked, error.hint)
            error.applied = False  # the call that needs the token was not sent
            # Store the failure for waiting calls only if the retry policy has given up. If only
            # this call's deadline ended the tries, a waiting call may have more time.
            in_time = limit.remaining() > 0
            if in_time and self.retry.pause(error, tried=tried, safe=True) is None:
                self._state.failure = error.copy()
            raise

    async def _exchange(
        self, request: PreparedRequest, limit: Deadline, token: Token | None = None
    ) -> ApiResponse:
        """Send one request and read its whole answer."""
        operation = request.operation
        if limit.remaining() <= 0:
            raise self._too_late(operation.name)
        check = unchecked if operation.safe else limit.check
        check()
        # Assign only a streamed body to a local variable. Error trackers show local variables, and
        # the body of a login holds a password.
        streamed = None
        if not isinstance(request.content, bytes | None):
            streamed = _in_time(cast("AsyncIterable[bytes]", request.content), limit, check)
        # An injected httpx client must not build the request: this client would add its default
        # headers, query parameters and cookies.
        built = httpx.Request(
            operation.method,
            request.url,
            headers=request.headers,
            content=streamed or request.content,
            extensions={"timeout": limit.timeouts()},
        )
        if token is not None:
            built.headers["Authorization"] = f"Bearer {token.value.reveal()}"
        client = self._given or self._clients.get()
        response = await client.send(built, stream=True, auth=None, follow_redirects=False)
        try:
            # httpx looks at the timeouts before it reads the body: limit them to the time left.
            built.extensions["timeout"].update(limit.timeouts())
            body = await self._read(response, limit)
        finally:
            await response.aclose()
        own = self._dialect.secret
        secrets = (own,) if token is None else (token.value, own)
        return ApiResponse(response.status_code, response.headers, body, secrets)

    async def _read(self, response: httpx.Response, limit: Deadline) -> bytes:
        if response.is_stream_consumed:  # an injected transport has read the body already
            return response.content
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        unpack = zlib.decompressobj(47) if encoding in ("gzip", "deflate") else None
        body = bytearray()
        received = False
        # Not aiter_raw(): it refuses bodies in memory, which test transports return.
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            if limit.remaining() <= 0:
                raise TimeoutError
            received = True
            body += unpack.decompress(chunk, MAX_ANSWER - len(body) + 1) if unpack else chunk
            if len(body) > MAX_ANSWER:
                raise TooLargeError(MAX_ANSWER)
        if unpack is not None and not unpack.eof and received:
            raise zlib.error
        return bytes(body)


def _answer_of(error: BaseException) -> ApiResponse | None:
    """Return a response with an error's status and server time; None if one of them is missing."""
    if not isinstance(error, ServiceError) or error.status is None or error.answered_at is None:
        return None
    return ApiResponse(error.status, {"date": error.answered_at.isoformat()}, b"")


async def _in_time(
    pieces: AsyncIterable[bytes], limit: Deadline, check: Callable[[], object]
) -> AsyncIterator[bytes]:
    """Yield the pieces of a body; before each piece, test the deadline and call ``check``.

    Raises:
        TimeoutError: The deadline has passed.
    """
    async for piece in pieces:
        if limit.remaining() <= 0:
            raise TimeoutError
        check()
        yield piece
