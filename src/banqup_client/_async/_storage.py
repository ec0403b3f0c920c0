"""Transfer file content through signed URLs, with an httpx transport and no httpx client.

A transport adds no default headers, follows no redirects and logs no URL.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from functools import partial
from typing import cast

import httpx

from _client_kit import _runtime_async as runtime
from _client_kit._async._body import AsyncJsonBody
from _client_kit._async._calls import AsyncCalls, AsyncContent
from _client_kit._async._per_loop import AsyncPerLoop
from _client_kit._clock import Deadline
from _client_kit._contract import Operation
from _client_kit._files import FileSource
from _client_kit._response import Token
from _client_kit._secret import Secret
from _client_kit._tls import opened, proxy_of, shared_ssl_context
from banqup_client._storage import (
    SignedUrl,
    StorageHosts,
    Target,
    check_headers,
    refusal,
    writing,
)


class AsyncStorage:
    """Download file content from signed URLs, and upload it to them."""

    def __init__(
        self,
        calls: AsyncCalls,
        hosts: Iterable[str],
        *,
        transport: httpx.AsyncBaseTransport | None,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._down = calls.contract["files.download"]
        self._up = calls.contract["files.upload"]
        self._calls = calls
        self._hosts = StorageHosts(hosts, base_url=calls.base_url)
        self._given = transport
        self._context = ssl_context or opened(shared_ssl_context, service="banqup")
        # The transports of this process and event loop, by the origin that they are for.
        self._transports = AsyncPerLoop(dict[str, httpx.AsyncBaseTransport])

    async def aclose(self) -> None:
        """Close the connections, also those of an injected transport."""
        if self._given is not None:
            await self._given.aclose()
            return
        for transport in (self._transports.opened() or {}).values():
            await transport.aclose()

    async def download(self, url: Secret | None, target: Target, limit: Deadline) -> None:
        """Write the content behind a signed URL to a file.

        A URL that begins with exactly one ``/`` is a path of the API; its request has the token.

        Raises:
            UrlExpiredError: The storage refused the URL.
            ProtocolError: The content is truncated, compressed or not of the right size.
            RejectedError: The content is too large.
            ServiceError: The request failed in another way.
        """
        signed = self._hosts.check(url)
        if target.size is not None:
            target.check(target.size)
        await self._calls.repeat(
            partial(self._get, signed, target, limit),
            self._down,
            limit,
            origin=signed.origin,
            proxied=self._given is None,
            with_token=signed.of_api,
        )

    async def _get(
        self, signed: SignedUrl, target: Target, limit: Deadline, token: Token | None = None
    ) -> None:
        """Request a file's content and write it.

        A request to the API has the token. One redirect from the API is followed, without the
        token.
        """
        ask = partial(self._ask, self._down, limit, {"Accept-Encoding": "identity"})
        response = await ask(signed, token=token)
        if signed.of_api and 300 <= response.status_code < 400:
            await response.aclose()
            location = Secret(response.headers.get("location", ""))
            signed = self._hosts.check(location, redirect=True)
            response = await ask(signed)
        try:
            check_headers(response, target, of_api=signed.of_api)
            # httpx looks at the timeouts before it reads the body: limit them to the time left.
            response.request.extensions["timeout"].update(limit.timeouts())
            await _copy(response, target, limit)
        except BaseException:
            with writing():
                target.clear()
            raise
        finally:
            await response.aclose()

    async def upload(
        self, url: Secret | None, source: FileSource, *, content_type: str, limit: Deadline
    ) -> None:
        """Send a file's content to a signed URL, with exactly this media type.

        Raises:
            UrlExpiredError: The storage refused the URL.
            ServiceError: The request failed in another way.
        """
        signed = self._hosts.check(url, redirect=True)
        headers = {"Content-Type": content_type, "Content-Length": str(source.size)}
        body = AsyncJsonBody([source], service="banqup")

        async def once() -> None:
            response = await self._ask(self._up, limit, headers, signed, body)
            await response.aclose()
            if not 200 <= response.status_code < 300:
                raise refusal("files.upload", response.status_code, response.headers)

        proxied = self._given is None
        await self._calls.repeat(once, self._up, limit, origin=signed.origin, proxied=proxied)

    async def _ask(
        self,
        operation: Operation,
        limit: Deadline,
        headers: Mapping[str, str],
        signed: SignedUrl,
        content: AsyncContent | None = None,
        token: Token | None = None,
    ) -> httpx.Response:
        """Send one request, with a token if one is given."""
        url = signed if self._given is None else signed.whole()
        request = httpx.Request(
            operation.method,
            url,
            headers={"User-Agent": self._calls.user_agent, **headers},
            content=content,
            extensions={"timeout": limit.timeouts()},
        )
        request.url = url  # replace httpx's copy of the URL, which would be quoted again
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token.value.reveal()}"
        response = await self._send(request)
        response.request = request
        return response

    async def _send(self, request: httpx.Request) -> httpx.Response:
        # str() of a SignedUrl is the origin and "/***", so each origin has one transport.
        transport = self._given or self._transport_for(str(request.url))
        return await transport.handle_async_request(request)

    def _transport_for(self, origin: str) -> httpx.AsyncBaseTransport:
        transports = self._transports.get()
        if origin not in transports:
            proxy = proxy_of(origin)
            made = opened(
                lambda: httpx.AsyncHTTPTransport(
                    verify=self._context, proxy=proxy.reveal() if proxy else None
                ),
                service="banqup",
            )
            transports.setdefault(origin, made)  # another thread may have added one
        return transports[origin]


async def _copy(response: httpx.Response, target: Target, limit: Deadline) -> None:
    received = 0
    # Do not use aiter_raw(): it refuses bodies in memory, which test transports return.
    stream = cast("httpx.AsyncByteStream", response.stream)
    async for chunk in stream:
        if limit.remaining() <= 0:
            raise TimeoutError
        received += len(chunk)
        target.check(received, whole=False)
        with writing():
            await runtime.write_chunk(target.file, chunk)
    target.check(received)
