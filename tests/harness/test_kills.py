"""What ./scripts/kills is worth: it finds what is wrong with designs that look right."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from attrs import evolve

from harness.children import Exporters
from harness.kills import Outcome, Plan, plan_of, trial

BASE = evolve(
    plan_of(1), kind="sync", workers=1, in_flight=1, store="SQLite", full=True, lookup="works",
    bad=0, history=0, rounds=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def exporters() -> Generator[list[Exporters]]:
    """Two forking exporters for all trials."""
    with Exporters() as one, Exporters() as other:
        yield [one, other]


def _trials(exporters: list[Exporters], plan: Plan, design: str, trials: int) -> list[Outcome]:
    """Trials of a design, until one finds something or there were enough."""
    outcomes: list[Outcome] = []
    for seed in range(1, trials + 1):
        outcomes.append(trial(evolve(plan, seed=seed), exporters, design=design))
        if not outcomes[-1].clean:
            break
    return outcomes


@pytest.mark.parametrize(
    ("design", "plan", "found"),
    [
        pytest.param("mark then post", BASE, "lost", marks=pytest.mark.long),
        pytest.param("post then mark", BASE, "twice", marks=pytest.mark.long),
        ("sends history", evolve(BASE, history=2, rounds=1), "too_old"),
        pytest.param("stop at the first error", evolve(BASE, bad=1), "lost",
                     marks=pytest.mark.long),
        pytest.param("stops at a refusal", evolve(BASE, bad=3), "lost", marks=pytest.mark.long),
        pytest.param("believes not found", evolve(BASE, lookup="lags"), "twice",
                     marks=pytest.mark.long),
        pytest.param("sends again at once", evolve(BASE, bad=3), "wrong", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_a_wrong_design_is_found(
    exporters: list[Exporters], design: str, plan: Plan, found: str
) -> None:
    """A few trials find what a wrong design loses, sends twice or sends though it is old."""
    last = _trials(exporters, plan, design, 8)[-1]
    assert getattr(last.found, found), last
    assert not last.clean


@pytest.mark.long
def test_nothing_is_found_in_a_design_that_keeps_the_rules(exporters: list[Exporters]) -> None:
    """The control: many kills of a careful design, and nothing to complain of."""
    outcomes = _trials(exporters, evolve(BASE, bad=1, history=2), "careful", 8)
    assert all(outcome.clean for outcome in outcomes), outcomes[-1].found
    assert sum(outcome.kills for outcome in outcomes) >= 20


@pytest.mark.parametrize("kind", ["sync", pytest.param("async", marks=pytest.mark.long)])
def test_two_workers_killed_over_an_empty_inbox(exporters: list[Exporters], kind: str) -> None:
    """Nothing is lost, sent twice or held when two exporters are killed at the same time."""
    outcome = trial(evolve(BASE, kind=kind, workers=2, full=False, rounds=4), exporters)
    assert outcome.clean, (outcome.found, outcome.held)
    assert outcome.kills


def test_a_seed_is_a_plan() -> None:
    """The same seed is the same trial, and seeds differ."""
    assert plan_of(7) == plan_of(7)
    plans = [plan_of(seed) for seed in range(100)]
    assert {plan.kind for plan in plans} == {"sync", "async"}
    assert {plan.store for plan in plans} == {"SQLite", "PostgreSQL"}
    assert {(plan.workers, plan.full) for plan in plans} == {
        (1, False), (1, True), (2, False), (2, True)
    }  # fmt: skip
