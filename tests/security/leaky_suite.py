"""A suite with one planted leak for each watch; run by test_canary.py, not collected by itself."""

import logging
import pickle
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from _client_kit._async import _calls
from _client_kit._response import Token
from _client_kit._secret import Secret
from banqup_client import BanqupClient, ClientCredentials, ServiceError
from banqup_client._sync._storage import Storage
from banqup_client.testing import FakeBanqup
from bridge import Check, MemoryCheckpoints, Row, Verification

WORD = "leaky-canary-8c40f1"
HERE = "https://api.uat.btx.eu.banqup.com"
ELSEWHERE = "https://elsewhere.example"


def secret() -> str:
    """A canary, known because a Secret was made of it."""
    return Secret(WORD).reveal()


def token(address: str) -> str:
    """A token that was fetched from an address."""
    client = BanqupClient(ClientCredentials("demo-app", "of-nobody-5d1c"), base_url=address)
    client._calls._state.store(Token(Secret(WORD), 60.0), 0.0)
    return WORD


def send(method: str, url: str, headers: dict[str, str] | None = None, body: str = "") -> None:
    """Send a request into nothing."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        logging.getLogger("httpx").setLevel("WARNING")
        client.send(httpx.Request(method, url, headers=headers, content=body.encode()))


def test_leak_log() -> None:
    logging.getLogger("some.library").log(1, "token %s", secret())


def test_leak_cookie_of_a_fake() -> None:
    with httpx.Client(transport=FakeBanqup().transport()) as client:
        logging.getLogger("some.library").log(1, "%s", client.get(HERE).headers)


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


def test_leak_error_pickle() -> None:
    class Pickled(str):
        __slots__ = ()

        def __reduce__(self) -> Any:
            return str, (WORD,)

    secret()
    with pytest.raises(ServiceError):
        raise ServiceError(Pickled("no"), service="banqup")


def test_leak_cause() -> None:
    with pytest.raises(OSError, match="no"):
        raise OSError("no") from ValueError(secret())


def test_leak_note_in_a_group() -> None:
    error = ServiceError("no", service="banqup")
    error.add_note(secret())
    with pytest.RaisesGroup(ServiceError):
        raise ExceptionGroup("no", [error])


def through_border(local: object, cause: Exception | None = None) -> None:
    """Raise as a method that calls httpx would, with a local variable."""
    code = "def _send(local, cause):\n    raise OSError('no') from cause\n"
    space: dict[str, Any] = {}
    exec(compile(code, _calls.__file__, "exec"), space)
    with pytest.raises(OSError, match="no"):
        space["_send"](local, cause)


def test_leak_local_at_the_border() -> None:
    through_border([secret()])


def test_leak_request_at_the_border() -> None:
    through_border(httpx.Request("GET", HERE))


def test_leak_cause_below_the_border() -> None:
    through_border(None, httpx.ReadError("no"))


def test_leak_frame_below_the_border() -> None:
    try:
        httpx.URL(5)  # type: ignore[arg-type]
    except TypeError as cause:
        through_border(None, cause)


def test_leak_report() -> None:
    Verification(checks=(Check("a", "A", "ok", secret()),))


def test_leak_store() -> None:
    store = MemoryCheckpoints()
    lease = store.acquire("k", "me", 10.0)
    assert lease is not None
    store.commit(lease, rows=[Row("d", "waiting", None, f'{{"t":"{secret()}"}}')], ttl=10.0)


def test_leak_token_to_another_host() -> None:
    send("GET", f"{ELSEWHERE}/x", {"Authorization": f"Bearer {token(HERE)}"})


def test_leak_token_beside_a_signature() -> None:
    send("GET", f"{HERE}/x?X-Goog-Signature=0", {"Authorization": f"Bearer {token(HERE)}"})


def test_leak_signature_to_another_host() -> None:
    Secret(f"{HERE}/f?X-Goog-Signature={WORD}")
    send("GET", f"{ELSEWHERE}/f?X-Goog-Signature={WORD}")


def test_leak_url() -> None:
    send("GET", f"{HERE}/x?key={secret()}")


def test_leak_header() -> None:
    send("GET", f"{HERE}/x", {"X-Api-Key": secret()})


def test_leak_body() -> None:
    send("PUT", f"{HERE}/x", {"Authorization": f"Bearer {token(HERE)}"}, secret())


def test_leak_to_storage() -> None:
    storage: Any = SimpleNamespace(
        _given=httpx.MockTransport(lambda _: httpx.Response(200)), _by_proxy=(), _direct=None
    )
    Storage._send(storage, httpx.Request("GET", HERE, headers={"X-Api-Key": secret()}))


def test_clean_right_host() -> None:
    send("GET", f"{HERE}/x", {"Authorization": f"Bearer {token(HERE)}"})


def test_clean_client() -> None:
    fake = FakeBanqup(client_secret=WORD)
    credentials = ClientCredentials(fake.client_id, secret())
    with BanqupClient(credentials, base_url=HERE, transport=fake.transport()) as client:
        print(client.spaces.list(), credentials)
        with pytest.raises(ServiceError):
            client.documents.get("no-space", "no-document")
    with pytest.raises(TypeError):
        pickle.dumps(credentials)


@pytest.mark.leaks("on purpose")
def test_clean_marked() -> None:
    print(secret())
