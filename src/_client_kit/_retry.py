"""Decide whether a call is repeated, and how long to wait before that.

The loop that uses the policy is ``AsyncCalls.repeat`` in ``_async/_calls.py``. Whether a document
is tried again in a later run is decided in ``bridge/_delivery``.

The policy is our own, with the parameters of the library stamina. The loop needs the response's
body, which shows whether a 500 is a refusal, and the caller's deadline. A retry library has
neither.
"""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime

from attrs import frozen

from _client_kit._arguments import argument_error, check_seconds
from _client_kit._errors import ServiceError
from _client_kit._times import parse_time

MAX_RETRY_AFTER = 3600.0
_SECONDS = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds in a ``Retry-After`` header: a number or an HTTP date.

    See RFC 9110, 10.2.3. The result is limited to 0 to 3600; it is None if the header is absent
    or invalid. The seconds to a date count from ``now``, by default this machine's time. Pass the
    response's ``Date``, which comes from the same clock as ``Retry-After``.
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
    """How often a call is repeated, and how long the pauses are.

    Attributes:
        attempts: Number of tries, including the first.
        wait_initial: Seconds before the second try; each further pause is twice as long.
        wait_max: Longest pause in seconds without jitter. A service's ``Retry-After`` replaces the
            pause, even by a longer one.
        wait_jitter: Random time added to each pause, at most this many seconds.
    """

    attempts: int = 4
    wait_initial: float = 0.25
    wait_max: float = 10.0
    wait_jitter: float = 0.25

    def __attrs_post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            wanted = "a whole number from 1 up"
            raise argument_error("attempts", wanted, self.attempts, service="bridge")
        for name in ("wait_initial", "wait_max", "wait_jitter"):
            check_seconds(getattr(self, name), name, service="bridge", zero=True)

    def pause(self, error: ServiceError, *, tried: int, safe: bool) -> float | None:
        """Return the seconds to wait before the next try, or None to give up.

        A call that is not safe is repeated only if the error says that it was not applied.

        Args:
            error: The error of the last try.
            tried: Number of tries so far.
            safe: Whether the call only reads, so that a repetition changes nothing.
        """
        if tried >= self.attempts or not error.retryable:
            return None
        if not safe and error.applied is not False:
            return None
        if error.retry_after is not None:
            wait = error.retry_after
        else:
            wait = min(self.wait_initial * 2.0 ** (tried - 1), self.wait_max)
        return wait + random.uniform(0.0, self.wait_jitter)  # noqa: S311 - no secret
