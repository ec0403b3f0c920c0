"""A typed client of the Banqup API, sync and async.

Docstrings say how each fact about the API is known. Published: the vendor's documentation states
it. Observed: a public client of a third party uses it. Assumed: it is derived from other facts and
was not checked against the service. ``contract.json`` has the source of each fact.
"""

import typing as _typing

from _client_kit import _errors as _kinds
from _client_kit import _public
from _client_kit._arguments import ServiceWord
from _client_kit._errors import *
from _client_kit._lazy import lazy_names as _lazy_names
from _client_kit._public import *
from _client_kit._version import __version__ as __version__
from banqup_client._asked import (
    AskedBytes,
    AskedDocument,
    AskedDocumentFiles,
    AskedDocuments,
    AskedFile,
    AskedSpace,
)
from banqup_client._credentials import ClientCredentials
from banqup_client._dialect import NOT_WHITELISTED
from banqup_client._environment import Environment
from banqup_client._errors import FileNotReadyError, FileRefusedError, UrlExpiredError
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

if _typing.TYPE_CHECKING:
    from _client_kit._async._paging import AsyncListing
    from banqup_client._async._client import AsyncBanqupClient

__all__: list[str] = [
    "NOT_WHITELISTED",
    "Address",
    "AskedBytes",
    "AskedDocument",
    "AskedDocumentFiles",
    "AskedDocuments",
    "AskedFile",
    "AskedSpace",
    "AsyncBanqupClient",
    "AsyncListing",
    "BanqupClient",
    "ClientCredentials",
    "Document",
    "DocumentConnection",
    "DocumentFile",
    "DocumentMetadata",
    "DocumentStatus",
    "Environment",
    "ExtensionPoint",
    "FileDetails",
    "FileNotReadyError",
    "FileRefusedError",
    "Message",
    "Party",
    "ServiceWord",
    "Space",
    "UrlExpiredError",
    "User",
]
__all__ += _kinds.__all__
__all__ += _public.__all__

# The async names are imported on first use, so that code without an event loop does not import
# asyncio. Type checkers see the imports above instead, and so find misspelt names.
if not _typing.TYPE_CHECKING:  # pragma: no branch - always true at run time
    __getattr__, __dir__ = _lazy_names(
        globals(),
        {
            "AsyncBanqupClient": "banqup_client._async._client",
            "AsyncListing": "_client_kit._async._paging",
        },
    )
