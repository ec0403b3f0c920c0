"""Calls over real connections to servers that misbehave."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import aclosing
from typing import Any

import pytest
import trustme

from _client_kit import _runtime_async as runtime
from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import (
    OutcomeUnknownError,
    ServiceError,
    UnavailableError,
    UnreachableError,
)
from _client_kit._files import Base64
from _client_kit._retry import RetryPolicy
from support.kit_service import READ, WRITE, call_async, dialect
from support.kit_sockets import Peer, Talk, server

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
THING: dict[str, object] = {"thing_id": "a1"}


def calls_to(url: str, **options: Any) -> AsyncCalls:
    """A client's calls that give up at once."""
    settings: dict[str, Any] = {
        "base_url": url,
        "timeout": 5.0,
        "deadline": 20.0,
        "user_agent": "test",
        "retry": RetryPolicy(attempts=1),
        "transport": None,
        "http_client": None,
        "ssl_context": None,
        **options,
    }
    return AsyncCalls(dialect(), {}, **settings)


def says(*words: bytes, reset: bool = False) -> Talk:
    """A server that answers the first request with this, and then hangs up."""

    def talk(peer: Peer) -> None:
        peer.head()
        for word in words:
            peer.send(word)
        if reset:
            peer.reset()

    return talk


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
BROKEN = {
    "closed without an answer": says(),
    "reset before the answer": says(reset=True),
    "closed in the head": says(b"HTTP/1.1 200 OK\r\nContent-"),
    "closed in the body": says(HEAD, b'{"a":'),
    "reset in the body": says(HEAD, b'{"a":', reset=True),
    "closed in a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"),
    "not HTTP": says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "a head without end": says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_broken_connections(case: str) -> None:
    """A connection that breaks is a fault; a write may have been applied, and is sent once."""
    with server(BROKEN[case]) as (url, connections):
        async with aclosing(calls_to(url)) as calls:
            with pytest.raises(UnavailableError, match="connection broke"):
                await call_async(calls, READ, path=THING)
            used = len(connections)
            with pytest.raises(OutcomeUnknownError, match="connection broke") as caught:
                await call_async(calls, WRITE, json={"a": 1})
            assert caught.value.applied is None
            assert len(connections) <= used + 1


async def test_idle_connection_that_was_closed() -> None:
    """A kept connection that the server has closed meanwhile is noticed, not written to."""
    gone = threading.Event()

    def talk(peer: Peer) -> None:
        peer.head()
        peer.send(OK)
        peer.sock.shutdown(socket.SHUT_RDWR)
        gone.set()

    with server(talk) as (url, connections):
        async with aclosing(calls_to(url)) as calls:
            for _ in range(3):
                await call_async(calls, READ, path=THING)
                assert await runtime.run_blocking(gone.wait, 10)
                gone.clear()
        assert len(connections) == 3


async def test_no_answer_at_all() -> None:
    """A server that stays silent costs the timeout, not more."""

    def talk(peer: Peer) -> None:
        peer.head()
        peer.stopped.wait(20)

    with server(talk) as (url, _):
        async with aclosing(calls_to(url)) as calls:
            started = time.monotonic()
            with pytest.raises(OutcomeUnknownError, match="took too long"):
                await call_async(calls, WRITE, json={}, timeout=0.2)
            assert time.monotonic() - started < 9.0


@pytest.mark.parametrize("size", [b"", b"Content-Length: 1000000\r\n"])
async def test_drip_cannot_beat_the_deadline(size: bytes) -> None:
    """A body that comes drop by drop ends with the deadline, though no drop is late."""

    def talk(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\n" + size + b"\r\n[")
        peer.drip(b" ", 0.02)

    with server(talk) as (url, _):
        async with aclosing(calls_to(url)) as calls:
            started = time.monotonic()
            with pytest.raises(UnavailableError, match="took too long") as caught:
                await call_async(calls, READ, path=THING, deadline=1.0)
            assert time.monotonic() - started < 9.0
            assert not caught.value.retryable


async def test_pause_in_the_body_cannot_beat_the_deadline() -> None:
    """A body that stops coming is waited for until the deadline, not for the whole timeout."""

    def talk(peer: Peer) -> None:
        peer.head()
        peer.send(HEAD + b"[")
        peer.stopped.wait(20)

    with server(talk) as (url, _):
        async with aclosing(calls_to(url, timeout=10.0)) as calls:
            started = time.monotonic()
            with pytest.raises(UnavailableError, match="took too long"):
                await call_async(calls, READ, path=THING, deadline=1.0)
            assert time.monotonic() - started < 9.0


async def test_refusal_while_the_body_is_sent() -> None:
    """A server that answers and hangs up before it has read the body is understood."""

    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with server(says(refusal)) as (url, _):
        async with aclosing(calls_to(url)) as calls:
            with pytest.raises(ServiceError) as caught:
                await call_async(calls, WRITE, json=[Base64(b"x" * 10_000_000)])
    # The answer may be lost to the reset that follows: then nobody knows.
    assert caught.value.status == 413 or isinstance(caught.value, OutcomeUnknownError)


async def test_nobody_listens() -> None:
    """A refused connection was surely not applied, and the address is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with aclosing(calls_to(f"http://127.0.0.1:{port}")) as calls:
        with pytest.raises(UnreachableError, match=f"no connection to .*:{port}") as caught:
            await call_async(calls, WRITE, json={})
    assert caught.value.applied is False
    assert caught.value.retryable


async def test_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said in our own words: those of a resolver may repeat what it was asked."""

    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name: nowhere.example?key=1")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with aclosing(calls_to("https://nowhere.example")) as calls:
        with pytest.raises(UnreachableError, match="its name could not be resolved") as caught:
            await call_async(calls, WRITE, json={})
    assert caught.value.applied is False
    assert "key=1" not in str(caught.value)


async def test_proxies_are_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not used for loopback."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")
    with server(says(OK)) as (url, _):
        async with aclosing(calls_to(url)) as calls:
            assert (await call_async(calls, READ, path=THING))[0] == {}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority nobody trusts by default."""
    return trustme.CA()


def served_by(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """A server's TLS with a certificate for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_unknown_authority_is_refused(authority: trustme.CA) -> None:
    """A certificate that is not trusted ends the call before anything is sent, and says so."""
    with server(says(OK), served_by(authority, "localhost")) as (url, connections):
        async with aclosing(calls_to(url, retry=RetryPolicy(wait_initial=0.0))) as calls:
            with pytest.raises(UnreachableError, match="TLS certificate not accepted") as caught:
                await call_async(calls, WRITE, json={})
        assert len(connections) == 1  # trying again would not help
    assert caught.value.applied is False
    assert not caught.value.retryable
    assert "ssl_context=" in (caught.value.hint or "")
    assert "clock" in (caught.value.hint or "")


async def test_own_ssl_context(authority: trustme.CA) -> None:
    """An application's own TLS settings decide whom to trust, and the name is still checked."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with server(says(OK), served_by(authority, "localhost")) as (url, _):
        async with aclosing(calls_to(url, ssl_context=trusting)) as calls:
            assert (await call_async(calls, READ, path=THING))[0] == {}
    with server(says(OK), served_by(authority, "other.example")) as (url, _):
        async with aclosing(calls_to(url, ssl_context=trusting)) as calls:
            with pytest.raises(UnreachableError, match="TLS certificate not accepted"):
                await call_async(calls, READ, path=THING)


async def test_server_that_speaks_no_tls() -> None:
    """Plain text where TLS is expected is named in few words: nothing was sent."""

    def talk(peer: Peer) -> None:
        peer.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    with server(talk) as (url, _):
        async with aclosing(calls_to(url.replace("http:", "https:"))) as calls:
            with pytest.raises(UnreachableError, match="TLS failed") as caught:
                await call_async(calls, WRITE, json={})
    assert caught.value.applied is False
