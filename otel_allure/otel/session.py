"""All that belongs to a run: made in one place, started in order, undone in the reverse order."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span
from otel_allure.otel.collector import SpanCollector, earliest_now_ns
from otel_allure.otel.session_provider import SessionProvider
from otel_allure.output.report import Report
from otel_allure.recording.activation import activate, deactivate
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.threads import hand_over_contexts
from otel_allure.recording.tracer import RecordingSpan, RecordingTracer
from otel_allure.recording.variables import follow_variables


class Session:
    """What a run is recorded with, in the process of its tests or in a child of it.

    Args:
        results_dir: where the report is.
        settings: of the report.
        take: given each span of ours when it has ended.

    Attributes:
        isolated: whether tests run in isolation where they do not say so themselves.
    """

    def __init__(
        self,
        results_dir: str | os.PathLike[str],
        settings: Settings,
        take: Callable[[RecordingSpan], None],
    ) -> None:
        self.tracer = RecordingTracer(take)
        self.report = Report(
            results_dir, only_tests=True, busy=self.tracer.open_traces, settings=settings
        )
        self.diagnostics = self.report.diagnostics
        self.collector = SpanCollector(self.report, earliest_now_ns())
        self.isolated = settings.otel_context == "isolated"
        self.provider = SessionProvider(
            self.tracer, self.collector, self.diagnostics, isolated=self.isolated
        )
        self.recorder = Recorder(self.report, self.provider.tracer, is_session=True)
        self.recorder.adoptions.follow(self.tracer)
        self.recorder.span_processor = self.collector
        self._undo = ExitStack()

    def start(self) -> None:
        """Begin to record."""
        self.provider.install()
        self.when_over(self.provider.uninstall)
        activate(self.recorder)
        self.when_over(lambda: deactivate(self.recorder))
        self.when_over(hand_over_contexts())
        self.when_over(follow_variables(self.report.learn_variable, self.diagnostics))

    def when_over(self, undo: Callable[[], object]) -> None:
        """Have `undo` called when the session is over: the last to come is the first to go.

        One that fails is noted, and keeps nothing else from being undone.
        """

        def attempt() -> None:
            with self.diagnostics.caught("putting everything back"):
                undo()

        self._undo.callback(attempt)

    def stop(self) -> None:
        """Undo everything."""
        self._undo.close()

    def unfinished(self) -> list[Span]:
        """Return the spans that have started and not ended, with what they were told so far."""
        return [*self.tracer.unfinished(), *self.collector.unfinished()]
