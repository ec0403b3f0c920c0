"""The monotonic clock for deadlines and the lifetime of tokens.

Call it as ``_clock.monotonic()``: a test replaces the function here for all callers.
"""

from __future__ import annotations

import math
import time

from attrs import frozen

__all__ = ["Deadline", "monotonic"]

monotonic = time.monotonic


@frozen
class Deadline:
    """The time on the monotonic clock by which a call must end; infinity for no limit."""

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Return the deadline this many seconds from now; None means no limit."""
        return cls() if seconds is None else cls(monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left, at least 0; infinity without a limit."""
        return max(0.0, self.at - monotonic())
