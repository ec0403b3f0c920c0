"""Files that are none, are broken or mean harm end in a clear error and exit code 2."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _contract_check import openapi_file
from _contract_check.openapi_file import MAX_BYTES, load, read_openapi
from _contract_check.openapi_schema import VendorFileError, tree
from support.corrections import COMMANDS
from support.openapi import simple, zenvoices


def deep(levels: int) -> bytes:
    """JSON nested as deep as asked."""
    return b'{"a":' * levels + b"1" + b"}" * levels


ALIAS_BOMB = "a0: &a0 [x]\n" + "\n".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)
)

HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not an OpenAPI"),
    "blank": (b" \n ", "not an OpenAPI"),
    "web page": (b"<!DOCTYPE html><html></html>", "not an OpenAPI"),
    "web page behind a mark": (b"\xef\xbb\xbf\n<html></html>", "not an OpenAPI"),
    "cut JSON": (b'{"openapi": "3.0.0", "paths"', "not JSON"),
    "not UTF-8": (b'{"openapi": "\xff"}', "not UTF-8"),
    "member twice": (b'{"openapi": "3.0.0", "openapi": "3.1.0"}', "twice"),
    "megabytes of objects": (deep(1_000_000), "nested deeper"),
    "megabytes of lists": (b"[" * 4_000_000, "more than 1,000,000 values"),
    "deep YAML": (b"a: " + b"[" * 800, "neither"),
    "indented YAML": (b"".join(b" " * n + b"a:\n" for n in range(1_500)), "neither"),
    "broken YAML": (b"a: b: c\n", "neither JSON nor YAML"),
    "YAML with a type of Python": (b"!!python/object/apply:os.system [ls]", "not an OpenAPI"),
    "YAML that multiplies": (ALIAS_BOMB.encode(), "not an OpenAPI"),
    "a text": (b"hello", "not an OpenAPI"),
    "a list": (b"[]", "not an OpenAPI"),
    "no version": (b'{"paths": {}}', "it names ''"),
    "version 1.2": (b'{"swagger": "1.2", "paths": {}}', "1.2"),
    "version 4": (b'{"openapi": "4.0.0", "paths": {}}', "4.0.0"),
}  # fmt: skip
_FAN = {f"L{n}": {"allOf": [{"$ref": f"#/components/schemas/L{n + 1}"}] * 30} for n in range(20)}
_WIDE = {
    f"W{n}": {
        "properties": {f"p{m}": {"$ref": f"#/components/schemas/W{n + 1}"} for m in range(50)}
    }
    for n in range(20)
}
_LOOP = {"$ref": "#/components/schemas/A"}
_CHAIN: dict[str, Any] = {
    f"C{n}": {"allOf": [{"$ref": f"#/components/schemas/C{n + 1}"}]} for n in range(3_000)
}
UNKNOWN: dict[str, Any] = {
    "a reference to itself": simple(_LOOP, A=_LOOP),
    "references in a ring": simple(_LOOP, A={"$ref": "#/components/schemas/B"}, B=_LOOP),
    "a ring through allOf": simple(_LOOP, A={"allOf": [_LOOP, {}]}),
    "a reference to nothing": simple({"$ref": "#/components/schemas/No"}),
    "a schema that is a list": simple([1]),
    "a path that is a number": {**simple({}), "paths": {"/a": 1, "/b": {"post": {}}}},
    "a ring of paths": {
        **simple({}),
        "paths": {"/a": {"$ref": "#/paths/~1a"}, "/b": {"post": {}}},
    },
    **{
        f"a reference to the entry {name[:4]!r} of a list": {
            **simple({"$ref": f"#/x/{name}"}),
            "x": [{}] * 5,
        }
        for name in ("\u00b2", "\u0664", "-1", "5", "1" * 5_000)
    },
    "a chain longer than Python's stack": simple(
        {"$ref": "#/components/schemas/C0"},
        **_CHAIN,
        C3000={},
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name == "indented YAML" else ())
        for name in HOSTILE
    ],
)
def test_file_that_is_none_ends_in_a_clear_error(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line that says why, whatever the bytes are."""
    content, reason = HOSTILE[name]
    check_refusal(tmp_path, content, reason, capsys)


@pytest.mark.parametrize("name", UNKNOWN)
def test_part_that_is_broken_says_nothing(name: str) -> None:
    """Loops and references to nowhere stand for what the file does not say; the rest counts."""
    (operation,) = read_openapi(UNKNOWN[name]).operations
    assert operation.body is None or set(operation.body) == {""}
    assert not any(found.contradicts for found in zenvoices(UNKNOWN[name])["login"].findings)


def check_refusal(
    folder: Path, content: bytes, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands refuse the file for the reason."""
    path = folder / "vendor"
    path.write_bytes(content)
    for command in COMMANDS.values():
        assert command(["contract", "--against", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 2
    with pytest.raises(VendorFileError, match=reason):
        read_openapi(load(path))


@pytest.mark.parametrize("more", [{"L20": {"properties": {"a": {}}}, **_FAN}, {"W20": {}, **_WIDE}])
def test_file_that_fans_out_is_read_in_time(
    more: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """References that multiply at each level cost no more than the file is long."""
    name = "L0" if "L0" in more else "W0"
    root = simple({"$ref": f"#/components/schemas/{name}"}, **more)
    (tmp_path / "fan.json").write_text(json.dumps(root), encoding="utf-8")
    assert COMMANDS["zenvoices"](["contract", "--against", str(tmp_path / "fan.json")]) == 1
    assert len(capsys.readouterr().out) < 100_000


def test_file_that_cannot_be_opened_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file and a folder."""
    for place in (str(tmp_path / "no.json"), str(tmp_path)):
        assert COMMANDS["banqup"](["contract", "--against", place]) == 2
        assert "cannot be read" in capsys.readouterr().err


def test_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the limit is read."""
    assert MAX_BYTES == 16 * 1024 * 1024
    monkeypatch.setattr(openapi_file, "MAX_BYTES", 1024 * 1024)
    (tmp_path / "big.json").write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(VendorFileError, match="larger than 1 MB"):
        load(tmp_path / "big.json")


WORDS = (
    *("$ref", "type", "properties", "items", "allOf", "oneOf", "enum", "required", "schema"),
    *("parameters", "in", "name", "requestBody", "content", "application/json", "responses"),
    *("200", "get", "post", "/a", "servers", "url"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(WORDS) | st.text(max_size=4),
            inner | st.sampled_from(["#", "#/paths", "#/paths/~1a", "object", "query", "body"]),
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(paths=st.dictionaries(st.just("/public-api/v1/inbox"), JSON, min_size=1), more=JSON)
def test_any_json_is_compared_or_refused(paths: Any, more: Any) -> None:
    """Whatever is written in a file, it is read or ends in the one error."""
    root = {"openapi": "3.0.0", "paths": paths, "components": more, "servers": more}
    with contextlib.suppress(VendorFileError):
        for item in read_openapi(root).operations:
            for found in (item.body, item.answer):
                assert found is None or len(tree(found)) < 200


def test_lists_where_texts_belong_are_not_written_out() -> None:
    """Lists named many times in lists that are named many times would fill the memory."""
    bomb: Any = ["x"]
    for _ in range(60):
        bomb = [bomb] * 9
    root = simple({"properties": {"a": {"type": bomb, "format": bomb, "enum": [bomb, 1, "b"]}}})
    root["info"]["title"] = bomb
    root["basePath"] = bomb
    post = root["paths"]["/public-api/v1/inbox"]["post"]
    post["operationId"] = bomb
    post["parameters"] = [{"in": bomb, "name": bomb}, {"in": "query", "name": bomb}]
    root["servers"] = [{"url": bomb}]
    file = read_openapi(root)
    (operation,) = file.operations
    assert (file.title, operation.name, operation.path) == ("", "", "/public-api/v1/inbox")
    assert tree(operation.query) == ()
    assert operation.body is not None
    assert tree(operation.body) == ("a: anything, one of , 1, b",)
    with pytest.raises(VendorFileError, match="it names ''"):
        read_openapi({**root, "openapi": bomb})
