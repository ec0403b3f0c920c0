"""A suite with one leak of each kind; run by test_canary.py, not collected by itself."""

import logging
import pickle
import warnings
from pathlib import Path

import attrs
import httpx
import pytest

import banqup_client
from _client_kit import _request
from _client_kit._answer import Token
from _client_kit._credentials import TokenStates
from _client_kit._secret import Secret
from banqup_client import ClientCredentials, Document, ServiceError
from bridge import MemoryCheckpoints, Row, SQLiteCheckpoints
from bridge._sample_parties import COMPANY

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


def test_leak_local_of_a_frame() -> None:
    # As if a module of ours had raised with the bare text in a local variable.
    code = "def fail(value):\n    local = value\n    raise OSError('no')\n"
    space: dict[str, object] = {}
    exec(compile(code, _request.__file__, "exec"), space)
    with pytest.raises(OSError, match="no"):
        space["fail"](secret())  # type: ignore[operator]


def test_leak_repr() -> None:
    assert Document(id=secret())


def test_leak_iban() -> None:
    print(COMPANY.iban)


def test_leak_store() -> None:
    store = MemoryCheckpoints()
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


def test_zz_leak_warning() -> None:
    warnings.warn(f"beware of {secret()}", stacklevel=1)
