"""Events: values, told in turn, logged safely, shown by a progress bar."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import exceptions, fields

from bridge import (
    Deliveries,
    DeliveryRow,
    DocumentFailed,
    DocumentFound,
    DocumentSent,
    DocumentSettled,
    DocumentSkipped,
    DocumentUncertain,
    DocumentWaiting,
    Event,
    ExportReport,
    Listener,
    ProgressBar,
    RunEnded,
    RunStarted,
    set_language,
)
from bridge._reports import texts
from bridge._reports.events import emit


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as a warning."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


NOW = datetime(2026, 3, 2, tzinfo=UTC)
FORGED = "d-1\n2026-03-02 INFO bridge: document 'd-2' sent\x1b[31m\u202e"


def report(**changes: Any) -> ExportReport:
    """An empty report."""
    return ExportReport(
        space_id="s-1", company_code="0042", started_at=NOW, ended_at=NOW, **changes
    )


def line(document_id: str = "d-1", state: str = "delivered") -> DeliveryRow:
    """A document's line."""
    return DeliveryRow(document_id, state, reason=document_id)


def one_of_each(name: str = "d-1") -> list[Event]:
    """Every kind of event, made of one text."""
    return [
        RunStarted(name, name, NOW),
        DocumentFound(name, name),
        DocumentSent(line(name)),
        DocumentSettled(line(name)),
        DocumentWaiting(line(name, "waiting")),
        DocumentSkipped(line(name, "skipped")),
        DocumentFailed(line(name, "failed")),
        DocumentUncertain(line(name, "uncertain")),
        RunEnded(report(stopped=name, deliveries=Deliveries([line(name)]))),
    ]


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_events_are_frozen_values(event: Any) -> None:
    """They compare by what they hold, and no listener can change them for the next."""
    name = fields(type(event))[0].name
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(event, name, None)
    assert event in one_of_each()


def test_listeners_hear_each_event_in_turn() -> None:
    """The same event reaches each of them in the order they were given."""
    heard: list[tuple[str, Event]] = []
    listeners: list[Listener] = [
        lambda event: heard.append(("first", event)),
        lambda event: heard.append(("second", event)),
    ]
    told = one_of_each()
    for event in told:
        emit(listeners, event)
    assert heard == [(name, event) for event in told for name in ("first", "second")]


@pytest.mark.parametrize("error", [RuntimeError("x"), StopIteration(), AssertionError()])
def test_listener_that_raises_keeps_nobody_from_hearing(
    error: Exception,
) -> None:
    """The next listener is called, and the caller is told the place and the exception."""
    heard: list[Event] = []

    def raising(event: Event) -> None:
        raise error

    ((reason, raised),) = emit([raising, heard.append], DocumentFound("d-1", "SALES"))
    assert heard == [DocumentFound("d-1", "SALES")]
    assert raised is error
    assert f"a listener raised {type(error).__name__} at {__name__}.raising, line " in reason


@pytest.mark.parametrize("event", one_of_each(FORGED), ids=lambda event: type(event).__name__)
def test_log_lines_cannot_be_forged(event: Event, caplog: pytest.LogCaptureFixture) -> None:
    """One event is one line of the logger ``bridge``, without anything a terminal obeys."""
    with caplog.at_level(logging.DEBUG):
        emit([], event)
    (record,) = caplog.records
    assert record.name == "bridge"
    assert record.getMessage().isprintable()


def test_log_levels_tell_trouble_from_routine(caplog: pytest.LogCaptureFixture) -> None:
    """At WARNING only what needs a person; at INFO the run and what was sent."""
    with caplog.at_level(logging.DEBUG, "bridge"):
        for event in one_of_each():
            emit([], event)
    levels = [record.levelname for record in caplog.records]
    assert levels == [
        *("INFO", "DEBUG", "INFO", "DEBUG", "DEBUG", "DEBUG", "WARNING", "WARNING", "INFO"),
    ]


def test_log_line_says_what_became_of_a_document(caplog: pytest.LogCaptureFixture) -> None:
    """State, Zenvoices' number and the reason, where there are any."""
    with caplog.at_level(logging.DEBUG, "bridge"):
        emit([], DocumentSent(DeliveryRow("d-1", "delivered", inbox_id=4711)))
        emit([], DocumentFailed(DeliveryRow("d-2", "failed", "the file is empty")))
    assert caplog.messages == [
        "document 'd-1' delivered as 4711",
        "document 'd-2' failed: 'the file is empty'",
    ]


def test_warnings_are_shown_before_logging_is_configured() -> None:
    """A script that configures no logging shows them on standard error, and nothing else."""
    code = "from bridge import DeliveryRow, DocumentFailed, DocumentSent\n"
    code += "from bridge._reports.events import emit\n"
    code += "emit([], DocumentSent(DeliveryRow('d-1', 'delivered', inbox_id=4711)))\n"
    code += "emit([], DocumentFailed(DeliveryRow('d-2', 'failed', 'x')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("", "document 'd-2' failed: 'x'\n")


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def tell_a_run(bar: ProgressBar) -> None:
    """Two documents found, one sent and one failed, besides two that were not fetched."""
    emit([bar], RunStarted("s-1", "0042", NOW))
    emit([bar], DocumentWaiting(line("d-0", "waiting")))
    emit([bar], DocumentSettled(line("d-9")))
    for name, event, state in (
        ("d-1", DocumentSent, "delivered"),
        ("d-2", DocumentFailed, "failed"),
    ):
        emit([bar], DocumentFound(name, "SALES"))
        emit([bar], event(line(name, state)))
        emit([bar], event(line(name, state)))
    emit([bar], RunEnded(report()))


def test_progress_bar_counts_in_a_terminal() -> None:
    """What was fetched counts once; at the end the bar is full and says what became of them."""
    terminal = Terminal()
    tell_a_run(ProgressBar(file=terminal, mininterval=0, dynamic_ncols=False, ncols=100))
    last = terminal.getvalue().replace("\n", "").split("\r")[-1]
    assert last.startswith("0042: 100%")
    assert "2/2" in last
    for count in ("delivered=1", "failed=1"):
        assert count in last
    assert "waiting" not in last


def test_progress_bar_speaks_the_language_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its unit and the states that it counts."""
    monkeypatch.setitem(texts._display, "language", "en")
    set_language("fr")
    terminal = Terminal()
    tell_a_run(ProgressBar(file=terminal, mininterval=0, dynamic_ncols=False, ncols=100))
    last = terminal.getvalue().replace("\n", "").split("\r")[-1]
    assert last.startswith("0042: 100%")
    for count in ("transmis=1", "abandonné=1"):
        assert count in last


def test_progress_bar_keeps_out_of_files() -> None:
    """Nothing is written where nobody looks on."""
    file = io.StringIO()
    tell_a_run(ProgressBar(file=file))
    assert file.getvalue() == ""


def test_progress_bar_survives_an_interrupted_run() -> None:
    """A run that never ended leaves no bar behind; events without a run are nothing to it."""
    terminal = Terminal()
    bar = ProgressBar(file=terminal, mininterval=0)
    emit([bar], DocumentSent(line()))
    emit([bar], RunEnded(report()))
    assert terminal.getvalue() == ""
    emit([bar], RunStarted("s-1", "0042", NOW))
    emit([bar], DocumentFound("d-1", None))
    tell_a_run(bar)
    assert "2/2" in terminal.getvalue()
    bar.close()


def test_progress_bar_says_which_extra_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tqdm the message is the command to type."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install 'banqup-zenvoices\[progress\]'"):
        ProgressBar()
