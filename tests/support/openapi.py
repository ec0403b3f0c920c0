"""Vendor files: one as small as can be, and those of the tests with changes."""

from __future__ import annotations

import json
from typing import Any

from _client_kit._contract import load_contract
from _contract_check.banqup import BANQUP
from _contract_check.compare import compare
from _contract_check.findings import Comparison, Finding
from _contract_check.openapi_file import read_openapi
from _contract_check.zenvoices import ZENVOICES
from support.corrections import VENDOR_FILES

Json = Any


def simple(schema: Any, version: str = "3.0.3", **more: Any) -> Any:
    """A file with one POST whose body has a schema, and named schemas beside it."""
    body = {"content": {"application/json": {"schema": schema}}}
    post = {"requestBody": body, "responses": {"200": {"description": "OK"}}}
    return {
        "openapi": version,
        "info": {"title": "T", "version": "1"},
        "paths": {"/public-api/v1/inbox": {"post": post}},
        "components": {"schemas": more},
    }


def file(name: str) -> Any:
    """A vendor's file, fresh."""
    return json.loads((VENDOR_FILES / f"{name}.json").read_text(encoding="utf-8"))


def zenvoices(root: Json) -> Comparison:
    """Zenvoices' contract against a decoded file."""
    return compare(load_contract("zenvoices_client"), read_openapi(root), ZENVOICES)


def banqup(root: Json) -> Comparison:
    """Banqup's contract against a decoded file."""
    return compare(load_contract("banqup_client"), read_openapi(root), BANQUP)


def troubles(comparison: Comparison) -> set[tuple[str, str, str]]:
    """Everything that is not as the contract has it: operation, what, how."""
    found: set[tuple[str, str, str]] = set()
    for operation in comparison.operations:
        if operation.status == "missing":
            found.add((operation.name, "operation", "missing"))
        found |= {
            (operation.name, f"{item.place} {item.name}", item.status)
            for item in operation.findings
            if item.status != "confirmed"
        }
    return found


def undescribed(comparison: Comparison) -> set[str]:
    """Operations the file is not about."""
    return {item.name for item in comparison.operations if item.status == "not described"}


def finding(comparison: Comparison, operation: str, place: str, name: str) -> Finding:
    """One finding."""
    (found,) = (
        item for item in comparison[operation].findings if (item.place, item.name) == (place, name)
    )
    return found


def schema(root: Json, name: str) -> Json:
    """A named schema of a file."""
    return root["components"]["schemas"][name]


def rename_member(name: str, old: str, new: str, root: Json) -> None:
    """Give a member of a schema another name."""
    found = schema(root, name)
    found["properties"] = {
        new if key == old else key: value for key, value in found["properties"].items()
    }
    if "required" in found:
        found["required"] = [new if key == old else key for key in found["required"]]


def set_member(name: str, member: str, value: Json, root: Json, must: bool = False) -> None:
    """Describe a member of a schema otherwise, or one more."""
    schema(root, name)["properties"][member] = value
    if must:
        require(name, member, root)


def require(name: str, member: str, root: Json) -> None:
    """Make a member of a schema required."""
    schema(root, name).setdefault("required", []).append(member)


def move_path(old: str, new: str, root: Json) -> None:
    """Describe an operation at another path."""
    root["paths"] = {new if path == old else path: item for path, item in root["paths"].items()}


def move_method(path: str, old: str, new: str, root: Json) -> None:
    """Describe an operation with another method."""
    root["paths"][path][new] = root["paths"][path].pop(old)


def add_parameter(path: str, method: str, parameter: Json, root: Json) -> None:
    """Add a parameter to an operation."""
    root["paths"][path][method].setdefault("parameters", []).append(parameter)


def only_media(path: str, media: str, root: Json) -> None:
    """Have an operation take its body as one media type only."""
    body = root["paths"][path]["post"]["requestBody"]
    body["content"] = {media: next(iter(body["content"].values()))}


def move_into_server(root: Json) -> None:
    """Write the common part of all paths into the server, as one service alone does."""
    base = "/datastore/documents/transaction"
    root["servers"] = [{"url": f"https://api.example{base}/"}]
    root["paths"] = {
        path.removeprefix(base): item
        for path, item in root["paths"].items()
        if path.startswith(base)
    }
