"""Exports connections with the standard library's process pool, in several processes at once.

Usage: python process_pool.py connections.toml
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from bridge import BusyError, ConnectionConfig, ExportReport, ServiceError


def export_new(config: ConnectionConfig) -> ExportReport:
    """What a process does; the report comes back whole, and so does an error with its type."""
    with config.open() as connection:
        return connection.export_new()


def export_all(configs: Sequence[ConnectionConfig], processes: int = 4) -> int:
    """Export each connection and say how it went; returns how many failed."""
    failed = 0
    # "spawn" starts clean processes: a fork of one with threads may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        runs = {pool.submit(export_new, config): config for config in configs}
        for run in as_completed(runs):
            code = runs[run].company_code
            try:
                print(f"{code}: {run.result().summary()}")
            except BusyError:
                print(f"{code}: another worker is at it")
            except ServiceError as error:
                failed += 1
                print(f"{code}: {'later: ' if error.retryable else ''}{error}")
    return failed


if __name__ == "__main__":
    path = sys.argv[1] if sys.argv[1:] else "connections.toml"
    sys.exit(1 if export_all(ConnectionConfig.from_toml(path)) else 0)
