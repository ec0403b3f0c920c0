"""The one way every API call goes: deadline, token, request, classification, retry, renewal."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx

from _client_kit import _clock
from _client_kit import _world_async as world
from _client_kit._address import check_base_url, is_loopback, origin_of
from _client_kit._answer import Answer, Dialect, Token
from _client_kit._clock import Deadline
from _client_kit._contract import Operation
from _client_kit._credentials import TokenState, TokenStates
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    Indefinite,
    ProtocolError,
    ServiceError,
    Unavailable,
    Unreachable,
)
from _client_kit._json import dumps
from _client_kit._retry import RetryPolicy
from _client_kit._tls import shared_ssl_context

__all__ = ["AsyncCalls", "AsyncContent"]

MAX_ANSWER = 64 * 1024 * 1024

# What httpx raises before a byte of the request can have reached the service.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)

AsyncContent = bytes | AsyncIterable[bytes]


class AsyncCalls:
    """Makes calls to one service with one credential."""

    def __init__(
        self,
        dialect: Dialect,
        states: TokenStates,
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
        self.timeout = self._seconds(timeout, "timeout")
        self.deadline = self._seconds(deadline, "deadline")
        self._dialect = dialect
        self._state: TokenState = states.at(self.base_url)
        self._retry = retry or RetryPolicy()
        self._user_agent = user_agent
        self._owned = http_client is None
        if http_client is not None and transport is not None:
            message = "give transport= or http_client=, not both"
            raise ConfigurationError(message, service=self.service)
        loopback = is_loopback(httpx.URL(self.base_url).host)
        self._http = http_client or httpx.AsyncClient(
            verify=ssl_context or shared_ssl_context(),
            transport=transport,
            # A proxy named in the environment is for the outside, never for this machine.
            trust_env=not loopback,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )

    def _seconds(self, value: float, name: str) -> float:
        if not 0 < value < float("inf"):
            message = f"{name} must be a positive number of seconds"
            raise ConfigurationError(message, service=self.service)
        return float(value)

    async def aclose(self) -> None:
        """Close the connections, unless the HTTP client was injected: its owner closes it."""
        if self._owned:
            await self._http.aclose()

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
    ) -> tuple[Any, Answer]:
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

        Raises:
            ServiceError: Of the subclass that says what went wrong.
        """
        url = self.base_url + operation.url_path(path or {}, service=self.service)
        headers: dict[str, str] = {}
        if json is not None:
            content = dumps(operation.rename_out(json)).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
            if content_length is not None:
                headers["Content-Length"] = str(content_length)
        request = (
            operation.method,
            url,
            operation.url_query(query) if query else None,
            headers,
            content,
        )
        limit = Deadline.after(self.deadline if deadline is None else deadline)
        answer = await self._repeat(
            operation, request, limit, self.timeout if timeout is None else timeout
        )
        return self._dialect.payload(answer, operation), answer

    async def _repeat(
        self, operation: Operation, request: Any, limit: Deadline, timeout: float
    ) -> Answer:
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
                raise error from None
            await world.sleep(pause)

    async def _token(self, limit: Deadline, timeout: float) -> Token:
        token = self._state.current()
        if token is not None:
            return token
        try:
            async with self._state.flight(world.Flight).turn(limit):
                token = self._state.current()
                if token is None:
                    token = await self._fetch_token(limit, timeout)
                return token
        except TimeoutError:
            message = "waiting for an access token took longer than the deadline"
            raise Unavailable(message, service=self.service) from None

    async def _fetch_token(self, limit: Deadline, timeout: float) -> Token:
        wanted = self._dialect.token_request()
        operation = wanted.operation
        request = (
            operation.method,
            self.base_url + operation.path,
            None,
            {"Content-Type": wanted.content_type},
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
                self._state.reject(error)
                raise error from None
            except ServiceError as error:
                # Asking for a token changes nothing, so it may be repeated like a read.
                pause = self._retry.pause(error, tried=tried, safe=True)
                if pause is None or pause >= limit.remaining():
                    raise error from None
                await world.sleep(pause)
            else:
                self._state.store(token, asked_at)
                return token

    async def _send(
        self,
        operation: Operation,
        request: Any,
        limit: Deadline,
        timeout: float,
        token: Token | None,
    ) -> Answer:
        """One request and its whole answer; httpx's exceptions become ours."""
        remaining = limit.remaining()
        if remaining <= 0:
            message = f"{operation.name}: the deadline passed before the request was sent"
            raise Unavailable(message, service=self.service, retryable=False)
        problem: ServiceError
        try:
            async with world.time_limit(limit):
                return await self._exchange(request, limit, min(timeout, remaining), token)
        except _NOT_SENT as error:
            reason = "timed out" if isinstance(error, httpx.TimeoutException) else _reason(error)
            problem = Unreachable(
                f"{operation.name}: no connection to {self.origin} ({reason})",
                service=self.service,
                hint="Check the network, the proxy settings and the address of the service.",
            )
        except (TimeoutError, httpx.TimeoutException):
            problem = self._broken(operation, "the service took too long", limit)
        except httpx.RequestError as error:
            problem = self._broken(operation, f"the connection broke ({_reason(error)})", limit)
        except _TooLarge:
            message = f"{operation.name}: the answer is larger than {MAX_ANSWER} bytes"
            problem = ProtocolError(message, service=self.service)
        except zlib.error:
            message = f"{operation.name}: the answer's compression is damaged"
            problem = ProtocolError(message, service=self.service)
        raise problem from None

    def _broken(self, operation: Operation, what: str, limit: Deadline) -> ServiceError:
        message = f"{operation.name}: {what}"
        # Reading has no effect that could be in doubt.
        kind = Unavailable if operation.safe else Indefinite
        return kind(message, service=self.service, retryable=limit.remaining() > 0)

    async def _exchange(
        self, request: Any, limit: Deadline, timeout: float, token: Token | None
    ) -> Answer:
        method, url, query, headers, content = request
        sent_headers = {
            "Accept": "application/json",
            # A compressed answer could unpack to any size.
            "Accept-Encoding": "identity",
            "User-Agent": self._user_agent,
            **headers,
        }
        if token is not None:
            sent_headers["Authorization"] = f"Bearer {token.value.reveal()}"
        built = self._http.build_request(
            method, url, params=query, headers=sent_headers, content=content, timeout=timeout
        )
        response = await self._http.send(built, stream=True, auth=None, follow_redirects=False)
        try:
            body = await self._read(response, limit)
        finally:
            await response.aclose()
        return Answer(response.status_code, dict(response.headers), body)

    async def _read(self, response: httpx.Response, limit: Deadline) -> bytes:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        unpack = zlib.decompressobj(47) if encoding in ("gzip", "deflate") else None
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_raw():
            if limit.remaining() <= 0:
                raise TimeoutError
            piece = unpack.decompress(chunk, MAX_ANSWER - size + 1) if unpack else chunk
            size += len(piece)
            if size > MAX_ANSWER:
                raise _TooLarge
            chunks.append(piece)
        if unpack is not None and not unpack.eof and chunks:
            raise zlib.error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _TooLarge(Exception):
    """An answer's body is over the cap."""


def _reason(error: Exception) -> str:
    """What went wrong below HTTP, without addresses or anything that was sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS certificate not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "TLS failed"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
