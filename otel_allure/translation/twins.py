"""Spans of calls that an instrumentation has started twice, and ended once. Pure.

SQLAlchemy's does so with async engines (opentelemetry-python-contrib #2149): it starts two spans
for each query, one directly after the other, and ends the second. A call that really has not ended
may have been repeated, so it takes more than a span that never ends before one that is its like.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span

_TOGETHER_NS = 5_000_000
"""So close to each other start the two spans of one call."""
_ALONE_NS = 100_000_000
"""So close on a busy machine, where nothing else of the trace has begun or ended meanwhile."""
_IN_HABIT_NS = 1_000_000_000
"""So close where most calls of that instrumentation have a twin: calls that hang take longer."""
_ANSWERS = ("error", "exception", "db.response.")  # are set at the end


def twins_of(ordered: Sequence[Span]) -> list[Span]:
    """Return the spans of a trace, sorted by start, that never end because their twin did.

    Each ended span has at most one twin; what has spans below it is real.
    """
    scopes = {s.scope for s in ordered if s.end_ns is None and c.KIND not in s.attributes}
    if not scopes:
        return []
    calls = [s for s in ordered if s.scope in scopes and c.KIND not in s.attributes]
    pairs = list(_pairs(calls, above={span.parent_id for span in ordered}))
    if not pairs:
        return []
    habitual = _habitual(pairs, calls)
    changes = sorted(time for s in ordered for time in (s.start_ns, s.end_ns) if time is not None)

    def is_one_call(twin: Span, ended: Span) -> bool:
        apart_ns = ended.start_ns - twin.start_ns
        if apart_ns <= _TOGETHER_NS or (twin.scope in habitual and apart_ns <= _IN_HABIT_NS):
            return True
        meanwhile = bisect_left(changes, ended.start_ns) - bisect_right(changes, twin.start_ns)
        return meanwhile <= 0 and apart_ns <= _ALONE_NS

    return [twin for twin, ended in pairs if is_one_call(twin, ended)]


def _pairs(calls: Iterable[Span], above: Collection[int | None]) -> Iterator[tuple[Span, Span]]:
    """Yield spans that have not ended, each with the next of its likes, if that has."""
    waiting: dict[Hashable, list[Span]] = {}
    for span in calls:
        if span.end_ns is None:
            if span.span_id not in above:
                waiting.setdefault(_likeness(span), []).append(span)
        elif waiting and (its := waiting.get(_likeness(span))):
            yield its.pop(), span


def _habitual(pairs: Sequence[tuple[Span, Span]], calls: Iterable[Span]) -> set[str]:
    """Return the instrumentations of which half of the calls, and more than one, have a twin."""
    twins = Counter(twin.scope for twin, _ in pairs)
    ended = Counter(span.scope for span in calls if span.end_ns is not None)
    return {scope for scope, number in twins.items() if number > 1 and ended[scope] <= 2 * number}


def _likeness(span: Span) -> Hashable:
    """Return what a span and its twin have in common."""
    asked = sorted(
        (name, str(value))
        for name, value in span.attributes.items()
        if not name.startswith(_ANSWERS)
    )
    return span.scope, span.name, span.kind, span.parent_id, tuple(asked)
