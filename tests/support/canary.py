"""A pytest plugin that fails a test in which a secret shows where it must not.

The canaries are each value of a ``Secret``, each token and signature that the fakes issue, a cookie
and a ``Location`` that a fake adds to its first answers. While a test runs they are looked for in

- the log, at level 1, and what is printed;
- errors that ``pytest.raises`` catches, and what they came from: text, attributes, notes, pickle;
- the frames where httpx is called: no canary and no object of httpx may be in a local variable;
- reports in every form that they are shown in, and what is committed to a checkpoint store;
- requests: a token goes to the origin that issued it alone, a signature to the host it was made
  for, neither beside the other, and no other header, URL or body holds a canary.

Short or plain words ("secret", "pw") are no canaries: see :func:`worth`. The marker ``leaks`` is
for tests that show a secret on purpose. The tests of the fakes use plain httpx: not watched.
"""

from __future__ import annotations

import functools
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
from _pytest.capture import CaptureFixture
from _pytest.raises import RaisesExc, RaisesGroup

import bridge
from _client_kit._address import origin_of
from _client_kit._async._calls import AsyncCalls
from _client_kit._errors import ServiceError
from _client_kit._secret import Secret
from _client_kit._sync._calls import Calls
from _client_kit._tokens import TokenCache
from _client_kit.fakes.service import FakeService
from banqup_client._async._storage import AsyncStorage
from banqup_client._fake.service import FakeBanqup
from banqup_client._sync._storage import Storage

FAKES_TESTS = Path(__file__).parents[1] / "fakes"
COOKIE = "canary-cookie-5b81f0"
LOCATION = "https://storage.googleapis.com/b/f?X-Goog-Signature=canary-location-93c2e7"
HTTP = ("httpx", "httpcore", "h11", "h2", "anyio")
BORDER = ("_calls.py", "_storage.py")  # the modules that call httpx
MOST_TEXT = 4_000_000  # characters that wait to be searched
MOST_ANSWERS = 30  # of a fake that bring a cookie and a Location; parsing them takes long
STORES = ("MemoryCheckpoints", "SQLiteCheckpoints", "HookCheckpoints", "SQLAlchemyCheckpoints")
REPORTS = ("ExportReport", "Status", "Activation", "Confirmation", "Verification", "DeliveryRow")
OBJECTS = (
    httpx.Request,
    httpx.Response,
    httpx.Client,
    httpx.AsyncClient,
    httpx.HTTPError,
    httpx.StreamError,
)
_WORD = re.compile(r"[A-Za-z0-9_~+/-]{8,}(?:\.[A-Za-z0-9_~+/-]+)*")
_SIGNATURE = re.compile(r"[?&][\w-]*Signature=([^&]+)", re.IGNORECASE)


def worth(value: str) -> bool:
    """Return True if a secret is unlikely enough that finding it proves a leak."""
    return len(value) >= 8 and len(set(value)) >= 5 and not value.isalpha()


class Watch:
    """The canaries of one test, where each may go, and where one was seen."""

    def __init__(self) -> None:
        self.on = False
        self.begin(watched=False)

    def begin(self, *, watched: bool) -> None:
        """Forget the test before."""
        self.on = watched
        self.hits: list[str] = []
        self._texts: dict[str, str] = {}
        self._size = 0
        self.reports: dict[str, Any] = {}
        """The last of each kind, to be shown in every form: showing each would take long."""
        self._origins: dict[str, str | None] = {COOKIE: None, "canary-location-93c2e7": None}

    def add(self, value: str, origin: str | None = None) -> None:
        """Add a canary, with the one origin it may be sent to."""
        if not worth(value):
            return
        self._origins[value] = origin or self._origins.get(value)
        if "://" in value and (signature := _SIGNATURE.search(value)):
            self.add(signature[1], origin_of(value))

    def find(self, text: str) -> str | None:
        """Return a canary that the text holds."""
        for word in _WORD.findall(text):
            if word in self._origins:
                return str(word)
        # A canary that is no single word, or stands inside one; not all of thousands.
        return next((value for value in [*self._origins][:50] if value in text), None)

    def look(self, text: str, where: str) -> None:
        """Record a hit if the text holds a canary: at the latest when the test is over.

        Most texts are there many times; each is searched once.
        """
        if self.on and text not in self._texts:
            self._texts[text] = where
            self._size += len(text)
            if self._size > MOST_TEXT:
                self.search()

    def search(self) -> None:
        """Search what was collected, at once, and name the first text of each canary."""
        texts, self._texts, self._size = self._texts, {}, 0
        if self.find("\n".join(texts)):
            for text, where in texts.items():
                if found := self.find(text):
                    self.hit(found, where)

    def hit(self, value: str, where: str) -> None:
        """Record that a canary was seen."""
        if self.on and len(self.hits) < 20:
            self.hits.append(f"{value[:12]}... was seen in {where}")

    def may_go(self, value: str, origin: str) -> bool:
        """Return True if a canary may be sent to the origin."""
        return self._origins.get(value) in (None, origin)

    def is_bound(self, value: str) -> bool:
        """Return True if the canary has an origin it may be sent to."""
        return self._origins.get(value) is not None


watch = Watch()


# The watches


def check_request(_self: object, request: httpx.Request, **_options: object) -> None:
    """Look at a request before it is sent."""
    origin = origin_of(f"{request.url.scheme}://{request.url.netloc.decode('ascii')}")
    target = request.url.raw_path.decode("latin-1")
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    if bearer and _SIGNATURE.search(target):
        watch.hit(bearer, f"a signed request to {origin}")
    if bearer and not watch.may_go(bearer, origin):
        watch.hit(bearer, f"the Authorization header of a request to {origin}")
    found = watch.find(target)
    if found and found.startswith("/") and bearer:
        found = None  # a path of the API, which goes with the token
    if found and not (watch.is_bound(found) and watch.may_go(found, origin)):
        watch.hit(found, f"the URL of a request to {origin}")
    for name, value in request.headers.items():
        if name != "authorization":
            watch.look(value, f"the header {name!r} of a request to {origin}")
    if bearer:  # a request without one asks for a token, and sends a credential
        watch.look(str(getattr(request, "_content", b"")), f"the body of a request to {origin}")


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes, contexts and members."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            others = (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
            waiting += [other for other in others if other is not None]


def is_http(module: object) -> bool:
    """Return True for a module of the libraries below our calls."""
    return str(module).partition(".")[0] in HTTP


def is_border(frame: FrameType) -> bool:
    """Return True for a frame of a method that calls httpx, or of its callers in the module."""
    code = frame.f_code
    return Path(code.co_filename).name in BORDER and code.co_name != "__init__"


def check_error(_self: object, _kind: object, error: BaseException | None, *_: object) -> None:
    """Look at an error that a test caught."""
    if error is None or not watch.on:
        return
    frames = [step for one in chain(error) for step in traceback.walk_tb(one.__traceback__)]
    through_border = any(is_border(frame) for frame, _ in frames)
    for one in chain(error):
        kind = type(one).__name__
        notes = getattr(one, "__notes__", "")
        watch.look(f"{one} {one!r} {one.args} {vars(one)} {notes}", f"a {kind}")
        if isinstance(one, ServiceError):
            watch.look(pickle.dumps(one).decode("latin-1"), f"the pickle of a {kind}")
        if through_border and is_http(type(one).__module__):
            watch.hit(kind, f"what a {type(error).__name__} leads to")
    for frame, line in frames if through_border else ():
        below = is_http(frame.f_globals.get("__name__"))
        for name, value in frame.f_locals.items() if below or is_border(frame) else ():
            where = f"the local {name!r} at {frame.f_code.co_name}, line {line}"
            if below or isinstance(value, OBJECTS):
                watch.hit(type(value).__name__, where)
            else:
                watch.look(repr(value), where)


def check_report(_none: object, report: Any, *_args: object) -> None:
    """Look at a report when it is made."""
    if watch.on:
        kind = type(report).__name__
        watch.look(repr(report), f"a {kind}")
        watch.reports[kind] = report


def show_reports() -> None:
    """Look at the last report of each kind in every form."""
    for kind, report in [*watch.reports.items()]:
        html = getattr(report, "_repr_html_", str)
        watch.look(f"{report}\n{html()}\n{report.to_dict()!r}", f"a {kind}")


def check_commit(*_args: Any, head: str | None = None, rows: Any = (), **_options: Any) -> None:
    """Look at what is written to a store."""
    if watch.on:
        watch.look(f"{head} {[(row.id, row.value) for row in rows]}", "a checkpoint store")


# Their places


def before(owner: Any, name: str, look: Callable[..., object]) -> None:
    """Call ``look`` with the arguments of a method before it runs."""
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def outer(*args: Any, **options: Any) -> Any:
        look(*args, **options)
        return inner(*args, **options)

    setattr(owner, name, outer)


def after(owner: Any, name: str, look: Callable[..., object]) -> None:
    """Call ``look`` with the result of a method and its arguments."""
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def outer(*args: Any, **options: Any) -> Any:
        result = inner(*args, **options)
        look(result, *args)
        return result

    setattr(owner, name, outer)


def install() -> None:
    """Put the watches in place; once per process."""
    addresses: dict[int, str] = {}

    planted = {"Set-Cookie": f"Abp.AuthToken={COOKIE}; path=/", "Location": LOCATION}

    def answering(fake: FakeService, *_args: object) -> None:
        headers, answers = fake.answer_headers, len(fake._log)
        if watch.on and answers < MOST_ANSWERS:
            headers.update({**planted, **headers})
        elif answers == MOST_ANSWERS:
            for name, value in planted.items():
                if headers.get(name) == value:
                    del headers[name]

    for kind in (Calls, AsyncCalls):
        after(
            kind,
            "__init__",
            lambda _none, calls, *_: addresses.update({id(calls._state): calls.base_url}),
        )
    before(
        TokenCache,
        "store",
        lambda state, token, _at: watch.add(
            token.value.reveal(), origin_of(addresses.get(id(state), ""))
        ),
    )
    # A caller without a type checker may have made a secret of bytes.
    after(Secret, "__init__", lambda _none, secret, *_: watch.add(f"{secret.reveal()}"))
    after(FakeService, "_issue", lambda token, *_: watch.add(token))
    after(FakeBanqup, "_sign", lambda url, *_: watch.add(url))
    before(FakeService, "finish", answering)
    for sender in (httpx.Client, httpx.AsyncClient):
        before(sender, "send", check_request)
    for storage in (Storage, AsyncStorage):
        before(storage, "_send", check_request)
    for raises in (RaisesExc, RaisesGroup):
        before(raises, "__exit__", check_error)
    for name in STORES:
        before(getattr(bridge, name), "commit", check_commit)
    for name in REPORTS:
        after(getattr(bridge, name), "__init__", check_report)
    after(CaptureFixture, "readouterr", lambda text, _self: watch.look("".join(text), "the output"))


class Once(logging.Formatter):
    """Formats a record for the first of pytest's two handlers, and gives the second the same."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner
        self._last: tuple[logging.LogRecord | None, str] = None, ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        last, text = self._last
        if last is not record:
            text = self._inner.format(record)
            self._last = record, text
        return text


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have each record of the log formatted once; every request writes some."""
    plugin = session.config.pluginmanager.get_plugin("logging-plugin")
    if plugin is not None:
        once = Once(plugin.formatter)
        plugin.caplog_handler.setFormatter(once)
        plugin.report_handler.setFormatter(once)


def pytest_configure(config: pytest.Config) -> None:
    """Watch from here on."""
    reason = "leaks(reason): shows a secret on purpose, so the canary run does not look"
    config.addinivalue_line("markers", reason)
    if config.option.log_level is None:
        config.option.log_level = "1"
    install()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin a test."""
    marked = item.get_closest_marker("leaks") is not None
    watch.begin(watched=not marked and FAKES_TESTS not in item.path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test in which a canary was seen."""
    report = yield
    if call.when == "teardown" and watch.on:
        for title, text in report.sections:
            watch.look(text, title.lower())
        show_reports()
        watch.search()
        if watch.hits:
            report.outcome = "failed"
            report.longrepr = "\n".join((f"the canary run: {item.nodeid}", *watch.hits))
    return report
