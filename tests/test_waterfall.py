"""The picture of a trace: its structure, read as XML. How it looks is for eyes."""

from __future__ import annotations

import re
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_allure.translation.waterfall.axis import Axis
from otel_allure.translation.waterfall.critical_path import critical_path
from otel_allure.translation.waterfall.layout import (
    NARROW,
    ROWS,
    WIDE,
    Area,
    Bar,
    Form,
    Served,
    rows_of,
)
from otel_allure.translation.waterfall.picture import Waterfall, worth_drawing

SVG = "{http://www.w3.org/2000/svg}"
LEFT, RIGHT = WIDE.bars, WIDE.end
MS, S, MINUTE = 10**6, 10**9, 60 * 10**9


def bar(title: str, start: float, end: float | None, depth: int = 0, **fields: object) -> Bar:
    """Make a bar of a step; times in ms."""
    end_ns = None if end is None else int(end * MS)
    fields = {"status": "passed", "service": "", "is_step": True, **fields}
    return Bar(title, depth, int(start * MS), end_ns, **fields)


def span(title: str, start: float, end: float | None, depth: int = 0, **fields: object) -> Bar:
    return bar(title, start, end, depth, is_step=False, **fields)


def below_test(bars: Sequence[Bar], end: float | None) -> list[Bar]:
    """Return the bars, below one of a test that takes as long as they do, or until `end` ms."""
    if end is None:
        end = max(each.start_ns if each.end_ns is None else each.end_ns for each in bars) / MS
    return [bar("the test", 0, end), *(each._replace(depth=each.depth + 1) for each in bars)]


def draw(*bars: Bar, end: float | None = None) -> list[ET.Element]:
    """Draw all bars of a test from 0 to `end` ms, whose own bar is the first."""
    return [ET.fromstring(page) for page in Waterfall(below_test(bars, end)).pages()]


def draw_one(*bars: Bar, end: float | None = None) -> ET.Element:
    (page,) = draw(*bars, end=end)
    return page


def chosen(*bars: Bar, end: float | None = None, areas: Sequence[Area] = ()) -> ET.Element:
    """Draw what the picture in the description has."""
    return ET.fromstring(Waterfall(below_test(bars, end), areas).picture())


def all_rows(page: ET.Element) -> list[ET.Element]:
    return [g for g in page.iter(f"{SVG}g") if "r" in classes(g)]


def rows(page: ET.Element) -> list[ET.Element]:
    """Return the rows below that of the test."""
    return [row for row in all_rows(page) if not title_of(row).endswith("the test")]


def classes(element: ET.Element) -> list[str]:
    return (element.get("class") or "").split()


def rect(row: ET.Element) -> tuple[float, float]:
    """Return left and right of a row's bar."""
    (found,) = row.iter(f"{SVG}rect")
    x = float(found.attrib["x"])
    return x, x + float(found.attrib["width"])


def texts(element: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def title_of(row: ET.Element) -> str:
    return texts(row)[0]


def length_of(row: ET.Element) -> str:
    return texts(row)[1]


def legend(page: ET.Element) -> dict[str, list[str]]:
    """Return the entries of the legend and the classes of their shapes."""
    entries = [g for g in page.iter(f"{SVG}g") if g.get("transform")]
    return {texts(entry)[0]: classes(entry[0]) for entry in entries}


def ticks(page: ET.Element) -> list[str]:
    return [text.text or "" for text in page.iter(f"{SVG}text") if "k" in classes(text)]


# -- whatever the spans are

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
TIMES = st.integers(-(2**63), 2**63) | st.integers(0, 200)
BARS = st.builds(
    Bar,
    title=ANY_TEXT,
    depth=st.integers(0, 300) | st.integers(0, 3),
    start_ns=TIMES,
    end_ns=st.none() | TIMES,
    status=st.sampled_from(["passed", "failed", "broken", "skipped", "unknown"]),
    service=st.sampled_from(["", "a", "b", "c"]) | ANY_TEXT,
    is_step=st.booleans(),
    note=st.just("") | ANY_TEXT,
    pieces=st.just(()),
    is_group=st.booleans(),
    served=st.none() | st.builds(Served, st.sampled_from(["a", "d"]), TIMES, st.none() | TIMES),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BARS, min_size=1, max_size=ROWS + 9), TIMES, TIMES)
def test_anything_can_be_drawn(bars, start_ns, end_ns):
    """Well-formed, the same every time, each bar once, and nothing beyond the edges."""
    areas = [Area("test", min(start_ns, end_ns), max(start_ns, end_ns), True)]
    waterfall = Waterfall(bars, areas)
    written = waterfall.pages()
    assert written == Waterfall(list(bars), areas).pages()
    drawn = [ET.fromstring(page.encode()) for page in written]
    assert [len(all_rows(page)) for page in drawn[:-1]] == [ROWS] * (len(drawn) - 1)
    assert sum(len(all_rows(page)) for page in drawn) == len(bars)
    picture = ET.fromstring(waterfall.picture().encode())
    for page in (*drawn, picture):
        assert_inside(page, WIDE)
    assert len(all_rows(picture)) <= ROWS
    narrow = ET.fromstring(waterfall.narrow_picture().encode())
    assert_inside(narrow, NARROW)
    assert len(all_rows(narrow)) <= NARROW.rows
    worth_drawing(bars)


def assert_inside(page: ET.Element, form: Form) -> None:
    height = float(page.attrib["height"])
    assert page.get("viewBox") == f"0 0 {form.width} {page.get('height')}"
    assert height <= 850  # Allure 3 shrinks what is higher than 800
    for row in all_rows(page):
        for each in row.iter(f"{SVG}rect"):
            left = float(each.attrib["x"])
            right = left + float(each.attrib["width"])
            assert form.bars - 0.1 <= left <= right - 2 + 0.1 <= form.end - 2 + 0.2
        label, length = row.findall(f"{SVG}text")
        assert right_edge(label) <= form.label_end + 4
        assert right < float(length.attrib["x"]) or right_edge(length) > form.width - 12
    for text in page.iter(f"{SVG}text"):
        assert float(text.get("y", 0)) <= height
        assert right_edge(text) <= form.width


def right_edge(text: ET.Element) -> float:
    """Return where a text ends, in a sans-serif font of the usual widths."""
    x = float(text.get("x", 0))
    if {"n"} & set(classes(text)):
        return x
    size = 10.5 if {"d", "k"} & set(classes(text)) else 11.5
    width = sum(map(advance, "".join(text.itertext()))) * size
    return x + (width / 2 if "k" in classes(text) else width)


THIN = "ijlftrI.,:;|!'`/\\()[]{} "


def advance(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WF":
        return 1
    return 0 if unicodedata.combining(char) else 0.28 if char in THIN else 0.55


def test_text_is_one_line_of_what_xml_may_have():
    page = draw_one(span("a\x00<b>\n\t&amp; \ud800 \ufffe c\u202e", 0, 1, service="\x1b[31m"))
    assert title_of(rows(page)[0]) == "a\ufffd<b> &amp; \ufffd \ufffd c"
    assert list(legend(page)) == ["step", "\ufffd[31m"]


# -- bars


def test_bars_are_where_they_are_in_time():
    page = draw_one(bar("a", 0, 100), bar("b", 25, 50, 1), bar("c", 50, 100, 1))
    assert [title_of(row) for row in rows(page)] == ["a", "b", "c"]
    assert [rect(row) for row in rows(page)] == [(302, 796), (425.5, 549), (549, 796)]


def test_a_bar_without_length_can_be_seen_at_both_edges():
    page = draw_one(span("a", 0, 0), span("b", 100, 100))
    assert [rect(row) for row in rows(page)] == [(302, 304), (794, 796)]


def test_children_are_indented():
    page = draw_one(bar("a", 0, 9), bar("b", 0, 9, 1), bar("c", 0, 9, 2), bar("d", 0, 9))
    places = [float(row.find(f"{SVG}text").attrib["x"]) for row in rows(page)]
    assert places[0] == places[3] < places[1] < places[2]


def test_deep_trees_leave_room_for_titles():
    drawn = draw(*(bar("title", 0, 9, depth) for depth in range(500)))
    assert {title_of(row) for page in drawn for row in rows(page)} == {"title"}


def test_errors_have_a_mark_and_an_outline():
    statuses = ["passed", "failed", "broken", "skipped", "unknown"]
    page = draw_one(*(bar("a", 0, 9, status=status) for status in statuses))
    assert [title_of(row) for row in rows(page)] == ["a", "✕ a", "✕ a", "- a", "a"]
    assert ["x" in classes(row) for row in rows(page)] == [False, True, True, False, False]
    assert re.search(r"\.x rect\{stroke:#", page.find(f"{SVG}style").text)


def test_unfinished_bars_fade_out_at_the_end():
    (row,) = rows(draw_one(span("a", 50, None, status="unknown"), end=100))
    assert rect(row) == (549, 796)
    assert length_of(row) == "unfinished"
    assert row.find(f"{SVG}rect").get("mask") == "url(#m)"


def test_steps_are_thinner_than_spans():
    page = draw_one(bar("a", 0, 9), span("b", 0, 9))
    step, other = (float(row.find(f"{SVG}rect").attrib["height"]) for row in rows(page))
    assert step < other


def test_notes_are_shown_after_titles_however_long():
    note = "×1,200, 3 s"
    page = draw_one(span("a", 0, 1, note=note), span("b" * 200, 0, 1, note=note))
    assert [title_of(row).endswith(note) for row in rows(page)] == [True, True]
    assert_inside(page, WIDE)


def test_long_titles_lose_their_middle():
    title = "GET /api/v2/tenants/4711/warehouses/berlin-east/imports/8/rows → 503"
    (row,) = rows(draw_one(span(title, 0, 1)))
    assert re.fullmatch(r"GET /api/v2/tenants/\S*…\S* → 503", title_of(row))
    assert row.find(f"{SVG}title").text == title


def test_the_longest_duration_is_not_cut_off():
    page = draw_one(span("a", 0, 10**24), end=10**24)
    assert right_edge(rows(page)[0].findall(f"{SVG}text")[1]) <= WIDE.width


# -- the axis


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (1, "0 ns, 1 ns"),
        (7, "0 ns, 1 ns, 2 ns, 3 ns, 4 ns, 5 ns, 6 ns, 7 ns"),
        (9, "0 ns, 2 ns, 4 ns, 6 ns, 8 ns"),
        (950, "0 ns, 200 ns, 400 ns, 600 ns, 800 ns"),
        (1_500, "0 µs, 0.2 µs, 0.4 µs, 0.6 µs, 0.8 µs, 1 µs, 1.2 µs, 1.4 µs"),
        (5 * MS, "0 ms, 1 ms, 2 ms, 3 ms, 4 ms, 5 ms"),
        (334 * MS, "0 ms, 50 ms, 100 ms, 150 ms, 200 ms, 250 ms, 300 ms"),
        (1_999 * MS, "0 s, 0.5 s, 1 s, 1.5 s"),
        (45 * S, "0 s, 10 s, 20 s, 30 s, 40 s"),
        (100 * S, "0 s, 20 s, 40 s, 60 s, 80 s, 100 s"),
        (3 * MINUTE, "0 min, 0.5 min, 1 min, 1.5 min, 2 min, 2.5 min, 3 min"),
        (180 * MINUTE, "0 min, 50 min, 100 min, 150 min"),
    ],
)
def test_ticks(length, labels):
    (page,) = Waterfall([Bar("a", 0, 0, length, "passed", "", False)]).pages()
    assert ", ".join(ticks(ET.fromstring(page))) == labels


@given(st.integers(1, 10**20), st.integers(0, 10**19))
def test_ticks_are_few(length, before):
    (page,) = Waterfall([Bar("a", 0, -before, length, "passed", "", False)]).pages()
    assert 1 <= len(ticks(ET.fromstring(page))) <= 9


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ms"),
        (7, "7.00 ns"),
        (812, "812 ns"),
        (1_234, "1.23 µs"),
        (45_678_000, "45.7 ms"),
        (999_999_999, "1000 ms"),
        (1_240 * MS, "1.24 s"),
        (MINUTE, "1m"),
        (MINUTE + 5 * S + 999 * MS, "1m 5s"),
        (3 * 60 * MINUTE + 12 * MINUTE, "3h 12m"),
        (50 * 60 * MINUTE, "2d 2h"),
        (2**63, "106751d"),
    ],
)
def test_durations(ns, text):
    (page,) = Waterfall([Bar("a", 0, 0, ns, "passed", "", False)]).pages()
    assert length_of(rows(ET.fromstring(page))[0]) == text


# -- concurrency


def at_once(page: ET.Element) -> list[str]:
    return [text for text in texts(page) if "at once" in text]


def brackets(page: ET.Element) -> int:
    """Return how many siblings are bracketed with the one before them."""
    paths = [p for p in page.findall(f"{SVG}path") if "p" in classes(p)]
    return sum(path.attrib["d"].count("M") for path in paths)


def test_concurrent_siblings_are_bracketed_and_counted():
    page = draw_one(
        bar("gather", 0, 90),
        span("GET /a", 0, 60, 1),
        span("SELECT a", 10, 50, 2),
        span("GET /b", 1, 70, 1),
        span("GET /c", 2, 80, 1),
        span("GET /d", 85, 90, 1),
    )
    assert brackets(page) == 2
    assert at_once(page) == ["up to 3 at once"]
    assert "at the same time" in legend(page)


def test_what_waits_for_its_child_is_not_concurrent():
    page = draw_one(
        bar("a", 0, 50),
        span("GET /", 10, 40, 1),
        span("SELECT 1", 12, 20, 2),
        span("SELECT 2", 20, 30, 2),
        bar("b", 50, 100),
    )
    assert brackets(page) == 0
    assert at_once(page) == []
    assert "at the same time" not in legend(page)


def test_work_that_outlives_its_parent_is_counted():
    page = draw_one(bar("start it", 0, 10), span("background", 5, 90, 1), bar("go on", 10, 90))
    assert at_once(page) == ["up to 2 at once"]


def test_brackets_go_on_over_pages():
    first, second = draw(*(span(str(i), i, i + 30) for i in range(ROWS + 4)))
    assert brackets(first) == ROWS - 1  # one of them leads to the next page
    assert brackets(second) == 5


# -- pages


def test_pages_say_where_they_are():
    bars = [bar("step", 0, 99), *(span(f"call {i}", i, i, 1 + (i > 30)) for i in range(130))]
    drawn = draw(*bars)
    expected = [
        "1-40 of 132 rows",
        "41-80 of 132 rows",
        "81-120 of 132 rows",
        "121-132 of 132 rows",
    ]
    assert [len(all_rows(page)) for page in drawn] == [40, 40, 40, 12]
    for page, range_ in zip(drawn, expected, strict=True):
        assert texts(page)[0] == range_
        assert ticks(page) == ticks(drawn[0])
    above = [[text for text in texts(page) if text.startswith("in ")] for page in drawn]
    assert above == [[], *[["in the test / step / call 30"]] * 3]


def test_a_single_page_has_no_number():
    assert not any("of" in text for text in texts(draw_one(*[span("a", 0, 1)] * (ROWS - 1))))


# -- services


def test_services_have_colours_by_their_first_appearance():
    drawn = draw(*(span("a", 0, 1, service=name) for name in [*"xyx", *["y"] * (ROWS - 1), "z"]))
    colours = {"step": ["s"], "x": ["c0"], "y": ["c1"], "z": ["c2"]}
    assert [{**legend(page), **colours} for page in drawn] == [legend(page) for page in drawn]
    assert [classes(row)[1] for row in rows(drawn[0])[:3]] == ["c0", "c1", "c0"]
    assert [classes(row)[1] for row in rows(drawn[1])] == ["c1"] * 3 + ["c2"]


def test_steps_of_the_test_have_no_colour_of_a_service():
    page = draw_one(bar("a", 0, 9), span("b", 0, 9, 1), bar("c", 9, 18, service="worker"))
    assert [classes(row)[1] for row in rows(page)] == ["s", "c0", "c1"]
    assert legend(page) == {"step": ["s"], "test process": ["c0"], "worker": ["c1"]}


def test_more_services_than_colours_share_one():
    names = [f"a-service-with-a-long-name-{i}" for i in range(9)]
    page = draw_one(*(span("a", i, i + 1, service=name) for i, name in enumerate(names)))
    assert [*legend(page).values()] == [["s"], *([f"c{i}"] for i in range(7))]
    assert [*legend(page)][-1] == "+3 more"
    places = [g.get("transform", "") for g in page.iter(f"{SVG}g")]
    assert all(float(place.split("(")[1].split()[0]) < WIDE.width - 60 for place in places if place)
    assert [classes(row)[1] for row in rows(page)][-3:] == ["c6"] * 3


def test_without_services_there_is_no_legend():
    assert legend(draw_one(bar("a", 0, 9), bar("b", 9, 18))) == {}


# -- the document


def test_every_look_has_a_light_and_a_dark_variant():
    style = draw_one(span("a", 0, 1)).find(f"{SVG}style").text
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    rules = r"([.\w, ]+)\{(?:fill|stroke):#"
    assert re.findall(rules, light) == re.findall(rules, dark) != []


def test_it_can_be_read_aloud():
    failed = span("GET /", 0, 60, service="api", status="broken")
    page = draw_one(failed, span("GET /", 1, 60))
    assert page.get("role") == "img"
    title, description = page[:2]
    assert page.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "the test"
    assert description.text == "60.0 ms, 3 rows, up to 2 at once, services: api, 1 with errors"


def test_it_asks_for_nothing():
    (page,) = Waterfall([span("http://a <script>", 0, 1)]).pages()
    assert re.findall(r"(?:href|src|url)\W+[\w:/]+", page) == ["url(#l", "url(#f"]
    assert "<script" not in page


def test_rows_are_light():
    bars = [span(f"GET /items/{i} → 200", i, i + 40, 1, service="shop") for i in range(400)]
    written = Waterfall(below_test(bars, None)).pages()
    assert sum(len(page.encode()) for page in written) / 400 <= 350 + 3500 / ROWS


def test_ten_times_the_bars_cost_ten_times_as_much():
    """Counted, builtins included: time depends on what else the machine does."""

    def calls(count: int) -> int:
        bars = [span(f"call {'ab'[i % 2]}", i, i + 2.5, 1 + i % 3) for i in range(count)]
        root = below_test(bars, None)
        seen: list[None] = []

        def note(frame: object, event: str, argument: object) -> None:
            if event in ("call", "c_call"):
                seen.append(None)

        sys.setprofile(note)
        try:
            waterfall = Waterfall(root)
            waterfall.pages()
            waterfall.picture()
            waterfall.narrow_picture()
        finally:
            sys.setprofile(None)
        return len(seen)

    assert calls(4_000) < 12 * calls(400)


# -- what is left out: time


def broken(page: ET.Element) -> list[str]:
    """Return the lengths that stand at breaks."""
    return [t.text or "" for t in page.iter(f"{SVG}text") if {"k", "u"} <= set(classes(t))]


def share(row: ET.Element) -> float:
    left, right = rect(row)
    return (right - left) / (RIGHT - LEFT)


def three_areas(call: tuple[float, float], before: float, after: float) -> list[Area]:
    start, end = (int(each * MS) for each in call)
    return [
        Area("set-up", int(before * MS), start, False),
        Area("test", start, end, True),
        Area("tear-down", end, int(after * MS), False),
    ]


def test_a_gap_is_broken_and_says_how_long_it_is():
    page = chosen(span("a", 0, 20), bar("b", 15, 4030), span("c", 4020, 4030, 1))
    assert broken(page) == ["4.00 s"]
    assert "time left out" in legend(page)
    first, _, last = rows(page)
    assert share(first) > 0.5
    assert share(last) > 0.25


@pytest.mark.parametrize(
    "bars",
    [
        pytest.param([span("a", 0, 20), span("b", 20, 4000), span("c", 4000, 4010)], id="a call"),
        pytest.param([span("a", 0, 20), bar("b", 20, 4000), bar("c", 4000, 4010)], id="a step"),
        pytest.param([span("a", 0, 4000), span("b", 3990, 3999, 1)], id="a caller that waits"),
        pytest.param([span("a", 0, 20), span("hangs", 20, None)], id="what never ended"),
        pytest.param([span("a", 0, 20), span("b", 35, 50)], id="a short gap"),
    ],
)
def test_what_took_the_time_is_not_left_out(bars):
    assert broken(chosen(*bars, end=50 if bars[1].start_ns == 35 * MS else 4001)) == []


def test_a_test_of_20_ms_inside_of_seconds_is_legible():
    """Whatever takes long before and after it: fixtures with bars, others without, finalizers."""
    page = chosen(
        bar("early", -4000, -3990),
        bar("slow set-up", -2000, -1),
        span("GET /", 1, 19),
        bar("finalizer", 30, 900),
        bar("late", 5000, 5001),
        end=20,
        areas=three_areas((0, 20), -4000, 5001),
    )
    assert share(all_rows(page)[0]) > 0.4
    assert {"set-up", "test", "tear-down"} <= set(texts(page))
    assert {"10 ms", "15 ms"} <= set(ticks(page))
    first, *others = [rect(row)[0] for row in all_rows(page)]
    assert others == sorted(others)
    assert others[1] < first < others[2]


def test_many_set_ups_are_one_break():
    fixtures = [bar(f"fixture {i}", 10 * i - 1000, 10 * i - 990) for i in range(30)]
    page = chosen(*fixtures, span("GET /", 0, 20), end=20, areas=three_areas((0, 20), -1000, 20))
    assert len(broken(page)) == 1
    assert share(all_rows(page)[0]) > 0.8


def test_a_short_set_up_is_true_to_scale():
    page = chosen(bar("db", -9, 0), span("a", 0, 20), areas=three_areas((0, 20), -9, 20))
    assert broken(page) == []
    assert share(rows(page)[0]) / share(rows(page)[1]) == pytest.approx(9 / 20, rel=0.02)


def test_wider_set_up_without_a_bar_takes_no_room():
    page = chosen(span("a", 0, 20), areas=three_areas((0, 20), -60_000, 90_000))
    assert rect(rows(page)[0]) == (LEFT, RIGHT)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=30))
def test_times_keep_their_order_on_the_axis(times):
    bars = [span("a", min(each), max(each)) for each in times]
    waterfall = Waterfall(below_test(bars, None))
    axis = Axis(waterfall.stretches, 0, WIDE)
    moments = sorted(moment * MS for each in times for moment in each)
    places = [axis.x(moment) for moment in moments]
    assert all(one <= other + 1e-6 for one, other in pairwise(places))
    assert LEFT - 1e-6 <= places[0] <= places[-1] <= RIGHT + 1e-6
    assert [s.begin for s in waterfall.stretches[1:]] == [s.end for s in waterfall.stretches[:-1]]


# -- what is left out: rows


def shown(page: ET.Element) -> list[str]:
    return [title_of(row) for row in all_rows(page)]


def pieces(row: ET.Element) -> int:
    return len(list(row.iter(f"{SVG}rect")))


def test_equal_calls_in_a_row_are_one_row_with_a_piece_each():
    calls = [span(f"GET /items/{i}", 20 * i, 20 * i + 10, service="shop") for i in range(5)]
    page = chosen(*calls)
    assert shown(page) == ["the test", "GET /items/*×5"]
    assert pieces(rows(page)[0]) == 5


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([span("a", i, i + 50) for i in range(5)], id="at the same time"),
        pytest.param([span(f"call {'abcde'[i]}", i, i + 1) for i in range(5)], id="others"),
        pytest.param([bar("a", i, i + 1) for i in range(5)], id="steps"),
        pytest.param([span("a", i, i + 1, status="broken") for i in range(5)], id="failed"),
        pytest.param([span("a", i, i + 1) for i in range(2)], id="two"),
        pytest.param(
            [make("a", i, i + 1) for i, make in enumerate([span, bar] * 4)], id="between steps"
        ),
    ],
)
def test_what_is_not_folded(calls):
    assert len(rows(chosen(*calls))) == len(calls)


def test_examples_of_a_group_are_left_out_but_for_failed_ones():
    group = span("SELECT ×12", 0, 40, is_group=True)
    page = chosen(group, span("SELECT", 0, 9, 1), span("SELECT", 9, 19, 1, status="broken"))
    assert shown(page) == ["the test", "SELECT ×12", "✕ SELECT"]


def test_a_picture_has_at_most_forty_rows():
    """What failed, what was slow and the author's steps; others are counts."""
    names = [f"call {one}{other}" for one in "abcdefghijklmnopqrst" for other in "abcdefghij" * 2]
    many = [span(name, 10 * i, 10 * i + 5, 1) for i, name in enumerate(names)]
    page = chosen(
        bar("arrange", 0, 1),
        bar("act", 1, 4000),
        *many[:200],
        span("deep", 2001, 2002, 1),
        span("deeper", 2001, 2002, 2, status="broken"),
        *many[200:],
        span("slow", 3000, 3900, 1),
        bar("assert", 4000, 4001),
    )
    assert len(all_rows(page)) == ROWS
    told = shown(page)
    assert {"arrange", "assert", "deep", "✕ deeper", "slow"} <= set(told)
    (act,) = [title for title in told if title.startswith("act")]
    left_out = 400 - sum(title.startswith("call") for title in told)
    assert act == f"act+{left_out} more"


def test_where_there_is_no_room_branches_are_folded_with_all_below_them():
    branches = [
        each
        for i in range(60)
        for each in (span(f"PUT /{i}", i, i + 30), span("SELECT", i + 1, i + 2, 1))
    ]
    assert shown(chosen(*branches)) == ["the test", "PUT /*×60"]


def test_all_rows_are_on_pages_if_asked_for():
    assert sum(len(rows(page)) for page in draw(*(span("a", i, i + 1) for i in range(99)))) == 99


# -- the critical path


def test_the_critical_path_is_what_was_waited_for():
    """Going back from the end: the longer branch, and before it what it waited for."""
    bars = below_test(
        [
            span("first", 0, 10),
            bar("gather", 10, 60),
            span("quick", 10, 20, 1),
            span("slow", 12, 55, 1),
            span("query", 20, 50, 2),
            span("last", 65, 90),
        ],
        100,
    )
    path = critical_path(rows_of(bars))
    named = {bars[i].title: [(a // MS, b // MS) for a, b in sorted(s)] for i, s in path.items()}
    assert named == {
        "the test": [(60, 65), (90, 100)],
        "first": [(0, 10)],
        "gather": [(10, 12), (55, 60)],
        "slow": [(12, 20), (50, 55)],
        "query": [(20, 50)],
        "last": [(65, 90)],
    }


def test_it_covers_the_test_once():
    bars = below_test([span("a", i * 7 % 50, i * 7 % 50 + 20, i % 4) for i in range(40)], 70)
    stretches = sorted(s for each in critical_path(rows_of(bars)).values() for s in each)
    assert (stretches[0][0], stretches[-1][1]) == (0, 70 * MS)
    assert all(one[1] == other[0] for one, other in pairwise(stretches))


def test_it_is_marked_where_something_ran_beside_it():
    def marked(page: ET.Element) -> list[bool]:
        return [any("y" in classes(p) for p in row.iter(f"{SVG}path")) for row in rows(page)]

    beside = chosen(span("a", 0, 50), span("b", 0, 90))
    assert marked(beside) == [False, True]
    assert "critical path" in legend(beside)
    in_turn = chosen(span("a", 0, 50), span("b", 50, 90))
    assert marked(in_turn) == [False, False]
    assert "critical path" not in legend(in_turn)


# -- narrow screens


def test_a_narrow_picture_is_drawn_anew():
    bars = below_test([span(f"call {chr(97 + i)}", i, i + 9, 1) for i in range(26)], None)
    page = ET.fromstring(Waterfall(bars).narrow_picture())
    assert int(page.attrib["width"]) == NARROW.width < 300
    assert len(all_rows(page)) == NARROW.rows
    assert_inside(page, NARROW)
    for row in all_rows(page):
        label = row.find(f"{SVG}text")
        assert float(label.attrib["y"]) < float(row.find(f"{SVG}rect").attrib["y"])


# -- what is worth a picture


@pytest.mark.parametrize(
    ("bars", "worth"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([bar("a", 0, 5)], False, id="a step"),
        pytest.param([bar("a", 0, 5), bar("b", 5, 9)], False, id="one after the other"),
        pytest.param([bar("a", 0, 5), bar("b", 1, 4, 1)], False, id="nested"),
        pytest.param([bar("a", 0, 5), bar("b", 4, 9)], True, id="at the same time"),
        pytest.param(
            [bar("a", 0, 9), bar("b", 0, 5, 1), bar("c", 2, 3, 1)], True, id="the same, nested"
        ),
        pytest.param([bar("a", 0, None), bar("b", 4, 9)], True, id="beside an unfinished step"),
        pytest.param([bar("a", 0, 9), span("GET /", 0, 5, 1)], True, id="a call"),
    ],
)
def test_what_is_worth_drawing(bars, worth):
    below = [each._replace(depth=each.depth + 1) for each in bars]
    assert worth_drawing([bar("the test", 0, 9), *below]) is worth
