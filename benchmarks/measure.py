"""One measured figure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

from attrs import asdict, frozen


@frozen(kw_only=True)
class Measure:
    """A figure with what it is held against.

    Attributes:
        measure: What was measured.
        value: The median over the rounds.
        unit: Its unit.
        baseline: The same of the baseline, where there is one.
        ratio: Value over baseline, within the same run: the median of the rounds' ratios.
        budget: What ratio (or value, where there is no baseline) is to be held.
        met: Whether it is; None without a budget.
        spread: Lowest and highest of what the budget is about.
    """

    measure: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    budget: str | None = None
    met: bool | None = None
    spread: tuple[float, float] | None = None

    def json(self) -> str:
        """One line of JSON."""
        return json.dumps({name: _rounded(value) for name, value in asdict(self).items()})

    def line(self) -> str:
        """One line of a table."""
        ratio = "" if self.ratio is None else f"{self.ratio:7.2f}"
        met = {None: "", True: "met", False: "MISSED"}[self.met]
        spread = "" if self.spread is None else f"{self.spread[0]:.2f}-{self.spread[1]:.2f}"
        value = f"{self.value:,.2f}" if abs(self.value) < 1000 else f"{self.value:,.0f}"
        return (
            f"{self.measure:<52} {value:>10} {self.unit:<12} {ratio:>7} {spread:>12} "
            f"{self.budget or '':>10} {met}"
        )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return [_rounded(item) for item in value] if isinstance(value, tuple) else value


def compared(
    name: str,
    ours: Sequence[float],
    bare: Sequence[float],
    *,
    unit: str,
    budget: float | None = None,
    at_most: bool = False,
) -> Measure:
    """A figure held against a baseline measured in the same rounds."""
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    ratio = statistics.median(ratios)
    met = None
    if budget is not None:
        met = ratio <= budget if at_most else ratio >= budget
    return Measure(
        measure=name,
        value=statistics.median(ours),
        unit=unit,
        baseline=statistics.median(bare),
        ratio=ratio,
        budget=None if budget is None else f"{'<=' if at_most else '>='} {budget:g}",
        met=met,
        spread=(min(ratios), max(ratios)),
    )


def absolute(
    name: str, values: Sequence[float], *, unit: str, at_most: float | None = None
) -> Measure:
    """A figure held against a number."""
    value = statistics.median(values)
    return Measure(
        measure=name,
        value=value,
        unit=unit,
        budget=None if at_most is None else f"<= {at_most:g}",
        met=None if at_most is None else value <= at_most,
        spread=(min(values), max(values)),
    )
