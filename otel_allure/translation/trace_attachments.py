"""What is shown of a trace as a whole, beside `trace_json`: a picture, links. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from allure_commons.model2 import ExecutableItem, Link

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, service_of
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


def trace_link(trace_id: int, name: str, presentation: Presentation) -> Link | None:
    """Return a link to a trace in the backend that the settings name."""
    pattern = presentation.settings.trace_url_pattern
    if not pattern:
        return None
    # Not by `format`: such URLs may have braces of their own.
    url = pattern.replace("{trace_id}", f"{trace_id:032x}")
    return Link(type=TRACE_LINK, url=url, name=name)
