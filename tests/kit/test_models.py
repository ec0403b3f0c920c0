"""Decoding leniently into frozen values, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._json import dumps, loads
from _client_kit._models import Model, decode, encode, wire


@frozen
class Line(Model):
    """A part of a thing."""

    amount: Decimal | None = None
    count: int | None = None


@frozen
class Thing(Model):
    """A model with every kind of field."""

    id: str | None = None
    paid: bool | None = None
    total_amount: Decimal | None = None
    updated_at: datetime | None = None
    status: str | None = wire("state")
    lines: tuple[Line, ...] = ()
    main_line: Line | None = None
    labels: Mapping[str, Any] | None = None


def test_decode() -> None:
    """Wire names become ours, values get their types, the rest is kept."""
    thing = decode(
        Thing,
        {
            "id": 42,
            "paid": True,
            "totalAmount": "121.00",
            "updatedAt": "2026-03-01T11:00:00+01:00",
            "state": "NEW_ONE",
            "lines": [{"amount": Decimal("0.1"), "count": 2, "note": "kept"}],
            "mainLine": {},
            "labels": {"a": [1]},
            "somethingNew": {"deep": [1]},
        },
    )
    assert thing == Thing(
        id="42",
        paid=True,
        total_amount=Decimal("121.00"),
        updated_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
        status="NEW_ONE",
        lines=(Line(Decimal("0.1"), 2, extra={"note": "kept"}),),
        main_line=Line(),
        labels={"a": [1]},
        extra={"somethingNew": {"deep": [1]}},
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", True),
        ("id", {}),
        ("paid", 1),
        ("paid", "true"),
        ("totalAmount", "a lot"),
        ("totalAmount", "NaN"),
        ("totalAmount", True),
        ("updatedAt", "yesterday"),
        ("updatedAt", 1_700_000_000),
        ("updatedAt", "0001-01-01T00:00:00+14:00"),
        ("lines", {}),
        ("lines", [1]),
        ("mainLine", []),
        ("labels", "x"),
    ],
)
def test_values_of_another_type_are_kept_as_they_came(member: str, value: object) -> None:
    """A member of an unexpected type is the field's default, and can still be read."""
    assert decode(Thing, {member: value}) == Thing(extra={member: value})


def test_null_is_missing() -> None:
    """A null is the field's default."""
    assert decode(Thing, dict.fromkeys(("id", "lines", "mainLine", "totalAmount"))) == Thing()


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_only_objects_are_decoded(value: object) -> None:
    """What is no JSON object is a TypeError for the caller to name."""
    with pytest.raises(TypeError):
        decode(Thing, value)


CREDENTIAL = re.compile(
    "(?i)signat|token|author|secret|passw|passph|pwd|key|cookie|bearer|jwt|credent"
)
NAMES = [
    *("id", "paid", "totalAmount", "updatedAt", "state", "lines", "mainLine", "labels"),
    *("amount", "count", "extra", "total_amount"),
]
ANY_NAME = st.sampled_from(NAMES) | st.text().filter(lambda name: not CREDENTIAL.search(name))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([Decimal("0.1"), Decimal("1E+999999999"), Decimal("-1E-999999")])
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(ANY_NAME, inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(ANY_NAME, JSON)


@given(OBJECTS)
def test_any_object_can_be_decoded(value: dict[str, Any]) -> None:
    """Whatever the service sends, an object becomes a model and no value is lost."""
    thing = decode(Thing, value)
    assert isinstance(thing, Thing)
    for name, member in value.items():
        if name not in NAMES or name in ("amount", "count", "extra", "total_amount"):
            assert thing.extra[name] == member


LINES = st.builds(
    Line,
    amount=st.none() | st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    count=st.none() | st.integers(),
    extra=st.dictionaries(st.sampled_from(["x", "y"]), st.integers()),
)
THINGS = st.builds(
    Thing,
    id=st.none() | st.text(),
    paid=st.none() | st.booleans(),
    total_amount=st.none() | st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    updated_at=st.none()
    | st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
    status=st.none() | st.text(),
    lines=st.lists(LINES, max_size=3).map(tuple),
    main_line=st.none() | LINES,
    labels=st.none() | st.dictionaries(st.text(), st.integers(), min_size=1),
    extra=st.dictionaries(st.sampled_from(["x", "y"]), st.integers()),
)


@given(THINGS)
def test_round_trip(thing: Thing) -> None:
    """A model that is encoded, sent and decoded is the same model."""
    assert decode(Thing, loads(dumps(encode(thing)).encode())) == thing


def test_encoding_leaves_out_what_is_not_there() -> None:
    """None and empty collections are not sent; false and zero are."""
    assert encode(Thing(paid=False, total_amount=Decimal(0))) == {
        "paid": False,
        "totalAmount": Decimal(0),
    }


def test_extra_is_kept_as_it_came_and_not_shown() -> None:
    """What the model does not know is data too; ``repr`` leaves it out."""
    value = {"webhookSecret": "x-5ecre7", "in": [{"url": "https://a/?sig=1"}], "token": None}
    thing = decode(Thing, value)
    assert thing.extra == value
    assert "5ecre7" not in repr(thing)
