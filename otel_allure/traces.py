"""Which spans belong together, and when they are finished. Feed spans in, take traces out.

"Finished" cannot be seen in a stream of spans: children end after their parents, batches split
traces, other services report later. So a trace is handed out when a local root of it has ended,
and again, whole, when more of it has come: whoever writes it replaces what was written.

To rewrite a result for every late span would cost the square of their number. Late spans are
handed out when they have become an eighth of the trace, the rest when everything settles.

No clock, no lock, no I/O: the caller owns those.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from otel_allure import conventions as c
from otel_allure.spans import Span

KEEP = 512
"""Finished traces that are kept in memory so that late spans can still join them."""


class Trace:
    """The spans of one trace, as far as they are known.

    Attributes:
        spans: by span id; the order is the order of arrival.
        finished: whether a local root of it has ended.
        held: whether a test of it still runs.
        written: uuids of the results that were made of it so far.
    """

    __slots__ = ("dirty", "finished", "has_test", "held", "opened", "size_written", "spans", "trace_id", "written")

    def __init__(self, trace_id: int) -> None:
        self.trace_id = trace_id
        self.spans: dict[int, Span] = {}
        self.opened: set[int] = set()
        self.finished = self.dirty = self.held = self.has_test = False
        self.size_written = 0
        self.written: set[str] = set()

    def add(self, span: Span) -> None:
        """Take a span in; the same span again (exported twice) changes nothing."""
        known = self.spans.get(span.span_id)
        if known is not None and known.end_ns is not None:
            return
        self.spans[span.span_id] = span
        self.opened.discard(span.span_id)
        self.dirty = True
        if span.attributes.get(c.KIND) != c.STEP or span.parent_id is None:
            self._add_other_than_step(span)

    def _add_other_than_step(self, span: Span) -> None:
        if is_test(span):
            self.has_test = True
        elif span.parent_id is not None and not self._is_remote_root(span):
            return
        if span.end_ns is not None:
            self.finished = True
            self.held = self.held and not (span.parent_id is None or is_test(span))
            self.size_written = 0  # it must be written now, however large it is already

    def _is_remote_root(self, span: Span) -> bool:
        return (
            span.parent_is_remote
            and not self.held
            and span.parent_id not in self.spans
            and span.parent_id not in self.opened
        )

    @property
    def due(self) -> bool:
        """Whether it is time to write it."""
        return (
            self.dirty
            and self.finished
            and (len(self.spans) - self.size_written) * 8 >= self.size_written
        )

    def taken(self) -> Trace:
        """Note that it is being written."""
        self.dirty = False
        self.size_written = len(self.spans)
        return self


class Traces:
    """All traces in flight, and the last finished ones.

    Args:
        keep: how many finished traces may wait for late spans.
    """

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._traces: OrderedDict[int, Trace] = OrderedDict()

    def hold(self, trace_id: int) -> None:
        """Note that the root of a trace has started, and will end here."""
        self._trace(trace_id).held = True

    def started(self, trace_id: int, span_id: int) -> None:
        """Note that a span has started, where this can be seen. Its children are then no roots."""
        self._trace(trace_id).opened.add(span_id)

    def add(self, spans: Iterable[Span]) -> list[Trace]:
        """Take spans in and return the traces that should be written now."""
        touched: dict[int, Trace] = {}
        for span in spans:
            trace = touched.get(span.trace_id)
            if trace is None:
                trace = touched[span.trace_id] = self._trace(span.trace_id)
            trace.add(span)
        ready = [trace.taken() for trace in touched.values() if trace.finished and trace.due]
        return ready + self._evict() if ready else ready

    def settle(self) -> list[Trace]:
        """Return every trace of which something has not been written, finished or not."""
        ready = [trace.taken() for trace in self._traces.values() if trace.dirty]
        self._evict()
        return ready

    def _trace(self, trace_id: int) -> Trace:
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = Trace(trace_id)
        return trace

    def _evict(self) -> list[Trace]:
        """Forget the oldest finished traces beyond `keep`; return those with unwritten spans."""
        excess = len(self._traces) - self._keep
        if excess * 4 < self._keep:  # now and then, so that looking for the oldest stays cheap
            return []
        done = [t for t in self._traces.values() if t.finished and not t.opened][:excess]
        for trace in done:
            del self._traces[trace.trace_id]
        return [trace.taken() for trace in done if trace.dirty]


def is_test(span: Span) -> bool:
    """Whether the span is a test: ours, or marked as one by another producer."""
    attributes = span.attributes
    kind = attributes.get(c.KIND)
    if kind is not None:
        return bool(kind == c.TEST)
    return c.TEST_CASE_NAME in attributes or attributes.get(c.PYTEST_SPAN_TYPE) == "test"
