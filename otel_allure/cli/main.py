"""The command `otel-allure`: run a program so that its traces become results, look at results."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from otel_allure import __version__
from otel_allure.cli.run import run_program
from otel_allure.cli.tree import print_tree
from otel_allure.model.conventions import DEFAULT_RESULTS_DIR, RESULTS_DIR


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(argv)
    code: int = options.command(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="otel-allure", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run a program with all installed instrumentations; each trace becomes a result",
        description="Run a program under opentelemetry-instrument, with its traces exported to"
        " Allure results, beside the exporters that OTEL_TRACES_EXPORTER names. Metrics and logs"
        " are not exported unless OTEL_METRICS_EXPORTER or OTEL_LOGS_EXPORTER say so, since their"
        " default exporters need packages that may not be there.",
    )
    run.add_argument(
        "--results-dir",
        metavar="DIR",
        default=os.environ.get(RESULTS_DIR) or DEFAULT_RESULTS_DIR,
        help=f"where results go (default: ${RESULTS_DIR}, else allure-results)",
    )
    run.add_argument("program", nargs=argparse.REMAINDER, help="the program and its arguments")
    run.set_defaults(command=run_program)

    tree = commands.add_parser("tree", help="print results as trees of steps")
    tree.add_argument("directory", nargs="?", default=DEFAULT_RESULTS_DIR, type=Path)
    tree.add_argument("--test", metavar="NAME", help="only results whose name contains this")
    tree.set_defaults(command=print_tree)
    return parser


# -- tree


if __name__ == "__main__":
    sys.exit(main())
