"""The errors around checkpoints travel between processes, and say what to do."""

from __future__ import annotations

import pickle

import pytest

from _client_kit._errors import ConfigurationError, ServiceError, StoreError
from bridge._errors import BusyError, LeaseLostError, NotActivatedError
from bridge._stores.memory import MemoryCheckpoints
from bridge._stores.protocol import Lease, held_until


@pytest.mark.parametrize(
    ("error", "parent", "retryable"),
    [
        (LeaseLostError(), StoreError, True),
        (BusyError(held_until=12.5), StoreError, True),
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
    assert BusyError(held_until=12.5).held_until == 12.5
    assert BusyError().held_until is None


def test_a_store_need_not_tell_until_when() -> None:
    """A store without held_until() is asked nothing."""

    class Plain(MemoryCheckpoints):
        held_until = None  # type: ignore[assignment]

    assert held_until(Plain(), "k") is None
    telling = MemoryCheckpoints(clock=lambda: 100.0)
    assert telling.acquire("k", "worker", 5) == Lease("k", 1)
    assert held_until(telling, "k") == 105.0
