"""What a test was waiting for, at each time: to make it quicker, that has to be quicker."""

from __future__ import annotations

from collections.abc import Sequence

from otel_allure.translation.waterfall.layout import Row, children_of

Stretches = list[tuple[int, int]]


def critical_path(rows: Sequence[Row]) -> dict[int, Stretches]:
    """Return by rows the times in which the first row waited for nothing else.

    Going back from its end: what ended last was waited for, and before it began, what had ended
    last by then.
    """
    ends = [row.bar.start_ns if row.bar.end_ns is None else row.bar.end_ns for row in rows]
    children = [sorted(below, key=ends.__getitem__, reverse=True) for below in children_of(rows)]
    found: dict[int, Stretches] = {}
    todo = [(0, rows[0].bar.start_ns, ends[0])] if rows else []
    while todo:
        index, start, until = todo.pop()
        own: Stretches = []
        end_of_all = until
        for child in children[index]:
            begin, end = max(start, rows[child].bar.start_ns), min(ends[child], end_of_all)
            if begin < end <= until:
                own.append((end, until))
                todo.append((child, begin, end))
                until = begin
        own.append((start, until))
        found[index] = [each for each in own if each[0] < each[1]]
    return found
