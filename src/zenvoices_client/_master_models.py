"""Master data: what Zenvoices knows from the accounting software.

Nothing here is needed to fill an inbox, so it loads on first use. Every field may be missing, and
what a class does not know is kept in its ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from _client_kit._models import extra_field, wire

__all__ = [
    "Account",
    "CostCentre",
    "CostUnit",
    "Employee",
    "FinancialTransaction",
    "LedgerAccount",
    "PaymentCondition",
    "Product",
    "Project",
    "PurchaseOrder",
    "TaxCode",
]


@frozen(kw_only=True)
class Account:
    """A creditor or debtor. Fields observed.

    Attributes:
        account_type: A number whose meaning is not documented.
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        currency_code: Currency it is kept in.
        external_id: The accounting software's own id of it.
        iban: Its bank account.
        ledger_account_code: Code of its ledger account.
        name: Its name.
        payment_condition_code: Code of its payment condition.
        vat_number: Its VAT number.
        extra: Members of the answer that this class does not know.
    """

    account_type: int | None = None
    company_id: int | None = wire("administrationId")
    code: str | None = None
    currency_code: str | None = None
    external_id: str | None = None
    iban: str | None = None
    ledger_account_code: str | None = None
    name: str | None = None
    payment_condition_code: str | None = None
    vat_number: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class LedgerAccount:
    """A ledger account. Fields observed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        name: Its name.
        tax_code: Code of its usual tax code.
        type: A number whose meaning is not documented.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    name: str | None = None
    tax_code: str | None = None
    type: int | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class CostCentre:
    """A cost centre. Fields assumed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        name: Its name.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class CostUnit:
    """A cost unit. Fields assumed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        name: Its name.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Employee:
    """An employee. Fields observed.

    Attributes:
        company_id: The company he or she belongs to (``administrationId``).
        code: His or her code.
        cost_centre_code: Code of the usual cost centre.
        external_id: The accounting software's own id.
        external_last_modification_time: When the accounting software changed the record.
        full_name: First and last name.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    cost_centre_code: str | None = None
    external_id: str | None = None
    external_last_modification_time: datetime | None = None
    full_name: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class PaymentCondition:
    """A payment condition. Fields assumed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        name: Its name.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Product:
    """A product. Fields observed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        name: Its name.
        is_active: Whether it is in use.
        product_type: A number whose meaning is not documented.
        purchase_price: Price it is bought at.
        sales_price: Price it is sold at.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    name: str | None = None
    is_active: bool | None = None
    product_type: int | None = None
    purchase_price: Decimal | None = None
    sales_price: Decimal | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class Project:
    """A project. Fields observed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        external_last_modification_time: When the accounting software changed the record.
        is_active: Whether it is in use.
        name: Its name.
        project_leader_full_name: Who leads it.
        purchase_tax_code: Code of its tax code for purchases.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    external_last_modification_time: datetime | None = None
    is_active: bool | None = None
    name: str | None = None
    project_leader_full_name: str | None = None
    purchase_tax_code: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class PurchaseOrder:
    """A purchase order. Fields observed; those of a line are not known.

    Attributes:
        account_code: Code of the creditor.
        company_id: The company it belongs to (``administrationId``).
        currency_code: Currency of its amounts.
        description: Its description.
        external_id: The accounting software's own id of it.
        lines: Its lines, as they came.
        purchase_date: Its date.
        purchase_order_number: Its number.
        tax_exclusive_amount: Total without tax.
        tax_inclusive_amount: Total with tax.
        extra: Members of the answer that this class does not know.
    """

    account_code: str | None = None
    company_id: int | None = wire("administrationId")
    currency_code: str | None = None
    description: str | None = None
    external_id: str | None = None
    lines: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    purchase_date: datetime | None = None
    purchase_order_number: str | None = None
    tax_exclusive_amount: Decimal | None = None
    tax_inclusive_amount: Decimal | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class TaxCode:
    """A tax code. Fields assumed.

    Attributes:
        company_id: The company it belongs to (``administrationId``).
        code: Its code.
        external_id: The accounting software's own id of it.
        name: Its name.
        extra: Members of the answer that this class does not know.
    """

    company_id: int | None = wire("administrationId")
    code: str | None = None
    external_id: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] = extra_field()


@frozen(kw_only=True)
class FinancialTransaction:
    """A financial transaction. Fields assumed.

    Attributes:
        id: Zenvoices' number of it.
        company_id: The company it belongs to (``administrationId``).
        external_id: The accounting software's own id of it.
        extra: Members of the answer that this class does not know.
    """

    id: int | None = None
    company_id: int | None = wire("administrationId")
    external_id: str | None = None
    extra: Mapping[str, Any] = extra_field()
