"""Exceptions of the bridge, and a function that makes its configuration errors."""

from __future__ import annotations

from datetime import datetime

from _client_kit._errors import ConfigurationError, StoreError

__all__ = ["BusyError", "LeaseLostError", "NotActivatedError", "configuration_error"]


class LeaseLostError(StoreError):
    """The lease belongs to another worker or was released, so nothing was written."""

    __module__ = "bridge"

    def __init__(self, message: str = "the lease was taken over by another worker") -> None:
        super().__init__(
            message,
            service="bridge",
            retryable=True,
            hint="Let the next run go on from what is stored.",
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
        message: str = "another worker holds this connection",
        *,
        held_until: datetime | None = None,
        retry_after: float | None = None,
    ) -> None:
        over = "once its lease has ended"
        if held_until is not None:
            message = f"{message} until {held_until.astimezone():%Y-%m-%d %H:%M:%S} local time"
            over = "after that"
        super().__init__(
            message,
            service="bridge",
            retryable=True,
            retry_after=retry_after,
            hint="A run gives it back when it ends; one that was killed keeps it until then. "
            f"Leave it to that worker, or try again {over}.",
        )
        self.held_until = held_until


class NotActivatedError(ConfigurationError):
    """The connection is not active in this store."""

    __module__ = "bridge"

    def __init__(self, message: str = "this connection is not active in this store") -> None:
        super().__init__(
            message,
            service="bridge",
            hint="Call activate() once. What is there already then stays where it is.",
        )


def configuration_error(message: str, hint: str | None = None) -> ConfigurationError:
    """Return the error for a setting or an argument that cannot be used."""
    return ConfigurationError(message, service="bridge", hint=hint)
