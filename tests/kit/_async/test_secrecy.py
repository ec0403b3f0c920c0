"""What an error shows of the call it came from, and where a developer finds its place."""

from __future__ import annotations

import logging
import pickle
import sys
import traceback
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import ConfigurationError, RejectedError, ServiceError
from _client_kit._files import Base64
from _client_kit._retry import RetryPolicy
from support.kit_service import (
    ORIGIN,
    PASSWORD,
    READ,
    TOKEN,
    WRITE,
    Service,
    call_async,
    dialect,
    reply,
)
from support.kit_sockets import Peer, server
from support.reach import leads_to, shown

pytestmark = pytest.mark.anyio


def refuse() -> None:
    """Stop a body that is being sent."""
    message = "the file is gone"
    raise RejectedError(message, service="bridge")


def calls_to(
    transport: httpx.AsyncBaseTransport | None,
    url: str = ORIGIN,
    http_client: httpx.AsyncClient | None = None,
) -> AsyncCalls:
    """A client's calls that give up at once."""
    return AsyncCalls(
        dialect(),
        {},
        base_url=url,
        timeout=5.0,
        deadline=20.0,
        user_agent="test",
        retry=RetryPolicy(attempts=1),
        transport=transport,
        http_client=http_client,
        ssl_context=None,
    )


SCRIPTS: dict[str, Callable[[], list[httpx.Response | Exception]]] = {
    "refused": lambda: [reply(400)],
    "not permitted": lambda: [reply(403)],
    "not accepted twice": lambda: [reply(401), reply(401)],
    "no connection": lambda: [httpx.ConnectError("no route")],
    "reset": lambda: [httpx.ReadError("reset")],
    "too slow": lambda: [httpx.ReadTimeout("slow")],
    "not JSON": lambda: [reply(200, b"<html>")],
    "not JSON, and repeated in headers": lambda: [
        reply(200, b"<html>", {"X-Request-Id": f"{TOKEN}-1", "Content-Type": f"text/{TOKEN}-1"})
    ],
    "damaged gzip": lambda: [reply(200, b"x", {"Content-Encoding": "gzip"})],
    "body breaks": lambda: [reply(pieces=(b"[", httpx.ReadError("reset")))],
}


@pytest.mark.parametrize("case", SCRIPTS)
async def test_no_token_in_what_an_error_shows(case: str) -> None:
    """Neither message, attributes, chained errors nor any frame's locals hold the token."""
    service = Service(*SCRIPTS[case]())
    with pytest.raises(ServiceError) as caught:
        await call_async(calls_to(service), READ, path={"thing_id": "a1"})
    assert service.bearers[0] == f"Bearer {TOKEN}-1"
    assert TOKEN not in shown(caught.value)
    assert leads_to(caught.value) == []


async def test_an_answer_of_success_is_given_as_it_came() -> None:
    """What a service says in a success is data, also where it repeats the token."""
    body = {"seen": f"{TOKEN}-1", "b": [1, None]}
    payload, _ = await call_async(
        calls_to(Service(reply(200, body))), READ, path={"thing_id": "a1"}
    )
    assert payload == body


TOKEN_SCRIPTS: dict[str, Callable[[], list[httpx.Response | Exception]]] = {
    "rejected": lambda: [reply(401)],
    "failed": lambda: [reply(500)],
    "no connection": lambda: [httpx.ConnectError("no route")],
    "reset": lambda: [httpx.WriteError("reset")],
    "not JSON": lambda: [reply(200, b"<html>")],
}


@pytest.mark.parametrize("case", TOKEN_SCRIPTS)
async def test_no_password_in_what_an_error_shows(case: str) -> None:
    """The same for the password that a token request carries."""
    service = Service()
    service.token_script = TOKEN_SCRIPTS[case]()
    with pytest.raises(ServiceError) as caught:
        await call_async(calls_to(service), READ, path={"thing_id": "a1"})
    assert len(service.token_requests) == 1
    assert PASSWORD not in shown(caught.value)
    assert leads_to(caught.value) == []


async def test_no_token_when_the_body_fails() -> None:
    """An error raised by a body passes through the HTTP library and keeps none of its frames."""
    with pytest.raises(RejectedError) as caught:
        await call_async(calls_to(Service()), WRITE, json=[Base64(b"abc")], check=refuse)
    assert TOKEN not in shown(caught.value)
    assert leads_to(caught.value) == []


async def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither token nor password is written to any log, at any level."""
    caplog.set_level(logging.DEBUG)
    service = Service(reply(401))
    await call_async(calls_to(service), READ, path={"thing_id": "a1"})
    assert service.bearers == [f"Bearer {TOKEN}-1", f"Bearer {TOKEN}-2"]
    assert caplog.text
    assert TOKEN not in caplog.text
    assert PASSWORD not in caplog.text


async def test_no_header_of_an_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Over a real connection at DEBUG: no cookie and no Location of an answer."""
    caplog.set_level(logging.DEBUG)
    word = "canary-in-an-answer-58c0"
    headers = f"Set-Cookie: sid={word}\r\nLocation: https://storage.example/f?sig={word}\r\n"
    answer = f"HTTP/1.1 302 Found\r\n{headers}X: {word}\r\nContent-Length: 2\r\n\r\n{{}}".encode()

    def talk(peer: Peer) -> None:
        assert b"Authorization: Bearer t\r\n" in peer.head()
        peer.send(answer)

    with server(talk) as (url, _), pytest.raises(ServiceError):
        async with aclosing(calls_to(None, url)) as calls:
            await call_async(calls, READ, path={"thing_id": "a1"})
    seen = [record.getMessage() for record in caplog.records]
    assert "receive_response_headers.complete" in seen
    assert any(line.startswith("connect_tcp.started host='localhost'") for line in seen)
    assert any(line.endswith('"HTTP/1.1 302 Found"') for line in seen)
    for text in (word, "Bearer", PASSWORD):
        assert text not in caplog.text


class Faulty(httpx.AsyncBaseTransport):
    """A transport of an application that fails, in frames that hold the request."""

    def __init__(self, fault: BaseException, inner: httpx.AsyncBaseTransport, spare: int) -> None:
        self.fault = fault
        self.inner = inner
        self.spare = spare

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fail, when as many requests as are spared have been answered."""
        self.spare -= 1
        if self.spare >= 0:
            return await self.inner.handle_async_request(request)
        _fail(self.fault, [request.headers.raw, await request.aread()])
        raise AssertionError


def _fail(fault: BaseException, sent: object) -> None:
    try:
        raise httpx.ReadError(str(sent))
    except httpx.ReadError as cause:
        raise fault from cause


def _failed(*sent: str) -> Exception:
    try:
        _fail(OSError(1, "no"), sent)
    except OSError as error:
        return error
    raise AssertionError


FAULTS: dict[str, Callable[[], Exception]] = {
    "memory": MemoryError,
    "runtime": lambda: RuntimeError("generator"),
    "recursion": RecursionError,
    "assertion": AssertionError,
    "type": lambda: TypeError("no"),
    "group": lambda: ExceptionGroup("no", [_failed(TOKEN, PASSWORD)]),
}


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("injected", ["transport", "client"])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_below_is_found_and_shows_no_request(
    name: str, injected: str, spare: int
) -> None:
    """A bug of an injected transport comes as itself, with its lines, without local variables."""
    fault = FAULTS[name]()
    transport = Faulty(fault, Service(), spare)
    calls = calls_to(transport)
    if injected == "client":
        calls = calls_to(None, http_client=httpx.AsyncClient(transport=transport))
    with pytest.raises(type(fault)) as caught:
        await call_async(calls, READ, path={"thing_id": "a1"})
    assert caught.value is fault
    told = shown(fault)
    assert TOKEN not in told
    assert PASSWORD not in told
    assert leads_to(fault) == []
    assert "in _fail" in told
    assert "raise fault from cause" in told


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_an_interrupt_loses_the_frames_below(
    interrupt: type[BaseException], spare: int
) -> None:
    """It is the same interrupt, and ends where httpx is called."""
    fault = interrupt()
    with pytest.raises(interrupt) as caught:
        await call_async(calls_to(Faulty(fault, Service(), spare)), READ, path={"thing_id": "a1"})
    assert caught.value is fault
    assert leads_to(fault) == []
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(fault.__traceback__)]
    assert names[-1] == "repeat"


async def test_a_bug_in_a_call_shows_its_lines_and_values() -> None:
    """A wrong argument deep inside: an ordinary traceback, with source lines and locals."""
    with pytest.raises(TypeError) as caught:
        await call_async(calls_to(Service()), WRITE, json={"when": object()})
    told = shown(caught.value)
    assert "json_parts(sends)" in told
    assert "object cannot be written as JSON" in told
    assert "operation = Operation(" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://user:{}@host:port"),
        ("https_proxy", "ftp://user:{}@host"),
        ("ALL_PROXY", "http://user:{}@[::1"),
        ("HTTPS_PROXY", "user:{}@ho st:80:80"),
        ("ALL_PROXY", "http://{}\x01"),
    ],
)
async def test_a_malformed_proxy_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The variable is named, its password is in no message and in no frame."""
    for other in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv(name, value.format(PASSWORD))
    with pytest.raises(ConfigurationError, match=name) as caught:
        await call_async(calls_to(None), READ, path={"thing_id": "a1"})
    assert PASSWORD not in shown(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize("value", ["verify-nothing", b"verify-nothing", {}])
async def test_what_is_no_ssl_context_is_refused_by_its_type(value: Any) -> None:
    """A path or a switch in its place turns nothing off, and is not shown."""
    said = rf"must be a SSLContext, not {type(value).__name__}"
    with pytest.raises(ConfigurationError, match=said) as caught:
        AsyncCalls(
            dialect(),
            {},
            base_url=ORIGIN,
            timeout=5.0,
            deadline=20.0,
            user_agent="test",
            retry=None,
            transport=None,
            http_client=None,
            ssl_context=value,
        )
    assert str(value) not in str(caught.value)


async def test_a_socks_proxy_without_its_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx cannot speak SOCKS alone; its password is not shown either."""
    for other in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv("ALL_PROXY", f"socks5://user:{PASSWORD}@localhost:1")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConfigurationError, match=r"ALL_PROXY.*socksio") as caught:
        await call_async(calls_to(None), READ, path={"thing_id": "a1"})
    assert PASSWORD not in shown(caught.value)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 429, 500])
async def test_errors_survive_pickling(status: int) -> None:
    """An error that a call raised can be sent to another process, complete."""
    headers = {"X-Request-Id": "r-1", "Retry-After": "9"}
    service = Service(*[reply(status, None, headers) for _ in range(2)])
    with pytest.raises(ServiceError) as caught:
        await call_async(calls_to(service), READ, path={"thing_id": "a1"})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is type(caught.value)
    assert vars(copy) == vars(caught.value)
    assert str(copy) == str(caught.value)
