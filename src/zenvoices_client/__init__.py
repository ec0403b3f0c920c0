"""A typed client of the Zenvoices public API, sync and async.

Docstrings say how each fact about the API is known. Published: the vendor's documentation states
it. Observed: a reference generated from the vendor's OpenAPI file has it. Assumed: it is derived
from other facts and was not checked against the service. ``contract.json`` has the source of each
fact.
"""

import typing as _typing

from _client_kit import _errors as _kinds
from _client_kit import _public
from _client_kit._errors import *
from _client_kit._lazy import lazy_names as _lazy_names
from _client_kit._public import *
from _client_kit._version import __version__ as __version__
from zenvoices_client._asked import AskedFind, AskedPage, AskedRecord, AskedUpload
from zenvoices_client._credentials import UserLogin
from zenvoices_client._models import Attachment, Company, InboxDocument, InboxUpload, Lookup
from zenvoices_client._sync._client import ZenvoicesClient

if _typing.TYPE_CHECKING:
    from _client_kit._async._paging import AsyncListing
    from zenvoices_client._async._client import AsyncZenvoicesClient
    from zenvoices_client._master_models import *
    from zenvoices_client._webhooks import *

__all__: list[str] = [
    "SIGNATURE_HEADER",
    "Account",
    "AskedFind",
    "AskedPage",
    "AskedRecord",
    "AskedUpload",
    "AsyncListing",
    "AsyncZenvoicesClient",
    "Attachment",
    "Company",
    "CostCentre",
    "CostUnit",
    "Employee",
    "FinancialTransaction",
    "InboxDocument",
    "InboxUpload",
    "LedgerAccount",
    "Lookup",
    "PaymentCondition",
    "Product",
    "Project",
    "PurchaseOrder",
    "TaxCode",
    "UserLogin",
    "WebhookEvent",
    "WebhookSubscription",
    "ZenvoicesClient",
    "verify_signature",
]
__all__ += _kinds.__all__
__all__ += _public.__all__

# Public names that are imported on first use, each with its module; a sync export uses none of
# these names. First come all names that are not imported above, as if they were models of master
# data. The entries after them give the modules of those that are no such models.
_LAZY = {
    **dict.fromkeys({*__all__} - {*globals()}, "zenvoices_client._master_models"),
    "AsyncListing": "_client_kit._async._paging",
    "AsyncZenvoicesClient": "zenvoices_client._async._client",
    "SIGNATURE_HEADER": "zenvoices_client._webhooks",
    "WebhookEvent": "zenvoices_client._webhooks",
    "WebhookSubscription": "zenvoices_client._webhooks",
    "verify_signature": "zenvoices_client._webhooks",
}

# Type checkers see the imports above instead, and so find misspelt names.
if not _typing.TYPE_CHECKING:  # pragma: no branch - always true at run time
    __getattr__, __dir__ = _lazy_names(globals(), _LAZY)
