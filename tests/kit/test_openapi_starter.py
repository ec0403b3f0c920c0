"""What is printed for a person who writes a function: what to call, and a first draft."""

from __future__ import annotations

import types
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from attrs import field, frozen

from _client_kit._contract import TOKEN_CALLS, load_contract
from _contract_check.banqup import BANQUP
from _contract_check.compare import compare
from _contract_check.findings import Comparison, OperationFinding
from _contract_check.openapi_file import read_openapi
from _contract_check.zenvoices import ZENVOICES
from support.corrections import COMMANDS, vendor_file
from support.openapi import (
    add_parameter,
    banqup,
    file,
    finding,
    move_method,
    move_path,
    only_media,
    schema,
    set_member,
    zenvoices,
)

API = "/public-api/v1"
SPACE = "/datastore/documents/transaction/v2/spaces/{spaceId}"
FILES = "/datastore/documents/transaction/v1/spaces/{spaceId}/files/{fileId}"
TEXT = {"type": "string"}
IN_BASE64 = b64encode(b"<Invoice/>").decode()


@frozen
class Call:
    """What a function yields."""

    method: str
    path: str
    query: Any = field(default=None, kw_only=True)
    headers: Any = field(default=None, kw_only=True)
    json: Any = field(default=None, kw_only=True)
    safe: Any = field(default=None, kw_only=True)


@frozen
class Base64:
    """A file's content in a body."""

    content: Any


def asked() -> Any:
    """What a function is given."""
    attachment = types.SimpleNamespace(file_name="a.xml", content_type="a/xml", content=b"x")
    upload = types.SimpleNamespace(attachments=[attachment], subject="S", sender_name="N")
    return types.SimpleNamespace(
        upload=upload, company_id=7, external_id="e1", space_id="s1", document_id="d1",
        file_id="f1", folder="SALES", page=0, size=50, token=None, skip=0, sorting=None,
        default=types.SimpleNamespace(query={"updatedSince": "2026"}),
    )  # fmt: skip


def run(found: OperationFinding, answer: Any) -> tuple[Call, Any]:
    """The call that a starter function makes, and what it returns of an answer."""
    names: dict[str, Any] = {"Call": Call, "Base64": Base64}
    exec("\n".join(found.starter), names)
    (function,) = (value for value in names.values() if isinstance(value, types.FunctionType))
    running = function(asked())
    call = next(running)
    with pytest.raises(StopIteration) as ended:
        running.send(answer)
    return call, ended.value.value


def test_upload_of_another_structure_comes_with_a_function_that_runs() -> None:
    """The file's names, filled where the library has a value; the rest is left to a person."""
    found = zenvoices(file("zenvoices-nested"))["inbox.upload"]
    call, answer = run(found, 4711)
    assert (call.method, call.path) == ("POST", f"{API}/inbox/uploadAndRead")
    assert call.json == {
        "header": {"administrationId": 7, "externalId": "e1", "subject": "S", "sender": "N"},
        "file": {"name": "a.xml", "mediaType": "a/xml", "data": Base64(b"x")},
        "source": ...,
    }
    assert answer == 4711
    assert '    a function to start from, for operations={"inbox.upload": ...}:' in str(
        zenvoices(file("zenvoices-nested"))
    )


def test_upload_with_a_list_of_files_sends_a_list() -> None:
    """With the one attachment, and the answer is left to a person, with our names."""
    found = zenvoices(file("zenvoices-renamed"))["inbox.upload"]
    call, answer = run(found, {"documentId": 4711})
    assert call.json["files"] == [{"name": "a.xml", "mimeType": "a/xml", "base64": Base64(b"x")}]
    assert (call.json["companyId"], call.json["reference"]) == (7, "e1")
    assert answer is ...
    assert found.starter[-1] == "    return ...  # the answer, as an object with id"


def test_rows_of_another_structure_are_left_to_a_person() -> None:
    """The draft makes the call and names what an export needs of the answer, which is shown."""
    found = banqup(file("banqup-nested"))["documents.list"]
    call, answer = run(found, {"documents": []})
    assert call.path == "/datastore/documents/transaction/v2/spaces/s1/documents"
    assert call.query == {"folder": "SALES", "updatedSince": "2026", "page": 0, "size": 50}
    assert answer is ...
    assert '"page": asked.page,  # counts from 0' in "\n".join(found.starter)
    assert found.starter[-1] == (
        "    return ...  # the answer, as an object with documents, documents[].id, "
        "documents[].status, documents[].status.document, documents[].files, "
        "documents[].files[].id"
    )
    assert "      workflow: object" in found.calls[0]


def test_answer_under_our_names_is_returned_as_it_is() -> None:
    """A call that only wants something more needs no translation of its answer."""
    root = file("zenvoices-as-assumed")
    add_parameter(
        f"{API}/inbox/details", "get",
        {"name": "Culture", "in": "query", "required": True, "schema": TEXT}, root,
    )  # fmt: skip
    found = zenvoices(root)["inbox.details"]
    assert found.contradicted
    call, answer = run(found, {"id": 1})
    assert call.query == {"AdministrationId": 7, "ExternalId": "e1", "Culture": ...}
    assert answer == {"id": 1}


def test_list_that_is_the_answer_itself_is_no_answer_under_our_names() -> None:
    """A bare list of companies is not returned as it is."""
    root = file("zenvoices-as-assumed")
    page = schema(root, "AdministrationListDtoPagedResultDto")["properties"]["items"]
    root["components"]["schemas"]["AdministrationListDtoPagedResultDto"] = page
    found = zenvoices(root)["companies.list"]
    _, answer = run(found, [{"id": 7, "code": "0042"}])
    assert answer is ...
    assert found.starter[-1].endswith("an object with items, items[].id, items[].code")


def test_look_alike_shows_what_it_requires_its_body_and_its_answer() -> None:
    """Everything a person needs to write the call; a look-up is found by what it asks for."""
    root = file("zenvoices-as-assumed")
    move_path(f"{API}/inbox/details", f"{API}/documents/lookup", root)
    operation = root["paths"][f"{API}/documents/lookup"]["get"]
    operation["parameters"] += [
        {"name": "X-Tenant", "in": "header", "required": True, "schema": TEXT},
        {"name": "Kind", "in": "query", "required": True, "schema": TEXT},
    ]
    comparison = zenvoices(root)
    assert comparison["inbox.details"].status == "missing"
    like = next(
        item
        for item in comparison["inbox.details"].calls
        if item[0].startswith(f"GET {API}/documents/lookup")
    )
    assert like[1:3] == ("  query Kind: string, required", "  header X-Tenant: string, required")
    assert "    externalId: string" in like
    assert "      query Kind: string, required" in str(comparison)


def test_links_of_a_row_are_opened_two_levels() -> None:
    """The address of a file may stand in the links of a document only, deep in a list."""
    root = file("banqup-nested")
    link = {"type": "object", "properties": {"href": TEXT}}
    links = {"type": "object", "properties": {"download": link}}
    set_member("DocumentRef", "_links", links, root)
    found = banqup(root)["documents.list"].calls[0]
    lines = [line.strip() for line in found]
    assert lines[lines.index("_links: object") :][:3] == [
        "_links: object",
        "download: object",
        "href: string",
    ]


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"application/octet-stream": {"schema": {**TEXT, "format": "binary"}}}, None),
        ({"application/json": {"schema": {**TEXT, "format": "byte"}}}, IN_BASE64),
        (
            {"application/json": {"schema": {"properties": {"fileContent": TEXT}}}},
            {"fileContent": IN_BASE64},
        ),
        (
            {
                "application/json": {
                    "schema": {
                        "properties": {
                            "data": {"type": "array", "items": {"properties": {"base64": TEXT}}}
                        }
                    }
                }
            },
            {"data": [{"base64": IN_BASE64}]},
        ),
        ({"application/pdf": {}}, None),
    ],
)
def test_download_from_the_api_itself_is_found(content: Any, answer: Any) -> None:
    """A call that answers with a file's bytes may be the download."""
    root = file("banqup-as-assumed")
    responses = {"200": {"description": "OK", "content": content}}
    parameters = root["paths"][FILES]["get"]["parameters"]
    root["paths"][f"{FILES}/raw"] = {"get": {"parameters": parameters, "responses": responses}}
    found = banqup(root)["files.download"]
    assert [like[0] for like in found.calls] == [f"GET {FILES}/raw"]
    path = "/datastore/documents/transaction/v1/spaces/s1/files/f1/raw"
    if answer is None:
        names: dict[str, Any] = {}
        exec("\n".join(found.starter), names)
        assert names["files_download"](asked()) == path
    else:
        call, file_bytes = run(found, answer)
        assert (call.method, call.path, file_bytes) == ("GET", path, ...)
    assert banqup(file("banqup-as-assumed"))["files.download"].calls == ()


def test_look_up_is_drafted_as_the_function_that_an_export_asks() -> None:
    """inbox.find is given what an upload was sent with."""
    root = file("zenvoices-renamed")
    found = zenvoices(root)["inbox.details"]
    assert found.function == "inbox.find"
    call, _ = run(found, {"documentId": 1})
    assert call.path == f"{API}/inbox/document"
    assert call.query == {"CompanyId": 7, "Reference": "e1"}
    listed, _ = run(zenvoices(root)["inbox.list"], {"records": []})
    assert listed.json == {"take": 50, "skip": 0, "sorting": None, "companyId": 7}


def test_names_of_a_file_cannot_leave_their_quotes() -> None:
    """A person runs what is drafted, so a name is data in it, whatever it holds."""
    evil = '"]: __import__("os").abort(), ["'
    root = file("zenvoices-nested")
    upload = root["paths"]["/inbox/uploadAndRead"]["post"]
    body = {"required": [evil], "properties": {evil: TEXT, "content": TEXT}}
    upload["parameters"] = [
        {"in": "body", "name": "body", "schema": body},
        {"in": "query", "name": evil, "required": True, "type": "string"},
    ]
    move = root["paths"].pop("/inbox/uploadAndRead")
    root["paths"] = {f"/inbox/{evil}{{{evil}}}": move, **root["paths"]}
    call, _ = run(zenvoices(root)["inbox.upload"], None)
    assert call.query == {evil: ...}
    assert call.json == {evil: ..., "content": Base64(b"x")}
    assert call.path == f"{API}/inbox/{evil}Ellipsis"


def described(body: Any, answer: Any, *parameters: Any, method: str = "post") -> dict[str, Any]:
    """An operation of a file."""
    content = {"content": {"application/json": {"schema": answer}}}
    operation: dict[str, Any] = {"parameters": [*parameters], "responses": {"200": content}}
    if body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return {method: operation}


def members(*required: str, **properties: Any) -> Any:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "required": [*required]}


def rows_of(schema: Any) -> Any:
    """The schema of a list."""
    return {"type": "array", "items": schema}


def test_upload_whose_file_goes_first_is_shown_with_the_call_that_takes_it() -> None:
    """A person writes the two steps; both calls are there to read."""
    root = file("zenvoices-as-assumed")
    body = members("fileTokens", externalId=TEXT, fileTokens=rows_of(TEXT))
    root["paths"][f"{API}/inbox"] = described(body, members(documentId={}))
    first = members("content", fileName=TEXT, content=TEXT)
    root["paths"][f"{API}/file/upload"] = described(first, members(fileToken=TEXT))
    comparison = zenvoices(root)
    calls = [like[0] for like in comparison["inbox.upload"].calls]
    assert calls[:2] == [f"POST {API}/inbox", f"POST {API}/file/upload"]
    assert f"    looks like it: POST {API}/file/upload" in str(comparison)
    call, _ = run(comparison["inbox.upload"], {"documentId": 4711})
    assert call.json == {"externalId": "e1", "fileTokens": ...}


def test_search_by_post_gets_the_cursor_that_an_export_hands_on() -> None:
    """The token of the page before goes into the body, by the name that the file has for it."""
    root = file("banqup-as-assumed")
    del root["paths"][f"{SPACE}/documents"]
    root["paths"][f"{SPACE}/documents/search"] = described(
        members("limit", limit={}, pageToken=TEXT),
        members(results=rows_of(members(documentId=TEXT)), nextPageToken=TEXT),
    )
    call, _ = run(banqup(root)["documents.list"], {"results": []})
    assert call.json == {"limit": 50, "pageToken": None}


def test_placeholder_without_a_value_is_left_to_a_person() -> None:
    """As every value that the library does not have."""
    root = file("zenvoices-as-assumed")
    move_path(f"{API}/inbox/details", "/{class}/inbox/{externalId}", root)
    lines = zenvoices(root)["inbox.details"].starter
    assert '        f"/{...}/inbox/{asked.external_id}",' in lines


# A function of the user's own


def with_functions(service: str, root: Any, *names: str) -> Comparison:
    """A service's contract against a file, some operations being the user's."""
    contract, expected = {
        "banqup": (load_contract("banqup_client"), BANQUP),
        "zenvoices": (load_contract("zenvoices_client"), ZENVOICES),
    }[service]
    return compare(contract, read_openapi(root), expected, yours=names)


def other_upload(root: Any) -> None:
    """The upload has another path and is a form."""
    move_path(f"{API}/inbox", f"{API}/document/send", root)
    only_media(f"{API}/document/send", "application/x-www-form-urlencoded", root)


def other_look_up(root: Any) -> None:
    """The look-up and the list take their input by other methods."""
    move_method(f"{API}/inbox/details", "get", "post", root)
    move_method(f"{API}/inbox/list", "post", "get", root)


def other_companies(root: Any) -> None:
    """The companies are asked for with a tenant in a header."""
    header = {"name": "X-Tenant", "in": "header", "required": True, "schema": TEXT}
    add_parameter(f"{API}/administration/list", "post", header, root)


@pytest.mark.parametrize(
    ("change", "functions"),
    [
        (other_upload, ["inbox.upload"]),
        (other_look_up, ["inbox.find"]),
        (other_look_up, ["inbox.details", "inbox.list"]),
        (other_companies, ["companies.list"]),
    ],
)
def test_every_contradiction_ends_with_a_function(
    change: Callable[[Any], None], functions: list[str]
) -> None:
    """What a person has a function for is theirs, and nothing is left to contradict an export."""
    root = file("zenvoices-as-assumed")
    change(root)
    before = zenvoices(root)
    contradicted = [item for item in before.operations if item.contradicted]
    assert contradicted
    assert all(item.starter for item in contradicted)
    after = with_functions("zenvoices", root, *functions)
    assert not after.contradicted
    assert {after[item.name].status for item in contradicted} == {"yours"}
    assert ": yours, not compared" in str(after)


def test_files_by_a_function_need_no_files_in_the_documents() -> None:
    """documents.files brings them, so that their place in a document counts no more."""
    root = file("banqup-as-assumed")
    del schema(root, "Document")["properties"]["files"]
    assert banqup(root).contradicted
    after = with_functions("banqup", root, "documents.files")
    assert not after.contradicted
    assert finding(after, "documents.list", "reads", "documents[].files").status == "missing"


def test_download_by_a_function_needs_no_details() -> None:
    """Where the file has no details, each of the two functions may be written for them."""
    root = file("banqup-as-assumed")
    path = "/datastore/documents/transaction/v1/spaces/{spaceId}/files/{fileId}"
    del root["paths"][path]
    (missing,) = [item for item in banqup(root).operations if item.contradicted]
    assert missing.name == "files.details"
    assert missing.function == "files.details"
    assert not with_functions("banqup", root, "files.download").contradicted


@pytest.mark.parametrize("name", ["login", "inbox.uplod", "documents.list"])
def test_operation_that_takes_no_function_is_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token calls, a misspelt name and the other service's; those that may are named."""
    against = ["contract", "--against", vendor_file("zenvoices-as-assumed")]
    with pytest.raises(SystemExit) as ended:
        COMMANDS["zenvoices"]([*against, "--operations", name])
    assert ended.value.code == 2
    refused = capsys.readouterr().err
    assert f"'{name}'" in refused
    assert "inbox.upload" in refused
    assert "inbox.find" in refused


def test_command_leaves_out_what_the_user_has_a_function_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 0 is reached by naming it."""
    against = ["contract", "--against", vendor_file("zenvoices-nested")]
    assert COMMANDS["zenvoices"](against) == 1
    assert COMMANDS["zenvoices"]([*against, "--operations", "inbox.upload"]) == 0
    assert "inbox.upload: yours, not compared" in capsys.readouterr().out


def test_envelope_that_a_file_does_show_is_no_difference() -> None:
    """A file may write the envelope out, also that of the login."""
    root = file("zenvoices-as-assumed")
    for item in root["paths"].values():
        for operation in item.values():
            for media in operation["responses"].get("200", {}).get("content", {}).values():
                wrapped = {"success": {"type": "boolean"}, "result": media["schema"]}
                media["schema"] = {"type": "object", "properties": wrapped}
    comparison = zenvoices(root)
    assert not comparison.contradicted
    assert {item.status for item in comparison.operations} == {"confirmed"}


def test_every_needed_operation_has_what_its_function_is_given() -> None:
    """A draft can be made for each, but for the call that brings the token."""
    for contract, expected in (
        (load_contract("banqup_client"), BANQUP),
        (load_contract("zenvoices_client"), ZENVOICES),
    ):
        needed = {item.name for item in contract.operations.values() if item.needed}
        assert set(expected.values) == needed - {*TOKEN_CALLS, "spaces.list"}
