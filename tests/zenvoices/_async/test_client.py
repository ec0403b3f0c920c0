"""The client itself: settings, closing, limits, what it shows and hides."""

from __future__ import annotations

import pickle
import ssl

import httpx
import pytest
import respx

from support.zenvoices import ONCE, answering, login
from zenvoices_client import (
    AsyncZenvoicesClient,
    Attachment,
    Call,
    ConfigurationError,
    InboxUpload,
    UserLogin,
    __version__,
)
from zenvoices_client.testing import FakeZenvoices

pytestmark = pytest.mark.anyio


async def read(client: AsyncZenvoicesClient) -> list[str | None]:
    return [company.code async for company in client.companies.list()]


async def test_served_fake_is_spoken_to_over_sockets() -> None:
    """The same client works over real connections, and closes them."""
    fake = FakeZenvoices()
    fake.add_company("0042")
    with fake.serve() as served:
        async with AsyncZenvoicesClient(login(), base_url=served.url, retry=ONCE) as client:
            assert await read(client) == ["0042"]
            await client.inbox.upload(
                InboxUpload(attachments=[Attachment("a.xml", b"<x/>" * 100_000)]), company_id=101
            )
    assert fake.inbox[0].attachments[0].size == 400_000


async def test_fake_answers_behind_respx() -> None:
    """Mounted on a respx router, the fake takes uploads from a client that was given nothing."""
    fake = FakeZenvoices()
    fake.add_company("0042")
    with respx.mock() as router:
        fake.mount(router)
        async with AsyncZenvoicesClient(login(), retry=ONCE) as client:
            assert await read(client) == ["0042"]
            await client.inbox.upload(
                InboxUpload(attachments=[Attachment("a.xml", b"<x/>")]), company_id=101
            )
    assert fake.inbox[0].attachments[0].content == b"<x/>"


async def test_own_http_client_stays_open() -> None:
    """An injected httpx client is used as it is, and its owner closes it."""
    fake = FakeZenvoices()
    fake.add_company("0042")
    async with httpx.AsyncClient(transport=fake.transport()) as http:
        async with AsyncZenvoicesClient(login(), http_client=http) as client:
            assert await read(client) == ["0042"]
        assert not http.is_closed
    client = AsyncZenvoicesClient(login(), transport=fake.transport())
    await client.aclose()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await read(client)


async def test_user_agent_names_us_and_the_application() -> None:
    """Both the application's part and ours, with our version, are in the header."""
    fake = FakeZenvoices()
    await read(AsyncZenvoicesClient(login(), transport=fake.transport(), user_agent="ledger/2.1"))
    ours = f"banqup-zenvoices/{__version__}"
    assert {request.headers["user-agent"] for request in fake.requests} == {f"ledger/2.1 {ours}"}
    await read(AsyncZenvoicesClient(login(), transport=fake.transport()))
    assert fake.requests[-1].headers["user-agent"] == ours


@pytest.mark.parametrize(
    "url",
    [
        "http://app.zenvoices.com",
        "ftp://app.zenvoices.com",
        "app.zenvoices.com",
        "https://",
        "https://user:pw@app.zenvoices.com",
        "https://app.zenvoices.com?x=1",
    ],
)
async def test_address_must_be_safe(url: str) -> None:
    """Only https, or http on this machine, and nothing but an address."""
    with pytest.raises(ConfigurationError, match="base_url"):
        AsyncZenvoicesClient(login(), base_url=url)


@pytest.mark.parametrize(
    "url",
    ["https://zenvoices.test", "https://zenvoices.test/", "https://zenvoices.test/public-api/v1/"],
)
async def test_address_may_be_written_with_the_api_base(url: str) -> None:
    """A slash at the end, and the API's base as the vendor writes it, do no harm."""
    fake = FakeZenvoices()
    client = AsyncZenvoicesClient(login(), base_url=url, transport=fake.transport())
    assert client.base_url == "https://zenvoices.test"
    assert await read(client) == []


async def test_settings_are_checked_at_once() -> None:
    """A setting that cannot work fails where it is given."""
    fake = FakeZenvoices()
    wrong: list[dict[str, object]] = [
        {"timeout": 0},
        {"timeout": -1.0},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"deadline": float("inf")},
        {"user_agent": "a\r\nX-Evil: 1"},
        {"contract": {"inbox.uplaod": {}}},
        {"transport": fake.transport(), "http_client": httpx.AsyncClient()},
    ]
    for settings in wrong:
        with pytest.raises(ConfigurationError):
            AsyncZenvoicesClient(login(), **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="login must be a UserLogin, not str"):
        AsyncZenvoicesClient("api-user")  # type: ignore[arg-type]


async def test_limits_travel_to_httpx() -> None:
    """The client's timeout goes for each call, unless the call has its own."""
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, json={"items": [], "id": 1})

    client = AsyncZenvoicesClient(
        login(), transport=answering(answer), timeout=11, deadline=200, retry=ONCE
    )
    upload = InboxUpload(attachments=[Attachment("a.xml", b"<x/>")])
    await client.companies.get(1)
    await client.companies.get(1, timeout=5)
    await client.inbox.upload(upload, company_id=1, timeout=6)
    await client.inbox.details(1, timeout=7)
    await client.inbox.find(external_id="a", company_id=1, timeout=8)
    _ = [str(item) async for item in client.projects.list(timeout=9)]
    await client.request(Call("GET", "/public-api/v1/x"), deadline=3)
    assert [round(limits["read"]) for limits in seen] == [11, 5, 6, 7, 8, 8, 9, 3]
    assert client.deadline == 200


async def test_client_shows_no_secret_and_cannot_be_pickled() -> None:
    """What is printed names user and address; a client does not travel between processes."""
    client = AsyncZenvoicesClient(login("canary"), transport=FakeZenvoices().transport())
    await client.aclose()
    assert repr(client) == (
        "AsyncZenvoicesClient('api-user', base_url='https://app.zenvoices.com')"
    )
    assert "canary" not in f"{vars(client)!r}"
    with pytest.raises(TypeError, match="from_env"):
        pickle.dumps(client)


async def test_login_is_shared_by_clients_of_either_kind() -> None:
    """Two clients on one login ask for one token."""
    fake = FakeZenvoices()
    user: UserLogin = login()
    for _ in range(2):
        async with AsyncZenvoicesClient(user, transport=fake.transport()) as client:
            await read(client)
    assert fake.counts["login"] == 1


async def test_own_tls_settings_are_used() -> None:
    """An ssl context of one's own is taken; there is no switch to verify nothing."""
    async with AsyncZenvoicesClient(login(), ssl_context=ssl.create_default_context()) as client:
        assert client.base_url == "https://app.zenvoices.com"
    with pytest.raises(TypeError):
        AsyncZenvoicesClient(login(), verify=False)  # type: ignore[call-arg]
