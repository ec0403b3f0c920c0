"""Moves new invoices from a Banqup space to a Zenvoices company."""

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

__all__ = [
    "Activation",
    "AsyncConnection",
    "AsyncMapper",
    "Busy",
    "Check",
    "CheckpointStore",
    "Confirmation",
    "Connection",
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
    "Lease",
    "LeaseLost",
    "Listener",
    "Mapper",
    "MemoryCheckpoints",
    "NotActivated",
    "Request",
    "Row",
    "RunEnded",
    "RunStarted",
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
]
