"""Answer clients from a fake without sockets, through an httpx transport."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import AsyncIterator, Iterator
from typing import cast

import httpx

from _client_kit import _runtime_async as runtime
from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply

_PIECE = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TEST_DOMAINS = (".test", ".example", ".invalid")


class _Answer(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The answer to a call: it waits, cuts and delays as its fault says.

    It is the body of the response too, in pieces.
    """

    reply: Reply

    def __init__(self, service: FakeService, request: httpx.Request) -> None:
        self._sleep = service.sleep
        self._request = request
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._timeout = timeouts.get("read") or math.inf

    def response(self) -> httpx.Response:
        """Return the response; raise the error that httpx raises on a socket if there is none."""
        kind = self.reply.delivery.kind
        if kind == "garbage":
            raise httpx.RemoteProtocolError("illegal status line", request=self._request)
        if kind == "reset":
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=self._request)
        if kind == "drop":
            text = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(text, request=self._request)
        return httpx.Response(
            self.reply.status,
            headers=self.reply.wire_headers(),
            stream=self,
            request=self._request,
        )

    def wait(self, seconds: float) -> None:
        """Sleep at most for the client's read timeout; raise ReadTimeout if it is over."""
        if seconds > 0:
            self._sleep(min(seconds, self._timeout))
            self._check_time(seconds)

    async def wait_async(self, seconds: float) -> None:
        """Do the same as `wait`, without blocking the event loop.

        A ``sleep`` that a test has given is called as it is, so it may block.
        """
        if seconds > 0:
            sleep = runtime.sleep if self._sleep is time.sleep else self._sleep
            waiting = sleep(min(seconds, self._timeout))
            if inspect.isawaitable(waiting):
                await waiting
            self._check_time(seconds)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces():
            self.wait(self.reply.delivery.pause)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces():
            await self.wait_async(self.reply.delivery.pause)
            yield piece

    def _pieces(self) -> Iterator[bytes]:
        (body, claimed), delivery = self.reply.wire_body(), self.reply.delivery
        size = delivery.size if delivery.kind == "drip" else _PIECE
        end = min(len(body), claimed)
        for start in range(0, end, size):
            yield body[start : min(start + size, end)]
        if end < claimed:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {end} bytes, expected {claimed})"
            )

    def _check_time(self, seconds: float) -> None:
        if seconds >= self._timeout:
            raise httpx.ReadTimeout("The read operation timed out")


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An httpx transport that answers a sync or an async client from a fake, without sockets.

    The transport answers requests to the fake's hosts, to loopback and to test domains such as
    ``.test``. Requests to other hosts fail with a DNS error. Scripted faults raise the errors that
    httpx raises on a socket. A delay as long as the read timeout, or longer, raises a timeout.
    """

    def __init__(self, service: FakeService) -> None:
        """Answer from this service."""
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call = self._begin(request)
        # The cast is safe: httpx.Client refuses an asynchronous body, and respx reads each body
        # first. The Banqup client's storage calls this method directly, with a synchronous body.
        call.body = b"".join(cast("httpx.SyncByteStream", request.stream))
        answer = self._answer(request, call)
        try:
            answer.wait(call.pause)
        finally:  # the request is applied even if the client has stopped waiting
            answer.reply = self._service.finish(call)
        answer.wait(answer.reply.pause)
        return answer.response()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call = self._begin(request)
        stream = cast("httpx.AsyncByteStream", request.stream)
        call.body = b"".join([part async for part in stream])
        answer = self._answer(request, call)
        try:
            await answer.wait_async(call.pause)
        finally:  # the request is applied even if the client has stopped waiting
            answer.reply = self._service.finish(call)
        await answer.wait_async(answer.reply.pause)
        return answer.response()

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
        return call

    def _answer(self, request: httpx.Request, call: Call) -> _Answer:
        if call.scripted.action.body_read is not None:
            self._service.note(call)
            raise httpx.ReadError("[Errno 104] Connection reset by peer")
        declared = int(call.headers.get("content-length", len(call.body)))
        if declared != len(call.body):
            much = "little" if len(call.body) < declared else "much"
            raise httpx.LocalProtocolError(f"Too {much} data for declared Content-Length")
        return _Answer(self._service, request)
