"""Models of master data, which Zenvoices gets from the accounting software.

An export does not need this module, so it is imported on first use. Every field may be missing.

Observed names of fields are in a reference that was generated from the vendor's OpenAPI file. It is
assumed that a list's entries have the same fields as single records. Assumed names were not checked
at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from _client_kit._models import Model, wire


@frozen(kw_only=True)
class Record(Model):
    """The fields that all records of master data have.

    Attributes:
        company_id: Number of the record's company (``administrationId``).
        external_id: Id of the record in the accounting software.
        extra: Members of the answer that the class does not know or cannot decode.
    """

    company_id: int | None = wire("administrationId")
    external_id: str | None = None


@frozen(kw_only=True)
class NamedRecord(Record):
    """The fields of a record of master data that has a code and a name."""

    code: str | None = None
    name: str | None = None


@frozen(kw_only=True)
class Account(NamedRecord):
    """A creditor or debtor. Its field names are observed.

    The meaning of ``account_type`` is not documented.
    """

    account_type: int | None = None
    currency_code: str | None = None
    iban: str | None = None
    ledger_account_code: str | None = None
    payment_condition_code: str | None = None
    vat_number: str | None = None


@frozen(kw_only=True)
class LedgerAccount(NamedRecord):
    """A ledger account. Its field names are observed.

    The meaning of ``type`` is not documented.
    """

    tax_code: str | None = None
    type: int | None = None


@frozen(kw_only=True)
class CostCentre(NamedRecord):
    """A cost centre. Its field names are assumed."""


@frozen(kw_only=True)
class CostUnit(NamedRecord):
    """A cost unit. Its field names are assumed."""


@frozen(kw_only=True)
class Employee(Record):
    """An employee. Its field names are observed."""

    code: str | None = None
    cost_centre_code: str | None = None
    external_last_modification_time: datetime | None = None
    full_name: str | None = None


@frozen(kw_only=True)
class PaymentCondition(NamedRecord):
    """A payment condition. Its field names are assumed."""


@frozen(kw_only=True)
class Product(NamedRecord):
    """A product. Its field names are observed.

    The meaning of ``product_type`` is not documented.
    """

    is_active: bool | None = None
    product_type: int | None = None
    purchase_price: Decimal | None = None
    sales_price: Decimal | None = None


@frozen(kw_only=True)
class Project(NamedRecord):
    """A project. Its field names are observed."""

    external_last_modification_time: datetime | None = None
    is_active: bool | None = None
    project_leader_full_name: str | None = None
    purchase_tax_code: str | None = None


@frozen(kw_only=True)
class PurchaseOrder(Record):
    """A purchase order. Its field names are observed; ``lines`` are JSON objects as received."""

    account_code: str | None = None
    currency_code: str | None = None
    description: str | None = None
    lines: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    purchase_date: datetime | None = None
    purchase_order_number: str | None = None
    tax_exclusive_amount: Decimal | None = None
    tax_inclusive_amount: Decimal | None = None


@frozen(kw_only=True)
class TaxCode(NamedRecord):
    """A tax code. Its field names are assumed."""


@frozen(kw_only=True)
class FinancialTransaction(Record):
    """A financial transaction. Its field names are assumed."""

    id: int | None = None
