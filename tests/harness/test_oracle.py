"""The oracle sees each kind of fault: one that sees nothing would approve of everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import Row, Status
from harness.oracle import Truth, digest, judge
from harness.world import CANARIES, World
from zenvoices_client.testing import Attachment, InboxItem

GOOD = Truth("good", digest(b"good"), wanted=True)
OLD = Truth("old", digest(b"old"), old=True)


def _arrived(*contents: bytes) -> list[InboxItem]:
    return [
        InboxItem(
            number, f"id-{number}", 101, "0042", None, None, None,
            (Attachment("F.xml", "application/xml", len(content), digest(content), content),), 0.0,
        )
        for number, content in enumerate(contents)
    ]  # fmt: skip


def _row(state: str, due: float | None = None) -> Row:
    return Row("good", state, due, "{}")


def test_all_is_well() -> None:
    """A document that arrived once, and an old one that did not, are as they should be."""
    found = judge([GOOD, OLD], _arrived(b"good"), [_row("delivered")], final=True)
    assert found.clean


def test_twice_by_its_bytes() -> None:
    """Two inbox documents with the same bytes are one invoice sent twice, whatever their ids."""
    assert judge([GOOD], _arrived(b"good", b"good")).twice == ("good",)


def test_asked_for_twice_is_not_twice() -> None:
    """A request to resend allows one more."""
    twice = Truth("good", digest(b"good"), wanted=True, copies=2)
    assert judge([twice], _arrived(b"good", b"good")).clean


def test_too_old() -> None:
    """What was approved before activation must not arrive."""
    assert judge([OLD], _arrived(b"old")).too_old == ("old",)


@pytest.mark.parametrize("state", ["delivered", "confirmed", "baseline"])
def test_lost_behind_a_claim(state: str) -> None:
    """A record that says it is there, or was old, hides a document that is not there."""
    assert judge([GOOD], [], [_row(state)]).lost == ("good",)


@pytest.mark.parametrize("rows", [[], [_row("waiting", 1.0)], [_row("sending")], [_row("failed")]])
def test_lost_in_the_end(rows: list[Row]) -> None:
    """Once faults have stopped, a good document has to be there, whatever is said of it."""
    assert judge([GOOD], [], rows, final=True).lost == ("good",)


def test_named_for_the_time_being() -> None:
    """Before the end, a document may wait; and what is wrong with it may keep it out for good."""
    assert judge([GOOD], [], [_row("waiting", 1.0)]).clean
    blocked = Truth("good", digest(b"good"), wanted=True, blocked=True)
    assert judge([blocked], [], [_row("failed")], final=True).clean
    assert not judge([blocked], [], [], final=True).clean


def test_uncertain_is_told_apart() -> None:
    """It is held, not lost; but status() must name it."""
    found = judge([GOOD], [], [_row("uncertain")], final=True)
    assert (found.clean, found.uncertain) == (True, ("good",))
    silent = Status(active=True, space_id="s", company_code="0042", counts={"uncertain": 1})
    assert not judge([GOOD], [], [_row("uncertain")], silent).clean


def test_counts_that_do_not_add_up() -> None:
    """What the connection counts is what its rows say."""
    status = Status(active=True, space_id="s", company_code="0042", counts={"delivered": 2})
    assert not judge([GOOD], _arrived(b"good"), [_row("delivered")], status).clean


def test_a_document_nobody_published() -> None:
    """Bytes that were changed on the way are no document of ours."""
    assert judge([GOOD], _arrived(b"good", b"changed")).wrong


def test_a_leak_is_seen(tmp_path: Path) -> None:
    """A credential in any file that an exporter writes is found."""
    with World(tmp_path) as world:
        assert world.leaks() == []
        (tmp_path / "output.txt").write_text(f"login failed for {CANARIES[1]}")
        assert world.leaks() == ["output.txt"]
