"""Spans of a child process -> the process that writes the report."""

from __future__ import annotations

from collections.abc import Iterable

from otel_allure.model import conventions as c
from otel_allure.model.spans import Record, Span
from otel_allure.output.report import Report
from otel_allure.output.spool import Spool
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.tracer import RecordingTracer


def nothing() -> None:
    """Do nothing at a fork: the exporter does what is needed."""


class ParentLink:
    """Sends a child's spans to the process that writes the report.

    What ends when that process has finished its report is written here, outside of tests.

    Args:
        recorder: the child's.
        spool: where they go.
        tracer: makes the child's steps. They are sent as they begin, too: if the child is
            killed, they are shown as unfinished.
    """

    def __init__(self, recorder: Recorder, spool: Spool, tracer: RecordingTracer) -> None:
        self._recorder = recorder
        self._spool = spool
        recorder.spool = spool
        recorder.report.redirect = self.send
        recorder.diagnostics.tell = spool.note
        tracer.on_start.append(
            lambda span, _: self._begun(span.record()._replace(attributes={c.KIND: c.STEP}))
        )

    def send(self, records: Iterable[Record]) -> bool:
        """Send spans and logs; it works in one way or the other, if children are followed."""
        if self._spool.is_usable and not self._spool.write(records):
            ours = self._recorder.report
            path, settings = ours.directory.path, ours.presentation.settings
            late = Report(path, only_tests=True, settings=settings)
            late.settle(records)
            Recorder(late).write_outside_of_tests()
        return True

    def _begun(self, span: Span) -> None:
        with self._recorder.diagnostics.caught("sending a step to the parent process"):
            self._spool.write([span])
