"""Answer clients from a fake without sockets, through an httpx transport or through respx."""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias, cast

import httpx

from _client_kit import _runtime_async as runtime
from _client_kit.fakes.service import Call, FakeService
from _client_kit.fakes.wire import Reply

if TYPE_CHECKING:
    import respx

_PIECE = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TEST_DOMAINS = (".test", ".example", ".invalid")
Sleep: TypeAlias = Callable[[float], object]


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer in pieces, cut or delayed as its ``Delivery`` says."""

    def __init__(self, reply: Reply, sleep: Sleep, read_timeout: float) -> None:
        self._reply = reply
        self._sleep = sleep
        self._read_timeout = read_timeout

    def _pieces(self) -> Iterator[tuple[float, bytes]]:
        (body, claimed), delivery = self._reply.wire_body(), self._reply.delivery
        size = delivery.size if delivery.kind == "drip" else _PIECE
        end = min(len(body), claimed)
        for start in range(0, end, size):
            yield delivery.pause, body[start : min(start + size, end)]
        if end < claimed:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {end} bytes, expected {claimed})"
            )

    def __iter__(self) -> Iterator[bytes]:
        for pause, piece in self._pieces():
            _wait(self._sleep, pause, self._read_timeout)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for pause, piece in self._pieces():
            await _wait_async(self._sleep, pause, self._read_timeout)
            yield piece


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An httpx transport that answers a sync or an async client from a fake, without sockets.

    A request to a host that is not the fake's, loopback or a test domain (such as ``.test``) fails
    with a DNS error. Scripted faults raise the errors that httpx raises on a socket. A delay as
    long as the read timeout, or longer, raises a timeout.
    """

    def __init__(self, service: FakeService) -> None:
        """Answer from this service."""
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call, timeout, sleep = self._begin(request), _read_timeout(request), self._service.sleep
        # The cast is safe: httpx.Client refuses an asynchronous body, and respx reads each body
        # first. The Banqup client's storage calls this method directly, with a synchronous body.
        call.body = b"".join(cast("httpx.SyncByteStream", request.stream))
        self._check_body(call)
        try:
            _wait(sleep, call.pause, timeout)
        finally:  # the request is applied even if the client has stopped waiting
            reply = self._service.finish(call)
        _wait(sleep, reply.pause, timeout)
        return self._response(request, reply, timeout)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call, timeout, sleep = self._begin(request), _read_timeout(request), self._service.sleep
        stream = cast("httpx.AsyncByteStream", request.stream)
        call.body = b"".join([part async for part in stream])
        self._check_body(call)
        try:
            await _wait_async(sleep, call.pause, timeout)
        finally:  # the request is applied even if the client has stopped waiting
            reply = self._service.finish(call)
        await _wait_async(sleep, reply.pause, timeout)
        return self._response(request, reply, timeout)

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

    def _check_body(self, call: Call) -> None:
        if call.cut is not None:
            self._service.note(call)
            raise httpx.ReadError("[Errno 104] Connection reset by peer")
        declared = int(call.headers.get("content-length", len(call.body)))
        if declared != len(call.body):
            much = "little" if len(call.body) < declared else "much"
            raise httpx.LocalProtocolError(f"Too {much} data for declared Content-Length")

    def _response(self, request: httpx.Request, reply: Reply, timeout: float) -> httpx.Response:
        kind, reset = reply.delivery.kind, reply.delivery.reset
        if kind == "garbage":
            raise httpx.RemoteProtocolError("illegal status line", request=request)
        if kind == "drop" and reset:
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
        if kind == "drop":
            text = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(text, request=request)
        return httpx.Response(
            reply.status,
            headers=reply.wire_headers(),
            stream=_Stream(reply, self._service.sleep, timeout),
            request=request,
        )


def mount(service: FakeService, router: respx.MockRouter) -> respx.Route:
    """Add to a respx router the route for a service's hosts, and return the route."""
    hosts = sorted({*service.hosts, service.storage_host} - {""})
    names = "|".join(map(re.escape, hosts))
    domains = "|".join(map(re.escape, _TEST_DOMAINS))
    route = router.route(host__regex=rf"^(?:{names}|.*(?:{domains}))$")
    return route.mock(side_effect=FakeTransport(service).handle_request)


def _wait(sleep: Sleep, seconds: float, timeout: float) -> None:
    """Sleep, at most for the client's read timeout; raise ReadTimeout if the client gives up."""
    if seconds > 0:
        sleep(min(seconds, timeout))
        _check_time(seconds, timeout)


async def _wait_async(sleep: Sleep, seconds: float, timeout: float) -> None:
    """Do the same as :func:`_wait`, without blocking the event loop.

    A ``sleep`` that a test has given is called as it is, so it may block.
    """
    if seconds > 0:
        waiting = (runtime.sleep if sleep is time.sleep else sleep)(min(seconds, timeout))
        if inspect.isawaitable(waiting):
            await waiting
        _check_time(seconds, timeout)


def _check_time(seconds: float, timeout: float) -> None:
    if seconds >= timeout:
        raise httpx.ReadTimeout("The read operation timed out")


def _read_timeout(request: httpx.Request) -> float:
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    read = timeouts.get("read")
    return math.inf if read is None else read
