"""The spans of a test -> SVG pictures of them on a time axis. Pure.

The report tools list steps one below the other, so concurrent work looks sequential there. They
draw the pictures in an `<img>`: no scripts, no tooltips, no fonts of ours, at most 800 px high
and, in Allure 3, about as wide as `WIDTH`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

ROWS = 40
"""Most rows of a page."""

WIDTH = 860
"""Width of a page in pixels; everything else follows from the columns below."""

_LABELS = 14  # left edge of the titles of the first level
_BARS = 302  # left edge of the time axis
_END = 796  # right edge of the time axis; right of it is room for the duration of the longest bar
_ROW = 18
_INDENT, _DEEPEST = 12, 132  # pixels a level, and of the deepest level of all
_LEAST = 2  # pixels of the shortest bar
_STRIP = 14  # height of the profile of concurrency

_FONT, _SMALL = 11.5, 10.5
_LONGEST = 300  # characters of the full text of a title that is shortened
_LONGEST_NOTE = 80  # pixels
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


def worth_drawing(bars: Sequence[Bar]) -> bool:
    """Whether the picture shows what the list of steps does not.

    It does with spans from instrumentation, or with bars of the same level that run at the same
    time, for as long as can be seen. A single bar is no picture, nor are a few steps one after
    the other.
    """
    if len(bars) < 2:
        return False
    return any(not bar.is_step for bar in bars) or any(r.beside_ns >= SEEN_NS for r in _rows(bars))


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


# -- the tree


class _Row(NamedTuple):
    bar: Bar
    level: int  # the depth, without gaps
    parent: int | None  # index of the row
    above: int | None  # index of the sibling before it, else of the parent
    beside_ns: float  # how long a sibling before it was still running


def _rows(bars: Sequence[Bar]) -> list[_Row]:
    rows: list[_Row] = []
    open_rows: list[int] = []
    last: dict[int | None, tuple[int, float]] = {}  # parent -> its last child, and their last end
    for index, bar in enumerate(bars):
        while open_rows and bars[open_rows[-1]].depth >= bar.depth:
            open_rows.pop()
        parent = open_rows[-1] if open_rows else None
        above, until = last.get(parent, (parent, bar.start_ns))
        end = float("inf") if bar.end_ns is None else bar.end_ns
        beside_ns = max(0, min(until, end) - bar.start_ns)
        rows.append(_Row(bar, len(open_rows), parent, above, beside_ns))
        last[parent] = (index, max(end, until))
        open_rows.append(index)
    return rows


# -- the time axis

_UNITS = (
    ("d", 86_400 * 10**9),
    ("h", 3600 * 10**9),
    ("m", 60 * 10**9),
    ("s", 10**9),
    ("ms", 10**6),
    ("µs", 10**3),
    ("ns", 1),
)
_MOST_TICKS = 8
_MINUTE = 60 * 10**9
_TICKS = (
    *(digit * 10**power for power in range(10) for digit in (1, 2, 5)),
    *(10 * 10**9, 20 * 10**9, 30 * 10**9),
    *(digit * 10**power * _MINUTE for power in range(12) for digit in (1, 2, 5)),
)
_TICK_UNITS = (("min", _MINUTE), *((name, unit) for name, unit in _UNITS if unit < _MINUTE))


class _Axis(NamedTuple):
    begin: int
    end: int
    test_start: int
    test_end: int

    def x(self, time_ns: int) -> float:
        """Return the place of a time, at an edge if it is beyond."""
        part = (time_ns - self.begin) / (self.end - self.begin)
        return _BARS + min(1.0, max(0.0, part)) * (_END - _BARS)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places and labels; 0 is the start of the test."""
        length = self.end - self.begin
        step = next((s for s in _TICKS if length // s < _MOST_TICKS), length)
        name, unit = next((n, u) for n, u in _TICK_UNITS if u <= length and step * 10 % u == 0)
        first = -((self.test_start - self.begin) // step)
        times = range(first * step, self.end - self.test_start + 1, step)
        return [(self.x(self.test_start + t), f"{_number(t / unit)} {name}") for t in times]


def _axis(bars: Sequence[Bar], start_ns: int, end_ns: int) -> _Axis:
    first = min(bar.start_ns for bar in bars)
    last = max(bar.start_ns if bar.end_ns is None else bar.end_ns for bar in bars)
    if end_ns <= start_ns:
        start_ns, end_ns = first, max(last, first + 1)
    length = end_ns - start_ns
    begin = max(min(first, start_ns), start_ns - length)
    end = min(max(last, end_ns), end_ns + length)
    return _Axis(begin, end, start_ns, end_ns)


def duration(ns: int) -> str:
    """Return a duration for people, with three digits or two units: `45.7 ms`, `1m 5s`."""
    if ns == 0:
        return "0 ms"
    index = next(i for i, (_, unit) in enumerate(_UNITS) if unit <= ns)
    name, unit = _UNITS[index]
    if unit < _MINUTE:
        return f"{_three_digits(ns / unit)} {name}"
    smaller, part = _UNITS[index + 1]
    rest = f" {ns % unit // part}{smaller}" if ns % unit >= part and ns < 100 * unit else ""
    return f"{ns // unit}{name}{rest}"


def _three_digits(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


# -- text

_NOT_XML = re.compile("[^ -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# These would turn around what is beside them.
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NARROW, _BROAD = frozenset("ijlI.,:;|!'`/\\()[]{}ftr "), frozenset("mwMW@%—→←↔…")


def _clean(text: str) -> str:
    """Return one line of characters that XML may have."""
    return _BIDI.sub("", _NOT_XML.sub("\ufffd", " ".join(text.split())))


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _em(char: str) -> float:
    """Estimate the width of a character in a common sans-serif font, rather too wide."""
    if char in _NARROW:
        return 0.38
    if char in _BROAD:
        return 0.98
    if char < "\x7f":
        return 0.72 if char.isupper() else 0.6
    if unicodedata.combining(char):
        return 0
    return 1.1 if unicodedata.east_asian_width(char) in "WF" else 0.68


def _width(text: str, size: float) -> float:
    return sum(map(_em, text)) * size


def _shortened(text: str, room: float, size: float) -> str:
    """Cut out the middle of `text` if it is wider than `room`.

    The end of a title often tells more than its middle, the status of a response for example.
    """
    if len(text) * size * 1.1 <= room or _width(text, size) <= room:
        return text
    room -= _width("…", size)
    head = _fitting(text, room * 0.65, size)
    rest = room - _width(head, size)
    return f"{head.rstrip()}…{_fitting(text[::-1], rest, size)[::-1].lstrip()}"


def _fitting(text: str, room: float, size: float) -> str:
    widths = accumulate(_em(char) * size for char in text)
    return text[: next((i for i, width in enumerate(widths) if width > room), len(text))]


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _fair_share(widths: Sequence[float], room: float) -> float:
    """Return to what the widest must be cut so that all have room."""
    for index, width in enumerate(sorted(widths)):
        share = room / (len(widths) - index)
        if width > share:
            return share
        room -= width
    return max(widths)


# -- looks

_COLOURS = 6
# Each at least 3:1 against the background, and all told apart with red, green or blue blindness.
_LOOKS = (
    ("text", "fill", "#1f2328", "#e6e8eb"),
    (".d,.k,.n", "fill", "#59636e", "#a5adb8"),
    (".x text", "fill", "#c81e2b", "#ff7f78"),
    (".x rect", "stroke", "#d1242f", "#ff6b64"),
    (".b", "fill", "#fff", "#1b2129"),
    (".z", "stroke", "#f4f6f8", "#222932"),
    (".o", "fill", "#e7eaee", "#313944"),
    (".g", "stroke", "#d5dae0", "#39424d"),
    (".l", "stroke", "#b4bbc4", "#5b6570"),
    (".p", "stroke", "#0e9384", "#2fd0bc"),
    (".a", "fill", "#0e9384", "#2fd0bc"),
    (".s", "fill", "#8c959f", "#7d8590"),
    (".c0", "fill", "#2a44b8", "#3f8bdc"),
    (".c1", "fill", "#c27e00", "#e9a01e"),
    (".c2", "fill", "#258058", "#41b682"),
    (".c3", "fill", "#a03490", "#d893c0"),
    (".c4", "fill", "#7287ff", "#9adfff"),
    (".c5", "fill", "#633900", "#a8743c"),
    (".c6", "fill", "#59636e", "#a5adb8"),
)
_STYLE = "".join(
    (
        f"text{{font:{_FONT}px -apple-system,'Segoe UI',Roboto,Arial,sans-serif;white-space:pre}}",
        f".d,.k,.n{{font-size:{_SMALL}px}}.d{{font-variant-numeric:tabular-nums}}.h{{font-weight:600}}",
        ".k{text-anchor:middle}.n{text-anchor:end}.u{font-style:italic}",
        ".x rect{stroke-width:1.8}.g,.l,.p,.z{fill:none}.a{opacity:.6}.p{stroke-width:2.5}",
        f".z{{stroke-width:{_ROW}}}.r>text:first-of-type{{clip-path:url(#l)}}",
        *(f"{where}{{{what}:{light}}}" for where, what, light, _ in _LOOKS),
        "@media(prefers-color-scheme:dark){",
        *(f"{where}{{{what}:{dark}}}" for where, what, _, dark in _LOOKS),
        "}",
    )
)
_DEFINITIONS = (
    f"<style>{_STYLE}</style><defs>"
    f'<clipPath id="l"><rect width="{_BARS - 4}" height="9999"/></clipPath>'
    '<linearGradient id="f"><stop offset=".6" stop-color="#fff"/>'
    '<stop offset="1" stop-color="#fff" stop-opacity=".1"/></linearGradient>'
    '<mask id="m" maskContentUnits="objectBoundingBox">'
    '<rect width="1" height="1" fill="url(#f)"/></mask></defs>'
)
_ARROWS = {
    (False, False): "",
    (True, False): "← ",
    (False, True): "→ ",
    (True, True): "↔ ",
}
_MARKS = {"failed": "✕ ", "broken": "✕ ", "skipped": "- "}
_ERRORS = frozenset({"failed", "broken"})
_OWN_PROCESS = "test process"


def _colours(bars: Sequence[Bar]) -> dict[str, str]:
    """Return the class of every service: a colour each for the first, one for all others."""
    services = dict.fromkeys(bar.service for bar in bars if bar.service or not bar.is_step)
    return {service: f"c{min(i, _COLOURS)}" for i, service in enumerate(services)}


# -- pictures


class _Picture:
    """What the pages of a trace have in common."""

    def __init__(self, bars: Sequence[Bar], start_ns: int, end_ns: int, title: str) -> None:
        self.title = _clean(title)
        self.rows = _rows(bars)
        self.colours = _colours(bars)
        self.axis = _axis(bars, start_ns, end_ns)
        self.ticks = self.axis.ticks()
        self.indent = min(_INDENT, _DEEPEST / max(1, max(row.level for row in self.rows)))

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
        levels.pop(_END - _BARS, None)
        return levels

    def _first_pixel(self, time_ns: int) -> int:
        """Return the first pixel whose middle is not before a time."""
        length, pixels = self.axis.end - self.axis.begin, _END - _BARS
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
            if right - left >= _LEAST:
                yield left, right

    @cached_property
    def _summary(self) -> str:
        """Return what the picture says, for those who cannot see it."""
        errors = sum(row.bar.status in _ERRORS for row in self.rows)
        facts = {
            duration(self.axis.test_end - self.axis.test_start): True,
            f"{len(self.rows)} rows": True,
            f"up to {self._most_at_once} at once": True,
            f"services: {', '.join(_clean(s) for s in self.colours if s)}": any(self.colours),
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
        top, bottom = y, y + len(rows) * _ROW
        height = bottom + 6
        stripes = "".join(
            f"M4 {_number(top + (i + 0.5) * _ROW)}H{WIDTH - 4}" for i in range(0, len(rows), 2)
        )
        parts = [
            f'<rect class="b" width="{WIDTH}" height="{height}" rx="6"/>',
            f'<path class="z" d="{stripes}"/>',
            *self._background(top, bottom),
            *head,
            *self._guides(first, top, bottom),
            *(self._row(row, top + i * _ROW) for i, row in enumerate(rows)),
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="t e">'
            f'<title id="t">{_xml(self.title) or "Waterfall"}</title>'
            f'<desc id="e">{_xml(self._summary)}</desc>{_DEFINITIONS}{"".join(parts)}</svg>'
        )

    def _head(self, parts: list[str], first: int) -> int:
        y = 4
        pages = self._range(first)
        if self.title or pages:
            y += _ROW
            room = WIDTH - 30 - _width(pages, _SMALL) * 1.1
            text = _xml(_shortened(self.title, room / 1.1, _FONT))
            parts.append(f'<text class="h" x="8" y="{y - 4}">{text}</text>')
            parts.append(f'<text class="n" x="{WIDTH - 8}" y="{y - 4}">{pages}</text>')
        if self._legend:
            y += _ROW
            parts += self._draw_legend(y - 4)
        y = self._strip(parts, y) if first == 0 else y
        y += 16
        parts.append(self._path_above(first, y - 4))
        parts += [
            f'<text class="k" x="{_number(x)}" y="{y - 4}">{label}</text>'
            for x, label in self.ticks
        ]
        return y

    def _path_above(self, first: int, y: int) -> str:
        """Say where the first row of a page belongs, if what is above it is on another one."""
        titles: list[str] = []
        parent = self.rows[first].parent
        while parent is not None and len(titles) < ROWS:
            titles.append(_clean(self.rows[parent].bar.title[:_LONGEST]))
            parent = self.rows[parent].parent
        if not titles:
            return ""
        text = _shortened("in " + " / ".join(reversed(titles)), _BARS - 40, _SMALL)
        return f'<text class="d" x="8" y="{y}">{_xml(text)}</text>'

    @cached_property
    def _legend(self) -> list[tuple[str, str]]:
        return list(self._meanings())

    def _meanings(self) -> Iterator[tuple[str, str]]:
        """Yield shapes, 12 pixels wide and on a base line, and what they mean."""
        if self.colours:
            if any(row.bar.is_step and not row.bar.service for row in self.rows):
                yield '<rect class="s" y="-7" width="12" height="5" rx="1"/>', "step"
            shown = [(s, c) for s, c in self.colours.items() if c != f"c{_COLOURS}"]
            for service, colour in shown:
                name = _clean(service[:_LONGEST]) or _OWN_PROCESS
                yield f'<rect class="{colour}" y="-9" width="12" height="10" rx="1.5"/>', name
            more = len(self.colours) - len(shown)
            if more:
                shape = f'<rect class="c{_COLOURS}" y="-9" width="12" height="10" rx="1.5"/>'
                yield shape, f"+{more} more"
        if any(row.beside_ns for row in self.rows):
            yield '<path class="p" d="M6-10V2"/>', "at the same time"
        if any(self._outside()):
            yield '<rect class="o" y="-9" width="12" height="11"/>', "outside of the test"

    def _draw_legend(self, y: int) -> Iterator[str]:
        widths = [_width(text, _SMALL) for _, text in self._legend]
        most = _fair_share(widths, WIDTH - 16 - 30 * len(widths))
        x = 8.0
        for shape, text in self._legend:
            text = _shortened(text, most, _SMALL)
            yield (
                f'<g transform="translate({_number(x)} {y})">{shape}'
                f'<text class="d" x="17">{_xml(text)}</text></g>'
            )
            x += 30 + _width(text, _SMALL)

    def _strip(self, parts: list[str], y: int) -> int:
        """Draw the profile of concurrency, if there is any."""
        most = self._most_at_once
        if most < 2:
            return y
        y += _STRIP + 4
        parts.append(f'<text class="n" x="{_BARS - 8}" y="{y - 4}">up to {most} at once</text>')
        moves = "".join(
            f"H{_BARS + pixel}V{_number(y - level * _STRIP / most)}"
            for pixel, level in self._at_once.items()
        )
        parts.append(f'<path class="a" d="M{_BARS} {y}{moves}H{_END}V{y}z"/>')
        return y

    def _background(self, top: int, bottom: int) -> Iterator[str]:
        for left, right in self._outside():
            yield (
                f'<rect class="o" x="{_number(left)}" y="{top}" width="{_number(right - left)}" '
                f'height="{bottom - top}"/>'
            )
        lines = "".join(f"M{_number(x)} {top}V{bottom}" for x, _ in self.ticks)
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
            start = top + (row.above - first + (1 if row.above == row.parent else 0.5)) * _ROW
            end = top + (index - first + 0.5) * _ROW
            x = _LABELS + row.level * self.indent - 6
            line = f"M{_number(x)} {_number(max(top, start))}V{_number(min(bottom, end))}"
            lines["l"] += line + ("h4" if end < bottom and row.level else "")
            if row.beside_ns:
                lines["p"] += line
        return (f'<path class="{name}" d="{d}"/>' for name, d in lines.items() if d)

    def _row(self, row: _Row, y: int) -> str:
        bar = row.bar
        colour = self.colours.get(bar.service, "s") if bar.service or not bar.is_step else "s"
        error = " x" if bar.status in _ERRORS else ""
        return (
            f'<g class="r {colour}{error}">{self._label(row, y + 13)}{self._bar(bar, y)}'
            f"{self._length(bar, y + 13)}</g>"
        )

    def _label(self, row: _Row, y: int) -> str:
        bar = row.bar
        x = _LABELS + row.level * self.indent
        full = _clean(bar.title[:_LONGEST])
        mark = _MARKS.get(bar.status, "")
        note = _shortened(_clean(bar.note[:_LONGEST]), _LONGEST_NOTE, _SMALL)
        room = _BARS - 8 - x - _width(mark, _FONT) - (_width(note, _SMALL) + 6 if note else 0)
        title = _shortened(full, room, _FONT)
        more = f"<title>{_xml(full)}</title>" if title != full else ""
        tail = f'<tspan class="d" dx="6">{_xml(note)}</tspan>' if note else ""
        return f'{more}<text x="{_number(x)}" y="{y}">{mark}{_xml(title)}{tail}</text>'

    def _bar(self, bar: Bar, y: int) -> str:
        left = min(self.axis.x(bar.start_ns), _END - _LEAST)
        width = max(_LEAST, self.axis.x(self._end(bar)) - left)
        height = 6 if bar.is_step else 11
        fade = ' mask="url(#m)"' if bar.end_ns is None else ""
        return (
            f'<rect x="{_number(left)}" y="{_number(y + (_ROW - height) / 2)}" '
            f'width="{_number(width)}" height="{height}" rx="1.5"{fade}/>'
        )

    def _length(self, bar: Bar, y: int) -> str:
        look = "d u" if bar.end_ns is None else "d"
        text = self._length_text(bar)
        left = max(self.axis.x(self._end(bar)), self.axis.x(bar.start_ns) + _LEAST)
        x = min(left + 5, WIDTH - 2 - _width(text, _SMALL))
        return f'<text class="{look}" x="{_number(x)}" y="{y}">{text}</text>'

    def _length_text(self, bar: Bar) -> str:
        if bar.end_ns is None:
            return "unfinished"
        end = self._end(bar)
        arrow = _ARROWS[bar.start_ns < self.axis.begin, end > self.axis.end]
        return arrow + duration(end - bar.start_ns)


def _add(changes: dict[int, int], start: int, end: int, by: int) -> None:
    if start < end:
        changes[start] = changes.get(start, 0) + by
        changes[end] = changes.get(end, 0) - by
