"""A typed client of the Zenvoices public API, sync and async."""

from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    Indefinite,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unreachable,
)
from _client_kit._files import Base64
from _client_kit._paging import Page
from _client_kit._retry import RetryPolicy
from _client_kit._secret import Secret
from zenvoices_client._async._client import AsyncZenvoicesClient
from zenvoices_client._credentials import UserLogin
from zenvoices_client._models import Attachment, Company, InboxDocument, InboxUpload, Lookup
from zenvoices_client._sync._client import ZenvoicesClient

__all__ = [
    "AsyncZenvoicesClient",
    "Attachment",
    "Base64",
    "Company",
    "ConfigurationError",
    "CredentialsError",
    "InboxDocument",
    "InboxUpload",
    "Indefinite",
    "Lookup",
    "NotFound",
    "Page",
    "PermissionDenied",
    "ProtocolError",
    "RateLimited",
    "Rejected",
    "RetryPolicy",
    "Secret",
    "ServiceError",
    "Unavailable",
    "Unreachable",
    "UserLogin",
    "ZenvoicesClient",
]
