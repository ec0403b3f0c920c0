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
from banqup_client._dialect import NOT_WHITELISTED
from banqup_client._environment import Environment
from banqup_client._errors import FileNotReady, FileRefused, UrlExpired
from banqup_client._models import (
    Address,
    Document,
    DocumentConnection,
    DocumentFile,
    DocumentMetadata,
    DocumentStatus,
    ExtensionPoint,
    FileDetails,
    Message,
    Party,
    Space,
    User,
)
from banqup_client._sync._client import BanqupClient

__all__ = [
    "NOT_WHITELISTED",
    "Address",
    "AsyncBanqupClient",
    "BanqupClient",
    "ClientCredentials",
    "ConfigurationError",
    "CredentialsError",
    "Document",
    "DocumentConnection",
    "DocumentFile",
    "DocumentMetadata",
    "DocumentStatus",
    "Environment",
    "ExtensionPoint",
    "FileDetails",
    "FileNotReady",
    "FileRefused",
    "Indefinite",
    "Message",
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
    "UrlExpired",
    "User",
]
