"""A whole trace as OTLP/JSON, as far as it is not too large. Pure.

Beyond `max_trace_spans`, spans that are alike are one span that says how many they are; beyond
`max_trace_mb`, spans are left out. What is important stays longest.
"""

from __future__ import annotations

import json
from collections.abc import Hashable

from otel_allure.formats.otlp_writer import to_otlp
from otel_allure.model import conventions as c
from otel_allure.model.spans import NOTHING, Span, service_of
from otel_allure.presentation.presentation import Document, Presentation
from otel_allure.translation.condense import pattern_of
from otel_allure.translation.span_tree import SpanTree


def whole_trace(tree: SpanTree, presentation: Presentation) -> Document:
    """Return all of a trace as OTLP/JSON, which Jaeger and others open.

    Of one that is too large, the most important spans; the name then says how many.
    """
    spans = list(tree.complete.values())
    kept, cut_by = len(spans), ""
    most = presentation.settings.max_trace_spans
    if most and len(spans) > most:
        spans, kept = _folded(spans, tree, most)
        cut_by = "max_trace_spans"
    spans = [presentation.redaction.span(span) for span in spans]
    body = _json(to_otlp(spans))
    limit = presentation.settings.max_trace_mb * 1_000_000
    if limit and _size(body) > limit:
        spans = _fitting(spans, tree, limit)
        kept = sum(c.FOLDED not in span.attributes for span in spans)
        cut_by = "max_trace_mb"
        body = _json(to_otlp(spans))
    told = f" ({kept:,} of {len(tree.complete):,} spans: {cut_by})" if cut_by else ""
    return Document(f"trace.json{told}", "application/json", "json", body)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _size(text: str) -> int:
    """Return how large a text is in a file."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))


# -- what is important


def _ranked(spans: list[Span], tree: SpanTree) -> list[Span]:
    """Return the spans, the most important first, and none before what is above it.

    First what failed, what is the author's, and all that is above these; then what is not deep;
    then what is early.
    """
    depths, above = _depths(tree)
    important: set[int] = set()
    for span in spans:
        if span.status == "error" or c.KIND in span.attributes:
            span_id: int | None = span.span_id
            while span_id is not None and span_id not in important:
                important.add(span_id)
                span_id = above.get(span_id)
    deepest = len(depths)  # what has no place in the tree
    return sorted(spans, key=lambda s: (s.span_id not in important, depths.get(s.span_id, deepest)))


def _depths(tree: SpanTree) -> tuple[dict[int, int], dict[int, int]]:
    """Return how deep each span is, and which is above it, by their ids."""
    depths = {root.span_id: 0 for root in tree.roots}
    above: dict[int, int] = {}
    todo = list(depths)
    while todo:
        span_id = todo.pop()
        for child in tree.children.get(span_id, ()):
            depths[child.span_id] = depths[span_id] + 1
            above[child.span_id] = span_id
            todo.append(child.span_id)
    return depths, above


# -- too many


def _folded(spans: list[Span], tree: SpanTree, most: int) -> tuple[list[Span], int]:
    """Return no more than `most` spans: the important ones, and some that stand for many.

    Also how many stand for themselves.
    """
    ranked = _ranked(spans, tree)
    room = most - most // 10
    kept = {span.span_id for span in ranked[:room]}
    homes: dict[int, int | None] = {}
    groups: dict[Hashable, list[Span]] = {}
    for span in ranked[room:]:
        above = span.parent_id
        home = homes[span.span_id] = above if above in kept else homes.get(above or 0)
        name = pattern_of(span.name)
        alike = home, service_of(span), span.scope, name, span.kind, span.status
        groups.setdefault(alike, []).append(span)
    largest = sorted(groups.values(), key=len, reverse=True)
    rest = [span for group in largest[most - room - 1 :] for span in group]
    made = [_group(group, homes[group[0].span_id]) for group in largest[: most - room - 1]]
    if rest:
        made.append(_group(rest, None)._replace(name=f"others ×{len(rest):,}"))
    whole = [*(span for span in spans if span.span_id in kept), *made]
    return whole, sum(c.FOLDED not in span.attributes for span in whole)


def _group(members: list[Span], home: int | None) -> Span:
    """Return the span that stands for `members`, below the span `home`."""
    first = min(members, key=lambda span: span.start_ns)
    if len(members) == 1:
        return first._replace(parent_id=home)
    return first._replace(
        parent_id=home,
        parent_is_remote=False,
        name=f"{pattern_of(first.name)} ×{len(members):,}",
        end_ns=max(span.end_ns or span.start_ns for span in members),
        status_message="",
        attributes={c.FOLDED: len(members)},
        events=(),
        links=(),
    )


# -- too large


def _fitting(spans: list[Span], tree: SpanTree, limit: float) -> list[Span]:
    """Return the most important spans, no more than `limit` bytes of them.

    A span that is too large by itself keeps no others out.
    """
    kept: set[int] = set()
    resources: set[int] = set()
    for span in _ranked(spans, tree):
        # Spans of one process share their resource, which is written once.
        resource = id(tree.complete[span.span_id].resource)
        is_new = resource not in resources
        alone = to_otlp([span if is_new else span._replace(resource=NOTHING)])
        size = _size(_json(alone))
        if size <= limit:
            limit -= size
            kept.add(span.span_id)
            resources.add(resource)
    return [span for span in spans if span.span_id in kept]
