"""The escape hatch: calls that the library does not model."""

from __future__ import annotations

import json

import httpx
import pytest

from support.zenvoices import ONCE, answering, enveloped, login, refusal
from zenvoices_client import (
    Answer,
    AsyncZenvoicesClient,
    Base64,
    Call,
    ConfigurationError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from zenvoices_client.testing import FakeZenvoices, Fault

pytestmark = pytest.mark.anyio

LIST = "/public-api/v1/administration/list"


def client_of(body: object, status: int = 200) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(login(), transport=answering(body, status), retry=ONCE)


@pytest.mark.parametrize("envelope", [False, True])
async def test_call_goes_the_way_of_every_call(envelope: bool) -> None:
    """Login, envelope, renewal and repeats are as for the calls that are modelled."""
    fake = FakeZenvoices(envelope=envelope)
    fake.add_company("0042")
    client = AsyncZenvoicesClient(login(), transport=fake.transport(), retry=ONCE)
    found = await client.request(Call("POST", LIST, json={"maxResultCount": 1}))
    assert found["items"][0]["code"] == "0042"
    fake.expire_tokens()
    again = await client.request(Call("post", f"https://app.zenvoices.com{LIST}", json={}))
    assert again == found
    assert fake.counts == {"login": 2, "companies.list": 3}


async def test_query_and_path_travel_as_given() -> None:
    """Names are the wire's own; None is left out; the address is the client's."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    client = AsyncZenvoicesClient(login(), transport=answering(answer))
    query = {"externalId": "a b&c", "active": True, "id": 3, "none": None}
    await client.request(Call("GET", "/public-api/v1/projects", query=query))
    await client.request(Call("DELETE", "/api/services/x%20y/"))
    assert seen[0].url.host == seen[1].url.host == "app.zenvoices.com"
    assert seen[0].url.path == "/public-api/v1/projects"
    assert dict(seen[0].url.params) == {"externalId": "a b&c", "active": "true", "id": "3"}
    assert seen[1].method == "DELETE"
    assert seen[1].url.raw_path == b"/api/services/x%20y/"


async def test_whole_answer_is_given_where_it_is_wanted() -> None:
    """Status, headers and body as they came, the envelope included."""
    answer = await client_of(enveloped({"id": 7}), 201).request(Call("GET", "/x", whole=True))
    assert isinstance(answer, Answer)
    assert answer.status == 201
    assert answer.json() == enveloped({"id": 7})


async def test_files_and_headers_travel_with_the_call() -> None:
    """A file stands anywhere in the JSON, and further header fields go along."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=None)

    client = AsyncZenvoicesClient(login(), transport=answering(answer))
    body = {"a": [Base64(b"abc")], "b": Base64(b"abc")}
    assert await client.request(Call("POST", "/x", json=body, headers={"X-Company": "7"})) is None
    assert json.loads(seen[0].content) == {"a": ["YWJj"], "b": "YWJj"}
    assert seen[0].headers["x-company"] == "7"
    assert seen[0].headers["content-length"] == str(len(seen[0].content))


@pytest.mark.parametrize("name", ["Authorization", "host", "Cookie", "Content-Length", "a b", ""])
async def test_header_that_is_the_clients_is_refused(name: str) -> None:
    """The token and the framing are not the caller's to set."""
    with pytest.raises(ConfigurationError, match="cannot be set"):
        await client_of({}).request(Call("GET", "/x", headers={name: "1"}))
    with pytest.raises(ConfigurationError, match="printable"):
        await client_of({}).request(Call("GET", "/x", headers={"X-Y": "1\r\nZ: 2"}))


async def test_only_a_call_is_taken() -> None:
    """A text in its place is told what is wanted, and so is JSON that cannot be written."""
    with pytest.raises(ConfigurationError, match="must be a Call, not str"):
        await client_of({}).request("GET")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="set cannot be written as JSON"):
        await client_of({}).request(Call("POST", "/x", json={1}))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil.test/x",
        "https://evil.test/x",
        "a//b",
        "x",
        "/\\evil.test/x",
        "/a?b#c",
        "a#b",
        "../x",
        "a/../b",
        "a/./b",
        "a/..",
        "%2e%2E/x",
        "a b",
        "a\\b",
        "a{b}",
        "a\r\nb",
        "\u00e9",
    ],
)
async def test_path_that_is_no_plain_path_is_refused(path: str) -> None:
    """A path can neither leave the service's address nor be folded into another."""
    with pytest.raises(ConfigurationError, match="path must be of this API"):
        await client_of({}).request(Call("GET", path))


async def test_method_is_checked() -> None:
    """What cannot be sent is named before a call."""
    with pytest.raises(ConfigurationError, match="method must be one of GET"):
        await client_of({}).request(Call("FETCH", "/public-api/v1/x"))


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_empty_answer_is_a_success(status: int) -> None:
    """A call without a result may answer nothing."""
    assert await client_of(b"", status).request(Call("DELETE", "/public-api/v1/x/1")) is None


async def test_errors_are_those_of_every_call() -> None:
    """A refusal is a refusal here too, and names the call."""
    with pytest.raises(RejectedError, match=r"POST /public-api/v1/x: refused \(200\): Nee"):
        await client_of(refusal()).request(Call("POST", "/public-api/v1/x", json={}))
    with pytest.raises(ProtocolError):
        await client_of(b"<html>").request(Call("GET", "/public-api/v1/x"))


@pytest.mark.parametrize(
    ("method", "safe", "tries"), [("GET", None, 2), ("POST", None, 1), ("POST", True, 2)]
)
async def test_only_what_reads_is_repeated(
    method: str, safe: bool | None, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GET is repeated after a fault, anything else only where the caller says that it reads."""

    async def sleep(seconds: float) -> None:
        pass

    monkeypatch.setattr("_client_kit._runtime_async.sleep", sleep)
    fake = FakeZenvoices()
    fake.faults.add("unknown", action=Fault.status(503), nth=1)
    client = AsyncZenvoicesClient(login(), transport=fake.transport())
    error = ConfigurationError if tries == 2 else Exception
    with pytest.raises(error):
        await client.request(Call(method, "/nothing-here", json={}, safe=safe))
    assert fake.counts["unknown"] == tries


async def test_limits_of_one_call() -> None:
    """A deadline that has passed sends nothing."""
    fake = FakeZenvoices()
    client = AsyncZenvoicesClient(login(), transport=fake.transport())
    with pytest.raises(UnavailableError, match="deadline"):
        await client.request(Call("GET", "/public-api/v1/x"), deadline=0)
    assert fake.requests == []
