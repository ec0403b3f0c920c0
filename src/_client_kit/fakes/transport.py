"""The fake's door in memory: one httpx transport for sync and async clients, and respx."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Protocol, cast

import httpx

from _client_kit.fakes.wire import Body, Head, Reply

if TYPE_CHECKING:
    import respx

    from _client_kit.fakes.service import FakeService, Plan

_PIECE = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TEST_DOMAINS = (".test", ".example", ".invalid")


class _Sleeps(Protocol):
    def __call__(self, seconds: float, /) -> object: ...


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer's body in pieces, spoilt as its delivery says."""

    def __init__(self, reply: Reply, sleep: _Sleeps, read_timeout: float | None) -> None:
        self._reply = reply
        self._sleep = sleep
        self._read_timeout = read_timeout

    def _pieces(self) -> Iterator[tuple[float, bytes]]:
        (body, claimed), delivery = self._reply.wire_body(), self._reply.delivery
        size, pause, end = _PIECE, 0.0, min(len(body), claimed)
        if delivery is not None and delivery.kind == "drip":
            size, pause = delivery.size, delivery.pause
        elif delivery is not None and delivery.kind == "truncate":
            end = min(delivery.size, end)
        view = memoryview(body)
        for start in range(0, end, size):
            yield pause, bytes(view[start : min(start + size, end)])
        if end < claimed:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {end} bytes, expected {claimed})"
            )

    def __iter__(self) -> Iterator[bytes]:
        for pause, piece in self._pieces():
            wait(self._sleep, pause, self._read_timeout)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for pause, piece in self._pieces():
            await wait_async(self._sleep, pause, self._read_timeout)
            yield piece


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers an ``httpx.Client`` or ``httpx.AsyncClient`` from a fake, without sockets.

    A request to any other host fails as an unknown host does. Scripted faults raise what httpx
    raises for them on a socket; a delay longer than the request's read timeout times out.
    """

    def __init__(self, service: FakeService) -> None:
        """Answer from this service."""
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        plan = self._begin(request)
        parts: list[bytes] = []
        size = 0
        # httpx itself refuses a body of the other world.
        for part in cast("httpx.SyncByteStream", request.stream):
            parts.append(part)
            size += len(part)
            self._interrupt(plan, size)
        body = self._whole(request, plan, parts)
        timeout = _read_timeout(request)
        try:
            wait(self._service.sleep, plan.pause, timeout)
        except httpx.ReadTimeout:
            self._service.finish(plan, body)  # the service does not know that nobody waits
            raise
        reply = self._service.finish(plan, body)
        wait(self._service.sleep, reply.pause, timeout)
        return self._response(request, reply, timeout)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        plan = self._begin(request)
        parts: list[bytes] = []
        size = 0
        async for part in cast("httpx.AsyncByteStream", request.stream):
            parts.append(part)
            size += len(part)
            self._interrupt(plan, size)
        body = self._whole(request, plan, parts)
        timeout = _read_timeout(request)
        try:
            await wait_async(self._service.sleep, plan.pause, timeout)
        except httpx.ReadTimeout:
            self._service.finish(plan, body)
            raise
        reply = self._service.finish(plan, body)
        await wait_async(self._service.sleep, reply.pause, timeout)
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

    def _interrupt(self, plan: Plan, size: int) -> None:
        if plan.cut is not None and size > plan.cut:
            self._service.abandon(plan)
            raise httpx.WriteError("[Errno 32] Broken pipe")

    def _whole(self, request: httpx.Request, plan: Plan, parts: list[bytes]) -> Body:
        if plan.cut is not None:
            self._service.abandon(plan)
            raise httpx.ReadError("[Errno 104] Connection reset by peer")
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        declared = request.headers.get("content-length")
        if declared is not None and int(declared) != len(body):
            much = "little" if len(body) < int(declared) else "much"
            raise httpx.LocalProtocolError(f"Too {much} data for declared Content-Length")
        return body

    def _response(
        self, request: httpx.Request, reply: Reply, timeout: float | None
    ) -> httpx.Response:
        kind = reply.delivery.kind if reply.delivery else None
        if kind == "garbage":
            raise httpx.RemoteProtocolError("illegal status line", request=request)
        if kind == "drop" and reply.delivery is not None:
            if reply.delivery.reset:
                raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            )
        return httpx.Response(
            reply.status,
            headers=list(reply.wire_headers()),
            stream=_Stream(reply, self._service.sleep, timeout),
            request=request,
        )


def mount(service: FakeService, router: respx.MockRouter) -> respx.Route:
    """Route a respx router's requests for the service's hosts to the service."""
    transport = FakeTransport(service)

    def answer(request: httpx.Request) -> httpx.Response:
        return transport.handle_request(request)

    hosts = sorted({*service.hosts, service.storage_host} - {""})
    domains = "|".join(re.escape(domain) for domain in _TEST_DOMAINS)
    names = "|".join(re.escape(host) for host in hosts)
    return router.route(host__regex=rf"^(?:{names}|.*(?:{domains}))$").mock(side_effect=answer)


def wait(sleep: _Sleeps, seconds: float, timeout: float | None) -> None:
    """Sleep, but no longer than a client with this read timeout would wait."""
    if seconds > 0:
        late = timeout is not None and seconds >= timeout
        sleep(timeout if late and timeout is not None else seconds)
        if late:
            raise httpx.ReadTimeout("The read operation timed out")


async def wait_async(sleep: _Sleeps, seconds: float, timeout: float | None) -> None:
    """Sleep without holding up the event loop, unless the fake was given a sleep that does."""
    if seconds <= 0:
        return
    late = timeout is not None and seconds >= timeout
    waited = timeout if late and timeout is not None else seconds
    if sleep is time.sleep:
        # Loaded only where a delay is really waited for.
        from _client_kit._runtime_async import sleep as let_pass

        await let_pass(waited)
    else:
        result = sleep(waited)
        if inspect.isawaitable(result):
            await result
    if late:
        raise httpx.ReadTimeout("The read operation timed out")


def _read_timeout(request: httpx.Request) -> float | None:
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeouts.get("read")
