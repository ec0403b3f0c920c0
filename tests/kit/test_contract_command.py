"""What the contract command prints of a stranger's file and of its own arguments."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from support.corrections import COMMANDS, VENDOR_FILES
from support.openapi import file, rename_member

EVIL = "\x1b[31mE\r\nzenvoices_client: all good\u202e\x9b2J"
HARMLESS = "\ufffd[31mE\ufffd\ufffdzenvoices_client: all good\ufffd\ufffd2J"


def spoilt() -> Any:
    """A file with a hostile text wherever the vendor gives a name, and ours beside it."""
    name = "zenvoices-as-assumed.json"
    root = json.loads((VENDOR_FILES / name).read_text(encoding="utf-8"))
    root["info"]["title"] = EVIL
    hostile = {"type": EVIL, "format": EVIL, "enum": [EVIL]}
    content = {"schema": {"required": [EVIL], "properties": {EVIL: hostile, "content": {}}}}
    for number, methods in enumerate(list(root["paths"].values())):
        for method in methods.values():
            method["operationId"] = EVIL
            method["parameters"] = [
                {"in": "query", "name": EVIL, "required": True, "schema": hostile},
                {"in": "header", "name": EVIL, "required": True},
            ]
            method["requestBody"] = {
                "content": {EVIL if number % 2 else "application/json": content}
            }
    upload = root["paths"].pop("/public-api/v1/inbox")
    upload["post"]["requestBody"] = {"content": {"application/json": content}}
    root["paths"][f"/{EVIL}/inbox"] = upload
    return root


@pytest.mark.parametrize("form", [[], ["--json"], ["--suggest"]])
def test_names_of_a_file_cannot_command_the_terminal(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No control or direction character of the file gets out; what it named is still told."""
    path = tmp_path / "evil.json"
    path.write_text(json.dumps(spoilt()), encoding="utf-8")
    assert COMMANDS["zenvoices"](["contract", "--against", str(path), *form]) == 1
    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable()
    assert not form or json.loads(shown) is not None
    if form == ["--json"]:
        assert shown.isascii()
        comparison = json.loads(shown)
        assert comparison["title"] == HARMLESS
        told = json.dumps(comparison["operations"], ensure_ascii=False)
        for place in ("header", "query", "sends", "body"):
            assert f'"place": "{place}"' in told
        assert f"/{HARMLESS}/inbox" in told
        assert f"{HARMLESS}: {HARMLESS} ({HARMLESS})" in told
    elif not form:
        assert f"POST /{HARMLESS}/inbox ({HARMLESS})" in shown


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("https://user:hunter2@vendor.example/f.json?sig=hunter2", "--against takes a file"),
        ("https:/user:hunter2@vendor.example/f.json", "--against takes a file"),
        ("htp://user:hunter2@vendor.example", "--against takes a file"),
        ("user:hunter2@vendor.example", "--against: it cannot be read"),
        ("vendor.example/f.json?sig=hunter2", "--against: it cannot be read"),
        ("folder/f.json", "--against: it cannot be read: No such file"),
        (r"C:\folder\swagger.json", "--against: it cannot be read"),
    ],
)
def test_command_does_not_repeat_the_credentials_of_its_address(
    place: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is fetched, and the refusal does not repeat it."""
    assert COMMANDS["banqup"](["contract", "--against", place]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"banqup_client: {said}")
    assert "hunter2" not in shown.err


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("no/patch.json", "contract patch 'no/patch.json' cannot be read: No such file"),
        ("https://user:hunter2@vendor.example", "contract patch 'URL' cannot be read"),
        ("https:/vendor.example/patch.json?sig=hunter2", "contract patch 'URL' cannot be read"),
        ("a\x00b", "contract patch 'a\\x00b' cannot be read"),
    ],
)
def test_command_does_not_repeat_an_address_in_the_place_of_a_patch(
    patch: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A patch is a file; a URL is not repeated."""
    assert COMMANDS["banqup"](["contract", "--against", "f.json", "--contract", patch]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"banqup_client: {said}")
    assert "hunter2" not in shown.err


def test_suggestion_is_put_into_the_patch_that_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a person has corrected already stays, and what is sure is added beside it."""
    root = file("zenvoices-as-assumed")
    rename_member("AdministrationListDto", "name", "Name", root)
    rename_member("AdministrationListDto", "code", "number", root)
    (tmp_path / "vendor.json").write_text(json.dumps(root), encoding="utf-8")
    patch = {"companies.list": {"rename": {"items[].code": "number"}}}
    (tmp_path / "patch.json").write_text(json.dumps(patch), encoding="utf-8")
    arguments = ["--against", str(tmp_path / "vendor.json"), "--suggest"]
    arguments += ["--contract", str(tmp_path / "patch.json")]
    assert COMMANDS["zenvoices"](["contract", *arguments]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["companies.list"] == {
        "rename": {"items[].code": "number", "items[].name": "Name"}
    }


class Written:
    """A stream of a program's own in the place of standard output."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Keep it."""
        self.text += text


def test_command_writes_to_a_stream_of_a_programs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard output was replaced by something that only takes texts, it is written to."""
    out = Written()
    monkeypatch.setattr(sys, "stdout", out)
    path = str(VENDOR_FILES / "zenvoices-as-assumed.json")
    assert COMMANDS["zenvoices"](["contract", "--against", path]) == 0
    assert "contradicts nothing" in out.text


def test_a_file_of_something_else_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that describes none of the operations ends as one that cannot be used."""
    path = tmp_path / "other.json"
    root = {"openapi": "3.0.0", "info": {"title": "Pets", "version": "1"}, "paths": {}}
    root["paths"] = {"/pets": {"get": {"responses": {"200": {"description": "ok"}}}}}
    path.write_text(json.dumps(root), encoding="utf-8")
    for command in COMMANDS.values():
        for form in ([], ["--json"], ["--suggest"]):
            assert command(["contract", "--against", str(path), *form]) == 2
            shown = capsys.readouterr().out
            assert form or "is it the file of this service?" in shown.splitlines()[-1]
        ours = [
            "--operations",
            "inbox.upload" if command is COMMANDS["zenvoices"] else "files.download",
        ]
        assert command(["contract", "--against", str(path), *ours]) == 2
        capsys.readouterr()


def test_what_a_file_leaves_out_is_named_in_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is contradicted, but an operation that an export needs is not in the file."""
    root = file("banqup-as-assumed")
    left_out = [path for path in root["paths"] if "/entitystore/" in path]
    assert left_out
    for path in left_out:
        del root["paths"][path]
    vendor = tmp_path / "vendor.json"
    vendor.write_text(json.dumps(root), encoding="utf-8")
    assert COMMANDS["banqup"](["contract", "--against", str(vendor)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("does not describe all of it: spaces.list.")
