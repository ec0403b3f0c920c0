"""The monotonic clock for deadlines and the lifetime of tokens.

Call it as ``_clock.monotonic()``: a test replaces the function here for all callers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from attrs import field, frozen

monotonic = time.monotonic


def unchecked() -> None:
    """Do nothing. This is the default of ``check``, with which nothing stops an upload."""


@frozen
class Deadline:
    """The time by which a call must end.

    Attributes:
        at: The time in seconds of the monotonic clock; infinity for no limit.
        timeout: Largest number of seconds for each connect, read and write of the call.
        check: Function that is called before each request that changes something is sent, and
            before each piece of its body. It raises an exception to stop the call.
    """

    at: float = math.inf
    timeout: float = math.inf
    check: Callable[[], object] = field(default=unchecked, repr=False, eq=False)

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Return the deadline this many seconds from now; None means no limit."""
        return cls() if seconds is None else cls(monotonic() + seconds)

    def timeouts(self) -> dict[str, float]:
        """Return httpx's timeouts for the next connect, read or write.

        Raises:
            TimeoutError: The deadline has passed.
        """
        remaining = self.remaining()
        if remaining <= 0:
            raise TimeoutError
        return dict.fromkeys(("connect", "read", "write", "pool"), min(self.timeout, remaining))

    def remaining(self) -> float:
        """Return the seconds left, at least 0; infinity without a limit."""
        return max(0.0, self.at - monotonic())
