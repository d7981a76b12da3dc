"""Records in a child of `multiprocessing`, and sends it to the process that writes the report."""

from __future__ import annotations

from otel_allure import recorder as recorders
from otel_allure.clock import now_ns
from otel_allure.compat.standard_library import at_exit_of_child
from otel_allure.exporter import AllureSpanProcessor
from otel_allure.processes import Carrier, WayHome, begin_below, follow_processes
from otel_allure.provider import SessionProvider
from otel_allure.report import Report
from otel_allure.settings import Settings
from otel_allure.spool import Home, Spool
from otel_allure.threads import hand_over_contexts
from otel_allure.tracer import RecordingSpan, RecordingTracer


class ChildRecording:
    """What a test session has to record with, in a child of it, until the child ends.

    Args:
        home: where spans go.
        carrier: the context in which the child was started.
        settings: those of the parent's report.
        instrumentations: names of those to activate.
    """

    def __init__(
        self, home: Home, carrier: Carrier, settings: Settings, instrumentations: list[str]
    ) -> None:
        self._report = Report(home.results_dir, only_tests=True, settings=settings)
        self._tracer = RecordingTracer(self._take)
        self._processor = AllureSpanProcessor(report=self._report)
        problems = self._report.problems
        isolated = settings.otel_context == "isolated"
        provider = SessionProvider(self._tracer, self._processor, problems, isolated=isolated)
        self._recorder = recorders.Recorder(self._report, provider.tracer, is_session=True)
        self._recorder.adoptions.follow(self._tracer)
        self._recorder.span_processor = self._processor
        self._recorder.instrumentations = instrumentations
        WayHome(self._recorder, Spool(self._forked, home.spool), self._tracer)
        self._start_ns = 0

        provider.install()
        recorders.activate(self._recorder)
        begin_below(self._recorder, carrier)
        hand_over_contexts()
        follow_processes()
        if instrumentations:
            from otel_allure import instrumentation

            with problems.caught("activating instrumentations in a child process"):
                instrumentation.activate(instrumentations, problems)
        at_exit_of_child(self, ChildRecording._settle)

    def _take(self, span: RecordingSpan) -> None:
        if span.start_ns >= self._start_ns:  # else it was open at a fork: it is the parent's
            with self._report.problems.caught("taking spans"):
                self._report.add([span.record()])

    def _forked(self) -> None:
        self._start_ns = now_ns()
        self._tracer.forget()

    def _settle(self) -> None:
        self._report.settle([*self._tracer.unfinished(), *self._processor.unfinished()])
