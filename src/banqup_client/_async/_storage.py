"""Transfer file content through signed URLs, with an httpx transport and no httpx client.

A transport adds no default headers, follows no redirects and logs no URL. A signed URL is a
credential until it expires.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import cast

import httpx

from _client_kit import _runtime_async as runtime
from _client_kit._async._calls import AsyncCalls, AsyncContent
from _client_kit._async._per_loop import AsyncPerLoop
from _client_kit._async._translated import translated
from _client_kit._clock import Deadline
from _client_kit._contract import Contract, Operation
from _client_kit._errors import RejectedError, ServiceError
from _client_kit._files import FileSource
from _client_kit._response import Token
from _client_kit._retry import RetryPolicy
from _client_kit._secret import Secret
from _client_kit._text import Text, code_of
from _client_kit._tls import environment_proxy, opened, shared_ssl_context
from banqup_client._download import Target, check_headers, refusal, writing
from banqup_client._storage import SignedUrl, StorageHosts

__all__ = ["AsyncStorage"]

CHUNK = 64 * 1024


class _Request(httpx.Request):
    """A request whose URL is sent exactly as it was signed."""

    url: SignedUrl


class AsyncStorage:
    """Downloads from signed URLs and uploads to them."""

    def __init__(
        self,
        calls: AsyncCalls,
        contract: Contract,
        hosts: Iterable[str],
        *,
        user_agent: str,
        retry: RetryPolicy | None,
        transport: httpx.AsyncBaseTransport | None,
        api_injected: bool,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._down = contract["files.download"]
        self._up = contract["files.upload"]
        self._calls = calls
        self._hosts = StorageHosts.of(hosts, base_url=calls.base_url)
        self._user_agent = user_agent
        self._retry = retry or RetryPolicy()
        self._given = transport
        self._only_api_injected = api_injected and transport is None
        context = ssl_context or opened(shared_ssl_context, service="banqup")
        # Read the environment once: the proxy, and the hosts that bypass the proxy.
        proxy = None if self._hosts.loopback else environment_proxy("https")
        reached = self._hosts.hosts | {calls.origin.partition("//")[2]}
        bypassed = filter(urllib.request.proxy_bypass, reached)
        self._by_proxy = reached.difference(bypassed) if proxy else frozenset[str]()

        def through(way: Secret | None) -> httpx.AsyncBaseTransport:
            return opened(
                lambda: httpx.AsyncHTTPTransport(
                    verify=context, proxy=way.reveal() if way else None
                ),
                service="banqup",
            )

        if self._by_proxy and transport is None:
            through(proxy)  # so that an unusable proxy fails at construction
        self._direct = AsyncPerLoop(lambda: through(None))
        self._proxied = AsyncPerLoop(lambda: through(proxy))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._given is not None:
            await self._given.aclose()
            return
        for transports in (self._direct, self._proxied):
            transport = transports.opened()
            if transport is not None:
                await transport.aclose()

    async def download(self, url: Secret, target: Target, limit: Deadline) -> None:
        """Write the content behind a signed URL to a file.

        A URL that begins with one ``/`` is a path of the API; its request has the token.

        Raises:
            UrlExpiredError: The storage refused the URL.
            ProtocolError: The content is truncated, compressed or not of the right size.
            RejectedError: The content is too large.
            ServiceError: The request failed in another way.
        """
        signed = self._hosts.check(url, api=self._calls.base_url)
        if target.size is not None:
            target.check(target.size)

        async def once() -> None:
            try:
                await self._get(signed, target, limit)
            except BaseException:
                with writing():
                    target.clear()
                raise

        await self._repeat(once, self._down, signed, limit)

    async def write(self, content: bytes, target: Target) -> None:
        """Write to a file the content that a user's function has returned.

        Raises:
            ProtocolError: The content is not of the right size.
            RejectedError: The content is too large.
        """
        target.check(len(content), by=self._down.label)
        await runtime.write_chunk(target.file, content)

    async def _get(self, signed: SignedUrl, target: Target, limit: Deadline) -> None:
        request, response = await self._ask(signed, limit)
        try:
            check_headers(response, target, of_api=request.url.of_api)
            # httpx looks at the timeouts before it reads the body: limit them to the time left.
            request.extensions["timeout"].update(limit.timeouts())
            await _copy(response, target, limit)
        finally:
            await response.aclose()

    async def _ask(self, signed: SignedUrl, limit: Deadline) -> tuple[_Request, httpx.Response]:
        """Request a file's content; a request to the API has the token and follows one redirect."""
        request, response = await self._ask_once(signed, limit, renew=signed.of_api)
        if signed.of_api and 300 <= response.status_code < 400:
            await response.aclose()
            elsewhere = self._hosts.check(Secret(response.headers.get("location", "")))
            request, response = await self._ask_once(elsewhere, limit)
        return request, response

    async def _ask_once(
        self, signed: SignedUrl, limit: Deadline, *, renew: bool = False
    ) -> tuple[_Request, httpx.Response]:
        request = self._request(self._down, signed, limit, {"Accept-Encoding": "identity"})
        token: Token | None = None
        if signed.of_api:
            token = await self._calls.token(limit)
            request.headers["Authorization"] = f"Bearer {token.value.reveal()}"
        response = await self._send(request)
        if token is not None and response.status_code == 401:
            self._calls.drop(token)
            if renew:
                await response.aclose()
                return await self._ask_once(signed, limit)
        return request, response

    async def upload(
        self,
        url: Secret,
        source: FileSource,
        *,
        content_type: str,
        limit: Deadline,
    ) -> None:
        """Send a file's content to a signed URL, with exactly this media type.

        Raises:
            UrlExpiredError: The storage refused the URL.
            ServiceError: The request failed in another way.
        """
        signed = self._hosts.check(url)
        headers = {"Content-Type": content_type, "Content-Length": str(source.size)}

        await self._repeat(
            lambda: self._put(signed, headers, source, limit), self._up, signed, limit
        )

    async def _put(
        self,
        signed: SignedUrl,
        headers: Mapping[str, str],
        source: FileSource,
        limit: Deadline,
    ) -> None:
        request = self._request(self._up, signed, limit, headers, AsyncFileBody(source))
        response = await self._send(request)
        await response.aclose()
        if not 200 <= response.status_code < 300:
            raise refusal("files.upload", response.status_code, response.headers)

    async def _repeat(
        self,
        once: Callable[[], Awaitable[None]],
        operation: Operation,
        signed: SignedUrl,
        limit: Deadline,
    ) -> None:
        tried = 0
        while True:
            tried += 1
            try:
                return await translated(
                    once,
                    operation,
                    limit,
                    service="banqup",
                    origin=f"{signed.scheme}://{signed.host}",
                    proxied=self._given is None,
                )
            except ServiceError as error:
                error.operation = error.operation or operation.name
                if self._only_api_injected and code_of(error.hint) == "hint_network":
                    error.hint = Text(
                        "hint_storage_transport",
                        "The client has transport= or http_client=, which files do not use: give "
                        "storage_transport=, too.",
                    )
                pause = self._retry.pause(error, tried=tried, safe=operation.safe)
                if pause is None or pause >= limit.remaining():
                    raise
            await runtime.sleep(pause)

    def _request(
        self,
        operation: Operation,
        signed: SignedUrl,
        limit: Deadline,
        headers: Mapping[str, str],
        content: AsyncContent | None = None,
    ) -> _Request:
        url = signed if self._given is None else signed.whole()
        request = _Request(
            operation.method,
            url,
            headers={"User-Agent": self._user_agent, **headers},
            content=content,
            extensions={"timeout": limit.timeouts()},
        )
        request.url = url  # httpx has copied the URL; the copy would be quoted again
        return request

    async def _send(self, request: httpx.Request) -> httpx.Response:
        host = request.url.netloc.decode("ascii")
        transports = self._proxied if host in self._by_proxy else self._direct
        transport = transports.get() if self._given is None else self._given
        return await transport.handle_async_request(request)


class AsyncFileBody:
    """An iterable of the bytes of a file in pieces; it can be iterated any number of times."""

    def __init__(self, source: FileSource) -> None:
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._source.size
        with self._source.open() as file:
            while left > 0:
                chunk = await runtime.read_chunk(file, min(CHUNK, left))
                if not chunk:
                    message = Text("file_shrank", "a file became shorter while it was sent")
                    raise RejectedError(message, service="banqup")
                left -= len(chunk)
                yield chunk


async def _copy(response: httpx.Response, target: Target, limit: Deadline) -> None:
    received = 0
    # Not aiter_raw(): it refuses bodies in memory, which test transports return.
    stream = cast("httpx.AsyncByteStream", response.stream)
    async for chunk in stream:
        if limit.remaining() <= 0:
            raise TimeoutError
        received += len(chunk)
        target.check(received, whole=False)
        with writing():
            await runtime.write_chunk(target.file, chunk)
    target.check(received)
