"""What the contract command prints of a stranger's file and of its own arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.corrections import COMMANDS, VENDOR_FILES

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


def test_command_does_not_repeat_the_credentials_of_its_address(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The refusal names origin and path of the file, and says why."""
    place = "https://user:hunter2@vendor.example/f.json?sig=AAAA"
    assert COMMANDS["banqup"](["contract", "--against", place]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "https://vendor.example/f.json: the address must be https, without" in shown.err
    assert "hunter2" not in shown.err
    assert "AAAA" not in shown.err
