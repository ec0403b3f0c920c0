"""The exception classes of the clients and the bridge.

::

    ServiceError
    ├── ConfigurationError         a setting is wrong; a person must change it
    │   └── NotActivatedError      (bridge) activate() must come first
    ├── CredentialsError           the login or the access token was refused
    ├── PermissionDeniedError      logged in, but a permission is missing
    │   └── UrlExpiredError        (banqup) storage refused a signed URL
    ├── NotFoundError              does not exist, or not visible to this user
    ├── RejectedError              the service refused the request
    │   └── FileRefusedError       (banqup) the virus scan rejected the file
    ├── RateLimitedError           too many calls; not applied
    ├── UnavailableError           not reached or temporarily down; not applied
    │   ├── UnreachableError       no connection could be made
    │   └── FileNotReadyError      (banqup) not uploaded yet, or being scanned
    ├── OutcomeUnknownError        unknown whether the call was applied
    ├── ProtocolError              the answer was not understood
    └── StoreError                 the checkpoint store failed
        ├── BusyError              (bridge) another worker holds the connection
        └── LeaseLostError         (bridge) the lease ended, or another worker has it

Errors hold plain values only: no request, no response, no header, no URL with a query. They can be
pickled. Classes marked (banqup) are public in ``banqup_client``. All others are public in
``bridge``, which is their ``__module__``; each client also exports the classes that it raises.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Any, ClassVar, Self

from _client_kit._text import Text

__all__ = [
    "ConfigurationError",
    "CredentialsError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "ProtocolError",
    "RateLimitedError",
    "RejectedError",
    "ServiceError",
    "UnavailableError",
    "UnreachableError",
]


class ServiceError(Exception):
    """Base class of the errors for failed calls, wrong settings and checkpoint stores.

    Attributes:
        service: ``"banqup"``, ``"zenvoices"`` or ``"bridge"``.
        kind: Kind of failure, such as ``"rate limited"``; fixed per class.
        code: Stable identifier of the failure for programs, such as ``"too_large"``; None if
            the class alone identifies the failure. Test this code, never the message.
        own: Whether the service itself sent this error, in its own error format. False for the
            answer of a firewall or gateway in between, and where there was no answer.
        retryable: Whether the same call may succeed later although no person changes anything.
        retry_after: Seconds that the service asked to wait; None if it did not.
        request_id: The service's id of the failed request; None if it gave none.
        status: HTTP status of the answer; None without an answer.
        hint: What a person can do about the failure; None if there is no advice.
        operation: Name of the failed call in the contract, or method and path of a call made with
            ``client.request()``; None if no call was made.
        members: Names of the request's fields that the service complained about.
        answered_at: The server's time of the answer, from its ``Date`` header, or None.
        report: The partial report of an export that this error ended; None elsewhere.
    """

    kind: ClassVar[str] = "service"
    _retryable: ClassVar[bool] = False
    applied: bool | None = False
    """Whether the call took effect: False means no, None means unknown. Each class has its value.
    If a call was not sent because the token request failed, the error has False."""

    def __init__(
        self,
        message: str,
        *,
        service: str,
        status: int | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        hint: str | None = None,
        members: tuple[str, ...] = (),
        answered_at: datetime | None = None,
        code: str | None = None,
        own: bool = False,
        operation: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.service = service
        self.status = status
        self.retryable = self._retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.request_id = request_id
        self.hint = hint
        self.members = members
        self.answered_at = answered_at
        # `joined` in `_text.py` uses a separator such as ": " as the code of its text. A separator
        # does not name a failure.
        said = message.code if isinstance(message, Text) else ""
        self.code = code or (said if said.isidentifier() else None)
        self.own = own
        self.operation = operation
        self.report: Any = None

    def __str__(self) -> str:
        parts = [f"{self.service}: {self.message}"]
        if self.hint:
            if not self.message.endswith((".", "!", "?", ":", "…")):
                parts[0] += "."
            parts.append(self.hint)
        if self.request_id:
            parts.append(f"(request id {self.request_id})")
        return " ".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _bare, (type(self), *self.args), dict(self.__dict__)

    def copy(self) -> Self:
        """Return a new instance with the same values and cause, and no traceback."""
        twin = copy(self)
        twin.__cause__ = self.__cause__
        return twin


def _bare(cls: type[ServiceError], *args: object) -> ServiceError:
    """Return an error without attributes, for ``pickle`` and ``copy``, which add the attributes.

    ``__init__`` is not called: its arguments differ from class to class.
    """
    return cls.__new__(cls, *args)


class ConfigurationError(ServiceError):
    """A setting is wrong. Calls fail until a person changes it."""

    kind = "configuration"


class CredentialsError(ServiceError):
    """The service refused the login or the access token.

    After a refused login, later calls to the same address with the same credential object raise
    this error at once.
    """

    kind = "credentials"


class PermissionDeniedError(ServiceError):
    """The login succeeded, but a permission is missing."""

    kind = "permission"


class NotFoundError(ServiceError):
    """The requested resource does not exist, or this user may not see it."""

    kind = "not found"


class RejectedError(ServiceError):
    """The service understood the request and refused it."""

    kind = "rejected"


class RateLimitedError(ServiceError):
    """Too many calls. The call was not applied."""

    kind = "rate limited"
    _retryable = True


class UnavailableError(ServiceError):
    """The service was not reached or is temporarily down. The call was not applied."""

    kind = "unavailable"
    _retryable = True


class UnreachableError(UnavailableError):
    """No connection could be made: DNS, network, proxy or TLS certificate failed."""


class OutcomeUnknownError(ServiceError):
    """The call failed, and it is unknown whether it was applied."""

    kind = "indefinite"
    _retryable = True
    applied: bool | None = None


class ProtocolError(ServiceError):
    """The answer could not be interpreted. It is unknown whether the call was applied."""

    kind = "protocol"
    applied: bool | None = None


class StoreError(ServiceError):
    """The checkpoint store failed."""

    __module__ = "bridge"
    kind = "store"


for _name in __all__:
    globals()[_name].__module__ = "bridge"
