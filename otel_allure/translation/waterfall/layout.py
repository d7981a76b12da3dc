"""What is where in a waterfall: rows, and the axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otel_allure.presentation.durations import MINUTE, UNITS
from otel_allure.translation.waterfall.text import number

ROWS = 40
"""Most rows of a page."""

WIDTH = 860
"""Width of a page in pixels; everything else follows from the columns below."""

LABELS = 14  # left edge of the titles of the first level
BARS = 302  # left edge of the time axis
END = 796  # right edge of the time axis; right of it is room for the duration of the longest bar
ROW = 18
INDENT, DEEPEST = 12, 132  # pixels a level, and of the deepest level of all
LEAST = 2  # pixels of the shortest bar
STRIP = 14  # height of the profile of concurrency

SEEN_NS = 1_000_000  # what is shorter is nothing in a report


class Bar(NamedTuple):
    """A row of the picture: a step, fixture or span. Parents come before what is below them.

    Attributes:
        depth: 0 for the test's direct children.
        end_ns: None while it had not ended.
        status: as in Allure: `passed`, `failed`, `broken`, `skipped` or `unknown`.
        service: name of the service; empty for the test's own process.
        is_step: whether it is a step or fixture of the test's author, else it is a span from
            instrumentation.
        note: shown after the title, which makes room for it; a count for example.
    """

    title: str
    depth: int
    start_ns: int
    end_ns: int | None
    status: str
    service: str
    is_step: bool
    note: str = ""


class Row(NamedTuple):
    """A bar and where it is drawn."""

    bar: Bar
    level: int  # the depth, without gaps
    parent: int | None  # index of the row
    above: int | None  # index of the sibling before it, else of the parent
    beside_ns: float  # how long a sibling before it was still running


def rows_of(bars: Sequence[Bar]) -> list[Row]:
    """Return the rows of bars, which come in the order of a tree."""
    rows: list[Row] = []
    open_rows: list[int] = []
    last: dict[int | None, tuple[int, float]] = {}  # parent -> its last child, and their last end
    for index, bar in enumerate(bars):
        while open_rows and bars[open_rows[-1]].depth >= bar.depth:
            open_rows.pop()
        parent = open_rows[-1] if open_rows else None
        above, until = last.get(parent, (parent, bar.start_ns))
        end = float("inf") if bar.end_ns is None else bar.end_ns
        beside_ns = max(0, min(until, end) - bar.start_ns)
        rows.append(Row(bar, len(open_rows), parent, above, beside_ns))
        last[parent] = (index, max(end, until))
        open_rows.append(index)
    return rows


_MOST_TICKS = 8

_TICKS = (
    *(digit * 10**power for power in range(10) for digit in (1, 2, 5)),
    *(10 * 10**9, 20 * 10**9, 30 * 10**9),
    *(digit * 10**power * MINUTE for power in range(12) for digit in (1, 2, 5)),
)
_TICK_UNITS = (("min", MINUTE), *((name, unit) for name, unit in UNITS if unit < MINUTE))


class _Axis(NamedTuple):
    begin: int
    end: int
    test_start: int
    test_end: int

    def x(self, time_ns: int) -> float:
        """Return the place of a time, at an edge if it is beyond."""
        part = (time_ns - self.begin) / (self.end - self.begin)
        return BARS + min(1.0, max(0.0, part)) * (END - BARS)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places and labels; 0 is the start of the test."""
        length = self.end - self.begin
        step = next((s for s in _TICKS if length // s < _MOST_TICKS), length)
        name, unit = next((n, u) for n, u in _TICK_UNITS if u <= length and step * 10 % u == 0)
        first = -((self.test_start - self.begin) // step)
        times = range(first * step, self.end - self.test_start + 1, step)
        return [(self.x(self.test_start + t), f"{number(t / unit)} {name}") for t in times]


def axis_of(bars: Sequence[Bar], start_ns: int, end_ns: int) -> _Axis:
    """Return the axis that shows `bars`, with ticks at round durations."""
    first = min(bar.start_ns for bar in bars)
    last = max(bar.start_ns if bar.end_ns is None else bar.end_ns for bar in bars)
    if end_ns <= start_ns:
        start_ns, end_ns = first, max(last, first + 1)
    length = end_ns - start_ns
    begin = max(min(first, start_ns), start_ns - length)
    end = min(max(last, end_ns), end_ns + length)
    return _Axis(begin, end, start_ns, end_ns)
