"""What people see: text that fits a terminal, HTML that fits a notebook, plain data."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._errors import CredentialsError, PermissionDeniedError, UnreachableError
from bridge import (
    Activation,
    Check,
    Confirmation,
    Deliveries,
    DeliveryRow,
    ExportReport,
    Status,
    Verification,
    set_language,
)
from bridge._delivery.delivery import STATES, Delivery, WaitReason
from bridge._reports import texts
from bridge._reports.delivery_rows import delivery_row
from bridge._reports.render import Cell, Line, Printable, Table, View, plain
from bridge._reports.texts import Lang, say, translate
from bridge._reports.verification import CHECKS, verification_of
from bridge.testing import Trials, trial_document, try_mapper
from support.cases import matrix

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
DOCUMENT = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
HOSTILE = [
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b]0;title\x07",
    "inv\u202eecioice\u2066\u200b",
    "two\nlines\r\nand\ttabs\x85\u2028",
    "'&amp;\"",
    "\ud800\udfff\x00\ufeff",
    "wide \U0001f37a\u4e2d\u6587 and Zalgo e\u0301\u0323\u20dd",
    "x" * 400,
    "",
]
LANGUAGES = ["en", "fr", "nl"]


def rows(text: str) -> tuple[DeliveryRow, ...]:
    """A line in every state, made of one text."""
    states = ("delivered", "confirmed", "waiting", "sending", "skipped", "failed", "uncertain")
    lines = [
        DeliveryRow(
            f"{DOCUMENT}{text}" if place % 2 else DOCUMENT,
            state,
            reason=text,
            inbox_id=place or None,
            folder=text,
            subject=text,
            sender_name=text,
            file_name=text,
            attempts=place,
            next_try=NOW,
            other_files=(text, text),
            warning=text,
        )
        for place, state in enumerate(states)
    ]
    return (*lines, evolve(lines[2], status="client action needed"))


def report(text: str = "", **changes: Any) -> ExportReport:
    """A report in which one text stands wherever a service's text can stand."""
    return evolve(
        ExportReport(
            space_id=DOCUMENT,
            company_code=text or "0042",
            started_at=NOW,
            ended_at=NOW,
            listed=9,
            states={"delivered": 3, "baseline": 6},
            exported=2,
            deliveries=Deliveries(rows(text)),
            notes=(text, "a note"),
            stopped=text,
        ),
        **changes,
    )


def verification(text: str, lang: Any = "en") -> Verification:
    """A verification with a failure, a detail and an unknown check."""
    found: dict[str, Any] = dict.fromkeys(CHECKS, text)
    found["zenvoices inbox"] = PermissionDeniedError(text, service="zenvoices", status=403)
    made = verification_of(found, lang)
    return evolve(made, checks=(*made.checks, Check(text, text, "failed", text, text)))


def test_the_error_of_a_verification_is_one_that_needs_a_person() -> None:
    """A service that is down may be up again later; a wrong password stays wrong."""
    down = UnreachableError("down", service="banqup")
    wrong = CredentialsError("wrong password", service="zenvoices")
    found: dict[str, Any] = {"banqup login": down, "zenvoices login": wrong}
    assert verification_of(found, "en").error is wrong
    assert verification_of({"banqup login": down}, "en").error is down


def everything(text: str) -> list[Printable]:
    """Each kind of value that prints itself, made of one text."""
    lines = Deliveries(rows(text))
    return [
        report(text),
        report(text, dry_run=True, stopped=None),
        verification(text),
        verification(text, "nl"),
        lines,
        Deliveries(),
        Activation(new=True, activated_at=NOW, company_id=7, baseline=3, skipped=lines),
        Activation(new=False),
        Status(
            active=True,
            space_id=text,
            company_code=text,
            activated_at=NOW,
            last_run={"ended_at": NOW.isoformat()},
            counts={"waiting_for_client": 2, "failed": 1, text: 4},
            attention=lines,
            unknown_statuses={text: 2},
        ),
        Status(active=False, space_id=DOCUMENT, company_code="0042"),
        Confirmation(confirmed=3, missing=lines, twice=lines, undecided=lines),
        try_mapper(documents=[trial_document((f"{text}.xml", b"<a>"), supplier=text)]),
    ]


class Elements(HTMLParser):
    """Which elements and attributes a page has, and whether each is closed in turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.open.append(tag)
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and it is the one that began last."""
        assert self.open.pop() == tag


OURS = {
    *("style", "div", "table", "caption", "tr", "th", "td", "p", "strong", "ul", "li"),
}


@pytest.mark.parametrize(("text", "lang"), matrix(HOSTILE, LANGUAGES))
def test_text_fits_a_terminal_and_commands_it_nothing(text: str, lang: Any) -> None:
    """No line is wider than 80 columns, none ends in blanks, none holds a control character."""
    for value in everything(text):
        for line in value.to_text(lang=lang).split("\n"):
            assert len(line) <= 80, line
            assert line.isprintable(), line
            assert line == line.rstrip()


@pytest.mark.parametrize(("text", "lang"), matrix(HOSTILE, LANGUAGES))
def test_html_holds_only_its_own_elements(text: str, lang: Any) -> None:
    """Whatever a value says, it adds no element, no attribute and nothing invisible."""
    for value in everything(text):
        page = value.to_html(lang=lang)
        elements = Elements(page)
        assert elements.names <= OURS
        assert elements.attributes <= {"class", "colspan"}
        assert elements.open == []
        assert page.replace("\n", "").isprintable()
        page.encode()


@given(text=st.text(alphabet=st.characters(), max_size=60))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """Nothing breaks a line, and what was printable stays as it was."""
    shown = plain(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == " ".join(text.split())


@given(text=st.text(max_size=300), subject=st.text(max_size=120), lines=st.integers(1, 4))
def test_tables_of_any_text_fit(text: str, subject: str, lines: int) -> None:
    """Width holds for every mix of narrow and wide cells."""
    made = Deliveries(
        DeliveryRow(text[:40], "failed", reason=text, subject=subject) for _ in range(lines)
    )
    assert max(len(line) for line in str(made).split("\n")) <= 80


@pytest.mark.parametrize("length", [1, 20, 24, 30, 400])
def test_a_reason_stands_beside_its_status_and_is_never_cut(length: int) -> None:
    """However long the status and the other cells are, all of the reason is there."""
    line: Line = (Cell("x" * length), Cell("word " * 60, alone=True), Cell("y" * 400))

    class OneLine(Printable):
        def _view(self) -> View:
            return View("t", tables=(Table("", ("a", "b", "c"), (line,)),))

    lines = OneLine().to_text().split("\n")
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("x")
    assert "word" in lines[2]
    assert "".join(lines).count("word") == 60
    page = OneLine().to_html()
    assert page.index(">x") < page.index("word") < page.index("y" * 20)


@pytest.mark.parametrize("lang", ["fr", "nl"])
def test_reports_follow_the_language_of_the_process(
    lang: Lang, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``print()`` and notebooks show every value in it; an argument ``lang=`` is stronger."""
    values = [
        report("x"),
        report("x").deliveries,
        Status(active=True, space_id="s", company_code="0042"),
        Activation(new=True),
        Confirmation(),
        try_mapper(),
    ]
    monkeypatch.setitem(texts._display, "language", "en")
    english = [(str(value), value._repr_html_()) for value in values]
    set_language(lang)
    for value, before in zip(values, english, strict=True):
        shown = (str(value), value._repr_html_())
        assert shown == (value.to_text(lang=lang), value.to_html(lang=lang))
        assert all(ours != theirs for ours, theirs in zip(shown, before, strict=True))
        assert value.to_text(lang="en") == before[0]


def test_values_print_the_same_way_everywhere() -> None:
    """``print()``, ``str()`` and a notebook take the value's own language; repr stays short."""
    english, french = verification("x"), verification("x", "fr")
    assert str(french) == french.to_text() == english.to_text(lang="fr") == f"{french}"
    assert french._repr_html_() == french.to_html(lang="fr")
    assert len(repr(report("x"))) < 700
    assert "DeliveryRow" not in repr(report("x"))


def test_ipython_prints_values_as_people_see_them() -> None:
    """In its terminal too, and for the tuples that it would print in its own way."""
    pretty = pytest.importorskip("IPython.lib.pretty", reason="IPython is not installed")
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed")
    shown = formatters.DisplayFormatter()
    for value in (Deliveries(rows("x")), try_mapper()):
        assert pretty.pretty(value) == str(value)
    for result in (Deliveries(rows("x")), try_mapper(), report("x"), verification("x")):
        assert shown.format(result)[0]["text/plain"] == str(result)


def test_what_needs_a_person_comes_first() -> None:
    """Errors, then the client's turn, then what is queued; what arrived is last."""
    text = str(report("x"))
    order = ["error", "client action needed", "queued", "skipped", "ready to process"]
    places = [text.index(f"\n{word}") for word in order]
    assert places == sorted(places)


def test_report_in_text_reads_as_meant() -> None:
    """A small report, letter by letter."""
    made = ExportReport(
        space_id=DOCUMENT,
        company_code="0042",
        started_at=NOW,
        ended_at=NOW,
        listed=3,
        states={"delivered": 1, "waiting": 1, "baseline": 1},
        exported=1,
        deliveries=Deliveries(
            [
                DeliveryRow(DOCUMENT, "delivered", inbox_id=4711, subject="Invoice BDM-7"),
                DeliveryRow(
                    DOCUMENT[::-1],
                    "waiting",
                    "refused",
                    subject="Invoice BDM-8",
                    attempts=2,
                    next_try=NOW,
                ),
            ]
        ),
    )
    assert str(made).split("\n") == [
        "Export: 1 document sent to company 0042",
        "",
        "space                             3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "listed in Banqup                  3",
        "of which there before activation  1",
        "of which delivered                1",
        "of which waiting                  1",
        "took                              0.0 s",
        "",
        "queued            refused; 2 failed attempts; next try 2026-03-02 08:30 UTC",
        "                  Invoice BDM-8  6afa66f369c2-cf3b-2654-7175-46f58af3",
        "ready to process  Invoice BDM-7  4711  3fa85f64-5717-4562-b3fc-2c963f66afa6",
    ]


def test_status_in_french_uses_the_accountants_words() -> None:
    """The words a French-speaking accountant knows stand in text and HTML."""
    status = Status(
        active=True, space_id=DOCUMENT, company_code="0042", counts={"failed": 1, "delivered": 4}
    )
    for shown in (status.to_text(lang="fr"), status.to_html(lang="fr")):
        for word in ("action du client requise", "prêts à traiter", "erreur"):
            assert word in shown
    assert "client action needed" in str(status)
    title = "Connexion active : entreprise 0042 ; 1 document demande une intervention"
    assert status.to_text(lang="fr").startswith(title)


@pytest.mark.parametrize(
    ("lang", "title"),
    [
        ("en", "Ready to export: 8 checks passed"),
        ("fr", "Prêt à exporter : 8 vérifications réussies"),
        ("nl", "Klaar om te exporteren: 8 controles geslaagd"),
    ],
)
def test_a_title_counts_the_checks_that_passed(lang: Lang, title: str) -> None:
    """A call of verify(deep=True) that could not be tried is not one of them."""
    left = Check("inbox.upload", "inbox.upload", "skipped")
    passed = verification_of(dict.fromkeys(CHECKS, ""), lang)
    assert evolve(passed, checks=(*passed.checks, left)).to_text().split("\n")[0] == title


def test_a_mark_of_french_stays_with_its_word() -> None:
    """No line begins with it, however wide; nor is a number torn apart."""
    for width in range(60, 80):
        note = f"{'x' * width} « a » : b ; c ? {'y' * (width - 20)} 7\u202f327 octets"
        made = Activation(new=True, baseline=1, notes=(note,))
        lines = made.to_text(lang="fr").split("\n")
        assert not [line for line in lines if re.match(r"\s*([»:;?]|327)|.*«$", line)]
        page = made.to_html(lang="fr")
        assert "«&nbsp;a&nbsp;»&nbsp;: b&nbsp;; c&nbsp;? " in page
        assert "7&nbsp;327 octets" in page


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("this connection is not active", "This connection is not active."),
        ("l'espace a changé (« x »)", "L'espace a changé (« x »)."),
        ("a service said “No.”", "A service said “No.”"),
        ("documents.list: 2 are elsewhere", "documents.list: 2 are elsewhere."),
        ("run: sudo chown bob exports.db*", "Run: sudo chown bob exports.db*"),
        ("Is it the same?", "Is it the same?"),
    ],
)
def test_a_note_is_a_sentence(note: str, shown: str) -> None:
    """Although some notes are messages of errors, which begin small and have no full stop."""
    assert Activation(new=True, baseline=1, notes=(note,)).to_text().endswith(f"\n- {shown}")


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
@pytest.mark.parametrize("number", [1, 2])
def test_no_name_of_a_count_is_cut(lang: Lang, number: int) -> None:
    """A terminal has room for half a line."""
    counts: Any = dict.fromkeys(("recovered", "refused", "raised", "changed", "twice"), number)
    made = report(deliveries=(), notes=(), **counts)
    for value in (
        evolve(made, states=dict.fromkeys(STATES, number), stopped="why"),
        Activation(new=True, activated_at=NOW, company_id=7, baseline=number, waiting=number),
    ):
        assert "..." not in value.to_text(lang=lang)


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
def test_no_status_is_cut(lang: Lang) -> None:
    """The names of many documents are longer than that of one, and stand in the same column."""
    states = ("waiting_for_client", "waiting", "delivered", "failed", "skipped", "baseline")
    status = Status(
        active=True, space_id=DOCUMENT, company_code="0042", counts=dict.fromkeys(states, 2)
    )
    words = ("client action needed", "queued", "ready to process", "error", "skipped", "baseline")
    for word in words:
        assert f"{translate(say(word, 2), lang)}  " in status.to_text(lang=lang)


@pytest.mark.parametrize("cause", WaitReason)
def test_only_a_failed_attempt_or_a_missing_file_has_a_next_try(cause: WaitReason) -> None:
    """An approved document goes with the next run, whatever time it is due to be read again."""
    row = delivery_row(Delivery(DOCUMENT, cause=cause, due=NOW.timestamp()))
    postponed = cause in (WaitReason.RETRY, WaitReason.NOT_READY)
    assert row.next_try == (NOW if postponed else None)


@pytest.mark.parametrize("lang", ["en", "fr", "nl"])
@pytest.mark.parametrize("state", ["uncertain", "failed"])
def test_what_to_do_about_an_uncertain_document_is_told(lang: Lang, state: str) -> None:
    """Report and status name the command that decides; for other states it is no use."""
    rows = [DeliveryRow("d-1", state)]
    status = Status(active=True, space_id=DOCUMENT, company_code="0042", attention=rows)
    for shown in (status, report(deliveries=rows)):
        text = " ".join(shown.to_text(lang=lang).split())
        assert ("banqup-zenvoices settle ID --delivered" in text) is (state == "uncertain")


@pytest.mark.parametrize("active", [True, False])
def test_nothing_is_tried_again_while_a_connection_is_not_active(active: bool) -> None:
    """The time of a next try would promise a run that sends it."""
    refused = DeliveryRow("refused", "waiting", attempts=1, next_try=NOW)
    status = Status(
        active=active,
        space_id=DOCUMENT,
        company_code="0042",
        attention=[refused],
        waiting=[refused],
    )
    assert ("next try" in status.to_text()) is active


def test_a_refused_document_stands_above_those_that_only_wait() -> None:
    """Lines that need a person come first."""
    waits = DeliveryRow("waits", "waiting", status="client action needed")
    refused = DeliveryRow("refused", "waiting", attempts=1)
    failed = DeliveryRow("failed", "failed")
    text = str(Deliveries([waits, refused, failed]))
    assert text.index("failed") < text.index("refused") < text.index("waits")


def test_status_shows_a_waiting_document_once_and_why_the_last_run_failed() -> None:
    """A refused document is below "needs a person" only; a run that was cut short is no failure."""
    refused = DeliveryRow("refused", "waiting", attempts=1)
    waits = DeliveryRow("waits", "waiting")
    run: dict[str, Any] = {"ended_at": NOW.isoformat(), "ok": False, "stopped": "login refused"}
    status = Status(
        active=True,
        space_id=DOCUMENT,
        company_code="0042",
        attention=[refused],
        waiting=[refused, waits],
        last_run=run,
    )
    text = status.to_text()
    assert text.startswith("Active: company 0042; 1 needs a person\n")
    assert (text.count("  refused\n"), text.count("  waits")) == (1, 1)
    assert re.search(r"stopped because +login refused\n", text)
    assert "login refused (en anglais)" in status.to_text(lang="fr")
    ended = {**run, "ok": True, "stopped": "deadline reached"}
    assert "deadline" not in evolve(status, last_run=ended).to_text()


@pytest.mark.parametrize(
    ("number", "left", "waits"),
    [(1, "antérieur à l'", "refusé lors"), (2, "antérieurs à l'", "refusés lors")],
)
def test_names_of_counts_agree_with_them(number: int, left: str, waits: str) -> None:
    """French has another form from two on, in what is counted too."""
    activation = Activation(new=True, baseline=number, waiting=1)
    assert f"{left}activation  " in activation.to_text(lang="fr")
    assert waits in evolve(report(), refused=number).to_text(lang="fr")


def test_long_lists_are_cut_and_say_so() -> None:
    """A terminal shows 40 lines and a notebook 200, with the number of the rest."""
    lines = Deliveries(DeliveryRow(f"document-{n}", "delivered") for n in range(1000))
    text, page = str(lines), lines.to_html()
    assert text.count("document-") == 40
    assert "... and 960 more" in text
    assert "1000 documents" in text
    assert page.count("document-") == 200
    assert "... et 800 de plus" in lines.to_html(lang="fr")


def test_html_takes_the_colours_of_the_page() -> None:
    """Nothing sets a background or a colour, so each word can be read in a dark theme too."""
    for value in everything("x"):
        page = value.to_html()
        assert "background" not in page
        assert "color" not in page


@pytest.mark.parametrize("value", everything("x"), ids=lambda value: type(value).__name__)
def test_plain_data_is_json_and_rows_are_flat(value: Any) -> None:
    """``to_dict()`` is JSON as it stands, and every row holds single values only."""
    if not isinstance(value, Trials):
        json.loads(json.dumps(value.to_dict()))
    for row in getattr(value, "rows", ()):
        assert all(item is None or isinstance(item, str | int | float) for item in row.values())


@pytest.mark.parametrize("make", [lambda: Deliveries(rows("x")), report, lambda: verification("x")])
def test_values_can_be_pickled(make: Callable[[], Any]) -> None:
    """They travel from worker processes as what they are."""
    value = make()
    again = pickle.loads(pickle.dumps(value))
    assert type(again) is type(value)
    assert str(again) == str(value)


def test_deliveries_are_a_tuple() -> None:
    """They compare and index as tuples do."""
    lines = Deliveries(rows("x"))
    assert lines == rows("x")
    assert isinstance(report(deliveries=list(lines)).deliveries, Deliveries)


def test_activation_of_a_space_that_shows_nothing_warns() -> None:
    """What a missing right hides would be history that counts as new: said at once."""
    empty = Activation(new=True, activated_at=NOW, company_id=7)
    assert "deactivate()" in empty.to_text()
    assert "n'a montré aucun document" in empty.to_text(lang="fr")
    for other in (
        Activation(new=True, baseline=1),
        Activation(new=True, waiting=1),
        Activation(new=False),
    ):
        assert "deactivate()" not in other.to_text()
