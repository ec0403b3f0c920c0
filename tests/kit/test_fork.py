"""A client made before a fork works in the child."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from _client_kit import _runtime_sync as runtime
from _client_kit import _tokens
from _client_kit._async._calls import AsyncCalls
from _client_kit._clock import Deadline
from _client_kit._sync._calls import Calls
from _client_kit._tokens import TokenCache
from support.forks import forks, in_child
from support.kit_service import READ, Service, call_async, call_sync, dialect

pytestmark = forks

READ_A: dict[str, Any] = {"path": {"thing_id": "a"}}
_C = TypeVar("_C", Calls, AsyncCalls)


def calls_of(kind: type[_C], base_url: str, transport: Any = None) -> _C:
    """A client's calls."""
    return kind(
        dialect(),
        {},
        base_url=base_url,
        timeout=5.0,
        deadline=5.0,
        user_agent="test",
        retry=None,
        transport=transport,
        http_client=None,
        ssl_context=None,
    )


def test_turn_taken_in_the_parent_does_not_block_the_child() -> None:
    """A fork while a thread waits for a token leaves the child free to ask for its own."""
    service = Service()
    calls = calls_of(Calls, "https://api.example", service)
    asked, go = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go.wait(10)

    service.before_token = hold
    thread = threading.Thread(target=call_sync, args=(calls, READ), kwargs=READ_A)
    thread.start()
    try:
        assert asked.wait(10)

        def job() -> None:
            service.before_token = lambda: None
            assert call_sync(calls, READ, **READ_A)[0] == {"ok": True}

        in_child(job)
    finally:
        go.set()
        thread.join(10)


def test_lock_held_in_the_parent_is_free_in_the_child() -> None:
    """A fork at the very moment another thread reads the token state blocks nobody."""
    state = TokenCache()

    def job() -> None:
        assert state.current() is None
        with state.flight(runtime.SingleFlight).acquire(Deadline.after(1.0)):
            pass

    held = threading.Event()

    def hold() -> None:
        with _tokens._lock:
            held.set()
            time.sleep(0.05)

    thread = threading.Thread(target=hold)
    with state.flight(runtime.SingleFlight).acquire(Deadline()):
        thread.start()
        held.wait(10)
        in_child(job)
    thread.join(10)


@contextmanager
def counting_server() -> Iterator[tuple[str, list[int]]]:
    """A keep-alive server on loopback, and how many requests each connection brought."""
    connections: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: list[socket.socket] = []

    def answer(peer: socket.socket, number: int) -> None:
        with peer:
            pending = b""
            while data := peer.recv(65_536):
                pending += data
                while b"\r\n\r\n" in pending:
                    head, _, pending = pending.partition(b"\r\n\r\n")
                    if b"POST /token" in head:
                        pending = b""
                        body = b'{"token": "t"}'
                    else:
                        connections[number] += 1
                        body = b"{}"
                    size = str(len(body)).encode()
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: " + size + b"\r\n\r\n" + body)

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            open_sockets.append(peer)
            connections.append(0)
            threading.Thread(target=answer, args=(peer, len(connections) - 1), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def test_child_opens_its_own_connection() -> None:
    """Parent and child never write on one connection; the token is shared."""
    with counting_server() as (url, connections), closing(calls_of(Calls, url)) as calls:
        call_sync(calls, READ, **READ_A)

        def job() -> None:
            for _ in range(2):
                call_sync(calls, READ, **READ_A)

        in_child(job)
        call_sync(calls, READ, **READ_A)
        assert connections == [2, 2]


def test_child_of_a_program_with_tasks_opens_its_own_connection() -> None:
    """The same where the child runs an event loop of its own."""
    with counting_server() as (url, connections), asyncio.Runner() as runner:
        calls = calls_of(AsyncCalls, url)
        runner.run(call_async(calls, READ, **READ_A))

        async def job() -> None:
            for _ in range(2):
                await call_async(calls, READ, **READ_A)

        in_child(lambda: asyncio.run(job()))
        runner.run(call_async(calls, READ, **READ_A))
        runner.run(calls.aclose())
        assert connections == [2, 2]
