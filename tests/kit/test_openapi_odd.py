"""Vendor files that are written in unusual ways, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from _contract_check.findings import Comparison, OperationFinding
from _contract_check.openapi_file import load, read_openapi
from _contract_check.openapi_schema import Shape, VendorFileError, locate, tree, typed
from support.openapi import banqup, file, finding, move_path, only_media, simple, zenvoices

API = "/public-api/v1"
DOCUMENTS = "/datastore/documents/transaction/v2/spaces/{spaceId}/documents"


def body_of(schema: Any, **named: Any) -> Shape:
    """The body of a file's only operation."""
    body = read_openapi(simple(schema, **named)).operations[0].body
    assert body is not None
    return body


def without_prefix(prefix: str) -> Any:
    """Zenvoices' file with every path below another prefix."""
    root = file("zenvoices-as-assumed")
    root["paths"] = {path.replace(API, prefix): item for path, item in root["paths"].items()}
    return root


def test_of_several_variants_nothing_is_certain() -> None:
    """Any of them may be meant, so nothing is missing; null beside one changes nothing."""
    one = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    body = body_of({"oneOf": [one, {"type": "null"}]})
    assert tree(body) == ("a: string, required",)
    assert locate(body, "c").status == "missing"
    two = {"properties": {"a": {}, "b": {"type": "integer"}}, "required": ["b", "a"]}
    assert locate(body_of({"oneOf": [one, two]}), "c").status == "not described"
    mixed = body_of({"properties": {"x": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}})
    assert tree(mixed) == ("x: anything",)


def test_lists_of_lists_end_somewhere() -> None:
    """A file can nest them without end."""
    nested: Any = {"type": "string"}
    for _ in range(30):
        nested = {"type": "array", "items": nested}
    body = body_of(nested)
    assert (typed(body, ""), "[][]" in body, len(body) < 20) == ("list of array", True, True)


def test_what_a_reference_into_another_file_holds_is_unknown() -> None:
    """It may hold what is not named beside it, so nothing is said to be missing."""
    body = body_of({"allOf": [{"$ref": "other.yaml#/A"}, {"properties": {"a": {}}}]})
    assert locate(body, "a").status == "confirmed"
    assert locate(body, "b").status == "not described"


def test_what_is_not_where_it_belongs_is_passed_over() -> None:
    """Extensions among paths, parameters that are no objects, answers without schema: no error."""
    root = simple({"properties": {"a": {}}})
    post = root["paths"][f"{API}/inbox"]["post"]
    post["parameters"] = ["nonsense", {"in": "query", "name": "q", "schema": {}}]
    post["responses"] = {"200": "nonsense", "201": {"content": {"application/json": "nonsense"}}}
    root["paths"]["x-notes"] = {"get": {}}
    root["servers"] = ["nonsense"]
    (only,) = read_openapi(root).operations
    assert (only.path, list(only.query), only.answer) == (f"{API}/inbox", ["", "q"], None)


def test_byte_that_yaml_cannot_hold_is_no_yaml(tmp_path: Path) -> None:
    """What the YAML reader refuses as a whole has no line to name."""
    pytest.importorskip("yaml")
    path = tmp_path / "a.yaml"
    path.write_bytes(b"openapi: \xff\xfe")
    with pytest.raises(VendorFileError, match=r"neither JSON nor YAML$"):
        load(path)


def test_words_of_a_query_are_compared() -> None:
    """A folder of ours that the file does not list is a difference an export stumbles over."""
    root = file("banqup-as-assumed")
    for parameter in root["paths"][DOCUMENTS]["get"]["parameters"]:
        if parameter["name"] == "folder":
            parameter["schema"] = {"type": "string", "enum": ["IN", "OUT"]}
    found = finding(banqup(root), "documents.list", "query", "folder")
    assert (found.status, found.contradicts) == ("differs", True)
    assert found.theirs == "folder: one of IN, OUT"


def test_upload_without_a_described_body_is_not_contradicted() -> None:
    """A file that shows no body says nothing of what is sent in it."""
    root = file("zenvoices-as-assumed")
    del root["paths"][f"{API}/inbox"]["post"]["requestBody"]
    sent = [item for item in zenvoices(root)["inbox.upload"].findings if item.place == "sends"]
    assert sent
    assert {item.status for item in sent} == {"not described"}


def test_upload_answered_by_a_bare_number_is_read_as_the_id() -> None:
    """The client takes a number for the id, so a file that shows one contradicts nothing."""
    root = file("zenvoices-as-assumed")
    answer = {"content": {"application/json": {"schema": {"type": "integer"}}}}
    root["paths"][f"{API}/inbox"]["post"]["responses"] = {"200": answer}
    found = finding(zenvoices(root), "inbox.upload", "reads", "id")
    assert (found.status, found.contradicts) == ("not described", False)


def test_form_is_shown_with_its_media_type() -> None:
    """Where uploads are forms, what looks like our upload says so above its members."""
    root = file("zenvoices-as-assumed")
    move_path(f"{API}/inbox", f"{API}/documents/new", root)
    only_media(f"{API}/documents/new", "multipart/form-data", root)
    likes = zenvoices(root)["inbox.upload"].calls
    (form,) = (like for like in likes if like[0].startswith(f"POST {API}/documents/new"))
    assert "  body: as multipart/form-data" in form
    assert any(line.startswith("    attachments") for line in form)
    starter = zenvoices(root)["inbox.upload"].starter
    assert "        # not as multipart/form-data, which this library cannot send:" in starter


def test_prefix_with_a_placeholder_of_its_own_cannot_be_filled() -> None:
    """We have nothing to put into it, so nothing is suggested."""
    comparison = zenvoices(without_prefix("/tenants/{tenant}"))
    found = finding(comparison, "inbox.list", "path", f"{API}/inbox/list")
    assert 'ZenvoicesClient(operations={"inbox.list": ...})' in found.remedy
    assert comparison.patch == {}


def test_text_names_the_command_that_writes_the_correction() -> None:
    """What --suggest prints is announced, with the operations it corrects."""
    comparison = zenvoices(without_prefix("/external"))
    assert comparison.patch["inbox.list"] == {"path": "/external/inbox/list"}
    assert "--suggest prints a patch for letters and path prefixes: " in str(comparison)
    assert "--suggest" not in str(zenvoices(file("zenvoices-as-assumed")))


def test_file_of_another_service_is_recognised() -> None:
    """A file that has nothing of ours, or nothing, is not said to contradict nothing."""
    written: list[Any] = [{"/pets": {"get": {"responses": {}}}}, {}, None]
    for paths in written:
        comparison = zenvoices({"openapi": "3.0.0", "info": {}, "paths": paths})
        assert comparison.foreign
        assert str(comparison).endswith("is it the file of this service?")


def test_heading_without_operations_is_left_out() -> None:
    """Only what there is has a heading."""
    needed = OperationFinding("a.list", True, "confirmed", "GET /a")
    text = str(Comparison("banqup", "T", "3.0.0", (needed,)))
    assert "Needed by an export" in text
    assert "The rest" not in text
