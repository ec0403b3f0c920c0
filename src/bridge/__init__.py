"""Moves new invoices from a Banqup space to a Zenvoices company."""

import typing as _typing

from _client_kit._errors import ServiceError, StoreError
from bridge._async._connection import AsyncConnection
from bridge._checkpoints import CheckpointStore, Lease, Row
from bridge._eligibility import Exportable, Skip, Wait, default_exportable
from bridge._errors import Busy, LeaseLost, NotActivated
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
from bridge._report import (
    Activation,
    Confirmation,
    Deliveries,
    DeliveryRow,
    ExportReport,
    Request,
    Status,
)
from bridge._store_memory import MemoryCheckpoints
from bridge._store_sqlite import SQLiteCheckpoints
from bridge._sync._connection import Connection
from bridge._verification import Check, Verification

if _typing.TYPE_CHECKING:
    from bridge._config import ConnectionConfig
    from bridge._mappers import JournalRule, journal, named, only
    from bridge._progress import ProgressBar
    from bridge._store_hook import HookCheckpoints
    from bridge._store_sqlalchemy import SQLAlchemyCheckpoints

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
    "ConnectionConfig": "bridge._config",
    "JournalRule": "bridge._mappers",
    "ProgressBar": "bridge._progress",
    "journal": "bridge._mappers",
    "named": "bridge._mappers",
    "only": "bridge._mappers",
    "HookCheckpoints": "bridge._store_hook",
    "SQLAlchemyCheckpoints": "bridge._store_sqlalchemy",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        value: object = getattr(import_module(_LAZY[name]), name)
    except ImportError as error:
        # The extra is not installed: `import *` still works, and using the name says what to do.
        return _missing(name, str(error))
    globals()[name] = value
    return value


def _missing(name: str, message: str) -> type:
    def refuse(*_args: object, **_options: object) -> object:
        raise ImportError(message)

    return type(name, (), {"__new__": refuse})


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
