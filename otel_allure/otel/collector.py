"""The SDK's spans -> a report, as they start and as they end."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from otel_allure.compat.opentelemetry import sdk_clock
from otel_allure.formats.sdk import from_sdk
from otel_allure.model import spans
from otel_allure.model.clock import now_ns, offset_ns
from otel_allure.otel.registry import register
from otel_allure.output.report import Report
from otel_allure.recording.active import adopt
from otel_allure.recording.adoption import Adopted

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span


class _Open(NamedTuple):
    """A span that has started and not ended.

    Attributes:
        span: the span.
        offset_ns: how far our clock was ahead of the SDK's when it started.
        adopted: where the report shows it, if not in its own trace.
    """

    span: ReadableSpan
    offset_ns: int
    adopted: Adopted | None

    @property
    def trace_id(self) -> int:
        """The trace that it is shown in."""
        context = self.span.context
        its_own = 0 if context is None else context.trace_id
        return its_own if self.adopted is None else self.adopted.trace_id

    def record(self, ended: ReadableSpan | None = None) -> spans.Span:
        """Return it as plain data, and as it has `ended`, if it has."""
        end_offset_ns = 0 if ended is None else _offset_ns(ended.end_time)
        record = from_sdk(ended or self.span, (self.offset_ns, end_offset_ns))
        return record if self.adopted is None else self.adopted.applied(record)


_Key = tuple[int, int, int | None]


def _key(span: ReadableSpan, context: SpanContext) -> _Key:
    """Return what a span is known by: ids repeat where tests seed `random`, which makes them."""
    start = span.start_time
    return context.trace_id, context.span_id, start if type(start) is int else None


class SpanCollector:
    """Hands spans to a report as they end, without a queue that could drop them.

    It sees spans start, so it also knows what has not ended. Errors in it would surface in the
    code under test, so there are none.

    Args:
        report: where the spans go.
        since_ns: what has begun before is the business of others, and left to them.
    """

    def __init__(self, report: Report, since_ns: int = 0) -> None:
        self.report = report
        self.since_ns = since_ns
        self._open: dict[_Key, _Open] = {}
        self._ended: deque[_Key] = deque(maxlen=_ECHOES)
        register(self)

    def has(self, span: ReadableSpan) -> bool:
        """Whether a span has started here and not ended."""
        context = span.context
        return context is not None and _key(span, context) in self._open

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the span as open."""
        with self.report.diagnostics.caught("noting a span's start"):
            context = span.context
            if context is not None and _key(span, context) not in self._open:
                adopted = adopt(context, span.parent, parent_context)
                started = _Open(span, _offset_ns(span.start_time), adopted)
                self._open[_key(span, context)] = started
                self.report.started(started.trace_id, context.span_id)
                self.report.changed(started.trace_id, now_ns())
                if self.report.redirect is not None:  # this may be all that gets to be known of it
                    self.report.redirect([started.record()])

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span over."""
        with self.report.diagnostics.caught("taking a span"):
            context = span.context
            if context is None:
                return
            key = _key(span, context)
            started = self._open.get(key) or self._late(span, context)
            if started is not None:
                self._ended.append(key)
                # It stays open until the report has it: another thread may be the last to look.
                self.report.add([started.record(span)])
                self._open.pop(key, None)
                if self.report.closed:
                    self.report.settle()

    def _late(self, span: ReadableSpan, context: SpanContext) -> _Open | None:
        """Return what is known of a span that had begun before this was added to its provider.

        None if it is none of ours: this was added twice, or the span is the business of others.
        """
        offset_ns = _offset_ns(span.end_time)
        if _key(span, context) in list(self._ended) or self.started_ns(span) < self.since_ns:
            return None
        return _Open(span, offset_ns, adopt(context, span.parent, None))

    @staticmethod
    def started_ns(span: ReadableSpan) -> int:
        """Return when a span that ends now has started, by our clock."""
        return (span.start_time or 0) + _offset_ns(span.end_time)

    def unfinished(self) -> list[spans.Span]:
        """Return the spans that have started and not ended."""
        return [started.record() for started in list(self._open.values())]

    def unfinished_of(self, trace_id: int) -> list[spans.Span]:
        """Return those that the report shows in one trace."""
        its = [started for started in list(self._open.values()) if started.trace_id == trace_id]
        return [started.record() for started in its]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known; spans that have not ended are shown as unfinished."""
        with self.report.diagnostics.caught("flushing"):
            self.report.settle(self.unfinished())
        return True

    def after_fork(self) -> None:
        """Leave to the parent process what is the parent's."""
        self.since_ns = earliest_now_ns()
        self._open.clear()
        self.report.forget()

    def flush_at_exit(self) -> None:
        """Write everything: the process ends."""
        self.force_flush()

    def shutdown(self) -> None:
        """Write what is left."""
        self.report.closed = True
        self.force_flush()


_ECHOES = 1000
"""Spans that are remembered when they have ended: two processors of ours on one provider, in a test
session, hand the same span over twice, one right after the other."""


def earliest_now_ns() -> int:
    """Return the time by the SDK's clock or by ours, as spans are begun by both."""
    return min(time.time_ns(), now_ns())


def _offset_ns(reading_ns: int | None) -> int:
    """Return how far our clock is ahead of the SDK's, which read `reading_ns` a moment ago."""
    # As the SDK finds it: what fakes the clock replaces it there, or in `time`, or in both.
    reading_ns = reading_ns if type(reading_ns) is int else 0  # others may give anything
    return offset_ns(sdk_clock(), reading_ns)
