"""What a deep look says of an answer: types that came, and advice that fits."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest

from _client_kit._errors import NotFoundError, RateLimitedError
from _contract_check.banqup import expectations
from banqup_client import Document
from banqup_client._contract import shipped_contract
from bridge import SourceFile, only
from bridge._reports.contract_checks import answered, broken, kind_of


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "boolean"),
        ("a", "string"),
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


def test_list_of_other_things_is_shown_by_their_types() -> None:
    """Texts where objects were expected: no value of theirs is quoted."""
    operation = shipped_contract()["documents.list"]
    check = answered(
        [{"documents": ["private", 7]}], operation, expectations(), client="C", lang="en"
    )
    assert check.outcome == "failed"
    assert "integer, string" in check.detail
    assert "private" not in check.detail


def test_advice_names_a_correction_only_where_one_could_help() -> None:
    """A path is corrected where nothing was found; waiting longer corrects no path."""
    options: dict[str, Any] = {"client": "ZenvoicesClient", "lang": "en"}
    missing = NotFoundError("inbox.list: 404", service="zenvoices", status=404)
    late = RateLimitedError("inbox.list: 429", service="zenvoices", status=429)
    assert '"path"' in broken(missing, "inbox.list", **options).remedy
    assert '"path"' not in broken(late, "inbox.list", **options).remedy


def test_parties_are_looked_for_in_what_there_is() -> None:
    """A PDF says nothing of its parties, so those that Banqup shows have to do."""
    pdf = SourceFile("f1", "a.pdf", "application/pdf", 4, io.BytesIO(b"%PDF"))
    mapper: Any = only(lambda document, files: "mapped", parties=["Brouwerij De Molenbeek BV"])
    assert mapper(Document(id="d1"), [pdf]) != "mapped"
