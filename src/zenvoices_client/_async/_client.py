"""The Zenvoices client.

An operation needs an entry in this package's ``contract.json`` and a method in the module of its
group, beside this one. Then run ``tools/generate_sync.py``, and for the documentation
``tools/generate_operation_pages.py``.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from _client_kit._arguments import check_instance
from _client_kit._async._calls import AsyncCalls
from _client_kit._async._client import AsyncApiClient
from _client_kit._contract import load_contract
from _client_kit._retry import RetryPolicy
from zenvoices_client._async._companies import AsyncCompanies
from zenvoices_client._async._inbox import AsyncInbox
from zenvoices_client._async._lists import AsyncRecords
from zenvoices_client._credentials import UserLogin
from zenvoices_client._dialect import dialect_of
from zenvoices_client._models import Company, InboxDocument

if TYPE_CHECKING:
    from zenvoices_client import _master_models as models
    from zenvoices_client._async import _master_data as master_data
    from zenvoices_client._async._webhooks import AsyncWebhooks

BASE_URL = "https://app.zenvoices.com"


class AsyncZenvoicesClient(AsyncApiClient):
    """A client of the Zenvoices public API.

    Args:
        login: Login of the user. Clients can share it.
        base_url: Another base URL; https unless it is on loopback.
        timeout: Seconds for each connect, read and write.
        deadline: Seconds for a whole call, with retries, pauses and the login.
        user_agent: Name of your application, put in front of the User-Agent header.
        retry: Policy for repeating failed calls; ``RetryPolicy()`` by default. After a
            failure whose outcome is unknown, only calls that change nothing are repeated.
        transport: An httpx transport for all calls, instead of the network.
        http_client: An httpx client for all calls; you have to close it.
        ssl_context: Your own TLS settings; they then decide how certificates are verified.
        contract: Corrections of the API's paths and names: a mapping, or the path of a JSON file.
        operations: Your own functions by name of the operation, such as ``"inbox.upload"``. Each
            yields the calls to make instead of this library's own, or only returns a value.

    Raises:
        ConfigurationError: An argument cannot be used; the message says which and why.
    """

    def __init__(
        self,
        login: UserLogin,
        *,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        deadline: float = 300.0,
        user_agent: str | None = None,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
        ssl_context: ssl.SSLContext | None = None,
        contract: Mapping[str, Any] | str | Path | None = None,
        operations: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        hint = "Write UserLogin(user, password, organisation_code=...), or UserLogin.from_env()."
        check_instance(login, UserLogin, "login", service="zenvoices", hint=hint)
        self.login: UserLogin = login
        facts = load_contract("zenvoices_client").patched(contract)
        facts = facts.with_functions(operations, also={"inbox.find": "inbox.details"})
        self._calls = AsyncCalls(
            dialect_of(login, facts),
            login._states,
            base_url=str(base_url).rstrip("/").removesuffix("/public-api/v1"),
            timeout=timeout,
            deadline=deadline,
            user_agent=user_agent,
            retry=retry,
            transport=transport,
            http_client=http_client,
            ssl_context=ssl_context,
        )

    @cached_property
    def companies(self) -> AsyncCompanies:
        """Calls about the companies that this user may see."""
        return AsyncCompanies(self._calls, "companies", Company)

    @cached_property
    def inbox(self) -> AsyncInbox:
        """Calls about the inboxes of the companies."""
        return AsyncInbox(self._calls, "inbox", InboxDocument)

    @cached_property
    def _master_data(self) -> master_data.AsyncMasterData:
        # Import on first use: the models of master data take 4 % of a process's start time.
        from zenvoices_client._async._master_data import AsyncMasterData

        return AsyncMasterData(self._calls)

    @cached_property
    def accounts(self) -> master_data.AsyncAccounts:
        """Calls about creditors and debtors."""
        return self._master_data.accounts

    @cached_property
    def ledger_accounts(self) -> master_data.AsyncCodedRecords[models.LedgerAccount]:
        """Calls about ledger accounts."""
        return self._master_data.ledger_accounts

    @cached_property
    def cost_centres(self) -> AsyncRecords[models.CostCentre]:
        """Calls about cost centres."""
        return self._master_data.cost_centres

    @cached_property
    def cost_units(self) -> AsyncRecords[models.CostUnit]:
        """Calls about cost units."""
        return self._master_data.cost_units

    @cached_property
    def employees(self) -> master_data.AsyncCodedRecords[models.Employee]:
        """Calls about employees."""
        return self._master_data.employees

    @cached_property
    def payment_conditions(self) -> AsyncRecords[models.PaymentCondition]:
        """Calls about payment conditions."""
        return self._master_data.payment_conditions

    @cached_property
    def products(self) -> master_data.AsyncCodedRecords[models.Product]:
        """Calls about products."""
        return self._master_data.products

    @cached_property
    def projects(self) -> master_data.AsyncCodedRecords[models.Project]:
        """Calls about projects."""
        return self._master_data.projects

    @cached_property
    def purchase_orders(self) -> master_data.AsyncPurchaseOrders:
        """Calls about purchase orders."""
        return self._master_data.purchase_orders

    @cached_property
    def tax_codes(self) -> AsyncRecords[models.TaxCode]:
        """Calls about tax codes."""
        return self._master_data.tax_codes

    @cached_property
    def financial_transactions(self) -> master_data.AsyncFinancialTransactions:
        """Calls about financial transactions."""
        return self._master_data.financial_transactions

    @cached_property
    def webhooks(self) -> AsyncWebhooks:
        """Calls about webhooks: available events and subscriptions."""
        from zenvoices_client._async._webhooks import AsyncWebhooks

        return AsyncWebhooks(self._calls)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.login.user!r}, base_url={self.base_url!r})"
