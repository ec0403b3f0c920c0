"""The rules of a checkpoint store as tests, for stores we never saw.

Nothing here sleeps for long or needs more than pytest: leases are as short as a store's clock can
tell, and whatever is random is drawn from a fixed seed.
"""

from __future__ import annotations

import inspect
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bridge._stores.protocol import CheckpointStore
from bridge.testing._store_rules import lease, rows
from bridge.testing._store_rules.store_suite import StoreSuite

__all__ = ["OpenStore", "checkpoint_conformance"]

Rule = Callable[[StoreSuite], None]
RULES: dict[str, Rule] = {
    name.replace("_", "-"): function
    for module in (rows, lease)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__
}

OpenStore = Callable[[Path], CheckpointStore]
"""Opens the store under test. Gets an empty directory of its own for each rule; called again with
the same directory, it opens the same data once more."""


def checkpoint_conformance(
    open_store: OpenStore,
    *,
    shared: bool = True,
    advance: Callable[[float], None] | None = None,
) -> Callable[..., None]:
    """A test for a store of one's own, in one line; pytest shows every rule by its name.

    ::

        test_my_store = checkpoint_conformance(lambda directory: MyStore(directory / "state"))

    Args:
        open_store: Opens the store under test, see :data:`OpenStore`. A store that lives
            elsewhere ignores the directory: every rule uses keys of its own.
        shared: Whether two stores opened on one directory see the same data. False for a store
            in memory; the rules then use one store from all sides.
        advance: Moves the store's clock forward, where a test can; without it, the suite waits
            for leases of a quarter of a second to end.
    """
    import pytest

    pass_time = advance or time.sleep
    if not __debug__:
        raise RuntimeError("under python -O these tests would check nothing")

    @pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
    def test_checkpoint_store(rule: Rule, tmp_path: Path) -> None:
        """The store keeps the rule it is named after."""
        stores = [open_store(tmp_path) for _ in range(4 if shared else 1)]
        try:
            rule(StoreSuite(stores * (4 // len(stores)), pass_time, f"conformance {uuid.uuid4()}"))
        finally:
            for store in stores:
                close: Callable[[], object] = getattr(store, "close", lambda: None)
                close()

    return test_checkpoint_store
