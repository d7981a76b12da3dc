"""The report that a program writes without pytest: that of its exporter or processor."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from typing import Any

from otel_allure import __version__, compat
from otel_allure.model import settings, spans
from otel_allure.model.conventions import DEFAULT_RESULTS_DIR, RESULTS_DIR
from otel_allure.output.report import Report
from otel_allure.processes.environment import join_parent
from otel_allure.recording.activation import activate, deactivate
from otel_allure.recording.recorder import Recorder

LOGS_OUTSIDE = "Logs outside of traces"


def results_dir_from_environment() -> str:
    """Return where results go when nobody says so: the variable's value, or its default."""
    return os.environ.get(RESULTS_DIR) or DEFAULT_RESULTS_DIR


class OwnReport:
    """The report of an exporter or processor, until that is shut down or thrown away.

    Meanwhile `allure.step` and the rest of `import allure` take part in it. Settings are the
    options given, else those of the environment; a wrong one is logged and has its default: it
    must not end a program's telemetry.

    Args:
        owner: the exporter or processor.
        results_dir: where the files go. Default: what the environment says.
        options: settings by name.
    """

    def __init__(
        self, owner: object, results_dir: str | os.PathLike[str] | None, options: dict[str, Any]
    ) -> None:
        given = {name: (name, value) for name, value in options.items()}
        found, wrong = settings.read(given, settings.from_environment(os.environ))
        self.report = Report(results_dir or results_dir_from_environment(), settings=found)
        if wrong:
            self.report.diagnostics.add("reading the settings", "; ".join(wrong))
        self._recorder = Recorder(self.report)
        activate(self._recorder)
        join_parent(self._recorder)
        weakref.finalize(owner, deactivate, self._recorder).atexit = False

    @property
    def results_written(self) -> int:
        """Number of results in the directory that it has written."""
        return self.report.directory.results_written

    def close(self, unfinished: Iterable[spans.Span] = ()) -> None:
        """Write what is left, with what belongs to no span and to no trace."""
        report = self.report
        report.closed = True
        with report.diagnostics.caught("flushing"):
            report.settle(unfinished)
        compat.tell(report.diagnostics.first, report.diagnostics.add)
        self._recorder.write_logs_outside(LOGS_OUTSIDE)
        if self.results_written or report.services:
            report.write_run_files({"otel-allure": __version__})
        deactivate(self._recorder)
