"""Clocks of several machines differ: what a server did is moved into the call that asked for it.

Only what cannot be is moved: a server that began before it was asked, or after the client had its
answer. Where in the call it belongs nobody knows, so it is put in its middle, as if the way there
took as long as the way back. All that its process did below moves with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span

LEAST_NS = 1_000_000
"""What is told by a clock that differs by less is left alone: as much as a report shows."""

_ASKS = {"client": "server", "producer": "consumer"}


def in_their_parents(spans: Sequence[Span]) -> Sequence[Span]:
    """Return the spans of a trace, those of other clocks moved, with a mark that says how far."""
    if len({id(span.resource) for span in spans}) < 2:
        return spans
    by_id = {span.span_id: span for span in spans}
    if not any(_offset_ns(span, by_id.get(span.parent_id or 0)) for span in spans):
        return spans
    children: dict[int, list[Span]] = {}
    for span in spans:
        if span.parent_id in by_id:
            children.setdefault(span.parent_id or 0, []).append(span)
    moved: dict[int, Span] = {}
    for root in spans:
        if root.parent_id not in by_id:
            _move_below(root, children, moved)
    return [moved.get(span.span_id, span) for span in spans]


def _move_below(root: Span, children: dict[int, list[Span]], moved: dict[int, Span]) -> None:
    todo: list[tuple[Span, Span | None, int]] = [(root, None, 0)]
    while todo:
        span, parent, offset_ns = todo.pop()
        if span.span_id in moved:  # cycles are somebody else's
            continue
        if parent is None or parent.resource != span.resource:
            offset_ns = _offset_ns(span, parent)
        new = moved[span.span_id] = _moved(span, offset_ns) if offset_ns else span
        if offset_ns and parent is not None and parent.resource != span.resource:
            marked = {**span.attributes, c.CLOCK_OFFSET: offset_ns / 1_000_000}
            new = moved[span.span_id] = new._replace(attributes=marked)
        todo += ((child, new, offset_ns) for child in children.get(span.span_id, ()))


def _offset_ns(span: Span, parent: Span | None) -> int:
    """Return by how much a span is to be moved, 0 if it is where it can be."""
    if parent is None or parent.end_ns is None or _ASKS.get(parent.kind) != span.kind:
        return 0
    if parent.resource == span.resource:
        return 0
    waits = parent.kind == "client"
    is_early = span.start_ns < parent.start_ns - LEAST_NS
    is_late = waits and span.start_ns > parent.end_ns + LEAST_NS
    if not (is_early or is_late):
        return 0
    spare = parent.end_ns - parent.start_ns - ((span.end_ns or span.start_ns) - span.start_ns)
    return parent.start_ns + (max(0, spare // 2) if waits else 0) - span.start_ns


def _moved(span: Span, offset_ns: int) -> Span:
    return span._replace(
        start_ns=span.start_ns + offset_ns,
        end_ns=None if span.end_ns is None else span.end_ns + offset_ns,
        events=tuple(e._replace(time_ns=e.time_ns + offset_ns) for e in span.events),
    )
