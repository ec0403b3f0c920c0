"""Logging in: what fails, what is final, what is shared, when it is renewed."""

from __future__ import annotations

import httpx
import pytest

from support.zenvoices import ONCE, enveloped, login, refusal
from zenvoices_client import (
    AsyncZenvoicesClient,
    Call,
    ConfigurationError,
    CredentialsError,
    OutcomeUnknownError,
    ProtocolError,
    RateLimitedError,
    ServiceError,
    UnavailableError,
    UserLogin,
)
from zenvoices_client.testing import FakeZenvoices, Fault

pytestmark = pytest.mark.anyio


def client_of(fake: FakeZenvoices, user: UserLogin | None = None) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(user or login(), transport=fake.transport(), retry=ONCE)


def answered(status: int, body: object) -> AsyncZenvoicesClient:
    """A client whose login gets this answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(body, bytes):
            return httpx.Response(status, content=body)
        return httpx.Response(status, json=body)

    transport = httpx.MockTransport(answer)
    return AsyncZenvoicesClient(login(), transport=transport, retry=ONCE)


async def read(client: AsyncZenvoicesClient) -> int:
    return len([company.id async for company in client.companies.list()])


@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_wrong_password_is_a_refused_login(status: int) -> None:
    """Whatever the status, no token is a failed login; its text is shown, with a short list."""
    fake = FakeZenvoices(login_failure_status=status)
    with pytest.raises(CredentialsError) as caught:
        await read(client_of(fake, login("wrong")))
    text = str(caught.value)
    assert "Invalid user name or password" in text
    assert "the password or the tenant (the organisation code)" in text
    assert "wait 5 minutes" in text
    assert "single sign-on" not in text
    assert caught.value.status == status
    assert not caught.value.retryable
    assert "wrong'" not in text


@pytest.mark.parametrize("status", [400, 401])
async def test_refusal_without_words_lists_the_causes(status: int) -> None:
    """In the order of how likely they are."""
    with pytest.raises(CredentialsError) as caught:
        await read(answered(status, {}))
    text = str(caught.value)
    causes = [
        "user name and password",
        "organisation code",
        "locked",
        "must be changed",
        "single sign-on",
    ]
    positions = [text.index(cause) for cause in [*causes, "inactive"]]
    assert positions == sorted(positions)
    assert caught.value.status == status


async def test_user_that_cannot_be_used_is_refused() -> None:
    """Users of other kinds fail with the service's own words."""
    fake = FakeZenvoices()
    fake.user.refusal = "You must change your password before you can log in."
    with pytest.raises(CredentialsError, match="You must change your password"):
        await read(client_of(fake))


async def test_wrong_organisation_is_refused() -> None:
    """An unknown organisation code is a failed login."""
    with pytest.raises(CredentialsError, match="no tenant defined"):
        await read(client_of(FakeZenvoices(), login(organisation_code="nobody")))


async def test_two_factor_is_told_by_its_flag() -> None:
    """A second factor is named, with the way out, and not the list of other causes."""
    fake = FakeZenvoices()
    fake.user.two_factor = True
    with pytest.raises(CredentialsError, match="second factor") as caught:
        await read(client_of(fake))
    assert "dedicated API user" in str(caught.value)
    assert "password is wrong" not in str(caught.value)


async def test_rejection_is_final_for_the_login_object() -> None:
    """A refused login is never tried again, by no client, also when it would work by now."""
    fake = FakeZenvoices()
    user = login("wrong")
    client = client_of(fake, user)
    for _ in range(3):
        with pytest.raises(CredentialsError):
            await read(client)
    fake.user.password = "wrong"
    with pytest.raises(CredentialsError, match="Invalid user name"):
        await read(client_of(fake, user))
    assert fake.counts == {"login": 1}
    assert await read(client_of(fake, login("wrong"))) == 0


async def test_each_raise_of_a_rejection_is_an_exception_of_its_own() -> None:
    """One caller's traceback does not grow in another's exception."""
    client = client_of(FakeZenvoices(), login("wrong"))
    errors: list[ServiceError] = []
    for _ in range(2):
        with pytest.raises(CredentialsError) as caught:
            await read(client)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert str(errors[0]) == str(errors[1])


async def test_rejection_at_one_address_says_nothing_of_another() -> None:
    """A login is refused by one service; the same object is fresh at another address."""
    test, real = FakeZenvoices(), FakeZenvoices()
    test.user.password = "other"
    user = login()
    other = AsyncZenvoicesClient(
        user, base_url="https://zenvoices.test", transport=test.transport(), retry=ONCE
    )
    with pytest.raises(CredentialsError):
        await read(other)
    assert await read(client_of(real, user)) == 0


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, enveloped({"accessToken": None}), CredentialsError),
        (200, enveloped(None), CredentialsError),
        (200, {"result": {"accessToken": ""}}, CredentialsError),
        (200, {"result": 3}, CredentialsError),
        (200, {"error": {"message": "Nee"}}, CredentialsError),
        (500, refusal(), CredentialsError),
        (500, {"error": "nee"}, CredentialsError),
        (403, refusal(), CredentialsError),
        (503, refusal(), CredentialsError),
        (400, b"", CredentialsError),
        (401, b"", CredentialsError),
        (503, {"error": "gateway"}, UnavailableError),
        (500, b"<html>", UnavailableError),
        (502, b"", UnavailableError),
        (408, b"", UnavailableError),
        (429, refusal(), RateLimitedError),
        (200, b"<html>down</html>", ProtocolError),
        (200, {}, ProtocolError),
        (200, [], ProtocolError),
        (200, b"", ProtocolError),
        (302, b"", ProtocolError),
        (500, enveloped({"accessToken": "x"}), UnavailableError),
    ],
)
async def test_only_zenvoices_own_no_is_final(
    status: int, body: object, error: type[ServiceError]
) -> None:
    """A gateway's failure is not taken for a refused login, which would be final."""
    client = answered(status, body)
    with pytest.raises(ServiceError) as caught:
        await read(client)
    assert type(caught.value) is error
    assert not isinstance(caught.value, OutcomeUnknownError)


@pytest.mark.parametrize("status", [404, 405, 415])
async def test_a_login_that_is_not_there_names_the_address(status: int) -> None:
    """A wrong port or host is likelier than a login of another name."""
    with pytest.raises(ConfigurationError) as caught:
        await read(answered(status, b""))
    hint = caught.value.hint or ""
    assert hint.startswith("The address asked was https://app.zenvoices.com. Is this the address")


async def test_a_token_that_no_header_holds_is_refused() -> None:
    """A line break in a token would be a header of its own."""
    with pytest.raises(ProtocolError, match="access token must be printable ASCII"):
        await read(answered(200, enveloped({"accessToken": "a\r\nb"})))


async def test_login_is_repeated_while_nobody_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a token changes nothing, so it is tried again after a fault on the way."""

    async def sleep(seconds: float) -> None:
        pass

    monkeypatch.setattr("_client_kit._runtime_async.sleep", sleep)
    fake = FakeZenvoices()
    fake.faults.add("login", action=Fault.html(status=502), nth=1, times=2)
    client = AsyncZenvoicesClient(login(), transport=fake.transport())
    assert await read(client) == 0
    assert fake.counts["login"] == 3


async def test_token_is_asked_for_once() -> None:
    """Later calls, and other clients on the same login, use the token that is there."""
    fake = FakeZenvoices()
    user = login()
    client = client_of(fake, user)
    await read(client)
    await read(client)
    await read(client_of(fake, user))
    assert fake.counts == {"login": 1, "companies.list": 3}


async def test_token_is_renewed_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute before its end, on a clock that nobody sets, a token is replaced."""
    now = [1000.0]
    monkeypatch.setattr("_client_kit._clock.monotonic", lambda: now[0])
    fake = FakeZenvoices(token_life=3600)
    client = client_of(fake)
    await read(client)
    now[0] += 3539
    await read(client)
    assert fake.counts["login"] == 1
    now[0] += 2
    await read(client)
    assert fake.counts["login"] == 2


@pytest.mark.parametrize("life", [0, -5, None, "86400", True, 10**12])
async def test_token_without_a_life_lives_a_day(
    life: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A life that cannot be is not believed; a day is what is published."""
    now = [0.0]
    monkeypatch.setattr("_client_kit._clock.monotonic", lambda: now[0])
    logins: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("TokenLogin"):
            logins.append(request)
            body = enveloped({"accessToken": "t", "expireInSeconds": life})
            return httpx.Response(200, json=body)
        return httpx.Response(200, json={"items": []})

    client = AsyncZenvoicesClient(login(), transport=httpx.MockTransport(answer))
    await read(client)
    now[0] = 86_400 - 61.0
    await read(client)
    assert len(logins) == 1
    now[0] += 2
    await read(client)
    assert len(logins) == 2


async def test_expired_token_is_replaced_once() -> None:
    """After a 401 the login is done again and the call repeated, both once."""
    fake = FakeZenvoices()
    client = client_of(fake)
    await read(client)
    fake.expire_tokens()
    await read(client)
    assert fake.counts == {"login": 2, "companies.list": 3}


async def test_second_401_is_the_end() -> None:
    """A fresh token that is not taken either is an error, not a loop."""
    fake = FakeZenvoices()
    fake.faults.add("companies.list", action=Fault.status(401))
    with pytest.raises(CredentialsError, match="access token was not accepted") as caught:
        await read(client_of(fake))
    assert fake.counts == {"login": 2, "companies.list": 2}
    assert "password is wrong" not in str(caught.value)


async def test_password_changed_meanwhile_is_a_refused_login() -> None:
    """A renewal that is refused is final like the first login."""
    fake = FakeZenvoices()
    client = client_of(fake)
    await read(client)
    fake.user.password = "other"
    fake.expire_tokens()
    for _ in range(2):
        with pytest.raises(CredentialsError, match="login was refused"):
            await read(client)
    assert fake.counts["login"] == 2


async def test_login_sends_what_the_service_documents() -> None:
    """Names, address and type of the login are the published ones."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=enveloped({"accessToken": "t"}))

    client = AsyncZenvoicesClient(login("p\u00e4ss"), transport=httpx.MockTransport(answer))
    await client.request(Call("GET", "/public-api/v1/anything"))
    assert str(seen[0].url) == "https://app.zenvoices.com/api/TokenAuth/TokenLogin"
    assert seen[0].headers["content-type"] == "application/json"
    assert "authorization" not in seen[0].headers
    assert seen[0].content.decode() == (
        '{"userNameOrEmailAddress":"api-user","password":"p\u00e4ss","tenancyName":"acme"}'
    )
    assert seen[1].headers["authorization"] == "Bearer t"
