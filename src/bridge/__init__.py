"""Moves new invoices from a Banqup space to a Zenvoices company."""

import typing as _typing

from _client_kit._errors import ServiceError, StoreError
from _client_kit._lazy import lazy_names as _lazy_names
from bridge._errors import Busy, LeaseLost, NotActivated
from bridge._store_sqlite import SQLiteCheckpoints
from bridge._sync._connection import Connection

if _typing.TYPE_CHECKING:
    from bridge._async._connection import AsyncConnection
    from bridge._checkpoints import CheckpointStore, Lease, Row
    from bridge._config import ConnectionConfig
    from bridge._deliveries import Deliveries, DeliveryRow
    from bridge._eligibility import Exportable, Skip, Wait, default_exportable
    from bridge._events import (
        DocumentFailed,
        DocumentFound,
        DocumentSent,
        DocumentSettled,
        DocumentSkipped,
        DocumentUncertain,
        DocumentWaiting,
        Event,
        Listener,
        RunEnded,
        RunStarted,
    )
    from bridge._mapper import AsyncMapper, Mapper, SourceFile, default_mapper
    from bridge._mappers import JournalRule, journal, named, only
    from bridge._progress import ProgressBar
    from bridge._report import (
        Activation,
        Confirmation,
        ExportReport,
        Request,
        Status,
    )
    from bridge._store_hook import HookCheckpoints
    from bridge._store_memory import MemoryCheckpoints
    from bridge._store_sqlalchemy import SQLAlchemyCheckpoints
    from bridge._verification import Check, Verification

__all__ = [
    "Activation",
    "AsyncConnection",
    "AsyncMapper",
    "Busy",
    "Check",
    "CheckpointStore",
    "Confirmation",
    "Connection",
    "ConnectionConfig",
    "Deliveries",
    "DeliveryRow",
    "DocumentFailed",
    "DocumentFound",
    "DocumentSent",
    "DocumentSettled",
    "DocumentSkipped",
    "DocumentUncertain",
    "DocumentWaiting",
    "Event",
    "ExportReport",
    "Exportable",
    "HookCheckpoints",
    "JournalRule",
    "Lease",
    "LeaseLost",
    "Listener",
    "Mapper",
    "MemoryCheckpoints",
    "NotActivated",
    "ProgressBar",
    "Request",
    "Row",
    "RunEnded",
    "RunStarted",
    "SQLAlchemyCheckpoints",
    "SQLiteCheckpoints",
    "ServiceError",
    "Skip",
    "SourceFile",
    "Status",
    "StoreError",
    "Verification",
    "Wait",
    "default_exportable",
    "default_mapper",
    "journal",
    "named",
    "only",
]

# Loaded when first used: not every application needs them.
_LAZY = {
    "CheckpointStore": "bridge._checkpoints",
    "Lease": "bridge._checkpoints",
    "Row": "bridge._checkpoints",
    "Exportable": "bridge._eligibility",
    "Skip": "bridge._eligibility",
    "Wait": "bridge._eligibility",
    "default_exportable": "bridge._eligibility",
    "DocumentFailed": "bridge._events",
    "DocumentFound": "bridge._events",
    "DocumentSent": "bridge._events",
    "DocumentSettled": "bridge._events",
    "DocumentSkipped": "bridge._events",
    "DocumentUncertain": "bridge._events",
    "DocumentWaiting": "bridge._events",
    "Event": "bridge._events",
    "Listener": "bridge._events",
    "RunEnded": "bridge._events",
    "RunStarted": "bridge._events",
    "AsyncMapper": "bridge._mapper",
    "Mapper": "bridge._mapper",
    "SourceFile": "bridge._mapper",
    "default_mapper": "bridge._mapper",
    "Activation": "bridge._report",
    "Confirmation": "bridge._report",
    "Deliveries": "bridge._deliveries",
    "DeliveryRow": "bridge._deliveries",
    "ExportReport": "bridge._report",
    "Request": "bridge._report",
    "Status": "bridge._report",
    "MemoryCheckpoints": "bridge._store_memory",
    "Check": "bridge._verification",
    "Verification": "bridge._verification",
    "AsyncConnection": "bridge._async._connection",
    "ConnectionConfig": "bridge._config",
    "JournalRule": "bridge._mappers",
    "ProgressBar": "bridge._progress",
    "journal": "bridge._mappers",
    "named": "bridge._mappers",
    "only": "bridge._mappers",
    "HookCheckpoints": "bridge._store_hook",
    "SQLAlchemyCheckpoints": "bridge._store_sqlalchemy",
}

# Type checkers see the imports above, and so still find a name that is misspelt.
if not _typing.TYPE_CHECKING:  # pragma: no branch - true whenever it runs
    __getattr__, __dir__ = _lazy_names(globals(), _LAZY)
