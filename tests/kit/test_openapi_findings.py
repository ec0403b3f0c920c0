"""What a comparison says of a difference: both sides, corrections, what looks like it."""

from __future__ import annotations

import json

from _client_kit._contract import load_contract
from support.openapi import (
    banqup,
    file,
    finding,
    move_path,
    rename_member,
    schema,
    set_member,
    zenvoices,
)

API = "/public-api/v1"
TEXT = {"type": "string"}


def test_both_sides_of_a_difference_are_shown() -> None:
    """A finding says what the contract has, what the file has, and how to correct it."""
    root = file("zenvoices-as-assumed")
    rename_member("CreateInboxInput", "externalId", "external_id", root)
    found = finding(zenvoices(root), "inbox.upload", "sends", "externalId")
    assert (found.ours, found.theirs) == ("externalId", "external_id")
    # It is read as externalId still, so a rename would break that.
    assert found.remedy == 'Correct it with ZenvoicesClient(operations={"inbox.upload": ...}).'
    rename_member("InboxDto", "externalId", "external_id", root)
    comparison = zenvoices(root)
    found = finding(comparison, "inbox.upload", "sends", "externalId")
    assert found.remedy == "--suggest prints the correction."
    assert comparison.patch["inbox.upload"] == {"rename": {"externalId": "external_id"}}


def test_word_the_file_does_not_list_is_a_difference_with_the_words_it_lists() -> None:
    """A status the export waits for and the file does not know is shown with those it knows."""
    root = file("banqup-as-assumed")
    set_member("DocumentStatus", "document", {**TEXT, "enum": ["VALIDATED", "APPROVED"]}, root)
    found = finding(banqup(root), "documents.get", "reads", "status.document")
    assert found.ours == "document: VALIDATED, FULLY_APPROVED"
    assert found.theirs == "status.document: one of VALIDATED, APPROVED"


def test_suggestion_leaves_out_what_is_not_sure() -> None:
    """Another spelling than letter case, a new name and a moved member are not suggested."""
    root = file("zenvoices-as-assumed")
    rename_member("InboxDto", "subject", "Subject", root)
    rename_member("AdministrationListDto", "code", "administration_code", root)
    rename_member("AdministrationListDto", "name", "Name", root)
    patch = zenvoices(root).patch
    assert patch == {
        "companies.list": {"rename": {"items[].name": "Name"}},
        "companies.get": {"rename": {"administration.name": "Name"}},
        "inbox.details": {"rename": {"subject": "Subject"}},
        # Not inbox.upload: it sends the subject as "subject" still.
    }
    load_contract("zenvoices_client").patched(patch)


def test_prefix_is_suggested_only_where_the_file_agrees_with_itself() -> None:
    """One operation below another prefix among many that stayed is no new prefix."""
    root = file("zenvoices-as-assumed")
    move_path(f"{API}/inbox/list", "/public-api/v2/inbox/list", root)
    comparison = zenvoices(root)
    assert comparison["inbox.list"].status == "missing"
    assert comparison.patch == {}
    everything = file("zenvoices-as-assumed")
    everything["paths"] = {
        path.replace(API, "/external"): item for path, item in everything["paths"].items()
    }
    comparison = zenvoices(everything)
    assert comparison.patch["inbox.list"] == {"path": "/external/inbox/list"}
    assert comparison.patch["companies.get"] == {"path": "/external/administration/{company_id}"}


def test_missing_upload_is_followed_by_every_call_that_carries_a_file() -> None:
    """Each POST whose body holds content is shown with its body, the likeliest first."""
    comparison = zenvoices(file("zenvoices-nested"))
    upload = comparison["inbox.upload"]
    assert upload.status == "missing"
    assert comparison.contradicted
    assert [like[0].partition(" (")[0] for like in upload.calls] == [
        f"POST {API}/inbox/uploadAndRead",
        f"POST {API}/profile/picture",
    ]
    assert upload.calls[0][1:] == (
        "  body:",
        "    header: object, required",
        "      administrationId: integer (int32), required",
        "      externalId: string",
        "      subject: string",
        "      sender: string",
        "    file: object, required",
        "      name: string, required",
        "      mediaType: string",
        "      data: string (byte), required",
        "    source: string, required, one of email, api",
        "  answer:",
        "    integer (int32)",
    )


def test_missing_list_is_followed_by_what_looks_like_it() -> None:
    """Operations about the same things come first; what has nothing in common is left out."""
    comparison = zenvoices(file("zenvoices-renamed"))
    assert [like[0] for like in comparison["companies.list"].calls] == [
        f"POST {API}/administrations/search"
    ]
    assert comparison["inbox.list"].calls[0][0] == f"POST {API}/inbox/search"
    assert comparison["inbox.details"].calls[0][0] == f"GET {API}/inbox/document"
    listed = banqup(file("banqup-renamed"))["documents.list"]
    assert "/invoices" in listed.calls[0][0]


def test_comparison_is_plain_data_for_programs() -> None:
    """JSON holds everything the text shows."""
    comparison = banqup(file("banqup-nested"))
    data = json.loads(json.dumps(comparison.to_dict()))
    assert data["contradicted"] is True
    listed = next(item for item in data["operations"] if item["name"] == "documents.list")
    assert listed["contradicted"] is True
    missing = [item["name"] for item in listed["findings"] if item["status"] == "missing"]
    assert "documents[].status" in missing
    # What is below it is not there for the same reason.
    assert "documents[].status.document" not in missing


def test_prefix_of_one_operation_alone_is_not_believed() -> None:
    """It is shown as a look-alike; only another version of the same prefix is suggested."""
    root = file("zenvoices-as-assumed")
    listed = root["paths"][f"{API}/inbox/list"]
    root["paths"] = {"/external/inbox/list": listed}
    comparison = zenvoices(root)
    assert comparison["inbox.list"].theirs == ""
    assert comparison["inbox.list"].calls[0][0] == "POST /external/inbox/list"
    assert comparison.patch == {}
    root["paths"] = {"/public-api/v2/inbox/list": listed}
    assert zenvoices(root).patch == {"inbox.list": {"path": "/public-api/v2/inbox/list"}}


def test_two_operations_that_could_be_ours_are_not_chosen_between() -> None:
    """The same end of the path below two prefixes is no match."""
    root = file("zenvoices-as-assumed")
    listed = root["paths"][f"{API}/inbox/list"]
    root["paths"] = {"/public-api/v2/inbox/list": listed, "/public-api/v3/inbox/list": listed}
    comparison = zenvoices(root)
    assert comparison["inbox.list"].theirs == ""
    assert comparison.patch == {}


def test_name_that_is_sent_and_read_is_suggested_only_when_both_are_known() -> None:
    """A file that does not show the answer leaves open what a rename would do to it."""
    root = file("zenvoices-as-assumed")
    rename_member("CreateInboxInput", "externalId", "ExternalId", root)
    rename_member("InboxAttachmentInput", "content", "Content", root)
    del root["paths"][f"{API}/inbox"]["post"]["responses"]["200"]["content"]
    comparison = zenvoices(root)
    assert comparison.patch == {"inbox.upload": {"rename": {"attachments[].content": "Content"}}}


def test_list_where_an_object_is_expected_is_named() -> None:
    """An answer that is a bare list has none of our members, and it is said what it is."""
    root = file("banqup-as-assumed")
    rows = schema(root, "DocumentList")["properties"]["documents"]
    root["components"]["schemas"]["DocumentList"] = rows
    found = finding(banqup(root), "documents.list", "reads", "documents")
    assert (found.status, found.theirs) == ("missing", "the answer is of type array")
    assert found.contradicts


def test_text_where_an_object_is_expected_is_named() -> None:
    """A status that is a text has no members: it is said what it is, and nothing of them."""
    root = file("banqup-as-assumed")
    set_member("Document", "status", TEXT, root)
    found = finding(banqup(root), "documents.get", "reads", "status")
    assert (found.status, found.theirs) == ("differs", "status: string")


def test_id_of_another_object_is_never_said_to_be_ours() -> None:
    """Where a property is missing, only the names beside it are shown."""
    root = file("zenvoices-as-assumed")
    members = schema(root, "InboxDto")["properties"]
    old = members.pop("id")
    members["author"] = {"type": "object", "properties": {"id": old, "externalId": TEXT}}
    found = finding(zenvoices(root), "inbox.details", "reads", "id")
    assert (found.status, found.contradicts) == ("missing", True)
    assert found.theirs == ", ".join(members)
    assert "author.id" not in str(zenvoices(root)["inbox.details"].findings)
