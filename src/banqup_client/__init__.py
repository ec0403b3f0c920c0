"""A typed client of the Banqup API, sync and async."""

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
from _client_kit._paging import Page
from _client_kit._retry import RetryPolicy
from _client_kit._secret import Secret
from banqup_client._async._client import AsyncBanqupClient
from banqup_client._credentials import ClientCredentials
from banqup_client._environment import Environment
from banqup_client._errors import FileNotReady, FileRefused
from banqup_client._models import (
    Address,
    Document,
    DocumentFile,
    DocumentStatus,
    FileDetails,
    Party,
    Space,
)
from banqup_client._sync._client import BanqupClient

__all__ = [
    "Address",
    "AsyncBanqupClient",
    "BanqupClient",
    "ClientCredentials",
    "ConfigurationError",
    "CredentialsError",
    "Document",
    "DocumentFile",
    "DocumentStatus",
    "Environment",
    "FileDetails",
    "FileNotReady",
    "FileRefused",
    "Indefinite",
    "NotFound",
    "Page",
    "Party",
    "PermissionDenied",
    "ProtocolError",
    "RateLimited",
    "Rejected",
    "RetryPolicy",
    "Secret",
    "ServiceError",
    "Space",
    "Unavailable",
    "Unreachable",
]
