"""An exception that a signal handler raised is told from one of the code it interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from _client_kit._signals import raised_by_signal_handler
from zenvoices_client import RetryPolicy, UnreachableError, UserLogin, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices


class LimitError(Exception):
    """What the handlers raise."""


def plain(*_: object) -> None:
    raise LimitError


class Handlers:
    """Handlers that are no plain functions."""

    def method(self, *_: object) -> None:
        raise LimitError

    def __call__(self, *_: object) -> None:
        raise LimitError


def caught(act: Callable[[], Any]) -> Exception:
    try:
        act()
    except LimitError as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "handler",
    [plain, Handlers().method, Handlers(), partial(plain, 1)],
    ids=["function", "method", "object", "partial"],
)
def test_exception_of_a_handler(handler: Any) -> None:
    """However the handler is written."""
    before = signal.signal(signal.SIGALRM, handler)
    try:
        error = caught(lambda: signal.raise_signal(signal.SIGALRM))
        assert raised_by_signal_handler(error)
        elsewhere: list[bool] = []
        thread = threading.Thread(target=lambda: elsewhere.append(raised_by_signal_handler(error)))
        thread.start()
        thread.join()
        assert elsewhere == [False]  # handlers run in the main thread alone
    finally:
        signal.signal(signal.SIGALRM, before)


def test_exception_of_other_code() -> None:
    """The same exception without a signal, and Ctrl-C's own handler, are none."""
    assert not raised_by_signal_handler(caught(plain))
    interrupt: BaseException | None = None
    try:
        signal.default_int_handler(signal.SIGINT, None)
    except KeyboardInterrupt as error:
        interrupt = error
    assert interrupt is not None
    assert not raised_by_signal_handler(interrupt)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of this kind here")
@pytest.mark.parametrize("error", [TimeoutError, ConnectionResetError, OSError, LimitError])
def test_exception_that_httpx_wrapped(error: type[Exception]) -> None:
    """A handler that interrupts httpx while it waits for an answer is no failure of the network."""

    def limit(*_: object) -> None:
        raise error("the time is up")

    answered = threading.Event()
    fake = FakeZenvoices()
    fake.add_company()
    before = signal.signal(signal.SIGALRM, limit)
    with fake.serve() as served:
        login = UserLogin("api-user", "demo-password", organisation_code="acme")
        client = ZenvoicesClient(login, base_url=served.url)
        list(client.companies.list())  # with a token already
        fake.on_request = lambda _: answered.wait(30)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with client, pytest.raises(error, match="the time is up"):
                list(client.companies.list())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            answered.set()


def test_error_that_the_application_handles_is_not_the_calls() -> None:
    """A call in an ``except`` block of the application keeps its own error."""
    before = signal.signal(signal.SIGALRM, plain)
    try:
        signal.raise_signal(signal.SIGALRM)
    except LimitError:
        client = ZenvoicesClient(
            UserLogin("api-user", "demo-password", organisation_code="acme"),
            base_url="http://127.0.0.1:9",
            retry=RetryPolicy(attempts=1),
        )
        with client, pytest.raises(UnreachableError):
            list(client.companies.list())
    finally:
        signal.signal(signal.SIGALRM, before)
