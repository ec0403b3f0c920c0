"""Answer clients from a fake without sockets, through an httpx transport."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator

import httpx

from _client_kit import _runtime_async as runtime
from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply

_PIECE = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TEST_DOMAINS = (".test", ".example", ".invalid")


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer, in pieces; a truncated body ends with an error."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        body, claimed = self._reply.wire_body()
        end = min(len(body), claimed)
        for start in range(0, end, _PIECE):
            yield body[start : min(start + _PIECE, end)]
        if end < claimed:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {end} bytes, expected {claimed})"
            )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An httpx transport that answers a sync or an async client from a fake, without sockets.

    The transport answers requests to the fake's hosts, to loopback and to test domains such as
    ``.test``. Requests to other hosts fail with a DNS error. A connection with http, not https, is
    refused unless the host is loopback. Scripted faults raise the errors that httpx raises on a
    socket. A delay as long as the read timeout, or longer, raises a timeout.
    """

    def __init__(self, service: FakeService) -> None:
        """Answer from this service."""
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call = self._begin(request)
        call.body = request.read()
        try:
            self._wait(call.pause, request)
        finally:  # the request is applied even if the client has stopped waiting
            reply = self._service.finish(call)
        self._wait(reply.pause, request)
        return _response(reply, request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call = self._begin(request)
        call.body = await request.aread()
        try:
            await self._wait_async(call.pause, request)
        finally:  # the request is applied even if the client has stopped waiting
            reply = self._service.finish(call)
        await self._wait_async(reply.pause, request)
        return _response(reply, request)

    def _begin(self, request: httpx.Request) -> Call:
        url, service = request.url, self._service
        storage = bool(service.storage_host) and url.host == service.storage_host
        loopback = url.host in _LOOPBACK
        known = storage or loopback or url.host in service.hosts
        if not known and not url.host.endswith(_TEST_DOMAINS):
            raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)
        if url.scheme != "https" and not loopback:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        call = Call(
            origin="storage" if storage else "api",
            method=request.method,
            target=url.raw_path.decode("ascii"),
            headers={name.lower(): value for name, value in request.headers.items()},
            storage_url=f"https://{service.storage_host}",
        )
        service.begin(call)
        if call.cut is not None:
            service.note(call)
            raise httpx.ReadError("[Errno 104] Connection reset by peer")
        return call

    def _wait(self, seconds: float, request: httpx.Request) -> None:
        """Wait for a scripted delay; raise ReadTimeout when the client's read timeout ends."""
        if seconds > 0:
            self._service.sleep(min(seconds, _timeout_of(request)))
            _check_time(seconds, request)

    async def _wait_async(self, seconds: float, request: httpx.Request) -> None:
        """Do the same as `_wait`, without blocking the event loop.

        A ``sleep`` that a test has given is called as it is, so it may block.
        """
        if seconds > 0:
            duration = min(seconds, _timeout_of(request))
            if self._service.sleep is time.sleep:
                await runtime.sleep(duration)
            else:
                self._service.sleep(duration)
            _check_time(seconds, request)


def _timeout_of(request: httpx.Request) -> float:
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeouts.get("read") or math.inf


def _check_time(seconds: float, request: httpx.Request) -> None:
    if seconds >= _timeout_of(request):
        raise httpx.ReadTimeout("The read operation timed out")


def _response(reply: Reply, request: httpx.Request) -> httpx.Response:
    """Return an answer as a response; raise httpx's error for a dropped or unreadable answer."""
    if reply.delivery == "garbage":
        raise httpx.RemoteProtocolError("illegal status line", request=request)
    if reply.delivery == "reset":
        raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if reply.delivery == "drop":
        text = "Server disconnected without sending a response."
        raise httpx.RemoteProtocolError(text, request=request)
    return httpx.Response(
        reply.status, headers=reply.wire_headers(), stream=_Body(reply), request=request
    )
