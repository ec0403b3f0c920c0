"""A suite with one leak of each kind; run by test_canary.py, not collected by itself."""

import asyncio
import contextlib
import logging
import pickle
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import attrs
import h11
import httpcore
import httpx
import pytest
import sqlalchemy as sa

import banqup_client
from _client_kit import _request
from _client_kit._response import Token
from _client_kit._secret import Secret
from _client_kit._tokens import TokenStates
from _client_kit.fakes.service import Tokens
from banqup_client import BanqupClient, ClientCredentials, Document, DocumentFile, ServiceError
from banqup_client._async._storage import AsyncStorage
from banqup_client._fake.credentials import SignedUrls
from banqup_client._sync._storage import Storage
from banqup_client.testing import FakeBanqup
from bridge import (
    CheckpointStore,
    HookCheckpoints,
    MemoryCheckpoints,
    Row,
    SQLAlchemyCheckpoints,
    SQLiteCheckpoints,
)
from bridge.testing._samples.parties import COMPANY

WORD = "leaky-canary-8c40f1"
HERE = "https://api.uat.btx.eu.banqup.com"
ELSEWHERE = "https://elsewhere.example"


def secret() -> str:
    """A canary, known because a Secret was made of it."""
    return Secret(WORD).reveal()


def token(address: str) -> str:
    """A token that was fetched from an address."""
    TokenStates().at(address).store(Token(Secret(WORD), 60.0), 0.0)
    return WORD


def send(request: httpx.Request) -> None:
    """Send a request into nothing."""
    httpx.MockTransport(lambda _: httpx.Response(200)).handle_request(request)


def test_leak_log() -> None:
    logging.getLogger("some.library").debug("token %s", secret())


def test_leak_httpx_log() -> None:
    address = f"https://storage.googleapis.com/f?X-Goog-Signature={WORD}"
    Secret(address)
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
        client.get(address)


def test_leak_output() -> None:
    print("hello", secret())


def test_leak_capsys(capsys: pytest.CaptureFixture[str]) -> None:
    print("hello", secret())
    assert capsys.readouterr().out


def test_leak_error_text() -> None:
    with pytest.raises(ServiceError):
        raise ServiceError(f"no: {secret()}", service="banqup")


def test_leak_error_attribute() -> None:
    error = ServiceError("no", service="banqup", hint=secret())
    with pytest.raises(ServiceError):
        raise error


@pytest.mark.parametrize("module", [_request, httpx, httpcore, h11, anyio])
def test_leak_local_of_a_frame(module: Any) -> None:
    # As if a module had raised with the bare text in a local variable.
    code = "def fail(value):\n    local = value\n    raise OSError('no')\n"
    space: dict[str, Any] = {}
    exec(compile(code, module.__file__, "exec"), space)
    with pytest.raises(OSError, match="no"):
        space["fail"](secret())


def test_leak_cause() -> None:
    with pytest.raises(OSError, match="no"):
        raise OSError("no") from ValueError(secret())


def test_leak_context() -> None:
    try:
        raise ValueError(secret())
    except ValueError:
        with pytest.raises(OSError, match="no"):
            raise OSError("no")  # noqa: B904


def test_leak_note() -> None:
    error = OSError("no")
    error.add_note(secret())
    with pytest.raises(OSError, match="no"):
        raise error


def test_leak_member_of_a_group() -> None:
    with pytest.raises(ExceptionGroup):
        raise ExceptionGroup("no", [ServiceError("no", service="banqup", hint=secret())])


def test_leak_group() -> None:
    with pytest.RaisesGroup(ServiceError):
        raise ExceptionGroup("no", [ServiceError("no", service="banqup", hint=secret())])


@pytest.mark.parametrize("how", ["__repr__", "__str__", "_repr_html_"])
def test_leak_shown(how: str) -> None:
    members: dict[str, Any] = {"__repr__": lambda _: "", "__str__": lambda _: ""}
    shown = type("Shown", (Document,), members | {how: lambda _: secret()})
    shown(id="d")


def test_leak_asdict() -> None:
    file = DocumentFile(extra={"more": secret()})
    assert WORD not in repr(file)


def test_leak_vars() -> None:
    class Kept(BanqupClient):
        def __init__(self) -> None:
            self.kept = secret()
            super().__init__(ClientCredentials("app", "secret"), base_url=HERE)

    with Kept() as client:
        assert WORD not in repr(client)


def test_leak_iban() -> None:
    print(COMPANY.iban)


def test_leak_token_of_a_fake() -> None:
    print(Tokens(time.time).issue(60.0, None, "me"))


def test_leak_signature_of_a_fake() -> None:
    file: Any = SimpleNamespace(space="s", id="f")
    url = SignedUrls(time.time).sign("GET", file, SimpleNamespace(storage_url=HERE), 60.0)  # type: ignore[arg-type]
    print(url.rpartition("=")[2])


def in_file(folder: Path) -> CheckpointStore:
    return SQLiteCheckpoints(folder / "c.db")


def in_text(_: Path) -> CheckpointStore:
    kept: dict[str, str] = {}
    return HookCheckpoints(lambda: (kept.get(""), 0), lambda text, _: not kept.update({"": text}))


def in_database(_: Path) -> CheckpointStore:
    store = SQLAlchemyCheckpoints(sa.create_engine("sqlite://", poolclass=sa.StaticPool))
    store.create_tables()
    return store


@pytest.mark.parametrize(
    "make",
    [lambda _: MemoryCheckpoints(), in_file, in_text, in_database],
    ids=["memory", "sqlite", "hook", "sqlalchemy"],
)
def test_leak_store(make: Callable[[Path], CheckpointStore], tmp_path: Path) -> None:
    logging.getLogger("sqlalchemy").setLevel("WARNING")  # or it would be seen there
    store = make(tmp_path)
    lease = store.acquire("k", "me", 10.0)
    assert lease is not None
    store.commit(lease, rows=[Row("d", "waiting", None, f'{{"t":"{secret()}"}}')], ttl=10.0)


def test_leak_file(tmp_path: Path) -> None:
    store = SQLiteCheckpoints(tmp_path / "c.db")
    store.acquire("k", f"me {secret()}", 10.0)
    store.close()


def test_leak_token_to_another_host() -> None:
    headers = {"Authorization": f"Bearer {token(HERE)}"}
    send(httpx.Request("GET", f"{ELSEWHERE}/x", headers=headers))


def test_leak_token_beside_a_signature() -> None:
    headers = {"Authorization": f"Bearer {token(HERE)}"}
    send(httpx.Request("GET", f"{HERE}/x?X-Goog-Signature=0", headers=headers))


def test_leak_signature_to_another_host() -> None:
    Secret(f"{HERE}/f?X-Goog-Signature={WORD}")
    send(httpx.Request("GET", f"{ELSEWHERE}/f?X-Goog-Signature={WORD}"))


def test_leak_url() -> None:
    send(httpx.Request("GET", f"{HERE}/x?key={secret()}"))


def test_leak_header() -> None:
    send(httpx.Request("GET", f"{HERE}/x", headers={"X-Api-Key": secret()}))


def test_leak_body() -> None:
    send(httpx.Request("PUT", f"{HERE}/x", content=secret().encode()))


class Own(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that nobody knows."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)


def storage() -> Any:
    return SimpleNamespace(_given=Own(), _by_proxy=(), _direct=None)


@pytest.mark.parametrize(
    "door",
    [
        lambda request: httpx.HTTPTransport().handle_request(request),
        lambda request: httpx.MockTransport(lambda _: httpx.Response(200)).handle_request(request),
        lambda request: FakeBanqup().transport().handle_request(request),
        lambda request: httpx.Client(transport=Own()).send(request),
        lambda request: Storage._send(storage(), request),
    ],
    ids=["sockets", "mock", "fake", "client", "storage"],
)
def test_leak_at_every_door(door: Callable[[httpx.Request], object]) -> None:
    with contextlib.suppress(httpx.HTTPError):
        door(httpx.Request("GET", "http://127.0.0.1:9/x", headers={"X-Api-Key": secret()}))


@pytest.mark.parametrize(
    "door",
    [
        lambda request: httpx.AsyncHTTPTransport().handle_async_request(request),
        lambda request: FakeBanqup().transport().handle_async_request(request),
        lambda request: httpx.AsyncClient(transport=Own()).send(request),
        lambda request: AsyncStorage._send(storage(), request),
    ],
    ids=["sockets", "fake", "client", "storage"],
)
def test_leak_at_every_async_door(door: Callable[[httpx.Request], Any]) -> None:
    async def go() -> None:
        with contextlib.suppress(httpx.HTTPError):
            await door(httpx.Request("GET", "http://127.0.0.1:9/", headers={"X-Key": secret()}))

    asyncio.run(go())


def test_clean_right_host() -> None:
    headers = {"Authorization": f"Bearer {token(HERE)}"}
    send(httpx.Request("GET", f"{HERE}/x", headers=headers))


def test_clean_values() -> None:
    credentials = ClientCredentials("app", secret())
    print(credentials, repr(attrs.asdict(credentials)), banqup_client.__name__)
    with pytest.raises(TypeError):
        pickle.dumps(credentials)


@pytest.mark.leaks("on purpose")
def test_clean_marked() -> None:
    print(secret())


KEPT: list[object] = []


def test_zz_leak_kept() -> None:
    store = MemoryCheckpoints()
    vars(store)["kept"] = secret()
    KEPT.append(store)


def test_zz_leak_warning() -> None:
    warnings.warn(f"beware of {secret()}", stacklevel=1)
