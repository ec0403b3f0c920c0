"""Answers that are almost right: a good one, changed in one place."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "",
            "2026-13-45T99:99:99Z",
            "0000-00-00",
            "Tue, 6 Feb 2024 12:27:24 +9999",
            "9999-12-31T23:59:59-14:00",
            "\x00\x1b[31m\nforged",
            "..",
            "../../etc/passwd",
            "https://evil.example/x",
            10**400,
            -(10**30),
        ]
    )
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Any small JSON value, the awkward ones more often."""


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for name, item in value.items():
            found += _places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _places(item, (*path, index))
    return found


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """The good value with one place replaced, removed or doubled."""
    value = copy.deepcopy(good)
    path = draw(st.sampled_from(_places(value)))
    if not path:
        return draw(VALUES)
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    what = draw(st.sampled_from(["replace", "remove", "double"]))
    if what == "remove":
        del parent[path[-1]]
    elif what == "double" and isinstance(parent, list):
        parent.append(parent[path[-1]])
    else:
        parent[path[-1]] = draw(VALUES)
    return value


@st.composite
def bodies(draw: st.DrawFn, good: Any) -> bytes:
    """The bytes of an answer: changed as a value, cut, with a byte changed, or something else."""
    raw = json.dumps(draw(changed(good))).encode("utf-8", "replace")
    what = draw(st.sampled_from(["whole", "whole", "whole", "cut", "byte", "other"]))
    if what == "cut":
        return raw[: draw(st.integers(0, len(raw)))]
    if what == "byte" and raw:
        at = draw(st.integers(0, len(raw) - 1))
        return raw[:at] + draw(st.binary(min_size=1, max_size=3)) + raw[at + 1 :]
    if what == "other":
        return draw(
            st.binary(max_size=50)
            | st.sampled_from(
                [
                    b"",
                    b"<html></html>",
                    b"[" * 5000,
                    b'{"a":1,"a":2}',
                    b"\xef\xbb\xbf{}",
                    b'"\\ud800"',
                ]
            )
        )
    return raw
