"""The spans of a test -> SVG pictures of them on a time axis. Pure.

The report tools list steps one below the other, so concurrent work looks sequential there. They
draw the pictures in an `<img>`: no scripts, no tooltips, no fonts of ours, at most 800 px high
and, in Allure 3, about as wide as `WIDTH`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from otel_allure.presentation.durations import duration
from otel_allure.translation.waterfall.layout import (
    BARS,
    DEEPEST,
    END,
    INDENT,
    LABELS,
    LEAST,
    ROW,
    ROWS,
    SEEN_NS,
    STRIP,
    WIDTH,
    Bar,
    Row,
    axis_of,
    rows_of,
)
from otel_allure.translation.waterfall.style import (
    ARROWS,
    COLOURS,
    DEFINITIONS,
    ERRORS,
    FONT,
    MARKS,
    OWN_PROCESS,
    SMALL,
    colours_of,
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
    time, for as long as can be seen. A single bar is no picture, nor are a few steps one after
    the other.
    """
    if len(bars) < 2:
        return False
    return any(not bar.is_step for bar in bars) or any(
        r.beside_ns >= SEEN_NS for r in rows_of(bars)
    )


def pages(bars: Sequence[Bar], start_ns: int, end_ns: int, title: str = "") -> list[str]:
    """Draw `bars` as SVG documents of at most `ROWS` rows each.

    Every bar is on one page. The axis is that of the whole trace, on every page, and counts from
    `start_ns`. It reaches beyond the test for bars that do, but not by more than the test's own
    length: further ones are cut off there, with an arrow.

    Args:
        bars: in the order of the rows.
        start_ns: start of the test.
        end_ns: end of the test; if it is not after the start, the extent of the bars is drawn.
        title: headline; none if it is empty.
    """
    if not bars:
        return []
    picture = _Picture(bars, start_ns, end_ns, title)
    return [picture.page(first) for first in range(0, len(bars), ROWS)]


# -- pictures


class _Picture:
    """What the pages of a trace have in common."""

    def __init__(self, bars: Sequence[Bar], start_ns: int, end_ns: int, title: str) -> None:
        self.title = clean(title)
        self.rows = rows_of(bars)
        self.colours = colours_of(bars)
        self.axis = axis_of(bars, start_ns, end_ns)
        self.ticks = self.axis.ticks()
        self.indent = min(INDENT, DEEPEST / max(1, max(row.level for row in self.rows)))

    # -- facts

    @cached_property
    def _at_once(self) -> dict[int, int]:
        """Return from which pixel of the axis on how much ran at once.

        What waits for something below it does not count, so sequential work counts as one. What
        cannot be seen, as it is shorter than a pixel, may be missing.
        """
        changes: dict[int, int] = {}
        covered: dict[int, int] = {}  # row -> until when something below it ran
        extents = [(row.bar.start_ns, self._end(row.bar)) for row in self.rows]
        for index in sorted(range(len(self.rows)), key=extents.__getitem__):
            start, end = extents[index]
            _add(changes, start, end, 1)
            parent = self.rows[index].parent
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
        levels.pop(END - BARS, None)
        return levels

    def _first_pixel(self, time_ns: int) -> int:
        """Return the first pixel whose middle is not before a time."""
        length, pixels = self.axis.end - self.axis.begin, END - BARS
        pixel = -((length - (time_ns - self.axis.begin) * 2 * pixels) // (2 * length))
        return min(pixels, max(0, pixel))

    @property
    def _most_at_once(self) -> int:
        return max(self._at_once.values())

    def _end(self, bar: Bar) -> int:
        return max(bar.start_ns, self.axis.end if bar.end_ns is None else bar.end_ns)

    def _outside(self) -> Iterator[tuple[float, float]]:
        """Yield the parts of the axis before and after the test, if one can see them."""
        axis = self.axis
        for begin, end in ((axis.begin, axis.test_start), (axis.test_end, axis.end)):
            left, right = axis.x(begin), axis.x(end)
            if right - left >= LEAST:
                yield left, right

    @cached_property
    def _summary(self) -> str:
        """Return what the picture says, for those who cannot see it."""
        errors = sum(row.bar.status in ERRORS for row in self.rows)
        facts = {
            duration(self.axis.test_end - self.axis.test_start): True,
            f"{len(self.rows)} rows": True,
            f"up to {self._most_at_once} at once": True,
            f"services: {', '.join(clean(s) for s in self.colours if s)}": any(self.colours),
            f"{errors} with errors": errors > 0,
        }
        return ", ".join(fact for fact, holds in facts.items() if holds)

    def _range(self, first: int) -> str:
        count = len(self.rows)
        if count <= ROWS:
            return ""
        return f"{first + 1}-{min(first + ROWS, count)} of {count} rows"

    # -- drawing; `y` is where the next thing goes

    def page(self, first: int) -> str:
        rows = self.rows[first : first + ROWS]
        head: list[str] = []
        y = self._head(head, first)
        top, bottom = y, y + len(rows) * ROW
        height = bottom + 6
        stripes = "".join(
            f"M4 {number(top + (i + 0.5) * ROW)}H{WIDTH - 4}" for i in range(0, len(rows), 2)
        )
        parts = [
            f'<rect class="b" width="{WIDTH}" height="{height}" rx="6"/>',
            f'<path class="z" d="{stripes}"/>',
            *self._background(top, bottom),
            *head,
            *self._guides(first, top, bottom),
            *(self._row(row, top + i * ROW) for i, row in enumerate(rows)),
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="t e">'
            f'<title id="t">{xml(self.title) or "Waterfall"}</title>'
            f'<desc id="e">{xml(self._summary)}</desc>{DEFINITIONS}{"".join(parts)}</svg>'
        )

    def _head(self, parts: list[str], first: int) -> int:
        y = 4
        pages = self._range(first)
        if self.title or pages:
            y += ROW
            room = WIDTH - 30 - width_of(pages, SMALL) * 1.1
            text = xml(shortened(self.title, room / 1.1, FONT))
            parts.append(f'<text class="h" x="8" y="{y - 4}">{text}</text>')
            parts.append(f'<text class="n" x="{WIDTH - 8}" y="{y - 4}">{pages}</text>')
        if self._legend:
            y += ROW
            parts += self._draw_legend(y - 4)
        y = self._strip(parts, y) if first == 0 else y
        y += 16
        parts.append(self._path_above(first, y - 4))
        parts += [
            f'<text class="k" x="{number(x)}" y="{y - 4}">{label}</text>' for x, label in self.ticks
        ]
        return y

    def _path_above(self, first: int, y: int) -> str:
        """Say where the first row of a page belongs, if what is above it is on another one."""
        titles: list[str] = []
        parent = self.rows[first].parent
        while parent is not None and len(titles) < ROWS:
            titles.append(clean(self.rows[parent].bar.title[:_LONGEST]))
            parent = self.rows[parent].parent
        if not titles:
            return ""
        text = shortened("in " + " / ".join(reversed(titles)), BARS - 40, SMALL)
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
        if any(self._outside()):
            yield '<rect class="o" y="-9" width="12" height="11"/>', "outside of the test"

    def _draw_legend(self, y: int) -> Iterator[str]:
        widths = [width_of(text, SMALL) for _, text in self._legend]
        most = fair_share(widths, WIDTH - 16 - 30 * len(widths))
        x = 8.0
        for shape, text in self._legend:
            text = shortened(text, most, SMALL)
            yield (
                f'<g transform="translate({number(x)} {y})">{shape}'
                f'<text class="d" x="17">{xml(text)}</text></g>'
            )
            x += 30 + width_of(text, SMALL)

    def _strip(self, parts: list[str], y: int) -> int:
        """Draw the profile of concurrency, if there is any."""
        most = self._most_at_once
        if most < 2:
            return y
        y += STRIP + 4
        parts.append(f'<text class="n" x="{BARS - 8}" y="{y - 4}">up to {most} at once</text>')
        moves = "".join(
            f"H{BARS + pixel}V{number(y - level * STRIP / most)}"
            for pixel, level in self._at_once.items()
        )
        parts.append(f'<path class="a" d="M{BARS} {y}{moves}H{END}V{y}z"/>')
        return y

    def _background(self, top: int, bottom: int) -> Iterator[str]:
        for left, right in self._outside():
            yield (
                f'<rect class="o" x="{number(left)}" y="{top}" width="{number(right - left)}" '
                f'height="{bottom - top}"/>'
            )
        lines = "".join(f"M{number(x)} {top}V{bottom}" for x, _ in self.ticks)
        yield f'<path class="g" d="{lines}"/>'

    @cached_property
    def _links(self) -> dict[int, list[int]]:
        """Return for every page which rows have a line to the row above them that crosses it."""
        links: dict[int, list[int]] = {}
        for index, row in enumerate(self.rows):
            if row.above is not None and (row.beside_ns or row.level):
                for page in range(row.above // ROWS, index // ROWS + 1):
                    links.setdefault(page, []).append(index)
        return links

    def _guides(self, first: int, top: int, bottom: int) -> Iterator[str]:
        """Draw the lines of the tree, thick ones along siblings that ran at the same time."""
        lines = {"l": "", "p": ""}
        for index in self._links.get(first // ROWS, ()):
            row = self.rows[index]
            assert row.above is not None
            start = top + (row.above - first + (1 if row.above == row.parent else 0.5)) * ROW
            end = top + (index - first + 0.5) * ROW
            x = LABELS + row.level * self.indent - 6
            line = f"M{number(x)} {number(max(top, start))}V{number(min(bottom, end))}"
            lines["l"] += line + ("h4" if end < bottom and row.level else "")
            if row.beside_ns:
                lines["p"] += line
        return (f'<path class="{name}" d="{d}"/>' for name, d in lines.items() if d)

    def _row(self, row: Row, y: int) -> str:
        bar = row.bar
        colour = self.colours.get(bar.service, "s") if bar.service or not bar.is_step else "s"
        error = " x" if bar.status in ERRORS else ""
        return (
            f'<g class="r {colour}{error}">{self._label(row, y + 13)}{self._bar(bar, y)}'
            f"{self._length(bar, y + 13)}</g>"
        )

    def _label(self, row: Row, y: int) -> str:
        bar = row.bar
        x = LABELS + row.level * self.indent
        full = clean(bar.title[:_LONGEST])
        mark = MARKS.get(bar.status, "")
        note = shortened(clean(bar.note[:_LONGEST]), _LONGEST_NOTE, SMALL)
        room = BARS - 8 - x - width_of(mark, FONT) - (width_of(note, SMALL) + 6 if note else 0)
        title = shortened(full, room, FONT)
        more = f"<title>{xml(full)}</title>" if title != full else ""
        tail = f'<tspan class="d" dx="6">{xml(note)}</tspan>' if note else ""
        return f'{more}<text x="{number(x)}" y="{y}">{mark}{xml(title)}{tail}</text>'

    def _bar(self, bar: Bar, y: int) -> str:
        left = min(self.axis.x(bar.start_ns), END - LEAST)
        width = max(LEAST, self.axis.x(self._end(bar)) - left)
        height = 6 if bar.is_step else 11
        fade = ' mask="url(#m)"' if bar.end_ns is None else ""
        return (
            f'<rect x="{number(left)}" y="{number(y + (ROW - height) / 2)}" '
            f'width="{number(width)}" height="{height}" rx="1.5"{fade}/>'
        )

    def _length(self, bar: Bar, y: int) -> str:
        refresh = "d u" if bar.end_ns is None else "d"
        text = self._length_text(bar)
        left = max(self.axis.x(self._end(bar)), self.axis.x(bar.start_ns) + LEAST)
        x = min(left + 5, WIDTH - 2 - width_of(text, SMALL))
        return f'<text class="{refresh}" x="{number(x)}" y="{y}">{text}</text>'

    def _length_text(self, bar: Bar) -> str:
        if bar.end_ns is None:
            return "unfinished"
        end = self._end(bar)
        arrow = ARROWS[bar.start_ns < self.axis.begin, end > self.axis.end]
        return arrow + duration(end - bar.start_ns)


def _add(changes: dict[int, int], start: int, end: int, by: int) -> None:
    if start < end:
        changes[start] = changes.get(start, 0) + by
        changes[end] = changes.get(end, 0) - by
