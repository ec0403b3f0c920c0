"""Secrets: shown by nothing, sent nowhere else, left in no traceback."""

import copy
import hmac
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import attrs
import httpx
import pytest

from banqup_client import (
    BanqupClient,
    ClientCredentials,
    Environment,
    RedactSecrets,
)
from banqup_client.testing import FakeBanqup
from bridge import Connection, MemoryCheckpoints
from support.reach import shown
from zenvoices_client import Secret, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

WORD = "canary-of-test-secrets-31c9"


def app() -> ClientCredentials:
    """Credentials with the canary in them."""
    return ClientCredentials("demo-app", WORD)


def login() -> UserLogin:
    """A login with the canary in it."""
    return UserLogin("api-user", WORD, organisation_code="acme")


def banqup() -> BanqupClient:
    """A client that has fetched a token."""
    fake = FakeBanqup(client_secret=WORD)
    client = BanqupClient(app(), Environment.UAT_EU, transport=fake.transport())
    client.spaces.list()
    return client


def zenvoices() -> ZenvoicesClient:
    """A client that has logged in."""
    client = ZenvoicesClient(login(), transport=FakeZenvoices(password=WORD).transport())
    list(client.companies.list())
    return client


def connection() -> Connection:
    """A connection over both."""
    return Connection(
        banqup(),
        zenvoices(),
        space_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
        company_code="0042",
        checkpoints=MemoryCheckpoints(),
    )


BEARERS: list[Callable[[], object]] = [app, login, banqup, zenvoices, connection]


@pytest.mark.parametrize("make", BEARERS)
def test_nothing_that_bears_a_secret_is_pickled(make: Callable[[], object]) -> None:
    """Credentials, clients and connections stay in their process; the error says what to do."""
    bearer = make()
    said = f"a {type(bearer).__name__} holds a secret and cannot be pickled.*from_env"
    with pytest.raises(TypeError, match=said):
        pickle.dumps(bearer)


@pytest.mark.parametrize("make", BEARERS)
def test_no_way_of_showing_shows_a_secret(make: Callable[[], object]) -> None:
    """repr, str, format, vars and asdict of what bears a secret, some levels down, show none."""
    seen: set[int] = set()
    level: list[object] = [make()]
    for _ in range(5):
        below: list[object] = []
        for value in level:
            if id(value) in seen:
                continue
            seen.add(id(value))
            assert WORD not in f"{value!r} {value!s} {value:}"
            if attrs.has(type(value)):
                assert WORD not in repr(attrs.asdict(cast("Any", value), recurse=False))
            if isinstance(value, Secret):
                continue
            names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
            members = [getattr(value, name, None) for name in names]
            below += [one for one in members if type(one).__module__.split(".")[0] in OURS]
        level = below
    assert len(seen) > 1


OURS = ("_client_kit", "banqup_client", "zenvoices_client", "bridge")


HELP = """
import importlib, inspect, pydoc
for name in {modules}:
    module = importlib.import_module(name)
    print(pydoc.plain(pydoc.render_doc(module)))
    for value in [getattr(module, name) for name in module.__all__]:
        for one in [value, *(member for _, member in inspect.getmembers(value))]:
            try:
                print(inspect.signature(one))
            except (TypeError, ValueError):  # not callable, or written in C
                pass
"""
MODULES = (
    "banqup_client",
    "banqup_client.testing",
    "banqup_zenvoices",
    "bridge",
    "bridge.testing",
    "bridge.ubl",
    "zenvoices_client",
    "zenvoices_client.testing",
)


def test_no_help_shows_the_environment() -> None:
    """help() and the signatures of all that is public hold no value of the environment."""
    names = ["BANQUP_CLIENT_SECRET", "ZENVOICES_PASSWORD", "EXPORTS_DATABASE_URL"]
    shown_by = subprocess.run(
        [sys.executable, "-c", HELP.format(modules=MODULES)],
        env={**os.environ, **dict.fromkeys(names, WORD)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert WORD not in shown_by
    assert "from_env(environ: 'Mapping[str, str] | None' = None)" in shown_by


def test_a_copied_secret_is_the_same_masked_one() -> None:
    """A copy holds no second text, and evolve() keeps the mask."""
    secret = Secret(WORD)
    assert copy.deepcopy([secret])[0] is secret
    changed = attrs.evolve(app(), client_id="other")
    assert changed.client_secret == secret
    assert WORD not in repr(changed)


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every comparison goes through compare_digest, half a character included."""
    asked: list[object] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        asked.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert Secret("a\ud800") == Secret("a\ud800")
    assert Secret("a\ud800") != Secret("b")
    assert len(asked) == 2


def test_a_secret_in_bytes_is_in_no_frame() -> None:
    """What is no text is refused by its type, and no local variable of Secret shows it."""
    with pytest.raises(TypeError, match="must be a string, not bytes") as caught:
        Secret(cast("str", WORD.encode()))
    assert WORD not in shown(caught.value)


class Lines(logging.Handler):
    """Keeps what it was given, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.text += self.format(record) + "\n"


def logged(message: str, *values: object, filtered: bool = True) -> str:
    """What a handler with the filter shows of one log call."""
    handler = Lines()
    if filtered:
        handler.addFilter(RedactSecrets())
    record = logging.LogRecord("app", logging.INFO, "app.py", 1, message, values, None)
    handler.handle(record)
    return handler.text


@pytest.mark.parametrize(
    "message",
    [
        f"HTTP Request: GET https://storage.googleapis.com/b/f?X-Goog-Signature={WORD}&x=1 200",
        f"Authorization: Bearer {WORD}",
        f"get HTTPS://storage.googleapis.com/b/f?X-Goog-Signature={WORD}",
        f"https://storage.googleapis.com/f#x?sig={WORD}",
        f"https%3A%2F%2Fstorage.googleapis.com%2Ff%3FX-Goog-Signature%3D{WORD}",
        f"/b/f?x=1&X-Goog-Signature={WORD}",
        f"headers [(b'Authorization', b'Bearer {WORD}')]",
        f'{{"client_secret": "{WORD}", "scope": null}}',
        f"{{'password': '{WORD}'}}",
        f"grant_type=client_credentials&client_secret={WORD}&scope=a",
        f"https://user:{WORD}@proxy.example/",
        f'"accessToken":"{WORD}"',
        f"X-Api-Key: {WORD}",
    ],
)
def test_the_log_filter_takes_secrets_out(message: str) -> None:
    """Signed URLs, tokens, passwords and keys leave a log record; without the filter they stay."""
    assert WORD in logged("%s", message, filtered=False)
    assert WORD not in logged("%s", message)
    assert "***" in logged("%s", message)


def test_the_log_filter_leaves_the_rest() -> None:
    """Ordinary lines, per cent signs and arguments that do not fit come through as they are."""
    assert logged("%d documents, 100%% done, %s", 3, "https://a.example/x") == (
        "3 documents, 100% done, https://a.example/x\n"
    )
    handler = Lines()
    record = logging.LogRecord("app", logging.INFO, "app.py", 1, "%d", ("x",), None)
    assert RedactSecrets().filter(record)
    assert handler.text == ""


@pytest.mark.leaks("an application's own httpx logs its signed URL, until the filter is there")
def test_the_log_filter_covers_an_applications_own_httpx() -> None:
    """httpx logs a signed URL at INFO: with the filter on the handler, without its query."""
    handler = Lines()
    handler.addFilter(RedactSecrets())
    logger = logging.getLogger("httpx")
    before, level = logger.handlers[:], logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
            client.get(f"https://storage.googleapis.com/f?X-Goog-Signature={WORD}")
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
    assert logger.handlers == before
    assert "storage.googleapis.com/f?***" in handler.text
    assert WORD not in handler.text


class Own(logging.Formatter):
    """A formatter that writes exceptions by itself, as those of JSON do."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with whatever it carries of an exception."""
        told = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return f"{record.getMessage()} {told}"


@pytest.mark.parametrize("formatter", [logging.Formatter(), Own()])
def test_the_log_filter_covers_tracebacks(formatter: logging.Formatter) -> None:
    """The text of an exception that is logged loses its secrets too, whoever writes it."""
    handler = Lines()
    handler.setFormatter(formatter)
    handler.addFilter(RedactSecrets())
    try:
        raise RuntimeError(f"failed: https://a.example/f?token={WORD}")
    except RuntimeError as error:
        info = (type(error), error, error.__traceback__)
    handler.handle(logging.LogRecord("app", logging.ERROR, "app.py", 1, "oops", (), info))
    assert "RuntimeError" in handler.text
    assert "https://a.example/f?***" in handler.text
    assert f"token={WORD}" not in handler.text.replace("{WORD}", "")
