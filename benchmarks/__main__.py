"""Measures rows, all or those named; `--write` puts them into the documentation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from benchmarks.processes import Cost, Run, costs
from benchmarks.rows import ROWS
from benchmarks.table import PAGE, line, updated


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
        if options.write:
            PAGE.write_text(updated(PAGE.read_text("utf-8"), row, measured), "utf-8")


if __name__ == "__main__":
    main()
