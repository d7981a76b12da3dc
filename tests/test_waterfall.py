"""The picture of a trace: its structure, read as XML. How it looks is for eyes."""

from __future__ import annotations

import re
import time
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_allure.translation.waterfall.layout import ROWS, WIDTH, Bar
from otel_allure.translation.waterfall.picture import pages, worth_drawing

SVG = "{http://www.w3.org/2000/svg}"
LEFT, RIGHT = 302, 796  # the time axis
MS, S, MINUTE = 10**6, 10**9, 60 * 10**9


def bar(title: str, start: float, end: float | None, depth: int = 0, **fields: object) -> Bar:
    """Make a bar of a step; times in ms."""
    end_ns = None if end is None else int(end * MS)
    fields = {"status": "passed", "service": "", "is_step": True, **fields}
    return Bar(title, depth, int(start * MS), end_ns, **fields)


def span(title: str, start: float, end: float | None, depth: int = 0, **fields: object) -> Bar:
    return bar(title, start, end, depth, is_step=False, **fields)


def draw(*bars: Bar, end: float = 100, title: str = "") -> list[ET.Element]:
    """Draw the bars of a test from 0 to `end` ms."""
    return [ET.fromstring(page) for page in pages(bars, 0, int(end * MS), title)]


def draw_one(*bars: Bar, end: float = 100) -> ET.Element:
    (page,) = draw(*bars, end=end)
    return page


def rows(page: ET.Element) -> list[ET.Element]:
    return [g for g in page.iter(f"{SVG}g") if "r" in classes(g)]


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
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BARS, max_size=ROWS + 9), TIMES, TIMES, ANY_TEXT)
def test_anything_can_be_drawn(bars, start_ns, end_ns, title):
    """Well-formed, the same every time, each bar once, and nothing beyond the edges."""
    written = pages(bars, start_ns, end_ns, title)
    assert written == pages(list(bars), start_ns, end_ns, title)
    drawn = [ET.fromstring(page.encode()) for page in written]
    assert [len(rows(page)) for page in drawn[:-1]] == [ROWS] * (len(drawn) - 1)
    assert sum(len(rows(page)) for page in drawn) == len(bars)
    for page in drawn:
        assert_inside(page)
    worth_drawing(bars)


def assert_inside(page: ET.Element) -> None:
    height = float(page.attrib["height"])
    assert page.get("viewBox") == f"0 0 {WIDTH} {page.get('height')}"
    assert height <= 800  # the most that Allure 3 shows
    for row in rows(page):
        left, right = rect(row)
        assert LEFT <= left <= right - 2 <= RIGHT - 2 + 0.1
        label, length = row.findall(f"{SVG}text")
        assert right_edge(label) <= LEFT
        assert right < float(length.attrib["x"]) or right_edge(length) > WIDTH - 8
    for text in page.iter(f"{SVG}text"):
        assert float(text.get("y", 0)) <= height
        assert right_edge(text) <= WIDTH


def right_edge(text: ET.Element) -> float:
    """Return where a text ends, in a sans-serif font of the usual widths."""
    x = float(text.get("x", 0))
    if {"n"} & set(classes(text)):
        return x
    size = 10.5 if {"d", "k"} & set(classes(text)) else 11.5
    width = sum(map(advance, "".join(text.itertext()))) * size
    return x + (width / 2 if "k" in classes(text) else width)


NARROW = "ijlftrI.,:;|!'`/\\()[]{} "


def advance(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WF":
        return 1
    return 0 if unicodedata.combining(char) else 0.28 if char in NARROW else 0.55


def test_nothing_to_draw():
    assert pages([], 0, 100) == []


def test_text_is_one_line_of_what_xml_may_have():
    page = draw_one(span("a\x00<b>\n\t&amp; \ud800 \ufffe c\u202e", 0, 1, service="\x1b[31m"))
    assert title_of(rows(page)[0]) == "a\ufffd<b> &amp; \ufffd \ufffd c"
    assert list(legend(page)) == ["\ufffd[31m"]


@pytest.mark.parametrize(("start_ns", "end_ns"), [(7, 7), (9, 5), (0, 0)])
def test_without_a_range_that_of_the_bars_is_drawn(start_ns, end_ns):
    bars = [Bar("a", 0, 100, 200, "passed", "", False), Bar("b", 0, 200, 300, "passed", "", False)]
    (page,) = (ET.fromstring(page) for page in pages(bars, start_ns, end_ns))
    assert [rect(row) for row in rows(page)] == [(302, 549), (549, 796)]


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
    (row,) = rows(draw_one(span("a", 50, None, status="unknown")))
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
    assert_inside(page)


def test_long_titles_lose_their_middle():
    title = "GET /api/v2/tenants/4711/warehouses/berlin-east/imports/8/rows → 503"
    (row,) = rows(draw_one(span(title, 0, 1)))
    assert re.fullmatch(r"GET /api/v2/tenants/\S*…\S* → 503", title_of(row))
    assert row.find(f"{SVG}title").text == title


def test_the_longest_duration_is_not_cut_off():
    page = ET.fromstring(pages([Bar("a", 0, 0, 10**30, "passed", "", False)], 0, 10**30)[0])
    assert right_edge(rows(page)[0].findall(f"{SVG}text")[1]) <= WIDTH


# -- beyond the test


def test_the_axis_reaches_out_to_late_spans():
    page = draw_one(span("a", 0, 100), span("b", 50, 150))
    assert [rect(row)[1] for row in rows(page)] == [631.3, 796]
    assert legend(page)["outside of the test"] == ["o"]
    assert ticks(page)[-1] == "140 ms"


def test_the_axis_counts_from_the_start_of_the_test():
    page = draw_one(span("a", -50, 100))
    assert ticks(page)[:3] == ["-40 ms", "-20 ms", "0 ms"]


def test_far_ends_are_cut_off_with_an_arrow():
    """The test itself keeps its share of the picture."""
    page = draw_one(span("a", 0, 100), span("b", 90, 60_000), span("c", -60_000, 10))
    assert [length_of(row) for row in rows(page)] == ["100 ms", "→ 59.9 s", "← 1m"]
    left, right = rect(rows(page)[0])
    assert right - left >= (RIGHT - LEFT) / 3 - 0.1
    assert [rect(rows(page)[1])[1], rect(rows(page)[2])[0]] == [RIGHT, LEFT]


# -- the axis


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (1, "0 ns, 1 ns"),
        (7, "0 ns, 1 ns, 2 ns, 3 ns, 4 ns, 5 ns, 6 ns, 7 ns"),
        (8, "0 ns, 2 ns, 4 ns, 6 ns, 8 ns"),
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
    (page,) = pages([Bar("a", 0, 0, length, "passed", "", False)], 0, length)
    assert ", ".join(ticks(ET.fromstring(page))) == labels


@given(st.integers(1, 10**20), st.integers(0, 10**19))
def test_ticks_are_few(length, before):
    (page,) = pages([Bar("a", 0, -before, length, "passed", "", False)], 0, length)
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
    (page,) = pages([Bar("a", 0, 0, ns, "passed", "", False)], 0, ns)
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
    first, second = draw(*(span(str(i), i, i + 30) for i in range(ROWS + 5)))
    assert brackets(first) == ROWS  # one of them leads to the next page
    assert brackets(second) == 5


# -- pages


def test_pages_say_where_they_are():
    bars = [bar("the test", 0, 99), *(span(f"call {i}", i, i, 1 + (i > 30)) for i in range(131))]
    drawn = draw(*bars, title="buys a cup")
    expected = [
        "1-40 of 132 rows",
        "41-80 of 132 rows",
        "81-120 of 132 rows",
        "121-132 of 132 rows",
    ]
    assert [len(rows(page)) for page in drawn] == [40, 40, 40, 12]
    for page, range_ in zip(drawn, expected, strict=True):
        assert texts(page)[:2] == ["buys a cup", range_]
        assert ticks(page) == ticks(drawn[0])
    above = [[text for text in texts(page) if text.startswith("in ")] for page in drawn]
    assert above == [[], *[["in the test / call 30"]] * 3]


def test_a_single_page_has_no_number():
    assert not any("of" in text for text in texts(draw_one(*[span("a", 0, 1)] * ROWS)))


def test_pages_have_numbers_without_a_title():
    assert texts(draw(*[span("a", 0, 1)] * (ROWS + 1))[1])[1] == "41-41 of 41 rows"


# -- services


def test_services_have_colours_by_their_first_appearance():
    drawn = draw(*(span("a", 0, 1, service=name) for name in [*"xyx", *["y"] * ROWS, "z"]))
    colours = {"x": ["c0"], "y": ["c1"], "z": ["c2"]}
    assert [legend(page) | colours for page in drawn] == [legend(page) for page in drawn]
    assert [classes(row)[1] for row in rows(drawn[0])[:3]] == ["c0", "c1", "c0"]
    assert [classes(row)[1] for row in rows(drawn[1])] == ["c1"] * 3 + ["c2"]


def test_steps_of_the_test_have_no_colour_of_a_service():
    page = draw_one(bar("a", 0, 9), span("b", 0, 9, 1), bar("c", 9, 18, service="worker"))
    assert [classes(row)[1] for row in rows(page)] == ["s", "c0", "c1"]
    assert legend(page) == {"step": ["s"], "test process": ["c0"], "worker": ["c1"]}


def test_more_services_than_colours_share_one():
    names = [f"a-service-with-a-long-name-{i}" for i in range(9)]
    page = draw_one(*(span("a", i, i + 1, service=name) for i, name in enumerate(names)))
    assert [*legend(page).values()] == [[f"c{i}"] for i in range(7)]
    assert [*legend(page)][-1] == "+3 more"
    places = [g.get("transform", "") for g in page.iter(f"{SVG}g")]
    assert all(float(place.split("(")[1].split()[0]) < WIDTH - 60 for place in places if place)
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
    (page,) = draw(failed, span("GET /", 1, 60), title="buys a cup")
    assert page.get("role") == "img"
    title, description = page[:2]
    assert page.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "buys a cup"
    assert description.text == ("100 ms, 2 rows, up to 2 at once, services: api, 1 with errors")


def test_it_asks_for_nothing():
    (page,) = pages([span("http://a <script>", 0, 1)], 0, MS)
    assert re.findall(r"(?:href|src|url)\W+[\w:/]+", page) == ["url(#l", "url(#f"]
    assert "<script" not in page


def test_rows_are_light():
    bars = [span(f"GET /items/{i} → 200", i, i + 40, 1, service="shop") for i in range(400)]
    assert sum(len(page.encode()) for page in pages(bars, 0, 440 * MS)) / 400 <= 250 + 3000 / ROWS


def test_ten_thousand_bars_cost_ten_times_a_thousand():
    def cost(count: int) -> float:
        bars = [span(f"call {i}", i, i + 2.5, 1 + i % 3) for i in range(count)]
        start = time.process_time()
        pages(bars, 0, count * MS)
        return time.process_time() - start

    assert cost(10_000) < 25 * min(cost(1_000) for _ in range(3))


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
    assert worth_drawing(bars) is worth
