"""The results of a connection's methods, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, field, frozen

from _client_kit._text import Text, joined
from _client_kit._times import local_time
from bridge._delivery.eligibility import unknown_status
from bridge._reports.delivery_rows import (
    Deliveries,
    DeliveryRow,
    deliveries_of,
    document_count,
    needs_person,
    table,
)
from bridge._reports.render import Result, View
from bridge._reports.texts import say


def _facts(*facts: tuple[str, str | int | datetime | None]) -> tuple[tuple[str, str], ...]:
    """Return the names and values of facts to show; leave out zeros, None and empty texts."""
    return tuple((say(name, value), _shown(value)) for name, value in facts if value)


def _shown(value: str | int | datetime) -> str:
    if isinstance(value, datetime):
        return local_time(value)
    return value if isinstance(value, str) else Text("count", "{0}", value)


def _how_to_settle(rows: Iterable[DeliveryRow]) -> tuple[Text, ...]:
    """Return the note about settle() if a line is of an uncertain document; else nothing."""
    return (_SETTLE,) if any(row.state == "uncertain" for row in rows) else ()


def unknown_note(word: str, count: int) -> str:
    """Return the note about documents with a status or folder that the rule does not know."""
    return joined(": ", document_count(count), unknown_status(word))


def _heading(title: str, count: int) -> str:
    """Return the title; if `count` is not 0, add that so many documents need a person."""
    return joined("; ", title, say("needs", count) if count else "")


@frozen(kw_only=True)
class ExportReport(Result):
    """The result of one run of an export.

    ``print()`` shows it as text, a notebook as tables; documents that need a person come first.

    Attributes:
        space_id: The id of the space in Banqup.
        company_code: The company's code in Zenvoices.
        started_at: The start of the run, by the connection's clock.
        ended_at: The end of the run, by the same clock.
        dry_run: Whether the run sent nothing and only reports what it would do.
        listed: The number of different documents that Banqup's lists showed to this run, or that
            the run read one by one because they were due.
        states: The number of these documents in each state; the sum is ``listed``.
        exported: The number of uploads that Zenvoices accepted in this run.
        refused: The number of uploads that Zenvoices refused in this run; their documents are
            waiting or failed.
        raised: How often your mapper, your rule ``exportable=`` or a function of ``operations=``
            raised, or returned an unusable value.
        listener_failures: How often your listeners raised; this changes no delivery.
        recovered: The number of documents that a look-up found in Zenvoices. The answer to their
            earlier upload was unclear, or was not recorded.
        changed: The number of delivered documents whose files have changed since; they are not
            sent again.
        twice: How often a look-up of a document that this run sent showed another inbox number
            than its upload got. Such a document was sent before, perhaps by another machine with a
            copy of the store. Not every document is looked up; confirm() lists all that are there
            twice.
        unsettled: The number of failed or uncertain documents after this run, those of earlier
            runs too. settle() decides about each; resend() sends a failed document again.
        deliveries: A line for each document that this run listed, read or looked up, if it was new,
            waiting, being sent or uncertain before.
        notes: Other remarks for a person.
        stopped: Why the run ended early, or which list of Banqup was incomplete; else None.
        ok: False if the run failed, or if a list of Banqup was incomplete. Your own ``limit=`` and
            ``deadline=`` leave it True, and so do documents that Zenvoices refuses: for these, see
            ``needs_person``.
    """

    _counts = ("waiting", "skipped", "failed", "uncertain", "in_doubt", "flagged", "needs_person")

    space_id: str
    company_code: str
    started_at: datetime
    ended_at: datetime
    dry_run: bool = False
    listed: int = 0
    states: Mapping[str, int] = field(factory=dict[str, int], hash=False)
    exported: int = 0
    refused: int = 0
    raised: int = 0
    listener_failures: int = 0
    recovered: int = 0
    changed: int = 0
    twice: int = 0
    unsettled: int = 0
    deliveries: Deliveries = field(default=Deliveries(), converter=deliveries_of, repr=False)
    notes: tuple[str, ...] = ()
    stopped: str | None = None
    ok: bool = True

    def __bool__(self) -> bool:
        return self.ok

    def count(self, state: str) -> int:
        """Return the number of lines in ``deliveries`` with this state."""
        return sum(row.state == state for row in self.deliveries)

    @property
    def waiting(self) -> int:
        """The number of documents in ``deliveries`` that wait, for any reason."""
        return self.count("waiting")

    @property
    def skipped(self) -> int:
        """The number of documents that were skipped in this run."""
        return self.count("skipped")

    @property
    def failed(self) -> int:
        """The number of documents that failed in this run and are not tried again.

        A refused document usually waits, and fails after several attempts; for an alarm, use
        ``needs_person``.
        """
        return self.count("failed")

    @property
    def uncertain(self) -> int:
        """The number of uncertain documents: look-ups could not tell whether they arrived."""
        return self.count("uncertain")

    @property
    def in_doubt(self) -> int:
        """The number of uploads without a clear answer; the next run looks them up."""
        return self.count("sending")

    @property
    def needs_person(self) -> bool:
        """Whether a person must look at something.

        True if a document failed, is uncertain, was refused or waits after failed attempts; if
        your own code raised; if ``twice`` is not 0; if a list was incomplete. The command then ends
        with status 1. It is True also if the run raised: then ``retryable`` of the error says
        whether a later run may succeed, and the command may end with status 75.
        ``attention`` of status() lists the documents. Failed and uncertain documents keep
        ``needs_person`` True in later runs. A document that waits counts only in a run that lists
        or reads it.
        """
        return not self.ok or self._shows_trouble

    @property
    def _shows_trouble(self) -> bool:
        """Whether this run, however it ended, found something that a person must look at."""
        counts = (self.unsettled, self.refused, self.twice, self.raised, self.listener_failures)
        return any(counts) or any(map(needs_person, self.deliveries))

    @property
    def flagged(self) -> int:
        """The number of documents with a ``warning``: an XML file is not readable as UBL."""
        return sum(bool(row.warning) for row in self.deliveries)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per line, for ``pandas.DataFrame``."""
        return self.deliveries.rows

    @property
    def seconds(self) -> float:
        """The duration of the run in seconds."""
        return (self.ended_at - self.started_at).total_seconds()

    def summary(self) -> str:
        """Return the main counts, and ``stopped`` if it is set, as one line in English."""
        names = ("recovered", "waiting", "skipped", "failed", "in_doubt", "uncertain")
        counts = [(name.replace("_", " "), getattr(self, name)) for name in names]
        counts.append(("raised in your own code", self.raised + self.listener_failures))
        parts = [f"{self.listed} listed", f"{self.exported} exported"]
        parts += [f"{number} {name}" for name, number in counts if number]
        return ", ".join(parts) + (f"; stopped: {self.stopped}" if self.stopped else "")

    def _view(self) -> View:
        heading, sent = "export", self.exported
        if self.dry_run:
            heading = "dry run"
            sent = sum(row.code == "would_be_sent" for row in self.deliveries)
        facts = _facts(
            ("stopped because", self.stopped),
            ("space", self.space_id),
            ("listed in Banqup", self.listed),
        )
        states = tuple(
            (say("of these", say(state, count)), _shown(count))
            for state, count in sorted(self.states.items())
        )
        of_run = _facts(
            ("recovered", self.recovered),
            ("refusals", self.refused),
            ("raised", self.raised + self.listener_failures),
            ("flagged", self.flagged),
            ("changed", self.changed),
            ("twice", self.twice),
            ("took", say("seconds", self.seconds)),
        )
        errors = self.failed + self.count("uncertain")
        return View(
            _heading(say(heading, sent, self.company_code), errors),
            (*facts, *states, *of_run),
            (table(self.deliveries),),
            (*self.notes, *_how_to_settle(self.deliveries)),
        )


_SETTLE = Text(
    "settle_uncertain",
    "For an uncertain document: look in the company's inbox, then run banqup-zenvoices settle ID "
    "--delivered if it is there, or --not-delivered if it is not (in Python: settle(id, "
    "delivered=...)).",
)
_NOTHING_LISTED = Text(
    "nothing_listed",
    "Banqup listed no document. If the space is not empty, call deactivate() (or run "
    "banqup-zenvoices deactivate), give the app a role that shows it the documents, and call "
    "activate() again before the first export.",
)


@frozen(kw_only=True)
class Activation(Result):
    """The result of activate().

    Attributes:
        new: False if the connection was active already; then nothing was changed.
        activated_at: Banqup's time when it answered the first listing. If no answer has a time, the
            latest creation time of a listed document; None if no document has one.
        company_id: The number of the company in Zenvoices.
        baseline: The number of documents that could be exported already; only resend() sends them.
        waiting: The number of documents that wait, most of them to be approved or sent in Banqup;
            each is exported after that.
        skipped: Lines of documents that the rule skips, that appeared during activation, or that
            became exportable while the connection was not active; resend() sends them.
        notes: Remarks for a person, such as that the checkpoints are lost when the process ends.
    """

    new: bool
    activated_at: datetime | None = None
    company_id: int | None = None
    baseline: int = 0
    waiting: int = 0
    skipped: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    notes: tuple[str, ...] = ()

    def _view(self) -> View:
        facts = _facts(("active since", self.activated_at))
        if self.new:
            left = say("baseline", self.baseline), _shown(self.baseline)
            facts = (*facts, left, *_facts(("waiting", self.waiting)))
            # A space looks empty to an app without the right to read its documents. All these
            # documents may count as new once the right is given: the note says how to prevent it.
            empty = not (self.baseline or self.waiting or self.skipped)
            notes = (*self.notes, *((_NOTHING_LISTED,) if empty else ()))
            skipped = table(self.skipped, say("skipped", len(self.skipped)))
            return View(say("activated"), facts, (skipped,), notes)
        return View(say("active already"), facts)


@frozen(kw_only=True)
class Status(Result):
    """The state of a connection, read from its store; no service is called.

    Attributes:
        active: Whether export_new() may run.
        activated_at: The time of the last activation, as in :class:`Activation`; None without one.
        space_id: The id of the space in Banqup.
        company_code: The company's code in Zenvoices.
        last_run: A summary of the last run, as data that JSON can hold; None before the first run.
            If the run failed, ``ok`` is False, ``stopped`` says why, and ``retryable`` says whether
            a later run may succeed by itself.
        counts: The number of deliveries in each state; those that a user has to approve or send in
            Banqup count as ``waiting_for_client``, not as ``waiting``.
        attention: Lines of documents that need a person: failed, uncertain, or waiting after a
            refusal or another failure.
        waiting: Lines of documents that wait or are being sent; empty without ``waiting=True``.
        unknown_statuses: Statuses and folders that the rule does not know, each with the number of
            documents that wait because of it.
        not_active: Why the connection is not active, and what to do; empty if it is active.
    """

    _counts = ("client_action_needed", "queued", "ready_to_process", "error", "raised")

    active: bool
    space_id: str
    company_code: str
    activated_at: datetime | None = None
    last_run: Mapping[str, Any] | None = field(default=None, hash=False)
    counts: Mapping[str, int] = field(factory=dict[str, int], hash=False)
    attention: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    waiting: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    unknown_statuses: Mapping[str, int] = field(factory=dict[str, int], hash=False)
    not_active: tuple[str, ...] = ()

    def _view(self) -> View:
        heading = say("active" if self.active else "inactive", self.company_code)
        ended = (self.last_run or {}).get("ended_at")
        counts = {
            "client action needed": self.client_action_needed,
            "queued": self.queued,
            "ready to process": self.ready_to_process,
            "error": self.error,
            "skipped": self.counts.get("skipped", 0),
            "baseline": self.counts.get("baseline", 0),
        }
        states = ((say(name, count), _shown(count)) for name, count in counts.items())
        named = {row.document_id for row in self.attention}
        waiting = (row for row in self.waiting if row.document_id not in named)
        return View(
            _heading(heading, max(self.error, len(self.attention))),
            (
                *_facts(
                    ("space", self.space_id),
                    ("active since", self.activated_at if self.active else None),
                    ("last run", ended and datetime.fromisoformat(ended)),
                    ("stopped because", self._stopped and say("in English", self._stopped)),
                    ("raised", self.raised),
                ),
                *states,
            ),
            (
                table(map(self._as_it_stands, self.attention), say("needs a person")),
                table(map(self._as_it_stands, waiting), say("waiting")),
            ),
            (
                *(unknown_note(word, count) for word, count in self.unknown_statuses.items()),
                *_how_to_settle(self.attention),
                *self.not_active,
            ),
        )

    def _as_it_stands(self, row: DeliveryRow) -> DeliveryRow:
        """Return the row; without its next try if the connection is not active."""
        return row if self.active else evolve(row, next_try=None)

    @property
    def _stopped(self) -> str:
        """Why the last run failed, in English; empty if it did not."""
        run = self.last_run or {}
        return "" if run.get("ok", True) else str(run.get("stopped") or "")

    @property
    def raised(self) -> int:
        """How often your own functions raised or returned an unusable value in the last run."""
        run = self.last_run or {}
        counts = (run.get(name) for name in ("raised", "listener_failures"))
        return sum(count for count in counts if type(count) is int)

    @property
    def client_action_needed(self) -> int:
        """The number of documents that are not approved or not sent yet."""
        return self.counts.get("waiting_for_client", 0)

    @property
    def queued(self) -> int:
        """The number of documents that are being sent, or wait, but not for a user of Banqup."""
        return self.counts.get("waiting", 0) + self.counts.get("sending", 0)

    @property
    def ready_to_process(self) -> int:
        """The number of documents that were delivered to Zenvoices."""
        return self.counts.get("delivered", 0) + self.counts.get("confirmed", 0)

    @property
    def error(self) -> int:
        """The number of failed or uncertain documents: a person has to decide about each."""
        return self.counts.get("failed", 0) + self.counts.get("uncertain", 0)


@frozen
class Request:
    """The result of resend() for one document.

    Attributes:
        document_id: The document's id in Banqup.
        accepted: Whether the next run sends the document.
        reason: If the document is not accepted, why. If it is accepted and was delivered before,
            that Zenvoices will have it twice. Otherwise empty.
    """

    document_id: str
    accepted: bool
    reason: str = ""


@frozen(kw_only=True)
class Confirmation(Result):
    """The result of confirm(): which delivered documents Zenvoices has.

    Attributes:
        confirmed: The number of documents found by this call that were not confirmed before.
        missing: Lines of documents that Zenvoices does not have; only resend() sends them again.
        twice: Lines of documents that Zenvoices shows more than once.
        undecided: Lines of documents for which no clear answer came from Zenvoices.
        others: The number of documents that the company's inbox has received since activation and
            that this connection did not send.
    """

    confirmed: int = 0
    missing: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    twice: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    undecided: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    others: int = 0

    def _view(self) -> View:
        wrong = len(self.missing) + len(self.twice)
        heading = say("confirmation", self.confirmed)
        if not (self.confirmed or wrong or self.undecided):
            heading = say("nothing to confirm")  # "0 documents" would look like a fault
        return View(
            _heading(heading, wrong),
            tables=(
                table(self.missing, say("missing"), status="error"),
                table(self.twice, say("twice"), status="error"),
                table(self.undecided, say("undecided")),
            ),
            notes=(
                *((say("copied store"),) if self.twice else ()),
                *((say("others", self.others),) if self.others else ()),
            ),
        )
