"""The base class of the fake services: routes, scripted faults, tokens, request log."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from functools import cached_property
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl, unquote

from attrs import define, evolve, field, frozen

from _client_kit.fakes.faults import Fault, Faults, ScriptedFault
from _client_kit.fakes.wire import FakeRequest, Reply, RequestRefusedError, html_reply

LOG_SIZE = 10_000
_NO_FAULT = Fault("")


@frozen(eq=False)
class Route:
    """A method and path that a fake service answers, with the handler of the answer."""

    operation: str
    method: str
    path: str
    """A template such as ``/spaces/{id}/files``; a placeholder matches one segment."""
    handler: Callable[[Call], Reply]
    query: frozenset[str] = frozenset()
    public: bool = False
    """Whether the operation needs no token."""
    origin: str = "api"


@define(eq=False, slots=False)
class Call:
    """A request, from its head to its answer."""

    origin: str
    """The server that the request was sent to: ``"api"`` or ``"storage"``."""
    method: str
    target: str
    """Path and query exactly as they were sent: a URL's signature covers these bytes."""
    headers: Mapping[str, str] = field(repr=False)
    """Header fields; their names are in lower case."""
    storage_url: str = ""
    """The storage's base URL, as this client can reach it."""
    body: bytes = field(default=b"", repr=False)
    route: Route | None = None
    args: tuple[str, ...] = ()
    """The values of the placeholders in the route's path."""
    other_methods: list[str] = field(factory=list[str])
    """The methods of the routes that match the path only."""
    ignored: set[str] = field(factory=set[str])
    """Unknown query parameters; the handler of a list adds unknown members of the JSON body."""
    caller: str = ""
    """The owner of the token; empty for a public operation."""
    fault: ScriptedFault | None = None

    @cached_property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's names and decoded values; the last value of a repeated name counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def operation(self) -> str:
        """The name of the operation; ``"unknown"`` if no route matched."""
        return self.route.operation if self.route else "unknown"

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        """The token of an ``Authorization: Bearer`` header; None without such a header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" and token else None

    @property
    def cut(self) -> int | None:
        """Number of bytes of the request's body to read before dropping the connection."""
        return self.fault.action.body_read if self.fault and self.fault.when == "before" else None

    @property
    def pause(self) -> float:
        """Seconds to wait before the request is applied or fails."""
        return self.fault.action.pause if self.fault and self.fault.when == "before" else 0.0

    def record(self, status: int | None = None) -> FakeRequest:
        """Return the request's entry for the log."""
        return FakeRequest(
            operation=self.operation,
            origin=self.origin,
            method=self.method,
            path=self.path,
            query=self.query,
            headers=self.headers,
            status=status,
            ignored=tuple(sorted(self.ignored)),
            fault=self.fault.action.name if self.fault else None,
        )


class Tokens:
    """The bearer tokens that were issued, each with an expiry and a number of uses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with no token issued."""
        self._clock = clock
        self._held: dict[str, tuple[float, int | None, str]] = {}

    def issue(self, life: float, uses: int | None, owner: str, value: str | None = None) -> str:
        """Return a token that is valid for ``life`` seconds and for ``uses`` requests."""
        token = value or secrets.token_urlsafe(32)
        self._held[token] = (self._clock() + life, uses, owner)
        return token

    def spend(self, token: str | None) -> str | None:
        """Count one use and return the token's owner; None if it is unknown, expired or used up."""
        if token is None or token not in self._held:
            return None
        expires, uses, owner = self._held[token]
        if self._clock() >= expires or uses == 0:
            del self._held[token]
            return None
        if uses is not None:
            self._held[token] = (expires, uses - 1, owner)
        return owner

    def expire(self) -> None:
        """Make every token invalid now."""
        self._held.clear()


@define(eq=False, repr=False, slots=False, kw_only=True)
class FakeService:
    """Base of both fakes: it matches requests, applies scripted faults and keeps the log.

    Attributes:
        clock: Returns the service's time in seconds since the epoch.
        sleep: Waits for the seconds of a scripted delay; may return an awaitable if an
            asynchronous client uses the fake.
        date_header: Whether answers carry a ``Date`` header with the time of ``clock``.
        hosts: Hosts that the transport answers for: the real service's, and those given.
        faults: The scripted faults; a test calls ``faults.add()``.
        on_request: Called with each request's record before it is handled.
        answer_headers: Headers for every answer that does not have them already, for example a
            ``Set-Cookie``.
        counts: Number of requests per operation since the fake was made.
    """

    default_hosts: ClassVar[frozenset[str]] = frozenset()
    storage_host: ClassVar[str] = ""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep
    date_header: bool = True
    _more_hosts: Sequence[str] = field(default=(), alias="hosts")
    faults: Faults = field(init=False)
    on_request: Callable[[FakeRequest], object] | None = field(init=False, default=None)
    answer_headers: dict[str, str] = field(init=False, factory=dict[str, str])
    counts: Counter[str] = field(init=False, factory=Counter[str])

    def __attrs_post_init__(self) -> None:
        """Start without requests, tokens and scripted faults."""
        self.hosts = self.default_hosts | frozenset(self._more_hosts)
        self._lock = threading.RLock()
        self._log: deque[FakeRequest] = deque(maxlen=LOG_SIZE)
        self._tokens = Tokens(self.clock)
        routes = self._routes()
        self._patterns = [(route, _pattern(route.path)) for route in routes]
        self.faults = Faults(route.operation for route in routes)

    # Subclasses define these.

    def _routes(self) -> Sequence[Route]:
        raise NotImplementedError

    def _error(self, status: int, detail: str) -> Reply:
        """Return an error in the service's own format."""
        raise NotImplementedError

    @property
    def requests(self) -> list[FakeRequest]:
        """The latest requests, oldest first."""
        with self._lock:
            return list(self._log)

    def begin(self, call: Call) -> None:
        """Find the route of a request, call ``on_request`` and choose the fault."""
        self._find_route(call)
        if call.route is not None and call.origin == "api":
            call.ignored = set(call.query) - call.route.query
        if self.on_request is not None:
            self.on_request(call.record())
        call.fault = self.faults.next(call.operation)

    def finish(self, call: Call) -> Reply:
        """Return the answer to a request, and apply the request unless its fault prevents it."""
        action = call.fault.action if call.fault else _NO_FAULT
        after = call.fault is not None and call.fault.when == "after"
        answer = self._answer(call) if after or action.reply is None else None
        reply = action.reply or answer or Reply(0)
        date = {"Date": formatdate(self.clock(), usegmt=True)} if self.date_header else {}
        self.note(call, reply.status or None)
        return evolve(
            reply,
            headers=reply.headers_and({**self.answer_headers, **date}),
            pause=action.pause if after else 0.0,
            delivery=action.delivery,
        )

    def note(self, call: Call, status: int | None = None) -> None:
        """Count and log a request; without a status, it ended before its body was read."""
        with self._lock:
            self.counts[call.operation] += 1
            self._log.append(call.record(status))

    def _answer(self, call: Call) -> Reply:
        route = call.route
        if route is None:
            if call.other_methods:
                page = html_reply("405 - method not allowed", 405)
                return evolve(
                    page, headers=page.headers_and({"Allow": ", ".join(call.other_methods)})
                )
            return html_reply("404 - not found", 404)
        try:
            with self._lock:
                if not route.public:
                    owner = self._tokens.spend(call.bearer)
                    if owner is None:
                        return Reply(401)
                    call.caller = owner
                return route.handler(call)
        except RequestRefusedError as refused:
            return refused.reply

    def _json(self, call: Call) -> dict[str, Any]:
        """Return the JSON object in a request's body; raise an error if there is none."""
        if call.media_type != "application/json":
            raise RequestRefusedError(self._error(415, "Only application/json is supported."))
        try:
            value = json.loads(str(call.body, "utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise RequestRefusedError(self._error(400, "The body is not valid JSON.")) from None
        if not isinstance(value, dict):
            raise RequestRefusedError(self._error(400, "The body is not a JSON object."))
        return cast("dict[str, Any]", value)

    def _find_route(self, call: Call) -> None:
        for route, pattern in self._patterns:
            match = pattern.fullmatch(call.path) if route.origin == call.origin else None
            if match is None:
                continue
            if route.method == call.method:
                call.route, call.args = route, tuple(map(unquote, match.groups()))
                return
            call.other_methods.append(route.method)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path)))


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def require(values: Mapping[str, Any], **types: type | tuple[type, ...]) -> list[str]:
    """Return the names whose value is missing, null, an empty text, or of another type."""
    wrong: list[str] = []
    for name, kind in types.items():
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, kind) or value == "":
            wrong.append(name)
    return wrong
