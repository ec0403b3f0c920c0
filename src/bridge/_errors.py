"""Exceptions of the bridge, and functions that make its errors."""

from __future__ import annotations

from datetime import datetime

from _client_kit._errors import ConfigurationError, StoreError
from _client_kit._text import Text, joined
from _client_kit._times import local_time

_NOT_ACTIVE = Text("not_activated", "this connection is not active in this store")
THE_CHECKPOINT = Text("the_checkpoint", "the checkpoint")
ACTIVATE = Text(
    "hint_activate",
    "Call activate() once, or run banqup-zenvoices activate: what is approved or sent already is "
    "not exported.",
)
OTHER_STORE = Text(
    "hint_other_store",
    "If it should be active, this may be another store: was its file moved or deleted, or is this "
    "another folder? With another address of a service or another organisation it is no longer the "
    "same connection: activate it.",
)
IN_MEMORY = Text(
    "hint_in_memory",
    "These checkpoints are in memory and end with this process: the next process knows nothing of "
    "them, starts anew, and leaves what came in between where it is. To keep them, use "
    'SQLiteCheckpoints("exports.db").',
)
ACTIVATE_AGAIN = Text(
    "hint_activate_again",
    "It was deactivated. To export again, call activate(), or run banqup-zenvoices activate: what "
    "was approved or sent in between is not exported.",
)


class LeaseLostError(StoreError):
    """The lease has ended, was released or belongs to another worker, so nothing was written."""

    __module__ = "bridge"

    def __init__(self) -> None:
        super().__init__(
            Text("lease_lost", "the lease ended, or another worker has taken it over"),
            service="bridge",
            retryable=True,
            hint=Text("hint_lease_lost", "Let the next run go on from what is stored."),
        )


class BusyError(StoreError):
    """Another worker holds the connection and does the work, so this is not a failure.

    Attributes:
        held_until: When the lease ends unless it is renewed, an aware time by the store's clock;
            None where the store cannot tell. A run that was killed keeps the lease until then.
    """

    __module__ = "bridge"

    def __init__(
        self,
        *,
        held_until: datetime | None = None,
    ) -> None:
        message = Text("busy", "another worker holds this connection")
        if held_until is not None:
            message = Text("busy_until", "{0} until {1}", message, local_time(held_until))
        super().__init__(
            message,
            service="bridge",
            retryable=True,
            hint=Text(
                "hint_busy",
                "A run gives it back when it ends; one that was killed keeps it until its lease "
                "ends. Leave it to that worker, or try again after that.",
            ),
            code="busy",
        )
        self.held_until = held_until


class NotActivatedError(ConfigurationError):
    """The connection is not active in this store."""

    __module__ = "bridge"

    def __init__(self, message: str = _NOT_ACTIVE, *, hint: str | None = None) -> None:
        hint = hint or joined(" ", ACTIVATE, OTHER_STORE)
        super().__init__(message, service="bridge", hint=hint, code="not_activated")


def configuration_error(message: str, hint: str | None = None) -> ConfigurationError:
    """Return the error for an argument that cannot be used."""
    return ConfigurationError(message, service="bridge", hint=hint)


def setting_error(
    code: str, english: str, *values: object, hint: str | None = None
) -> ConfigurationError:
    """Return the error for a setting that cannot be used; the command can translate it.

    Args:
        code: The code of the message in the table of texts.
        english: The English template of the message.
        values: The values for the placeholders of the template.
        hint: The English template of the hint, which gets the same values and the code
            ``hint_<code>``; or a finished `Text`.
    """
    return configuration_error(Text(code, english, *values), _hint(code, hint, values))


def store_error(
    code: str, english: str, *values: object, hint: str | None = None, retryable: bool = False
) -> StoreError:
    """Return the error of a store; the arguments are those of :func:`setting_error`."""
    message = Text(code, english, *values)
    hint = _hint(code, hint, values)
    return StoreError(message, service="bridge", hint=hint, retryable=retryable)


def damaged(what: str, why: str) -> StoreError:
    """Return the error for stored data that cannot be read; `what` names the data."""
    message = joined(": ", Text("damaged", "{0} is damaged", what), why)
    hint = Text(
        "hint_damaged",
        "Restore it from a backup and run banqup-zenvoices export --look-first, or "
        "export_new(look_first=True). Without a backup, put it away and activate again.",
    )
    return StoreError(message, service="bridge", hint=hint, code="damaged")


def newer_version(what: str, version: int) -> StoreError:
    """Return the error for stored data that this release cannot read."""
    return store_error(
        "newer_version",
        "{0} was written by a newer release (version {1})",
        *(what, str(version)),
        hint="Update banqup-zenvoices; nothing was changed.",
    )


def _hint(code: str, hint: str | None, values: tuple[object, ...]) -> str | None:
    return hint if hint is None or isinstance(hint, Text) else Text(f"hint_{code}", hint, *values)
