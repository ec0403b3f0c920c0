"""Moving file bytes through signed URLs, over a bare transport.

A bare transport sends no default headers, follows no redirects and writes no log line with the
URL, which is a credential for as long as it lives.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterable
from typing import Any, BinaryIO

import httpx

from _client_kit import _world_async as world
from _client_kit._async._calls import AsyncContent
from _client_kit._clock import Deadline
from _client_kit._errors import (
    Indefinite,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unreachable,
)
from _client_kit._retry import RetryPolicy, parse_retry_after
from _client_kit._tls import shared_ssl_context
from banqup_client._storage import SignedTarget, StorageHosts

__all__ = ["AsyncStorage", "ExpiredUrl"]

DEFAULT_MAX_BYTES = 1024 * 1024 * 1024


class ExpiredUrl(PermissionDenied):
    """Storage no longer takes a signed URL (400 or 403): a fresh one may help."""


class AsyncStorage:
    """Sends to and receives from signed URLs."""

    def __init__(
        self,
        hosts: Iterable[str],
        *,
        base_url: str,
        timeout: float,
        user_agent: str,
        retry: RetryPolicy | None,
        transport: httpx.AsyncBaseTransport | None,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._hosts = StorageHosts.of(hosts, base_url=base_url)
        self._timeout = timeout
        self._user_agent = user_agent
        self._retry = retry or RetryPolicy()
        self._transport = transport or httpx.AsyncHTTPTransport(
            verify=ssl_context or shared_ssl_context(), proxy=self._proxy()
        )

    def _proxy(self) -> str | None:
        """The proxy the environment names for storage, as httpx would find it."""
        if self._hosts.loopback:
            return None
        host = next(iter(sorted(self._hosts.hosts)), "")
        if urllib.request.proxy_bypass(host):
            return None
        proxies = urllib.request.getproxies()
        return proxies.get("https") or proxies.get("all")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def download(
        self, url: str, target: BinaryIO, *, size: int | None, max_bytes: int, limit: Deadline
    ) -> None:
        """Write the bytes behind a signed URL to a file, from where it stands.

        Raises:
            ExpiredUrl: Storage did not take the URL.
            ProtocolError: Truncated, of another size than named, compressed, or over the cap.
            ServiceError: Anything else.
        """
        signed = self._hosts.check(url)
        start = target.tell()
        tried = 0
        while True:
            tried += 1
            try:
                await self._receive(signed, target, size, max_bytes, limit)
            except ServiceError as error:
                target.seek(start)
                target.truncate()
                pause = self._retry.pause(error, tried=tried, safe=True)
                if pause is None or pause >= limit.remaining():
                    raise
                await world.sleep(pause)
            else:
                return

    async def _receive(
        self,
        signed: SignedTarget,
        target: BinaryIO,
        size: int | None,
        max_bytes: int,
        limit: Deadline,
    ) -> None:
        received = 0
        problem: ServiceError
        try:
            async with world.time_limit(limit):
                response = await self._request(
                    "GET", signed, limit, {"Accept-Encoding": "identity"}
                )
                try:
                    self._check(response, max_bytes)
                    async for chunk in response.aiter_raw():
                        if limit.remaining() <= 0:
                            raise TimeoutError
                        received += len(chunk)
                        if received > max_bytes:
                            raise _over_cap(max_bytes)
                        await world.write_chunk(target, chunk)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
            message = "files.download: no connection to the storage of files"
            problem = Unreachable(message, service="banqup")
        except (TimeoutError, httpx.TimeoutException):
            problem = _unavailable("files.download: storage took too long", limit)
        except httpx.RequestError as error:
            problem = _unavailable(
                f"files.download: the connection to storage broke ({type(error).__name__})", limit
            )
        else:
            if size is None or received == size:
                return
            problem = ProtocolError(
                f"files.download: got {received} bytes of a file of {size}",
                service="banqup",
                retryable=True,
            )
        raise problem from None

    async def upload(
        self, url: str, content: AsyncContent, *, content_type: str, size: int, limit: Deadline
    ) -> None:
        """Put a file's bytes to a signed URL with exactly its declared type (assumed: PUT).

        Raises:
            ExpiredUrl: Storage did not take the URL.
            ServiceError: Anything else.
        """
        signed = self._hosts.check(url)
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        problem: ServiceError
        try:
            async with world.time_limit(limit):
                response = await self._request("PUT", signed, limit, headers, content)
                try:
                    self._check(response, DEFAULT_MAX_BYTES)
                finally:
                    await response.aclose()
                return
        except (TimeoutError, httpx.TimeoutException, httpx.RequestError) as error:
            problem = Indefinite(
                f"files.upload: the connection to storage broke ({type(error).__name__})",
                service="banqup",
            )
        raise problem from None

    async def _request(
        self,
        method: str,
        signed: SignedTarget,
        limit: Deadline,
        headers: dict[str, str],
        content: AsyncContent | None = None,
    ) -> httpx.Response:
        seconds = min(self._timeout, max(limit.remaining(), 0.001))
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        request = httpx.Request(
            method,
            signed.url,
            headers={"User-Agent": self._user_agent, **headers},
            content=content,
            # The target overrides httpx's own quoting: one changed byte breaks the signature.
            extensions={"timeout": timeout, "target": signed.target},
        )
        return await self._transport.handle_async_request(request)

    def _check(self, response: httpx.Response, max_bytes: int) -> None:
        status = response.status_code
        headers = response.headers
        if status not in (200, 201, 204):
            raise _refusal(status, headers)
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            message = "files.download: storage compressed the file although it was asked not to"
            raise ProtocolError(message, service="banqup", status=status)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length[:18]) > max_bytes:
            raise _over_cap(max_bytes)


def _over_cap(max_bytes: int) -> Rejected:
    message = f"files.download: the file is larger than {max_bytes} bytes"
    return Rejected(message, service="banqup", hint="Raise the limit if that is expected.")


def _unavailable(message: str, limit: Deadline) -> Unavailable:
    return Unavailable(message, service="banqup", retryable=limit.remaining() > 0)


def _refusal(status: int, headers: Any) -> ServiceError:
    """What a status of storage means; its body may hold the signed request, so it is not read."""
    options = {"service": "banqup", "status": status}
    after = parse_retry_after(headers.get("retry-after"))
    if status in (400, 403):
        return ExpiredUrl(f"storage did not take the signed URL ({status})", **options)
    if status in (404, 410):
        return NotFound(f"storage does not have the file ({status})", **options)
    if status == 429:
        return RateLimited("storage: too many requests (429)", retry_after=after, **options)
    if status == 408 or status >= 500:
        return Unavailable(f"storage failed ({status})", retry_after=after, **options)
    return ProtocolError(f"storage answered with an unexpected status ({status})", **options)
