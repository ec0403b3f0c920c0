"""Whether a document is new since activation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge._delivery.newness import (
    created_during_activation,
    missed_by_activation,
    status_since_activation,
)

ACTIVATED = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "during", "missed"),
    [(1, True, False), (0, False, False), (-24, False, False), (-25, False, True)],
)
def test_age_of_a_document(hours: int, during: bool, missed: bool) -> None:
    """A document is new when it is younger than activation, or at most a day older."""
    created = ACTIVATED + timedelta(hours=hours)
    assert created_during_activation(created, ACTIVATED) is during
    assert missed_by_activation(created, ACTIVATED) is missed


@pytest.mark.parametrize(("created", "activated"), [(None, ACTIVATED), (ACTIVATED, None)])
def test_unknown_age(created: datetime | None, activated: datetime | None) -> None:
    """Without both times, a document's age decides nothing."""
    assert not created_during_activation(created, activated)
    assert not missed_by_activation(created, activated)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("DRAFT", "VALIDATED", "changed"),
        ("DRAFT", "DRAFT", "unchanged"),
        ("DRAFT", None, "unchanged"),
        (None, None, "unchanged"),
        (None, "VALIDATED", "first shown"),
    ],
)
def test_status_since_activation(before: str | None, now: str | None, expected: str) -> None:
    """Only a status that differs from a known one makes an old document new."""
    assert status_since_activation(before, now) == expected
