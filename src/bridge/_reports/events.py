"""The events of a run, for listeners and for Python's logging."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import frozen

from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text
from _client_kit._user_code import described, place_of
from bridge._reports.delivery_rows import DeliveryRow
from bridge._reports.render import plain
from bridge._reports.report import ExportReport

logger = logging.getLogger("bridge")


@frozen
class RunStarted:
    """A run begins; it holds the lease, unless it is a dry run.

    Attributes:
        space_id: The id of the space in Banqup.
        company_code: The company's code in Zenvoices.
        at: The time by the connection's clock.
    """

    space_id: str
    company_code: str
    at: datetime


@frozen
class DocumentFound:
    """A document is to be sent, and the run has begun to fetch its files."""

    document_id: str
    folder: str | None


@frozen
class DocumentWaiting:
    """A document waits; ``delivery.reason`` says why."""

    delivery: DeliveryRow


@frozen
class DocumentSkipped:
    """A document was skipped; ``delivery.reason`` says why. resend() can still send it."""

    delivery: DeliveryRow


@frozen
class DocumentSent:
    """Zenvoices accepted a document or had it already, and the checkpoint has recorded this."""

    delivery: DeliveryRow


@frozen
class DocumentFailed:
    """A document has failed and is not tried again."""

    delivery: DeliveryRow


@frozen
class DocumentUncertain:
    """It is not known whether a document arrived: a later look-up or a person decides."""

    delivery: DeliveryRow


@frozen
class DocumentSettled:
    """A look-up found a document whose upload had no clear answer, or none that was recorded."""

    delivery: DeliveryRow


@frozen
class RunEnded:
    """A run has ended.

    Attributes:
        report: The report of the run.
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
"""A function that is called with each event, one at a time, in the thread or task of the export."""

_LEVELS: dict[type[object], int] = {
    DocumentFailed: logging.WARNING,
    DocumentUncertain: logging.WARNING,
    RunStarted: logging.INFO,
    RunEnded: logging.INFO,
    DocumentSent: logging.INFO,
}


def emit(listeners: Sequence[Listener], event: Event) -> list[tuple[str, Exception]]:
    """Log an event, and call each listener with it.

    If a signal handler raises while a listener runs, its exception is raised.

    Returns:
        For each listener that failed, the reason to show and the exception.
    """
    failures: list[tuple[str, Exception]] = []
    level = _LEVELS.get(type(event), logging.DEBUG)
    if logger.isEnabledFor(level):
        logger.log(level, "%s", _line(event))
    for listener in listeners:
        try:
            listener(event)
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            kind, place = type(error).__name__, place_of(error)
            raised = Text("listener_raised", "a listener raised {0} at {1}", kind, place)
            failures.append((described(raised, error), error))
    return failures


def _line(event: Event) -> str:
    """Return one log line; ``!r`` escapes line breaks, which could forge another log line."""
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
