"""Scripted faults: which call of which operation fails, how, and whether it is applied."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from _client_kit.fakes.wire import Delivery, Reply, html_reply

When = Literal["before", "after"]
"""``"before"``: the request is not applied. ``"after"``: it is applied, then it fails."""


@frozen
class Fault:
    """One way in which a call fails; make it with the static methods below.

    `truncate`, and `delay` without ``then=``, change only when and how the real answer arrives, so
    the request is always applied.
    """

    name: str
    reply: Reply | None = field(default=None, repr=False)
    """The answer to send instead of the real one; None sends the real one."""
    delivery: Delivery = "whole"
    size: int = 0
    pause: float = 0.0
    body_read: int | None = None
    """Number of bytes of the request's body to read before dropping the connection; None for the
    whole body."""

    @staticmethod
    def status(
        code: int,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """Answer with this status; a mapping as the body is sent as JSON."""
        given = dict(headers or {})
        if isinstance(body, Mapping):
            body = json.dumps(body)
            given.setdefault("Content-Type", "application/json")
        raw = body.encode() if isinstance(body, str) else body
        return Fault(f"status {code}", Reply(code, raw, given))

    @staticmethod
    def rate_limit(retry_after: float | str | None = None) -> Fault:
        """Answer 429 with ``Retry-After``: seconds or an HTTP date; None sends no such header."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Fault.status(429, headers=headers)

    @staticmethod
    def html(title: str = "Down for maintenance", status: int = 200) -> Fault:
        """Answer with a web page instead of JSON."""
        return Fault("html", html_reply(title, status))

    @staticmethod
    def drop(*, reset: bool = True, body_read: int | None = None) -> Fault:
        """Close the connection without an answer.

        Args:
            reset: Whether to close with a TCP reset; otherwise in an orderly way. With
                ``body_read`` and ``when="before"``, the connection is always reset.
            body_read: Number of bytes of the request's body to read before closing. The client may
                still be writing then, and the request is not applied. None reads the whole body,
                and so does ``when="after"``.
        """
        return Fault("drop", Reply(0), "reset" if reset else "drop", body_read=body_read)

    @staticmethod
    def delay(seconds: float, then: Fault | None = None) -> Fault:
        """Wait with the fake's ``sleep``; then answer, or fail with another fault.

        With ``when="before"``, the request is applied after the wait: a client that gives up early
        does not see the effect of its request yet. Without ``then``, the request is applied even if
        the client stops waiting; the httpx transport applies it at the client's read timeout. For a
        request that is never applied, use ``then=Fault.drop()`` with ``when="before"``.
        """
        if then is None:
            return Fault("delay", pause=seconds)
        return evolve(then, name=f"delay, {then.name}", pause=seconds)

    @staticmethod
    def truncate(size: int) -> Fault:
        """Send this many bytes of the body with the whole body's Content-Length, then close."""
        return Fault("truncate", delivery="truncate", size=size)

    @staticmethod
    def garbage(raw: bytes = b"\x16\x03\x01 no http at all\r\n\r\n") -> Fault:
        """Answer with bytes that are not HTTP, then close."""
        return Fault("garbage", Reply(0, raw), "garbage")


@define(eq=False)
class ScriptedFault:
    """A fault, with the operation and the numbers of the calls to which it applies.

    Attributes:
        seen: Number of calls of the operation since the fault was added.
        fired: Number of calls that the fault has hit.
    """

    operation: str
    action: Fault
    nth: int
    times: int | None
    when: When
    seen: int = 0
    fired: int = 0

    def _due(self, operation: str) -> bool:
        if self.operation not in {operation, "*"}:
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


NO_FAULT = ScriptedFault("", Fault(""), 1, 0, "before")


class Faults:
    """The scripted faults of a fake."""

    def __init__(self, operations: Iterable[str]) -> None:
        """Start without faults, for a service with these operations."""
        self._operations = frozenset(operations) | {"unknown", "*"}
        self._lock = threading.Lock()
        self._script: list[ScriptedFault] = []

    def add(
        self,
        operation: str,
        *,
        action: Fault,
        nth: int | None = None,
        times: int | None = None,
        when: When = "before",
    ) -> ScriptedFault:
        """Add a fault for some calls of an operation.

        Args:
            operation: The operation's name, ``"*"`` for all, or ``"unknown"`` for requests that
                match no operation.
            action: How the calls fail, such as ``Fault.status(503)``.
            nth: The first call that is hit; 1 is the next call. None is the same as 1.
            times: How many calls in a row are hit. None means 1 if `nth` is given, else all.
            when: Whether the call fails before the request is applied, or after.

        Returns:
            The scripted fault; its ``fired`` counts the calls that it has hit.

        Raises:
            ValueError: There is no such operation, or ``nth`` is less than 1.
        """
        if operation not in self._operations:
            known = ", ".join(sorted(self._operations))
            raise ValueError(f"there is no operation {operation!r}; there are: {known}")
        if nth is not None and nth < 1:
            raise ValueError("nth counts calls from 1")
        if times is None and nth is not None:
            times = 1
        line = ScriptedFault(operation, action, nth or 1, times, when)
        with self._lock:
            self._script.append(line)
        return line

    def clear(self) -> None:
        """Remove all scripted faults."""
        with self._lock:
            self._script.clear()

    def next(self, operation: str) -> ScriptedFault | None:
        """Count one call; return the first scripted fault that hits it, or None."""
        if not self._script:
            return None
        with self._lock:
            due = [line for line in self._script if line._due(operation)]
            if not due:
                return None
            due[0].fired += 1
            return due[0]
