"""Decide whether a document may be exported now; ``exportable=`` replaces the default rule."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from _client_kit._text import Text
from banqup_client import Document

FOLDERS = ("PURCHASES", "SALES")
LONGEST_WORD = 100


def _text(value: object) -> str:
    """Convert a reason to text: a value of another type would make the stored row unreadable."""
    return value if isinstance(value, Text) else str(value)


def word_of(value: object) -> str | None:
    """Return a word from a service, such as a status, cut to a length that can be stored."""
    return None if value is None else str(value)[:LONGEST_WORD]


@frozen
class Wait:
    """Verdict "not yet": the document is read again later.

    Attributes:
        reason: Why, as text for people.
        client_action: Whether a user has to act in Banqup first.
        unknown: The unrecognised status or folder, if that is the reason.
    """

    reason: str = field(converter=_text)
    client_action: bool = True
    unknown: str | None = field(default=None, converter=word_of)


@frozen
class Skip:
    """Verdict "never": the document is not exported.

    Attributes:
        reason: Why, as text for people.
    """

    reason: str = field(converter=_text)


@frozen
class BrokenRule(Wait):
    """The verdict of a rule that raised, or that returned a value of a wrong type.

    Attributes:
        error: The exception that the rule raised, with its traceback; None if the rule returned a
            value.
    """

    error: Exception | None = field(default=None, repr=False, eq=False)


Verdict = Wait | Skip | None
"""The result of the rule for one document; None means export."""

Exportable = Callable[[Document], "bool | Wait | Skip"]
"""The rule about one document. It returns True (export), False or :class:`Wait` (not yet), or
:class:`Skip` (never)."""

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
    """Allow purchases that are fully approved, and sales that are validated (sent) or approved.

    Purchase orders are skipped; otherwise the category does not matter. A document with an unknown
    status or folder waits, and its reason says which. How Banqup spells statuses is assumed.
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
    return Wait(unknown_status(status), client_action=False, unknown=status)


def unknown_status(word: str) -> Text:
    """Return the text about a status (in a report, also a folder) that the rule does not know."""
    return Text(
        "unknown_status",
        "unknown status {0!r}; allow it with exportable= if it means approved or sent",
        word,
    )
