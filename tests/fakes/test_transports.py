"""Loopback sockets, the httpx transport in both worlds, respx, and the faults of all three."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
import respx

from banqup_client.testing import FakeBanqup, FakeFile, Fault, Loopback
from zenvoices_client.testing import FakeZenvoices

ME = "/solution/business/v1/users/me"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "demo-app",
    "client_secret": "demo-secret",
}
TOKEN = "/oauth2/client_credential/gettoken"
CREATED = {"filename": "a.xml", "fileSize": 3, "contentType": "application/xml"}


class World:
    """A fake, a client that reaches it in one of two ways, and a space."""

    def __init__(self, fake: FakeBanqup, client: httpx.Client, slept: list[float]) -> None:
        self.fake, self.client, self.slept = fake, client, slept
        self.space = fake.add_space()
        token = client.post(TOKEN, data=FORM).json()["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def me(self) -> httpx.Response:
        return self.client.get(ME, headers=self.headers)

    def create(self) -> httpx.Response:
        url = f"/datastore/documents/transaction/v2/spaces/{self.space}/documents"
        body = {"spaceId": self.space, "folder": "SALES", "category": "INVOICE"}
        return self.client.post(url, json=body, headers=self.headers)

    def upload_url(self) -> str:
        url = f"/datastore/documents/transaction/v1/spaces/{self.space}/files"
        answer = self.client.post(url, json=CREATED, headers=self.headers)
        return str(answer.json()["uploadUrl"])


def connect(served: Loopback) -> socket.socket:
    """Open a connection for requests that no client of httpx would send."""
    where = urlsplit(served.url)
    return socket.create_connection((str(where.hostname), where.port or 0))


@pytest.fixture(params=["memory", "sockets"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    slept: list[float] = []
    fake = FakeBanqup(sleep=slept.append)
    with ExitStack() as stack:
        if request.param == "memory":
            client = httpx.Client(
                base_url="https://api.uat.btx.eu.banqup.com", transport=fake.transport()
            )
        else:
            client = httpx.Client(base_url=stack.enter_context(fake.serve()).url)
        yield World(fake, stack.enter_context(client), slept)


def test_drop_resets_the_connection(world: World) -> None:
    """A dropped call is a read error, was not applied, and the next call works."""
    world.fake.faults.add("documents.create", nth=1, action=Fault.drop())
    with pytest.raises(httpx.ReadError):
        world.create()
    assert world.fake.documents(world.space) == []
    assert world.fake.requests[-1].status is None
    assert world.create().status_code == 201


def test_orderly_close_is_a_protocol_error(world: World) -> None:
    """A connection closed without an answer is what httpx calls a disconnected server."""
    world.fake.faults.add("users.me", nth=1, action=Fault.drop(reset=False))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        world.me()


def test_failure_after_applying_leaves_its_effect(world: World) -> None:
    """A call dropped after it was applied has changed the state."""
    world.fake.faults.add("documents.create", nth=1, action=Fault.drop(), when="after")
    with pytest.raises(httpx.ReadError):
        world.create()
    assert len(world.fake.documents(world.space)) == 1


def test_status_after_applying_hides_the_answer(world: World) -> None:
    """A 500 after applying replaces the answer but not the effect."""
    action = Fault.status(500, {"oops": 1}, {"X-Request-Id": "r1"})
    world.fake.faults.add("documents.create", times=1, action=action, when="after")
    answer = world.create()
    assert (answer.status_code, answer.json()) == (500, {"oops": 1})
    assert answer.headers["x-request-id"] == "r1"
    assert len(world.fake.documents(world.space)) == 1


def test_drop_while_the_body_is_being_sent(world: World) -> None:
    """A connection dropped inside the request's body is a transport error, nothing is stored."""
    url = world.upload_url()
    world.fake.faults.add("files.upload", nth=1, action=Fault.drop(body_read=1000))
    typed = {"Content-Type": "application/xml"}
    with pytest.raises((httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError)):
        world.client.put(url, content=bytes(20_000_000), headers=typed)
    assert world.client.put(url, content=b"<a>", headers=typed).status_code == 200


def test_truncated_answer_is_a_protocol_error(world: World) -> None:
    """A body shorter than its Content-Length is noticed."""
    world.fake.faults.add("users.me", nth=1, action=Fault.truncate(5))
    with pytest.raises(httpx.RemoteProtocolError, match="received 5 bytes"):
        world.me()


def test_content_length_that_lies(world: World) -> None:
    """Too large a length is a protocol error and the next call works; too small a one cuts."""
    large = Fault.status(200, b"hello", {"Content-Length": "9"})
    world.fake.faults.add("users.me", nth=1, action=large)
    with pytest.raises(httpx.RemoteProtocolError):
        world.me()
    assert world.me().status_code == 200
    small = Fault.status(200, b"hello", {"Content-Length": "2"})
    world.fake.faults.add("users.me", nth=1, action=small)
    assert world.me().content == b"he"


def test_answer_without_content(world: World) -> None:
    """A scripted 204 has neither body nor length, and the connection goes on."""
    world.fake.faults.add("users.me", nth=1, action=Fault.status(204, b"never sent"))
    empty = world.me()
    assert (empty.status_code, empty.content) == (204, b"")
    assert world.me().status_code == 200


def test_delay_waits_before_or_after_applying(world: World) -> None:
    """A delay sleeps by the fake's sleep, then answers or fails as told."""
    world.fake.faults.add("users.me", nth=1, action=Fault.delay(2))
    assert world.me().status_code == 200
    late = Fault.delay(3, then=Fault.status(503))
    world.fake.faults.add("documents.create", nth=1, action=late, when="after")
    assert world.create().status_code == 503
    assert (world.slept, len(world.fake.documents(world.space))) == ([2, 3], 1)


def test_canned_answers_arrive(world: World) -> None:
    """Rate limits, web pages and redirects arrive as they were scripted."""
    world.fake.faults.add("users.me", nth=1, action=Fault.rate_limit(7))
    world.fake.faults.add("users.me", nth=2, action=Fault.html())
    world.fake.faults.add(
        "users.me", nth=3, action=Fault.status(302, headers={"Location": "https://evil.example/"})
    )
    world.fake.faults.add("users.me", nth=4, action=Fault.rate_limit())
    limited, page, moved, silent = world.me(), world.me(), world.me(), world.me()
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert (silent.status_code, "retry-after" in silent.headers) == (429, False)
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    assert (moved.status_code, moved.headers["location"]) == (302, "https://evil.example/")


def test_garbage_is_a_protocol_error(world: World) -> None:
    """Bytes that are not HTTP are a protocol error."""
    world.fake.faults.add("users.me", nth=1, action=Fault.garbage())
    with pytest.raises(httpx.RemoteProtocolError):
        world.me()


def test_times_and_wildcard_and_clear(world: World) -> None:
    """A fault without nth hits the given number of calls of any operation, until cleared."""
    line = world.fake.faults.add("*", times=2, action=Fault.status(503))
    assert [world.me().status_code for _ in range(3)] == [503, 503, 200]
    world.fake.faults.add("*", action=Fault.status(500))
    assert [world.me().status_code for _ in range(5)] == [500] * 5
    world.fake.faults.clear()
    assert (world.me().status_code, line.fired) == (200, 2)


def test_every_answer_can_carry_further_headers(world: World) -> None:
    """Answers of the API and of its storage, refusals too, carry them beside their own."""
    world.fake.answer_headers = {"Set-Cookie": "session=canary", "Date": "never"}
    answers = [world.me(), world.client.get("/nowhere"), world.client.get(world.upload_url())]
    assert [answer.status_code for answer in answers] == [200, 404, 403]
    assert {answer.headers["set-cookie"] for answer in answers} == {"session=canary"}
    assert "never" not in {answer.headers["date"] for answer in answers}


def test_fault_of_an_unknown_operation_is_an_error() -> None:
    """A misspelt operation cannot leave a test without its fault."""
    with pytest.raises(ValueError, match=r"documents\.list"):
        FakeBanqup().faults.add("document.list", action=Fault.html())


def test_large_file_goes_both_ways(world: World) -> None:
    """Five megabytes arrive and come back unchanged from the second origin."""
    content = bytes(range(256)) * 20_000
    url = world.upload_url()
    typed = {"Content-Type": "application/xml"}
    assert world.client.put(url, content=content, headers=typed).status_code == 200
    file = urlsplit(url).path.rpartition("/")[2]
    where = f"/datastore/documents/transaction/v1/spaces/{world.space}/files/{file}"
    details = world.client.get(where, headers=world.headers).json()
    assert world.client.get(details["downloadUrl"]).content == content


def test_delay_beyond_the_read_timeout_times_out_but_applies() -> None:
    """In memory a delay waits no longer than the client would; the request is applied anyway."""
    slept: list[float] = []
    fake = FakeBanqup(sleep=slept.append)
    transport = fake.transport()
    with httpx.Client(
        base_url="https://api.btx.eu.banqup.com", transport=transport, timeout=5
    ) as client:
        world = World(fake, client, slept)
        fake.faults.add("documents.create", nth=1, action=Fault.delay(60))
        never = Fault.delay(60, then=Fault.drop())
        fake.faults.add("documents.create", nth=2, action=never)
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                world.create()
    assert (slept, len(fake.documents(world.space))) == ([5, 5], 1)


def test_request_that_fails_after_it_was_applied_is_read_whole(world: World) -> None:
    """A drop in the middle of the body, scripted for afterwards, does not prevent the request."""
    world.fake.faults.add("documents.create", nth=1, action=Fault.drop(body_read=9), when="after")
    with pytest.raises(httpx.ReadError):
        world.create()
    assert len(world.fake.documents(world.space)) == 1


def test_delayed_request_is_applied_after_the_delay(world: World) -> None:
    """A request is not applied while a delay before it lasts; with a delay after it, it is."""
    seen: list[int] = []
    world.fake.sleep = lambda _: seen.append(len(world.fake.documents(world.space)))
    world.fake.faults.add("documents.create", nth=1, action=Fault.delay(1))
    world.fake.faults.add("documents.create", nth=2, action=Fault.delay(1), when="after")
    assert [world.create().status_code for _ in range(2)] == [201, 201]
    assert seen == [0, 2]


@pytest.mark.anyio
async def test_delayed_request_is_applied_after_the_delay_of_an_async_client() -> None:
    """An async client in memory waits in the same order."""
    fake, seen = FakeBanqup(), list[int]()
    fake.sleep = lambda _: seen.append(len(fake.requests))
    fake.faults.add("unknown", nth=1, action=Fault.delay(1))
    fake.faults.add("unknown", nth=2, action=Fault.delay(1), when="after")
    url = "https://api.btx.eu.banqup.com"
    async with httpx.AsyncClient(base_url=url, transport=fake.transport()) as client:
        for _ in range(2):
            await client.get("/nowhere")
    assert seen == [0, 2]


def test_request_can_be_applied_after_the_client_gave_up() -> None:
    """Over sockets, a look-up finds nothing until the delay is over, and the document then."""
    slow = threading.Event()
    fake = FakeBanqup(sleep=lambda _: slow.wait(10))
    with fake.serve() as served, httpx.Client(base_url=served.url) as client:
        world = World(fake, client, [])
        fake.faults.add("documents.create", nth=1, action=Fault.delay(60))
        client.timeout = httpx.Timeout(5, read=0.2)
        with pytest.raises(httpx.ReadTimeout):
            world.create()
        assert fake.documents(world.space) == []
        client.timeout = httpx.Timeout(5)
        assert world.me().status_code == 200  # the service answers other requests meanwhile
        assert fake.documents(world.space) == []
        slow.set()
        for _ in range(500):
            if fake.documents(world.space):
                break
            time.sleep(0.01)
        assert len(fake.documents(world.space)) == 1


def test_requests_that_match_no_route_are_logged_as_they_were_sent(world: World) -> None:
    """A path keeps its slashes, and a body of several parts is a body like any other."""
    base = str(world.client.base_url).rstrip("/")
    answer = world.client.post(f"{base}//v1/x", files={"file": ("a.xml", b"<a/>")})
    request = world.fake.requests[-1]
    assert (answer.status_code, request.path) == (404, "//v1/x")


def test_connection_is_kept_alive() -> None:
    """Many requests travel over one connection, and closing tells the client."""
    with FakeBanqup().serve() as served, connect(served) as connection:
        for _ in range(3):
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
        assert connection.recv(1) == b""


def test_closing_the_server_ends_connections_that_are_open() -> None:
    """A client that waits on a kept connection is told, and nothing of the server stays behind."""
    served = FakeBanqup().serve()
    before = threading.active_count()
    with connect(served) as connection:
        connection.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
        served.close()
        assert connection.recv(1) == b""
    assert threading.active_count() < before


def test_nonsense_on_the_socket_is_a_400() -> None:
    """What is not HTTP is refused and the server goes on."""
    with FakeZenvoices().serve() as served:
        with connect(served) as connection:
            connection.sendall(b"hello\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"{served.url}/x").status_code == 404


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort", b""),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 411 "),
        (b"HEAD /x HTTP/1.1\r\n\r\n", b"HTTP/1.1 501 "),
    ],
)
def test_odd_requests_on_the_socket(sent: bytes, answer: bytes) -> None:
    """What no operation sends is refused, or ends the connection."""
    with FakeZenvoices().serve() as served:
        with connect(served) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                received = stream.read()
        assert received.startswith(answer) if answer else received == b""
        assert httpx.get(f"{served.url}/x").status_code == 404


def test_a_served_fake_says_where_it_is() -> None:
    """Shown in a shell it names the origins that it listens on."""
    with FakeBanqup().serve() as served:
        assert repr(served) == f"<Loopback {served.url} {served.storage_url}>"


def test_server_can_be_closed_by_a_hook_and_twice() -> None:
    """A test that ends the server in the middle of a request does not wait for that request."""
    fake = FakeZenvoices()
    served = fake.serve()
    fake.on_request = lambda _: served.close()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{served.url}/x")
    served.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.url}/x")


@pytest.mark.anyio
async def test_async_delay_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a sleep was given, an async client waits by the event loop, never by the thread."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("_client_kit._runtime_async.sleep", sleep)
    fake = FakeZenvoices()
    fake.faults.add("unknown", action=Fault.delay(60))
    async with httpx.AsyncClient(
        base_url="https://app.zenvoices.com", transport=fake.transport(), timeout=None
    ) as client:
        assert (await client.get("/x")).status_code == 404
    assert waited == [60]


def test_state_changes_while_served() -> None:
    """Documents published from one thread are listed to clients in others, each exactly once."""
    fake = FakeBanqup()
    with fake.serve() as served, httpx.Client(base_url=served.url) as client:
        world = World(fake, client, [])
        failures: list[int] = []

        def create() -> None:
            with httpx.Client(base_url=served.url) as own:
                mine = World.__new__(World)
                mine.client, mine.space, mine.headers = own, world.space, world.headers
                failures.extend(
                    status for _ in range(20) if (status := mine.create().status_code) != 201
                )

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            fake.publish(world.space)
        for thread in threads:
            thread.join()
        assert (failures, len(fake.documents(world.space))) == ([], 100)


def test_respx_router_answers_from_the_fake() -> None:
    """Mounted on respx, the fake answers clients that know nothing of it, the storage too."""
    fake = FakeBanqup()
    with respx.mock() as router:
        fake.mount(router)
        with httpx.Client(base_url="https://api.btx.eu.banqup.com") as client:
            world = World(fake, client, [])
            typed = {"Content-Type": "application/xml"}
            answer = client.put(world.upload_url(), content=b"<a>", headers=typed)
            assert answer.status_code == 200
            fake.faults.add("users.me", nth=1, action=Fault.drop())
            with pytest.raises(httpx.ReadError):
                world.me()
    assert fake.counts["files.upload"] == 1


@pytest.mark.anyio
async def test_respx_router_answers_an_async_client() -> None:
    """Mounted on respx, the fake answers asynchronous clients too."""
    fake = FakeZenvoices()
    with respx.mock() as router:
        fake.mount(router)
        async with httpx.AsyncClient() as client:
            answer = await client.get("https://app.zenvoices.com/public-api/v1/taxCodes")
    assert answer.status_code == 404


@pytest.mark.anyio
async def test_async_transport_meets_the_same_faults() -> None:
    """The async transport answers, drops, truncates and times out like the sync one."""
    slept: list[float] = []
    fake = FakeBanqup(sleep=slept.append)
    async with httpx.AsyncClient(
        base_url="https://api.btx.eu.banqup.com", transport=fake.transport(), timeout=5
    ) as client:
        answer = await client.post(TOKEN, data=FORM)
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        whole = (await client.get(ME, headers=headers)).content
        fake.faults.add("users.me", nth=1, action=Fault.delay(1))
        fake.faults.add("users.me", nth=2, action=Fault.truncate(3))
        fake.faults.add("users.me", nth=3, action=Fault.drop())
        fake.faults.add("users.me", nth=4, action=Fault.delay(9))
        fake.faults.add("users.me", nth=5, action=Fault.drop(body_read=0))
        assert (await client.get(ME, headers=headers)).content == whole
        for error in (
            httpx.RemoteProtocolError,
            httpx.ReadError,
            httpx.ReadTimeout,
            httpx.ReadError,
        ):
            with pytest.raises(error):
                await client.get(ME, headers=headers)
    assert slept == [1, 5]


@pytest.mark.anyio
async def test_async_client_on_sockets() -> None:
    """An async client downloads from the served storage through a signed URL."""
    fake = FakeBanqup()
    space = fake.add_space()
    fake.publish(space, files=[FakeFile("a.xml", "application/xml", b"<Invoice/>")])
    with fake.serve() as served:
        async with httpx.AsyncClient(base_url=served.url) as client:
            answer = await client.post(TOKEN, data=FORM)
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            file = fake.documents(space)[0]["files"][0]["id"]
            url = f"/datastore/documents/transaction/v1/spaces/{space}/files/{file}"
            details = (await client.get(url, headers=headers)).json()
            assert details["downloadUrl"].startswith(served.storage_url + "/")
            assert (await client.get(details["downloadUrl"])).content == b"<Invoice/>"
