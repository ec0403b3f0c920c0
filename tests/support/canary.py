"""A pytest plugin that fails the run when a secret shows anywhere.

Every value of a ``Secret`` that tests make, every token and every signature that the fakes issue,
and the bank accounts of the sample invoices are canaries. While a test runs it is watched where
they could show:

- log records of every logger at DEBUG, captured output, warnings;
- text, attributes, notes and traceback, with the local variables of our frames and of httpx,
  httpcore, h11 and anyio, of every exception that a test catches with ``pytest.raises``, of what it
  came from and of a group's members;
- ``repr``, ``str``, ``vars``, ``asdict`` and HTML of public objects as they are made, and of those
  that live when every 200th test ends, and at the end of the run;
- what is committed to a checkpoint store, and the SQLite file when it is closed;
- URL, headers and body of every request that a client of httpx, storage or one of the usual
  transports sends: a token may go only to the origin it was fetched from, a signature only to the
  origin that it was made for, and neither beside the other.

A hit fails its test. A short or plain word ("secret", "pw") is no canary: see :func:`worth`. The
marker ``leaks`` is for tests that show a secret on purpose, or make one of ordinary words, and
names the reason: theirs are no canaries. The tests of the fakes are not watched either: they use
plain httpx, which logs each URL, and nothing of ours lies between.
"""

from __future__ import annotations

import functools
import gc
import re
import reprlib
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, cast
from urllib.parse import quote

import attrs
import httpx
import pytest
from _pytest.capture import CaptureFixture
from _pytest.raises import RaisesExc, RaisesGroup

import banqup_client
import bridge
import zenvoices_client
from _client_kit import _tokens as _credentials
from _client_kit._address import origin_of
from _client_kit._secret import Secret
from _client_kit.fakes import service as _fake
from _client_kit.fakes import transport as _fake_transport
from banqup_client._async._storage import AsyncStorage
from banqup_client._fake import credentials as _fake_credentials
from banqup_client._sync._storage import Storage
from bridge.testing._samples import parties as _sample_parties
from zenvoices_client import Attachment, Base64, InboxUpload

SOURCE = str(Path(_credentials.__file__).parents[1])
LIBRARIES = tuple(f"/site-packages/{name}/" for name in ("httpx", "httpcore", "h11", "anyio"))
FAKES = ("/_fake/", "/fakes/", "/testing", "_demo.py")
FAKES_TESTS = Path(__file__).parents[1] / "fakes"
ENOUGH = 64 * 1024  # of one text: more than any that is looked at has, but for bodies
# What carries a document carries the bank account in it.
CARRIERS = (Attachment, InboxUpload, Base64)
STORES = (
    bridge.MemoryCheckpoints,
    bridge.SQLiteCheckpoints,
    bridge.HookCheckpoints,
    bridge.SQLAlchemyCheckpoints,
)
SAMPLES = 2  # public objects of one class that are looked at per test
SWEEP = 200  # after this many tests, everything that lives is looked at

_WORD = re.compile(r"[A-Za-z0-9_.~+/-]{8,}")
_SIGNATURE = re.compile(r"[?&][\w-]*Signature=([^&]+)", re.IGNORECASE)


def worth(value: str) -> bool:
    """Whether a secret of a test is unlikely enough that finding it proves a leak."""
    return len(value) >= 8 and len(set(value)) >= 5 and not value.isalpha()


class Watch:
    """The canaries, where each may go, and where one was seen that should not be."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.on = False
        self.learning = True  # also while tests are collected
        self.made: dict[str, int] = {}
        self.stored: list[str] = []
        self._all: set[str] = set()
        self._recent: dict[str, None] = {}
        self._origins: dict[str, set[str]] = {}
        self._always = frozenset(
            party.iban for party in (*_sample_parties.PARTNERS, _sample_parties.COMPANY)
        )
        self.tests = 0

    def begin(self, watched: bool) -> None:
        """A test begins."""
        self.on = self.learning = watched
        self.tests += 1
        self.made.clear()
        self.stored.clear()
        self._recent.clear()
        self._origins.clear()
        if len(self._all) > 100_000:
            self._all.clear()

    def add(self, value: str, origin: str | None = None) -> None:
        """A new canary, and where it may go."""
        if not self.learning or not worth(value):
            return
        self._all.add(value)
        if len(self._recent) < 200:
            self._recent[value] = None
            self._recent[quote(value, safe="", errors="replace")] = None
        if origin is not None:
            self._origins.setdefault(value, set()).add(origin)
        if "://" in value and (signed := _SIGNATURE.search(value)):
            self.add(signed[1], origin_of(value))

    def look(self, text: str, where: str, *, bank: bool = True) -> None:
        """Remember that a canary, or a bank account, is in a text."""
        found = self.find(text)
        if found in self._always and not bank:
            return
        if found is not None:
            self.hit(found, where)

    def find(self, text: str) -> str | None:
        """A canary in a text."""
        if not text:
            return None
        for value in (*self._recent, *self._always):
            if value in text:
                return value
        return next((word for word in _WORD.findall(text) if word in self._all), None)

    def hit(self, value: str, where: str) -> None:
        """A canary was seen where it should not be."""
        line = f"a canary ({value[:6]}...) was seen in {where}"
        if self.on and line not in self.hits and len(self.hits) < 20:
            self.hits.append(line)

    def allowed(self, value: str, origin: str) -> bool:
        """Whether a canary may go to an origin; one that nobody told the origin of may."""
        return origin in self._origins.get(value, {origin})

    def origins_known(self, value: str) -> bool:
        """Whether it is known where a canary may go."""
        return value in self._origins


watch = Watch()


# What is looked at


def check_request(request: httpx.Request) -> None:
    """A request as it leaves for its transport."""
    if not watch.on:
        return
    origin = origin_of(f"{request.url.scheme}://{request.url.netloc.decode('ascii')}")
    target = request.url.raw_path.decode("latin-1")
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    signed = _SIGNATURE.search(target)
    if bearer and signed:
        watch.hit(bearer, f"a signed request to {origin}: it carries a token as well")
    if bearer and watch.find(bearer) == bearer and not watch.allowed(bearer, origin):
        watch.hit(bearer, f"the Authorization header of a request to {origin}")
    found = watch.find(target)
    if found is not None and not (watch.origins_known(found) and watch.allowed(found, origin)):
        watch.hit(found, f"the URL of a request to {origin}")
    for name, value in request.headers.raw:
        if name.lower() != b"authorization":
            watch.look(value.decode("latin-1"), f"the header {name!r} of a request to {origin}")
    body = getattr(request, "_content", b"")
    # The request for a token carries a credential and no token; no other body carries either.
    if body and len(body) < ENOUGH and (bearer or request.method != "POST"):
        found = watch.find(body.decode("latin-1"))
        if found is not None and found not in watch._always:
            watch.hit(found, f"the body of a request to {origin}")


class Bounded(reprlib.Repr):
    """A repr that ends, also of a graph that would unfold to billions of members."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxother, self.maxstring = 5, ENOUGH, ENOUGH
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 20

    def repr_instance(self, value: Any, level: int) -> str:
        """An instance; attrs values member by member, because theirs would not end either."""
        if attrs.has(type(value)) and not isinstance(value, type):
            members = [item for item in attrs.fields(type(value)) if item.repr is not False]
            inside = [self.repr1(getattr(value, item.name, None), level - 1) for item in members]
            return f"{type(value).__name__}({', '.join(inside)})" if level > 0 else "..."
        return super().repr_instance(value, level)


BOUNDED = Bounded()


def shown(value: object) -> str:
    """A value as a traceback with local variables shows it."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value[:ENOUGH]).decode("latin-1")
    if isinstance(value, str):
        return value[:ENOUGH]
    try:
        return BOUNDED.repr(value)
    except Exception:
        return ""


def check_object(value: object, when: str) -> None:
    """A public object in every way there is to show it."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    forms: dict[str, Callable[[], object]] = {
        "repr": lambda: repr(value),
        "str": lambda: str(value),
    }
    if hasattr(value, "__dict__"):
        forms["vars"] = lambda: repr(vars(value))
    if attrs.has(type(value)):
        forms["asdict"] = lambda: repr(attrs.asdict(cast("Any", value)))
    html = getattr(value, "_repr_html_", None)
    if callable(html):
        forms["_repr_html_"] = html
    for form, make in forms.items():
        try:
            text = str(make())
        except Exception:  # half made, or asdict of what cannot be copied
            continue
        watch.look(
            text[:ENOUGH], f"{form} of a {name} {when}", bank=not isinstance(value, CARRIERS)
        )


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception with all that it came from."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            others = (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
            waiting += [other for other in others if isinstance(other, BaseException)]


def ours(frame: FrameType) -> bool:
    """Whether a frame is of the library or of what it speaks HTTP with."""
    name = frame.f_code.co_filename
    if name.startswith(SOURCE):
        return not any(part in Path(name).as_posix() for part in FAKES)
    return any(library in name for library in LIBRARIES)


def check_error(error: BaseException) -> None:
    """An exception that a test caught: text, attributes, and local variables."""
    for one in chain(error):
        kind = type(one).__name__
        watch.look(f"{one} {one!r} {shown(one.__dict__)}", f"a {kind}")
        for frame, line in traceback.walk_tb(one.__traceback__):
            if ours(frame):
                for name, value in list(frame.f_locals.items()):
                    place = f"{Path(frame.f_code.co_filename).name}:{line}"
                    watch.look(shown(value), f"the local {name!r} at {place}, under a {kind}")


# How it is got to


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


def asked(_self: object, request: httpx.Request, **_options: object) -> None:
    """A request is sent."""
    check_request(request)


def made(_none: object, value: object, *_args: object) -> None:
    """A public object was made."""
    kind = type(value).__qualname__
    count = watch.made.get(kind, 0)
    if watch.on and count < SAMPLES:
        watch.made[kind] = count + 1
        check_object(value, "when it was made")


def committed(*_args: Any, head: str | None = None, rows: Any = (), **_options: Any) -> None:
    """Something is written to a store."""
    if watch.on and len(watch.stored) < 2_000:
        watch.stored += [head or "", *(f"{row.id} {row.value}" for row in rows)]


def closed(store: Any) -> None:
    """A store of one file is closed: is a canary in the file?"""
    path = getattr(store, "path", None)
    if not watch.on or path is None:
        return
    for name in (path, f"{path}-wal"):
        try:
            with Path(name).open("rb") as file:
                watch.look(file.read(4 * 1024 * 1024).decode("latin-1"), "a checkpoint file")
        except OSError:
            continue


def caught(
    _self: object,
    _kind: object,
    error: BaseException | None = None,
    _traceback: TracebackType | None = None,
) -> None:
    """An exception reaches a ``pytest.raises``."""
    if error is not None and watch.on:
        check_error(error)


def public_classes() -> list[type[Any]]:
    """Every class that the packages show, but for exceptions, which are looked at when caught."""
    packages = (banqup_client, zenvoices_client, bridge)
    found = {getattr(package, name, None) for package in packages for name in package.__all__}
    return [
        kind
        for kind in found
        if isinstance(kind, type)
        and not issubclass(kind, BaseException)
        and kind not in (Secret, bridge.Row, bridge.Lease)
        and "__init__" in vars(kind)
    ]


def install() -> None:
    """Put the looks in place; once per process."""
    addresses: dict[int, str] = {}

    def token_kept(state: Any, token: Any, *_args: object) -> None:
        watch.add(token.value.reveal(), origin_of(addresses.get(id(state), "")))

    def state_given(state: Any, _states: object, address: str) -> None:
        addresses[id(state)] = address

    after(_credentials.TokenStates, "at", state_given)
    before(_credentials.TokenState, "store", token_kept)
    after(Secret, "__init__", lambda _none, secret, *_: watch.add(secret.reveal()))
    after(_fake.Tokens, "issue", lambda token, *_: watch.add(token))
    after(_fake_credentials.SignedUrls, "sign", lambda url, *_: watch.add(url))
    in_memory: tuple[type[Any], ...] = (httpx.MockTransport, _fake_transport.FakeTransport)
    for transport in (*in_memory, httpx.HTTPTransport):
        before(transport, "handle_request", asked)
    for transport in (*in_memory, httpx.AsyncHTTPTransport):
        before(transport, "handle_async_request", asked)
    # Whatever transport a test gave them.
    for sender in (httpx.Client, httpx.AsyncClient):
        before(sender, "send", asked)
    for storage in (Storage, AsyncStorage):
        before(storage, "_send", asked)
    for store in STORES:
        before(store, "commit", committed)
    after(bridge.SQLiteCheckpoints, "close", lambda _none, store: closed(store))
    for raises in (RaisesExc, RaisesGroup):
        before(raises, "__exit__", caught)
    after(CaptureFixture, "readouterr", lambda text, _self: _output("".join(text)))
    for kind in public_classes():
        after(kind, "__init__", made)


def _output(text: str) -> None:
    watch.look(text, "captured output")


def sweep() -> None:
    """Look at every public object that lives."""
    kinds = frozenset(public_classes())
    for value in gc.get_objects():
        if type(value) in kinds:
            check_object(value, "that lives when its test ended")


# The plugin


def pytest_configure(config: pytest.Config) -> None:
    """Watch from here on."""
    reason = "leaks(reason): shows a secret on purpose, so the canary run does not look"
    config.addinivalue_line("markers", reason)
    if config.option.log_level is None:
        config.option.log_level = "DEBUG"
    install()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test begins."""
    watch.begin(item.get_closest_marker("leaks") is None and FAKES_TESTS not in item.path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """When a test has ended, fail it for what was seen."""
    report = yield
    if call.when != "teardown":
        return report
    if watch.on:
        for title, text in report.sections:
            watch.look(text, title.lower())
        watch.look("\n".join(watch.stored), "what was committed to a checkpoint store")
        if watch.tests % SWEEP == 0:
            sweep()
    if watch.hits:
        lines = "\n".join(watch.hits)
        report.outcome = "failed"
        report.longrepr = f"the canary run: {item.nodeid}\n{lines}"
        watch.hits.clear()
    return report


def pytest_warning_recorded(warning_message: Any) -> None:
    """A warning is shown at the end of the run."""
    watch.look(str(warning_message.message), "a warning")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look at what lives to the end; fail the run for what was seen outside every test."""
    watch.on = True
    sweep()
    if watch.hits:
        # A worker of xdist is not asked for its exit status, but what it prints here is an error.
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["canaries"] = list(watch.hits)
        else:
            print("\nthe canary run:", *watch.hits, sep="\n")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of xdist has ended: what it saw is a hit of the whole run."""
    watch.hits += getattr(node, "workeroutput", {}).get("canaries", [])
