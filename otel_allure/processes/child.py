"""Records in a child of `multiprocessing`, and sends it to the process that writes the report."""

from __future__ import annotations

from otel_allure.compat.standard_library import at_exit_of_child
from otel_allure.model.clock import now_ns
from otel_allure.model.settings import Settings
from otel_allure.otel.session import Session
from otel_allure.output.spool import ParentReport, Spool
from otel_allure.processes.parent_link import ParentLink
from otel_allure.processes.propagation import Carrier, begin_below
from otel_allure.recording.tracer import RecordingSpan


class ChildRecording:
    """What a test session has to record with, in a child of it, until the child ends.

    Args:
        home: where spans go.
        carrier: the context in which the child was started.
        settings: those of the parent's report.
        instrumentations: names of those to activate.
    """

    def __init__(
        self, home: ParentReport, carrier: Carrier, settings: Settings, instrumentations: list[str]
    ) -> None:
        session = self._session = Session(home.results_dir, settings, self._take)
        session.recorder.instrumentations = instrumentations
        ParentLink(session.recorder, Spool(self._forked, home), session.tracer)
        self._start_ns = 0

        session.start()
        begin_below(session.recorder, carrier)
        if instrumentations:
            from otel_allure.otel import instrumentation

            diagnostics = session.diagnostics
            with diagnostics.caught("activating instrumentations in a child process"):
                instrumentation.activate(instrumentations, diagnostics)
        at_exit_of_child(self, ChildRecording._settle)

    def _take(self, span: RecordingSpan) -> None:
        if span.start_ns >= self._start_ns:  # else it was open at a fork: it is the parent's
            with self._session.diagnostics.caught("taking spans"):
                self._session.report.add([span.record()])

    def _forked(self) -> None:
        self._start_ns = now_ns()
        self._session.tracer.forget()

    def _settle(self) -> None:
        self._session.report.settle(self._session.unfinished())
