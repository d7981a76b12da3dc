"""Traces that belong into a test's by links, over any number of hops, or by its baggage.

Who takes a message from a queue begins a trace of its own, with a link to the span that sent it.
Then it may send another. All of that is what the test caused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from otel_allure.model import conventions as c
from otel_allure.model.spans import Link, Span, is_test


class _Origin(NamedTuple):
    """What caused a trace: a span in another one; its id is 0 where it is not known."""

    trace_id: int
    span_id: int


class LinkedTraces:
    """What is known of traces by their roots.

    Args:
        most: so many traces that have links are remembered; the oldest are forgotten.
        is_test: whether a trace is a test's, where its id says so.
    """

    def __init__(
        self, most: int = 200_000, is_test: Callable[[int], bool] = lambda trace_id: False
    ) -> None:
        self._most = most
        self._is_test = is_test
        self._origins: dict[int, dict[_Origin, None]] = {}
        self._tests: set[int] = set()

    def note(self, span: Span) -> None:
        """Take in what a span says about its trace."""
        if is_test(span):
            self._tests.add(span.trace_id)
        if c.KIND in span.attributes:
            return
        if span.parent_id is None:
            for link in span.links:
                self._note(span.trace_id, _Origin(link.trace_id, link.span_id))
        if (told := span.attributes.get(c.TEST_TRACE)) is not None:
            self._note(span.trace_id, _Origin(_trace_id(told), 0))

    def _note(self, trace_id: int, origin: _Origin) -> None:
        if origin.trace_id and origin.trace_id != trace_id:
            self._origins.setdefault(trace_id, {})[origin] = None
            if len(self._origins) > self._most:
                del self._origins[next(iter(self._origins))]

    @property
    def has_links(self) -> bool:
        """Whether there is any trace that may belong into another."""
        return bool(self._origins)

    def home(self, trace_id: int) -> int:
        """Return the trace of the test that a trace belongs into, else the trace itself."""
        way = self._way(trace_id)
        return way[-1].trace_id if way else trace_id

    def moved(self, spans: Iterable[Span], trace_id: int) -> list[Span]:
        """Return the spans of a trace as those of its home, its roots below what caused them."""
        way = self._way(trace_id)
        if not way:
            return list(spans)
        home, below = way[-1].trace_id, way[0].span_id
        return [_moved(span, home, below) for span in spans]

    def _way(self, trace_id: int) -> list[_Origin]:
        """Return the shortest way from a trace to that of a test, the nearest origin first."""
        if self._leads_to_a_test(trace_id):
            return []
        todo: list[list[_Origin]] = [[origin] for origin in self._origins.get(trace_id, ())]
        seen = {trace_id}
        for way in todo:  # it grows meanwhile
            at = way[-1].trace_id
            if self._leads_to_a_test(at):
                return way
            if at not in seen:
                seen.add(at)
                todo += ([*way, origin] for origin in self._origins.get(at, ()))
        return []

    def _leads_to_a_test(self, trace_id: int) -> bool:
        return trace_id in self._tests or self._is_test(trace_id)


def _moved(span: Span, home: int, below: int) -> Span:
    if span.parent_id is not None:
        return span._replace(trace_id=home)
    return span._replace(
        trace_id=home,
        parent_id=below or None,
        links=[*span.links, Link(span.trace_id, span.span_id)],
    )


def _trace_id(told: object) -> int:
    try:
        return int(str(told), 16) & (1 << 128) - 1
    except ValueError:
        return 0
