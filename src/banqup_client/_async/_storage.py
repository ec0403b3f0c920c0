"""Transfer file content through signed URLs, with an httpx transport and no httpx client.

A transport adds no default headers, follows no redirects and logs no URL. A signed URL is a
credential until it expires.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import BinaryIO, cast

import httpx

from _client_kit import _runtime_async as runtime
from _client_kit._async._calls import AsyncCalls, AsyncContent
from _client_kit._async._per_loop import AsyncPerLoop
from _client_kit._async._translated import translated
from _client_kit._clock import Deadline
from _client_kit._contract import Contract, Operation
from _client_kit._errors import (
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from _client_kit._files import FileSource
from _client_kit._request import TargetError
from _client_kit._response import Token
from _client_kit._retry import RetryPolicy, parse_retry_after
from _client_kit._secret import Secret
from _client_kit._signals import raised_by_signal_handler
from _client_kit._status import meaning_of
from _client_kit._text import Text
from _client_kit._tls import environment_proxy, opened, shared_ssl_context
from banqup_client._errors import UrlExpiredError
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
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._down = contract["files.download"]
        self._up = contract["files.upload"]
        self._calls = calls
        self._hosts = StorageHosts.of(hosts, base_url=calls.base_url)
        self._user_agent = user_agent
        self._retry = retry or RetryPolicy()
        self._given = transport
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

    async def download(
        self,
        url: Secret,
        target: BinaryIO,
        size: int | None,
        max_bytes: int,
        limit: Deadline,
    ) -> None:
        """Write the content behind a signed URL to a file, from the file's position on.

        A URL that begins with one ``/`` is a path of the API; its request has the token.

        Raises:
            UrlExpiredError: The storage refused the URL.
            ProtocolError: The content is truncated, compressed or not of size ``size``.
            RejectedError: The content is larger than ``max_bytes``.
            ServiceError: The request failed in another way.
        """
        signed = self._hosts.check(url, api=self._calls.base_url)
        if size is not None and size > max_bytes:
            raise _over_cap(max_bytes)
        start = target.tell()

        async def once() -> None:
            try:
                await self._translated(
                    lambda: self._get(signed, target, size, max_bytes, limit),
                    self._down,
                    signed,
                    limit,
                )
            except BaseException:
                target.seek(start)
                target.truncate()
                raise

        await self._repeat(once, self._down, limit)

    async def write(
        self, content: bytes, target: BinaryIO, size: int | None, max_bytes: int
    ) -> None:
        """Write content that a user's function has returned to a file.

        Raises:
            ProtocolError: The content is not of size ``size``.
            RejectedError: The content is larger than ``max_bytes``.
        """
        if len(content) > max_bytes:
            raise _over_cap(max_bytes)
        if size is not None and len(content) != size:
            raise _wrong_size(_not_whole(len(content), size, self._down.label))
        await runtime.write_chunk(target, content)

    async def _translated(
        self,
        exchange: Callable[[], Awaitable[None]],
        operation: Operation,
        signed: SignedUrl,
        limit: Deadline,
    ) -> None:
        await translated(
            exchange,
            operation,
            limit,
            service="banqup",
            origin=f"{signed.scheme}://{signed.host}",
            proxied=self._given is None,
        )

    async def _get(
        self,
        signed: SignedUrl,
        target: BinaryIO,
        size: int | None,
        max_bytes: int,
        limit: Deadline,
    ) -> None:
        request, response = await self._ask(signed, limit)
        try:
            _check_download(response, size, max_bytes, of_api=request.url.of_api)
            # httpx reads this value before the first read of the body: limit it to the time left.
            request.extensions["timeout"].update(limit.timeouts())
            await _copy(response, target, size, max_bytes, limit)
        finally:
            await response.aclose()

    async def _ask(self, signed: SignedUrl, limit: Deadline) -> tuple[_Request, httpx.Response]:
        """Request a file; from the API with the token, renewed once, and with one redirect."""
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
        """Send a file's content to a signed URL with exactly its declared media type.

        Raises:
            UrlExpiredError: The storage refused the URL.
            ServiceError: The request failed in another way.
        """
        signed = self._hosts.check(url)
        headers = {"Content-Type": content_type, "Content-Length": str(source.size)}

        async def once() -> None:
            await self._translated(
                lambda: self._put(signed, headers, source, limit), self._up, signed, limit
            )

        await self._repeat(once, self._up, limit)

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
            raise _refusal("files.upload", response.status_code, response.headers)

    async def _repeat(
        self, once: Callable[[], Awaitable[None]], operation: Operation, limit: Deadline
    ) -> None:
        tried = 0
        while True:
            tried += 1
            try:
                await once()
                return
            except ServiceError as error:
                error.operation = error.operation or operation.name
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
    """The bytes of a file; can be iterated again."""

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


async def _copy(
    response: httpx.Response, target: BinaryIO, size: int | None, max_bytes: int, limit: Deadline
) -> None:
    received = 0
    # Not aiter_raw(): it refuses bodies in memory, which test transports return.
    stream = cast("httpx.AsyncByteStream", response.stream)
    async for chunk in stream:
        if limit.remaining() <= 0:
            raise TimeoutError
        received += len(chunk)
        if received > max_bytes:
            raise _over_cap(max_bytes)
        if size is not None and received > size:
            raise _wrong_size(
                Text(
                    "file_too_long",
                    "files.download: storage sent more than the {0} bytes that the file has",
                    size,
                )
            )
        try:
            await runtime.write_chunk(target, chunk)
        except OSError as error:
            if raised_by_signal_handler(error):
                raise
            raise TargetError(error) from None
    if size is not None and received != size:
        raise _wrong_size(_not_whole(received, size))


def _check_download(
    response: httpx.Response, size: int | None, max_bytes: int, *, of_api: bool
) -> None:
    """Refuse a response that is not the whole, unchanged file, as far as its headers show."""
    headers = response.headers
    if response.status_code != 200:
        raise _refusal("files.download", response.status_code, headers, of_api=of_api)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        message = Text(
            "compressed_file",
            "files.download: storage compressed the file although it was asked not to",
        )
        raise ProtocolError(message, service="banqup", status=200)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and "transfer-encoding" not in headers:
        announced = int(length[:40])
        if announced > max_bytes:
            raise _over_cap(max_bytes)
        if size is not None and announced != size:
            raise _wrong_size(_not_whole(announced, size))


def _not_whole(got: int, size: int, by: str = "files.download") -> Text:
    return Text("wrong_size", "{0}: got {1} of the {2} bytes that the file has", by, got, size)


def _wrong_size(message: Text) -> ProtocolError:
    # Worth another try: a cache or a proxy may have cut it.
    return ProtocolError(
        message,
        service="banqup",
        status=200,
        retryable=True,
        code="wrong_size",
        operation="files.download",
    )


def _over_cap(max_bytes: int) -> RejectedError:
    message = Text(
        "file_over_limit", "files.download: the file is larger than {0} bytes", max_bytes
    )
    hint = Text("hint_max_bytes", "Raise max_bytes= if that is expected.")
    return RejectedError(
        message, service="banqup", hint=hint, code="too_large", operation="files.download"
    )


def _refusal(
    name: str, status: int, headers: httpx.Headers, *, of_api: bool = False
) -> ServiceError:
    """Return the error for a status of the storage; the body may repeat the signed request."""
    kind: type[ServiceError] = ProtocolError
    values = (name, str(status))
    text = Text("storage_status", "{0}: storage answered with an unexpected status ({1})", *values)
    if of_api:
        kind, meaning, _ = meaning_of(status, safe=True)
        text = Text("in_call", "{0}: {1}", name, meaning)
    elif status in (400, 403):
        kind = UrlExpiredError
        text = Text("url_expired", "{0}: storage did not take the signed URL ({1})", *values)
    elif status in (404, 410):
        kind = NotFoundError
        text = Text("file_gone", "{0}: storage does not have the file ({1})", *values)
    elif status == 429:
        kind = RateLimitedError
        text = Text("storage_limited", "{0}: too many requests for storage ({1})", *values)
    elif status == 408 or status >= 500:
        kind = UnavailableError
        text = Text("storage_failed", "{0}: storage failed ({1})", *values)
    return kind(
        text,
        service="banqup",
        status=status,
        retry_after=parse_retry_after(headers.get("retry-after")),
        # A web page is the error of a gateway.
        own=("json" if of_api else "xml") in headers.get("content-type", ""),
    )
