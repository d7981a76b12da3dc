"""The span exporter: thin, it guards, converts and hands over to a `Report`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import get_tracer_provider

from otel_allure.compat.opentelemetry import processors_of
from otel_allure.formats.sdk import from_sdk
from otel_allure.inputs.journal import journal_of
from otel_allure.inputs.own_report import OwnReport
from otel_allure.inputs.termination import flush_when_terminated
from otel_allure.model import spans
from otel_allure.otel.collector import earliest_now_ns
from otel_allure.otel.registry import register
from otel_allure.output.report import Report
from otel_allure.recording.active import belongs_to_session

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from otel_allure.model.keywords import Options


class AllureSpanExporter(SpanExporter):
    """Writes an Allure result for every finished trace.

    It works under `BatchSpanProcessor` and `SimpleSpanProcessor` and from several threads. While a
    pytest run of this process writes its own report, that has these spans already, and the
    exporter stands aside. Until it is shut down, `import allure` takes part in its report. Making
    one touches no files: the directory is made with the first. Where the environment asks for it,
    by `OTEL_TRACES_EXPORTER`, SIGTERM has it write what waits, unless the program has a handler.

    Args:
        results_dir: where the files go. Default: the environment variable
            `OTEL_EXPORTER_ALLURE_RESULTS_DIR`, else `allure-results`.
        **options: settings by name, `max_steps=100` for example, which a declarative configuration
            can give too. Default: those of the environment. One that is unknown or wrong is logged.
    """

    leads_to_a_report = True
    """By which session providers know it: our own spans are in the report already."""

    def __init__(
        self, results_dir: str | os.PathLike[str] | None = None, **options: Unpack[Options]
    ) -> None:
        self._own = OwnReport(self, results_dir, {**options})
        self._stopped = False
        self._process_start_ns = 0
        register(self)
        self._journal = journal_of(self.report, self._is_ours, only_sampled=True)
        provider: Any = get_tracer_provider()
        if self._journal is not None and hasattr(provider, "add_span_processor"):
            provider.add_span_processor(self._journal)
        names = os.environ.get("OTEL_TRACES_EXPORTER", "").split(",")
        if "allure" in map(str.strip, names) and not belongs_to_session(earliest_now_ns()):
            flush_when_terminated(self.flush_at_exit)

    @property
    def report(self) -> Report:
        """Where the spans go."""
        return self._own.report

    @property
    def results_written(self) -> int:
        """Number of results in the directory that this exporter wrote."""
        return self._own.results_written

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take ended spans in; results of traces that are finished are written at once."""
        if self._stopped:
            return SpanExportResult.FAILURE
        with self.report.diagnostics.caught("exporting spans"):
            ours = [span for span in map(from_sdk, spans) if self._is_ours(span)]
            self.report.add(ours)
            if self._stopped:  # `shutdown` came in between, from another thread
                self.report.settle()
            if self._journal is not None:
                self._journal.taken((span.trace_id, span.span_id) for span in ours)
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known, finished or not."""
        with self.report.diagnostics.caught("flushing"):
            self.report.settle()
        return True

    def shutdown(self) -> None:
        """Write what is left, once."""
        if not self._stopped:
            self._stopped = True
            self._own.close()
            if self._journal is not None:
                self._journal.end()

    def _is_ours(self, span: spans.Span) -> bool:
        """Whether nobody else writes this span.

        One that was open at a fork ends in both processes: it is the parent's.
        """
        start_ns = span.start_ns
        return start_ns >= self._process_start_ns and not belongs_to_session(start_ns)

    def after_fork(self) -> None:
        """Leave to the parent process what is the parent's."""
        self._process_start_ns = earliest_now_ns()
        self.report.forget()

    def flush_at_exit(self) -> None:
        """Take what a batch processor still has, and write all of it."""
        for processor in processors_of(get_tracer_provider()):
            if getattr(processor, "span_exporter", None) is self:
                processor.force_flush()
        self.force_flush()
