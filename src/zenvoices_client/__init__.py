"""A typed client of the Zenvoices public API, sync and async."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from _client_kit._async._paging import AsyncListing
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
from _client_kit._sync._paging import Listing
from zenvoices_client._async._client import AsyncZenvoicesClient
from zenvoices_client._credentials import UserLogin
from zenvoices_client._models import Attachment, Company, InboxDocument, InboxUpload, Lookup
from zenvoices_client._sync._client import ZenvoicesClient

if TYPE_CHECKING:
    from zenvoices_client._master_models import (
        Account,
        CostCentre,
        CostUnit,
        Employee,
        FinancialTransaction,
        LedgerAccount,
        PaymentCondition,
        Product,
        Project,
        PurchaseOrder,
        TaxCode,
    )
    from zenvoices_client._webhooks import (
        SIGNATURE_HEADER,
        WebhookEvent,
        WebhookSubscription,
        verify_signature,
    )

__all__ = [
    "SIGNATURE_HEADER",
    "Account",
    "AsyncListing",
    "AsyncZenvoicesClient",
    "Attachment",
    "Base64",
    "Company",
    "ConfigurationError",
    "CostCentre",
    "CostUnit",
    "CredentialsError",
    "Employee",
    "FinancialTransaction",
    "InboxDocument",
    "InboxUpload",
    "Indefinite",
    "LedgerAccount",
    "Listing",
    "Lookup",
    "NotFound",
    "Page",
    "PaymentCondition",
    "PermissionDenied",
    "Product",
    "Project",
    "ProtocolError",
    "PurchaseOrder",
    "RateLimited",
    "Rejected",
    "RetryPolicy",
    "Secret",
    "ServiceError",
    "TaxCode",
    "Unavailable",
    "Unreachable",
    "UserLogin",
    "WebhookEvent",
    "WebhookSubscription",
    "ZenvoicesClient",
    "verify_signature",
]

# An export needs none of these, so they load when somebody first asks for one.
_ON_FIRST_USE = {
    "Account": "_master_models",
    "CostCentre": "_master_models",
    "CostUnit": "_master_models",
    "Employee": "_master_models",
    "FinancialTransaction": "_master_models",
    "LedgerAccount": "_master_models",
    "PaymentCondition": "_master_models",
    "Product": "_master_models",
    "Project": "_master_models",
    "PurchaseOrder": "_master_models",
    "TaxCode": "_master_models",
    "SIGNATURE_HEADER": "_webhooks",
    "WebhookEvent": "_webhooks",
    "WebhookSubscription": "_webhooks",
    "verify_signature": "_webhooks",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "testing"]
