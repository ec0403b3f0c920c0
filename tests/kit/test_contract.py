"""The contract and patches of it."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from _client_kit._contract import Contract, Operation, load_contract
from _client_kit._errors import (
    ConfigurationError,
)
from support.kit_service import operation

PROPERTIES = ("id", "name", "files[].id", "files[].size", "party.name", "party.address.city")


def contract(**options: Any) -> Contract:
    """A contract of one operation."""
    known = operation(
        "things.get",
        "GET",
        "/spaces/{space_id}/things/{thing_id}",
        query={"since": "from", "size": "size"},
        properties=PROPERTIES,
        **options,
    )
    other = operation("things.list", "POST", "/things/list", safe=True)
    return Contract("bridge", {known.name: known, other.name: other})


def patched(changes: Any) -> Operation:
    """The operation with a patch applied."""
    return contract().patched({"things.get": changes})["things.get"]


def test_no_patch_changes_nothing() -> None:
    """None and an empty patch leave every fact as it is."""
    original = contract()
    assert original.patched(None) == original
    assert original.patched({}) == original
    assert original.patched({"things.get": {}}) == original


def test_path_query_and_method() -> None:
    """A patch replaces what it names, and nothing else."""
    changed = patched(
        {"method": "POST", "path": "/v2/{thing_id}/{space_id}", "query": {"since": "after"}}
    )
    assert changed.method == "POST"
    path = changed.url_path({"space_id": "s", "thing_id": 7}, service="bridge")
    assert path == "/v2/7/s"
    assert changed.url_query({"since": 1, "size": None}) == {"after": 1}
    assert contract()["things.get"].path == "/spaces/{space_id}/things/{thing_id}"


def test_patch_from_a_file(tmp_path: Path) -> None:
    """A patch may lie in a JSON file, named by text or path."""
    path = tmp_path / "patch.json"
    path.write_text(json.dumps({"things.get": {"query": {"since": "after"}}}), encoding="utf-8")
    for name in (path, str(path)):
        assert contract().patched(name)["things.get"].query["since"] == "after"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_patch_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    """A file that is no JSON object is refused by its name."""
    path = tmp_path / "patch.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="contract patch"):
        contract().patched(path)


def test_patch_file_that_is_missing(tmp_path: Path) -> None:
    """A file that is not there is an error that says so."""
    with pytest.raises(ConfigurationError, match="No such file"):
        contract().patched(tmp_path / "patch.json")


@pytest.mark.parametrize(
    ("patch", "hint"),
    [
        ({"thing.get": {}}, "'things.get'"),
        ({"things.get": {"paths": "/x"}}, "'path'"),
        ({"things.get": {"renames": {}}}, "'rename'"),
        ({"things.get": {"query": {"sinse": "x"}}}, "'since'"),
        ({"things.get": {"rename": {"files.size": "x"}}}, r"'files\[\]\.size'"),
        ({"things.get": {"rename": {"files[].sizes": "x"}}}, r"'files\[\]\.size'"),
        ({"things.get": {"path": "/{spaceid}"}}, "'space_id'"),
        ({"zzz": {}}, "Known are: things.get, things.list"),
    ],
)
def test_unknown_keys_name_the_nearest(patch: Any, hint: str) -> None:
    """A key that is not known is refused, with the right one beside it."""
    with pytest.raises(ConfigurationError, match=hint):
        contract().patched(patch)


@pytest.mark.parametrize(
    "patch",
    [
        [],
        7,
        {"things.get": None},
        {"things.get": []},
        {"things.get": {"method": "TRACE"}},
        {"things.get": {"method": ["GET"]}},
        {"things.get": {"path": "things"}},
        {"things.get": {"path": "/things?x=1"}},
        {"things.get": {"path": "/things#x"}},
        {"things.get": {"path": "/a/../b"}},
        {"things.get": {"path": "/a/%2e%2E/b"}},
        {"things.get": {"path": "/a b"}},
        {"things.get": {"path": None}},
        {"things.get": {"query": ["since"]}},
        {"things.get": {"query": {"since": ""}}},
        {"things.get": {"query": {"since": 1}}},
        {"things.get": {"rename": {"name": None}}},
        {"things.get": {"rename": {"files[].size": "files[].length"}}},
        {7: {}},
    ],
)
def test_patches_refused(patch: Any) -> None:
    """What cannot be applied is a setting to correct."""
    with pytest.raises(ConfigurationError, match="bridge"):
        contract().patched(patch)


def test_rename_below_lists_and_objects() -> None:
    """A property is renamed where its path says, and nowhere else."""
    changed = patched({"rename": {"files[].size": "length", "party.address.city": "town"}})
    ours = {
        "size": 1,
        "files": [{"size": 2, "id": "f"}, None, 3],
        "party": {"city": "x", "address": {"city": "Gent"}},
    }
    wire = {
        "size": 1,
        "files": [{"length": 2, "id": "f"}, None, 3],
        "party": {"city": "x", "address": {"town": "Gent"}},
    }
    assert changed.rename_out(ours) == wire
    assert changed.rename_in(wire) == ours


def test_renamed_members_may_swap() -> None:
    """Two properties can take each other's name."""
    changed = patched({"rename": {"id": "name", "name": "id"}})
    assert changed.rename_out({"id": 1, "name": 2}) == {"name": 1, "id": 2}
    assert changed.rename_in({"id": 1, "name": 2}) == {"name": 1, "id": 2}


def test_rename_of_a_branch_and_its_leaf() -> None:
    """A renamed object's members can be renamed too, in any order."""
    for renames in (
        {"party": "supplier", "party.name": "title"},
        {"party.name": "title", "party": "supplier"},
    ):
        known = operation("x.get", "GET", "/x", properties=("party", "party.name"))
        changed = Contract("bridge", {"x.get": known}).patched({"x.get": {"rename": renames}})
        wire = changed["x.get"].rename_out({"party": {"name": "n"}})
        assert wire == {"supplier": {"title": "n"}}
        assert changed["x.get"].rename_in(wire) == {"party": {"name": "n"}}


def things() -> st.SearchStrategy[Any]:
    """JSON values that use the contract's properties, at their places and elsewhere."""
    names = st.sampled_from(["id", "name", "files", "size", "party", "address", "city", "other"])
    return st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
        max_leaves=25,
    )


@given(
    things(),
    st.dictionaries(
        st.sampled_from(PROPERTIES), st.sampled_from(["w1", "w2", "w3", "w4"]), max_size=4
    ),
)
def test_rename_round_trip(value: Any, renames: dict[str, str]) -> None:
    """What is renamed on its way out is the same again on its way in."""
    assume(len(set(renames.values())) == len(renames))
    changed = patched({"rename": renames})
    before = json.dumps(value)
    assert changed.rename_in(changed.rename_out(value)) == value
    assert json.dumps(value) == before  # the caller's own object is left alone


@pytest.mark.parametrize("package", ["banqup_client", "zenvoices_client"])
def test_shipped_contracts(package: str) -> None:
    """Each operation says how it is known, and every assumed property can be renamed."""
    shipped = load_contract(package)
    for name, known in shipped.operations.items():
        assert known.evidence in ("published", "observed", "assumed")
        assert known.source
        for item in (*known.sends, *known.reads):
            assert item.evidence in ("published", "observed", "assumed")
            shipped.patched({name: {"rename": {item.path: "somethingElse"}}})


@pytest.mark.parametrize(
    ("package", "name", "methods"),
    [
        ("zenvoices_client", "inbox.details", {"GET", "POST"}),
        ("zenvoices_client", "inbox.list", {"POST"}),
        ("zenvoices_client", "inbox.upload", {"POST", "PUT", "PATCH"}),
        ("banqup_client", "files.upload", {"POST", "PUT", "PATCH"}),
    ],
)
def test_method_that_cannot_work_is_refused(package: str, name: str, methods: set[str]) -> None:
    """GET carries no body, and what only reads is not asked for by a method that changes."""
    taken: set[str] = set()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "post"):
        with contextlib.suppress(ConfigurationError):
            assert load_contract(package).patched({name: {"method": method}})[name].method == method
            taken.add(method)
    assert taken == methods


def test_a_patch_that_is_no_file_is_told_where_it_was_looked_for() -> None:
    """The message has the path."""
    told = "contract patch 'no/patch.json' cannot be read: No such file"
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        contract().patched("no/patch.json")
