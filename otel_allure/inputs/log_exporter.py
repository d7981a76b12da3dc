"""OpenTelemetry's edges for log records: an exporter and a processor, thin as those for spans.

Records become lines in the result of the span that emitted them, so they go to the report of the
exporter or processor for spans that writes into the same directory in this process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otel_allure.compat.opentelemetry_logs import (
    LogRecordExporter,
    LogRecordExportResult,
    LogRecordProcessor,
    ReadableLogRecord,
    ReadWriteLogRecord,
)
from otel_allure.formats.sdk import log_from_sdk
from otel_allure.inputs.own_report import LOGS_OUTSIDE, results_dir_from_environment
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.otel.registry import report_in
from otel_allure.output.report import Report
from otel_allure.recording.active import active_recorder, belongs_to_session
from otel_allure.recording.recorder import Recorder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from otel_allure.model.keywords import Options

_NO_SPANS = "nothing exports spans to {}: set OTEL_TRACES_EXPORTER=allure too"


class _ReportLink:
    """The way to the report: of the test session that runs, else of the exporter for spans."""

    def __init__(self, results_dir: str | os.PathLike[str] | None) -> None:
        self.directory = Path(results_dir or results_dir_from_environment()).absolute()
        self._diagnostics = Diagnostics()

    def report(self) -> Report | None:
        return report_in(self.directory)

    def add(self, records: Sequence[ReadableLogRecord | ReadWriteLogRecord]) -> bool:
        """Add records, and return whether there is a report for them.

        Those of a span that a sampler dropped have no place in it.
        """
        report = self.report()
        if report is None:
            self._diagnostics.add("exporting log records", _NO_SPANS.format(self.directory))
            return False
        with report.diagnostics.caught("exporting log records"):
            logs = [log_from_sdk(record) for record in records if _is_recorded(record)]
            report.add([log for log in logs if not belongs_to_session(log.time_ns)])
        return True

    def settle(self) -> bool:
        report = self.report()
        if report is not None:
            with report.diagnostics.caught("flushing"):
                report.settle()
        return True

    def finish(self) -> None:
        """Write what is left, with what belongs to no span."""
        report = self.report()
        if report is not None:
            self.settle()
            Recorder(report).write_logs_outside(LOGS_OUTSIDE)


class AllureLogRecordExporter(LogRecordExporter):
    """Adds log records to the results of the spans that emitted them.

    `OTEL_LOGS_EXPORTER=allure` beside `OTEL_TRACES_EXPORTER=allure` adds one. What was logged
    outside of all spans becomes an attachment of the run.

    Args:
        results_dir: as for `AllureSpanExporter`, whose results they are added to.
        **_options: those of `AllureSpanExporter` count.
    """

    def __init__(
        self, results_dir: str | os.PathLike[str] | None = None, **_options: Unpack[Options]
    ) -> None:
        self._way = _ReportLink(results_dir)
        self._stopped = False

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Take records in."""
        if self._stopped or not self._way.add(batch):
            return LogRecordExportResult.FAILURE
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known."""
        return self._way.settle()

    def shutdown(self) -> None:
        """Write what is left, once."""
        if not self._stopped:
            self._stopped = True
            self._way.finish()


class AllureLogRecordProcessor(LogRecordProcessor):
    """Adds log records to the results of the spans that emitted them, without a queue.

    In a test session it is needed only for a `LoggerProvider` that is never made the global one:
    `provider.add_log_record_processor(AllureLogRecordProcessor())`.

    Args:
        results_dir: as for `AllureLogRecordExporter`; in a test session, its report is meant.
    """

    def __init__(self, results_dir: str | os.PathLike[str] | None = None) -> None:
        self._way = _ReportLink(results_dir)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Hand the record over. Errors here would surface in the code under test."""
        recorder = active_recorder()
        if recorder is None or not recorder.is_session:
            self._way.add([log_record])
        elif recorder.on_log_record is not None:
            recorder.on_log_record(log_record)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known; within a test session that is left to it."""
        return self._way.settle()

    def shutdown(self) -> None:
        """Write what is left."""
        self._way.finish()


def _is_recorded(record: ReadableLogRecord | ReadWriteLogRecord) -> bool:
    flags, trace_id = record.log_record.trace_flags, record.log_record.trace_id
    return not trace_id or flags is None or flags.sampled
