"""Whether a document may be exported now. Pure, and replaceable by ``exportable=``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import field, frozen

from banqup_client import Document

__all__ = [
    "BrokenRule",
    "Exportable",
    "Skip",
    "Verdict",
    "Wait",
    "default_exportable",
    "missed_by_activation",
]

FOLDERS = ("PURCHASES", "SALES")
LONGEST_WORD = 100
LISTED_LATE = timedelta(hours=24)
"""By so much a document may be older than activation and still be new: lists lag, clocks differ."""


def _text(value: object) -> str:
    """Text, whatever a caller's function gave: it is kept, so it must be readable again."""
    return str(value)


def _word(value: object) -> str | None:
    return None if value is None else str(value)[:LONGEST_WORD]


@frozen
class Wait:
    """Not yet: the document is looked at again.

    Attributes:
        reason: Why, for a person.
        client_action: Whether somebody has to act in Banqup first.
        unknown: The status word nobody has told us about, where that is why.
    """

    reason: str = field(converter=_text)
    client_action: bool = True
    unknown: str | None = field(default=None, converter=_word)


@frozen
class Skip:
    """Never: the document is left where it is.

    Attributes:
        reason: Why, for a person.
    """

    reason: str = field(converter=_text)


@frozen
class BrokenRule(Wait):
    """The verdict of a rule that raised, or that returned a value of no use.

    Attributes:
        error: What it raised, with its traceback; None where it returned.
    """

    error: Exception | None = field(default=None, repr=False, eq=False)


Verdict = Wait | Skip | None
"""None means: export it."""

Exportable = Callable[[Document], "bool | Wait | Skip"]
"""Says of a document True (export), False or :class:`Wait` (not yet), or :class:`Skip` (never)."""

_APPROVED = {
    "PURCHASES": frozenset({"FULLY_APPROVED"}),
    "SALES": frozenset({"VALIDATED", "FULLY_APPROVED"}),
}
_NOT_YET = frozenset(
    {
        "DRAFT",
        "AWAITING_VALIDATION",
        "VALIDATED",
        "PARTIALLY_APPROVED",
        "FULLY_APPROVED",
        "REFUSED",
        "DISPUTED",
    }
)


def default_exportable(document: Document) -> bool | Wait | Skip:
    """Purchases once fully approved, sales once validated (sent). Spellings are assumed.

    A purchase order is skipped; any other category is exported. A status this library does not
    know waits, and says which word it was.
    """
    if document.category == "PURCHASE_ORDER":
        return Skip("a purchase order, not an invoice")
    folder, status = document.folder, document.status.document
    if folder not in _APPROVED:
        return Wait(f"unknown folder {folder!r}", client_action=False, unknown=folder)
    if status in _APPROVED[folder]:
        return True
    if status in _NOT_YET:
        wanted = "approved" if folder == "PURCHASES" else "sent"
        return Wait(f"not {wanted} yet (status {status})")
    if status is None:
        return Wait("Banqup shows no status", client_action=False)
    return Wait(
        f"unknown status {status!r}; allow it with exportable= if it means approved or sent",
        client_action=False,
        unknown=status,
    )


def missed_by_activation(created: datetime | None, activated: datetime | None) -> bool:
    """Return True for a document that was there at activation although no list showed it then.

    Without this, a list that was too short at activation sends the whole history to Zenvoices on
    the day it is corrected.
    """
    return created is not None and activated is not None and created < activated - LISTED_LATE
