"""What happens during a run, as values for listeners, the report and the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime

from attrs import frozen

from _client_kit._signals import raised_by_signal_handler
from _client_kit._user_code import place_of
from bridge._reports.delivery_rows import DeliveryRow
from bridge._reports.render import plain
from bridge._reports.report import ExportReport

__all__ = [
    "DocumentFailed",
    "DocumentFound",
    "DocumentSent",
    "DocumentSettled",
    "DocumentSkipped",
    "DocumentUncertain",
    "DocumentWaiting",
    "Event",
    "Listener",
    "RunEnded",
    "RunStarted",
    "emit",
]

logger = logging.getLogger("bridge")
# Silent until the application configures logging: a warning would tear tables and progress bars.
logger.addHandler(logging.NullHandler())


@frozen
class RunStarted:
    """A run holds its lease and begins.

    Attributes:
        space_id: The space.
        company_code: The company.
        at: When, by the connection's clock.
    """

    space_id: str
    company_code: str
    at: datetime


@frozen
class DocumentFound:
    """A document can be sent and is being fetched."""

    document_id: str
    folder: str | None


@frozen
class DocumentWaiting:
    """A document waits."""

    delivery: DeliveryRow


@frozen
class DocumentSkipped:
    """A document will not be exported."""

    delivery: DeliveryRow


@frozen
class DocumentSent:
    """Zenvoices has taken a document, and that is on record."""

    delivery: DeliveryRow


@frozen
class DocumentFailed:
    """A document was given up."""

    delivery: DeliveryRow


@frozen
class DocumentUncertain:
    """Nobody knows whether a document arrived: it is on its way, or held for a person."""

    delivery: DeliveryRow


@frozen
class DocumentSettled:
    """A document whose outcome was in doubt was looked up and found."""

    delivery: DeliveryRow


@frozen
class RunEnded:
    """A run is over.

    Attributes:
        report: What it did.
    """

    report: ExportReport


Event = (
    RunStarted
    | DocumentFound
    | DocumentWaiting
    | DocumentSkipped
    | DocumentSent
    | DocumentFailed
    | DocumentUncertain
    | DocumentSettled
    | RunEnded
)

Listener = Callable[[Event], object]
"""Called with each event, one at a time, by the thread or task that runs the export."""

_LEVELS: dict[type[object], int] = {
    DocumentFailed: logging.WARNING,
    DocumentUncertain: logging.WARNING,
    RunStarted: logging.INFO,
    RunEnded: logging.INFO,
    DocumentSent: logging.INFO,
}


def emit(listeners: Sequence[Listener], event: Event) -> list[tuple[str, Exception | None]]:
    """Log an event, give it to each listener, and return a reason for each that failed.

    With the reason comes what the listener raised; None where it returned a coroutine.
    """
    failures: list[tuple[str, Exception | None]] = []
    level = _LEVELS.get(type(event), logging.DEBUG)
    if logger.isEnabledFor(level):
        logger.log(level, "%s", _line(event))
    for listener in listeners:
        try:
            said = listener(event)
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            place = place_of(error)
            failures.append((f"a listener raised {type(error).__name__} at {place}", error))
            continue
        if isinstance(said, Coroutine):
            said.close()
            failures.append(("a listener returned a coroutine: it must be a plain function", None))
    return failures


def _line(event: Event) -> str:
    """One log line; ``%r`` keeps what a service made up from forging another."""
    match event:
        case RunStarted(space_id, company_code):
            return f"export of space {space_id!r} to company {company_code!r} started"
        case DocumentFound(document_id, folder):
            return f"document {document_id!r} in {folder!r} found"
        case RunEnded(report):
            return plain(f"export ended: {report.summary()}")
        case _:
            row = event.delivery
            number = "" if row.inbox_id is None else f" as {row.inbox_id}"
            reason = f": {row.reason!r}" if row.reason else ""
            return f"document {row.document_id!r} {row.state}{number}{reason}"
