"""What httpx and httpcore log of our own calls, and that everybody else's is left alone."""

import contextvars
import logging
import threading
from collections.abc import Callable

import httpx
import pytest

from _client_kit._log_filter import OwnCall, redact
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
            assert caplog.messages
            assert WORD not in caplog.text
        caplog.clear()
        fetch(server.url)
        assert WORD in caplog.text
        assert any(line.endswith('200 OK"') for line in caplog.messages)


@pytest.mark.parametrize(
    ("name", "message", "kept"),
    [
        ("httpcore.socks", f"setup_socks5_connection.started auth=('u', '{WORD}')", True),
        ("httpcore.proxy", f"x.failed exception={WORD}", True),
        ("httpcore.http2", f"send_request_headers.started headers=[{WORD}]", True),
        ("hpack.hpack", f"Encoding {WORD}", False),
        ("hpack.table", f"Adding {WORD}", False),
        ("httpx", f"Something new {WORD}", False),
    ],
)
def test_what_other_transports_log_is_cut(
    caplog: pytest.LogCaptureFixture, name: str, message: str, kept: bool
) -> None:
    """A SOCKS password, a header over HTTP/2, and what we do not know: no line has it."""
    caplog.set_level(logging.DEBUG)
    with OwnCall():
        logging.getLogger(name).debug("%s", message)
    assert bool(caplog.records) is kept
    assert WORD not in caplog.text


def test_calls_within_calls_stay_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A body that is fetched by a client of ours does not end the outer call's silence."""
    caplog.set_level(logging.DEBUG)
    with OwnCall():
        with OwnCall():
            pass
        logging.getLogger("httpcore.http11").debug("event %s", WORD)
    assert caplog.messages == ["event"]


@pytest.mark.parametrize(
    "unit", ["a-", "http://", "token ", "http://a@", "bearer ", "secret=,", "?"]
)
def test_no_log_line_takes_long_to_redact(unit: str) -> None:
    """What credentials begin with, over and over, is looked through at once; one is found there."""
    shown = redact(unit * 30_000 + " password=canary-9931")
    assert "canary-9931" not in shown
    assert redact("plain " * 3) == "plain " * 3


def test_calls_that_share_a_context_are_each_cut_to_their_end() -> None:
    """Tasks of one context, or what is cleaned up in another: none ends the others' silence."""
    first, second = OwnCall(), OwnCall()
    record = logging.LogRecord(
        "httpcore.http11", logging.DEBUG, "a.py", 1, "event %s", ("x",), None
    )
    with second:
        first.__enter__()
        first.__exit__()
        first.__exit__()  # of a call that began elsewhere
        assert logging.getLogger("httpcore.http11").filter(record)
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
