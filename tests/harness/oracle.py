"""The oracle: what must never happen, asked of the services' own state.

The truth is what the fakes hold, told apart by the bytes of each document's file: neither external
ids nor any code of the bridge decides whether two inbox documents are the same invoice. Only then
is the checkpoint read, for what it says of the documents that are not in the inbox.

The invariants, as far as one connection is concerned:

- I1 *never twice*: no document is in the company's inbox more often than it was asked for.
- I2 *never lost*: each document that counts is in the inbox, or the checkpoint names it: waiting
  with a next try, failed or skipped with a reason, on its way, or uncertain. Each is in one state
  and the counts add up.
- I3 *never old*: nothing that was there, approved, before activation.
- I4 *isolation* and I5 *liveness*: once faults have stopped, everything that nothing is wrong with
  is in the inbox, whatever became of its neighbours (``final=True``).
- I6 *secrecy* and I7 *bounds* are for whoever drives the world: it sees output and requests.
- I8 *the store*: it can be read, whatever happened.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field, frozen

from bridge import Row, Status
from zenvoices_client.testing import InboxItem

__all__ = ["Findings", "Truth", "judge"]

# States in which a document is accounted for though it is not (known to be) in the inbox.
NAMED = frozenset({"waiting", "sending", "failed", "skipped", "uncertain"})


@define
class Truth:
    """What a test knows of one document because it made it.

    Attributes:
        id: The document in Banqup.
        content: Digest of its file's bytes, which no other document has.
        wanted: Whether it is to be exported: it counts since activation, and is approved or sent.
        old: Whether it was approved or sent before activation and is not to be exported.
        blocked: Whether something is wrong with it, so that it may stay out of the inbox.
        copies: How often it may be in the inbox; each accepted request to resend allows one more.
    """

    id: str
    content: str
    wanted: bool = False
    old: bool = False
    blocked: bool = False
    copies: int = 1


@frozen
class Findings:
    """The three lists, and what else is wrong. Empty but for ``uncertain`` when all is well."""

    lost: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    too_old: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    """Held for a person, and named: allowed where look-ups cannot tell."""
    wrong: tuple[str, ...] = field(default=())
    """Anything else that contradicts itself, in words."""

    @property
    def clean(self) -> bool:
        """Whether no invariant is broken."""
        return not (self.lost or self.twice or self.too_old or self.wrong)


def digest(content: bytes) -> str:
    """How the oracle tells documents apart."""
    return hashlib.sha256(content).hexdigest()


def judge(
    truths: Iterable[Truth],
    inbox: Sequence[InboxItem],
    rows: Sequence[Row] | None = None,
    status: Status | None = None,
    *,
    final: bool = False,
) -> Findings:
    """Compare what should be in the inbox with what is, and with what the checkpoint claims.

    Args:
        truths: Every document of the space.
        inbox: The company's inbox documents.
        rows: Every delivery in the checkpoint; None where the exporter keeps none that can be read.
        status: What the connection says of itself, to be compared with its rows.
        final: Faults have stopped and time has passed: what nothing is wrong with must be there.
    """
    arrived = Counter(part.sha256 for item in inbox for part in item.attachments)
    # An activation that has not ended yet, or failed, may have called documents old that are not.
    active = status is None or status.active
    finished = ("delivered", "confirmed", "baseline") if active else ("delivered", "confirmed")
    named: Mapping[str, Row] = {row.id: row for row in rows or ()}
    lost: list[str] = []
    twice: list[str] = []
    too_old: list[str] = []
    uncertain: list[str] = []
    wrong: list[str] = []
    for truth in truths:
        copies = arrived.pop(truth.content, 0)
        row = named.get(truth.id)
        if truth.old and copies and truth.copies == 1:
            too_old.append(truth.id)
        elif copies > truth.copies:
            twice.append(truth.id)
        if not truth.wanted or copies:
            continue
        if row is not None and row.state == "uncertain":
            uncertain.append(truth.id)
        elif row is not None and row.state in finished:
            lost.append(truth.id)
        elif final and not truth.blocked:
            # Even where the checkpoint still names it: nothing stands in its way any more.
            lost.append(truth.id)
        elif rows is not None and final and row is None:
            lost.append(truth.id)
        elif row is not None and row.state not in NAMED and (active or row.state != "baseline"):
            wrong.append(f"{truth.id} is {row.state!r}")
        elif final and row is not None and row.state == "waiting" and row.due is None:
            wrong.append(f"{truth.id} waits without a next try")
    if arrived:
        wrong.append(f"{sum(arrived.values())} inbox documents that nobody published")
    if status is not None:
        kept = Counter(row.state for row in named.values())
        told = Counter(dict(status.counts))
        told["waiting"] += told.pop("waiting_for_client", 0)
        if +kept != +told:
            wrong.append(f"counts say {dict(+told)}, rows say {dict(+kept)}")
        listed = {row.document_id for row in status.attention}
        wrong += [f"{row.id} is {row.state} and status() does not say so"
                  for row in named.values()
                  if row.state in ("failed", "uncertain") and row.id not in listed]  # fmt: skip
    return Findings(tuple(lost), tuple(twice), tuple(too_old), tuple(uncertain), tuple(wrong))
