"""The commands as functions: what they print, and what ends them."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from banqup_client import Secret
from bridge import Connection, _demo, _sandbox
from bridge._command import main
from support.bridge_world import invoice


def test_the_demo_tells_its_story_and_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbered steps, the report's own words, and nothing left behind; on any kind of stream."""
    told = io.StringIO()
    monkeypatch.setattr("sys.stdout", told)
    assert main(["demo"]) == 0
    assert "\n1. " in told.getvalue()
    assert "sent to company" in told.getvalue()
    assert told.getvalue().rstrip().endswith("left nothing behind.")


def test_the_demo_shows_the_beginning_of_a_long_inbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of somebody's own folder all is sent, and twenty lines of the inbox are shown."""
    for number in range(21):
        (tmp_path / f"{number:02}.xml").write_bytes(invoice(f"F{number:02}"))
    assert main(["demo", "--documents", str(tmp_path)]) == 0
    shown = capsys.readouterr().out.partition("\n5. ")[2].partition("\n6. ")[0]
    assert shown.count("Invoice F") == 20
    assert "... and 1 more" in shown


@pytest.mark.leaks("the sandbox tells its invented credentials")
def test_the_sandbox_tells_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    """How to try it, that the first run sends nothing, and what is published."""

    class Stop(threading.Event):
        left = 3

        def wait(self, timeout: float | None = None) -> bool:
            self.left -= 1
            return self.left < 0

    assert _sandbox.run_sandbox(Stop(), every=1e-9) == 0
    told = capsys.readouterr().out
    assert "first run sends nothing" in told
    assert told.count("is there (FULLY_APPROVED)") == 2
    assert told.count("is there (AWAITING_VALIDATION)") == 1


def test_the_demo_shows_documents_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other users of the machine reach loopback: its logins are none that everybody knows."""
    logins: list[tuple[Secret, Secret]] = []
    activate = Connection.activate

    def noted(connection: Connection) -> object:
        logins.append(
            (connection._banqup.credentials.client_secret, connection._zenvoices.login.password)
        )
        return activate(connection)

    monkeypatch.setattr(Connection, "activate", noted)
    for _ in range(2):
        assert _demo.run_demo(as_json=True) == 0
    assert logins[0][0] != logins[1][0]
    assert logins[0][1] != logins[1][1]
