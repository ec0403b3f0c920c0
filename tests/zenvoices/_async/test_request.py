"""The escape hatch: calls that the library does not model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from attrs import field, frozen

from support.zenvoices import ONCE, answering, enveloped, login, refusal
from zenvoices_client import (
    AsyncZenvoicesClient,
    ConfigurationError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from zenvoices_client.testing import FakeZenvoices, Fault

pytestmark = pytest.mark.anyio


@frozen
class Booking:
    """A model of a user's own, without a field for what it does not know."""

    booking_number: str
    total: Decimal | None = None
    booked_at: datetime | None = None


@frozen(kw_only=True)
class Open:
    """One that keeps it."""

    id: int | None = None
    extra: Mapping[str, Any] = field(factory=dict)


def client_of(body: object, status: int = 200) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(login(), transport=answering(body, status), retry=ONCE)


@pytest.mark.parametrize("envelope", [False, True])
async def test_call_goes_the_way_of_every_call(envelope: bool) -> None:
    """Login, envelope, renewal and repeats are as for the calls that are modelled."""
    fake = FakeZenvoices(envelope=envelope)
    fake.add_company("0042")
    client = AsyncZenvoicesClient(login(), transport=fake.transport(), retry=ONCE)
    found = await client.request("POST", "administration/list", json={"maxResultCount": 1})
    assert found["items"][0]["code"] == "0042"
    fake.expire_tokens()
    again = await client.request("post", "/public-api/v1/administration/list", json={})
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
    await client.request("GET", "projects", query=query)
    await client.request("DELETE", "/api/services/x%20y/")
    assert seen[0].url.host == seen[1].url.host == "app.zenvoices.com"
    assert seen[0].url.path == "/public-api/v1/projects"
    assert dict(seen[0].url.params) == {"externalId": "a b&c", "active": "true", "id": "3"}
    assert seen[1].method == "DELETE"
    assert seen[1].url.raw_path == b"/api/services/x%20y/"


async def test_answer_is_read_into_a_class_of_the_caller() -> None:
    """Names become camel case, amounts exact, times aware; the result has the class's type."""
    body = enveloped(
        {"bookingNumber": "007", "total": 12.10, "bookedAt": "2026-01-02T03:04:05Z", "x": 1}
    )
    booking = await client_of(body).request("GET", "bookings/7", model=Booking)
    assert booking.booking_number == "007"
    assert booking.total == Decimal("12.1")
    assert booking.booked_at is not None
    assert booking.booked_at.utcoffset() is not None
    opened = await client_of({"id": 1, "x": 2}).request("GET", "x", model=Open)
    assert (opened.id, opened.extra) == (1, {"x": 2})


@pytest.mark.parametrize("body", [{}, {"total": 1}, {"bookingNumber": ["x"]}, [], 3, None])
async def test_answer_that_does_not_fit_the_class_is_an_error(body: object) -> None:
    """A required field that is missing is not invented."""
    with pytest.raises(ProtocolError, match="GET /public-api/v1/bookings/7") as caught:
        await client_of(body).request("GET", "bookings/7", model=Booking)
    assert caught.value.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//evil.test/x",
        "https://evil.test/x",
        "a//b",
        "a?b=1",
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
    with pytest.raises(ConfigurationError, match="plain path"):
        await client_of({}).request("GET", path)


async def test_method_and_class_are_checked() -> None:
    """What cannot be sent, or cannot be filled, is named before a call."""
    with pytest.raises(ConfigurationError, match="method must be one of GET"):
        await client_of({}).request("FETCH", "x")
    with pytest.raises(ConfigurationError, match="attrs class"):
        await client_of({}).request("GET", "x", model=dict)


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_empty_answer_is_a_success(status: int) -> None:
    """A call without a result may answer nothing."""
    assert await client_of(b"", status).request("DELETE", "x/1") is None


async def test_errors_are_those_of_every_call() -> None:
    """A refusal is a refusal here too, and names the call."""
    with pytest.raises(RejectedError, match=r"POST /public-api/v1/x: refused \(200\): Nee"):
        await client_of(refusal()).request("POST", "x", json={})
    with pytest.raises(ProtocolError):
        await client_of(b"<html>").request("GET", "x")


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
        await client.request(method, "nothing-here", json={}, safe=safe)
    assert fake.counts["unknown"] == tries


async def test_limits_of_one_call() -> None:
    """A deadline that has passed sends nothing."""
    fake = FakeZenvoices()
    client = AsyncZenvoicesClient(login(), transport=fake.transport())
    with pytest.raises(UnavailableError, match="deadline"):
        await client.request("GET", "x", deadline=0)
    assert fake.requests == []
