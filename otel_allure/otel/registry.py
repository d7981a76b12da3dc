"""What takes spans to reports in this process: found by directory, told of forks."""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path
from typing import Any, Protocol

from otel_allure.compat.standard_library import at_exit_of_child
from otel_allure.output.report import Report


class Writer(Protocol):
    """Takes spans to a report."""

    @property
    def report(self) -> Report:
        """Where they go."""

    def after_fork(self) -> None:
        """Leave to the parent process what is the parent's."""

    def flush_at_exit(self) -> None:
        """Write everything: the process ends."""


_writers: weakref.WeakSet[Any] = weakref.WeakSet()


def register(writer: Writer) -> None:
    """Have a writer found by `report_in` and told of forks, as long as somebody holds it."""
    _writers.add(writer)


def report_in(directory: Path) -> Report | None:
    """Return the report that is written there by this process, if there is one."""
    reports = [writer.report for writer in list(_writers)]
    found = [report for report in reports if report.directory.path == directory]
    return min(found, key=lambda report: report.closed, default=None)


def _after_fork_in_child() -> None:
    """Leave to the parent process what is the parent's, and write the child's at its exit."""
    for writer in list(_writers):
        writer.after_fork()
        if "multiprocessing.util" in sys.modules:
            at_exit_of_child(writer, type(writer).flush_at_exit)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
