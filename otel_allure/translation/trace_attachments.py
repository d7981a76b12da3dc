"""What is shown of a trace as a whole, beside `trace_json`: a picture, links. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from allure_commons.model2 import ExecutableItem, Link, TestResult

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, is_test, kind_of, service_of
from otel_allure.presentation.presentation import Document, Presentation
from otel_allure.translation.span_tree import SpanTree

if TYPE_CHECKING:
    from otel_allure.translation.waterfall.layout import Area, Bar, Served

# What draws, and what writes a trace, is imported when there is something: most tests have neither.

TRACE_LINK = "trace"
"""Type of links to a backend."""


class Shown(NamedTuple):
    """A span, and the step or fixture that it became.

    Attributes:
        layers: other spans of the same call, which are in the same step.
    """

    span: Span
    item: ExecutableItem
    depth: int
    layers: Sequence[Span] = ()


def is_worth_a_picture(tree: SpanTree) -> bool:
    """Whether there may be something to draw: calls, or steps at the same time.

    A cheap look, as most tests have neither: if any siblings overlap, then two neighbours do.
    """
    return tree.has_calls or any(
        tree.end_ns(one) > other.start_ns
        for below in tree.children.values()
        for one, other in pairwise(below)
    )


class Pictures(NamedTuple):
    """What is drawn of a trace.

    Attributes:
        wide: a picture.
        narrow: the same for a narrow screen.
        documents: the picture, and a view of the whole trace where that has no room in it. Or all
            pages, as the setting `waterfall` says.
    """

    wide: str
    narrow: str
    documents: list[Document]


def pictures(
    root: Span,
    result: TestResult,
    shown: Sequence[Shown],
    tree: SpanTree,
    presentation: Presentation,
) -> Pictures | None:
    """Draw what is shown, if it is worth it."""
    from otel_allure.translation.waterfall.layout import ROWS
    from otel_allure.translation.waterfall.picture import Waterfall, worth_drawing

    areas = list(_areas(root, tree))
    bars = list(_bars(root, result, shown, areas))
    if not worth_drawing(bars):
        return None
    waterfall = Waterfall(bars, areas)
    wide = waterfall.picture()
    if presentation.settings.waterfall == "all" and len(bars) > ROWS:
        pages = waterfall.pages()
        named = [(f"Waterfall {i} of {len(pages)}", svg) for i, svg in enumerate(pages, 1)]
    else:
        named = [("Waterfall", wide)]
    documents = [Document(name, "image/svg+xml", "svg", svg) for name, svg in named]
    if len(named) == 1 and len(tree.by_id) > ROWS:
        from otel_allure.translation.trace_view import trace_view

        documents.append(trace_view(root, tree, presentation))
    return Pictures(wide, waterfall.narrow_picture(), documents)


_AREAS = {"setup": "set-up", "call": "test", "teardown": "tear-down"}


def _areas(root: Span, tree: SpanTree) -> Iterator[Area]:
    """Yield the phases of a test. The picture is about its call, or about the one that failed."""
    from otel_allure.translation.waterfall.layout import Area

    phases = {
        str(span.attributes.get(c.PHASE_NAME)): span
        for span in tree.children.get(root.span_id, ())
        if kind_of(span) == c.PHASE and span.end_ns is not None
    }
    failed_in = root.attributes.get(c.FAILED_IN)
    focus = next((name for name in (failed_in, "call", "setup") if name in phases), None)
    for name, span in phases.items():
        if name in _AREAS:
            yield Area(_AREAS[name], span.start_ns, tree.end_ns(span), name == focus)


def _bars(
    root: Span, result: TestResult, shown: Sequence[Shown], areas: Sequence[Area]
) -> Iterator[Bar]:
    """Yield the test and what is below it."""
    from otel_allure.translation.waterfall.layout import Bar

    call = next((area for area in areas if area.name == _AREAS["call"]), None)
    unnamed = "" if is_test(root) else _UNNAMED
    own = service_of(root)
    is_in_fixture = False
    outer: list[int] = []  # until when that runs by which a fixture was asked for
    for span, item, depth, layers in (Shown(root, result, -1), *shown):
        is_step = c.KIND in span.attributes or is_test(span)
        is_fixture = kind_of(span) == c.FIXTURE
        is_in_fixture = is_fixture or (is_in_fixture and depth > 0)
        if is_fixture:
            while outer and outer[-1] <= span.start_ns:
                outer.pop()
            outer.append(span.start_ns if span.end_ns is None else span.end_ns)
        elif depth == 0:
            outer = [span.end_ns] if is_step and span.end_ns is not None else []
        service = service_of(span)
        yield Bar(
            title=item.name,
            depth=depth + 1 + (max(0, len(outer) - 1) if is_in_fixture else 0),
            start_ns=call.start_ns if call and span is root else span.start_ns,
            end_ns=call.end_ns if call and span is root else span.end_ns,
            status=item.status,
            service=("" if service == own else service) if is_step else service or unnamed,
            is_step=is_step and c.FOLDED not in span.attributes,
            is_group=c.FOLDED in span.attributes,
            served=_served(span, layers, unnamed),
        )


def _served(span: Span, layers: Sequence[Span], unnamed: str) -> Served | None:
    from otel_allure.translation.waterfall.layout import Served

    server = next((each for each in layers if each.kind != span.kind), None)
    if server is None:
        return None
    return Served(service_of(server) or unnamed, server.start_ns, server.end_ns)


_UNNAMED = "unnamed service"


def trace_link(trace_id: int, name: str, presentation: Presentation) -> Link | None:
    """Return a link to a trace in the backend that the settings name."""
    pattern = presentation.settings.trace_url_pattern
    if not pattern:
        return None
    # Not by `format`: such URLs may have braces of their own.
    url = pattern.replace("{trace_id}", f"{trace_id:032x}")
    return Link(type=TRACE_LINK, url=url, name=name)
