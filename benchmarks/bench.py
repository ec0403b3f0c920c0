"""Prints every figure: ``./scripts/bench [--json] [--quick] [--only WORD]``."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator

import calls
import floor
import footprint
import throughput
from measure import Measure
from service import Service


def measures(*, quick: bool, runtime: str) -> Iterator[tuple[str, Iterator[Measure]]]:
    """Every group of figures by name."""
    rounds, pairs = (1, 2) if quick else (5, 10)
    with Service() as service:
        yield "calls", calls.measures(rounds)
        yield "tokens", footprint.tokens(service)
        yield "connections", footprint.connections(service, rounds)
        yield "process", footprint.process(service, pairs, runtime)
        yield "nothing", footprint.nothing_new(service, rounds, 10_000 if quick else 1_000_000)
        yield "memory", footprint.memory(service, 100, 200 if quick else 10_000)
        yield "floor", floor.measures(rounds)
        yield "export", throughput.measures(service, pairs)


def main() -> int:
    """Print the figures. Returns 1 when a budget was missed."""
    parser = argparse.ArgumentParser(description="Measure the library against bare httpx.")
    parser.add_argument("--json", action="store_true", help="one JSON object per line and figure")
    parser.add_argument("--quick", action="store_true", help="one round, smaller numbers")
    parser.add_argument("--only", metavar="WORD", help="only groups with this word in their name")
    parser.add_argument(
        "--runtime",
        metavar="PYTHON",
        default=sys.executable,
        help="of an environment with the runtime dependencies alone, for the import's time",
    )
    options = parser.parse_args()
    if not options.json:
        print(f"Python {platform.python_version()} on {platform.machine()}, {platform.system()}")
        header = (
            f"{'measure':<52} {'value':>10} {'unit':<12} {'ratio':>7} {'spread':>12} {'budget':>10}"
        )
        print(header, "-" * len(header), sep="\n")
    missed = 0
    for name, group in measures(quick=options.quick, runtime=options.runtime):
        if options.only and options.only not in name:
            continue
        for measure in group:
            missed += measure.met is False
            print(measure.json() if options.json else measure.line(), flush=True)
    if not options.json:
        print(f"\n{missed} budgets missed" if missed else "\nevery budget met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
