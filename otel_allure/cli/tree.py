"""`otel-allure tree`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TextIO

from otel_allure.cli.result_files import FileContent, Files, check_results
from otel_allure.output.tally import STATUSES, counts_of, described, number_of_tests
from otel_allure.output.text_tree import Look, listed, tree_of


def print_tree(options: argparse.Namespace) -> int:
    """Print results as trees, failed ones first; return the exit code."""
    check_results(options.directory)
    files = Files(options.directory)
    results = dict(files.read("*-result.json"))
    if options.fixtures:
        _add_fixtures(results.values(), (content for _, content in files.read("*-container.json")))
    _number_attempts(results.values())
    look = look_of(sys.stdout, options.color, options.width)
    printed = []
    for path in sorted(results, key=lambda path: _place(results[path])):
        result = results[path]
        if not _is_wanted(result, options):
            continue
        try:
            text = look.lines(tree_of(result))
        except Exception as error:  # what is in it is not what Allure has there
            files.leave_out(path, error)
        else:
            print(text)
            printed.append(result)
    if printed:
        print(f"\n{_totals(printed, len(results))}")
    elif not files.incomplete:
        print(f"otel-allure tree: no such results in {options.directory}", file=sys.stderr)
    return 0 if printed and not files.incomplete else 1


def look_of(stream: TextIO | None, color: str, width: int | None) -> Look:
    """Return how lines look on a stream.

    Args:
        stream: what they are written to.
        color: `always`, `never` or `auto`: on a terminal, unless the environment says otherwise.
        width: number of columns, 0: no limit; None: those of a terminal, none elsewhere.
    """
    is_terminal = stream is not None and stream.isatty()
    if width is None:
        width = shutil.get_terminal_size().columns if is_terminal else 0
    colors = color == "always" or (color == "auto" and _has_colors(os.environ, is_terminal))
    return Look(colors, width, getattr(stream, "encoding", None) or "utf-8")


def _has_colors(environ: Mapping[str, str], is_terminal: bool) -> bool:
    """See https://no-color.org and https://force-color.org."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] != "0"
    if os.name == "nt" and "WT_SESSION" not in environ:
        return False  # an old console would show the codes
    return is_terminal and environ.get("TERM") != "dumb"


def _add_fixtures(results: Iterable[FileContent], containers: Iterable[FileContent]) -> None:
    users = defaultdict(list)
    for container in containers:
        for uuid in listed(container, "children"):
            users[uuid].append(container)
    for result in results:
        its = users.get(result.get("uuid"), [])
        for key in ("befores", "afters"):
            fixtures = [fixture for container in its for fixture in listed(container, key)]
            result[key] = sorted(fixtures, key=_start)


def _number_attempts(results: Iterable[FileContent]) -> None:
    """Give each of several attempts at a test its number."""
    attempts = defaultdict(list)
    for result in results:
        if history_id := result.get("historyId"):
            attempts[history_id].append(result)
    for its in attempts.values():
        for number, result in enumerate(sorted(its, key=_start) if len(its) > 1 else (), 1):
            result["name"] = f"{result.get('name')} (attempt {number} of {len(its)})"


def _is_wanted(result: FileContent, options: argparse.Namespace) -> bool:
    if options.status and result.get("status") not in options.status:
        return False
    names = (str(result.get(key)).casefold() for key in ("name", "fullName"))
    return not options.test or any(options.test.casefold() in name for name in names)


def _place(result: FileContent) -> tuple[int, int]:
    status = result.get("status")
    return STATUSES.index(status) if status in STATUSES else 0, _start(result)


def _start(item: FileContent) -> int:
    start = item.get("start")
    return start if isinstance(start, int) else 0


def _totals(printed: list[FileContent], of_all: int) -> str:
    counts = counts_of(printed)
    number = number_of_tests(counts)
    tests = f"{number} test{'' if number == 1 else 's'}"
    some = f", of {of_all} results" if len(printed) < of_all else ""
    return f"{tests}: {described(counts, STATUSES)}{some}"
