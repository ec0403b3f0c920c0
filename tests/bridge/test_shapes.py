"""What a deep look says of an answer: types that came, and advice that fits."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest

from _client_kit._errors import NotFoundError, RateLimitedError
from _client_kit._models import decode, encode
from _client_kit._secret import Secret
from _contract_check.banqup import BANQUP
from _contract_check.expectations import Expectations
from _contract_check.zenvoices import ZENVOICES
from banqup_client import Document, FileDetails
from bridge import Check, SourceFile, only
from bridge._reports.contract_checks import ContractChecks, rows_of, shape_of
from zenvoices_client import InboxDocument


def look(expected: Expectations, operation: str, *answers: Any) -> Check:
    """The check of an operation with these answers."""
    checks = ContractChecks(expected)
    checks.answered(operation, answers)
    (check,) = checks.made
    assert (checks.unreadable is check) == (check.outcome == "failed")
    return check


def lost(check: Check) -> dict[str, str]:
    """What is said to be lost: our paths, with the names that came instead."""
    if check.outcome == "ok":
        return {}
    patch = check.remedy.partition("(contract=")[2].partition("); or")[0]
    renames: dict[str, str] = json.loads(patch)[check.name]["rename"]
    assert all(f"expected {path} (" in check.detail for path in renames)
    return renames


DOCUMENT = {"id": "d1", "status": {"document": "VALIDATED"}, "files": [{"id": "f1"}]}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "boolean"),
        ("a", "string"),
        (Secret("a"), "string"),
        (1, "integer"),
        (Decimal("1.5"), "number"),
        (1.5, "number"),
        ([], "array"),
        ({}, "object"),
    ],
)
def test_types_are_those_of_json(value: object, kind: str) -> None:
    """A flag is no number, though Python says so."""
    assert shape_of([value])[""].kinds == {kind}


@pytest.mark.parametrize(
    ("answer", "paths"),
    [
        (DOCUMENT, []),
        ({**DOCUMENT, "files": []}, []),
        ({**DOCUMENT, "files": None}, []),
        ({**DOCUMENT, "files": "none"}, ["files"]),
        ({"id": "d1", "status": {"document": "VALIDATED"}, "Files": []}, ["files"]),
        ({**DOCUMENT, "files": [{"key": "f1"}]}, ["files[].id"]),
        ({**DOCUMENT, "id": None}, ["id"]),
        ({**DOCUMENT, "id": 7}, []),
        ({**DOCUMENT, "id": ["d1"]}, ["id"]),
        ({**DOCUMENT, "status": "VALIDATED"}, ["status"]),
        ({**DOCUMENT, "status": {"state": "VALIDATED"}}, ["status.document"]),
        ({**DOCUMENT, "status": {}}, ["status"]),
    ],
)
def test_what_an_export_needs_and_did_not_come_is_found(answer: Any, paths: list[str]) -> None:
    """Seen through the model, as an export sees it; a document may have no file."""
    check = look(BANQUP, "documents.get", encode(decode(Document, answer)))
    assert list(lost(check)) == paths


def test_inbox_without_external_ids_proves_nothing() -> None:
    """Documents that came by e-mail have none; a name in other letters is a difference all the
    same."""
    by_mail = rows_of([decode(InboxDocument, {"id": 1, "externalId": None})], 0, under="items")
    assert look(ZENVOICES, "inbox.list", by_mail).outcome == "ok"
    cased = rows_of([decode(InboxDocument, {"id": 1, "ExternalId": "a"})], 0, under="items")
    assert lost(look(ZENVOICES, "inbox.list", cased)) == {"items[].externalId": "ExternalId"}


def test_signed_url_is_seen_and_not_shown() -> None:
    """That it came counts; what it is stays secret."""
    details = encode(decode(FileDetails, {"id": "f1", "downloadUrl": "https://x/?sig=9931"}))
    check = look(BANQUP, "files.details", details)
    assert check.outcome == "ok"
    assert "9931" not in f"{details}{check}"


def test_list_of_other_things_is_shown_by_their_types() -> None:
    """Texts where objects were expected: no value of theirs is quoted."""
    check = look(BANQUP, "documents.list", rows_of([], 2, under="documents"))
    assert check.outcome == "failed"
    assert "documents[] has string" in check.detail


def test_advice_names_a_correction_only_where_one_could_help() -> None:
    """A path is corrected where nothing was found; waiting longer corrects no path."""
    missing = NotFoundError("inbox.list: 404", service="zenvoices", status=404)
    late = RateLimitedError("inbox.list: 429", service="zenvoices", status=429)
    checks = ContractChecks(ZENVOICES)
    for error in (missing, late):
        with checks.calling("inbox.list"):
            raise error
    assert ['"path"' in check.remedy for check in checks.made] == [True, False]
    assert checks.unreadable is None


def test_parties_are_looked_for_in_what_there_is() -> None:
    """A PDF says nothing of its parties, so those that Banqup shows have to do."""
    pdf = SourceFile("f1", "a.pdf", "application/pdf", 4, io.BytesIO(b"%PDF"))
    mapper: Any = only(lambda document, files: "mapped", parties=["Brouwerij De Molenbeek BV"])
    assert mapper(Document(id="d1"), [pdf]) != "mapped"
