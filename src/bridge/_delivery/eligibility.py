"""Whether a document may be exported now. Pure, and replaceable by ``exportable=``."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from _client_kit._signals import raised_by_signal_handler
from banqup_client import Document

__all__ = [
    "Exportable",
    "Skip",
    "Verdict",
    "Wait",
    "default_exportable",
    "judge",
]

FOLDERS = ("PURCHASES", "SALES")
LONGEST_WORD = 100


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


def judge(exportable: Exportable, document: Document) -> Verdict:
    """What the rule says of a document; a rule that fails makes its document wait."""
    try:
        said: object = exportable(document)
    except Exception as error:
        if raised_by_signal_handler(error):
            raise
        return Wait(f"exportable= raised {type(error).__name__}", client_action=False)
    if said is True:
        return None
    if said is False:
        return Wait(f"not exportable yet (status {document.status.document})")
    if isinstance(said, (Wait, Skip)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return said
    what = type(said).__name__
    reason = f"exportable= returned {what} instead of bool, Wait or Skip"
    return Wait(reason, client_action=False)
