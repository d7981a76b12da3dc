"""What led to the failure of a test, below pytest's message of it: `--allure-otel-tree=failed`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_allure.output.failing_path import failing_path
from otel_allure.output.text_tree import Look, listed, tree_of

_TITLE = "Allure steps"


def show_trees(config: pytest.Config, failed: Mapping[str, list[str]], directory: Path) -> None:
    """Add the trees of failed tests to pytest's reports of them, before these are printed.

    Args:
        config: of pytest.
        failed: by the ids of tests, the files of their results and of their fixtures.
        directory: of the results.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    terminal = config.get_terminal_writer()
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    look = Look(terminal.hasmarkup, terminal.fullwidth, encoding)
    # Of several reports of a test the first phase has one; the last in it is about all subtests.
    last = {report.nodeid: report for report in _reports(reporter)}
    for nodeid, report in last.items():
        result, *containers = (_read(directory / name) for name in failed.get(nodeid, [""]))
        if result:
            fixtures = {
                key: [fixture for container in containers for fixture in listed(container, key)]
                for key in ("befores", "afters")
            }
            lines = list(tree_of(failing_path({**result, **fixtures})))
            if len(lines) > 1:  # the test alone says nothing that pytest has not said
                _add(report, look.lines(lines))


def _read(path: Path) -> dict[str, Any]:
    """Return what is in a file; it may be none: fixtures that have shown nothing have none."""
    if not path.is_file():
        return {}
    read: dict[str, Any] = json.loads(path.read_bytes())
    return read


def _reports(reporter: pytest.TerminalReporter) -> Iterable[pytest.TestReport]:
    for outcome in ("error", "failed"):
        for report in reporter.stats.get(outcome, ()):
            if isinstance(report, pytest.TestReport):
                yield report


def _add(report: pytest.TestReport, text: str) -> None:
    add = getattr(report.longrepr, "addsection", None)
    if add is None:
        report.sections.append((_TITLE, text))
    else:
        add(_TITLE, text)
