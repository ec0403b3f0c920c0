"""Downloads on real sockets: what a storage can do wrong, and what goes over the wire."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from _client_kit import _clock
from banqup_client import (
    AsyncBanqupClient,
    ProtocolError,
    RejectedError,
    RetryPolicy,
    ServiceError,
    UnavailableError,
    UnreachableError,
    UrlExpiredError,
)
from support.banqup_service import (
    API,
    LOOPBACK,
    ONCE,
    SECRET,
    SIGNATURE,
    SPACE,
    TOKEN,
    Scripted,
    credentials,
    fake_banqup,
    file_details,
    invoice,
)
from support.kit_service import Clock
from support.raw_server import RawServer, Script, answer

pytestmark = pytest.mark.anyio

BODY = b"<Invoice>" + b"x" * 1000 + b"</Invoice>"
TARGET = f"/b%2Fc/%7eF1%20a.xml?X-Goog-Credential=a%40b%2F2026&X-Goog-Signature={SIGNATURE}"


def client_of(url: str, size: int | None = len(BODY), **options: Any) -> AsyncBanqupClient:
    """A client whose every file is at this URL; storage is asked over sockets."""
    return AsyncBanqupClient(
        credentials(),
        transport=Scripted(lambda _: file_details(url, size)),
        **{"base_url": LOOPBACK, "retry": ONCE, "timeout": 10.0, **options},
    )


async def fetch(*script: Script, size: int | None = len(BODY), **options: Any) -> bytes:
    """What a download from a server with this script brings."""
    arguments = {name: options.pop(name) for name in ("max_bytes", "deadline") if name in options}
    with RawServer(*script) as server:
        async with client_of(server.url + TARGET, size, **options) as client:
            content: bytes = await client.files.download(SPACE, "f1", **arguments)
            return content


async def test_a_whole_body_is_taken() -> None:
    """Sized, chunked and ended by closing: each whole body is a file."""
    assert await fetch(answer(BODY)) == BODY
    assert await fetch(answer(BODY, length=None)) == BODY
    size = f"{len(BODY):x}".encode()
    chunked = size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"
    assert await fetch(answer(chunked, "Transfer-Encoding: chunked", length=None)) == BODY
    assert await fetch(answer(BODY), size=None) == BODY


async def test_the_signed_url_goes_out_byte_for_byte() -> None:
    """Percent-encodings of every kind, quotes, braces and dots stay as they were signed."""
    target = "/b/../%7e%2f%C3%A9/'a'(1)!{x}|^`\"<>/./F%201.xml?q=%2B+a'b\"{c}|&sig=%aA%Aa&X=[1]"
    with RawServer(answer(BODY)) as server:
        async with client_of(server.url + target) as client:
            await client.files.download(SPACE, "f1")
    line, *headers = server.requests[0].decode().split("\r\n")
    assert line == f"GET {target} HTTP/1.1"
    names = {header.partition(":")[0].lower() for header in headers if header}
    assert names == {"host", "user-agent", "accept-encoding"}
    assert "Accept-Encoding: identity" in headers
    assert f"Host: 127.0.0.1:{server.port}" in headers


async def test_nothing_secret_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    """httpx and httpcore at DEBUG see the download, but not its URL; no token, no secret."""
    caplog.set_level(logging.DEBUG)
    fake = fake_banqup()
    space = fake.add_space()
    fake.publish(space, files=[invoice(BODY)])
    with fake.serve() as served:
        async with AsyncBanqupClient(credentials(), base_url=served.url) as client:
            (document,) = [found async for found in client.documents.list(space)]
            content = await client.files.download(space, document.files[0].id)
    assert content == BODY
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert {"httpx", "httpcore"} <= names
    for text in (SECRET, "X-Goog-Signature", "Bearer "):
        assert text not in caplog.text


async def test_no_header_of_an_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Cookies, addresses and words in storage's answer are in no log, of httpcore either."""
    caplog.set_level(logging.DEBUG)
    said = answer(BODY, f"Set-Cookie: sid={SECRET}", f"Location: https://h.example/f?s={SECRET}")
    assert await fetch(said.replace(b"200 OK", f"200 {SECRET}".encode())) == BODY
    assert "receive_response_headers.complete" in caplog.messages
    assert SECRET not in caplog.text


async def test_whoever_watches_httpx_sees_no_signed_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instrumentation that replaces httpx's transport, for traces, finds the host and no more."""
    seen: list[str] = []
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def traced(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        url = request.url
        seen.extend([str(url), str(httpx.URL(url)), str(url.copy_with(port=1)), repr(request)])
        seen.extend([url.path, str(url.params), url.query.decode()])
        return await send(self, request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", traced)
    assert await fetch(answer(BODY)) == BODY
    assert seen[0].startswith("http://127.0.0.1:")
    assert seen[0].endswith("/***")
    assert not [text for text in seen if "F1" in text or SIGNATURE in text]


CUT = {
    "sized body cut": answer(BODY[:500], length=len(BODY)),
    "chunked body cut": answer(b"400\r\n" + BODY[:500], "Transfer-Encoding: chunked", length=None),
    "chunked body without its end": answer(
        f"{len(BODY):x}".encode() + b"\r\n" + BODY + b"\r\n",
        "Transfer-Encoding: chunked",
        length=None,
    ),
    "no header": b"",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "garbage": b"\x16\x03\x01 no http at all\r\n\r\n",
    "no length is no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + BODY,
    "two lengths": answer(BODY, "Content-Length: 5"),
    "chunk of no size": answer(b"zz\r\n", "Transfer-Encoding: chunked", length=None),
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
}


@pytest.mark.parametrize("name", CUT)
async def test_a_broken_answer_is_never_a_short_file(name: str) -> None:
    """However the connection breaks, it is Unavailable, and worth another try."""
    with pytest.raises(UnavailableError, match=r"files\.download") as caught:
        await fetch(CUT[name])
    assert caught.value.retryable


async def test_a_body_ended_by_closing_is_measured() -> None:
    """Where HTTP cannot tell a cut body from a whole one, Banqup's size does."""
    with pytest.raises(ProtocolError, match="500 of the 1019 bytes"):
        await fetch(answer(BODY[:500], length=None))


async def test_extra_bytes_are_an_error() -> None:
    """More than Banqup says, under a matching Content-Length or none, is no file."""
    with pytest.raises(ProtocolError, match="1020 of the 1019"):
        await fetch(answer(BODY + b"!"))
    with pytest.raises(ProtocolError, match="of the 1019 bytes"):
        await fetch(answer(BODY + b"!", length=None))


async def test_a_content_length_that_is_too_small_is_an_error() -> None:
    """A length that hides the rest of the body does not make a short file."""
    with pytest.raises(ProtocolError, match="1000 of the 1019"):
        await fetch(answer(BODY, length=1000))


async def test_a_compressed_body_is_refused() -> None:
    """Identity was asked for: gzip could be cut, or a bomb, without anyone noticing."""
    packed = gzip.compress(BODY)
    for encoding in ("gzip", "GZIP", "br", "identity, gzip"):
        with pytest.raises(ProtocolError, match="compressed"):
            await fetch(answer(packed, f"Content-Encoding: {encoding}"), size=None)
    assert await fetch(answer(BODY, "Content-Encoding: identity")) == BODY


@pytest.mark.parametrize(
    "status", ["206 Partial Content", "304 Not Modified", "302 Found", "308 Permanent Redirect"]
)
async def test_other_successes_are_none(status: str) -> None:
    """A part, "not modified" and redirects are no file; a redirect is not followed."""
    with RawServer(answer(BODY)) as elsewhere:
        script = answer(BODY, f"Location: {elsewhere.url}/x", status=status)
        with pytest.raises(ProtocolError, match=status[:3]):
            await fetch(script)
    assert elsewhere.requests == []


async def test_no_content_is_no_file() -> None:
    """204 is not an empty file."""
    with pytest.raises(ProtocolError, match="204"):
        await fetch(b"HTTP/1.1 204 No Content\r\n\r\n", size=None)


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden"])
async def test_a_refused_url_is_asked_for_once_more(status: str) -> None:
    """Storage's error body is not shown; the second URL brings the file."""
    body = f"<Error><StringToSign>{SIGNATURE}</StringToSign></Error>".encode()
    assert await fetch(answer(body, status=status), answer(BODY)) == BODY
    with pytest.raises(UrlExpiredError) as caught:
        await fetch(answer(body, status=status))
    assert SIGNATURE not in str(caught.value)


async def test_a_reset_is_repeated() -> None:
    """A connection that breaks is tried again, as often as the policy says."""
    policy = RetryPolicy(wait_initial=0.0, wait_jitter=0.0)
    assert await fetch(b"", answer(BODY[:9], length=len(BODY)), answer(BODY), retry=policy) == BODY


def endless(connection: socket.socket) -> None:
    """Sends until the client goes away, or has taken far more than it may."""
    connection.sendall(answer(length=None))
    with contextlib.suppress(OSError):
        for _ in range(1000):
            connection.sendall(b"x" * 65_536)


async def test_an_endless_body_ends_at_the_size() -> None:
    """Where the size is known, not much more than it is read."""
    with pytest.raises(ProtocolError, match="of the 1019 bytes"):
        await fetch(endless)


async def test_an_endless_body_ends_at_the_cap() -> None:
    """Where the size is not known, the cap ends it, and the hint says how to raise it."""
    with pytest.raises(RejectedError, match="larger than 300000 bytes") as caught:
        await fetch(endless, size=None, max_bytes=300_000)
    assert "max_bytes" in (caught.value.hint or "")


async def test_a_length_over_the_cap_is_not_read() -> None:
    """The Content-Length alone is enough to stop."""
    with pytest.raises(RejectedError):
        await fetch(answer(length=10**15), size=None, max_bytes=1000)


class Slow(io.BytesIO):
    """A file of which each write takes a second, by a clock that only this moves."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def write(self, data: Any, /) -> int:
        self.clock.now += 1.0
        return super().write(data)


async def test_a_slow_drip_does_not_beat_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that come in time for the read timeout do not extend the deadline."""
    clock = Clock()
    begun = clock.now
    monkeypatch.setattr(_clock, "monotonic", clock)
    with RawServer(endless) as server:
        async with client_of(server.url + TARGET, None) as client:
            with pytest.raises(UnavailableError, match="too long") as caught:
                await client.files.download(SPACE, "f1", Slow(clock), deadline=30.0)
    assert not caught.value.retryable
    assert clock.now == begun + 30.0


def silent(connection: socket.socket) -> None:
    """Sends a header and a part, and then nothing until the client goes away."""
    connection.sendall(answer(b"x", length=10))
    connection.settimeout(20)
    with contextlib.suppress(OSError):
        connection.recv(1)


async def test_silence_ends_with_the_deadline() -> None:
    """A body that stops coming is waited for no longer than the deadline allows."""
    with pytest.raises(UnavailableError, match="too long"):
        await fetch(silent, size=10, deadline=1.0, timeout=60.0)


async def test_silence_ends_with_the_timeout() -> None:
    """Each read has its own limit."""
    with pytest.raises(UnavailableError, match="too long") as caught:
        await fetch(silent, size=10, timeout=0.05)
    assert caught.value.retryable


async def test_nobody_listening_is_unreachable() -> None:
    """A refused connection names the host, and nothing of the URL's query."""
    with RawServer() as server:
        url = server.url + TARGET
    with pytest.raises(UnreachableError, match="no connection to") as caught:
        async with client_of(url) as client:
            await client.files.download(SPACE, "f1")
    assert SIGNATURE not in str(caught.value)


def tls_of(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def fetch_over_tls(
    server: RawServer, trusted: ssl.SSLContext | None, **options: Any
) -> bytes:
    """A download over TLS from this machine, so with an API that is there too."""
    async with client_of(server.url + TARGET, ssl_context=trusted, **options) as client:
        return await client.files.download(SPACE, "f1")


async def test_tls_with_a_trusted_authority_is_taken() -> None:
    """The ssl_context given for the API is used for storage too."""
    authority = trustme.CA()
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with RawServer(answer(BODY), tls=tls_of(authority, "localhost")) as server:
        assert await fetch_over_tls(server, trusted) == BODY


async def test_an_unknown_authority_is_refused() -> None:
    """Without a say from the caller only the public authorities count, and no retry helps."""
    with RawServer(answer(BODY), tls=tls_of(trustme.CA(), "localhost")) as server:
        with pytest.raises(UnreachableError, match="certificate") as caught:
            await fetch_over_tls(server, None, retry=RetryPolicy())
        assert server.requests == []
        assert not caught.value.retryable
        assert "ssl_context=" in (caught.value.hint or "")


async def test_a_certificate_for_another_host_is_refused() -> None:
    """A trusted authority's word for another name is no word for this one."""
    authority = trustme.CA()
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with RawServer(answer(BODY), tls=tls_of(authority, "storage.example")) as server:
        with pytest.raises(UnreachableError, match="certificate"):
            await fetch_over_tls(server, trusted)
        assert server.requests == []


PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def through(monkeypatch: pytest.MonkeyPatch, proxy: RawServer, *, but_for: str = "") -> None:
    """Let the environment name this proxy, and the hosts that it is not for."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", but_for)


async def test_a_proxy_learns_the_host_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to a proxy in the clear is CONNECT and the host, not the signed URL."""
    with RawServer(answer(status="403 Forbidden")) as proxy:
        through(monkeypatch, proxy)
        async with client_of(f"https://storage.googleapis.com{TARGET}", base_url=API) as client:
            with pytest.raises(UnreachableError):
                await client.files.download(SPACE, "f1")
    (request,) = proxy.requests
    assert request.startswith(b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n")
    assert SIGNATURE.encode() not in request
    assert TOKEN.encode() not in request


@pytest.mark.parametrize(
    ("bypassed", "proxied"), [("a.invalid", "b.invalid:443"), ("b.invalid", "a.invalid:443")]
)
async def test_the_proxy_is_chosen_for_each_host(
    monkeypatch: pytest.MonkeyPatch, bypassed: str, proxied: str
) -> None:
    """A host of storage that NO_PROXY names goes past the proxy, and takes no other with it."""
    hosts = ["a.invalid", "B.invalid"]
    with RawServer(answer(status="403 Forbidden")) as proxy:
        through(monkeypatch, proxy, but_for=bypassed)
        for host in hosts:
            url = f"https://{host}{TARGET}"
            async with client_of(url, base_url=API, storage_hosts=hosts) as client:
                with pytest.raises(UnreachableError):
                    await client.files.download(SPACE, "f1")
    assert [request.split()[1].decode() for request in proxy.requests] == [proxied]


async def test_storage_on_this_machine_is_asked_without_proxy_and_netrc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No proxy stands before loopback, and nobody's .netrc adds a password to a signed URL."""
    for name in (".netrc", "_netrc"):
        (tmp_path / name).write_text("default login somebody password netrc-77c1\n")
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with RawServer() as proxy, RawServer(answer(BODY)) as server:
        through(monkeypatch, proxy)
        async with client_of(server.url + TARGET) as client:
            assert await client.files.download(SPACE, "f1") == BODY
    assert proxy.requests == []
    assert b"authorization" not in server.requests[0].lower()


async def test_a_target_is_as_it_was_after_every_failure() -> None:
    """Whatever breaks, an open file ends where it ended before."""
    scripts: list[Script] = [*CUT.values(), answer(BODY[:500], length=None), endless]
    for script in scripts:
        target = io.BytesIO(b"head")
        target.seek(4)
        with RawServer(script) as server:
            async with client_of(server.url + TARGET) as client:
                with pytest.raises(ServiceError):
                    await client.files.download(SPACE, "f1", target)
        assert target.getvalue() == b"head"


async def test_an_upload_sends_exactly_the_declared_type() -> None:
    """The PUT carries the bytes, their number and type, and nothing else."""
    received: list[bytes] = []

    def take(connection: socket.socket) -> None:
        if not server.requests[0].endswith(b"<x/>"):  # it may have come with the header
            received.append(connection.recv(10))
        connection.sendall(answer())

    with RawServer(take) as server:
        client = AsyncBanqupClient(
            credentials(),
            base_url=LOOPBACK,
            transport=Scripted(
                lambda _: {"id": "f1", "uploadUrl": f"{server.url}/b/%7ef?X-Goog-Signature=s"}
            ),
        )
        async with client:
            await client.files.upload(
                SPACE, b"<x/>", filename="F1.xml", content_type="application/xml; charset=utf-8"
            )
    line, *headers = server.requests[0].decode().split("\r\n\r\n")[0].split("\r\n")
    assert line == "PUT /b/%7ef?X-Goog-Signature=s HTTP/1.1"
    assert "Content-Type: application/xml; charset=utf-8" in headers
    assert "Content-Length: 4" in headers
    names = {header.partition(":")[0].lower() for header in headers}
    assert names == {"host", "user-agent", "content-type", "content-length"}
    assert server.requests[0].partition(b"\r\n\r\n")[2] + b"".join(received) == b"<x/>"
