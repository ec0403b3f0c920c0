"""Failures that only files have."""

from __future__ import annotations

from _client_kit._errors import PermissionDenied, Rejected, Unavailable

__all__ = ["FileNotReady", "FileRefused", "UrlExpired"]


class FileNotReady(Unavailable):
    """The file was not uploaded yet, or the virus scan has not ended."""


class FileRefused(Rejected):
    """Banqup's virus scan rejected the file."""


class UrlExpired(PermissionDenied):
    """Storage did not take a signed URL (400 or 403), nor a fresh one."""
