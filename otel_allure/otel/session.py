"""All that belongs to a run: made in one place, started in order, undone in the reverse order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span
from otel_allure.otel.collector import SpanCollector, earliest_now_ns
from otel_allure.otel.session_provider import SessionProvider
from otel_allure.output.report import Report
from otel_allure.recording.activation import activate, deactivate
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.threads import hand_over_contexts
from otel_allure.recording.tracer import RecordingSpan, RecordingTracer
from otel_allure.recording.variables import Variables


class Session:
    """What a run is recorded with, in the process of its tests or in a child of it.

    Args:
        results_dir: where the report is; None where there is none.
        settings: of the report.
        take: given each span of ours when it has ended.

    Attributes:
        isolated: whether tests run in isolation where they do not say so themselves.
    """

    def __init__(
        self,
        results_dir: str | os.PathLike[str] | None,
        settings: Settings,
        take: Callable[[RecordingSpan], None],
    ) -> None:
        self.tracer = RecordingTracer(take)
        self.report = Report(
            results_dir or os.devnull,
            only_tests=True,
            is_silent=results_dir is None,
            busy=self.tracer.open_traces,
            settings=settings,
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
        self.variables = Variables(self.report.learn_variable, self.diagnostics)
        self.recorder.before_masking = self.variables.look
        self._undo = ExitStack()

    def start(self) -> None:
        """Begin to record."""
        self.provider.install()
        self.when_over(self.provider.uninstall)
        activate(self.recorder)
        self.when_over(lambda: deactivate(self.recorder))
        self.when_over(hand_over_contexts())
        self.when_over(self.variables.follow())

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

    def spans_so_far(self, trace_id: int, ended: Iterable[RecordingSpan]) -> list[Span]:
        """Return what is known of a trace, its spans that have not ended among it.

        What ends meanwhile is in one of the places at least that are looked at, in this order.

        Args:
            trace_id: of a test that runs.
            ended: spans of ours that the report has not got yet.
        """
        known = [_so_far(span) for span in self.tracer.open_spans() if span.home == trace_id]
        known += self.collector.unfinished_of(trace_id)
        known += [span.record() for span in list(ended) if span.home == trace_id]
        known += self.report.spans_of(trace_id)
        by_id: dict[int, Span] = {}
        for span in known:
            if span.end_ns is not None or span.span_id not in by_id:
                by_id[span.span_id] = span
        return list(by_id.values())


def _so_far(span: RecordingSpan) -> Span:
    """Return an open span of ours as plain data, as what it is; nothing of it is changed."""
    record, owner = span.record(), span.owner
    if owner is None:
        return record
    return record._replace(
        attributes={**record.attributes, **(owner.attributes or {}), c.KIND: owner.kind}
    )
