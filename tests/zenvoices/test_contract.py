"""The contract is the client's whole knowledge of the wire, and the fake agrees with it."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import pytest

import zenvoices_client
from _client_kit._contract import load_contract
from support.zenvoices import login
from zenvoices_client import AsyncZenvoicesClient, ZenvoicesClient
from zenvoices_client.testing import FakeZenvoices

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = load_contract("zenvoices_client").operations

MODELS = {
    "accounts": "Account",
    "companies": "Company",
    "cost_centres": "CostCentre",
    "cost_units": "CostUnit",
    "employees": "Employee",
    "financial_transactions": "FinancialTransaction",
    "inbox": "InboxDocument",
    "ledger_accounts": "LedgerAccount",
    "payment_conditions": "PaymentCondition",
    "products": "Product",
    "projects": "Project",
    "purchase_orders": "PurchaseOrder",
    "tax_codes": "TaxCode",
    "webhooks": "WebhookSubscription",
}


def resource_of(client: ZenvoicesClient | AsyncZenvoicesClient, operation: str) -> Any:
    return getattr(client, operation.partition(".")[0])


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "login"])
@pytest.mark.parametrize("world", [ZenvoicesClient, AsyncZenvoicesClient])
def test_operation_is_a_method_that_says_what_is_known(
    name: str, world: type[ZenvoicesClient | AsyncZenvoicesClient]
) -> None:
    """Each operation is `client.<resource>.<verb>()`, and its docstring names its mark."""
    client = world(login(), transport=FakeZenvoices().transport())
    verb = name.partition(".")[2].removesuffix("_by_external_id")
    method = getattr(resource_of(client, name), verb)
    said = (inspect.getdoc(method) or "").lower()
    assert OPERATIONS[name].evidence in said
    if OPERATIONS[name].query or any(
        known.evidence == "assumed" for known in OPERATIONS[name].sends
    ):
        assert "assumed" in said
    parameters = inspect.signature(method).parameters
    assert {"timeout", "deadline"} <= set(parameters)
    for parameter in parameters:
        assert f"{parameter}:" in (inspect.getdoc(method) or "")


def test_every_verb_is_in_the_contract() -> None:
    """No public method of a resource makes a call that the contract does not name."""
    client = ZenvoicesClient(login(), transport=FakeZenvoices().transport())
    verbs = {
        f"{resource}.{verb}"
        for resource in MODELS
        for verb, _ in inspect.getmembers(getattr(client, resource), inspect.ismethod)
        if not verb.startswith("_")
    }
    made_of_others = {"companies.resolve", "inbox.find"}
    part_of_get = "accounts.get_by_external_id"
    assert verbs - made_of_others == set(OPERATIONS) - {"login", part_of_get}


def test_fake_knows_every_operation() -> None:
    """The fake, written from the reference and not from here, has the same calls."""
    routes = {
        route.operation: (route.method, re.sub(r"\{\w+\}", "{}", route.path))
        for route in FakeZenvoices()._routes()
    }
    assert routes == {
        name: (operation.method, re.sub(r"\{\w+\}", "{}", operation.path))
        for name, operation in OPERATIONS.items()
    }


@pytest.mark.parametrize("resource", MODELS)
def test_contract_lists_what_the_models_read(resource: str) -> None:
    """Each field of a model is a property of its operations, and no other property is listed."""
    model = getattr(zenvoices_client, MODELS[resource])
    fields = {
        attribute.metadata.get("wire")
        or re.sub(r"_(\w)", lambda match: match[1].upper(), attribute.name)
        for attribute in attrs.fields(model)
        if attribute.name != "extra"
    }
    for name, operation in OPERATIONS.items():
        if name.partition(".")[0] != resource or not operation.reads:
            continue
        read = {
            re.sub(r"^(items\[\]|administration)\.", "", known.path) for known in operation.reads
        } - {"items", "totalCount", "administration"}
        if name == "inbox.list":  # what a look-up in the list needs
            assert read < fields
        else:
            assert read == fields, name


def test_evidence_is_complete() -> None:
    """Each operation and each property has a mark we know, and a source."""
    for operation in OPERATIONS.values():
        properties = [*operation.sends, *operation.reads]
        marks = {operation.evidence, *(known.evidence for known in properties)}
        assert marks <= {"published", "observed", "assumed"}
        assert operation.source
        assert all(known.source for known in properties)
        if operation.query:
            assert "query" in operation.note or operation.evidence == "assumed"


def test_safe_operations_are_the_ones_that_only_read() -> None:
    """Only the upload changes anything, so only it is not simply repeated."""
    assert [name for name, operation in OPERATIONS.items() if not operation.safe] == [
        "inbox.upload"
    ]


def test_operations_of_an_export_are_marked() -> None:
    """The check of a connection reads from here which calls it depends on."""
    assert {name for name, operation in OPERATIONS.items() if operation.needed} == {
        "login",
        "companies.list",
        "inbox.upload",
        "inbox.list",
        "inbox.details",
    }


def test_master_data_loads_on_first_use() -> None:
    """Importing the client and filling an inbox loads no master data; naming a model does."""
    script = """
import json, sys
from zenvoices_client import Attachment, InboxUpload, UserLogin, ZenvoicesClient
import zenvoices_client
lazy = ["_master_models", "_webhooks", "_sync._master_data", "_async._master_data"]
loaded = lambda: [name for name in lazy if f"zenvoices_client.{name}" in sys.modules]
before = loaded()
client = ZenvoicesClient(UserLogin("u", "p", organisation_code="o"))
client.inbox, client.companies
made = loaded()
client.accounts
used = loaded()
zenvoices_client.WebhookEvent
print(json.dumps([before, made, used, loaded()]))
try:
    zenvoices_client.Nothing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    values, message = done.stdout.splitlines()
    assert json.loads(values) == [
        [],
        [],
        ["_master_models", "_sync._master_data"],
        ["_master_models", "_webhooks", "_sync._master_data"],
    ]
    assert message == "module 'zenvoices_client' has no attribute 'Nothing'"


def test_lazy_resources_are_typed() -> None:
    """What loads on first use still has its class on the client, for editors and checkers."""
    for world in (ZenvoicesClient, AsyncZenvoicesClient):
        lazy = {name for name, value in vars(world).items() if isinstance(value, cached_property)}
        assert lazy == {*MODELS, "_master_data"}


@pytest.mark.long
def test_package_is_completely_typed() -> None:
    """Every public name has a type that any checker sees."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable),
            *("--verifytypes", "zenvoices_client", "--ignoreexternal", "--outputjson"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["typeCompleteness"]["completenessScore"] == 1
