"""The errors around checkpoints travel between processes, and say what to do."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest

from _client_kit._errors import ConfigurationError, ServiceError, StoreError
from bridge._errors import BusyError, LeaseLostError, NotActivatedError
from bridge._stores.memory import MemoryCheckpoints
from bridge._stores.protocol import Lease, held_until

UNTIL = datetime(2026, 11, 29, 13, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "parent", "retryable"),
    [
        (LeaseLostError(), StoreError, True),
        (BusyError(held_until=UNTIL), StoreError, True),
        (NotActivatedError(), ConfigurationError, False),
    ],
    ids=["LeaseLostError", "BusyError", "NotActivatedError"],
)
def test_errors_travel(error: ServiceError, parent: type[ServiceError], retryable: bool) -> None:
    """Each is the bridge's, in its place in the tree, with a hint, and survives pickling."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert isinstance(error, parent)
    assert (error.service, error.retryable) == ("bridge", retryable)
    assert error.hint


def test_busy_knows_until_when() -> None:
    """held_until is kept where the store can tell, and None otherwise."""
    assert BusyError(held_until=UNTIL).held_until == UNTIL
    assert BusyError().held_until is None


@pytest.mark.parametrize("hours", [-5, 0, 1, 14])
def test_busy_says_until_when_in_local_time(hours: int) -> None:
    """The text has the machine's own time and UTC; a killed run keeps the lease till then."""
    until = UNTIL.astimezone(timezone(timedelta(hours=hours)))
    error = BusyError(held_until=until)
    local = UNTIL.astimezone()
    assert f"until {local:%Y-%m-%d %H:%M} " in str(error)
    assert "killed" in str(error)
    assert "killed" in str(BusyError())


def test_a_store_need_not_tell_until_when() -> None:
    """A store without held_until() is asked nothing."""

    class Plain(MemoryCheckpoints):
        held_until = None  # type: ignore[assignment]

    assert held_until(Plain(), "k") is None
    telling = MemoryCheckpoints(clock=lambda: 100.0)
    assert telling.acquire("k", "worker", 5) == Lease("k", 1)
    assert held_until(telling, "k") == datetime.fromtimestamp(105, UTC)
