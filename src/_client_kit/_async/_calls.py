"""Make every API call: deadline, token, request, classification, retry, token renewal."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from datetime import UTC
from email.utils import format_datetime
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from attrs import evolve

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from _client_kit._address import check_base_url, origin_of
from _client_kit._arguments import check_instance, check_seconds
from _client_kit._async._body import AsyncJsonBody
from _client_kit._async._per_loop import AsyncPerLoop
from _client_kit._async._translated import translated
from _client_kit._clock import Deadline
from _client_kit._contract import Operation
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from _client_kit._files import FileSource, JsonTemplate, json_template, unchecked
from _client_kit._operations import Answer, Asked, Call, FunctionRun
from _client_kit._raw_request import check_headers, operation_of, url_of
from _client_kit._redaction import without_traceback
from _client_kit._request import PreparedRequest, TooLargeError
from _client_kit._response import ApiResponse, Dialect, Token
from _client_kit._retry import RetryPolicy
from _client_kit._signals import raised_by_signal_handler
from _client_kit._status import ADDRESS_HINT, name_correction
from _client_kit._text import Text, joined
from _client_kit._tls import opened, proxy_of, shared_ssl_context
from _client_kit._tokens import TokenCache, TokenCaches

MAX_ANSWER = 64 * 1024 * 1024

AsyncContent = bytes | AsyncIterable[bytes]

_BY_HAND = Operation(name="", method="", path="")


class AsyncCalls:
    """Call one service with one credential."""

    def __init__(
        self,
        dialect: Dialect,
        states: TokenCaches,
        *,
        base_url: str,
        timeout: float,
        deadline: float,
        user_agent: str,
        retry: RetryPolicy | None,
        transport: httpx.AsyncBaseTransport | None,
        http_client: httpx.AsyncClient | None,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.service = dialect.service
        self.base_url = check_base_url(base_url, service=self.service)
        self.origin = origin_of(self.base_url)
        self.timeout = check_seconds(timeout, "timeout", service=self.service)
        self.deadline = check_seconds(deadline, "deadline", service=self.service)
        self._dialect = dialect
        self._state: TokenCache = states.at(self.base_url)
        self.user_agent = user_agent
        self.retry = RetryPolicy() if retry is None else retry
        check_instance(self.retry, RetryPolicy, "retry", service=self.service)
        # Do not accept compression: a compressed answer can have any size when it is unpacked.
        self._headers = httpx.Headers(
            {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": user_agent}
        )
        self._json_headers = httpx.Headers({**self._headers, "Content-Type": "application/json"})
        self._file_headers = httpx.Headers(
            {**self._headers, "Content-Type": "application/octet-stream"}
        )
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
        # Connections must not be shared between processes or event loops, so we open our own client
        # once for each. An injected client or transport is used in all of them.
        if http_client is None and transport is not None:
            http_client = open_checked()
        self._given = http_client
        self._clients = AsyncPerLoop(open_checked)

    def limit(self, deadline: float | None, timeout: float | None = None) -> Deadline:
        """Return the deadline and timeout of a call; the client's own by default.

        Raises:
            ConfigurationError: An argument is not a number of seconds, or the client is closed.
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
        return Deadline(_clock.monotonic() + deadline, timeout)

    @property
    def is_closed(self) -> bool:
        """Whether the HTTP client of this process and event loop was closed."""
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
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        json: object = None,
        asked: Callable[..., object] = Asked,
        timeout: float | None = None,
        deadline: float | None = None,
        decoded: bool = True,
        check: Callable[[], object] = unchecked,
        max_bytes: int | None = None,
    ) -> tuple[Any, ApiResponse]:
        """Call an operation and return its payload and the whole response.

        Args:
            operation: An operation of the contract.
            path: Values for the placeholders of the operation's path.
            query: Query parameters under our names; None is left out.
            json: JSON body under our names, with :class:`Base64` for files.
            asked: Makes the argument of a user's function; called with the library's own call as
                ``default=``.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for all tries and pauses together; the client's own by default.
            decoded: Whether an answer that is not JSON is an error; otherwise its payload is None.
            check: Function that is called before the request and before each piece of a file in
                its body; it raises an exception to stop the call. ``check`` is not called before
                the safe calls of a user's function.
            max_bytes: Largest size of the request's body in bytes; None for no limit.

        Raises:
            ServiceError: The call failed; the subclass gives the kind of failure.
        """
        limit = self.limit(deadline, timeout)
        target = operation.url_path(path or {}, service=self.service)
        pairs = operation.url_query(query) if query else {}
        sends = None if json is None else operation.rename_out(json)
        if operation.function is not None:
            default = Call(operation.method, target, query=pairs, json=sends, safe=operation.safe)
            return await self.run(
                operation, asked(default=default), limit, check=check, max_bytes=max_bytes
            )
        try:
            url = self.base_url + target
            if pairs:
                url = f"{url}?{urlencode(pairs, quote_via=quote)}"
            request = self._prepare(operation, url, sends, check=check, max_bytes=max_bytes)
            answer = await self._repeat(operation, request, limit)
            if not decoded:
                return operation.rename_in(self._dialect.unwrap(answer.json_or_none())), answer
            return self._dialect.payload(answer, operation), answer
        except ServiceError as error:
            # If the token request failed, the error already has the name of that operation.
            if error.operation is None:
                name_correction(error, operation)
            error.operation = error.operation or operation.name
            raise

    async def request(
        self, call: Call, *, timeout: float | None = None, deadline: float | None = None
    ) -> Any:
        """Make a call that a user has written and return its payload.

        Raises:
            ConfigurationError: The call is not valid.
            ServiceError: The call failed; the subclass gives the kind of failure.
        """
        kind: type[object] = type(call)
        if kind is not Call:
            message = f"request() takes a Call, not {kind.__name__}"
            raise ConfigurationError(message, service=self.service)
        limit = self.limit(deadline, timeout)
        step, request = self._step(call, _BY_HAND, unchecked, None)
        try:
            return (await self._make(step, request, call, limit))[0]
        except ServiceError as error:
            error.operation = error.operation or step.name
            raise

    async def run(
        self,
        operation: Operation,
        asked: object,
        limit: Deadline,
        *,
        check: Callable[[], object] = unchecked,
        max_bytes: int | None = None,
    ) -> tuple[Any, ApiResponse]:
        """Run a user's function for an operation, and make the calls that it yields.

        ``asked`` is the argument of the function; ``check`` and ``max_bytes`` are as in
        :meth:`call`.

        Returns:
            The return value of the function, and the response to the function's last call. If the
            operation changes something, the response is that to the last call that is not safe.

        Raises:
            ServiceError: The function raised an error, or was closed because a call failed.
        """
        run = FunctionRun(operation, asked)
        answer = ApiResponse(0, {}, b"")
        try:
            call = run.start()
            while call is not None:
                problem: BaseException | None = None
                value: Any = None
                last: ApiResponse | None = None
                try:
                    step, request = self._step(call, operation, check, max_bytes)
                except RejectedError as error:  # the body is larger than max_bytes
                    run.close(error)
                except ConfigurationError as error:
                    run.refuse(f"yielded a call that cannot be made ({error.message})")
                run.permit(step, request.url)
                try:
                    value, last = await self._make(step, request, call, limit)
                except BaseException as error:  # noqa: BLE001 - passed to `run.failed`
                    problem = error
                    last = _answer_of(error)
                # A read after an upload neither confirms the upload nor puts it in doubt.
                if last is not None and step.safe == operation.safe:
                    answer = last
                call = run.answered(value) if problem is None else run.failed(problem)
        except ServiceError as error:
            error.operation = error.operation or operation.name
            raise
        return run.result, evolve(answer, conclusive=run.conclusive)

    def _step(
        self,
        call: Call,
        within: Operation,
        check: Callable[[], object],
        max_bytes: int | None,
    ) -> tuple[Operation, PreparedRequest]:
        """Return the operation and the request for a call that a user has written.

        Raises:
            ConfigurationError: The call is not valid.
            RejectedError: The body is larger than ``max_bytes``.
        """
        try:
            step = operation_of(call, within, service=self.service, origin=self.origin)
            check_headers(call.headers, service=self.service)
            url = url_of(call, step, self.base_url, self.origin)
            check = unchecked if step.safe else check
            body = call.json
            if call.content is not None:
                source = FileSource.of(call.content)
                body = JsonTemplate((source,), source.size)
            return step, self._prepare(step, url, body, call.headers, check, max_bytes)
        except ServiceError:
            raise
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            raise ConfigurationError(f"Call: {error}", service=self.service) from None

    async def _make(
        self,
        step: Operation,
        request: PreparedRequest,
        call: Call,
        limit: Deadline,
    ) -> tuple[Any, ApiResponse]:
        answer = await self._repeat(step, request, limit)
        if call.whole:
            return Answer(answer.status, dict(answer.headers), answer.body), answer
        return self._dialect.payload(answer, step), answer

    def _prepare(
        self,
        operation: Operation,
        url: str,
        json: object,
        own: Mapping[str, str] | None = None,
        check: Callable[[], object] = unchecked,
        max_bytes: int | None = None,
    ) -> PreparedRequest:
        """Return a request with its headers; a body that contains files is streamed."""
        if json is None:
            headers = _with_own(self._headers, own) if own else self._headers
            return PreparedRequest(operation.method, url, headers, None, check)
        if isinstance(json, JsonTemplate):
            template, headers = json, self._file_headers
        else:
            template, headers = json_template(json), self._json_headers
        if max_bytes is not None and template.size > max_bytes:
            message = Text(
                "upload_over_limit",
                "{0}: {1} bytes to send, the limit is {2}",
                *(operation.name, template.size, max_bytes),
            )
            raise RejectedError(message, service=self.service, status=413, code="too_large")
        content: AsyncContent | None = template.text
        if own or content is None:
            headers = _with_own(headers, own)
        if content is None:
            headers["Content-Length"] = str(template.size)
            content = AsyncJsonBody(template, service=self.service, check=check)
        return PreparedRequest(operation.method, url, headers, content, check)

    def drop(self, token: Token) -> None:
        """Forget a token that the service rejected."""
        self._state.drop(token)

    async def _repeat(
        self, operation: Operation, request: PreparedRequest, limit: Deadline
    ) -> ApiResponse:
        tried = 0
        renewed = False
        while True:
            token = await self.token(limit)
            tried += 1
            try:
                answer = await self._send(operation, request, limit, token)
                error = self._dialect.failure(answer, operation)
                if error is None:
                    return answer
            except ServiceError as failure:
                error = failure
            if error.status == 401:
                self._state.drop(token)
                if not renewed:
                    renewed = True
                    tried -= 1
                    continue
            pause = self.retry.pause(error, tried=tried, safe=operation.safe)
            if pause is None or pause >= limit.remaining():
                raise error
            await runtime.sleep(pause)

    async def token(self, limit: Deadline) -> Token:
        """Return a valid access token; request a new token if there is none.

        Raises:
            ServiceError: The login failed, or took longer than the deadline.
        """
        token = self._state.current()
        if token is not None:
            return token
        known = self._state.failures
        try:
            async with self._state.flight(runtime.SingleFlight).acquire(limit):
                token = self._state.current()
                if token is None:
                    self._state.share_failure(known)
                    token = await self._fetch_token(limit)
                return token
        except TimeoutError as error:
            if raised_by_signal_handler(error):
                raise
            message = Text(
                "token_too_slow", "waiting for an access token took longer than the deadline"
            )
            raise UnavailableError(message, service=self.service) from None

    async def _fetch_token(self, limit: Deadline) -> Token:
        # Requesting a token changes nothing, so the request may be repeated like a read.
        operation = evolve(self._dialect.login, safe=True)
        request = PreparedRequest(
            operation.method,
            self.base_url + operation.path,
            httpx.Headers({**self._headers, "Content-Type": self._dialect.login_type}),
            self._dialect.login_body(),
        )
        tried = 0
        while True:
            tried += 1
            asked_at = _clock.monotonic()
            try:
                token = self._dialect.read_token(
                    await self._send(operation, request, limit, None), operation
                )
            except CredentialsError as error:
                error.operation = operation.name
                self._state.reject(error)
                # The frames that read the answer of a login hold the token.
                raise without_traceback(error) from None
            except ServiceError as error:
                error.operation = operation.name
                if error.hint is ADDRESS_HINT:
                    asked = Text("asked_address", "The address asked was {0}.", self.origin)
                    error.hint = joined(" ", asked, error.hint)
                name_correction(error, operation)
                error.applied = False  # the call that needs the token was not sent
                pause = self.retry.pause(error, tried=tried, safe=True)
                if pause is None and limit.remaining() > 0:
                    self._state.fail(error)
                if pause is None or pause >= limit.remaining():
                    raise without_traceback(error) from None
                await runtime.sleep(pause)
            else:
                self._state.store(token, asked_at)
                return token

    async def _send(
        self,
        operation: Operation,
        request: PreparedRequest,
        limit: Deadline,
        token: Token | None,
    ) -> ApiResponse:
        """Send one request and read its whole answer; raise our errors for those of httpx."""
        if limit.remaining() <= 0:
            message = Text(
                "deadline_passed",
                "{0}: the deadline passed before the request was sent",
                operation.name,
            )
            raise UnavailableError(message, service=self.service, retryable=False)
        return await translated(
            lambda: self._exchange(request, limit, token),
            operation,
            limit,
            service=self.service,
            origin=self.origin,
            proxied=self._given is None,
        )

    async def _exchange(
        self, request: PreparedRequest, limit: Deadline, token: Token | None
    ) -> ApiResponse:
        request.check()
        pieces = request.streamed
        if pieces is not None:
            pieces = _in_time(pieces, limit)
        built = request.build(token, limit, pieces)
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
        if response.is_stream_consumed:  # httpx.MockTransport returns such answers
            return response.content
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        unpack = zlib.decompressobj(47) if encoding in ("gzip", "deflate") else None
        body = bytearray()
        received = False
        async for chunk in response.aiter_raw():
            if limit.remaining() <= 0:
                raise TimeoutError
            received = True
            body += unpack.decompress(chunk, MAX_ANSWER - len(body) + 1) if unpack else chunk
            if len(body) > MAX_ANSWER:
                raise TooLargeError(MAX_ANSWER)
        if unpack is not None and not unpack.eof and received:
            raise zlib.error
        return bytes(body)


def _with_own(headers: httpx.Headers, own: Mapping[str, str] | None) -> httpx.Headers:
    """Return a copy of header fields; a user's own fields replace those of the same name."""
    merged = httpx.Headers(headers)
    merged.update(own)
    return merged


def _answer_of(error: BaseException) -> ApiResponse | None:
    """Return a response with an error's status and server's time; None if the error lacks one."""
    if not isinstance(error, ServiceError) or error.status is None or error.answered_at is None:
        return None
    date = format_datetime(error.answered_at.astimezone(UTC), usegmt=True)
    return ApiResponse(error.status, {"date": date}, b"")


async def _in_time(pieces: AsyncIterable[bytes], limit: Deadline) -> AsyncIterator[bytes]:
    """Yield the pieces of a body; raise TimeoutError at the first piece after the deadline."""
    async for piece in pieces:
        if limit.remaining() <= 0:
            raise TimeoutError
        yield piece
