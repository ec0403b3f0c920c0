"""Errors about files that only Banqup's client raises."""

from __future__ import annotations

from _client_kit._errors import PermissionDeniedError, RejectedError, UnavailableError


class FileNotReadyError(UnavailableError):
    """The file was not uploaded yet, or the virus scan has not ended."""

    __module__ = "banqup_client"


class FileRefusedError(RejectedError):
    """Banqup's virus scan rejected the file."""

    __module__ = "banqup_client"


class UrlExpiredError(PermissionDeniedError):
    """Storage refused a signed URL (400, 401 or 403), and for a download a new signed URL too."""

    __module__ = "banqup_client"
