"""What an error shows of the call it came from."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from _client_kit._async._calls import AsyncCalls
from _client_kit._credentials import TokenStates
from _client_kit._errors import Rejected, ServiceError
from _client_kit._retry import RetryPolicy
from support.kit_service import ORIGIN, PASSWORD, READ, TOKEN, WRITE, Service, dialect, reply

pytestmark = pytest.mark.anyio


class FailingBody:
    """A body that cannot be read to its end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"["
        message = "the file is gone"
        raise Rejected(message, service="bridge")


def calls_to(transport: httpx.AsyncBaseTransport) -> AsyncCalls:
    """A client's calls that give up at once."""
    return AsyncCalls(
        dialect(),
        TokenStates(),
        base_url=ORIGIN,
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
        pending += [one.__cause__, one.__context__]
    return out.getvalue()


SCRIPTS: dict[str, Callable[[], list[httpx.Response | Exception]]] = {
    "refused": lambda: [reply(400)],
    "not permitted": lambda: [reply(403)],
    "not accepted twice": lambda: [reply(401), reply(401)],
    "no connection": lambda: [httpx.ConnectError("no route")],
    "reset": lambda: [httpx.ReadError("reset")],
    "too slow": lambda: [httpx.ReadTimeout("slow")],
    "not JSON": lambda: [reply(200, b"<html>")],
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
    with pytest.raises(Rejected) as caught:
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
