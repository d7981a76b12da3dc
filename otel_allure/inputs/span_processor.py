"""The span processor: thin, around a `SpanCollector`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_allure.inputs.journal import Journal, journal_of
from otel_allure.inputs.own_report import OwnReport
from otel_allure.model import spans
from otel_allure.otel.collector import SpanCollector, earliest_now_ns
from otel_allure.output.report import Report
from otel_allure.recording.active import active_recorder, belongs_to_session

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from otel_allure.model.keywords import Options


class AllureSpanProcessor(SpanProcessor):
    """Hands spans to a report as they end, without a queue that could drop them.

    It sees spans start, so it also knows what has not ended. For a provider of your own:
    `provider.add_span_processor(AllureSpanProcessor())`. What begins while a pytest run of this
    process writes a report goes there.

    Args:
        results_dir: as for `AllureSpanExporter`; in a test session, its report is meant.
        report: where the spans go in any case.
        **options: as for `AllureSpanExporter`.
    """

    leads_to_a_report = True
    """By which session providers know it: our own spans are in the report already."""

    def __init__(
        self,
        results_dir: str | os.PathLike[str] | None = None,
        *,
        report: Report | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._own: OwnReport | None = None
        self._journal: Journal | None = None
        if report is None:
            self._own = OwnReport(self, results_dir, {**options})
            self._collector = SpanCollector(self._own.report)
            self._journal = journal_of(self._own.report, self._is_ours, only_sampled=False)
        else:
            self._collector = SpanCollector(report, earliest_now_ns())

    @property
    def report(self) -> Report:
        """Where the spans go outside of test sessions."""
        return self._collector.report

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the span as open."""
        if self._journal is not None:
            self._journal.on_start(span)
        (self._session() or self._collector).on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span over."""
        collector = self._collector
        if self._own is not None and not collector.has(span):
            session = self._session()
            if session is None and belongs_to_session(collector.started_ns(span)):
                return
            collector = session or collector
        if self._journal is not None:
            self._journal.on_end(span)
        collector.on_end(span)
        if self._journal is not None and span.context is not None:
            self._journal.taken([(span.context.trace_id, span.context.span_id)])

    @staticmethod
    def _is_ours(span: spans.Span) -> bool:
        return not belongs_to_session(span.start_ns)

    def _session(self) -> SpanCollector | None:
        """Return what collects spans in the test session that runs, if one does."""
        recorder = active_recorder()
        if self._own is None or recorder is None or not recorder.is_session:
            return None
        session: SpanCollector | None = recorder.span_processor
        return session

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known; spans that have not ended are shown as unfinished.

        Within a test session that is left to it.
        """
        return self._collector.force_flush()

    def shutdown(self) -> None:
        """Write what is left."""
        if self._own is not None:
            self._own.close(self._collector.unfinished())
            if self._journal is not None:
                self._journal.end()
        else:
            self._collector.shutdown()
