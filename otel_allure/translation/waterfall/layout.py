"""What is where in a waterfall: rows, and the columns of a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ROWS = 40
"""Most rows of a picture."""

INDENT = 12  # pixels a level
LEAST = 2  # pixels of the shortest bar
STRIP = 14  # height of the profile of concurrency

SEEN_NS = 1_000_000  # what is shorter is nothing in a report


class Form(NamedTuple):
    """The columns of a drawing, in pixels.

    Attributes:
        width: of the picture.
        bars: left edge of the time axis.
        end: right edge of the time axis; right of it is room for the duration of the longest bar.
        row: height of a row.
        rows: most of them.
        deepest: the indentation of the deepest level of all.
        is_narrow: whether titles stand above their bars, not beside them.
    """

    width: int
    bars: int
    end: int
    row: int
    rows: int
    deepest: int
    is_narrow: bool = False

    @property
    def label_end(self) -> int:
        """Right edge of the titles."""
        return self.width - 4 if self.is_narrow else self.bars - 4


WIDE = Form(860, 302, 796, 18, ROWS, 132)
NARROW = Form(280, 8, 222, 30, 20, 48, is_narrow=True)
"""For screens of 390 pixels: drawn anew, as one that is scaled to a third cannot be read."""


class Served(NamedTuple):
    """The server's part of a call."""

    service: str
    start_ns: int
    end_ns: int | None


class Bar(NamedTuple):
    """A row of the picture: a step, fixture or span. Parents come before what is below them.

    Attributes:
        depth: 0 for the first one, the test, if there is such a bar.
        end_ns: None while it had not ended.
        status: as in Allure: `passed`, `failed`, `broken`, `skipped` or `unknown`.
        service: name of the service; empty for the test's own process.
        is_step: whether it is a step or fixture of the test's author, else it is a span from
            instrumentation.
        note: shown after the title, which makes room for it; a count for example.
        pieces: where it stands for several, from when until when each of them ran.
        is_group: whether it stands for equal calls, of which those below it are examples.
        served: of a call, what its server did.
    """

    title: str
    depth: int
    start_ns: int
    end_ns: int | None
    status: str
    service: str
    is_step: bool
    note: str = ""
    pieces: Sequence[tuple[int, int]] = ()
    is_group: bool = False
    served: Served | None = None


class Area(NamedTuple):
    """A part of the time with a name: set-up, test, tear-down.

    Attributes:
        is_focus: whether it is what the picture is about. Of others much is left out, if they take
            longer than that.
    """

    name: str
    start_ns: int
    end_ns: int
    is_focus: bool


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


def children_of(rows: Sequence[Row]) -> list[list[int]]:
    """Return the indices of the rows below each row."""
    children: list[list[int]] = [[] for _ in rows]
    for index, row in enumerate(rows):
        if row.parent is not None:
            children[row.parent].append(index)
    return children


def extent_of(rows: Sequence[Row]) -> tuple[int, int]:
    """Return when the first bar begins and the last one ends."""
    begin = min(row.bar.start_ns for row in rows)
    end = max(row.bar.start_ns if row.bar.end_ns is None else row.bar.end_ns for row in rows)
    return begin, max(end, begin + 1)
