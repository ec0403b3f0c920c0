"""The one way every API call goes."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve

from _client_kit import _clock
from _client_kit import _runtime_async as runtime
from _client_kit._async import _body
from _client_kit._async._calls import AsyncCalls
from _client_kit._clock import Deadline
from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    ServiceError,
    UnavailableError,
    UnreachableError,
)
from _client_kit._files import Base64, FileSource
from _client_kit._retry import RetryPolicy
from _client_kit._tokens import TokenCache
from _client_kit._version import __version__
from support.kit_service import (
    ORIGIN,
    READ,
    TOKEN,
    TOKEN_CALL,
    WRITE,
    Clock,
    Service,
    WatchedBody,
    call_async,
    dialect,
    reply,
    together_async,
)

pytestmark = pytest.mark.anyio

STEADY = RetryPolicy(wait_jitter=0.0)
THING: dict[str, object] = {"thing_id": "a1"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that only the test moves; a pause takes none."""
    clock = Clock()
    monkeypatch.setattr(_clock, "monotonic", clock)
    monkeypatch.setattr(runtime, "sleep", clock.sleep_async)
    return clock


def calls_to(service: Service, **options: Any) -> AsyncCalls:
    """A client's calls with the test service behind them."""
    settings: dict[str, Any] = {
        "base_url": ORIGIN,
        "timeout": 10.0,
        "deadline": 60.0,
        "user_agent": "test",
        "retry": STEADY,
        "transport": service,
        "http_client": None,
        "ssl_context": None,
        "states": {},
        **options,
    }
    return AsyncCalls(dialect(), settings.pop("states"), **settings)


async def test_payload_and_headers() -> None:
    """A call carries token, agent and query under the wire's names, and brings the payload."""
    service = Service(reply(200, {"id": 7}, {"X-Request-Id": "r-1"}))
    payload, answer = await call_async(
        calls_to(service),
        READ,
        path=THING,
        query={"since": "2026-01-01", "word": "a b&c", "missing": None},
    )
    (request, body) = service.requests[0]
    assert payload == {"id": 7}
    assert answer.request_id == "r-1"
    assert str(request.url) == f"{ORIGIN}/things/a1?from=2026-01-01&q=a%20b%26c"
    assert request.headers["authorization"] == f"Bearer {TOKEN}-1"
    assert request.headers["user-agent"] == f"test banqup-zenvoices/{__version__}"
    assert request.headers["accept-encoding"] == "identity"
    assert body == b""


async def test_json_body() -> None:
    """A JSON body travels as UTF-8 with its type and length."""
    service = Service()
    await call_async(calls_to(service), WRITE, json={"name": "Café"})
    request, body = service.requests[0]
    assert body == '{"name":"Café"}'.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(body))


async def test_streamed_body_has_its_length() -> None:
    """A streamed body is sent with the length that was given, not in chunks."""
    service = Service()
    await call_async(calls_to(service), WRITE, json=[Base64(b"abc")])
    request, body = service.requests[0]
    assert body == b'["YWJj"]'
    assert request.headers["content-length"] == "8"
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
async def test_a_check_comes_before_each_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Wherever the bytes come from; it can stop the body, and a read is not checked."""
    monkeypatch.setattr(_body, "READ_SIZE", 3)
    path = tmp_path / "x"
    path.write_bytes(b"x" * 7)
    content: Any = {"bytes": b"x" * 7, "path": path, "file": io.BytesIO(b"x" * 7)}[kind]
    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) > 8:
            raise LookupError

    service = Service()
    calls = calls_to(service)
    source = FileSource.of(content)
    await call_async(calls, WRITE, json=[Base64(source)], check=check)
    assert len(checks) == 5  # the request, three pieces, the end of the JSON
    with pytest.raises(LookupError):
        await call_async(calls, WRITE, json=[Base64(source)], check=check)
    assert len(checks) == 9
    assert len(service.requests) == 1
    await call_async(calls, READ, path=THING, check=check)
    assert evolve(source, check=check) == source


async def test_renewal_after_401_repeats_a_streamed_body() -> None:
    """A 401 is answered by one fresh token and the same body from its start."""
    service = Service(reply(401))
    calls = calls_to(service)
    payload, _ = await call_async(calls, WRITE, json=[Base64(b"abc")])
    assert payload == {"ok": True}
    assert [body for _, body in service.requests] == [b'["YWJj"]'] * 2
    assert service.bearers == [f"Bearer {TOKEN}-1", f"Bearer {TOKEN}-2"]


async def test_second_401_is_raised() -> None:
    """A fresh token that is not taken either ends the call; the next call asks for another."""
    service = Service(reply(401), reply(401))
    calls = calls_to(service)
    with pytest.raises(CredentialsError) as caught:
        await call_async(calls, READ, path=THING)
    assert caught.value.status == 401
    assert len(service.token_requests) == 2
    await call_async(calls, READ, path=THING)
    assert len(service.token_requests) == 3


async def test_tries_are_counted_across_a_renewal(clock: Clock) -> None:
    """A renewal is no try, and does not start the count anew."""
    service = Service(*map(reply, [503, 503, 503, 401, 503, 503]))
    with pytest.raises(UnavailableError):
        await call_async(calls_to(service), READ, path=THING)
    assert len(service.requests) == 5
    assert clock.pauses == [0.25, 0.5, 1.0]


async def test_token_that_ends_during_a_pause_is_renewed(clock: Clock) -> None:
    """The next try has a token that is valid then, and one 401 is still no error."""
    service = Service(reply(503, None, {"Retry-After": "50"}), reply(401))
    service.token_life = 60.0
    await call_async(calls_to(service), READ, path=THING)
    assert clock.pauses == [50.0]
    assert service.bearers == [f"Bearer {TOKEN}-{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("good", [True, False])
async def test_one_token_request_for_many(good: bool) -> None:
    """32 at once ask for one token, and a refusal is shared by all of them."""
    service = Service()
    if not good:
        service.token_script = [reply(401)]
    calls = calls_to(service)
    started: list[int] = []

    def until_all_wait() -> None:
        while len(started) < 32:
            time.sleep(0.001)
        time.sleep(0.02)

    service.before_token = until_all_wait

    async def call(number: int) -> object:
        started.append(number)
        return (await call_async(calls, READ, path=THING))[0]

    outcomes = await together_async(32, call)
    assert len(service.token_requests) == 1
    if good:
        assert outcomes == [{"ok": True}] * 32
    else:
        assert {type(outcome) for outcome in outcomes} == {CredentialsError}
        assert len(set(map(id, outcomes))) == 32  # each its own exception object
        assert service.requests == []


async def test_failed_token_request_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a token does not repeat all tries; the next call asks again."""
    service, state = Service(), TokenCache()
    service.token_script = [reply(404)]
    calls = calls_to(service, states={ORIGIN: state})
    flight = state.flight
    waiting: list[object] = []

    def counted(kind: type[Any]) -> Any:
        waiting.append(kind)
        return flight(kind)

    def until_all_wait() -> None:
        while len(waiting) < 8:
            time.sleep(0.001)

    monkeypatch.setattr(state, "flight", counted)
    service.before_token = until_all_wait

    async def call(_number: int) -> object:
        return (await call_async(calls, READ, path=THING))[0]

    outcomes = await together_async(8, call)
    assert {type(outcome) for outcome in outcomes} == {NotFoundError}
    assert len(set(map(id, outcomes))) == 8  # each its own exception object
    assert len(service.token_requests) == 1
    assert await call(8) == {"ok": True}


@pytest.mark.parametrize("end", ["deadline", "pause"])
async def test_end_of_one_deadline_is_not_shared(clock: Clock, end: str) -> None:
    """A waiting call with more time makes its own tries."""
    service, state = Service(), TokenCache()
    after = {"Retry-After": "30"} if end == "pause" else {}
    service.token_script = [reply(429, None, after)]
    if end == "deadline":
        service.before_token = lambda: setattr(clock, "now", clock.now + 20.0)
    with pytest.raises((RateLimitedError, UnavailableError)):
        await call_async(calls_to(service, states={ORIGIN: state}), READ, path=THING, deadline=10.0)
    assert state.failure is None


async def test_rejection_is_final() -> None:
    """A refused credential is refused without a request, in every client that uses it."""
    states: dict[str, TokenCache] = {}
    first, second = Service(), Service()
    first.token_script = [reply(401)]
    for service in (first, first, second):
        with pytest.raises(CredentialsError, match="the password was refused"):
            await call_async(calls_to(service, states=states), READ, path=THING)
    assert len(first.token_requests) == 1
    assert second.token_requests == []


async def test_token_is_shared_by_clients() -> None:
    """Two clients with one credential at one address ask for one token."""
    states: dict[str, TokenCache] = {}
    service = Service()
    for _ in range(2):
        await call_async(calls_to(service, states=states), READ, path=THING)
    assert len(service.token_requests) == 1


async def test_token_never_goes_to_another_address() -> None:
    """A credential used at two addresses gets a token from each."""
    states: dict[str, TokenCache] = {}
    here, there = Service(), Service()
    there.token_script = [reply(200, {"token": "other"})]
    await call_async(calls_to(here, states=states), READ, path=THING)
    await call_async(
        calls_to(there, states=states, base_url="https://api.invalid"), READ, path=THING
    )
    assert here.bearers == [f"Bearer {TOKEN}-1"]
    assert there.bearers == ["Bearer other"]


@pytest.mark.parametrize(
    ("life", "before", "after"), [(3600.0, 3539.0, 3541.0), (60.0, 29.0, 31.0)]
)
async def test_token_life(clock: Clock, life: float, before: float, after: float) -> None:
    """A token is renewed a minute early, a short-lived one after half its life."""
    service = Service()
    service.token_life = life
    calls = calls_to(service, deadline=100_000.0)
    started = clock.now
    await call_async(calls, READ, path=THING)
    clock.now = started + before
    await call_async(calls, READ, path=THING)
    assert len(service.token_requests) == 1
    clock.now = started + after
    await call_async(calls, READ, path=THING)
    assert len(service.token_requests) == 2


async def test_token_request_is_repeated(clock: Clock) -> None:
    """A token service that fails for a moment is asked again; nothing is rejected."""
    service = Service()
    service.token_script = [reply(503), httpx.ReadTimeout("slow")]
    await call_async(calls_to(service), READ, path=THING)
    assert len(service.token_requests) == 3
    assert clock.pauses == [0.25, 0.5]


RETRIED = 4
ONCE = 1
FAULTS: list[tuple[Exception, type[ServiceError], int, type[ServiceError], int]] = [
    (httpx.ConnectError("refused"), UnreachableError, RETRIED, UnreachableError, RETRIED),
    (httpx.ConnectTimeout("slow"), UnreachableError, RETRIED, UnreachableError, RETRIED),
    (httpx.PoolTimeout("full"), UnreachableError, RETRIED, UnreachableError, RETRIED),
    (httpx.ProxyError("407"), UnreachableError, RETRIED, UnreachableError, RETRIED),
    (httpx.WriteTimeout("slow"), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (httpx.WriteError("reset"), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (httpx.ReadTimeout("slow"), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (httpx.ReadError("reset"), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (httpx.RemoteProtocolError("gone"), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (httpx.LocalProtocolError("length"), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (TimeoutError(), UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (
        ConnectionResetError(104, "reset by peer"),
        UnavailableError,
        RETRIED,
        OutcomeUnknownError,
        ONCE,
    ),
]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("fault", "read", "reads", "write", "writes"), FAULTS, ids=repr)
async def test_broken_connections(
    fault: Exception,
    read: type[ServiceError],
    reads: int,
    write: type[ServiceError],
    writes: int,
) -> None:
    """What was surely not sent is tried again; a write that may have arrived is not."""
    for operation, path, kind, tries in ((READ, THING, read, reads), (WRITE, {}, write, writes)):
        service = Service(*[fault] * 10)
        with pytest.raises(ServiceError) as caught:
            await call_async(calls_to(service), operation, path=path)
        assert type(caught.value) is kind
        assert len(service.requests) == tries


STATUSES: list[tuple[int, type[ServiceError], int, type[ServiceError], int]] = [
    (301, ProtocolError, ONCE, ProtocolError, ONCE),
    (400, RejectedError, ONCE, RejectedError, ONCE),
    (405, ConfigurationError, ONCE, ConfigurationError, ONCE),
    (408, UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (409, UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (413, RejectedError, ONCE, RejectedError, ONCE),
    (422, RejectedError, ONCE, RejectedError, ONCE),
    (429, RateLimitedError, RETRIED, RateLimitedError, RETRIED),
    (500, UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
    (501, ConfigurationError, ONCE, ConfigurationError, ONCE),
    (503, UnavailableError, RETRIED, OutcomeUnknownError, ONCE),
]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("status", "read", "reads", "write", "writes"), STATUSES)
async def test_statuses(
    status: int,
    read: type[ServiceError],
    reads: int,
    write: type[ServiceError],
    writes: int,
) -> None:
    """Each status has one meaning, and is tried again only where that cannot do harm."""
    for operation, path, kind, tries in ((READ, THING, read, reads), (WRITE, {}, write, writes)):
        service = Service(*[reply(status) for _ in range(10)])
        with pytest.raises(ServiceError) as caught:
            await call_async(calls_to(service), operation, path=path)
        assert type(caught.value) is kind
        assert caught.value.status == status
        assert len(service.requests) == tries


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("Sun, 01 Mar 2026 10:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 09:00:00 GMT", 0.0),
        ("soon", 0.25),
        ("nan", 0.25),
        ("inf", 0.25),
        ("1_0", 0.25),
    ],
)
async def test_retry_after(clock: Clock, header: str, pause: float) -> None:
    """Retry-After is seconds or a date by the server's clock; garbage is as if it were absent."""
    headers = {"Retry-After": header, "Date": "Sun, 01 Mar 2026 10:00:00 GMT"}
    service = Service(reply(429, None, headers))
    await call_async(calls_to(service), WRITE, json={})
    assert clock.pauses == [pause]


async def test_retry_after_beyond_the_deadline(clock: Clock) -> None:
    """A pause that would outlive the deadline is not begun; the error says how long it was."""
    service = Service(reply(429, None, {"Retry-After": "9" * 400}))
    with pytest.raises(RateLimitedError) as caught:
        await call_async(calls_to(service), READ, path=THING)
    assert caught.value.retry_after == 3600.0
    assert clock.pauses == []


async def test_deadline_covers_attempts_and_pauses(clock: Clock) -> None:
    """Attempts end with the deadline, however many the policy would allow."""
    service = Service(*[reply(503) for _ in range(50)])
    policy = RetryPolicy(attempts=50, wait_initial=4.0, wait_max=4.0, wait_jitter=0.0)
    with pytest.raises(UnavailableError):
        await call_async(calls_to(service, retry=policy), READ, path=THING, deadline=10.0)
    assert clock.pauses == [4.0, 4.0]
    assert len(service.requests) == 3


async def test_late_wake_up_hides_no_answer(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that ends after the deadline leaves the error of the try before it."""

    async def oversleep(seconds: float) -> None:
        clock.now += seconds + 20.0

    monkeypatch.setattr(runtime, "sleep", oversleep)
    service = Service(reply(503))
    with pytest.raises(UnavailableError, match="503"):
        await call_async(calls_to(service), READ, path=THING, deadline=10.0)
    assert len(service.requests) == 1


async def test_deadline_covers_the_token(clock: Clock) -> None:
    """A token that came too late leaves no time: the call is not sent."""
    service = Service()

    def slow() -> None:
        clock.now += 11.0

    service.before_token = slow
    with pytest.raises(UnavailableError):
        await call_async(calls_to(service), READ, path=THING, deadline=10.0)
    assert service.requests == []


async def test_deadline_ends_the_wait_for_anothers_token() -> None:
    """Who waits for a token that another asks for gives up with its own deadline."""
    service, state = Service(), TokenCache()
    calls = calls_to(service, states={ORIGIN: state})
    async with state.flight(runtime.SingleFlight).acquire(Deadline()):
        with pytest.raises(UnavailableError, match="the deadline passed") as caught:
            await call_async(calls, WRITE, json={}, deadline=0.01)
    assert caught.value.applied is False
    assert caught.value.retryable  # the request that it waited for may succeed later
    assert service.token_requests == []


async def test_deadline_that_has_passed() -> None:
    """With no time left nothing is sent at all."""
    service = Service()
    with pytest.raises(UnavailableError, match="before the request was sent"):
        await call_async(calls_to(service), WRITE, json={}, deadline=0.0)
    assert service.requests == []
    assert service.token_requests == []


async def test_answers_of_a_mock_transport() -> None:
    """A test's own httpx.MockTransport can stand for the service."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"token": "t"})
        return httpx.Response(200, json={"bearer": request.headers["authorization"]})

    calls = calls_to(Service(), transport=httpx.MockTransport(answer))
    assert (await call_async(calls, READ, path=THING))[0] == {"bearer": "Bearer t"}


async def test_answer_that_an_injected_transport_has_read() -> None:
    """A transport that records bodies hands on an answer whose stream is used up."""

    class Recording(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            text = '{"token": "t"}' if request.url.path == "/token" else '{"a": 1}'
            answer = httpx.Response(200, stream=UsedUp([text.encode()]))
            await answer.aread()
            return answer

    calls = calls_to(Service(), transport=Recording())
    assert (await call_async(calls, READ, path=THING))[0] == {"a": 1}


class UsedUp(httpx.AsyncByteStream):
    """Like a socket: what was read is gone, and nothing more comes."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self._pieces:
            raise httpx.ReadTimeout("nothing more comes")
        while self._pieces:
            yield self._pieces.pop()


async def test_deadline_shortens_the_wait_for_a_body(clock: Clock) -> None:
    """After a late head, the body gets only the time that is left."""
    body = WatchedBody(b"{}")
    service = Service(httpx.Response(200, stream=body))

    def slow() -> None:
        clock.now += 12.0

    service.before_token = slow
    await call_async(calls_to(service, timeout=10.0), READ, path=THING, deadline=15.0)
    assert body.read_timeout == 3.0


async def test_deadline_ends_a_slow_upload(clock: Clock) -> None:
    """A service that takes a body drop by drop cannot outlive the deadline."""
    service = Service()
    taken: list[int] = []

    def drop() -> None:
        clock.now += 1.0
        taken.append(1)

    body = [Base64(b"x" * 1_000_000)] * 10
    with pytest.raises(OutcomeUnknownError, match="took too long") as caught:
        await call_async(calls_to(service), WRITE, json=body, check=drop, deadline=5.0)
    assert len(taken) <= 7
    assert not caught.value.retryable


async def test_errors_from_a_body_come_out_as_they_are() -> None:
    """An error of ours raised while a body is read keeps its class and loses its frames."""

    def refuse() -> None:
        message = "a file became shorter"
        raise RejectedError(message, service="bridge")

    with pytest.raises(RejectedError, match="a file became shorter") as caught:
        await call_async(calls_to(Service()), WRITE, json=[Base64(b"x")], check=refuse)
    assert caught.value.__context__ is None
    files = " ".join(str(entry.path) for entry in caught.traceback)
    assert "httpx" not in files


async def test_redirects_and_defaults_of_an_injected_client() -> None:
    """An injected client's redirects, auth, headers, cookies and parameters stay out of calls."""
    service = Service(reply(307, None, {"Location": "https://evil.example/", "Set-Cookie": "a=b"}))
    async with httpx.AsyncClient(
        transport=service,
        follow_redirects=True,
        auth=("user", "their-password"),
        headers={"X-Api-Key": "theirs", "Authorization": "Basic x"},
        cookies={"session": "theirs"},
        params={"key": "theirs"},
    ) as client:
        calls = calls_to(service, transport=None, http_client=client)
        with pytest.raises(ProtocolError):
            await call_async(calls, READ, path=THING)
        await call_async(calls, READ, path=THING)
        await calls.aclose()
        assert not client.is_closed
    assert len(service.requests) == 2
    for request, _ in service.requests:
        assert request.url.host == "api.example"
        assert request.url.query == b""
        assert request.headers["authorization"] == f"Bearer {TOKEN}-1"
        assert "cookie" not in request.headers
        assert "x-api-key" not in request.headers


async def test_cookies_are_never_sent_back() -> None:
    """A cookie the service sets is not kept."""
    service = Service(reply(200, {}, {"Set-Cookie": "session=1; Path=/"}))
    calls = calls_to(service)
    for _ in range(2):
        await call_async(calls, READ, path=THING)
    assert all("cookie" not in request.headers for request, _ in service.requests)


async def test_own_client_is_closed() -> None:
    """Leaving the block closes the transport the calls went through."""
    service = Service()
    async with aclosing(calls_to(service)) as calls:
        await call_async(calls, READ, path=THING)
    assert service.closed


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "5", None])
@pytest.mark.parametrize("name", ["timeout", "deadline"])
async def test_times_that_are_no_times(name: str, value: object) -> None:
    """A timeout or deadline that is not a positive number is refused when a client is made."""
    with pytest.raises(ConfigurationError, match=name):
        calls_to(Service(), **{name: value})


async def test_transport_and_client_exclude_each_other() -> None:
    """Two ways to send are one too many."""
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigurationError, match="not both"):
            calls_to(Service(), http_client=client)


async def test_token_that_cannot_be_read() -> None:
    """A write whose token could not be read was definitely not applied."""
    service = Service()
    service.token_script = [reply(200, b"<html>")]
    with pytest.raises(ProtocolError) as caught:
        await call_async(calls_to(service), WRITE, json={})
    assert caught.value.applied is False
    assert service.requests == []


async def test_an_unsafe_call_is_not_repeated_for_a_lost_token_answer() -> None:
    """A write whose token could not be had was not sent, and says so."""
    service = Service()
    service.token_script = [httpx.ReadTimeout("slow")] * 10
    calls = calls_to(service, retry=RetryPolicy(attempts=1))
    with pytest.raises(ServiceError) as caught:
        await call_async(calls, WRITE, json={})
    assert caught.value.applied is False
    assert service.requests == []
    assert TOKEN_CALL.name in str(caught.value)
