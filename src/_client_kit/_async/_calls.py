"""The one way every API call goes: deadline, token, request, classification, retry, renewal."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
from attrs import evolve

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from _client_kit._address import check_base_url, is_loopback, origin_of
from _client_kit._arguments import check_instance, check_seconds
from _client_kit._async._per_loop import AsyncPerLoop
from _client_kit._clock import Deadline
from _client_kit._contract import Operation
from _client_kit._errors import ConfigurationError, CredentialsError, ServiceError, UnavailableError
from _client_kit._json import dumps
from _client_kit._redaction import OwnCall, without_traceback
from _client_kit._request import BROKEN, PreparedRequest, TooLargeError, transport_failure
from _client_kit._response import ApiResponse, Dialect, Token
from _client_kit._retry import RetryPolicy
from _client_kit._signals import raised_by_signal_handler, signal_error
from _client_kit._tls import opened, shared_ssl_context
from _client_kit._tokens import TokenCache, TokenCaches

__all__ = ["AsyncCalls", "AsyncContent"]

MAX_ANSWER = 64 * 1024 * 1024

AsyncContent = bytes | AsyncIterable[bytes]


class AsyncCalls:
    """Makes calls to one service with one credential."""

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
        self._retry = RetryPolicy() if retry is None else retry
        check_instance(self._retry, RetryPolicy, "retry", service=self.service)
        # Compression is declined: an answer could unpack to any size.
        self._headers = httpx.Headers(
            {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": user_agent}
        )
        self._typed_headers: dict[str, httpx.Headers] = {}
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
        loopback = is_loopback(httpx.URL(self.base_url).host)

        def open_client() -> httpx.AsyncClient:
            context = ssl_context or shared_ssl_context()
            return opened(
                lambda: httpx.AsyncClient(
                    verify=context,
                    transport=transport,
                    # A proxy named in the environment is for the outside, never for this machine.
                    trust_env=not loopback,
                    follow_redirects=False,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                ),
                service=self.service,
            )

        # Connections belong to one process and, with tasks, to one event loop. What we open
        # ourselves can be opened again elsewhere; what was injected is its owner's to keep apart.
        self._given = http_client
        if http_client is None and transport is not None:
            self._given = open_client()
        self._clients = AsyncPerLoop(open_client)

    def _client(self) -> httpx.AsyncClient:
        """The HTTP client of this process and event loop."""
        return self._clients.get() if self._given is None else self._given

    def limit(self, deadline: float | None) -> Deadline:
        """Return when a call must have ended: by default after the client's own deadline.

        Raises:
            ConfigurationError: It is no number of seconds.
        """
        if deadline is None:
            return Deadline.after(self.deadline)
        return Deadline.after(check_seconds(deadline, "deadline", service=self.service, zero=True))

    @property
    def is_closed(self) -> bool:
        """Whether it was closed here; connections of its own it opens again in another loop."""
        here = self._clients.opened() if self._given is None else self._given
        return here is not None and here.is_closed

    async def aclose(self) -> None:
        """Close the connections, unless the HTTP client was injected: its owner closes it."""
        client = self._clients.opened() if self._given is None else self._given
        if self._owned and client is not None:
            await client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def call(
        self,
        operation: Operation,
        *,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        json: object = None,
        content: AsyncContent | None = None,
        content_length: int | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        decoded: bool = True,
    ) -> tuple[Any, ApiResponse]:
        """Call an operation and return its payload with the answer it came in.

        Args:
            operation: What to call.
            path: Values for the placeholders of its path.
            query: Query parameters under our names; None is left out.
            json: A JSON body under our names.
            content: An encoded JSON body instead, bytes or something that can be iterated anew.
            content_length: Its length, where it is not bytes.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for everything together; the client's own by default.
            decoded: False leaves reading the body to the caller: the payload is None.

        Raises:
            ServiceError: Of the subclass that says what went wrong.
        """
        url = self.base_url + operation.url_path(path or {}, service=self.service)
        if query:
            pairs = operation.url_query(query)
            url = f"{url}?{urlencode(pairs, quote_via=quote)}" if pairs else url
        if json is not None:
            content = dumps(operation.rename_out(json)).encode()
        headers = self._headers
        if content is not None:
            headers = self._with_type("application/json")
            if content_length is not None:
                headers = httpx.Headers(headers)
                headers["Content-Length"] = str(content_length)
        request = PreparedRequest(operation.method, url, headers, content)
        limit = self.limit(deadline)
        seconds = self.timeout
        if timeout is not None:
            seconds = check_seconds(timeout, "timeout", service=self.service)
        if self.is_closed:
            raise ConfigurationError("the client is closed", service=self.service)
        try:
            answer = await self._repeat(operation, request, limit, seconds)
            return self._dialect.payload(answer, operation) if decoded else None, answer
        except ServiceError as error:
            # A token that cannot be had is named after the call for it.
            error.operation = error.operation or operation.name
            raise

    def _with_type(self, content_type: str) -> httpx.Headers:
        headers = self._typed_headers.get(content_type)
        if headers is None:
            headers = httpx.Headers(self._headers)
            headers["Content-Type"] = content_type
            self._typed_headers[content_type] = headers
        return headers

    async def _repeat(
        self, operation: Operation, request: PreparedRequest, limit: Deadline, timeout: float
    ) -> ApiResponse:
        tried = 0
        renewed = False
        while True:
            token = await self._token(limit, timeout)
            tried += 1
            try:
                answer = await self._send(operation, request, limit, timeout, token)
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
            pause = self._retry.pause(error, tried=tried, safe=operation.safe)
            if pause is None or pause >= limit.remaining():
                raise error
            await runtime.sleep(pause)

    async def _token(self, limit: Deadline, timeout: float) -> Token:
        token = self._state.current()
        if token is not None:
            return token
        known = self._state.failures
        try:
            async with self._state.flight(runtime.SingleFlight).acquire(limit):
                token = self._state.current()
                if token is None:
                    self._state.share_failure(known)
                    token = await self._fetch_token(limit, timeout)
                return token
        except TimeoutError as error:
            if raised_by_signal_handler(error):
                raise
            message = "waiting for an access token took longer than the deadline"
            raise UnavailableError(message, service=self.service) from None

    async def _fetch_token(self, limit: Deadline, timeout: float) -> Token:
        wanted = self._dialect.token_request()
        # Asking for a token changes nothing, so it may be repeated like a read.
        operation = evolve(wanted.operation, safe=True)
        request = PreparedRequest(
            operation.method,
            self.base_url + operation.path,
            self._with_type(wanted.content_type),
            wanted.content,
        )
        tried = 0
        while True:
            tried += 1
            asked_at = _clock.monotonic()
            try:
                token = self._dialect.read_token(
                    await self._send(operation, request, limit, timeout, None)
                )
            except CredentialsError as error:
                error.operation = operation.name
                self._state.reject(error)
                # The frames that read the answer to a login hold the token.
                raise without_traceback(error) from None
            except ServiceError as error:
                error.operation = operation.name
                error.applied = False  # what the token is wanted for was not sent
                pause = self._retry.pause(error, tried=tried, safe=True)
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
        timeout: float,
        token: Token | None,
    ) -> ApiResponse:
        """Send one request and read its whole answer; httpx's exceptions become ours."""
        remaining = limit.remaining()
        if remaining <= 0:
            message = f"{operation.name}: the deadline passed before the request was sent"
            raise UnavailableError(message, service=self.service, retryable=False)
        problem: BaseException
        try:
            with OwnCall():
                async with runtime.time_limit(limit):
                    return await self._exchange(request, limit, min(timeout, remaining), token)
        except ServiceError as error:  # raised by the body while it was sent
            problem = error
        except BROKEN as error:
            problem = signal_error(error) or transport_failure(
                error,
                operation,
                service=self.service,
                origin=self.origin,
                in_time=limit.remaining() > 0,
            )
        except BaseException as error:  # noqa: BLE001 - raised again below
            problem = error
        raise without_traceback(problem)

    async def _exchange(
        self, request: PreparedRequest, limit: Deadline, timeout: float, token: Token | None
    ) -> ApiResponse:
        pieces = request.streamed
        if pieces is not None:
            pieces = _in_time(pieces, limit)
        built = request.build(token, timeout, pieces)
        response = await self._client().send(built, stream=True, auth=None, follow_redirects=False)
        try:
            # Looked at when the first piece is asked for: a slow body gets only the time left.
            built.extensions["timeout"]["read"] = min(timeout, max(limit.remaining(), 0.001))
            body = await self._read(response, limit)
        finally:
            await response.aclose()
        own = self._dialect.secret
        secrets = (own,) if token is None else (token.value, own)
        return ApiResponse(response.status_code, response.headers, body, secrets)

    async def _read(self, response: httpx.Response, limit: Deadline) -> bytes:
        if response.is_stream_consumed:  # as httpx.MockTransport makes its answers
            return response.content
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        unpack = zlib.decompressobj(47) if encoding in ("gzip", "deflate") else None
        started = False
        body = b""
        more: bytearray | None = None  # for the second piece and on: most bodies have one
        async for chunk in response.aiter_raw():
            if limit.remaining() <= 0:
                raise TimeoutError
            started = True
            size = len(body) if more is None else len(more)
            piece = unpack.decompress(chunk, MAX_ANSWER - size + 1) if unpack else chunk
            if size + len(piece) > MAX_ANSWER:
                raise TooLargeError(MAX_ANSWER)
            if more is not None:
                more += piece
            elif body:
                more = bytearray(body)
                more += piece
            else:
                body = piece
        if unpack is not None and not unpack.eof and started:
            raise zlib.error
        return body if more is None else bytes(more)


async def _in_time(pieces: AsyncIterable[bytes], limit: Deadline) -> AsyncIterator[bytes]:
    """A body that ends with the deadline, however slowly it is taken."""
    async for piece in pieces:
        if limit.remaining() <= 0:
            raise TimeoutError
        yield piece
