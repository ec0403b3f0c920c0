"""Reading and writing JSON."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _client_kit._json import MAX_DEPTH, MAX_VALUES, JsonError, dumps, loads

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(JSON)
def test_round_trip(value: Any) -> None:
    """What is written reads back the same."""
    assert loads(dumps(value).encode()) == value


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda x: json.dumps(x).encode()[:-1]))
def test_only_our_error(body: bytes) -> None:
    """Any bytes are either read or refused with our one error."""
    with contextlib.suppress(JsonError):
        loads(body)


@given(
    st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=2), max_leaves=5), st.data()
)
def test_depth_limit_is_exact(value: list[Any], data: st.DataObject) -> None:
    """Nesting up to the limit is read, one level more is refused, whatever the shape."""

    def depth(item: Any) -> int:
        return 1 + max(map(depth, item), default=0)

    wanted = data.draw(st.integers(MAX_DEPTH - 2, MAX_DEPTH + 3))
    while depth(value) < wanted:
        value = [value, []]
    body = dumps(value).encode()
    if depth(value) <= MAX_DEPTH:
        assert loads(body) == value
    else:
        with pytest.raises(JsonError, match="nested deeper"):
            loads(body)


def test_many_brackets_that_are_not_deep() -> None:
    """A wide answer is not a deep one, and brackets in text count for nothing."""
    wide: list[object] = [{"a": []} for _ in range(500)]
    assert loads(dumps(wide).encode()) == wide
    assert loads(dumps("[" * 500).encode()) == "[" * 500


def test_numbers() -> None:
    """Whole numbers stay whole, fractions are exact, text that looks like one stays text."""
    value = loads(b'{"a": 12345678901234567890, "b": 0.1, "c": "007", "d": 1E2, "e": -0}')
    assert value["a"] == 12345678901234567890
    assert value["b"] == Decimal("0.1")
    assert str(value["b"]) == "0.1"
    assert value["c"] == "007"
    assert value["d"] == Decimal("1E2")


@pytest.mark.parametrize(
    ("number", "text"), [("121.00", "121.0"), ("0.1", "0.1"), ("-3", "-3.0"), ("1E+2", "100.0")]
)
def test_decimals_are_written_as_numbers(number: str, text: str) -> None:
    """An amount travels as a JSON number of the same value."""
    assert dumps({"amount": Decimal(number)}) == f'{{"amount":{text}}}'


@pytest.mark.parametrize("number", ["0.12345678901234567890", "1E+400", "NaN", "Infinity"])
def test_decimals_that_would_change_are_refused(number: str) -> None:
    """An amount is never rounded silently, and never written as something that is no JSON."""
    with pytest.raises(ValueError, match="number"):
        dumps([Decimal(number)])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_floats_that_are_no_numbers(value: float) -> None:
    """NaN and infinity are not written."""
    with pytest.raises(ValueError):
        dumps([value])


def test_lone_surrogates_are_replaced() -> None:
    """Text that UTF-8 cannot carry does not break a call."""
    assert dumps(["\ud800x", "é", "\U0001f600"]) == '["\ufffdx","é","\U0001f600"]'


def test_unknown_types_are_refused() -> None:
    """A value JSON does not know is named by its type only."""
    with pytest.raises(TypeError, match="set cannot be written"):
        dumps({"a": {1}})


@pytest.mark.parametrize(
    "unit",
    [
        b"0",
        pytest.param(b"{}", marks=pytest.mark.long),
        pytest.param(b"[]", marks=pytest.mark.long),
    ],
)
def test_values_are_counted(unit: bytes) -> None:
    """A million values are read, not more: each takes many times its bytes."""
    many = MAX_VALUES // 2 - 1
    assert len(loads(b"[" + b",".join([unit] * many) + b"]")) == many
    with pytest.raises(JsonError, match="more than 1,000,000 values"):
        loads(b"[" + b",".join([unit] * (MAX_VALUES + 1)) + b"]")
