"""Cases of parametrized tests, all but a few of which are marked long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import cycle, product
from typing import Any

import pytest

__all__ = ["QUICK_RULES", "matrix", "thinned"]

QUICK_RULES = (
    "what-was-committed-reads-back-exactly",
    "a-commit-that-fails-writes-nothing",
    "a-superseded-lease-writes-nothing",
    "of-many-at-once-one-gets-the-lease",
)
"""The rules that every store we ship is held to each time, whatever else it is tested by."""


def matrix(values: Sequence[Any], *others: Sequence[Any]) -> list[Any]:
    """Each value with each combination of the others; all but one for each value are long."""
    combinations = list(product(*others))
    cases: list[Any] = []
    for one, quick in zip(values, cycle(combinations), strict=False):
        inner = getattr(one, "values", (one,))
        name = getattr(one, "id", None) or "-".join(map(str, inner))
        cases += [
            pytest.param(
                *inner,
                *rest,
                id="-".join((name, *map(str, rest))),
                marks=getattr(one, "marks", ()) if rest == quick else pytest.mark.long,
            )
            for rest in combinations
        ]
    return cases


def thinned(test: Callable[..., None], quick: Collection[str]) -> Callable[..., None]:
    """A conformance test of which only the rules of these names are not long."""
    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    rules = dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))
    assert set(quick) <= set(rules)
    cases = [
        pytest.param(rule, id=name, marks=() if name in quick else pytest.mark.long)
        for name, rule in rules.items()
    ]
    test.pytestmark = []  # type: ignore[attr-defined]
    thinner: Callable[..., None] = pytest.mark.parametrize("rule", cases)(test)
    return thinner
