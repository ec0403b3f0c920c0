"""When to try a call again, and after how long.

The policy is our own (parameters as in stamina) because it needs the answer's body, to tell a
refusal from a fault, and the caller's deadline; no library sees both.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime

from attrs import frozen

from _client_kit._arguments import argument_error, check_function, check_seconds
from _client_kit._errors import ServiceError
from _client_kit._times import parse_time

__all__ = ["RetryPolicy", "parse_retry_after"]

MAX_RETRY_AFTER = 3600.0
_SECONDS = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait from a ``Retry-After`` header, seconds or HTTP date (RFC 9110, 10.2.3).

    Clamped to 0 to 3600; None when absent or not understood. A date counts from ``now``, for
    which the answer's own ``Date`` is best: it shares the server's clock.
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    else:
        try:
            seconds = (parse_time(value) - (now or datetime.now(UTC))).total_seconds()
        except ValueError:
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


@frozen
class RetryPolicy:
    """How often and how patiently a call is repeated.

    Attributes:
        attempts: Tries in all, the first included.
        wait_initial: Seconds before the second try.
        wait_max: Longest pause of our own choosing; a service's Retry-After may be longer.
        wait_jitter: At most this many random seconds are added to a pause.
        random: Where the jitter comes from, in 0 to 1.
    """

    attempts: int = 4
    wait_initial: float = 0.25
    wait_max: float = 10.0
    wait_jitter: float = 0.25
    random: Callable[[], float] = random.random

    def __attrs_post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            wanted = "a whole number from 1 up"
            raise argument_error("attempts", wanted, self.attempts, service="bridge")
        for name in ("wait_initial", "wait_max", "wait_jitter"):
            check_seconds(getattr(self, name), name, service="bridge", zero=True)
        check_function(self.random, "random", service="bridge")

    def pause(self, error: ServiceError, *, tried: int, safe: bool) -> float | None:
        """Seconds to wait before the next try, or None for "give up".

        Args:
            error: Why the last try failed.
            tried: How many tries have been made.
            safe: Whether the call only reads, so that repeating it changes nothing.
        """
        if tried >= self.attempts or not error.retryable:
            return None
        if not safe and error.applied is not False:
            return None
        if error.retry_after is not None:
            return error.retry_after + self.wait_jitter * self.random()
        wait = min(self.wait_initial * 2.0 ** (tried - 1), self.wait_max)
        return wait + self.wait_jitter * self.random()
