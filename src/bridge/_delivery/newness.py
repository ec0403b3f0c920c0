"""Decide whether a document is new, that is, became exportable after activation.

- Activation records each listed document as old (`delivery.at_activation`). Exception: a document
  that only a repeated listing shows, created since the first began (`created_during_activation`).
- A recorded document that could not be exported at activation is new once its status has changed
  (`status_since_activation`).
- A document without a record is new (`delivery.first_seen`), unless it was created well before
  activation (`missed_by_activation`).

Whether a new document may be exported now is decided in `eligibility`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

LISTED_LATE = timedelta(hours=24)
"""A document without a record is new if it was created at most this long before activation.
Banqup's lists may show a document late, and the clocks of its servers may differ."""


def created_during_activation(created: datetime | None, began: datetime | None) -> bool:
    """Return True if a document was created after Banqup's first answer to activation.

    Return False if one of the two times is not known.

    Args:
        created: When the document was created, by Banqup's clock.
        began: When Banqup answered the first list, by the same clock.
    """
    return created is not None and began is not None and created > began


def missed_by_activation(created: datetime | None, activated: datetime | None) -> bool:
    """Return True if a document was created more than 24 hours before activation.

    Call this for a document without a record. A list may have been too short at activation.
    Without this check, the whole history would be sent once the list is complete.

    Args:
        created: When the document was created, by Banqup's clock.
        activated: The time of activation, by the same clock.
    """
    return created is not None and activated is not None and created < activated - LISTED_LATE


def status_since_activation(
    before: str | None, now: str | None
) -> Literal["unchanged", "first shown", "changed"]:
    """Compare a document's status with that at activation; only "changed" makes the document new.

    Without this comparison, correcting a misspelled status in the rule would make all old documents
    of that status new.

    Args:
        before: The status recorded at activation; None if Banqup showed none.
        now: The status that Banqup shows now, shortened by `eligibility.word_of` like `before`.
    """
    if now is None or now == before:
        return "unchanged"
    return "first shown" if before is None else "changed"
