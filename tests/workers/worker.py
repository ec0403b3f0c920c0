"""A worker process: obeys one order after the other, with credentials of its own environment.

Orders come as JSON lines on standard input; each is answered with one on standard output, once to
say that it has begun and once to say how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from _client_kit import _clock
from bridge import BusyError, CheckpointStore, ConnectionConfig, Lease, Row, ServiceError
from harness.clock import SharedClock
from support.stores import open_store


class StopsAfterIntent:
    """A store after whose first commit of an intent the whole process stands still."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, lease: Lease, *, rows: Sequence[Row] = (), **rest: Any) -> None:
        """Commit, and stop when a document is about to be sent."""
        self._store.commit(lease, rows=rows, **rest)
        if any(row.state == "sending" for row in rows):
            os.kill(os.getpid(), signal.SIGSTOP)


def obey(order: dict[str, Any]) -> dict[str, Any]:
    """Activate or export one connection, and say how it went."""
    clock = SharedClock(Path(order["clock"]))
    # A worker that was stopped finds that time has passed, as it would after a real pause.
    _clock.monotonic = lambda: time.monotonic() + clock() - time.time()
    store = open_store(order["store"], clock)
    used: Any = StopsAfterIntent(store) if order.get("stop_after_intent") else store
    try:
        config = ConnectionConfig.from_dict(order["config"])
        with config.open(checkpoints=used, clock=clock) as connection:
            if order["verb"] == "activate":
                return {"activated": connection.activate().new}
            report = connection.export_new()
            return {"exported": report.exported, "recovered": report.recovered}
    except BusyError as busy:
        return {"busy": busy.held_until and busy.held_until.timestamp()}
    except ServiceError as error:
        return {"error": type(error).__name__, "message": str(error)}
    finally:
        store.close()
        clock.close()


def main() -> None:
    """Obey until there are no more orders."""
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps("begun"), flush=True)
        print(json.dumps(obey(order)), flush=True)


if __name__ == "__main__":
    main()
