"""What an error shows of the call it came from."""

from __future__ import annotations

import io
import logging
import pickle
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from attrs import evolve

from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import ConfigurationError, RejectedError, ServiceError
from _client_kit._retry import RetryPolicy
from _client_kit._tokens import TokenStates
from support.kit_service import ORIGIN, PASSWORD, READ, TOKEN, WRITE, Service, dialect, reply
from support.kit_sockets import Peer, server

pytestmark = pytest.mark.anyio


class FailingBody:
    """A body that cannot be read to its end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"["
        message = "the file is gone"
        raise RejectedError(message, service="bridge")


def calls_to(transport: httpx.AsyncBaseTransport | None, url: str = ORIGIN) -> AsyncCalls:
    """A client's calls that give up at once."""
    return AsyncCalls(
        dialect(),
        TokenStates(),
        base_url=url,
        timeout=5.0,
        deadline=20.0,
        user_agent="test",
        retry=RetryPolicy(attempts=1),
        transport=transport,
        http_client=None,
        ssl_context=None,
    )


def shown(error: BaseException) -> str:
    """All that a crash reporter would see, locals and chained errors included."""
    out = io.StringIO()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None:
            continue
        traceback.TracebackException.from_exception(one, capture_locals=True).print(file=out)
        out.write(repr(one) + str(one) + repr(vars(one)))
        pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return out.getvalue()


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
        await calls_to(service).call(READ, path={"thing_id": "a1"})
    assert service.bearers[0] == f"Bearer {TOKEN}-1"
    assert TOKEN not in shown(caught.value)


async def test_no_token_in_what_a_success_repeats() -> None:
    """A token in names or values of an answer is masked before anybody can show or store it."""
    token = f"{TOKEN}-1"
    body = {f"a {token}": [{"status": f"no access for {token}"}, 1, None], "name": "a", "z": {}}
    service = Service(reply(200, body), reply(200, {"name": "canary-token"}))
    calls = calls_to(service)
    payload, _ = await calls.call(READ, path={"thing_id": "a1"})
    assert payload == {"a ***": [{"status": "no access for ***"}, 1, None], "name": "a", "z": {}}
    payload, _ = await calls.call(READ, path={"thing_id": "a1"})
    assert payload == {"name": "canary-token"}


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
        await calls_to(service).call(READ, path={"thing_id": "a1"})
    assert len(service.token_requests) == 1
    assert PASSWORD not in shown(caught.value)


async def test_no_token_when_the_body_fails() -> None:
    """An error raised by a body passes through the HTTP library and keeps none of its frames."""
    with pytest.raises(RejectedError) as caught:
        await calls_to(Service()).call(WRITE, content=FailingBody(), content_length=9)
    assert TOKEN not in shown(caught.value)


async def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither token nor password is written to any log, at any level."""
    caplog.set_level(logging.DEBUG)
    service = Service(reply(401))
    await calls_to(service).call(READ, path={"thing_id": "a1"})
    assert service.bearers == [f"Bearer {TOKEN}-1", f"Bearer {TOKEN}-2"]
    assert caplog.text
    assert TOKEN not in caplog.text
    assert PASSWORD not in caplog.text


async def test_no_header_and_no_word_of_an_answer_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Over a real connection at DEBUG: no cookie, no Location and no reason phrase of an answer."""
    caplog.set_level(logging.DEBUG)
    word = "canary-in-an-answer-58c0"
    headers = f"Set-Cookie: sid={word}\r\nLocation: https://storage.example/f?sig={word}\r\n"
    answer = f"HTTP/1.1 302 {word}\r\n{headers}X: {word}\r\nContent-Length: 2\r\n\r\n{{}}".encode()

    def talk(peer: Peer) -> None:
        assert b"Authorization: Bearer t\r\n" in peer.head()
        peer.send(answer)

    with server(talk) as (url, _), pytest.raises(ServiceError):
        async with calls_to(None, url) as calls:
            await calls.call(READ, path={"thing_id": "a1"})
    seen = [record.getMessage() for record in caplog.records]
    assert "receive_response_headers.complete" in seen
    assert any(line.startswith("connect_tcp.started host='localhost'") for line in seen)
    assert any(line.endswith('"HTTP/1.1 302 "') for line in seen)
    for text in (word, "Bearer", PASSWORD):
        assert text not in caplog.text


class Faulty(httpx.AsyncBaseTransport):
    """Fails as httpcore could: below frames that hold the request."""

    def __init__(self, fault: BaseException, inner: httpx.AsyncBaseTransport) -> None:
        self.fault = fault
        self.inner = inner
        self.spare = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fail, when as many requests as are spared have been answered."""
        self.spare -= 1
        if self.spare >= 0:
            return await self.inner.handle_async_request(request)
        _fail(self.fault, [request.headers.raw, await request.aread()])
        raise AssertionError


def _fail(fault: BaseException, sent: object) -> None:
    try:
        raise ValueError(sent)
    except ValueError as cause:
        raise fault from cause


def _failed(*sent: str) -> Exception:
    try:
        _fail(OSError(1, "no"), sent)
    except OSError as error:
        return error
    raise AssertionError


FAULTS: dict[str, Callable[[], BaseException]] = {
    "memory": MemoryError,
    "runtime": lambda: RuntimeError("generator"),
    "recursion": RecursionError,
    "assertion": AssertionError,
    "type": lambda: TypeError("no"),
    "attribute": lambda: AttributeError("no"),
    "encode": lambda: UnicodeEncodeError("ascii", f"Bearer {TOKEN} {PASSWORD}\u20ac", 5, 6, "no"),
    "group": lambda: ExceptionGroup("no", [_failed(TOKEN, PASSWORD)]),
    "interrupt": KeyboardInterrupt,
    "exit": SystemExit,
}


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_below_keeps_no_frame_of_the_request(name: str, spare: int) -> None:
    """What is no error of ours comes through as itself, without the frames that held a secret."""
    fault = FAULTS[name]()
    transport = Faulty(fault, Service())
    transport.spare = spare
    with pytest.raises(type(fault)) as caught:
        await calls_to(transport).call(READ, path={"thing_id": "a1"})
    assert caught.value is fault
    told = shown(fault)
    assert TOKEN not in told
    assert PASSWORD not in told
    if isinstance(fault, Exception):
        assert "raised at" in fault.__notes__[0]
        assert "_fail, line" in fault.__notes__[0]
    else:
        assert not hasattr(fault, "__notes__")


async def test_a_fault_in_asking_for_a_token_keeps_no_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same where a request for a token is made, and where its answer is read."""

    def fail(*_: object) -> Any:
        raise MemoryError

    calls = calls_to(Service())
    for changed in (
        evolve(dialect(), token_request=fail),
        evolve(dialect(), read_token=fail),
    ):
        monkeypatch.setattr(calls, "_dialect", changed)
        with pytest.raises(MemoryError) as caught:
            await calls.call(READ, path={"thing_id": "a1"})
        frames = [
            frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.value.__traceback__)
        ]
        assert "_fetch_token" not in frames
        assert "fail, line" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://user:{}@host:port"),
        ("https_proxy", "ftp://user:{}@host"),
        ("ALL_PROXY", "http://user:{}@[::1"),
        ("HTTP_PROXY", "user:{}@ho st:80:80"),
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
        await calls_to(None).call(READ, path={"thing_id": "a1"})
    assert PASSWORD not in shown(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize("value", ["verify-nothing", False, True])
async def test_what_is_no_ssl_context_is_refused_by_its_type(value: Any) -> None:
    """A path or a switch in its place turns nothing off, and is not shown."""
    said = rf"must be an ssl\.SSLContext, not {type(value).__name__}"
    with pytest.raises(ConfigurationError, match=said) as caught:
        AsyncCalls(
            dialect(),
            TokenStates(),
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
        await calls_to(None).call(READ, path={"thing_id": "a1"})
    assert PASSWORD not in shown(caught.value)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 429, 500])
async def test_errors_survive_pickling(status: int) -> None:
    """An error that a call raised can be sent to another process, complete."""
    headers = {"X-Request-Id": "r-1", "Retry-After": "9"}
    service = Service(*[reply(status, None, headers) for _ in range(2)])
    with pytest.raises(ServiceError) as caught:
        await calls_to(service).call(READ, path={"thing_id": "a1"})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is type(caught.value)
    assert vars(copy) == vars(caught.value)
    assert str(copy) == str(caught.value)
