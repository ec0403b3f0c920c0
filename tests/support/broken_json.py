"""JSON answers with something wrong in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

_RAW = "raw-json:"
_DEEP = "[" * 5000 + "]" * 5000
RAW = [
    "1" * 5000,
    "-" + "9" * 400,
    "1e400",
    "1e99999999999999999999",
    "-0.0",
    "NaN",
    "Infinity",
    r'"\ud800"',
    r'{"\udfff": "\ud83d"}',
    r'"\u0000\u001b[31m\n"',
    _DEEP,
    '{"a":' * 200 + "1" + "}" * 200,
    '{"a": 1, "a": 2}',
    "",
]
"""Texts that stand where a value should: too long, too deep, not Unicode, not JSON."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["2026-13-45", "2026-02-30T25:00", "0001-01-01T00:00:00+14:00", "NaN", "1e9"]),
    st.sampled_from(RAW).map(lambda text: _RAW + text),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)

Step = tuple[str, str | int]


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _places(item, (*path, index))
    return found


def _put(value: Any, path: Sequence[str | int], change: Callable[[Any, str | int], None]) -> Any:
    """A copy with the place at the path's end changed; the empty path is wrapped for that."""
    whole = {"": deepcopy(value)}
    place: Any = whole
    for step in ("", *path)[:-1]:
        place = place[step]
    change(place, ("", *path)[-1])
    return whole.get("")


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> bytes:
    """The value with one to three places missing, replaced or added to, as JSON or nearly so."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(value)))
        new = draw(values)
        kind = draw(st.sampled_from(["replace", "replace", "drop", "add"]))

        def change(place: Any, key: Any, kind: str = kind, new: Any = new) -> None:
            if kind == "drop":
                del place[key]
            elif kind == "add" and isinstance(place[key], dict):
                place[key]["unknownMember"] = new
            elif kind == "add" and isinstance(place[key], list):
                place[key].append(new)
            else:
                place[key] = new

        value = _put(value, path, change)
    text = json.dumps(value)
    for raw in RAW:
        text = text.replace(json.dumps(_RAW + raw), raw)
    return text.encode()
