"""The whole trace as a page whose branches open and close, without a script. Pure.

It is for what the picture and the steps have no room for. Branches that failed are open.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED
from otel_allure.model.spans import Span, is_test, kind_of, service_of
from otel_allure.presentation.durations import duration
from otel_allure.presentation.presentation import Document, Presentation
from otel_allure.translation.bare_results import bare_status
from otel_allure.translation.span_tree import SpanTree

MOST_ROWS = 2000
"""Beyond, the deepest are counts."""

_STYLE = (
    ":root{color-scheme:light dark}body{font:13px -apple-system,'Segoe UI',Roboto,Arial,sans-serif}"
    "details>*:not(summary),p{margin:0 0 0 20px}summary{cursor:pointer}i{opacity:.65}"
    ".x{color:#c81e2b}@media(prefers-color-scheme:dark){.x{color:#ff7f78}}"
)


def trace_view(root: Span, tree: SpanTree, presentation: Presentation) -> Document:
    """Return what is below `root`, as HTML."""
    rows = "".join(_View(root, tree, presentation).rows())
    body = f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>{rows}\n"
    return Document("Whole trace", "text/html", "html", body)


class _View:
    def __init__(self, root: Span, tree: SpanTree, presentation: Presentation) -> None:
        self.root = root
        self.tree = tree
        self.presentation = presentation
        self.own_service = tree.own_service(root)
        self.above: dict[int, int] = {}
        order = self._by_level()
        self.shown = {span.span_id for span in order[:MOST_ROWS]}
        self.failed: set[int] = set()  # and what is above
        self.left_out: dict[int, int] = {}  # of each and all below it, how many are not shown
        for span in reversed(order):
            own, above = span.span_id, self.above.get(span.span_id, 0)
            if own in self.failed or self._is_failure(span):
                self.failed.update((own, above))
            count = self.left_out[own] = self.left_out.get(own, 0) + (own not in self.shown)
            self.left_out[above] = self.left_out.get(above, 0) + count

    def _below(self, span: Span) -> Iterator[Span]:
        """Yield what is below a span; of a phase or the like, what is below that."""
        todo = [span]
        while todo:
            for each in self.tree.children.get(todo.pop().span_id, ()):
                if kind_of(each) in (c.PHASE, c.CONTAINER):
                    todo.append(each)
                elif not is_test(each):
                    yield each

    def _by_level(self) -> list[Span]:
        order = [self.root]
        for span in order:
            below = list(self._below(span))
            self.above.update((each.span_id, span.span_id) for each in below)
            order += below
        return order

    def _is_failure(self, span: Span) -> bool:
        if c.KIND in span.attributes:
            return bare_status(span) in (FAILED, BROKEN)
        return span.status == "error" and self.presentation.outcome(span).status in (FAILED, BROKEN)

    def rows(self) -> Iterator[str]:
        todo: list[Span | str] = [self.root]
        while todo:
            span = todo.pop()
            if isinstance(span, str):
                yield span
                continue
            below = sorted(self._below(span), key=lambda each: each.start_ns)
            shown = [each for each in below if each.span_id in self.shown]
            text = self._text(span)
            if not below:
                yield f"<p>{text}</p>\n"
                continue
            is_open = " open" if span is self.root or span.span_id in self.failed else ""
            yield f"<details{is_open}><summary>{text}</summary>\n"
            more = sum(self.left_out[s.span_id] for s in below if s.span_id not in self.shown)
            todo.append("</details>\n")
            if more:
                todo.append(f"<p><i>… {more:,} more</i></p>\n")
            todo += reversed(shown)

    def _text(self, span: Span) -> str:
        title = html.escape(self.presentation.title(span))
        if self._is_failure(span):
            title = f'<b class="x">✕ {title}</b>'
        took = (
            "unfinished" if span.end_ns is None else duration(max(0, span.end_ns - span.start_ns))
        )
        facts = [took, f"+{duration(max(0, span.start_ns - self.root.start_ns))}"]
        service = service_of(span)
        if service and service != self.own_service and c.KIND not in span.attributes:
            facts.append(html.escape(self.presentation.redaction.text(service)))
        return f"{title} <i>{' · '.join(facts)}</i>"
