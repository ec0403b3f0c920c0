"""A vendor's file with one difference: the comparison names that one, and invents none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from _client_kit._contract import load_contract
from _contract_check.banqup import BANQUP
from _contract_check.compare import compare
from _contract_check.openapi_file import read_openapi
from support.openapi import (
    add_parameter,
    banqup,
    file,
    move_into_server,
    move_method,
    move_path,
    only_media,
    rename_member,
    require,
    set_member,
    troubles,
    undescribed,
    zenvoices,
)

Json = Any
Change = Callable[[Json], object]

API = "/public-api/v1"
DOCUMENTS = "/datastore/documents/transaction/v2/spaces/{spaceId}/documents"


def test_file_that_says_what_we_assume_confirms_zenvoices() -> None:
    """Everything is confirmed: the framework's envelope, which its files never show, is no
    difference, and neither are its query names with a capital."""
    comparison = zenvoices(file("zenvoices-as-assumed"))
    assert troubles(comparison) == set()
    assert undescribed(comparison) == set()
    assert not comparison.contradicted
    assert comparison.patch == {}
    assert all(not item.calls for item in comparison.operations)


def test_file_that_says_what_we_assume_confirms_banqup() -> None:
    """Everything in the file is confirmed; signed URLs and two services are not in it."""
    comparison = banqup(file("banqup-as-assumed"))
    assert troubles(comparison) == set()
    assert {"files.download", "files.upload", "users.me"} <= undescribed(comparison)
    assert not {"documents.list", "files.details", "token.get"} & undescribed(comparison)
    assert not comparison.contradicted


def test_what_an_export_needs_comes_first() -> None:
    """Needed operations are in front of the others, in the text as well."""
    comparison = zenvoices(file("zenvoices-as-assumed"))
    needed = [item.needed for item in comparison.operations]
    assert needed == sorted(needed, reverse=True)
    text = str(comparison)
    assert text.index("inbox.upload") < text.index("The rest") < text.index("accounts.list")


TEXT = {"type": "string"}
INBOX = {"$ref": "#/components/schemas/InboxDto"}


@pytest.mark.parametrize(
    ("change", "expected", "contradicts"),
    [
        (
            partial(rename_member, "CreateInboxInput", "subject", "title"),
            {("inbox.upload", "sends subject", "missing")},
            True,
        ),
        (
            partial(rename_member, "CreateInboxInput", "externalId", "external_id"),
            {("inbox.upload", "sends externalId", "differs")},
            True,
        ),
        (
            partial(rename_member, "InboxAttachmentInput", "content", "data"),
            {
                ("inbox.upload", "sends attachments[].content", "missing"),
                ("inbox.upload", "sends attachments[].data", "differs"),
            },
            True,
        ),
        (
            partial(set_member, "CreateInboxInput", "administrationId", TEXT),
            {("inbox.upload", "sends administrationId", "differs")},
            True,
        ),
        (
            partial(rename_member, "InboxDto", "subject", "title"),
            {
                ("inbox.upload", "reads subject", "missing"),
                ("inbox.details", "reads subject", "missing"),
            },
            False,
        ),
        (
            partial(require, "CreateInboxInput", "destination"),
            set(),
            False,
        ),
        (
            partial(set_member, "CreateInboxInput", "origin", TEXT, must=True),
            {("inbox.upload", "sends origin", "differs")},
            True,
        ),
        (
            partial(set_member, "InboxAttachmentInput", "hash", TEXT, must=True),
            {("inbox.upload", "sends attachments[].hash", "differs")},
            True,
        ),
        (
            partial(set_member, "CreateInboxInput", "id", {**TEXT, "readOnly": True}, must=True),
            set(),
            False,
        ),
        (
            partial(move_path, f"{API}/inbox/list", f"{API}/inbox/List"),
            {("inbox.list", f"path {API}/inbox/list", "differs")},
            True,
        ),
        (
            partial(move_path, f"{API}/costUnits/list", f"{API}/costUnits/all"),
            {("cost_units.list", "operation", "missing")},
            False,
        ),
        (
            partial(
                move_path,
                f"{API}/administration/{{administrationId}}",
                f"{API}/administration/{{id}}/",
            ),
            set(),
            False,
        ),
        (
            partial(move_method, f"{API}/inbox/details", "get", "post"),
            {("inbox.details", "operation", "missing")},
            True,
        ),
        (
            partial(
                add_parameter,
                f"{API}/inbox/list",
                "post",
                {"name": "X-Tenant", "in": "header", "required": True, "schema": TEXT},
            ),
            {("inbox.list", "header X-Tenant", "differs")},
            True,
        ),
        (
            partial(
                add_parameter,
                f"{API}/inbox/details",
                "get",
                {"name": "culture", "in": "query", "required": True, "schema": TEXT},
            ),
            {("inbox.details", "query culture", "differs")},
            True,
        ),
        (
            partial(
                add_parameter,
                f"{API}/inbox/details",
                "get",
                {"name": "culture", "in": "query", "schema": TEXT},
            ),
            set(),
            False,
        ),
        (
            lambda root: root["paths"][f"{API}/inbox/details"]["get"]["parameters"][0].update(
                required=True
            ),
            {("inbox.details", "query Id", "differs")},
            True,
        ),
        (
            partial(only_media, f"{API}/inbox", "multipart/form-data"),
            {("inbox.upload", "body media type", "differs")},
            True,
        ),
        (
            partial(
                set_member,
                "AdministrationListDto",
                "code",
                {"type": "integer", "format": "int32"},
            ),
            set(),
            False,
        ),
        (
            partial(set_member, "AdministrationListDto", "id", {**TEXT, "format": "uuid"}),
            {
                ("companies.list", "reads items[].id", "differs"),
            },
            True,
        ),
        (
            partial(set_member, "InboxDto", "externalId", {"oneOf": [TEXT, {"type": "null"}]}),
            set(),
            False,
        ),
        (
            partial(set_member, "InboxDtoPagedResultDto", "items", INBOX),
            {("inbox.list", "reads items", "differs")},
            True,
        ),
    ],
)  # fmt: skip
def test_one_difference_in_zenvoices_file_is_named_and_no_other(
    change: Change, expected: set[tuple[str, str, str]], contradicts: bool
) -> None:
    """Each kind of difference, and changes of writing that are none."""
    root = file("zenvoices-as-assumed")
    change(root)
    comparison = zenvoices(root)
    assert troubles(comparison) == expected
    assert comparison.contradicted is contradicts


@pytest.mark.parametrize(
    ("change", "expected", "contradicts"),
    [
        (
            partial(
                set_member, "DocumentStatus", "document", {**TEXT, "enum": ["NEW", "APPROVED"]}
            ),
            {
                ("documents.list", "reads documents[].status.document", "differs"),
                ("documents.get", "reads status.document", "differs"),
            },
            True,
        ),
        (
            partial(set_member, "Document", "status", {"$ref": "#/components/schemas/Party"}),
            {
                (operation, f"reads {path}status.{name}", "missing")
                for operation, path in (("documents.list", "documents[]."), ("documents.get", ""))
                for name in ("document", "pay", "delivery")
            },
            True,
        ),
        (
            partial(set_member, "FileDetails", "downloadUrl", {"type": "object"}),
            {
                ("files.details", "reads downloadUrl", "differs"),
            },
            True,
        ),
        (
            partial(set_member, "FileDetails", "downloadUrl", {"type": "integer"}),
            {
                ("files.details", "reads downloadUrl", "differs"),
            },
            True,
        ),
        (
            partial(rename_member, "TokenResponse", "access_token", "token"),
            {("token.get", "reads access_token", "missing")},
            True,
        ),
        (
            lambda root: root["paths"][DOCUMENTS]["get"].update(parameters=[]),
            {
                ("documents.list", f"query {name}", "missing")
                for name in ("folder", "updated_since", "page", "size", "next")
            },
            True,
        ),
        (
            move_into_server,
            set(),
            False,
        ),
    ],
)
def test_one_difference_in_banqup_file_is_named_and_no_other(
    change: Change, expected: set[tuple[str, str, str]], contradicts: bool
) -> None:
    """Each kind of difference, and changes of writing that are none."""
    root = file("banqup-as-assumed")
    change(root)
    comparison = banqup(root)
    found = {
        item for item in troubles(comparison) if item[0] not in ("documents.create", "files.create")
    }
    assert found == expected
    assert comparison.contradicted is contradicts


@pytest.mark.parametrize("name", ["Filter.Folder", "filter[folder]", "page.folder[]"])
def test_query_name_with_dots_or_brackets_is_found(name: str) -> None:
    """A patch may give a parameter the name that the vendor's file has."""
    root = file("banqup-as-assumed")
    for parameter in root["paths"][DOCUMENTS]["get"]["parameters"]:
        if parameter["name"] == "folder":
            parameter["name"] = name
    patch = {"documents.list": {"query": {"folder": name}}}
    contract = load_contract("banqup_client").patched(patch)
    comparison = compare(contract, read_openapi(root), BANQUP)
    assert not [item for item in troubles(comparison) if item[0] == "documents.list"]
