"""The monotonic clock every deadline and token life is measured by.

Call it as ``_clock.monotonic()``, so that a test can replace it here for everybody.
"""

from __future__ import annotations

import math
import time

from attrs import frozen

__all__ = ["Deadline", "monotonic"]

monotonic = time.monotonic


@frozen
class Deadline:
    """The moment, on the monotonic clock, by which a call must have ended."""

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The deadline that many seconds from now; None never comes."""
        return cls() if seconds is None else cls(monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; at least 0."""
        return max(0.0, self.at - monotonic())
