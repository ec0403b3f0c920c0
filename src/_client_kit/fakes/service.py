"""The core of the fakes: one state, one request handler, several doors.

A fake service lists its routes; this module matches a request, calls the test's hook, applies
a scripted fault, and keeps the log. `transport` and `server` are the doors.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import unquote

from attrs import define, evolve, frozen

from _client_kit.fakes.faults import Fault, Faults, ScriptedFault, When
from _client_kit.fakes.server import Loopback
from _client_kit.fakes.transport import FakeTransport, mount
from _client_kit.fakes.wire import (
    Body,
    Delivery,
    FakeRequest,
    Head,
    Reply,
    RequestRefusedError,
    html_reply,
    iso,
    json_reply,
    xml_error,
)

if TYPE_CHECKING:
    import respx

__all__ = [
    "Body",
    "Call",
    "Delivery",
    "FakeRequest",
    "FakeService",
    "FakeTransport",
    "Fault",
    "Faults",
    "Head",
    "Loopback",
    "Reply",
    "RequestRefusedError",
    "Route",
    "ScriptedFault",
    "Tokens",
    "When",
    "html_reply",
    "iso",
    "json_reply",
    "require",
    "xml_error",
]


@define(eq=False)
class Call:
    """One matched request on its way through a handler."""

    head: Head
    args: tuple[str, ...]
    body: Body
    ignored: set[str]
    """Parameters the operation does not know; a handler adds those of its JSON body."""
    caller: str = ""
    """Whose token came along; empty for a public operation."""


@frozen(eq=False)
class Route:
    """One operation: where it answers and what answers it."""

    operation: str
    method: str
    path: str
    """A template such as ``/spaces/{id}/files``; a placeholder stands for one segment."""
    handler: Callable[[Call], Reply]
    query: frozenset[str] = frozenset()
    public: bool = False
    """Answers without a token."""
    locked: bool = True
    """The handler runs under the fake's lock; else it takes the lock itself where it must."""
    origin: str = "api"


@define(eq=False)
class Plan:
    """A request between its headers and its answer."""

    head: Head
    route: Route | None
    args: tuple[str, ...]
    other_methods: tuple[str, ...]
    record: FakeRequest
    fault: ScriptedFault | None

    @property
    def cut(self) -> int | None:
        """Where the connection is to be dropped inside the request's body."""
        return self.fault.action.body_read if self.fault and self.fault.when == "before" else None

    @property
    def pause(self) -> float:
        """How long to wait before the request is applied."""
        return self.fault.action.pause if self.fault and self.fault.when == "before" else 0.0


class Tokens:
    """Bearer tokens with a life in seconds and in requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with no token issued."""
        self._clock = clock
        self._held: dict[str, tuple[float, int | None, str]] = {}

    def issue(self, life: float, uses: int | None, owner: str, value: str | None = None) -> str:
        """Make a token valid."""
        token = value or secrets.token_urlsafe(32)
        self._held[token] = (self._clock() + life, uses, owner)
        return token

    def spend(self, token: str | None) -> str | None:
        """Count one use and tell whose token it is; None where it is unknown or used up."""
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


class FakeService:
    """What both fakes share: routing, faults, the log, and the doors.

    Attributes:
        clock: Seconds since the epoch, as the service sees them.
        sleep: Waits for the seconds of a scripted delay; may return an awaitable where the fake
            is used through its asynchronous transport.
        date_header: Whether answers carry a ``Date`` header by the fake's clock.
        faults: The script of faults.
        on_request: Called with each request's record before it is handled.
        counts: Requests per operation, for the fake's whole life.
    """

    default_hosts: ClassVar[frozenset[str]] = frozenset()
    storage_host: ClassVar[str] = ""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        date_header: bool = True,
        log_size: int = 10_000,
        hosts: Sequence[str] = (),
    ) -> None:
        """Start empty."""
        self.clock = clock
        self.sleep = sleep
        self.date_header = date_header
        self.on_request: Callable[[FakeRequest], object] | None = None
        self.counts: Counter[str] = Counter()
        self.hosts: frozenset[str] = self.default_hosts | frozenset(hosts)
        self._lock = threading.RLock()
        self._log: deque[FakeRequest] = deque(maxlen=log_size)
        self._static: dict[tuple[str, str], dict[str, Route]] = {}
        self._dynamic: list[tuple[str, re.Pattern[str], dict[str, Route]]] = []
        self._date = (0, "")
        routes = self._routes()
        for route in routes:
            self._add_route(route)
        self.faults = Faults(route.operation for route in routes)

    # What a service says of itself

    def _routes(self) -> Sequence[Route]:
        raise NotImplementedError

    def _authorise(self, head: Head) -> str:
        """Whose token came along; raises the refusal of a missing or expired one."""
        raise NotImplementedError

    def _error(self, status: int, detail: str) -> Reply:
        """An error in the service's own shape."""
        raise NotImplementedError

    # The doors

    def transport(self) -> FakeTransport:
        """An httpx transport, for a sync or an async client, that this fake answers."""
        return FakeTransport(self)

    def mount(self, router: respx.MockRouter) -> respx.Route:
        """Let a respx router answer this fake's hosts from this fake."""
        return mount(self, router)

    @property
    def requests(self) -> list[FakeRequest]:
        """The latest requests, oldest first."""
        with self._lock:
            return list(self._log)

    # The way of one request

    def begin(self, head: Head) -> Plan:
        """Take a request's headers: match it, tell the hook, look for a fault."""
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

    def finish(self, plan: Plan, body: Body) -> Reply:
        """Apply a request whose body has been read, unless its fault comes first."""
        action = plan.fault.action if plan.fault else None
        after = plan.fault is not None and plan.fault.when == "after"
        ignored = set(plan.record.ignored)
        if action is not None and action.reply is not None and not after:
            reply = action.reply
        else:
            reply = self._answer(plan, body, ignored)
            if action is not None and action.reply is not None:
                reply = action.reply
        if action is not None:
            if action.delivery is not None:
                reply = evolve(reply, delivery=action.delivery)
            if after:
                reply = evolve(reply, pause=action.pause)
        if self.date_header:
            reply = reply.with_header("Date", self._http_date())
        self._note(plan, reply.status or None, ignored)
        return reply

    def abandon(self, plan: Plan) -> None:
        """Log a request that ended before its body was read."""
        self._note(plan, None, set(plan.record.ignored))

    def _answer(self, plan: Plan, body: Body, ignored: set[str]) -> Reply:
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
                    call.caller = self._authorise(plan.head)
            if not route.locked:
                return route.handler(call)
            with self._lock:
                return route.handler(call)
        except RequestRefusedError as refused:
            return refused.reply

    def _json(self, call: Call) -> dict[str, Any]:
        """The JSON object of a request's body, or the refusal of anything else."""
        if call.head.media_type != "application/json":
            raise RequestRefusedError(self._error(415, "Only application/json is supported."))
        try:
            value = json.loads(str(call.body, "utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise RequestRefusedError(self._error(400, "The body is not valid JSON.")) from None
        if not isinstance(value, dict):
            raise RequestRefusedError(self._error(400, "The body is not a JSON object."))
        return cast("dict[str, Any]", value)

    # Routing, log, date

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
        if self._date[0] != now:  # formatting costs more than many a request
            self._date = (now, formatdate(now, usegmt=True))
        return self._date[1]


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def require(values: Mapping[str, Any], **types: type | tuple[type, ...]) -> list[str]:
    """The names that are missing, null, empty text, or of another type than stated."""
    wrong: list[str] = []
    for name, kind in types.items():
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, kind) or value == "":
            wrong.append(name)
    return wrong
