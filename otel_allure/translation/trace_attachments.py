"""What is shown of a trace as a whole: a picture, the complete trace, links. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from allure_commons.model2 import ExecutableItem, Link

from otel_allure.model import conventions as c
from otel_allure.model.spans import NOTHING, Span, service_of
from otel_allure.presentation.presentation import Document, Presentation
from otel_allure.translation.span_tree import SpanTree

if TYPE_CHECKING:
    from otel_allure.translation.waterfall.layout import Bar

# What draws, and what writes a trace, is imported when there is something: most tests have neither.

TRACE_LINK = "trace"
"""Type of links to a backend."""


class Shown(NamedTuple):
    """A span, and the step or fixture that it became."""

    span: Span
    item: ExecutableItem
    depth: int


def is_worth_a_picture(tree: SpanTree) -> bool:
    """Whether there may be something to draw: calls, or steps at the same time.

    A cheap look, as most tests have neither: if any siblings overlap, then two neighbours do.
    """
    return tree.has_calls or any(
        tree.end_ns(one) > other.start_ns
        for below in tree.children.values()
        for one, other in pairwise(below)
    )


def pictures(root: Span, shown: Sequence[Shown], tree: SpanTree) -> Iterator[Document]:
    """Draw what is shown, some forty rows a page, if it is worth it."""
    from otel_allure.translation.waterfall.picture import pages, worth_drawing

    own = service_of(root)
    bars = [_bar(each, own) for each in shown]
    if not worth_drawing(bars):
        return
    drawn = pages(bars, root.start_ns, tree.end_ns(root))
    for number, svg in enumerate(drawn, 1):
        name = "Waterfall" if len(drawn) == 1 else f"Waterfall {number} of {len(drawn)}"
        yield Document(name, "image/svg+xml", "svg", svg)


def _bar(shown: Shown, own_service: str) -> Bar:
    from otel_allure.translation.waterfall.layout import Bar

    span, item, depth = shown
    service = service_of(span)
    return Bar(
        title=item.name,
        depth=depth,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        status=item.status,
        service="" if service == own_service else service,
        is_step=c.KIND in span.attributes and c.FOLDED not in span.attributes,
    )


def whole_trace(tree: SpanTree, presentation: Presentation) -> Document:
    """Return all of a trace as OTLP/JSON, which Jaeger and others open.

    Of one that is too large, the most important spans; the name then says how many.
    """
    from otel_allure.formats.otlp_writer import to_otlp

    spans = [presentation.redaction.span(span) for span in tree.complete.values()]
    body, name = _json(to_otlp(spans)), "trace.json"
    limit = presentation.settings.max_trace_mb * 1_000_000
    if limit and _size(body) > limit:
        kept = _most_important(spans, tree, limit)
        name = f"{name} ({len(kept):,} of {len(spans):,} spans: max_trace_mb)"
        body = _json(to_otlp(kept))
    return Document(name, "application/json", "json", body)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _size(text: str) -> int:
    """Return how large a text is in a file."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))


def _most_important(spans: list[Span], tree: SpanTree, limit: float) -> list[Span]:
    """Return the spans that are kept if no more than `limit` bytes are.

    First what failed, what is the author's, and all that is above these; then what is not deep;
    then what is early. A span that is too large by itself keeps no others out.
    """
    from otel_allure.formats.otlp_writer import to_otlp

    depths, above = _depths(tree)
    important: set[int] = set()
    for span in spans:
        if span.status == "error" or c.KIND in span.attributes:
            span_id: int | None = span.span_id
            while span_id is not None and span_id not in important:
                important.add(span_id)
                span_id = above.get(span_id)
    ranked = sorted(spans, key=lambda s: (s.span_id not in important, depths.get(s.span_id, 0)))
    kept: set[int] = set()
    resources: set[int] = set()
    for span in ranked:
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


def trace_link(trace_id: int, name: str, presentation: Presentation) -> Link | None:
    """Return a link to a trace in the backend that the settings name."""
    pattern = presentation.settings.trace_url_pattern
    if not pattern:
        return None
    # Not by `format`: such URLs may have braces of their own.
    url = pattern.replace("{trace_id}", f"{trace_id:032x}")
    return Link(type=TRACE_LINK, url=url, name=name)
