"""The spans of a test -> SVG pictures of them on a time axis. Pure.

The report tools list steps one below the other, so concurrent work looks sequential there. They
draw the pictures in an `<img>`: no scripts, no tooltips, no fonts of ours, at most 800 px high
and, in Allure 3, about as wide as `WIDE`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

from otel_allure.presentation.durations import duration
from otel_allure.translation.waterfall.axis import BREAK, Axis, stretches_of
from otel_allure.translation.waterfall.critical_path import critical_path
from otel_allure.translation.waterfall.layout import (
    INDENT,
    LEAST,
    NARROW,
    SEEN_NS,
    STRIP,
    WIDE,
    Area,
    Bar,
    Form,
    Row,
    rows_of,
)
from otel_allure.translation.waterfall.selection import Selection
from otel_allure.translation.waterfall.style import (
    COLOURS,
    ERRORS,
    FONT,
    MARKS,
    OWN_PROCESS,
    SMALL,
    colours_of,
    definitions,
    services_of,
)
from otel_allure.translation.waterfall.text import (
    clean,
    fair_share,
    number,
    shortened,
    width_of,
    xml,
)

_LONGEST = 300  # characters of the full text of a title that is shortened
_LONGEST_NOTE = 80  # pixels


def worth_drawing(bars: Sequence[Bar]) -> bool:
    """Whether the picture shows what the list of steps does not.

    It does with spans from instrumentation, or with bars of the same level that run at the same
    time, for as long as can be seen. A single bar below the first one is no picture, nor are a few
    steps one after the other.
    """
    if len(bars) < 3:
        return False
    return any(not bar.is_step for bar in bars[1:]) or any(
        r.beside_ns >= SEEN_NS for r in rows_of(bars)
    )


class Waterfall:
    """The pictures of a tree of bars, on one axis that covers all of them.

    Args:
        bars: in the order of the rows; the first is the test, or whatever the others are below.
        areas: parts of the time that have a name. The axis counts from the start of the one that
            is the focus, or else of the first bar.
    """

    def __init__(self, bars: Sequence[Bar], areas: Sequence[Area] = ()) -> None:
        self.rows = rows_of(bars)
        self.areas = areas
        self.colours = colours_of(bars)
        self.stretches = stretches_of(self.rows, areas)
        focus = next((area for area in areas if area.is_focus), None)
        self.zero_ns = bars[0].start_ns if focus is None else focus.start_ns
        is_concurrent = any(row.beside_ns >= SEEN_NS for row in self.rows)
        self.critical = critical_path(self.rows) if is_concurrent else {}

    @cached_property
    def wide(self) -> Selection:
        """What the wide picture shows."""
        return Selection(self.rows, self.critical, WIDE.rows)

    def picture(self) -> str:
        """Draw the most telling rows, as an SVG document."""
        return _Drawing(self, WIDE, self.wide).page(0)

    def narrow_picture(self) -> str:
        """Draw the same for a narrow screen."""
        return _Drawing(self, NARROW, Selection(self.rows, self.critical, NARROW.rows)).page(0)

    def pages(self) -> list[str]:
        """Draw all rows, as SVG documents of at most `WIDE.rows` each."""
        drawing = _Drawing(self, WIDE, Selection(self.rows, self.critical, None))
        return [drawing.page(first) for first in range(0, len(self.rows), WIDE.rows)]


# -- pictures


class _Drawing:
    """What the pages of a trace have in common."""

    def __init__(self, waterfall: Waterfall, form: Form, selection: Selection) -> None:
        self.waterfall = waterfall
        self.form = form
        self.rows = selection.rows
        self.critical = selection.critical
        services = {name for row in self.rows for name in services_of(row.bar)}
        self.colours = {s: look for s, look in waterfall.colours.items() if s in services}
        self.axis = Axis(waterfall.stretches, waterfall.zero_ns, form)
        self.ticks = self.axis.ticks(SMALL)
        deepest = max(1, max(row.level for row in self.rows))
        self.indent = min(INDENT, form.deepest / deepest)

    # -- facts

    @cached_property
    def _at_once(self) -> dict[int, int]:
        """Return from which pixel of the axis on how much ran at once, of all rows.

        What waits for something below it does not count, so sequential work counts as one. What
        cannot be seen, as it is shorter than a pixel, may be missing.
        """
        rows = self.waterfall.rows
        changes: dict[int, int] = {}
        covered: dict[int, int] = {}  # row -> until when something below it ran
        extents = [(row.bar.start_ns, self._end(row.bar)) for row in rows]
        for index in sorted(range(len(rows)), key=extents.__getitem__):
            start, end = extents[index]
            _add(changes, start, end, 1)
            parent = rows[index].parent
            if parent is not None:
                first, last = extents[parent]
                first, last = max(start, first, covered.get(parent, first)), min(end, last)
                if first < last:
                    _add(changes, first, last, -1)
                    covered[parent] = last
        level, levels = 0, {0: 0}
        for time_ns in sorted(changes):
            level += changes[time_ns]
            levels[self._first_pixel(time_ns)] = level
        levels.pop(self.form.end - self.form.bars, None)
        return levels

    def _first_pixel(self, time_ns: int) -> int:
        """Return the first pixel whose middle is not before a time."""
        return math.ceil(round(self.axis.x(time_ns) - self.form.bars - 0.5, 6))

    @property
    def _most_at_once(self) -> int:
        return max(self._at_once.values())

    def _end(self, bar: Bar) -> int:
        return max(bar.start_ns, self.axis.end if bar.end_ns is None else bar.end_ns)

    @cached_property
    def _areas(self) -> list[tuple[str, float, float, bool]]:
        """Return names and edges of the areas that can be seen, if there are several."""
        axis = self.axis
        found = [
            (area.name, axis.x(area.start_ns), axis.x(area.end_ns), area.is_focus)
            for area in self.waterfall.areas
            if area.start_ns < axis.end and area.end_ns > axis.begin
        ]
        seen = [area for area in found if area[2] - area[1] >= LEAST]
        return seen if any(not is_focus for _, _, _, is_focus in seen) else []

    @cached_property
    def _summary(self) -> str:
        """Return what the picture says, for those who cannot see it."""
        waterfall, rows = self.waterfall, self.waterfall.rows
        errors = sum(row.bar.status in ERRORS for row in rows)
        first = rows[0].bar
        services = ", ".join(clean(name) for name in waterfall.colours if name)
        facts = {
            duration(self._end(first) - first.start_ns): True,
            f"{len(rows)} rows": True,
            f"up to {self._most_at_once} at once": True,
            f"services: {services}": bool(services),
            f"{errors} with errors": errors > 0,
        }
        return ", ".join(fact for fact, holds in facts.items() if holds)

    def _range(self, first: int) -> str:
        count = len(self.rows)
        if count <= self.form.rows:
            return ""
        return f"{first + 1}-{min(first + self.form.rows, count)} of {count} rows"

    # -- drawing; `y` is where the next thing goes

    def page(self, first: int) -> str:
        form = self.form
        rows = self.rows[first : first + form.rows]
        head: list[str] = []
        y = self._head(head, first)
        top, bottom = y, y + len(rows) * form.row
        height = bottom + 6
        stripes = "".join(
            f"M4 {number(top + (i + 0.5) * form.row)}H{form.width - 4}"
            for i in range(0, len(rows), 2)
        )
        parts = [
            f'<rect class="b" width="{form.width}" height="{height}" rx="6"/>',
            f'<path class="z" d="{stripes}"/>',
            *self._background(top, bottom),
            *head,
            *self._guides(first, top, bottom),
            *(self._row(first + i, top + i * form.row) for i in range(len(rows))),
            *self._breaks(top, len(rows)),
        ]
        title = clean(self.rows[0].bar.title[:_LONGEST])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {form.width} {height}" '
            f'width="{form.width}" height="{height}" role="img" aria-labelledby="t e">'
            f'<title id="t">{xml(title) or "Waterfall"}</title>'
            f'<desc id="e">{xml(self._summary)}</desc>{definitions(form)}{"".join(parts)}</svg>'
        )

    def _head(self, parts: list[str], first: int) -> int:
        y = 4
        pages = self._range(first)
        if pages:
            y += 18
            parts.append(f'<text class="n" x="{self.form.width - 8}" y="{y - 4}">{pages}</text>')
        if self._legend:
            y = self._draw_legend(parts, y)
        y = self._strip(parts, y) if first == 0 else y
        y = self._names_of_areas(parts, y)
        y += 16
        parts.append(self._path_above(first, y - 4))
        parts += [
            f'<text class="k{" u" if tick.is_break else ""}" x="{number(tick.x)}" y="{y - 4}">'
            f"{tick.label}</text>"
            for tick in self.ticks
            if tick.label
        ]
        return y

    def _path_above(self, first: int, y: int) -> str:
        """Say where the first row of a page belongs, if what is above it is on another one."""
        titles: list[str] = []
        parent = self.rows[first].parent
        while parent is not None and len(titles) < self.form.rows:
            titles.append(clean(self.rows[parent].bar.title[:_LONGEST]))
            parent = self.rows[parent].parent
        if not titles:
            return ""
        text = shortened("in " + " / ".join(reversed(titles)), self.form.bars - 40, SMALL)
        return f'<text class="d" x="8" y="{y}">{xml(text)}</text>'

    @cached_property
    def _legend(self) -> list[tuple[str, str]]:
        return list(self._meanings())

    def _meanings(self) -> Iterator[tuple[str, str]]:
        """Yield shapes, 12 pixels wide and on a base line, and what they mean."""
        if self.colours:
            if any(row.bar.is_step and not row.bar.service for row in self.rows):
                yield '<rect class="s" y="-7" width="12" height="5" rx="1"/>', "step"
            shown = [(s, c) for s, c in self.colours.items() if c != f"c{COLOURS}"]
            for service, colour in shown:
                name = clean(service[:_LONGEST]) or OWN_PROCESS
                yield f'<rect class="{colour}" y="-9" width="12" height="10" rx="1.5"/>', name
            more = len(self.colours) - len(shown)
            if more:
                shape = f'<rect class="c{COLOURS}" y="-9" width="12" height="10" rx="1.5"/>'
                yield shape, f"+{more} more"
        if any(row.beside_ns for row in self.rows):
            yield '<path class="p" d="M6-10V2"/>', "at the same time"
        if self.critical:
            yield '<path class="y" d="M0-5h12v2h-12z"/>', "critical path"
        if any(stretch.is_broken for stretch in self.axis.stretches):
            yield '<path class="w" d="M4-10V2M8-10V2"/>', "time left out"

    def _draw_legend(self, parts: list[str], y: int) -> int:
        """Draw the legend, in as many lines as it needs."""
        most = self.form.width - 16
        widths = [width_of(text, SMALL) for _, text in self._legend]
        share = min(most - 30.0, fair_share(widths, 2 * most - 30 * len(widths)))
        x, y = 8.0, y + 18
        for shape, text in self._legend:
            text = shortened(text, share, SMALL)
            width = 30 + width_of(text, SMALL)
            if x > 8 and x + width > 8 + most:
                x, y = 8.0, y + 16
            parts.append(
                f'<g transform="translate({number(x)} {y - 4})">{shape}'
                f'<text class="d" x="17">{xml(text)}</text></g>'
            )
            x += width
        return y

    def _strip(self, parts: list[str], y: int) -> int:
        """Draw the profile of concurrency, if there is any."""
        most, bars = self._most_at_once, self.form.bars
        if most < 2:
            return y
        y += STRIP + 4
        text = f"up to {most} at once"
        if self.form.is_narrow:
            parts.append(f'<text class="d" x="{self.form.end + 4}" y="{y - 4}">max. {most}</text>')
        else:
            parts.append(f'<text class="n" x="{bars - 8}" y="{y - 4}">{text}</text>')
        moves = "".join(
            f"H{bars + pixel}V{number(y - level * STRIP / most)}"
            for pixel, level in self._at_once.items()
        )
        parts.append(f'<path class="a" d="M{bars} {y}{moves}H{self.form.end}V{y}z"/>')
        return y

    def _names_of_areas(self, parts: list[str], y: int) -> int:
        if not self._areas:
            return y
        y += 14
        taken: list[tuple[float, float]] = []
        for name, left, right, _ in sorted(self._areas, key=lambda area: area[3]):
            half = width_of(name, SMALL) / 2
            x = min((left + right) / 2, self.form.width - 4 - half)
            if not any(x - half < end and begin < x + half for begin, end in taken):
                taken.append((x - half, x + half))
                parts.append(f'<text class="k" x="{number(x)}" y="{y - 3}">{xml(name)}</text>')
        return y

    def _background(self, top: int, bottom: int) -> Iterator[str]:
        for _, left, right, is_focus in self._areas:
            if not is_focus:
                yield (
                    f'<rect class="o" x="{number(left)}" y="{top}" '
                    f'width="{number(right - left)}" height="{bottom - top}"/>'
                )
        ticks = [tick for tick in self.ticks if not tick.is_break]
        lines = "".join(f"M{number(tick.x)} {top}V{bottom}" for tick in ticks)
        yield f'<path class="g" d="{lines}"/>'

    def _breaks(self, top: int, rows: int) -> Iterator[str]:
        """Cut the picture through where time is left out; but not the titles."""
        bottom = top + rows * self.form.row
        parts = [(top, bottom)]
        if self.form.is_narrow:
            parts = [(y + 15, y + self.form.row) for y in range(top, bottom, self.form.row)]
        for left, right in self._cuts:
            cut, lines = "", ""
            for begin, end in parts:
                cut += f"M{number(left)} {begin}H{number(right)}V{end}H{number(left)}z"
                lines += "".join(f"M{number(x)} {begin}V{end}" for x in (left, right))
            yield f'<path class="b" d="{cut}"/><path class="w" d="{lines}"/>'

    @cached_property
    def _cuts(self) -> list[tuple[float, float]]:
        """Return the edges of the cuts through the picture."""
        half = max(1.0, self.axis.broken / BREAK * 3)
        return [(x - half, x + half) for x, _ in self.axis.breaks()]

    @cached_property
    def _links(self) -> dict[int, list[int]]:
        """Return for every page which rows have a line to the row above them that crosses it."""
        links: dict[int, list[int]] = {}
        for index, row in enumerate(self.rows):
            if row.above is not None and (row.beside_ns or row.level):
                for page in range(row.above // self.form.rows, index // self.form.rows + 1):
                    links.setdefault(page, []).append(index)
        return links

    def _guides(self, first: int, top: int, bottom: int) -> Iterator[str]:
        """Draw the lines of the tree, thick ones along siblings that ran at the same time."""
        lines = {"l": "", "p": ""}
        height = self.form.row
        middle = 9 / height  # of the title's line
        for index in self._links.get(first // self.form.rows, ()):
            row = self.rows[index]
            assert row.above is not None
            is_first = row.above == row.parent
            start = top + (row.above - first + (2 * middle if is_first else middle)) * height
            end = top + (index - first + middle) * height
            x = self._label_x(row) - 6
            line = f"M{number(x)} {number(max(top, start))}V{number(min(bottom, end))}"
            lines["l"] += line + ("h4" if end < bottom and row.level else "")
            if row.beside_ns:
                lines["p"] += line
        return (f'<path class="{name}" d="{d}"/>' for name, d in lines.items() if d)

    def _label_x(self, row: Row) -> float:
        return 14 + max(0, row.level - 1) * self.indent if row.level else 8

    def _row(self, index: int, y: int) -> str:
        row = self.rows[index]
        bar = row.bar
        colour = self.colours.get(bar.service, "s") if bar.service or not bar.is_step else "s"
        error = " x" if bar.status in ERRORS else ""
        its_y = y + 13 if self.form.is_narrow else y  # where its bar is
        return (
            f'<g class="r {colour}{error}">{self._label(row, y + 13)}{self._bar(bar, its_y)}'
            f"{self._length(bar, its_y + 13)}{self._critical(index, its_y)}</g>"
        )

    def _label(self, row: Row, y: int) -> str:
        bar = row.bar
        x = self._label_x(row)
        full = clean(bar.title[:_LONGEST])
        mark = MARKS.get(bar.status, "")
        note = shortened(clean(bar.note[:_LONGEST]), _LONGEST_NOTE, SMALL)
        room = self.form.label_end - 4 - x - width_of(mark, FONT)
        room -= width_of(note, SMALL) + 6 if note else 0
        title = shortened(full, room, FONT)
        more = f"<title>{xml(full)}</title>" if title != full else ""
        tail = f'<tspan class="d" dx="6">{xml(note)}</tspan>' if note else ""
        look = "" if row.level else ' class="h"'
        return f'{more}<text{look} x="{number(x)}" y="{y}">{mark}{xml(title)}{tail}</text>'

    def _bar(self, bar: Bar, y: int) -> str:
        thick = 8 if self.form.is_narrow else 11
        height = 6 if bar.is_step or bar.served else thick
        drawn = self._rects(bar, y, height)
        if bar.served:
            until = self._end(bar)  # clocks of others may be wrong
            start_ns = min(until, max(bar.start_ns, bar.served.start_ns))
            end_ns = until if bar.served.end_ns is None else bar.served.end_ns
            end_ns = max(start_ns, min(until, end_ns))
            inner = bar._replace(start_ns=start_ns, end_ns=end_ns, pieces=())
            colour = self.colours[bar.served.service]
            drawn += self._rects(inner, y, thick, f' class="{colour}"')
        return drawn

    def _rects(self, bar: Bar, y: int, height: int, look: str = "") -> str:
        fade = ' mask="url(#m)"' if bar.end_ns is None else ""
        return "".join(
            f'<rect{look} x="{number(left)}" y="{number(y + (18 - height) / 2)}" '
            f'width="{number(right - left)}" height="{height}" rx="1.5"{fade}/>'
            for left, right in self._places(bar)
        )

    def _places(self, bar: Bar) -> list[tuple[float, float]]:
        """Return the edges of a bar, or of its pieces that can be told apart."""
        places: list[tuple[float, float]] = []
        for start, end in sorted(bar.pieces) or [(bar.start_ns, self._end(bar))]:
            left = min(self.axis.x(start), self.form.end - LEAST)
            right = max(left + LEAST, self.axis.x(max(start, end)))
            if places and left <= places[-1][1] + 1:
                places[-1] = places[-1][0], max(right, places[-1][1])
            else:
                places.append((left, right))
        return places

    def _critical(self, index: int, y: int) -> str:
        lines = "".join(
            f"M{number(self.axis.x(start))} {number(y + 15.5)}h{number(width)}v2h-{number(width)}z"
            for start, end in self.critical.get(index, ())
            if (width := self.axis.x(end) - self.axis.x(start)) >= 0.5
        )
        return f'<path class="y" d="{lines}"/>' if lines else ""

    def _length(self, bar: Bar, y: int) -> str:
        look = "d u" if bar.end_ns is None else "d"
        text = "unfinished" if bar.end_ns is None else duration(self._end(bar) - bar.start_ns)
        left = max(self.axis.x(self._end(bar)), self.axis.x(bar.start_ns) + LEAST)
        x, width = left + 5, width_of(text, SMALL)
        for begin, end in self._cuts:
            if x < end and begin < x + width:
                x = end + 3
        x = min(x, self.form.width - 2 - width)
        return f'<text class="{look}" x="{number(x)}" y="{y}">{text}</text>'


def _add(changes: dict[int, int], start: int, end: int, by: int) -> None:
    if start < end:
        changes[start] = changes.get(start, 0) + by
        changes[end] = changes.get(end, 0) - by
