"""Make tests of a user's own checkpoint store; see `CheckpointStore` for the rules.

The tests need only pytest. Random rows come from a fixed seed; the keys are new in each run.
"""

from __future__ import annotations

import inspect
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bridge._stores.protocol import CheckpointStore
from bridge.testing._store_rules import rules
from bridge.testing._store_rules.rules import StoreSuite

Rule = Callable[[StoreSuite], None]
RULES: dict[str, Rule] = {
    name.replace("_", "-"): function
    for name, function in inspect.getmembers(rules, inspect.isfunction)
    if function.__module__ == rules.__name__ and not name.startswith("_")
}

OpenStore = Callable[[Path], CheckpointStore]
"""A function that opens the store under test. Each rule passes its own empty directory. If a rule
calls the function again with the same directory, the result must be a store on the same data."""


def checkpoint_conformance(
    open_store: OpenStore,
    *,
    shared: bool = True,
    advance: Callable[[float], None] | None = None,
) -> Callable[..., None]:
    """Return a test for your own store; pytest shows each rule by its name.

    ::

        test_my_store = checkpoint_conformance(lambda directory: MyStore(directory / "state"))

    Args:
        open_store: Opens the store under test; see :data:`OpenStore`. A store elsewhere, such as a
            database, can ignore the directory: every rule uses keys of its own.
        shared: Whether two stores opened on one directory see the same data. For a store in memory
            pass False: the rules then use one store only.
        advance: Moves the store's clock forward by a number of seconds, if a test can do that.
            Without this function, the tests wait for leases of a quarter of a second to end.
    """
    import pytest

    pass_time = advance or time.sleep

    @pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
    def test_checkpoint_store(rule: Rule, tmp_path: Path) -> None:
        """The store follows the rule."""
        stores = [open_store(tmp_path) for _ in range(4 if shared else 1)]
        try:
            rule(StoreSuite(stores * (4 // len(stores)), pass_time, f"conformance {uuid.uuid4()}"))
        finally:
            for store in stores:
                close: Callable[[], object] = getattr(store, "close", lambda: None)
                close()

    return test_checkpoint_store
