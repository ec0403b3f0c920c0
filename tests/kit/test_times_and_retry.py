"""Times as services write them, and when to try again."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._errors import (
    CredentialsError,
    OutcomeUnknownError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from _client_kit._retry import MAX_RETRY_AFTER, RetryPolicy, parse_retry_after
from _client_kit._times import parse_time

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC)
)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, ZONES)
def test_iso_round_trip(moment: datetime, zone: timezone) -> None:
    """A moment is the same moment in any zone it is written in."""
    assert parse_time(moment.astimezone(zone).isoformat()) == moment
    assert parse_time(f" {moment.isoformat().replace('+00:00', 'Z')} ") == moment


@given(MOMENTS.map(lambda moment: moment.replace(microsecond=0)))
def test_http_date_round_trip(moment: datetime) -> None:
    """An HTTP date is read to the second."""
    assert parse_time(format_datetime(moment, usegmt=True)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00.123Z", datetime(2026, 3, 1, 10, 0, 0, 123000, tzinfo=UTC)),
        ("2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("Sun, 01 Mar 2026 10:00:00 GMT", datetime(2026, 3, 1, 10, tzinfo=UTC)),
    ],
)
def test_known_forms(text: str, moment: datetime) -> None:
    """Both timestamp formats of the services, and a missing zone, are understood."""
    value = parse_time(text)
    assert value == moment
    assert value.utcoffset() == timedelta(0)


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, ?\d+ [A-Za-z]+ \d+ [\d:+-]* ?[A-Z+-]*\d*"))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """Hostile text raises ValueError and nothing else."""
    with contextlib.suppress(ValueError):
        assert parse_time(text).tzinfo is not None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_outside_the_calendar(text: str) -> None:
    """A time that UTC cannot express is refused."""
    with pytest.raises(ValueError, match="neither"):
        parse_time(text)


NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("NaN", None),
        ("Infinity", None),
        ("1_000", None),
        ("0x10", None),
        ("\u0663", None),  # a digit, but not one of HTTP's
        ("12", 12.0),
        (" 12.5 ", 12.5),
        ("-1", 0.0),
        ("9" * 500, MAX_RETRY_AFTER),
        ("Sun, 01 Mar 2026 10:02:00 GMT", 120.0),
        ("Sun, 01 Mar 2020 10:02:00 GMT", 0.0),
        ("Sun, 01 Mar 2099 10:02:00 GMT", MAX_RETRY_AFTER),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds or a date, clamped to an hour; what is neither is as if it were absent."""
    assert parse_retry_after(header, NOW) == seconds


@given(st.text())
def test_retry_after_never_raises(header: str) -> None:
    """Any header gives nothing or a pause within bounds."""
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER


STEADY = RetryPolicy(wait_jitter=0.0)


def test_pauses_double_up_to_the_longest() -> None:
    """Each pause is twice the one before, until the longest."""
    policy = RetryPolicy(attempts=9, wait_jitter=0.0)
    error = UnavailableError("x", service="bridge")
    pauses = [policy.pause(error, tried=tried, safe=True) for tried in range(1, 10)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, None]


def test_jitter_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause is longer by a random part, Retry-After too, never shorter."""
    monkeypatch.setattr(random, "uniform", lambda least, most: (least + most) / 2)
    policy = RetryPolicy(wait_jitter=2.0)
    error = RateLimitedError("x", service="bridge", retry_after=3.0)
    assert policy.pause(error, tried=1, safe=False) == 4.0
    assert policy.pause(UnavailableError("x", service="bridge"), tried=1, safe=True) == 1.25


@pytest.mark.parametrize(
    ("error", "safe", "again"),
    [
        (RateLimitedError, True, True),
        (RateLimitedError, False, True),
        (UnavailableError, True, True),
        (UnavailableError, False, True),
        (OutcomeUnknownError, True, True),
        (OutcomeUnknownError, False, False),
        (ProtocolError, True, False),
        (ProtocolError, False, False),
        (RejectedError, False, False),
        (CredentialsError, True, False),
    ],
)
def test_what_is_tried_again(error: type[ServiceError], safe: bool, again: bool) -> None:
    """An unsafe call is repeated only when it was definitely not applied."""
    pause = STEADY.pause(error("x", service="bridge"), tried=1, safe=safe)
    assert (pause is not None) is again
