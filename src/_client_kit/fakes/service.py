"""The base class of the fake services: routes, scripted faults, tokens, request log."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from email.utils import formatdate
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from attrs import define, evolve, field, frozen

from _client_kit.fakes.faults import Fault, Faults, ScriptedFault
from _client_kit.fakes.wire import FakeRequest, Head, Reply, RequestRefusedError, html_reply

_NO_FAULT = Fault("")


@define(eq=False)
class Call:
    """A request as the handler of its route receives it."""

    head: Head
    args: tuple[str, ...]
    """The values of the placeholders in the route's path."""
    body: bytes
    ignored: set[str]
    """Unknown query parameters; the handler of a list adds unknown members of the JSON body."""
    caller: str = ""
    """The owner of the token; empty for a public operation."""


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
    locked: bool = True
    """Whether the handler runs under the fake's lock; otherwise it takes the lock itself."""
    origin: str = "api"


@define(eq=False)
class Plan:
    """A request whose headers were read and which has no answer yet."""

    head: Head
    route: Route | None
    args: tuple[str, ...]
    other_methods: tuple[str, ...]
    record: FakeRequest
    fault: ScriptedFault | None

    @property
    def cut(self) -> int | None:
        """Number of bytes of the request's body to read before dropping the connection."""
        return self.fault.action.body_read if self.fault and self.fault.when == "before" else None

    @property
    def pause(self) -> float:
        """Seconds to wait before the request is applied or fails."""
        return self.fault.action.pause if self.fault and self.fault.when == "before" else 0.0


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
        log_size: Number of requests that the log keeps.
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
    log_size: int = 10_000
    _more_hosts: Sequence[str] = field(default=(), alias="hosts")
    faults: Faults = field(init=False)
    on_request: Callable[[FakeRequest], object] | None = field(init=False, default=None)
    answer_headers: dict[str, str] = field(init=False, factory=dict[str, str])
    counts: Counter[str] = field(init=False, factory=Counter[str])

    def __attrs_post_init__(self) -> None:
        """Start without requests, tokens and scripted faults."""
        self.hosts = self.default_hosts | frozenset(self._more_hosts)
        self._lock = threading.RLock()
        self._log: deque[FakeRequest] = deque(maxlen=self.log_size)
        self._tokens = Tokens(self.clock)
        self._static: dict[tuple[str, str], dict[str, Route]] = {}
        self._dynamic: list[tuple[str, re.Pattern[str], dict[str, Route]]] = []
        self._date = (0, "")
        routes = self._routes()
        for route in routes:
            self._add_route(route)
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

    def begin(self, head: Head) -> Plan:
        """Find the route of a request, call ``on_request`` and choose the fault."""
        route, args, methods = self._match(head)
        operation = route.operation if route else "unknown"
        unknown = set(head.query) - route.query if route and head.origin == "api" else set[str]()
        record = FakeRequest(
            operation=operation,
            origin=head.origin,
            method=head.method,
            path=head.path,
            query=head.query,
            headers=head.headers,
            ignored=tuple(sorted(unknown)),
        )
        if self.on_request is not None:
            self.on_request(record)
        fault = self.faults.next(operation)
        return Plan(head, route, args, methods, record, fault)

    def finish(self, plan: Plan, body: bytes) -> Reply:
        """Return the answer to a request, and apply the request unless its fault prevents it."""
        action = plan.fault.action if plan.fault else _NO_FAULT
        after = plan.fault is not None and plan.fault.when == "after"
        ignored = set(plan.record.ignored)
        applied = after or action.reply is None
        answer = self._answer(plan, body, ignored) if applied else None
        reply = action.reply or answer or Reply(0)
        date = [("Date", self._http_date())] if self.date_header else []
        # Made once: changing a copy for each header takes longer than the rest of the answer.
        reply = Reply(
            status=reply.status,
            body=reply.body,
            headers=reply.headers_and(*date, *self.answer_headers.items()),
            pause=action.pause if after else 0.0,
            delivery=action.delivery,
        )
        self._note(plan, reply.status or None, ignored)
        return reply

    def abandon(self, plan: Plan) -> None:
        """Log a request that ended before its body was read."""
        self._note(plan, None, set(plan.record.ignored))

    def _answer(self, plan: Plan, body: bytes, ignored: set[str]) -> Reply:
        route = plan.route
        if route is None:
            if plan.other_methods:
                allow = ", ".join(plan.other_methods)
                return html_reply("405 - method not allowed", 405).with_header("Allow", allow)
            return html_reply("404 - not found", 404)
        call = Call(plan.head, plan.args, body, ignored)
        try:
            if not route.public:
                with self._lock:
                    owner = self._tokens.spend(plan.head.bearer)
                if owner is None:
                    return Reply(401)
                call.caller = owner
            with self._lock if route.locked else nullcontext():
                return route.handler(call)
        except RequestRefusedError as refused:
            return refused.reply

    def _json(self, call: Call) -> dict[str, Any]:
        """Return the JSON object in a request's body; raise an error if there is none."""
        if call.head.media_type != "application/json":
            raise RequestRefusedError(self._error(415, "Only application/json is supported."))
        try:
            value = json.loads(str(call.body, "utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise RequestRefusedError(self._error(400, "The body is not valid JSON.")) from None
        if not isinstance(value, dict):
            raise RequestRefusedError(self._error(400, "The body is not a JSON object."))
        return cast("dict[str, Any]", value)

    # The route of a request, the log, and the Date header

    def _add_route(self, route: Route) -> None:
        if "{" not in route.path:
            self._static.setdefault((route.origin, route.path), {})[route.method] = route
            return
        pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(route.path))
        for origin, known, methods in self._dynamic:
            if origin == route.origin and known.pattern == pattern:
                methods[route.method] = route
                return
        self._dynamic.append((route.origin, re.compile(pattern), {route.method: route}))

    def _match(self, head: Head) -> tuple[Route | None, tuple[str, ...], tuple[str, ...]]:
        methods = self._static.get((head.origin, head.path))
        args: tuple[str, ...] = ()
        if methods is None:
            for origin, pattern, found in self._dynamic:
                match = pattern.fullmatch(head.path) if origin == head.origin else None
                if match is not None:
                    methods, args = found, tuple(unquote(group) for group in match.groups())
                    break
            else:
                return None, (), ()
        return methods.get(head.method), args, tuple(sorted(methods))

    def _note(self, plan: Plan, status: int | None, ignored: set[str]) -> None:
        fault = plan.fault.action.name if plan.fault else None
        record = evolve(plan.record, status=status, ignored=tuple(sorted(ignored)), fault=fault)
        with self._lock:
            self.counts[record.operation] += 1
            self._log.append(record)

    def _http_date(self) -> str:
        now = int(self.clock())
        if self._date[0] != now:  # format once a second: formatting takes longer than a request
            self._date = (now, formatdate(now, usegmt=True))
        return self._date[1]


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
