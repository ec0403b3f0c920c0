"""Which documents may be exported now."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banqup_client import Document
from banqup_client._models import DocumentStatus
from bridge import Skip, Wait, default_exportable
from bridge._delivery.eligibility import BrokenRule, Exportable
from bridge._mapping.calling import judge


def document(
    folder: str | None = "PURCHASES",
    status: str | None = "FULLY_APPROVED",
    category: str | None = "INVOICE",
) -> Document:
    return Document(
        id="doc", folder=folder, category=category, status=DocumentStatus(document=status)
    )


@pytest.mark.parametrize(
    ("folder", "status", "exported"),
    [
        ("PURCHASES", "FULLY_APPROVED", True),
        ("PURCHASES", "VALIDATED", False),
        ("PURCHASES", "PARTIALLY_APPROVED", False),
        ("PURCHASES", "AWAITING_VALIDATION", False),
        ("PURCHASES", "REFUSED", False),
        ("PURCHASES", "DISPUTED", False),
        ("SALES", "VALIDATED", True),
        ("SALES", "FULLY_APPROVED", True),
        ("SALES", "DRAFT", False),
        ("SALES", "AWAITING_VALIDATION", False),
        ("SALES", "PARTIALLY_APPROVED", False),
        ("SALES", "REFUSED", False),
        ("SALES", "DISPUTED", False),
    ],
)
def test_known_statuses(folder: str, status: str, exported: bool) -> None:
    """Purchases go once fully approved, sales once sent; the rest waits for the client."""
    said = default_exportable(document(folder, status))
    if exported:
        assert said is True
    else:
        assert isinstance(said, Wait)
        assert said.client_action
        assert status in said.reason


@pytest.mark.parametrize("folder", ["PURCHASES", "SALES"])
def test_unknown_status_waits_and_says_which(folder: str) -> None:
    """A word nobody told us about waits; the reason names it and how to allow it."""
    said = default_exportable(document(folder, "APROVED"))
    assert isinstance(said, Wait)
    assert (said.unknown, said.client_action) == ("APROVED", False)
    assert "'APROVED'" in said.reason
    assert "exportable=" in said.reason


@pytest.mark.parametrize("folder", ["ARCHIVE", "purchases", ""])
def test_unknown_folder_waits(folder: str) -> None:
    """A folder nobody told us about waits and is named."""
    said = default_exportable(document(folder))
    assert isinstance(said, Wait)
    assert said.unknown == folder


def test_missing_status_waits() -> None:
    """No status at all waits."""
    assert isinstance(default_exportable(document(status=None)), Wait)


@pytest.mark.parametrize("category", ["INVOICE", "CREDIT_NOTE", "SELF_BILLED", None])
def test_categories(category: str | None) -> None:
    """Only a purchase order is skipped; an unknown category is exported."""
    assert default_exportable(document(category=category)) is True
    assert isinstance(default_exportable(document(category="PURCHASE_ORDER")), Skip)


def test_judge_takes_what_a_rule_says() -> None:
    """True exports, False waits for the client, Wait and Skip stand as they are."""
    wait, skip = Wait("soon"), Skip("never")
    assert judge(lambda _: True, document()) is None
    said = judge(lambda _: False, document())
    assert isinstance(said, Wait)
    assert said.client_action
    assert judge(lambda _: wait, document()) is wait
    assert judge(lambda _: skip, document()) is skip


@pytest.mark.parametrize(
    ("said", "shown"), [(None, "NoneType"), (1, "int"), ("yes", "str"), (Skip, "type")]
)
def test_rule_that_says_something_else_waits(said: Any, shown: str) -> None:
    """A rule that returns what is no answer exports nothing."""
    verdict = judge(cast("Exportable", lambda _: said), document())
    assert isinstance(verdict, BrokenRule)
    assert verdict.error is None
    assert verdict.reason.endswith(f": it returned {shown}")


def test_rule_that_raises_waits() -> None:
    """A rule that fails makes its document wait."""

    def rule(_: Document) -> bool:
        raise ZeroDivisionError

    verdict = judge(rule, document())
    assert isinstance(verdict, BrokenRule)
    assert isinstance(verdict.error, ZeroDivisionError)
    assert f"raised ZeroDivisionError at {__name__}.rule, line " in verdict.reason


@given(st.none() | st.integers() | st.text())
def test_reasons_are_text(reason: Any) -> None:
    """Whatever a caller's function gives as a reason can be stored and read again."""
    assert type(Wait(reason).reason) is str
    assert type(Skip(reason).reason) is str
