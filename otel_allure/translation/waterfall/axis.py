"""The axis of time: what is drawn covers it, and what is long and tells nothing is cut out.

Gaps, in which no call runs, and no step that has no more below it, make a test illegible that is
short beside them. So do set-up and tear-down. They are broken: drawn a few pixels wide, with their
length.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from otel_allure.presentation.durations import MINUTE, UNITS, duration
from otel_allure.translation.waterfall.layout import Area, Form, Row, children_of, extent_of
from otel_allure.translation.waterfall.text import number, width_of

BREAK = 26  # pixels of what is cut out
_MOST_BROKEN = 0.45  # of the axis
_LEAST_BROKEN_NS = 5_000_000
_MOST_BREAKS = 3  # in set-up or in tear-down; beyond, all that is between them is one
_TICK = 60  # pixels from one to the next, at least
_TICKS = (
    *(digit * 10**power for power in range(10) for digit in (1, 2, 5)),
    *(10 * 10**9, 20 * 10**9, 30 * 10**9),
    *(digit * 10**power * MINUTE for power in range(12) for digit in (1, 2, 5)),
)
_TICK_UNITS = (("min", MINUTE), *((name, unit) for name, unit in UNITS if unit < MINUTE))


class Stretch(NamedTuple):
    """A part of the axis, which is true to scale or broken."""

    begin: int
    end: int
    is_broken: bool


class Tick(NamedTuple):
    """A place on the axis; its label is empty where there is no room."""

    x: float
    label: str
    is_break: bool


def stretches_of(rows: Sequence[Row], areas: Sequence[Area]) -> list[Stretch]:
    """Return the parts of the axis for all rows, one after the other."""
    begin, end = extent_of(rows)
    focus = next((area for area in areas if area.is_focus), None)
    if focus is not None:
        begin, end = min(begin, focus.start_ns), max(end, focus.end_ns)
    first, last = (begin, end) if focus is None else (focus.start_ns, focus.end_ns)
    before: list[_Segment] = []
    inside: list[_Segment] = []
    after: list[_Segment] = []
    for segment in _segments(rows, {begin, end, first, last}):
        place = before if segment.begin < first else inside if segment.begin < last else after
        place.append(segment)
    shown = _without_gaps(inside)
    limit = sum(s.end - s.begin for s in shown if not s.is_broken)
    around = (_cut_short(before, limit), shown, _cut_short(after, limit))
    stretches = _merged(stretch for part in around for stretch in part)
    if all(stretch.is_broken for stretch in stretches):
        return [Stretch(begin, end, False)]
    return stretches


class _Segment(NamedTuple):
    """A time in which no bar begins or ends."""

    begin: int
    end: int
    is_busy: bool  # whether a call runs, or a step that has no more below it


def _segments(rows: Sequence[Row], borders: set[int]) -> Iterator[_Segment]:
    end = max(borders)
    changes: Counter[int] = Counter(dict.fromkeys(borders, 0))
    for index, below in enumerate(children_of(rows)):
        bar = rows[index].bar
        start, stop = bar.start_ns, end if bar.end_ns is None else max(bar.start_ns, bar.end_ns)
        is_work = not below or (index > 0 and not bar.is_step)
        changes[start] += is_work
        changes[min(end, stop)] -= is_work
    running = 0
    for at, until in pairwise(sorted(changes)):
        running += changes[at]
        yield _Segment(at, until, running > 0)


def _without_gaps(segments: Sequence[_Segment]) -> list[Stretch]:
    """Break the gaps that are longer than all that is worth seeing."""
    busy = sum(s.end - s.begin for s in segments if s.is_busy)
    limit = max(busy, _LEAST_BROKEN_NS)
    joined = _merged(Stretch(s.begin, s.end, not s.is_busy) for s in segments)
    return [s._replace(is_broken=s.is_broken and s.end - s.begin > limit) for s in joined]


def _cut_short(segments: Sequence[_Segment], limit: int) -> list[Stretch]:
    """Break what is long in a set-up or a tear-down, where that is longer than the test."""
    total = sum(s.end - s.begin for s in segments)
    if total <= max(limit, _LEAST_BROKEN_NS):
        return [Stretch(s.begin, s.end, False) for s in segments]
    least = max(limit // 8, _LEAST_BROKEN_NS)
    cut = [Stretch(s.begin, s.end, s.end - s.begin > least) for s in segments]
    broken = [s for s in _merged(cut) if s.is_broken]
    left = total - sum(s.end - s.begin for s in broken)
    if left > max(limit, _LEAST_BROKEN_NS):
        return [s._replace(is_broken=True) for s in cut]
    if len(broken) > _MOST_BREAKS:
        first, last = broken[0].begin, broken[-1].end
        return [s._replace(is_broken=first <= s.begin and s.end <= last) for s in cut]
    return cut


def _merged(stretches: Iterator[Stretch] | Sequence[Stretch]) -> list[Stretch]:
    """Return neighbours of one kind as one."""
    merged: list[Stretch] = []
    for stretch in stretches:
        if merged and merged[-1].is_broken == stretch.is_broken:
            merged[-1] = merged[-1]._replace(end=stretch.end)
        else:
            merged.append(stretch)
    return merged


class Axis:
    """Where times are in a drawing.

    Args:
        stretches: its parts.
        zero_ns: what its ticks count from.
        form: the columns of the drawing.
    """

    def __init__(self, stretches: Sequence[Stretch], zero_ns: int, form: Form) -> None:
        self.stretches = stretches
        self.zero_ns = zero_ns
        self.begin, self.end = stretches[0].begin, stretches[-1].end
        self.form = form
        room = form.end - form.bars
        breaks = sum(stretch.is_broken for stretch in stretches)
        self.broken = min(BREAK, room * _MOST_BROKEN / max(1, breaks))
        whole = sum(s.end - s.begin for s in stretches if not s.is_broken)
        self.scale = (room - breaks * self.broken) / whole  # pixels a nanosecond
        self._begins = [stretch.begin for stretch in stretches]
        self._lefts = [float(form.bars)]
        for s in stretches:
            width = self.broken if s.is_broken else (s.end - s.begin) * self.scale
            self._lefts.append(self._lefts[-1] + width)

    def x(self, time_ns: int) -> float:
        """Return the place of a time, at an edge if it is beyond."""
        if time_ns >= self.end:
            return self.form.end
        index = max(0, bisect_right(self._begins, time_ns) - 1)
        stretch, left, right = self.stretches[index], *self._lefts[index : index + 2]
        part = (time_ns - stretch.begin) / (stretch.end - stretch.begin)
        return left + max(0.0, part) * (right - left)

    def breaks(self) -> Iterator[tuple[float, str]]:
        """Yield the middle of each part that is broken, and how long it is."""
        for index, stretch in enumerate(self.stretches):
            if stretch.is_broken:
                middle = (self._lefts[index] + self._lefts[index + 1]) / 2
                yield middle, duration(stretch.end - stretch.begin)

    def ticks(self, size: float) -> list[Tick]:
        """Return the places of round durations, 0 is the start of the test, and the breaks.

        Those of breaks come first: where labels of `size` would touch, the second has none.
        """
        ticks = [Tick(x, label, True) for x, label in self.breaks()]
        ticks += [Tick(x, label, False) for x, label in self._round_times()]
        taken: list[tuple[float, float]] = []
        shown: list[Tick] = []
        for tick in ticks:
            half = width_of(tick.label, size) / 2 + 3
            left, right = tick.x - half, tick.x + half
            fits = left >= 0 and right <= self.form.width
            if not fits or any(left < end and begin < right for begin, end in taken):
                tick = tick._replace(label="")
            else:
                taken.append((left, right))
            shown.append(tick)
        return shown

    def _round_times(self) -> Iterator[tuple[float, str]]:
        step = next((s for s in _TICKS if s * self.scale >= _TICK), None)
        if step is None:
            step = max(1, int(_TICK / self.scale))
        length = int((self.form.end - self.form.bars) / self.scale)
        units = ((n, u) for n, u in _TICK_UNITS if u <= max(1, length) and step * 10 % u == 0)
        name, unit = next(units, ("ns", 1))
        for s in self.stretches:
            if s.is_broken:
                continue
            first = -((self.zero_ns - s.begin) // step) * step
            for time_ns in range(first, s.end - self.zero_ns + 1, step):
                yield self.x(self.zero_ns + time_ns), f"{number(time_ns / unit)} {name}"
