"""Which spans belong together, and when they are finished. Feed spans in, take traces out.

Log records travel with the spans that emitted them; they make no trace finished.

"Finished" cannot be seen in a stream of spans: children end after their parents, batches split
traces, other services report later. So a trace is handed out when a local root of it has ended,
and again, whole, when more of it has come: whoever writes it replaces what was written.

To rewrite a result for every late span would cost the square of their number. Late spans are
handed out when they have become an eighth of the trace, of a large one when it has doubled; the
rest when everything settles.

Memory follows what is in flight: of what is finished the last few traces are kept, and what waits
for a root that does not come is bounded too. Nothing is dropped: what is forgotten was handed out.

No clock, no lock, no I/O: the caller owns those.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from otel_allure.model import conventions as c
from otel_allure.model.spans import Log, Record, Span, is_test

KEEP = 512
"""Finished traces that are kept in memory so that late spans can still join them."""

KEEP_SPANS = 5_000
"""Spans and log records of such traces, together. More would cost more than memory: the garbage
collector looks at all of them again and again."""

WAITING = 200_000
"""Spans and log records that may wait for the root of their trace. Beyond that the oldest of them
are handed out as they are: a root that never ends, or never comes, must not fill the memory of a
long-lived server. A trace that is held is not counted: its test ends, and is not to be taken
apart."""

REWRITES = 10
"""So many times its size a trace may be written in all for the roots and tests that end in it;
then those wait as other late spans do. Else a session of many tests that is one trace would cost
the square of their number."""

REMEMBERED = 20_000
"""Traces whose id is known after they were handed out and forgotten, so that what comes later is
told as more of them, and not as traces of its own."""


class Trace:
    """The spans of one trace, as far as they are known.

    Attributes:
        spans: by span id; the order is the order of arrival.
        logs: by the id of the span that emitted them, whether that has come or not.
        opened: ids of the spans that are known to have started and not to have ended.
        finished: whether a local root of it has ended.
        held: whether a test of it still runs.
        has_test: whether one of the spans is a test.
        dirty: whether something of it has not been handed out.
        written: names of the files that were made of it last.
        is_more: whether an earlier part of it was handed out and forgotten.
    """

    __slots__ = (
        "__weakref__",
        "_servers",
        "_size_written",
        "_urgent",
        "_work",
        "dirty",
        "finished",
        "has_test",
        "held",
        "is_more",
        "log_count",
        "logs",
        "opened",
        "spans",
        "trace_id",
        "written",
    )

    def __init__(self, trace_id: int) -> None:
        self.trace_id = trace_id
        self.spans: dict[int, Span] = {}
        self.logs: dict[int, list[Log]] = {}
        self.log_count = 0
        self.opened: set[int] = set()
        self._servers: dict[int, Span] | None = None  # of calls of which both sides have one id
        self.finished = self.dirty = self.held = self.has_test = False
        self.written: set[str] = set()
        self.is_more = False
        self._size_written = self._work = 0
        self._urgent = False

    def add(self, span: Span) -> None:
        """Take a span in; the same span again (exported twice) changes nothing."""
        known = self.spans.get(span.span_id)
        if self._servers is not None and span.parent_id in self._servers:
            span = self._below_its_half(span)
        if known is not None and _is_another(known, span):
            if self._take_halves(known, span):
                return
            if c.KIND in span.attributes:  # ours keeps its id, by which others are below it
                del self.spans[span.span_id]
                self.add(span)
                span = known
            span = self._with_own_id(span)
            known = self.spans.get(span.span_id)
        if known is not None and known.end_ns is not None:
            return
        self.spans[span.span_id] = span
        self.opened.discard(span.span_id)
        self.dirty = True
        is_inner_step = span.parent_id is not None and not span.parent_is_remote
        if not is_inner_step or span.attributes.get(c.KIND) != c.STEP:
            self._add_other_than_step(span)

    def _take_halves(self, known: Span, span: Span) -> bool:
        """Take in client and server of a call, which share an id; say whether they are that."""
        from otel_allure.translation.shared_ids import are_halves, with_own_ids  # it is rare

        server = (self._servers or {}).get(span.span_id)
        is_third = server is not None and _is_another(server, span)
        if is_third or not are_halves(known, span):
            return False
        below = [each for each in self.spans.values() if each.parent_id == span.span_id]
        ids = {span.span_id, *(each.span_id for each in below)}
        self._servers = self._servers or {}
        for each in with_own_ids([known, span, *below], lambda *told: None):
            self.spans[each.span_id] = each
            if each.span_id not in ids:  # it has a new one
                self._servers[span.span_id] = each
        self.dirty = True
        return True

    def _below_its_half(self, span: Span) -> Span:
        from otel_allure.translation.shared_ids import below_its_half  # it is rare

        return below_its_half(span, self._servers or {}, self.spans)

    def _with_own_id(self, span: Span) -> Span:
        """Return a span that has the id of another one with an id of its own, each time the same.

        What is below either of them is shown below the first.
        """
        span_id = span.span_id
        while (known := self.spans.get(span_id)) is not None and _is_another(known, span):
            span_id = (span_id * _ODD + 1) & _LARGEST_ID or 1
        return span._replace(span_id=span_id)

    def amend(self, span: Span) -> None:
        """Put a span that has been changed in the place of what is known of it."""
        if span.span_id in self.spans:
            self.spans[span.span_id] = span
            self.dirty = True

    def add_log(self, log: Log) -> None:
        """Take a log record in. Nothing tells one that comes twice from two that are equal."""
        self.logs.setdefault(log.span_id, []).append(log)
        self.log_count += 1
        self.dirty = True

    def take_logs(self, span_ids: Iterable[int]) -> list[Log]:
        """Give away the log records of spans, by time: somebody else shows them."""
        taken = [log for span_id in span_ids for log in self.logs.pop(span_id, ())]
        self.log_count -= len(taken)
        return sorted(taken, key=lambda log: log.time_ns)

    def _add_other_than_step(self, span: Span) -> None:
        if is_test(span):
            self.has_test = True
        elif span.parent_id is not None and not self._is_remote_root(span):
            return
        if span.end_ns is not None:
            self.finished = True
            self.held = self.held and not (span.parent_id is None or is_test(span))
            self._urgent = True  # it is to be written now, however large it is already

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
        if not (self.dirty and self.finished):
            return False
        known = len(self.spans) + self.log_count
        written = self._size_written
        share = 8 if written <= KEEP_SPANS else 1
        enough = (known - written) * share >= written
        return enough or (self._urgent and self._work < REWRITES * known)

    @property
    def waits(self) -> bool:
        """Whether more of it is known to come, or its root has not come."""
        return not self.finished or bool(self.opened)

    @property
    def size(self) -> int:
        """Number of spans that are known, ended or not, and of log records."""
        return len(self.spans) + len(self.opened) + self.log_count

    def taken(self) -> Trace:
        """Note that it is being written."""
        self.dirty = False
        self._size_written = len(self.spans) + self.log_count
        self._work += self._size_written
        self._urgent = False
        return self


_LARGEST_ID = (1 << 64) - 1
_ODD = 0x9E37_79B9_7F4A_7C15


def _is_another(known: Span, span: Span) -> bool:
    """Whether two spans with one id are not the same: some producers count, or make up, theirs.

    Ours are what they are: a test that a forked process has run ends there and here.
    """
    if c.KIND in span.attributes and c.KIND in known.attributes:
        return False
    return known.start_ns != span.start_ns


class TraceBuffer:
    """All traces in flight, and the last finished ones.

    Args:
        keep: how many finished traces may wait for late spans.
        waiting: how many spans and log records may wait for the root of their trace.
        keep_spans: how many spans and log records those finished traces may have together.

    Attributes:
        busy: returns the ids of traces with spans that are open, where `started` is not told so.
    """

    def __init__(
        self, keep: int = KEEP, waiting: int = WAITING, keep_spans: int = KEEP_SPANS
    ) -> None:
        self.busy: Callable[[], Container[int]] = tuple
        self._keep = keep
        self._keep_spans = keep_spans
        self._waiting = waiting
        self._traces: dict[int, Trace] = {}  # the oldest first
        self._gone: dict[int, bool] = {}  # which were forgotten, oldest first: if they had finished
        self._traces_looked_at = 0
        self._spans_since_look = 0

    def hold(self, trace_id: int) -> None:
        """Note that the root of a trace has started, and will end here."""
        self._trace(trace_id).held = True

    def holds(self, trace_id: int) -> bool:
        """Whether `hold` was told of a trace whose root has not ended."""
        trace = self._traces.get(trace_id)
        return trace is not None and trace.held

    def started(self, trace_id: int, span_id: int) -> None:
        """Note that a span has started, where this can be seen. Its children are then no roots."""
        self._trace(trace_id).opened.add(span_id)

    def add(self, records: Iterable[Record]) -> list[Trace]:
        """Take spans and log records in and return the traces that should be written now.

        They are finished, but for those that have waited too long: see `WAITING`.
        """
        touched: dict[int, Trace] = {}
        for record in records:
            trace = touched.get(record.trace_id)
            if trace is None:
                trace = touched[record.trace_id] = self._trace(record.trace_id)
            if isinstance(record, Log):
                trace.add_log(record)
            else:
                trace.add(record)
            self._spans_since_look += 1
        ready = [trace.taken() for trace in touched.values() if trace.due]
        # What is still coming in is not forgotten, while it can be kept: it would be taken apart.
        return ready + self._evict(touched) if self._should_look() else ready

    def get(self, trace_id: int) -> Trace | None:
        """Return a trace that is in memory."""
        return self._traces.get(trace_id)

    def spans_of(self, trace_id: int) -> list[Span]:
        """Return the spans of a trace that have come."""
        trace = self._traces.get(trace_id)
        return [] if trace is None else list(trace.spans.values())

    def amend(self, span: Span) -> None:
        """Put a span that has been changed in the place of what is known of it."""
        trace = self._traces.get(span.trace_id)
        if trace is not None:
            trace.amend(span)

    def take_logs(self, trace_id: int, span_ids: Iterable[int]) -> list[Log]:
        """Give away the log records of spans of a trace, by time: somebody else shows them."""
        trace = self._traces.get(trace_id)
        return [] if trace is None else trace.take_logs(span_ids)

    def settle(self, *, last: bool = True) -> list[Trace]:
        """Return every trace of which something has not been written, finished or not.

        Log records without a span of their trace may be early: those wait, unless it is the `last`
        time. What was logged outside of all spans does not wait.
        """
        ready = [
            trace.taken()
            for trace in self._traces.values()
            if trace.dirty and (trace.spans or last or not trace.trace_id)
        ]
        return ready + self._evict()

    def take_back(self, trace_id: int) -> Trace | None:
        """Give a trace away, with all that is known of it: it belongs into another."""
        return self._traces.pop(trace_id, None)

    def kept(self) -> list[Trace]:
        """Return all traces that are in memory."""
        return list(self._traces.values())

    def _trace(self, trace_id: int) -> Trace:
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = Trace(trace_id)
            # What was there of it was handed out, and forgotten.
            trace.is_more = trace_id in self._gone
            trace.finished = self._gone.get(trace_id, False)
        return trace

    def _should_look(self) -> bool:
        """Whether there may be too much by now. Looking costs time for each trace that is kept."""
        kept = max(0, self._traces_looked_at - KEEP) // 8  # of many, each is looked at in vain
        return len(self._traces) - self._traces_looked_at > max(
            self._keep // 4, kept
        ) or self._spans_since_look > max(min(self._waiting, self._keep_spans) // 4, kept)

    def _evict(self, but: Iterable[int] = ()) -> list[Trace]:
        """Forget the oldest traces beyond what may be kept; return those with unwritten spans."""
        free = [trace for trace in self._traces.values() if not trace.held]
        done = [
            t for t in free if not t.waits and (t.trace_id not in but or t.size > self._waiting)
        ]
        evicted = self._beyond_keep(done)
        waiting = [trace for trace in free if trace.waits]
        excess = sum(trace.size for trace in waiting) - self._waiting
        for trace in waiting:
            if excess <= 0:
                break
            excess -= trace.size
            evicted.append(trace)
        for trace in evicted:
            del self._traces[trace.trace_id]
            if trace.spans:
                self._gone[trace.trace_id] = trace.finished
        while len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self._traces_looked_at, self._spans_since_look = len(self._traces), 0
        return [trace.taken() for trace in evicted if trace.dirty]

    def _beyond_keep(self, done: list[Trace]) -> list[Trace]:
        """Return the oldest of finished traces, so that those that stay are not too many."""
        busy = self.busy()
        done = [trace for trace in done if trace.trace_id not in busy]
        traces, spans = len(done), sum(trace.size for trace in done)
        evicted: list[Trace] = []
        for trace in done:
            if traces <= self._keep and spans <= self._keep_spans:
                break
            traces, spans = traces - 1, spans - trace.size
            evicted.append(trace)
        return evicted
