"""`otel-allure tree`."""

from __future__ import annotations

import argparse
import json
import sys

from otel_allure.cli.result_files import read_results
from otel_allure.output.text_tree import tree_lines


def print_tree(options: argparse.Namespace) -> int:
    """Print results as trees; return the exit code."""
    shown: list[tuple[int, str, list[str]]] = []
    wrong = 0
    for path in sorted(read_results(options.directory)):
        try:
            result = json.loads(path.read_bytes())
            name = str(result.get("name"))
            if not options.test or options.test in name:
                shown.append((int(result.get("start") or 0), name, list(tree_lines(result))))
        except Exception as error:  # it is being written, or was not written by us
            wrong += 1
            print(f"otel-allure tree: {path} cannot be read: {error}", file=sys.stderr)
    for _, _, lines in sorted(shown):
        print("\n".join(lines))
    if not shown and not wrong:
        print(f"otel-allure tree: no such results in {options.directory}", file=sys.stderr)
    return 0 if shown and not wrong else 1
