"""One login request, however many ask for a token at the same moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.zenvoices import ONCE, login
from zenvoices_client import AsyncZenvoicesClient, CredentialsError, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

MANY = 32


def in_threads(job: Callable[[int], object]) -> list[object]:
    """The job's results, each begun at the same moment; its own exceptions are results."""
    gate = threading.Barrier(MANY)

    def run(number: int) -> object:
        gate.wait(10)
        try:
            return job(number)
        except CredentialsError as error:
            return error

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(run, range(MANY)))


async def in_tasks(client: AsyncZenvoicesClient) -> list[object]:
    async def run() -> int:
        return len([company.id async for company in client.companies.list()])

    return await asyncio.gather(*(run() for _ in range(MANY)), return_exceptions=True)


def sync_client(fake: FakeZenvoices, user: UserLogin) -> ZenvoicesClient:
    return ZenvoicesClient(user, transport=fake.transport(), retry=ONCE)


def async_client(fake: FakeZenvoices, user: UserLogin) -> AsyncZenvoicesClient:
    return AsyncZenvoicesClient(user, transport=fake.transport(), retry=ONCE)


@pytest.fixture
def fake() -> FakeZenvoices:
    fake = FakeZenvoices()
    fake.add_company()
    return fake


def test_threads_share_one_login(fake: FakeZenvoices) -> None:
    """32 threads that need a token at once cause one login, and all get their answer."""
    client = sync_client(fake, login())
    assert in_threads(lambda number: len(list(client.companies.list()))) == [1] * MANY
    assert fake.counts == {"login": 1, "companies.list": MANY}


def test_threads_share_one_refusal(fake: FakeZenvoices) -> None:
    """A wrong password is sent once, not 32 times: five would lock the user."""
    client = sync_client(fake, login("wrong"))
    results = in_threads(lambda number: len(list(client.companies.list())))
    assert [type(result) for result in results] == [CredentialsError] * MANY
    assert fake.counts == {"login": 1}


def test_threads_share_one_renewal(fake: FakeZenvoices) -> None:
    """When the token expires under 32 threads, one of them fetches the next."""
    client = sync_client(fake, login())
    assert len(list(client.companies.list())) == 1
    fake.expire_tokens()
    assert in_threads(lambda number: len(list(client.companies.list()))) == [1] * MANY
    assert fake.counts["login"] == 2


def test_clients_of_one_login_share_over_threads(fake: FakeZenvoices) -> None:
    """A client for each thread changes nothing where they share the login object."""
    user = login("wrong")
    clients = [sync_client(fake, user) for _ in range(MANY)]
    results = in_threads(lambda number: list(clients[number].companies.list()))
    assert [type(result) for result in results] == [CredentialsError] * MANY
    assert fake.counts == {"login": 1}


async def check_tasks(fake: FakeZenvoices, password: str) -> list[object]:
    async with async_client(fake, login(password)) as client:
        first = await in_tasks(client)
        assert fake.counts["login"] == 1
        again = await in_tasks(client)
    assert fake.counts["login"] == 1
    assert [type(result) for result in first] == [type(result) for result in again]
    return first


def test_tasks_share_one_login(fake: FakeZenvoices) -> None:
    """32 tasks of a loop cause one login, and so do the next 32."""
    assert asyncio.run(check_tasks(fake, "demo-password")) == [1] * MANY


def test_tasks_share_one_refusal(fake: FakeZenvoices) -> None:
    """A wrong password is sent once by 32 tasks, and never again."""
    results = asyncio.run(check_tasks(fake, "wrong"))
    assert [type(result) for result in results] == [CredentialsError] * MANY


def test_token_is_shared_between_the_worlds(fake: FakeZenvoices) -> None:
    """What a sync client fetched, an async one uses, and the other way round."""
    user = login()
    with sync_client(fake, user) as client:
        assert len(list(client.companies.list())) == 1
    assert asyncio.run(in_tasks(async_client(fake, user))) == [1] * MANY
    assert fake.counts["login"] == 1
    fake.expire_tokens()
    assert asyncio.run(in_tasks(async_client(fake, user))) == [1] * MANY
    assert len(list(sync_client(fake, user).companies.list())) == 1
    assert fake.counts["login"] == 2


@pytest.mark.parametrize("first", ["sync", "async"])
def test_refusal_is_shared_between_the_worlds(fake: FakeZenvoices, first: str) -> None:
    """A login refused in one world is refused in the other without a request."""
    user = login("wrong")

    def in_sync() -> None:
        with pytest.raises(CredentialsError):
            list(sync_client(fake, user).companies.list())

    def in_async() -> None:
        results = asyncio.run(in_tasks(async_client(fake, user)))
        assert {type(result) for result in results} == {CredentialsError}

    for step in (in_sync, in_async) if first == "sync" else (in_async, in_sync):
        step()
    assert fake.counts == {"login": 1}
