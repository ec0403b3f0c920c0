"""Master data: records from the accounting software, by company.

Observed calls are listed in a reference that was generated from the vendor's OpenAPI file.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from _client_kit._async._calls import AsyncCalls
from _client_kit._clock import Deadline
from _client_kit._errors import ConfigurationError
from zenvoices_client import _master_models as models
from zenvoices_client._asked import AskedRecord
from zenvoices_client._async._lists import AsyncRecords

T = TypeVar("T")


class AsyncKeyedRecords(AsyncRecords[T]):
    """Base class of calls about records that can be read one by one, by a key such as a code."""

    async def _get(
        self,
        company_id: int,
        limit: Deadline,
        *,
        verb: str = "get",
        **key: str | None,
    ) -> T:
        given: dict[str, Any] = {name: value for name, value in key.items() if value is not None}
        if len(given) != 1 or not all(given.values()):
            message = f"{self._resource}.get: give one of {', '.join(key)}, and not empty"
            raise ConfigurationError(message, service="zenvoices")
        return await self._call_one(
            f"{self._resource}.{verb}",
            self._model,
            query={"company_id": company_id, **given},
            asked=partial(AskedRecord, company_id=company_id, **given),
            limit=limit,
        )


class AsyncCodedRecords(AsyncKeyedRecords[T]):
    """Calls about records that can be read by code or by their id in the accounting software."""

    _verb_by_external_id = "get"

    async def get(
        self,
        *,
        company_id: int,
        code: str | None = None,
        external_id: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> T:
        """Return one record of a company; give either its code or its external id.

        The call is observed; its query names are assumed (see ``help(zenvoices_client)``).

        Args:
            company_id: Number of the company.
            code: Code of the record.
            external_id: Id of the record in the accounting software.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            ConfigurationError: Not exactly one of the two is given, or it is empty.
            NotFoundError: The company has no such record.
        """
        verb = "get" if external_id is None else self._verb_by_external_id
        limit = self._calls.limit(deadline, timeout)
        return await self._get(company_id, limit, verb=verb, code=code, external_id=external_id)


class AsyncAccounts(AsyncCodedRecords[models.Account]):
    """Calls about creditors and debtors; the API has a separate path to read by external id."""

    _verb_by_external_id = "get_by_external_id"


class AsyncPurchaseOrders(AsyncKeyedRecords[models.PurchaseOrder]):
    """Calls about purchase orders."""

    async def get(
        self,
        *,
        company_id: int,
        number: str | None = None,
        external_id: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> models.PurchaseOrder:
        """Return one purchase order; give either its number or its external id.

        The call is observed; its query names are assumed (see ``help(zenvoices_client)``).

        Args:
            company_id: Number of the company.
            number: Number of the purchase order.
            external_id: Id of the purchase order in the accounting software.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            ConfigurationError: Not exactly one of the two is given, or it is empty.
            NotFoundError: The company has no such purchase order.
        """
        limit = self._calls.limit(deadline, timeout)
        return await self._get(company_id, limit, number=number, external_id=external_id)


class AsyncFinancialTransactions(AsyncRecords[models.FinancialTransaction]):
    """Calls about financial transactions."""

    async def get(
        self, transaction_id: int, *, timeout: float | None = None, deadline: float | None = None
    ) -> models.FinancialTransaction:
        """Return one financial transaction.

        The call is observed; its field names are assumed (see ``help(zenvoices_client)``).

        Args:
            transaction_id: Number of the transaction in Zenvoices.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: There is no such transaction.
        """
        return await self._call_one(
            "financial_transactions.get",
            models.FinancialTransaction,
            path={"transaction_id": transaction_id},
            asked=partial(AskedRecord, id=transaction_id),
            limit=self._calls.limit(deadline, timeout),
        )


class AsyncMasterData:
    """The calls about master data, with an attribute for each kind of record."""

    def __init__(self, calls: AsyncCalls) -> None:
        self.accounts = AsyncAccounts(calls, "accounts", models.Account)
        self.ledger_accounts = AsyncCodedRecords(calls, "ledger_accounts", models.LedgerAccount)
        self.cost_centres = AsyncRecords(calls, "cost_centres", models.CostCentre)
        self.cost_units = AsyncRecords(calls, "cost_units", models.CostUnit)
        self.employees = AsyncCodedRecords(calls, "employees", models.Employee)
        self.payment_conditions = AsyncRecords(calls, "payment_conditions", models.PaymentCondition)
        self.products = AsyncCodedRecords(calls, "products", models.Product)
        self.projects = AsyncCodedRecords(calls, "projects", models.Project)
        self.purchase_orders = AsyncPurchaseOrders(calls, "purchase_orders", models.PurchaseOrder)
        self.tax_codes = AsyncRecords(calls, "tax_codes", models.TaxCode)
        self.financial_transactions = AsyncFinancialTransactions(
            calls, "financial_transactions", models.FinancialTransaction
        )
