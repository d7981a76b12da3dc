"""The spans of a test as they are known at one moment, to be asked for. Pure.

What frames a test (its own span, its phases, and the assertions about its trace) is not selected,
and nothing is below or above it but what is below or above its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, is_test, kind_of
from otel_allure.presentation.presentation import Presentation
from otel_allure.presentation.values import masked
from otel_allure.translation.asgi import without_events
from otel_allure.translation.span_tree import SpanTree, by_start

_FRAMES = (c.SESSION, c.PHASE, c.CONTAINER)
_APART = ("setup", "teardown")


def is_frame(span: Span) -> bool:
    """Whether a span is no part of what happened, but around it."""
    return kind_of(span) in _FRAMES or c.CHECK in span.attributes or is_test(span)


def _is_apart(span: Span) -> bool:
    """Whether a span, and all below it, is of fixtures."""
    return kind_of(span) == c.FIXTURE or span.attributes.get(c.PHASE_NAME) in _APART


class View:
    """The spans of a trace, by start, and who is below whom.

    Args:
        spans: of one trace, ended or not.
        presentation: how the report calls them, and what is masked.
        now_ns: until when spans have lasted that have not ended.
    """

    def __init__(self, spans: Iterable[Span], presentation: Presentation, now_ns: int = 0) -> None:
        self.presentation = presentation
        events = presentation.settings.asgi_events
        self.tree = SpanTree(spans, None if events else without_events)
        self.now_ns = max(now_ns, self.tree.last_ns)
        self.roots = sorted(self.tree.roots, key=by_start)
        self.parents = {
            child.span_id: self.tree.by_id[span_id]
            for span_id, below in self.tree.children.items()
            for child in below
        }
        known = self.parents.keys() | {root.span_id for root in self.roots}
        self.everything = sorted(
            (span for span in self.tree.by_id.values() if span.span_id in known), key=by_start
        )
        self.content = [span for span in self.everything if not is_frame(span)]
        """All that has happened, in fixtures too."""
        apart = [span for span in self.everything if _is_apart(span)]
        not_asked = self.below(apart) | {span.span_id for span in apart}
        self.spans = [span for span in self.content if span.span_id not in not_asked]
        """What the test itself has done, not its fixtures."""
        self._titles: dict[int, str] = {}

    def title(self, span: Span) -> str:
        """Return what the report calls a span, without its answer."""
        title = self._titles.get(span.span_id)
        if title is None:
            title = self._titles[span.span_id] = self.presentation.call(span)
        return title

    def value(self, name: str, value: Any) -> str:
        """Return the value of an attribute as it may be told."""
        return repr(masked({name: value}, self.presentation.redaction)[name])

    def parent(self, span: Span) -> Span | None:
        """Return what a span is directly below, past all that only frames it."""
        above = self.parents.get(span.span_id)
        while above is not None and is_frame(above):
            above = self.parents.get(above.span_id)
        return above

    def parent_or_test(self, span: Span) -> Span | None:
        """Return what a span is directly below; of what is below nothing else, the test."""
        above = self.parent(span)
        if above is None:
            above = next(filter(is_test, self.ancestors(span)), None)
        return above

    def ancestors(self, span: Span) -> Iterator[Span]:
        """Yield what a span is below, from below to above, the test's own span included."""
        above = self.parents.get(span.span_id)
        while above is not None:
            yield above
            above = self.parents.get(above.span_id)

    def children(self, span: Span) -> list[Span]:
        """Return what is directly below a span, past frames, by start."""
        below: list[Span] = []
        todo = list(self.tree.children.get(span.span_id, ()))
        while todo:
            child = todo.pop()
            if is_frame(child):
                todo += self.tree.children.get(child.span_id, ())
            else:
                below.append(child)
        return sorted(below, key=by_start)

    def below(self, spans: Iterable[Span]) -> set[int]:
        """Return the ids of all that is below any of the spans."""
        found: set[int] = set()
        todo = [child for span in spans for child in self.tree.children.get(span.span_id, ())]
        while todo:
            span = todo.pop()
            if span.span_id not in found:
                found.add(span.span_id)
                todo += self.tree.children.get(span.span_id, ())
        return found

    def above(self, spans: Iterable[Span]) -> set[int]:
        """Return the ids of all that any of the spans is below."""
        found: set[int] = set()
        for span in spans:
            for ancestor in self.ancestors(span):
                if ancestor.span_id in found:
                    break
                found.add(ancestor.span_id)
        return found

    def end_ns(self, span: Span) -> int:
        """Return the end of a span; one that has not ended has lasted until now."""
        return self.now_ns if span.end_ns is None else span.end_ns

    def took_ns(self, span: Span) -> int:
        """Return how long a span has lasted."""
        return max(0, self.end_ns(span) - span.start_ns)

    @cached_property
    def test(self) -> Span | None:
        """The span whose time is the test's: its call, else the test itself."""
        frames = [span for span in self.everything if is_frame(span)]
        calls = [s for s in frames if s.attributes.get(c.PHASE_NAME) == "call"]
        return next(iter(calls or self.tree.tests or self.roots), None)
