"""Which spans of others belong below which of ours: in the report alone.

A root span starts a trace of its own, and is none of the test's telemetry: in isolation, where no
span of ours is current; in a thread that serves others; where users ask for a root. What started
it is known all the same, from the context. So it is *adopted*: the report shows it, and all of its
trace, where it started. The spans themselves, and the user's backend, have what they always had.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from otel_allure.model.spans import Link, Span
from otel_allure.recording.tracer import is_ours

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from otel_allure.recording.tracer import RecordingSpan, RecordingTracer

REMEMBERED = 4096
"""Traces, and spans of each, that are remembered, so that what follows later is found."""


class Place(NamedTuple):
    """A span of the report: what is adopted is below it.

    Attributes:
        trace_id: its trace in the report.
        span_id: its id.
    """

    trace_id: int
    span_id: int


class Adopted(NamedTuple):
    """Where a span is shown.

    Attributes:
        trace_id: the trace that it is shown in.
        parent_id: the span that it is shown below; None for its own parent.
    """

    trace_id: int
    parent_id: int | None = None

    def applied(self, span: Span) -> Span:
        """Return `span` as it is shown. The first of a trace has a link to that."""
        if self.parent_id is None:
            return span._replace(trace_id=self.trace_id)
        is_first = span.parent_id is None or span.parent_is_remote
        links = [*span.links, Link(span.trace_id, span.span_id)] if is_first else span.links
        return span._replace(
            trace_id=self.trace_id, parent_id=self.parent_id, parent_is_remote=False, links=links
        )


class _Trace:
    """A trace of others, and which of its spans have started here."""

    __slots__ = ("place", "span_ids")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.span_ids: set[int] = set()

    def note(self, span_id: int) -> None:
        if len(self.span_ids) < REMEMBERED:
            self.span_ids.add(span_id)

    def has(self, span_id: int) -> bool:
        return span_id in self.span_ids or len(self.span_ids) >= REMEMBERED


class Adoptions:
    """The traces of others that the report shows in traces of ours.

    Args:
        place: returns where the caller runs, None if that is nowhere.
        is_open: whether the test of a trace of ours still runs.
    """

    def __init__(self, place: Callable[[], Place | None], is_open: Callable[[int], bool]) -> None:
        self._place = place
        self._is_open = is_open
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._moved: OrderedDict[int, int] = OrderedDict()
        """Of spans that are shown in another trace than the rest of theirs: that, by span id."""

    def home(self, trace_id: int, span_id: int = 0) -> int:
        """Return the trace in which the report shows a span, or what is known of its trace."""
        if span_id in self._moved:
            return self._moved[span_id]
        known = self._traces.get(trace_id)
        return trace_id if known is None else known.place.trace_id

    def started(
        self, span: SpanContext, parent: SpanContext | None, *, anew: bool = False
    ) -> Adopted | None:
        """Note that a span of others has started here; return where it is shown if not by itself.

        Args:
            span: the span.
            parent: its parent, if it has one.
            anew: whether its parent does not say where it belongs: that is over, with what it was
                started in, or a step of ours is between the two.
        """
        if parent is not None and not anew and self.knows(parent):
            home = self.home(span.trace_id, parent.span_id)
            if home == span.trace_id:
                return None
            self._note(span, home)
            return Adopted(home)
        place = self._place()
        is_alone = anew and parent is not None and not parent.is_remote  # the rest stays there
        if place is None or (parent and not is_alone and self._is_elsewhere(span, place)):
            home = self.home(span.trace_id)
            return None if home == span.trace_id else Adopted(home)
        if not is_ours(span.trace_id):
            known = self._traces.setdefault(span.trace_id, _Trace(place))
            if not is_alone:
                known.place = place
            self._traces.move_to_end(span.trace_id)
        self._note(span, place.trace_id)
        return Adopted(*place)

    def follow(self, tracer: RecordingTracer) -> None:
        """Tell `tracer` where its spans are shown, and hear of those that are below moved ones."""
        tracer.home = self.home
        tracer.note_home = lambda span: self._note(span, span.home)

    def _note(self, span: SpanContext | RecordingSpan, home: int) -> None:
        known = self._traces.get(span.trace_id)
        if known is not None:
            known.note(span.span_id)
        if known is None or known.place.trace_id != home:
            self._moved[span.span_id] = home
        for remembered in (self._traces, self._moved):
            if len(remembered) > REMEMBERED:
                remembered.popitem(last=False)

    def knows(self, span: SpanContext) -> bool:
        """Whether a span is in the report: in a trace of ours, or one that has started here."""
        known = self._traces.get(span.trace_id)
        return is_ours(span.trace_id) if known is None else known.has(span.span_id)

    def _is_elsewhere(self, span: SpanContext, place: Place) -> bool:
        """Whether a span whose parent is in another process is of another test that still runs.

        Nobody here knows such a parent, and tests may send the same made-up `traceparent`: one
        after the other, each one's is its own.
        """
        known = self._traces.get(span.trace_id)
        return (
            known is not None
            and known.place.trace_id != place.trace_id
            and self._is_open(known.place.trace_id)
        )
