"""What a failure means for its document, and whether the run must judge more than that."""

from __future__ import annotations

from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    Indefinite,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Rejected,
    ServiceError,
    StoreError,
    Unavailable,
    Unreachable,
)
from _client_kit._files import os_reason
from banqup_client import FileNotReady, FileRefused
from bridge._delivery import delivery as life

__all__ = ["fetch_fault", "upload_fault"]


def fetch_fault(error: Exception) -> tuple[life.Event, ServiceError | None]:
    """A failure before the upload.

    Returns:
        What it means for the document, and the error where it may concern others too: at once
        after :class:`NotSent`, else when several come in a row.
    """
    if isinstance(error, OSError):
        # This machine's fault, not the document's: most are small enough to need no disk.
        return life.NotReady(f"it could not be kept meanwhile: {os_reason(error)}"), None
    if not isinstance(error, ServiceError):
        return life.Refused(f"{type(error).__name__} while it was fetched and mapped"), None
    reason = error.message
    match error:
        case FileRefused():
            return life.Refused(reason, final=True), None
        case FileNotReady():
            return life.NotReady(reason), None
        case (
            CredentialsError()
            | RateLimited()
            | Unreachable()
            | StoreError()
            | ConfigurationError()
            | PermissionDenied(service="zenvoices")
        ):
            return life.NotSent(reason), error
        case PermissionDenied() | Unavailable() | Indefinite() | ProtocolError():
            return life.Refused(reason), error
        case Rejected():
            return life.Refused(reason, final="larger than" in reason), None
        case _:
            return life.Refused(reason), None


def upload_fault(error: Exception, *, began: bool) -> tuple[life.Event, ServiceError | None]:
    """A failed upload; ``began`` says whether any of the files' bytes may have left."""
    if not isinstance(error, ServiceError):
        what = f"{type(error).__name__} while it was sent"
        return (life.Doubtful(what) if began else life.Refused(what)), None
    reason = error.message
    match error:
        case Rejected(status=413):
            return life.Refused(reason, final=True), None
        case Rejected():
            return life.Refused(reason), error
        case ConfigurationError(status=None):
            # No answer, but something that cannot be sent at all.
            return life.Refused(reason), None
        case Indefinite() | ProtocolError():
            return life.Doubtful(reason), error
        case _:
            return life.NotSent(reason), error
