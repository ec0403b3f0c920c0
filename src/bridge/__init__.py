"""Move new invoices from a Banqup space to a Zenvoices company."""

import typing as _typing

from _client_kit import _errors as _kinds
from _client_kit._arguments import ServiceWord
from _client_kit._errors import *
from _client_kit._errors import StoreError
from _client_kit._lazy import lazy_names as _lazy_names
from _client_kit._version import __version__ as __version__
from banqup_client._errors import FileNotReadyError, FileRefusedError, UrlExpiredError
from bridge._delivery.eligibility import Exportable, Skip, Wait, default_exportable
from bridge._errors import BusyError, LeaseLostError, NotActivatedError
from bridge._mapping.mapper import AsyncMapper, Mapper, SourceFile, default_mapper
from bridge._reports.delivery_rows import Deliveries, DeliveryRow
from bridge._reports.events import (
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
from bridge._reports.report import (
    Activation,
    Confirmation,
    ExportReport,
    Request,
    Status,
)
from bridge._reports.texts import set_language
from bridge._stores.protocol import CheckpointStore, Lease, Row
from bridge._stores.sqlite import SQLiteCheckpoints
from bridge._sync._connection import Connection

if _typing.TYPE_CHECKING:
    from bridge._async._connection import AsyncConnection
    from bridge._config import ConnectionConfig
    from bridge._mapping.combinators import JournalRule, journal, named, only, without
    from bridge._pairs import Namesakes, Pairs
    from bridge._reports.progress_bar import ProgressBar
    from bridge._reports.verification import Check, Verification
    from bridge._stores.json_hook import HookCheckpoints
    from bridge._stores.memory import MemoryCheckpoints
    from bridge._stores.sqlalchemy import SQLAlchemyCheckpoints

__all__: list[str] = [
    "Activation",
    "AsyncConnection",
    "AsyncMapper",
    "BusyError",
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
    "FileNotReadyError",
    "FileRefusedError",
    "HookCheckpoints",
    "JournalRule",
    "Lease",
    "LeaseLostError",
    "Listener",
    "Mapper",
    "MemoryCheckpoints",
    "Namesakes",
    "NotActivatedError",
    "Pairs",
    "ProgressBar",
    "Request",
    "Row",
    "RunEnded",
    "RunStarted",
    "SQLAlchemyCheckpoints",
    "SQLiteCheckpoints",
    "ServiceWord",
    "Skip",
    "SourceFile",
    "Status",
    "StoreError",
    "UrlExpiredError",
    "Verification",
    "Wait",
    "default_exportable",
    "default_mapper",
    "journal",
    "named",
    "only",
    "set_language",
    "without",
]
__all__ += _kinds.__all__

# Import the modules of these names at first use: a program that uses none of them starts faster.
_LAZY = {
    "MemoryCheckpoints": "bridge._stores.memory",
    "Check": "bridge._reports.verification",
    "Verification": "bridge._reports.verification",
    "AsyncConnection": "bridge._async._connection",
    "ConnectionConfig": "bridge._config",
    "Namesakes": "bridge._pairs",
    "Pairs": "bridge._pairs",
    "JournalRule": "bridge._mapping.combinators",
    "ProgressBar": "bridge._reports.progress_bar",
    "journal": "bridge._mapping.combinators",
    "named": "bridge._mapping.combinators",
    "only": "bridge._mapping.combinators",
    "without": "bridge._mapping.combinators",
    "HookCheckpoints": "bridge._stores.json_hook",
    "SQLAlchemyCheckpoints": "bridge._stores.sqlalchemy",
}

# Type checkers must not see this: with a `__getattr__`, they would accept a misspelt name.
if not _typing.TYPE_CHECKING:  # pragma: no branch - true whenever it runs
    __getattr__, __dir__ = _lazy_names(globals(), _LAZY)
