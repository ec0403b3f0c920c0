"""Whether a document may be exported now. Pure, and replaceable by ``exportable=``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import field, frozen

from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text
from banqup_client import Document

__all__ = [
    "Exportable",
    "Skip",
    "Verdict",
    "Wait",
    "default_exportable",
    "judge",
    "missed_by_activation",
    "unknown_word",
]

FOLDERS = ("PURCHASES", "SALES")
LONGEST_WORD = 100
LISTED_LATE = timedelta(hours=24)
"""By so much a document may be older than activation and still be new: lists lag, clocks differ."""


def _text(value: object) -> str:
    """Text, whatever a caller's function gave: it is kept, so it must be readable again."""
    return value if isinstance(value, Text) else str(value)


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
        return Skip(Text("purchase_order", "a purchase order, not an invoice"))
    folder, status = document.folder, document.status.document
    if folder not in _APPROVED:
        reason = Text("unknown_folder", "unknown folder {0!r}", folder)
        return Wait(reason, client_action=False, unknown=folder)
    if status in _APPROVED[folder]:
        return True
    if status in _NOT_YET:
        if folder == "PURCHASES":
            return Wait(Text("not_approved", "not approved yet (status {0})", status))
        return Wait(Text("not_sent", "not sent yet (status {0})", status))
    if status is None:
        return Wait(Text("no_status", "Banqup shows no status"), client_action=False)
    reason = Text(
        "unknown_status",
        "unknown status {0!r}; allow it with exportable= if it means approved or sent",
        status,
    )
    return Wait(reason, client_action=False, unknown=status)


def judge(exportable: Exportable, document: Document) -> Verdict:
    """What the rule says of a document; a rule that fails makes its document wait."""
    try:
        said: object = exportable(document)
    except Exception as error:
        if raised_by_signal_handler(error):
            raise
        reason = Text("rule_failed", "exportable= raised {0}", type(error).__name__)
        return Wait(reason, client_action=False)
    if said is True:
        return None
    if said is False:
        status = str(document.status.document)
        return Wait(Text("not_exportable", "not exportable yet (status {0})", status))
    if isinstance(said, (Wait, Skip)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return said
    what = type(said).__name__
    reason = Text("rule_returned", "exportable= returned {0} instead of bool, Wait or Skip", what)
    return Wait(reason, client_action=False)


def unknown_word(word: str, count: int) -> Text:
    """Say how many documents have a status or folder that the rule does not know."""
    return Text(
        "unknown_word",
        "{1} document has the unknown word {0!r}; allow it with exportable= if it means approved "
        "or sent|{1} documents have the unknown word {0!r}; allow it with exportable= if it means "
        "approved or sent",
        *(word, count),
    )


def missed_by_activation(created: datetime | None, activated: datetime | None) -> bool:
    """Return True for a document that was there at activation although no list showed it then.

    Without this, a list that was too short at activation sends the whole history to Zenvoices on
    the day it is corrected.
    """
    return created is not None and activated is not None and created < activated - LISTED_LATE
