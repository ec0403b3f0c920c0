"""The rules of a checkpoint store as tests, for stores we never saw.

Nothing here sleeps for long or needs more than pytest: leases are as short as a store's clock can
tell, and whatever is random is drawn from a fixed seed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bridge._stores.protocol import CheckpointStore
from bridge.testing._store_rules import lease as _conformance_lease
from bridge.testing._store_rules import rows as _conformance_rows
from bridge.testing._store_rules.bench import RULES, Bench

__all__ = ["OpenStore", "checkpoint_conformance"]

_MODULES = (_conformance_rows, _conformance_lease)
"""Imported for the rules they hold."""

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

    if not __debug__:
        raise RuntimeError("under python -O these tests would check nothing")

    @pytest.mark.parametrize("rule", RULES, ids=[_title(rule) for rule in RULES])
    def test_checkpoint_store(rule: Callable[[Bench], None], tmp_path: Path) -> None:
        """The store keeps the rule it is named after."""
        opened: list[CheckpointStore] = []

        def opener() -> CheckpointStore:
            if shared or not opened:
                opened.append(open_store(tmp_path))
            return opened[-1]

        try:
            rule(Bench(opener, advance or time.sleep, f"conformance {uuid.uuid4()}"))
        finally:
            for store in opened:
                close: Callable[[], object] = getattr(store, "close", lambda: None)
                close()

    return test_checkpoint_store


def _title(rule: Callable[[Bench], None]) -> str:
    return rule.__name__.strip("_").replace("_", "-")
