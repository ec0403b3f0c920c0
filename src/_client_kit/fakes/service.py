"""The base class of the fake services: routes, scripted faults, tokens, request log."""

from __future__ import annotations

import json
import math
import re
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from email.utils import formatdate
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl, unquote

from attrs import define, evolve, field, frozen

from _client_kit.fakes.faults import NO_FAULT, Faults, ScriptedFault
from _client_kit.fakes.wire import FakeRequest, Reply, RequestRefusedError, html_reply

LOG_SIZE = 10_000


@frozen(eq=False)
class Route:
    """A method and path that a fake service answers, with the function that makes the answer."""

    operation: str
    method: str
    path: str
    """A template such as ``/spaces/{id}/files``; a placeholder matches one segment."""
    handler: Callable[[Call], Reply]
    query: frozenset[str] = frozenset()
    public: bool = False
    """Whether the operation needs no token."""
    origin: str = "api"


@define(eq=False)
class Call(FakeRequest):
    """A request that is being answered; then it is an entry of ``FakeService.requests``."""

    target: str = field(kw_only=True, repr=False)
    """Path and query exactly as they were sent: the signature of a signed URL covers them."""
    storage_url: str = field(default="", kw_only=True)
    """The storage's base URL, as this client can reach it."""
    body: bytes = field(default=b"", repr=False)
    route: Route | None = None
    args: tuple[str, ...] = ()
    """The values of the placeholders in the route's path."""
    scripted: ScriptedFault = NO_FAULT

    @property
    def cut(self) -> int | None:
        """Number of bytes of the body to read before the connection is closed; None for all."""
        return self.scripted.action.body_read if self.scripted.when == "before" else None

    @property
    def pause(self) -> float:
        """Seconds to wait before the request is applied or fails."""
        return self.scripted.action.pause if self.scripted.when == "before" else 0.0

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@define(eq=False, repr=False, slots=False, kw_only=True)
class FakeService:
    """Base of both fakes: it finds routes, applies scripted faults and logs the requests.

    Attributes:
        clock: Returns the service's time in seconds since the epoch.
        sleep: Waits for the seconds of a scripted delay.
        date_header: Whether answers carry a ``Date`` header with the time of ``clock``.
        token_life: Lifetime in seconds of tokens issued from now on.
        token_uses: Number of requests for which a new token is valid; None for no limit.
        hosts: Hosts that the transport answers for; both fakes have the real service's by default.
        faults: The scripted faults; a test calls ``faults.add()``.
        on_request: Called with each request before it is handled; None to call nothing.
        answer_headers: Headers for every answer that does not have them already, for example a
            ``Set-Cookie``.
        counts: Number of requests per operation since the fake was made.
    """

    storage_host: ClassVar[str] = ""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep
    date_header: bool = True
    token_life: float = 300.0
    token_uses: int | None = None
    hosts: frozenset[str] = frozenset()
    faults: Faults = field(init=False)
    on_request: Callable[[FakeRequest], object] | None = field(init=False, default=None)
    answer_headers: dict[str, str] = field(init=False, factory=dict[str, str])
    counts: Counter[str] = field(init=False, factory=Counter[str])

    def __attrs_post_init__(self) -> None:
        """Start without requests, tokens and scripted faults."""
        self._lock = threading.RLock()
        self._log: deque[FakeRequest] = deque(maxlen=LOG_SIZE)
        self._tokens: dict[str, tuple[float, float]] = {}
        routes = self._routes()
        self._patterns = [(route, _pattern(route.path)) for route in routes]
        self.faults = Faults(route.operation for route in routes)

    # Subclasses define the next two methods.

    def _routes(self) -> Sequence[Route]:
        raise NotImplementedError

    def _error(self, status: int, detail: str) -> Reply:
        """Return an error in the service's own format."""
        raise NotImplementedError

    @property
    def requests(self) -> list[FakeRequest]:
        """The latest requests, at most 10,000, oldest first."""
        with self._lock:
            return list(self._log)

    def begin(self, call: Call) -> None:
        """Find the route of a request, call ``on_request`` and choose the fault."""
        call.path, _, query = call.target.partition("?")
        call.query = dict(parse_qsl(query, keep_blank_values=True))
        self._find_route(call)
        if self.on_request is not None:
            self.on_request(call)
        call.scripted = self.faults.next(call.operation) or NO_FAULT
        call.fault = call.scripted.action.name or None

    def finish(self, call: Call) -> Reply:
        """Return the answer to a request, and apply the request unless its fault prevents it."""
        action = call.scripted.action
        reply, after = action.reply, call.scripted.when == "after"
        if reply is None or after:
            answer = self._answer(call)
            reply = reply or answer
        date = {"Date": formatdate(self.clock(), usegmt=True)} if self.date_header else {}
        self.note(call, reply.status or None)
        return evolve(
            reply,
            headers=reply.headers_and({**self.answer_headers, **date}),
            pause=action.pause if after else 0.0,
            delivery=action.delivery,
            size=action.size,
        )

    def note(self, call: Call, status: int | None = None) -> None:
        """Count and log a request; ``status`` is None if the client gets no answer."""
        call.status, call.body = status, b""
        with self._lock:
            self.counts[call.operation] += 1
            self._log.append(call)

    def _answer(self, call: Call) -> Reply:
        route = call.route
        if route is None:
            return html_reply("404 - not found", 404)
        try:
            with self._lock:
                if not route.public:
                    scheme, _, token = call.headers.get("authorization", "").partition(" ")
                    if scheme != "Bearer" or not self._spend(token):
                        return Reply(401)
                return route.handler(call)
        except RequestRefusedError as refused:
            return refused.reply

    def _issue(self) -> str:
        """Return a token that is valid for `token_life` seconds and `token_uses` requests."""
        token = secrets.token_urlsafe(32)
        uses = math.inf if self.token_uses is None else self.token_uses
        self._tokens[token] = (self.clock() + self.token_life, uses)
        return token

    def _spend(self, token: str) -> bool:
        """Count one use of a token; return False if it is unknown, expired or used up."""
        expires, uses = self._tokens.get(token, (0.0, 0.0))
        if self.clock() >= expires or uses < 1:
            return False
        self._tokens[token] = (expires, uses - 1)
        return True

    def _refused(self, status: int, detail: str) -> RequestRefusedError:
        return RequestRefusedError(self._error(status, detail))

    def _json(self, call: Call) -> dict[str, Any]:
        """Return the JSON object in a request's body; raise an error if there is none."""
        if call.media_type != "application/json":
            raise self._refused(415, "Only application/json is supported.")
        try:
            value = json.loads(str(call.body, "utf-8"))
        except (ValueError, RecursionError):
            raise self._refused(400, "The body is not valid JSON.") from None
        if not isinstance(value, dict):
            raise self._refused(400, "The body is not a JSON object.")
        return cast("dict[str, Any]", value)

    def _find_route(self, call: Call) -> None:
        for route, pattern in self._patterns:
            match = pattern.fullmatch(call.path)
            if match and (route.method, route.origin) == (call.method, call.origin):
                call.route, call.args = route, tuple(map(unquote, match.groups()))
                call.operation = route.operation
                if route.origin == "api":
                    call.ignored = tuple(sorted(call.query.keys() - route.query))
                return


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path)))


def require(
    values: Mapping[str, Any], optional: Collection[str], **types: type | tuple[type, ...]
) -> list[str]:
    """Return the names of wrong members of a JSON object.

    The members in ``types`` are required. Each is wrong if it is missing, null, an empty text, or
    of another type. A member that is neither required nor optional is wrong too.
    """
    wrong: list[str] = []
    for name, kind in types.items():
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, kind) or value == "":
            wrong.append(name)
    return wrong + sorted(values.keys() - types.keys() - set(optional))
