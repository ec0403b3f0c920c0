"""Reading a vendor's file: its versions and forms, and the command that compares with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from _contract_check.openapi_file import VendorFile, VendorOperation, load, read_openapi
from _contract_check.openapi_schema import VendorFileError, tree, typed
from support.corrections import COMMANDS, VENDOR_FILES, ZENVOICES_RENAMED, vendor_file
from support.openapi import simple


def operation(file: VendorFile, method: str, path: str) -> VendorOperation:
    """One operation of a file."""
    (found,) = (item for item in file.operations if (item.method, item.path) == (method, path))
    return found


def body_of(root: Any) -> dict[str, str]:
    """The body of a simple file's operation: paths and types."""
    body = read_openapi(root).operations[0].body
    assert body is not None
    return {path: typed(body, path) for path in body if path}


def test_references_and_all_of_are_followed_and_merged() -> None:
    """A base by $ref, members of its own, and a $ref with a name that must be unescaped."""
    base: dict[str, Any] = {"Base/Dto": {"properties": {"a": {"type": "integer"}}}}
    root = simple(
        {"allOf": [{"$ref": "#/components/schemas/Base~1Dto"}, {"properties": {"b": {}}}]},
        **base,
    )
    assert body_of(root) == {"a": "integer", "b": "anything"}


@pytest.mark.parametrize(
    "written",
    [
        {"type": ["string", "null"]},
        {"type": "string", "nullable": True},
        {"type": "string", "x-nullable": True},
        {"oneOf": [{"type": "null"}, {"type": "string"}]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"allOf": [{"$ref": "#/components/schemas/Text"}], "nullable": True},
    ],
)
def test_every_way_to_write_null_is_understood(written: Any) -> None:
    """The type is the same, whether it may be null or not."""
    root = simple({"properties": {"a": written}}, "3.1.0", Text={"type": "string"})
    assert body_of(root) == {"a": "string"}


def test_type_that_holds_itself_is_no_error() -> None:
    """A tree of categories is written out as deep as a person would read."""
    node = {"properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/x"}}}}
    root = {**simple({"$ref": "#/x"}), "x": node}
    body = read_openapi(root).operations[0].body
    assert body is not None
    lines = tree(body)
    assert lines[:3] == ("name: string", "children: list of object", "  name: string")
    assert len(lines) < 20
    assert lines[-1].strip() == "..."


def test_version_2_is_read_like_version_3() -> None:
    """Base path, body and form parameters, definitions and consumed types."""
    root = {
        "swagger": "2.0",
        "basePath": "/base/",
        "consumes": ["application/json"],
        "paths": {
            "/a": {
                "parameters": [{"name": "q", "in": "query", "type": "string", "required": True}],
                "post": {
                    "parameters": [
                        {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/B"}}
                    ],
                    "responses": {
                        "200": {"schema": {"type": "array", "items": {"type": "integer"}}}
                    },
                },
            },
            "/file": {
                "post": {
                    "parameters": [
                        {"name": "f", "in": "formData", "type": "file", "required": True}
                    ],
                    "responses": {},
                }
            },
        },
        "definitions": {"B": {"type": "object", "properties": {"x": {"type": "boolean"}}}},
    }  # fmt: skip
    file = read_openapi(root)
    found = operation(file, "POST", "/base/a")
    assert found.media == "application/json"
    assert (set(found.query[""].required), set(found.query)) == ({"q"}, {"", "q"})
    assert found.body is not None
    assert tree(found.body) == ("x: boolean",)
    assert found.answer is not None
    assert typed(found.answer, "") == "list of integer"
    upload = operation(file, "POST", "/base/file")
    assert upload.media == "multipart/form-data"
    assert upload.body is not None
    assert typed(upload.body, "f") == "string (binary)"


def test_servers_path_is_in_front() -> None:
    """Of the first server."""
    root = simple({})
    root["servers"] = [{"url": "https://example.com/base/"}, {"url": "/other"}]
    (only,) = read_openapi(root).operations
    assert only.path == "/base/public-api/v1/inbox"


def test_reference_into_another_file_is_not_followed() -> None:
    """What it stands for is unknown, so nothing is said of it."""
    assert body_of(simple({"properties": {"a": {"$ref": "other.yaml#/A"}}})) == {"a": "anything"}


@pytest.mark.long
def test_yaml_says_the_same_as_json(tmp_path: Path) -> None:
    """Each vendor file gives the same comparison as YAML, whose scalars are texts."""
    yaml = pytest.importorskip("yaml")
    for path in sorted(VENDOR_FILES.glob("*.json")):
        root = json.loads(path.read_text(encoding="utf-8"))
        (tmp_path / "file.yaml").write_text(yaml.safe_dump(root, sort_keys=False), "utf-8")
        one, other = read_openapi(root), read_openapi(load(tmp_path / "file.yaml"))
        assert [list(item.lines()) for item in one.operations] == [
            list(item.lines()) for item in other.operations
        ]


def test_yaml_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody without PyYAML is told what to install."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "a.yaml"
    path.write_text("openapi: 3.0.0\n", encoding="utf-8")
    with pytest.raises(VendorFileError, match=r"banqup-zenvoices\[yaml\]"):
        load(path)


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """A user finds out from the command itself; a wrong use ends with 2."""
    for command in COMMANDS.values():
        with pytest.raises(SystemExit) as ended:
            command(["contract", "--help"])
        assert ended.value.code == 0
        assert "Exit code" in capsys.readouterr().out
        with pytest.raises(SystemExit) as ended:
            command(["contract"])
        assert ended.value.code == 2


def test_command_compares_with_a_patch_applied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After its correction a contract is no longer contradicted, and a wrong patch is refused."""
    patch = tmp_path / "patch.json"
    patch.write_text(json.dumps(ZENVOICES_RENAMED), encoding="utf-8")
    against = ["contract", "--against", vendor_file("zenvoices-renamed")]
    assert COMMANDS["zenvoices"](against) == 1
    assert COMMANDS["zenvoices"]([*against, "--contract", str(patch)]) == 0
    assert "contradicts nothing" in capsys.readouterr().out
    # A suggestion is made on top of the patch, and keeps it.
    assert COMMANDS["zenvoices"]([*against, "--contract", str(patch), "--suggest"]) == 0
    assert json.loads(capsys.readouterr().out) == ZENVOICES_RENAMED
    patch.write_text('{"inbox.uplod": {}}', encoding="utf-8")
    assert COMMANDS["zenvoices"]([*against, "--contract", str(patch)]) == 2
    assert "Did you mean 'inbox.upload'" in capsys.readouterr().err


def test_json_output_can_be_read_by_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is the same as without --json."""
    against = ["contract", "--against", vendor_file("banqup-cased"), "--json"]
    assert COMMANDS["banqup"](against) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["contradicted"] is True
    assert shown["patch"]["documents.list"]["query"]["size"] == "Size"
