"""What a deep look says of an answer: types that came, and advice that fits."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest

from _client_kit._errors import NotFoundError, RateLimitedError
from _client_kit._models import decode, encode
from _client_kit._secret import Secret
from _contract_check.banqup import BANQUP
from _contract_check.shapes import Probe, differences, kind_of, rows_of
from _contract_check.zenvoices import ZENVOICES
from banqup_client import Document, FileDetails
from bridge import SourceFile, only
from bridge._reports.contract_checks import check_of
from zenvoices_client import InboxDocument

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
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("answer", "lost"),
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
def test_what_an_export_needs_and_did_not_come_is_found(answer: Any, lost: list[str]) -> None:
    """Seen through the model, as an export sees it; a document may have no file."""
    answers = [encode(decode(Document, answer))]
    assert [item.path for item in differences(answers, "documents.get", BANQUP)] == lost


def test_inbox_without_external_ids_proves_nothing() -> None:
    """Documents that came by e-mail have none; a name in other letters is a difference all the
    same."""
    expected = ZENVOICES
    by_mail = decode(InboxDocument, {"id": 1, "externalId": None})
    assert not list(differences([rows_of([by_mail], 0, under="items")], "inbox.list", expected))
    cased = decode(InboxDocument, {"id": 1, "ExternalId": "a"})
    (found,) = differences([rows_of([cased], 0, under="items")], "inbox.list", expected)
    assert (found.path, found.near) == ("items[].externalId", "ExternalId")


def test_signed_url_is_seen_and_not_shown() -> None:
    """That it came counts; what it is stays secret."""
    details = encode(decode(FileDetails, {"id": "f1", "downloadUrl": "https://x/?sig=9931"}))
    assert not list(differences([details], "files.details", BANQUP))
    assert "9931" not in str(details)


def test_list_of_other_things_is_shown_by_their_types() -> None:
    """Texts where objects were expected: no value of theirs is quoted."""
    probe = Probe("documents.list", (rows_of([], 2, under="documents"),))
    check = check_of(probe, BANQUP, "en")
    assert check.outcome == "failed"
    assert "documents[] has string" in check.detail


def test_advice_names_a_correction_only_where_one_could_help() -> None:
    """A path is corrected where nothing was found; waiting longer corrects no path."""
    missing = NotFoundError("inbox.list: 404", service="zenvoices", status=404)
    late = RateLimitedError("inbox.list: 429", service="zenvoices", status=429)
    advice = [
        check_of(Probe("inbox.list", error=error), ZENVOICES, "en").remedy
        for error in (missing, late)
    ]
    assert ['"path"' in text for text in advice] == [True, False]


def test_parties_are_looked_for_in_what_there_is() -> None:
    """A PDF says nothing of its parties, so those that Banqup shows have to do."""
    pdf = SourceFile("f1", "a.pdf", "application/pdf", 4, io.BytesIO(b"%PDF"))
    mapper: Any = only(lambda document, files: "mapped", parties=["Brouwerij De Molenbeek BV"])
    assert mapper(Document(id="d1"), [pdf]) != "mapped"
