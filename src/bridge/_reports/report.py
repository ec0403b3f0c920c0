"""What people see: reports, the status and verifications, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from _client_kit._text import Text, joined
from bridge._delivery.eligibility import unknown_word
from bridge._reports.delivery_rows import TONES, Deliveries, deliveries_of, table
from bridge._reports.render import Cell, Printable, Table, View, plain_data
from bridge._reports.texts import Lang, decimal, local_time, say, translate

__all__ = [
    "Activation",
    "Confirmation",
    "ExportReport",
    "Request",
    "Status",
]


def _facts(lang: Lang, *facts: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    """Facts with something to say; a zero has nothing to say."""
    return tuple((say(name, lang), str(value)) for name, value in facts if value)


def _heading(title: str, count: int, lang: Lang) -> str:
    """A title that says how many documents need a person."""
    return joined("; ", title, say("needs", lang, count) if count else "")


def _last(run: Mapping[str, Any] | None, lang: Lang) -> str:
    """When the last run ended, as its summary says."""
    ended = (run or {}).get("ended_at")
    return local_time(datetime.fromisoformat(ended), lang) if isinstance(ended, str) else ""


@frozen(kw_only=True)
class ExportReport(Printable):
    """What one run of an export did.

    ``print()`` shows it as text, a notebook as tables; documents that need a person come first.

    Attributes:
        space_id: The space.
        company_code: The company.
        started_at: When it began, by the connection's clock.
        ended_at: When it ended.
        dry_run: Whether it only says what would be done.
        listed: How many different documents Banqup showed.
        states: How many of those are in each state now; the numbers add up to ``listed``.
        exported: Uploads that Zenvoices took in this run.
        refused: Documents Zenvoices refused in this run, waiting or failed.
        raised: Documents for which your own mapper or rule raised, or returned a value of no use.
        listener_failures: How often a listener of yours raised; no document is touched by that.
        recovered: Deliveries of an earlier run whose outcome was found out.
        changed: Delivered documents whose files have changed since; they are not sent again.
        deliveries: A line for each document that was not finished before.
        notes: What a person should know besides.
        stopped: Why the run ended before all was done, if it did.
        ok: False where the run could not do all that it was asked for: it failed, or a list of
            Banqup did not end. The caller's own ``limit=`` and ``deadline=`` leave it True.
    """

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
    deliveries: Deliveries = field(default=Deliveries(), converter=deliveries_of, repr=False)
    notes: tuple[str, ...] = ()
    stopped: str | None = None
    ok: bool = True

    def __bool__(self) -> bool:
        return self.ok

    def count(self, state: str) -> int:
        """How many of this run's lines are in a state."""
        return sum(row.state == state for row in self.deliveries)

    @property
    def waiting(self) -> int:
        """Documents that wait."""
        return self.count("waiting")

    @property
    def skipped(self) -> int:
        """Documents skipped in this run."""
        return self.count("skipped")

    @property
    def failed(self) -> int:
        """Documents given up in this run."""
        return self.count("failed")

    @property
    def uncertain(self) -> int:
        """Documents held for a person: no look-up can tell whether they arrived."""
        return self.count("uncertain")

    @property
    def in_doubt(self) -> int:
        """Documents whose upload had no clear answer yet; the next run looks them up."""
        return self.count("sending")

    @property
    def flagged(self) -> int:
        """Documents of this run whose file has something odd about it; see ``warning``."""
        return sum(bool(row.warning) for row in self.deliveries)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat dict per line, for ``pandas.DataFrame``."""
        return self.deliveries.rows

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return (self.ended_at - self.started_at).total_seconds()

    def summary(self) -> str:
        """One line."""
        parts = [f"{self.exported} exported"]
        parts += [
            f"{number} {name}"
            for name, number in (
                ("recovered", self.recovered),
                ("waiting", self.waiting),
                ("skipped", self.skipped),
                ("failed", self.failed),
                ("raised in your own code", self.raised),
                ("raised in a listener", self.listener_failures),
                ("in doubt", self.in_doubt),
                ("uncertain", self.uncertain),
            )
            if number
        ]
        end = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"{self.listed} listed, {', '.join(parts)}{end}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "space_id": self.space_id,
            "company_code": self.company_code,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "dry_run": self.dry_run,
            "listed": self.listed,
            "states": dict(self.states),
            "exported": self.exported,
            "recovered": self.recovered,
            "waiting": self.waiting,
            "skipped": self.skipped,
            "failed": self.failed,
            "uncertain": self.uncertain,
            "in_doubt": self.in_doubt,
            "refused": self.refused,
            "raised": self.raised,
            "listener_failures": self.listener_failures,
            "changed": self.changed,
            "flagged": self.flagged,
            "deliveries": self.deliveries.to_dict(),
            "notes": list(self.notes),
            "stopped": self.stopped,
            "ok": self.ok,
        }

    def _view(self, lang: Lang) -> View:
        heading, sent = "export", self.exported
        if self.dry_run:
            heading = "dry run"
            sent = sum(row.code == "would_be_sent" for row in self.deliveries)
        elif self.stopped:
            heading = "export stopped"
        states = ((state, self.states[state]) for state in sorted(self.states))
        facts = _facts(
            lang,
            ("stopped because", translate(self.stopped or "", lang)),
            ("space", self.space_id),
            ("listed in Banqup", self.listed),
            *states,
            ("recovered", self.recovered),
            ("refusals", self.refused),
            ("raised", self.raised + self.listener_failures),
            ("flagged", self.flagged),
            ("changed", self.changed),
            ("took", say("seconds", lang, decimal(self.seconds, lang))),
        )
        errors = self.failed + self.count("uncertain")
        return View(
            _heading(say(heading, lang, sent, self.company_code), errors, lang),
            "bad" if errors or self.stopped else "ok",
            facts,
            (table(self.deliveries, lang),),
            tuple(translate(note, lang) for note in self.notes),
        )


_NOTHING_LISTED = Text(
    "nothing_listed",
    "Banqup listed no document. If the space is not empty, call deactivate(), let the client's "
    "user see its documents in Banqup, and call activate() again before the first export.",
)


@frozen(kw_only=True)
class Activation(Printable):
    """What activate() did.

    Attributes:
        new: False when the connection was active already and nothing was changed.
        activated_at: The server's time from which documents count.
        company_id: Zenvoices' number of the company.
        baseline: Documents that stay where they are, for good.
        waiting: Documents that were there but not approved or sent: they count once they are.
        skipped: Lines of documents that appeared in the middle, or became exportable while the
            connection was not active; resend() sends them.
    """

    new: bool
    activated_at: datetime | None = None
    company_id: int | None = None
    baseline: int = 0
    waiting: int = 0
    skipped: Deliveries = field(default=Deliveries(), converter=deliveries_of)

    def _view(self, lang: Lang) -> View:
        facts = _facts(
            lang,
            ("active since", self.activated_at and local_time(self.activated_at, lang)),
            ("company number", self.company_id),
            ("left where they are", str(self.baseline)),
            ("waiting for the client", self.waiting),
        )
        if self.new:
            skipped = table(self.skipped, lang, say("skipped", lang))
            # A right that is missing can look like a space with nothing in it, and what it hides
            # would count as new on the day it is given.
            empty = not (self.baseline or self.waiting or self.skipped)
            notes = (translate(_NOTHING_LISTED, lang),) if empty else ()
            return View(say("activated", lang), "ok", facts, (skipped,), notes)
        return View(say("active already", lang), "", facts[:2])

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return plain_data(self)


@frozen(kw_only=True)
class Status(Printable):
    """What a connection knows of itself, without asking a service.

    Attributes:
        active: Whether export_new() runs.
        activated_at: Since when.
        space_id: The space.
        company_code: The company.
        last_run: A summary of the last run, as plain data; None before the first.
        counts: How many deliveries are in each state.
        attention: Lines that need a person: failed, uncertain.
        waiting: Lines of what waits, where status() was asked for them.
        unknown_statuses: Status words nobody has told this connection about, with how many
            documents showed them.
    """

    active: bool
    space_id: str
    company_code: str
    activated_at: datetime | None = None
    last_run: Mapping[str, Any] | None = field(default=None, hash=False)
    counts: Mapping[str, int] = field(factory=dict[str, int], hash=False)
    attention: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    waiting: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    unknown_statuses: Mapping[str, int] = field(factory=dict[str, int], hash=False)

    def _view(self, lang: Lang) -> View:
        heading = say("active" if self.active else "inactive", lang, self.company_code)
        counts = {
            "client action needed": self.client_action_needed,
            "queued": self.queued,
            "ready to process": self.ready_to_process,
            "error": self.error,
            "skipped": self.counts.get("skipped", 0),
            "baseline": self.counts.get("baseline", 0),
        }
        lines = tuple(
            (
                Cell(say(name, lang), TONES.get(name, "") if count else "dim"),
                Cell(translate(Text("count", "{0}", count), lang)),
            )
            for name, count in counts.items()
        )
        return View(
            _heading(heading, self.error, lang),
            "bad" if self.error else "ok" if self.active else "wait",
            _facts(
                lang,
                ("space", self.space_id),
                ("active since", self.activated_at and local_time(self.activated_at, lang)),
                ("last run", _last(self.last_run, lang)),
                ("raised", self.raised),
            ),
            (
                Table("", (say("status", lang), say("documents", lang)), lines),
                table(self.attention, lang, say("needs a person", lang)),
                table(self.waiting, lang, say("waiting", lang)),
            ),
            tuple(
                translate(unknown_word(word, count), lang)
                for word, count in self.unknown_statuses.items()
            ),
        )

    @property
    def raised(self) -> int:
        """How often your own code raised in the last run: mapper, rule and listeners."""
        run = self.last_run or {}
        counts = (run.get(name) for name in ("raised", "listener_failures"))
        return sum(count for count in counts if type(count) is int)

    @property
    def client_action_needed(self) -> int:
        """Documents not approved or not sent yet."""
        return self.counts.get("waiting_for_client", 0)

    @property
    def queued(self) -> int:
        """Documents waiting to be sent, or tried again."""
        return self.counts.get("waiting", 0) + self.counts.get("sending", 0)

    @property
    def ready_to_process(self) -> int:
        """Documents that are in Zenvoices."""
        return self.counts.get("delivered", 0) + self.counts.get("confirmed", 0)

    @property
    def error(self) -> int:
        """Documents that need a person: they can be sent again, or processed by hand."""
        return self.counts.get("failed", 0) + self.counts.get("uncertain", 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return {
            "active": self.active,
            "space_id": self.space_id,
            "company_code": self.company_code,
            "activated_at": self.activated_at and self.activated_at.isoformat(),
            "last_run": None if self.last_run is None else dict(self.last_run),
            "counts": dict(self.counts),
            "client_action_needed": self.client_action_needed,
            "queued": self.queued,
            "ready_to_process": self.ready_to_process,
            "error": self.error,
            "raised": self.raised,
            "attention": self.attention.to_dict(),
            "waiting": self.waiting.to_dict(),
            "unknown_statuses": dict(self.unknown_statuses),
        }


@frozen
class Request:
    """What became of the wish to send one document again.

    Attributes:
        document_id: The document.
        accepted: Whether the next run sends it.
        reason: Why not, otherwise.
    """

    document_id: str
    accepted: bool
    reason: str = ""


@frozen(kw_only=True)
class Confirmation(Printable):
    """What Zenvoices says of the documents that were delivered.

    Attributes:
        confirmed: How many it has.
        missing: Lines of those it says it does not have; they are not sent again by themselves.
        twice: Lines of those it shows more than once.
        undecided: Lines of those its answers decide nothing about.
        others: Documents that the company's inbox received since activation and that this
            connection did not send.
    """

    confirmed: int = 0
    missing: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    twice: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    undecided: Deliveries = field(default=Deliveries(), converter=deliveries_of)
    others: int = 0

    def _view(self, lang: Lang) -> View:
        wrong = len(self.missing) + len(self.twice)
        return View(
            _heading(say("confirmation", lang, self.confirmed), wrong, lang),
            "bad" if wrong else "ok",
            tables=(
                table(self.missing, lang, say("missing", lang), status="error"),
                table(self.twice, lang, say("twice", lang), status="error"),
                table(self.undecided, lang, say("undecided", lang)),
            ),
            notes=(say("others", lang, self.others),) if self.others else (),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold."""
        return plain_data(self)
