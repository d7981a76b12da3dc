"""What is shown of a trace as a whole: its picture, links, its id."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Link, Span
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation import trace_view
from otel_allure.translation.to_results import Translation, to_results

TEST = {c.KIND: c.TEST}
STEP = {c.KIND: c.STEP}
HEX = f"{TRACE_ID:032x}"
OTHER = 0xABC
MS = 1_000_000


def the_test(**fields: object) -> Span:
    return build_span("test", 1, start_ns=0, end_ns=100 * MS, attributes=TEST, **fields)


def step(span_id: int, start: int, end: int, parent_id: int = 1) -> Span:
    fields = {"start_ns": start * MS, "end_ns": end * MS, "attributes": STEP}
    return build_span(f"step {span_id}", span_id, parent_id, **fields)


def call(span_id: int, parent_id: int = 1, **fields: object) -> Span:
    return build_span(f"call {span_id}", span_id, parent_id, **fields)


def translated(*spans: Span, **settings: object) -> Translation:
    return to_results([the_test(), *spans], Presentation(Settings(**settings)))


def pictures(translated: Translation) -> dict[str, str]:
    (result,) = translated.results
    return {
        a.name: translated.files[a.source] for a in result.attachments if a.type == "image/svg+xml"
    }


def texts(svg: str) -> str:
    return "\n".join(ET.fromstring(svg).itertext())


ASKED_FOR = step(3, 2, 7)._replace(attributes={c.KIND: c.FIXTURE, c.PHASE_NAME: "before"})
WORTH_A_PICTURE = {
    "calls": ((call(2), call(3)), True),
    "steps at the same time": ((step(2, 1, 5), step(3, 4, 8)), True),
    "steps in turn": ((step(2, 1, 4), step(3, 4, 8)), False),
    "steps in each other": ((step(2, 1, 8), step(3, 2, 7, 2)), False),
    "a step that asks for a fixture": ((step(2, 1, 8), ASKED_FOR, step(4, 3, 6, 3)), False),
    "nothing": ((), False),
}


@pytest.mark.parametrize(("spans", "expected"), WORTH_A_PICTURE.values(), ids=WORTH_A_PICTURE)
def test_a_picture_where_it_is_worth_it(spans, expected):
    assert list(pictures(translated(*spans))) == ["Waterfall"] * expected
    assert bool(translated(*spans).results[0].descriptionHtml) == expected
    assert not pictures(translated(*spans, waterfall="off"))


def test_the_picture_shows_what_is_shown():
    """Steps, fixtures with theirs, folded calls as one row; masked as the steps are."""
    setup = build_span("setup", 2, 1, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "setup"})
    fixture = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
    spans = [
        setup,
        build_span("db", 3, 2, attributes=fixture),
        step(4, 3, 4, 3),
        call(5)._replace(name="login?password=hunter2"),
        *(call(i) for i in range(10, 30)),
    ]
    (svg,) = pictures(translated(*spans)).values()
    shown = texts(svg)
    assert {"db", "step 4", "login?password=****"} <= set(shown.splitlines())
    assert "call * ×20" in shown
    assert "setup" not in shown
    assert "hunter2" not in svg


def test_steps_of_a_fixture_are_below_it():
    setup = build_span("setup", 2, 1, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "setup"})
    fixture = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
    spans = [setup, build_span("db", 3, 2, attributes=fixture), step(4, 3, 4, 3), call(5), call(6)]
    (svg,) = pictures(translated(*spans)).values()
    left = {
        e.text: float(e.get("x", 0)) for e in ET.fromstring(svg).iter() if e.text and e.get("x")
    }
    assert left["db"] == left["call 5"] < left["step 4"]


def test_services_are_named_where_there_are_others():
    spans = [call(2, resource=NAMED), call(3, 2, resource={"service.name": "catalog"})]
    (svg,) = pictures(translated(*spans)).values()
    assert {"shop", "catalog"} <= set(texts(svg).splitlines())


NAMED = {"service.name": "shop"}


def test_a_program_is_no_test_process():
    """It goes by its name, if it has one."""
    for resource, name in ((NAMED, "shop"), ({}, "unnamed service")):
        spans = [build_span(f"span {i}", i, i - 1 or None, resource=resource) for i in (1, 2, 3)]
        (svg,) = pictures(to_results(spans)).values()
        assert name in texts(svg).splitlines()
        assert "test process" not in texts(svg)


def test_fixtures_that_ask_for_others_are_not_concurrent():
    """They are below those, and no reason for a picture."""
    setup = build_span("setup", 2, 1, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "setup"})
    fixture = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}

    def one(name: str, span_id: int, start: int, end: int) -> Span:
        times = {"start_ns": start * MS, "end_ns": end * MS}
        return build_span(name, span_id, 2, attributes=fixture, **times)

    fixtures = [one("db", 3, 1, 40), one("pool", 4, 10, 30), one("url", 5, 15, 20)]
    assert not pictures(translated(setup, *fixtures))
    (svg,) = pictures(translated(setup, *fixtures, call(60), one("after", 6, 50, 55))).values()
    left = {e.text: float(e.get("x", 0)) for e in ET.fromstring(svg).iter() if e.text}
    assert left["db"] == left["after"] == left["call 60"] < left["pool"] < left["url"]
    assert "at the same time" not in left


def test_the_picture_is_about_the_call_or_the_phase_that_failed():
    def phase(name: str, span_id: int, start: int, end: int) -> Span:
        attributes = {c.KIND: c.PHASE, c.PHASE_NAME: name}
        times = {"start_ns": start * MS, "end_ns": end * MS}
        return build_span(name, span_id, 1, attributes=attributes, **times)

    phases = [phase("setup", 2, 0, 4000), phase("call", 3, 4000, 4020)]
    spans = [*phases, call(4, 2, start_ns=0, end_ns=4000 * MS), *(step(5, 4001, 4019, 3),)]

    def ticks(**attributes: str) -> list[str]:
        test = the_test()._replace(end_ns=4020 * MS, attributes={**TEST, **attributes})
        (svg,) = pictures(to_results([test, *spans])).values()
        shown = [text for text in texts(svg).splitlines() if text.endswith("s")]
        assert {"set-up", "test"} & set(texts(svg).splitlines())
        return shown

    assert "15 ms" in ticks()
    assert {"1 s", "3 s"} <= set(ticks(**{c.FAILED_IN: "setup"}))


def test_long_traces_have_one_picture_and_all_in_a_page():
    spans = [step(i, i, i + 2) for i in range(2, 102)]
    found = translated(*spans)
    assert list(pictures(found)) == ["Waterfall"]
    (result,) = found.results
    assert [a.name for a in result.attachments] == ["Waterfall", "Whole trace"]


def test_all_pages_if_asked_for():
    spans = [step(i, i, i + 2) for i in range(2, 102)]
    found = translated(*spans, waterfall="all")
    assert list(pictures(found)) == [f"Waterfall {i} of 3" for i in (1, 2, 3)]
    (result,) = found.results
    assert {a.type for a in result.attachments} == {"image/svg+xml"}
    assert list(pictures(translated(call(2), call(3), waterfall="all"))) == ["Waterfall"]


# -- the whole trace as a page


def whole_trace(*spans: Span, **settings: object) -> str:
    found = translated(*spans, *(step(i, i, i + 2) for i in range(1000, 1050)), **settings)
    (result,) = found.results
    (view,) = [a for a in result.attachments if a.name == "Whole trace"]
    assert view.type == "text/html"
    return found.files[view.source]


def branches(page: str) -> list[tuple[int, bool, str]]:
    """Return depth, whether it is open, and the text of each row."""
    depth, found = 0, []
    for kind, is_open, text in re.findall(
        r"<(/?details|p)( open)?>(?:<summary>)?(.*?)(?:</summary>|</p>)?\n", page
    ):
        depth -= kind == "/details"
        if kind != "/details":
            plain = re.sub(r"<[^>]*>", "", text)
            found.append((depth, bool(is_open), plain.partition(" ")[0] + plain.partition(" ")[2]))
        depth += kind == "details"
    return found


def test_branches_that_failed_are_open():
    failed = call(5, 4, status="error", status_message="no")
    page = whole_trace(step(2, 2, 9), call(3, 2), call(4, 2), failed, step(10, 2, 9), call(11, 10))
    rows = {text.split(" ")[0]: (depth, is_open) for depth, is_open, text in branches(page)}
    assert rows["test100"] == (0, True)
    assert rows["step2"] == (1, True)
    assert rows["call3"] == (2, False)
    assert rows["call4"] == (2, True)
    assert rows["✕call"] == (3, False)
    assert rows["step10"] == (1, False)
    assert "<script" not in page


def test_it_has_what_is_folded_and_phases_not():
    setup = build_span("setup", 2, 1, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "setup"})
    page = whole_trace(setup, *(call(i, 2) for i in range(10, 40)))
    assert all(f"call {i} " in page for i in range(10, 40))
    assert "setup" not in page


def test_it_is_masked_and_escaped():
    page = whole_trace(call(2)._replace(name="<b>?password=hunter2"))
    assert "hunter2" not in page
    assert "&lt;b&gt;?password=****" in page


def test_it_is_bounded_from_above():
    """The deepest are counts."""
    deep = [call(i, 2) for i in range(5000, 5000 + trace_view.MOST_ROWS)]
    page = whole_trace(call(2), *deep, max_steps=0, fold=0)
    assert page.count("</p>\n") + page.count("<details") == trace_view.MOST_ROWS + 1
    assert "… 52 more" in page  # fifty steps, the call and the test


# -- the picture in the description


TEXT = 'Orders a "cup".\n\n    It is 10 €,\n    not 5 €.'
TEXT_AS_HTML = "<p>Orders a &quot;cup&quot;.</p>\n<p>It is 10 €,<br>\nnot 5 €.</p>\n"
DESCRIPTIONS = {
    "none": ({}, ""),
    "text": ({c.DESCRIPTION: TEXT}, TEXT_AS_HTML),
    "html": ({c.DESCRIPTION_HTML: "<h1>Cup</h1>"}, "<h1>Cup</h1>"),
    "both": ({c.DESCRIPTION: "*a*", c.DESCRIPTION_HTML: "<b>a</b>"}, "<b>a</b>"),
}
MARKDOWN = ["**bold**", "- a\n- b", "1. one", "a `name`", "[a](b)", "# Title", "a  \nb", "<b>"]


def described(attributes: dict[str, str], **settings: str) -> tuple[str | None, str | None]:
    test = the_test()._replace(attributes={**TEST, **attributes})
    presentation = Presentation(Settings(**settings))
    (result,) = to_results([test, call(2), call(3)], presentation).results
    return result.description, result.descriptionHtml


@pytest.mark.parametrize(("attributes", "begins"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_the_picture_is_in_the_description(attributes, begins):
    text, html = described(attributes)
    assert text == attributes.get(c.DESCRIPTION)
    assert html.startswith(begins)
    found = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    widths = [int(ET.fromstring(base64.b64decode(svg)).attrib["width"]) for svg in found]
    assert widths == [860, 280]


@pytest.mark.parametrize("markdown", MARKDOWN)
def test_markdown_stays_as_it_is(markdown):
    """It could hold no picture, and HTML would take its place."""
    assert described({c.DESCRIPTION: markdown}) == (markdown, None)


@pytest.mark.parametrize("waterfall", ["attachment", "off"])
def test_no_picture_in_the_description_if_not_wanted(waterfall):
    assert described({c.DESCRIPTION: "text"}, waterfall=waterfall) == ("text", None)


# -- links and the trace's id


def links(translated: Translation) -> list[tuple[str, str, str]]:
    return [(link.type, link.name, link.url) for link in translated.results[0].links]


def test_a_link_to_the_trace():
    """Braces of the URL's own stay: Grafana has JSON in its URLs."""
    pattern = 'https://grafana/explore?left={"query":"{trace_id}"}'
    expected = ("trace", "Trace", f'https://grafana/explore?left={{"query":"{HEX}"}}')
    assert links(translated(step(2, 1, 2), trace_url_pattern=pattern)) == [expected]
    assert links(translated(step(2, 1, 2))) == []


def test_links_to_linked_traces():
    """Once each; links between spans of ours, and within the trace, are no others."""
    linked = [Link(OTHER, 5), Link(TRACE_ID, 3)]
    ours = step(4, 1, 2)._replace(links=[Link(0xDEF, 1)])
    spans = [call(2, links=linked), call(3, links=linked), ours]
    assert links(translated(*spans, trace_url_pattern="https://x/{trace_id}"))[1:] == [
        ("trace", "Trace linked from call 2", f"https://x/{OTHER:032x}")
    ]


def test_links_of_a_root():
    """A consumer has links to those that produced what it works on."""
    consumer = call(2)._replace(parent_id=None, links=[Link(OTHER, 5)])
    settings = Settings(trace_url_pattern="https://x/{trace_id}")
    assert links(to_results([consumer], Presentation(settings)))[1:] == [
        ("trace", "Trace linked from call 2", f"https://x/{OTHER:032x}")
    ]


def trace_labels(result) -> list[str]:
    return [label.value for label in result.labels if label.name == "trace_id"]


def test_the_id_of_the_trace_at_tests_of_others():
    test = the_test()._replace(attributes={"test.case.name": "test"})
    (result,) = to_results([test, call(2)]).results
    assert trace_labels(result) == [HEX]


@pytest.mark.parametrize(
    ("spans", "settings", "expected"),
    [
        ([call(2)], {}, True),
        ([call(2)], {"trace_url_pattern": "https://x/{trace_id}"}, False),
        ([step(2, 1, 2)], {}, False),
    ],
    ids=["with calls", "the link has it", "only steps"],
)
def test_the_id_of_the_trace_is_a_label(spans, settings, expected):
    """No parameter: those are part of who a test is, and Allure 2 writes them beside each name."""
    (result,) = translated(*spans, **settings).results
    assert trace_labels(result) == [HEX] * expected
    assert result.parameters == []
    assert result.historyId == translated().results[0].historyId


# -- what is said once, and what comes first


def query(span_id: int, database: str = "shop", **fields: object) -> Span:
    attributes = {"db.system": "postgresql", "db.name": database, "db.statement": "SELECT a FROM b"}
    attributes |= fields.pop("attributes", {})
    return build_span("SELECT", span_id, 1, kind="client", attributes=attributes, **fields)


def test_database_is_told_at_its_first_call():
    (result,) = translated(query(2), query(3), query(4, "other"), query(5, "other")).results
    told = [[p.name for p in step.parameters] for step in result.steps]
    whole, short = ["query", "system", "database"], ["query"]
    assert told == [whole, short, whole, short]
    other = the_test()._replace(span_id=9)
    spans = [the_test(), query(2), other, query(10)._replace(parent_id=9)]
    for each in to_results(spans).results:
        assert [p.name for p in each.steps[0].parameters] == whole


def test_authors_attachments_come_first():
    its = {c.ATTACHMENT_NAMES: ["mine"], c.ATTACHMENT_SOURCES: ["mine.txt"]}
    long = {"db.statement": "SELECT a\nFROM b"}
    test = the_test()._replace(attributes={**the_test().attributes, **its})
    spans = [test, query(2, attributes={**its, **long}), *(call(i) for i in range(10, 30))]
    (result,) = to_results(spans).results
    assert [a.name for a in result.steps[0].attachments] == ["mine", "SELECT b.sql"]
    assert [a.name for a in result.attachments] == ["mine", "Waterfall", "trace.json"]


@pytest.mark.parametrize(("status", "expected"), [("passed", 0), ("failed", 3), ("broken", 3)])
def test_attached_to_tests_that_did_not_pass(status, expected):
    """And what its author attached is there in any case; so is the picture in the description."""
    its = {c.ATTACHMENT_NAMES: ["mine"], c.ATTACHMENT_SOURCES: ["mine.txt"], c.STATUS: status}
    test = the_test()._replace(attributes={**the_test().attributes, **its})
    long = {"db.statement": "SELECT a\nFROM b"}
    spans = [test, query(2, attributes=long), *(call(i) for i in range(10, 30))]
    (result,) = to_results(spans, Presentation(Settings(attach_for="failed"))).results
    (first, *others) = [*result.attachments, *result.steps[0].attachments]
    assert first.name == "mine"
    assert len(others) == expected
    assert "<img" in result.descriptionHtml
