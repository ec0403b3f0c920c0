"""Answer clients from a fake without sockets, through an httpx transport or through respx."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias, cast

import httpx

from _client_kit.fakes.service import FakeService, Plan
from _client_kit.fakes.wire import Head, Reply

if TYPE_CHECKING:
    import respx

_PIECE = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TEST_DOMAINS = (".test", ".example", ".invalid")
Sleep: TypeAlias = Callable[[float], object]


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer in pieces, cut or delayed as its ``Delivery`` says."""

    def __init__(self, reply: Reply, sleep: Sleep, read_timeout: float | None) -> None:
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
            _check_time(wait(self._sleep, pause, self._read_timeout))
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for pause, piece in self._pieces():
            _check_time(await wait_async(self._sleep, pause, self._read_timeout))
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
        plan, timeout = self._begin(request), _read_timeout(request)
        parts: list[bytes] = []
        # The cast is safe: httpx refuses an asynchronous body before it calls this method.
        for part in cast("httpx.SyncByteStream", request.stream):
            self._take(plan, parts, part)
        body = self._whole(request, plan, parts)
        late = wait(self._service.sleep, plan.pause, timeout)
        reply = self._service.finish(plan, body)
        _check_time(late or wait(self._service.sleep, reply.pause, timeout))
        return self._response(request, reply, timeout)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        plan, timeout = self._begin(request), _read_timeout(request)
        parts: list[bytes] = []
        async for part in cast("httpx.AsyncByteStream", request.stream):
            self._take(plan, parts, part)
        body = self._whole(request, plan, parts)
        late = await wait_async(self._service.sleep, plan.pause, timeout)
        reply = self._service.finish(plan, body)
        _check_time(late or await wait_async(self._service.sleep, reply.pause, timeout))
        return self._response(request, reply, timeout)

    def _begin(self, request: httpx.Request) -> Plan:
        url, service = request.url, self._service
        storage = bool(service.storage_host) and url.host == service.storage_host
        loopback = url.host in _LOOPBACK
        known = storage or loopback or url.host in service.hosts
        if not known and not url.host.endswith(_TEST_DOMAINS):
            raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)
        if url.scheme != "https" and not loopback:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        return service.begin(
            Head(
                origin="storage" if storage else "api",
                method=request.method,
                target=url.raw_path.decode("ascii"),
                headers=headers,
                storage_url=f"https://{service.storage_host}",
            )
        )

    def _take(self, plan: Plan, parts: list[bytes], part: bytes) -> None:
        parts.append(part)
        if plan.cut is not None and sum(map(len, parts)) > plan.cut:
            self._service.abandon(plan)
            raise httpx.WriteError("[Errno 32] Broken pipe")

    def _whole(self, request: httpx.Request, plan: Plan, parts: list[bytes]) -> bytes:
        if plan.cut is not None:
            self._service.abandon(plan)
            raise httpx.ReadError("[Errno 104] Connection reset by peer")
        body = b"".join(parts)
        declared = request.headers.get("content-length")
        if declared is not None and int(declared) != len(body):
            much = "little" if len(body) < int(declared) else "much"
            raise httpx.LocalProtocolError(f"Too {much} data for declared Content-Length")
        return body

    def _response(
        self, request: httpx.Request, reply: Reply, timeout: float | None
    ) -> httpx.Response:
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
            headers=list(reply.wire_headers()),
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


def wait(sleep: Sleep, seconds: float, timeout: float | None) -> bool:
    """Sleep, at most for the client's read timeout; return True if the client gives up."""
    waited, late = _patience(seconds, timeout)
    if waited > 0:
        sleep(waited)
    return late


async def wait_async(sleep: Sleep, seconds: float, timeout: float | None) -> bool:
    """Do the same as :func:`wait`, without blocking the event loop.

    A ``sleep`` that a test has given is called as it is, so it may block.
    """
    waited, late = _patience(seconds, timeout)
    if waited > 0 and sleep is time.sleep:
        # Imported here because only a test with a real delay needs the event loop.
        from _client_kit._runtime_async import sleep as sleep_async

        await sleep_async(waited)
    elif waited > 0:
        result = sleep(waited)
        if inspect.isawaitable(result):
            await result
    return late


def _patience(seconds: float, timeout: float | None) -> tuple[float, bool]:
    late = timeout is not None and 0 < seconds >= timeout
    return (timeout if late and timeout is not None else seconds), late


def _check_time(late: bool) -> None:
    if late:
        raise httpx.ReadTimeout("The read operation timed out")


def _read_timeout(request: httpx.Request) -> float | None:
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeouts.get("read")
