"""Measures rows, all or those named; `--write` puts them into the documentation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from benchmarks.processes import OURS, Cost, Run, costs
from benchmarks.rows import ROWS, Large, Linear, Marginal, Row
from benchmarks.table import PAGE, line, misses, updated


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5, help="the least counts (default: 5)")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    options = parser.parse_args()
    if unknown := set(options.rows) - {*names}:
        parser.error(f"no such row: {', '.join(unknown)}")

    def measure(runs: Iterable[Run]) -> dict[Run, Cost]:
        return costs(runs, options.rounds)

    for row in ROWS:
        if options.rows and row.name not in options.rows:
            continue
        try:
            measured = line(row, row.figures(measure))
        except RuntimeError as error:
            print(f"{row.name}: {error}", file=sys.stderr)
            continue
        print(measured, flush=True)
        profile = profile_of(row) if misses(measured) else ""
        if profile:
            print(f"  {profile}", flush=True)
        if options.write:
            PAGE.write_text(updated(PAGE.read_text("utf-8"), row, measured, profile), "utf-8")


def profile_of(row: Row) -> str:
    """Return where our time goes in what a row measures; what is done once has no profile."""
    if not isinstance(row.figures, Marginal | Large | Linear):
        return ""
    from benchmarks.profiles import shares, text

    return text(shares(Run(row.figures.work, OURS, min(row.figures.size, MOST_PROFILED))))


MOST_PROFILED = 20_000

if __name__ == "__main__":
    main()
