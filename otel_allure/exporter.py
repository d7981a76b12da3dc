"""OpenTelemetry's edges: an exporter and a processor that turn spans into Allure results.

Both are thin: guard, convert, hand over to a `Report`.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, get_tracer_provider

from otel_allure import __version__, compat, settings, spans
from otel_allure import recorder as recorders
from otel_allure.adoption import Adopted
from otel_allure.clock import lead_ns, now_ns
from otel_allure.compat.opentelemetry import processors_of, sdk_clock
from otel_allure.compat.standard_library import at_exit_of_child
from otel_allure.conventions import DEFAULT_RESULTS_DIR, RESULTS_DIR
from otel_allure.from_sdk import from_sdk
from otel_allure.processes import join_parent
from otel_allure.report import Report

LOGS_OUTSIDE = "Logs outside of traces"


def results_dir_from_environment() -> str:
    """Return where results go when nobody says so: the variable's value, or its default."""
    return os.environ.get(RESULTS_DIR) or DEFAULT_RESULTS_DIR


def _report(results_dir: str | os.PathLike[str] | None, options: dict[str, Any]) -> Report:
    """Return a report by the options given, else by the environment.

    A wrong setting is logged and has its default: it must not end a program's telemetry.
    """
    given = {name: (name, value) for name, value in options.items()}
    found, wrong = settings.read(given, settings.from_environment(os.environ))
    report = Report(results_dir or results_dir_from_environment(), settings=found)
    if wrong:
        report.problems.add("reading the settings", "; ".join(wrong))
    return report


class _OwnReport:
    """The report of an exporter or processor, until that is shut down or thrown away.

    Meanwhile `allure.step` and the rest of `import allure` take part in it.
    """

    def __init__(
        self,
        owner: AllureSpanExporter | AllureSpanProcessor,
        results_dir: str | os.PathLike[str] | None,
        options: dict[str, Any],
    ) -> None:
        self.report = _report(results_dir, options)
        recorder = self._recorder = recorders.Recorder(self.report)
        recorders.activate(recorder)
        join_parent(recorder)
        weakref.finalize(owner, recorders.deactivate, recorder).atexit = False

    @property
    def results_written(self) -> int:
        return self.report.directory.results_written

    def close(self, unfinished: Iterable[spans.Span] = ()) -> None:
        """Write what is left, with what belongs to no span and to no trace."""
        report = self.report
        report.closed = True
        with report.problems.caught("flushing"):
            report.settle(unfinished)
        compat.tell(report.problems.first, report.problems.add)
        self._recorder.write_logs_outside(LOGS_OUTSIDE)
        if self.results_written:
            report.write_about_run({"otel-allure": __version__})
        recorders.deactivate(self._recorder)


class AllureSpanExporter(SpanExporter):
    """Writes an Allure result for every finished trace.

    It works under `BatchSpanProcessor` and `SimpleSpanProcessor` and from several threads. While a
    pytest run of this process writes its own report, that has these spans already, and the
    exporter stands aside. Until it is shut down, `import allure` takes part in its report. Making
    one touches no files: the directory is made with the first.

    Args:
        results_dir: where the files go. Default: the environment variable
            `OTEL_EXPORTER_ALLURE_RESULTS_DIR`, else `allure-results`.
        **options: settings by name, `max_steps=100` for example, which a declarative configuration
            can give too. Default: those of the environment. One that is unknown or wrong is logged.
    """

    def __init__(self, results_dir: str | os.PathLike[str] | None = None, **options: Any) -> None:
        self._own = _OwnReport(self, results_dir, options)
        self._report = self._own.report
        self._stopped = False
        self._process_start_ns = 0
        _live.add(self)

    @property
    def results_written(self) -> int:
        """Number of results in the directory that this exporter wrote."""
        return self._own.results_written

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take ended spans in; results of traces that are finished are written at once."""
        if self._stopped:
            return SpanExportResult.FAILURE
        with self._report.problems.caught("exporting spans"):
            self._report.add([span for span in map(from_sdk, spans) if self._is_ours(span)])
            if self._stopped:  # `shutdown` came in between, from another thread
                self._report.settle()
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known, finished or not."""
        with self._report.problems.caught("flushing"):
            self._report.settle()
        return True

    def shutdown(self) -> None:
        """Write what is left, once."""
        if not self._stopped:
            self._stopped = True
            self._own.close()

    def _is_ours(self, span: spans.Span) -> bool:
        """Whether nobody else writes this span.

        One that was open at a fork ends in both processes: it is the parent's.
        """
        start_ns = span.start_ns
        return start_ns >= self._process_start_ns and not recorders.belongs_to_session(start_ns)

    def _after_fork(self) -> None:
        self._process_start_ns = _earliest_now()
        self._report.forget()

    def _flush_at_exit(self) -> None:
        """Take what a batch processor still has, and write all of it."""
        for processor in processors_of(get_tracer_provider()):
            if getattr(processor, "span_exporter", None) is self:
                processor.force_flush()
        self.force_flush()


def report_in(directory: Path) -> Report | None:
    """Return the report that an exporter or processor of this process writes there, if any."""
    reports = [
        each._report if isinstance(each, AllureSpanExporter) else each.report
        for each in list(_live)
    ]
    found = [report for report in reports if report.directory.path == directory]
    return min(found, key=lambda report: report.closed, default=None)


# -- forks

_live: weakref.WeakSet[AllureSpanExporter | AllureSpanProcessor] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """Leave to the parent process what is the parent's, and write the child's at its exit."""
    for each in list(_live):
        each._after_fork()
        if "multiprocessing.util" in sys.modules:
            at_exit_of_child(each, type(each)._flush_at_exit)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class _Open(NamedTuple):
    """A span that has started and not ended.

    Attributes:
        span: the span.
        lead_ns: how far our clock was ahead of the SDK's when it started.
        adopted: where the report shows it, if not in its own trace.
    """

    span: ReadableSpan
    lead_ns: int
    adopted: Adopted | None

    def record(self, ended: ReadableSpan | None = None) -> spans.Span:
        """Return it as plain data, and as it has `ended`, if it has."""
        end_lead_ns = 0 if ended is None else _lead(ended.end_time)
        record = from_sdk(ended or self.span, (self.lead_ns, end_lead_ns))
        return record if self.adopted is None else self.adopted.applied(record)


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

    def __init__(
        self,
        results_dir: str | os.PathLike[str] | None = None,
        *,
        report: Report | None = None,
        **options: Any,
    ) -> None:
        self._own = None if report is not None else _OwnReport(self, results_dir, options)
        self.report: Report = report or self._own.report  # type: ignore[union-attr]
        self._open: dict[int, _Open] = {}
        self._ended: deque[int] = deque(maxlen=_ECHOES)
        self._since_ns = 0 if report is None else _earliest_now()
        _live.add(self)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the span as open. Errors here would surface in the code under test."""
        session = self._session()
        if session is not None:
            session.on_start(span, parent_context)
            return
        with self.report.problems.caught("noting a span's start"):
            context = span.context
            if context is not None and context.span_id not in self._open:
                adopted = recorders.adopted(context, span.parent, parent_context)
                started = _Open(span, _lead(span.start_time), adopted)
                self._open[context.span_id] = started
                trace_id = context.trace_id if adopted is None else adopted.trace_id
                self.report.started(trace_id, context.span_id)
                if self.report.redirect is not None:  # this may be all that gets to be known of it
                    self.report.redirect([started.record()])

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span over."""
        with self.report.problems.caught("taking a span"):
            context = span.context
            if context is None:
                return
            started = self._open.get(context.span_id)
            if started is None:
                session = self._session()
                if session is not None:
                    session.on_end(span)
                    return
                started = self._late(span, context)
            if started is not None:
                self._ended.append(context.span_id)
                # It stays open until the report has it: another thread may be the last to look.
                self.report.add([started.record(span)])
                self._open.pop(context.span_id, None)
                if self.report.closed:
                    self.report.settle()

    def _late(self, span: ReadableSpan, context: SpanContext) -> _Open | None:
        """Return what is known of a span that had begun before this processor was added.

        None if it is none of ours: the processor was added twice, or the span is the business of
        the parent process or of a test session.
        """
        if context.span_id in list(self._ended):
            return None
        lead_ns = _lead(span.end_time)
        start_ns = (span.start_time or 0) + lead_ns
        if start_ns < self._since_ns:
            return None
        if self._own is not None and recorders.belongs_to_session(start_ns):
            return None
        return _Open(span, lead_ns, recorders.adopted(context, span.parent, None))

    def _session(self) -> AllureSpanProcessor | None:
        """Return the processor of the test session that runs, unless this is one."""
        recorder = recorders.active()
        if self._own is None or recorder is None or not recorder.is_session:
            return None
        session: AllureSpanProcessor | None = recorder.span_processor
        return session

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known; spans that have not ended are shown as unfinished.

        Within a test session that is left to it.
        """
        with self.report.problems.caught("flushing"):
            self.report.settle(self.unfinished())
        return True

    def unfinished(self) -> list[spans.Span]:
        """Return the spans that have started and not ended."""
        return [started.record() for started in list(self._open.values())]

    def _after_fork(self) -> None:
        self._since_ns = _earliest_now()
        self._open.clear()
        self.report.forget()

    def _flush_at_exit(self) -> None:
        self.force_flush()

    def shutdown(self) -> None:
        """Write what is left."""
        if self._own is not None:
            self._own.close(self.unfinished())
        else:
            self.report.closed = True
            self.force_flush()


_ECHOES = 1000
"""Spans that are remembered when they have ended: two processors of ours on one provider, in a test
session, hand the same span over twice, one right after the other."""


def _earliest_now() -> int:
    """Return the time by the SDK's clock or by ours, as spans are begun by both."""
    return min(time.time_ns(), now_ns())


def _lead(said_ns: int | None) -> int:
    """Return how far our clock is ahead of the SDK's, which said `said_ns` a moment ago."""
    # As the SDK finds it: what fakes the clock replaces it there, or in `time`, or in both.
    said_ns = said_ns if type(said_ns) is int else 0  # whoever gives a time may give anything
    return lead_ns(sdk_clock(), said_ns)
