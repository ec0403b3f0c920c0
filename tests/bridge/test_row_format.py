"""Deliveries and heads as a store keeps them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bridge import Row, StoreError
from bridge._delivery.delivery import STATES, Delivery, WaitReason
from bridge._delivery.row_format import (
    VERSION,
    Head,
    counted_as,
    delivery_of,
    head_of,
    head_text,
    row_of,
)

BINDING = {"banqup": "https://b", "space": "s", "zenvoices": "https://z", "company": "0042"}

numbers = st.integers(0, 10**9)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
seconds = st.floats(0, 1e11)
texts = st.text(max_size=700) | st.just("\0\ud800\n")
deliveries = st.builds(
    Delivery,
    document_id=st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True),
    state=st.sampled_from(STATES),
    folder=st.none() | texts,
    reason=texts,
    cause=st.sampled_from(WaitReason),
    status_at_activation=st.none() | texts,
    predates_activation=st.booleans(),
    due=st.none() | seconds,
    attempts=numbers,
    polls=numbers,
    generation=numbers,
    requested=st.booleans(),
    external_id=st.none() | texts,
    company_id=st.none() | numbers,
    intended_at=st.none() | seconds,
    in_doubt=st.booleans(),
    absent_at=st.none() | moments,
    inbox_id=st.none() | numbers,
    files=st.none() | texts,
    unknown=st.none() | texts,
)
words = st.dictionaries(texts, numbers, max_size=3)
heads = st.builds(
    Head,
    binding=st.just(BINDING),
    active=st.booleans(),
    activations=numbers,
    activated_at=st.none() | moments,
    cursors=st.dictionaries(st.sampled_from(["SALES", "PURCHASES"]), moments),
    full_at=st.dictionaries(st.sampled_from(["SALES", "PURCHASES"]), seconds),
    counts=words,
    controls=st.lists(st.tuples(texts, numbers), max_size=3).map(tuple),
    lookups_lag=st.booleans(),
    last_run=st.none() | st.dictionaries(texts, texts, max_size=3),
)


@given(deliveries)
def test_delivery_reads_back(delivery: Delivery) -> None:
    """Whatever a delivery holds, its row is plain ASCII and gives it back."""
    row = row_of(delivery)
    assert row.value.isascii()
    assert "\0" not in row.value
    assert delivery_of(row) == delivery


@given(heads)
def test_head_reads_back(head: Head) -> None:
    """Whatever a head holds, its text is plain ASCII and gives it back."""
    text = head_text(head)
    assert text.isascii()
    assert head_of(text, BINDING) == head


def row(**members: Any) -> Row:
    return Row("doc", "waiting", 1.0, json.dumps({"v": VERSION, **members}))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"v":0}',
        '{"v":true}',
        '{"v":"1"}',
        '{"v":1,"attempts":"1"}',
        '{"v":1,"attempts":1.5}',
        '{"v":1,"known":1}',
        '{"v":1,"reason":null}',
        '{"v":1,"cause":"because"}',
        '{"v":1,"absent_at":"yesterday"}',
        '{"v":1,"absent_at":"2026-11-22T12:00:00"}',
        '{"v":1,"absent_at":5}',
        '{"v":1,"intended_at":NaN}',
        '{"v":1,"intended_at":1e999}',
        '{"v":1,"intended_at":-1e999}',
        '{"v":1,"intended_at":1' + "0" * 400 + "}",
        '{"v":1,"nobody":"knows"}',
        '{"v":1,"document_id":"other"}',
        '{"v":1,"state":"delivered"}',
        "[" * 100_000,
        '{"v":1,"attempts":' + "9" * 5000 + "}",
    ],
)
def test_damaged_row_is_refused(value: str) -> None:
    """A row that is not what was written stops the run: it is never taken for another."""
    with pytest.raises(StoreError, match="damaged") as caught:
        delivery_of(Row("doc", "waiting", None, value))
    assert caught.value.hint is not None


@pytest.mark.parametrize("due", [math.inf, -math.inf, math.nan, 10**400, "1.0", True])
def test_a_time_that_is_none_is_refused(due: Any) -> None:
    """A row that is due at no time one can reckon with would wait for ever."""
    with pytest.raises(StoreError, match="damaged"):
        delivery_of(Row("doc", "waiting", due, '{"v":1}'))


def test_unknown_state_is_refused() -> None:
    """A state no version ever wrote is damage."""
    with pytest.raises(StoreError, match="damaged: the row of"):
        delivery_of(evolve(row(), state="lost"))


def test_newer_row_is_refused() -> None:
    """What a newer version wrote is not guessed at."""
    with pytest.raises(StoreError, match="newer release"):
        delivery_of(row(v=VERSION + 1))


@pytest.mark.parametrize(
    "change",
    [
        {"active": 1},
        {"activations": None},
        {"activated_at": "2026-11-22"},
        {"cursors": {"SALES": "soon"}},
        {"cursors": []},
        {"full_at": {"SALES": "1"}},
        {"full_at": {"SALES": 10**400}},
        {"counts": {"waiting": None}},
        {"controls": [["id"]]},
        {"controls": [[1, 2]]},
        {"controls": [["id", "7"]]},
        {"controls": 5},
        {"companies": ["7"]},
        {"lookups_lag": "perhaps"},
        {"last_run": "yesterday"},
        {"binding": None},
        {"extra": 1},
        {"activated_at": "0001-01-01T00:00:00+14:00"},
        {"cursors": {"SALES": "9999-12-31T23:59:59-12:00"}},
    ],
)
def test_damaged_head_is_refused(change: dict[str, Any]) -> None:
    """A head with a member of another kind is damage."""
    members = json.loads(head_text(Head(BINDING, active=True)))
    with pytest.raises(StoreError, match="damaged"):
        head_of(json.dumps({**members, **change}), BINDING)


@pytest.mark.parametrize("member", ["full_at", "counts", "last_run"])
def test_a_number_without_end_is_refused_anywhere(member: str) -> None:
    """A head that holds one could be read and never be written again."""
    members = json.loads(head_text(Head(BINDING, active=True)))
    text = json.dumps({**members, member: {"a": 7654321}})
    assert head_of(text, BINDING)
    with pytest.raises(StoreError, match="damaged"):
        head_of(text.replace("7654321", "1e999"), BINDING)


def test_head_of_another_connection_is_refused() -> None:
    """A checkpoint that was copied from another connection is not used."""
    text = head_text(Head({**BINDING, "company": "0043"}))
    with pytest.raises(StoreError, match="another connection"):
        head_of(text, BINDING)


def test_newer_head_is_refused() -> None:
    """A head a newer version wrote is not guessed at."""
    members = {**json.loads(head_text(Head(BINDING))), "v": VERSION + 1}
    with pytest.raises(StoreError, match="newer release"):
        head_of(json.dumps(members), BINDING)


def test_waiting_for_the_client_is_counted_apart() -> None:
    """What needs somebody in Banqup has a heading of its own."""
    assert counted_as(Delivery("doc", cause=WaitReason.CLIENT)) == "waiting_for_client"
    assert counted_as(Delivery("doc", cause=WaitReason.RETRY)) == "waiting"
    assert counted_as(Delivery("doc", "skipped", cause=WaitReason.GONE)) == "skipped"
