"""What httpx and httpcore log of our own calls, and that everybody else's is left alone."""

import contextvars
import logging
import threading
from collections.abc import Callable

import httpx
import pytest

from _client_kit._redaction import OwnCall, redact
from support.raw_server import RawServer, answer

WORD = "canary-of-log-lines-4be1"


def fetch(url: str) -> None:
    """A call of an application's own."""
    with httpx.Client(trust_env=False) as client:
        client.get(url)


@pytest.mark.leaks("an application's own calls are logged as httpx and httpcore log them")
def test_an_applications_own_calls_are_logged_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    """Before, after and beside a call of ours, in another thread and another context."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")  # whatever an application in another test has set

    def in_a_thread(url: str) -> None:
        thread = threading.Thread(target=fetch, args=(url,))
        thread.start()
        thread.join()

    outside = contextvars.copy_context()
    ways: list[Callable[[str], object]] = [in_a_thread, lambda url: outside.run(fetch, url)]
    with RawServer(answer(b"{}", f"Set-Cookie: sid={WORD}")) as server:
        with OwnCall():
            for way in ways:
                caplog.clear()
                way(server.url)
                assert WORD in caplog.text
            caplog.clear()
            fetch(server.url)
            assert "receive_response_headers.complete" in caplog.messages
            assert WORD not in caplog.text
        caplog.clear()
        fetch(server.url)
        assert WORD in caplog.text
        assert any(line.endswith('200 OK"') for line in caplog.messages)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("httpcore.http11", f"receive_response_headers.complete return_value=(302, [{WORD}])"),
        ("httpcore.http2", f"receive_response_headers.complete return_value=(200, [{WORD}])"),
        ("httpcore.socks", f"setup_socks5_connection.started auth=('u', '{WORD}')"),
        ("httpcore.proxy", f"x.failed exception={WORD}"),
    ],
)
def test_an_event_keeps_its_name_alone(
    caplog: pytest.LogCaptureFixture, name: str, message: str
) -> None:
    """Neither an answer's headers nor a SOCKS password: no line has what comes after the name."""
    caplog.set_level(logging.DEBUG)
    with OwnCall():
        logging.getLogger(name).debug("%s", message)
    assert caplog.messages == [message.partition(" ")[0]]


def test_calls_within_calls_stay_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A body that is fetched by a client of ours does not end the outer call's silence."""
    caplog.set_level(logging.DEBUG)
    with OwnCall():
        with OwnCall():
            pass
        logging.getLogger("httpcore.http11").debug("event %s", WORD)
    assert caplog.messages == ["event"]


@pytest.mark.parametrize(
    "unit",
    [
        "a-", "http://", "token ", "bearer ", "secret=,", "?",
        pytest.param("http://a@", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_no_log_line_takes_long_to_redact(unit: str) -> None:
    """What credentials begin with, over and over, is looked through at once; one is found there."""
    shown = redact(unit * 10_000 + " password=canary-9931")
    assert "canary-9931" not in shown
    assert redact("plain " * 3) == "plain " * 3


def test_calls_that_share_a_context_are_each_cut_to_their_end() -> None:
    """Tasks of one context: the end of one call does not end the other's."""
    record = logging.LogRecord(
        "httpcore.http11", logging.DEBUG, "a.py", 1, "event %s", ("x",), None
    )
    first, second = OwnCall(), OwnCall()
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert logging.getLogger("httpcore.http11").filter(record)
    second.__exit__()
    assert record.getMessage() == "event"


@pytest.mark.parametrize(
    "line",
    [
        "invalid dsn postgresql+psycopg://exporter:{}@db",
        "Authorization: Token {}",
        "{{'sig': '{}'}}",
        "Cookie={}",
        "pwd={}",
        "PGPASSWD={}",
        "jwt: {}",
    ],
)
def test_usual_spellings_of_credentials_are_redacted(line: str) -> None:
    """What stands beside a credential's name, or before a host, is taken out of a log."""
    assert "canary-9932" not in redact(line.format("canary-9932"))
