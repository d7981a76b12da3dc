"""What is told of an expectation that was not met: words, and a small tree. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from otel_allure.assertions.expectations import Failure
from otel_allure.assertions.view import View
from otel_allure.model.spans import Span

MOST_LINES = 24
"""Of a tree; what is beyond is counted."""
_MOST_NODES = 5_000
_LONGEST_LINE = 110
_MARK = "✗"


def failure_text(asked: str, failure: Failure, view: View) -> str:
    """Return what is told of a failure.

    Args:
        asked: what was expected, as it is written in code.
        failure: what is not so.
        view: the spans that were asked for it.
    """
    verdict = "inconclusive, " if failure.is_inconclusive else ""
    lines = [f"{asked}: {verdict}expected {failure.expected}, found {failure.found}"]
    lines += [failure.hint] if failure.hint else []
    tree = small_tree(view, failure)
    return "\n".join([*lines, *(["", *tree] if tree else [])])


class _Line:
    """A line of the tree: equal ones that follow each other are one."""

    def __init__(self, indent: str, text: str, note: str, is_marked: bool) -> None:
        self.indent, self.text, self.note, self.is_marked = indent, text, note, is_marked
        self.times = 1

    def takes(self, other: _Line) -> bool:
        same = (self.indent, self.text, self.is_marked) == (
            other.indent, other.text, other.is_marked,
        )  # fmt: skip
        if same:
            self.times += 1
            self.note = self.note if self.note == other.note else ""
        return same

    def __str__(self) -> str:
        times = f" ×{self.times:,}" if self.times > 1 else ""
        note = f"   {self.note}" if self.note else ""
        text = f"{_MARK if self.is_marked else ' '} {self.indent}{self.text}{times}{note}"
        return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"


def small_tree(view: View, failure: Failure) -> list[str]:
    """Return the tree with the offenders marked; of a large one what is above them."""
    offenders = {span.span_id for span in failure.offenders}
    is_in_fixture = bool(offenders - {span.span_id for span in view.spans})
    shown = view.content if is_in_fixture else view.spans
    wanted = None
    if offenders and (is_in_fixture or len(shown) > MOST_LINES):
        wanted = view.above(failure.offenders) | offenders
    lines: list[_Line] = []
    for span, depth in _walk(shown, view, wanted):
        title = view.presentation.title(span, view.parent(span))
        note = failure.notes.get(span.span_id, "")
        if span.end_ns is None:
            note = f"{note}, has not ended".lstrip(", ")
        line = _Line("  " * depth, title, note, span.span_id in offenders)
        if not (lines and lines[-1].takes(line)):
            lines.append(line)
    return list(map(str, _cut(lines))) + _hidden(len(lines))


def _cut(lines: list[_Line]) -> list[_Line]:
    return lines[:MOST_LINES]


def _hidden(count: int) -> list[str]:
    return [f"  … {count - MOST_LINES:,} more lines"] if count > MOST_LINES else []


def _walk(
    spans: Sequence[Span], view: View, wanted: Collection[int] | None
) -> Iterator[tuple[Span, int]]:
    """Yield spans and their depth, from above to below; None: all are wanted."""
    known = {span.span_id for span in spans}
    tops = [span for span in spans if _is_top(span, view, known)]
    todo: list[tuple[Span, int]] = [(span, 0) for span in reversed(tops)]
    count = 0
    while todo and count < _MOST_NODES:
        span, depth = todo.pop()
        if wanted is not None and span.span_id not in wanted:
            continue
        count += 1
        yield span, depth
        todo += [(below, depth + 1) for below in reversed(view.children(span))]


def _is_top(span: Span, view: View, known: Collection[int]) -> bool:
    above = view.parent(span)
    return above is None or above.span_id not in known


def names_of(spans: Sequence[Span], view: View, most: int = 8) -> str:
    """Return what there is, for whoever has asked for something else."""
    names = list(dict.fromkeys(map(view.title, spans)))
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more if names else "nothing"
