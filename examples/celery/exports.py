"""Exports any number of connections with Celery: each task is one connection's export_new().

Start workers, on as many machines as you like, with the credentials in their environment::

    celery -A exports worker --concurrency 4
    celery -A exports beat                        # fires every connection each hour

EXPORTS_CONNECTIONS names the TOML file of the connections (see ../connections.toml), which only
whoever fires them needs. Run "banqup-zenvoices activate" once for each new connection.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task

from bridge import BusyError, ConnectionConfig, ServiceError

EVERY = 3600.0
QUEUE = Path(os.environ.get("EXPORTS_QUEUE", "queue")).resolve()
QUEUE.mkdir(mode=0o700, parents=True, exist_ok=True)
for folder in ("messages", "control", "results"):
    (QUEUE / folder).mkdir(mode=0o700, exist_ok=True)

app = Celery("exports")
app.conf.update(
    # Runs without a server. With Redis or RabbitMQ this is the one line to change, and the
    # options below it go: they are the file system's.
    # broker_url="redis://localhost:6379/0", or broker_url="amqp://guest@localhost//",
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": str(QUEUE / "messages"),
        "data_folder_out": str(QUEUE / "messages"),
        "control_folder": str(QUEUE / "control"),
        "polling_interval": 0.1,
    },
    result_backend=f"file://{QUEUE / 'results'}",
    # Plain data only: whoever can write to the queue brings no code of its own to a worker, but
    # can name functions that are installed there, in banqup_operations and zenvoices_operations,
    # and in banqup_url and zenvoices_url the addresses that get its logins. So let nobody else.
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    # A task counts as done when it has ended: another worker gets what a killed one had taken.
    # Doing it again is harmless, the checkpoint knows what was sent.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    beat_schedule={"hourly": {"task": "exports.fire", "schedule": EVERY}},
)


class ExportFailedError(Exception):
    """What ended an export, as plain data in ``args[0]``: the keys that described() gives."""


def described(error: ServiceError) -> ExportFailedError:
    """An error in a form that JSON carries, so that it arrives with its type and its facts."""
    return ExportFailedError(
        {
            "error": type(error).__name__,
            "service": error.service,
            "kind": error.kind,
            "message": error.message,
            "hint": error.hint,
            "request_id": error.request_id,
            "status": error.status,
            "retryable": error.retryable,
            "retry_after": error.retry_after,
            "report": error.report.to_dict() if error.report else None,
        }
    )


@app.task(name="exports.export_new", bind=True, max_retries=5)
def export_new(task: Task, config: dict[str, Any]) -> dict[str, Any]:
    """Export what is new in one connection, and return the report as plain data."""
    try:
        with ConnectionConfig.from_dict(config).open() as connection:
            return connection.export_new().to_dict()
    except BusyError as busy:
        # Not a failure: another worker is at this very connection.
        until = busy.held_until
        return {"busy": True, "held_until": until and until.isoformat()}
    except ServiceError as error:
        failure = described(error)
        if not error.retryable:
            raise failure from None
        wait = error.retry_after or 60.0 * 2**task.request.retries
        raise task.retry(exc=failure, countdown=wait) from None


@app.task(name="exports.fire", ignore_result=True)
def fire() -> None:
    """Queue every connection; what no worker has begun by the next time is not begun twice."""
    for config in ConnectionConfig.from_toml(os.environ["EXPORTS_CONNECTIONS"]):
        export_new.apply_async((config.to_dict(),), expires=EVERY)
