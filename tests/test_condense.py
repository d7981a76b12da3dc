"""What is shown of traces that are too large to be read; nothing vanishes without a word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Log, Span
from otel_allure.output.to_json import plain
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import steps, tree
from otel_allure.testing.spans import build_span
from otel_allure.translation.condense import condense
from otel_allure.translation.span_tree import SpanTree
from otel_allure.translation.to_results import to_container, to_results

TEST = build_span("test", 1, start_ns=0, end_ns=10_000_000_000, attributes={c.KIND: c.TEST})
STEP = {c.KIND: c.STEP}
ERROR = {"status": "error", "events": [Event("exception", 0, {"exception.type": "OSError"})]}


def query(span_id: int, parent_id: int = 1, sql: str = "SELECT * FROM orders", **fields: Any):
    attributes = {"db.system": "postgresql", "db.statement": sql}
    fields = {"kind": "client", "attributes": attributes, **fields}
    return build_span("SELECT", span_id, parent_id, **fields)


def get(span_id: int, parent_id: int = 1, status: int = 200, path: str | None = None, **fields):
    attributes = {
        "http.request.method": "GET",
        "url.path": path or f"/items/{span_id}",
        "http.response.status_code": status,
    }
    return build_span("GET", span_id, parent_id, kind="client", attributes=attributes, **fields)


def test_calls_that_end_before_they_start_are_folded_like_others():
    calls = [query(n, start_ns=n * 10, end_ns=n * 10 - (n % 2)) for n in range(10, 40)]
    (folded,) = shown(calls)["steps"]
    assert folded["name"].startswith("SELECT orders ×30, 0 ms")


def step(span_id: int, parent_id: int = 1, **fields: Any) -> Span:
    return build_span(f"step {span_id}", span_id, parent_id, attributes=STEP, **fields)


def shown(spans: Iterable[Span], **settings: Any) -> dict[str, Any]:
    """Return the test's result, without its attachments."""
    presentation = Presentation(Settings(attach_trace=False, waterfall="off", **settings))
    (result,) = to_results([TEST, *spans], presentation).results
    for each in [result, *all_steps(result)]:
        each.attachments = []
    return plain(result)


def all_steps(item: Any) -> list[Any]:
    return [each for below in item.steps for each in (below, *all_steps(below))]


# -- folding


def test_equal_calls_are_one_step_with_the_first_and_the_slowest():
    spans = [query(i, end_ns=i * 1_000_000 + 500_000 + 1000 * (i == 60)) for i in range(11, 131)]
    result = shown(spans)
    (group,) = result["steps"]
    assert tree(result) == [
        {"SELECT orders ×120, 60.0 ms (N+1 query?)": ["SELECT orders", "SELECT orders"]}
    ]
    assert [each["start"] for each in group["steps"]] == [11, 60]
    assert (group["start"], group["stop"], group["status"]) == (11, 130, "passed")
    assert {p["name"]: p["value"] for p in group["parameters"]} == {
        "shown": "2 of 120: the first, the slowest, and what failed",
        "duration": "500 µs to 501 µs each",
        "warning": "one query with all the keys, or a join, could do the same",
    }


def test_failed_calls_are_kept():
    spans = [query(i, **(ERROR if i in (20, 25) else {})) for i in range(11, 31)]
    (group,) = shown(spans)["steps"]
    assert group["status"] == "broken"
    assert group["statusDetails"]["message"] == "OSError"
    assert [each["start"] for each in group["steps"]] == [11, 20, 25]


NO_GROUPS = {
    "too few": [query(i) for i in range(11, 20)],
    "other results": [get(i, status=200 + i % 2) for i in range(11, 29)],
    "other calls": [query(i, sql=f"SELECT 1 FROM table_{i % 3}") for i in range(11, 35)],
    "other parents": [step(2), *(query(i, 1 + i % 2) for i in range(11, 29))],
    "the author's": [build_span("again", i, 1, attributes=STEP) for i in range(11, 40)],
    "the author's in between": [
        *(query(i) for i in range(11, 20)),
        step(20),
        *(query(i) for i in range(21, 30)),
    ],
}


@pytest.mark.parametrize("spans", NO_GROUPS.values(), ids=NO_GROUPS)
def test_what_is_not_folded(spans):
    assert len(list(steps(shown(spans)))) == len(spans)


def test_calls_of_different_services_are_not_folded():
    def served(span_id: int) -> Span:
        resource = {"service.name": "shop" if span_id % 2 else "stock"}
        return get(span_id, path="/a")._replace(kind="server", resource=resource)

    names = [each["name"] for each in shown(map(served, range(11, 31)))["steps"]]
    assert names == [f"GET /a → 200 ({s}) ×10, 10.0 ms" for s in ("shop", "stock")]


def test_alternating_calls_fold_by_what_they_are():
    spans = [query(i) if i % 2 else get(i) for i in range(11, 51)]
    names = [each["name"] for each in shown(spans)["steps"]]
    assert names == [
        "SELECT orders ×20, 20.0 ms (N+1 query?)",
        "GET /items/* → 200 ×20, 20.0 ms (N+1?)",
    ]


def test_what_is_below_calls_is_folded_away_with_them():
    spans = [span for i in range(11, 31) for span in (get(i), query(i + 100, i))]
    result = shown(spans)
    assert tree(result) == [
        {
            "GET /items/* → 200 ×20, 20.0 ms (N+1?)": [
                {"GET /items/11 → 200": ["SELECT orders"]},
            ]
        }
    ]


@pytest.mark.parametrize(
    "below",
    [
        step(999, 20),
        query(999, 20, **ERROR),
        build_span("has an attachment", 999, 20, attributes={c.ATTACHMENT_SOURCES: ["a.txt"]}),
    ],
    ids=["a step", "a failure", "an attachment"],
)
def test_calls_with_something_remarkable_below_are_kept(below):
    (group,) = shown([*(get(i) for i in range(11, 31)), below])["steps"]
    assert [each["start"] for each in group["steps"]] == [11, 20]
    assert len(group["steps"][1]["steps"]) == 1


def test_what_folded_calls_logged_is_at_their_group():
    logs = {i: [Log(TEST.trace_id, i, i, "INFO", "app", f"record {i}")] for i in (11, 15, 16)}
    translated = to_results([TEST, *(query(i) for i in range(11, 31))], logs=logs)
    (group,) = translated.results[0].steps
    found = [
        (each.name, re.findall(r"record \d+", translated.files[attachment.source]))
        for each in (group, *group.steps)
        for attachment in each.attachments
        if attachment.name == "log"
    ]
    assert found == [(group.name, ["record 15", "record 16"]), ("SELECT orders", ["record 11"])]


SEQUENCE = range(11, 31)
N_PLUS_ONE = {
    "values as parameters": ([query(i) for i in SEQUENCE], True),
    "values as literals": (
        [
            query(i, sql=f"select a from orders where id = {i} and b = 'it''s {i}'")
            for i in SEQUENCE
        ],
        True,
    ),
    "different queries of one table": (
        [query(i, sql=f"SELECT c{'x' * (i % 3)} FROM orders") for i in SEQUENCE],
        False,
    ),
    "writes": ([query(i, sql="INSERT INTO orders VALUES ($1)") for i in SEQUENCE], False),
    "at the same time": ([query(i, end_ns=99_000_000) for i in SEQUENCE], False),
    "no queries": ([get(i) for i in SEQUENCE], False),
}


@pytest.mark.parametrize(("spans", "expected"), N_PLUS_ONE.values(), ids=N_PLUS_ONE)
def test_n_plus_one(spans, expected):
    (group,) = shown(spans)["steps"]
    assert group["name"].endswith("(N+1 query?)") == expected


def test_groups_of_unfinished_calls():
    (group,) = shown([query(i, end_ns=None if i == 30 else i * 1_000_000) for i in SEQUENCE])[
        "steps"
    ]
    assert group["status"] == "unknown"


def test_from_how_many_on():
    spans = [query(i) for i in range(11, 15)]
    assert len(shown(spans, fold=4)["steps"]) == 1
    assert len(shown(spans * 30, fold=0)["steps"]) == 4


# -- noise


NOISE = {
    "scope": ({"ignore_scopes": ("noisy.*",)}, {"scope": "noisy.library"}),
    "name": ({"ignore_names": ("GET /health*",)}, {"name": "GET /healthz"}),
    "kind": ({"ignore_kinds": ("producer",)}, {"kind": "producer"}),
    "duration": ({"min_duration_ms": 0.5}, {"end_ns": 20_100_000}),
}


@pytest.mark.parametrize(("settings", "fields"), NOISE.values(), ids=NOISE)
def test_noise_is_left_out_and_what_is_below_moves_up(settings, fields):
    def noise(span_id: int) -> Span:
        return build_span("x", span_id, 1, start_ns=20_000_000)._replace(**fields)

    spans = [step(2), noise(20), query(21, 20), query(22), step(23, 20)]
    assert tree(shown(spans, **settings)) == ["step 2", "SELECT orders", "SELECT orders", "step 23"]
    failed = noise(20)._replace(**ERROR)
    assert len(shown([failed], **settings)["steps"]) == 1
    authors = noise(20)._replace(attributes=STEP)
    assert len(shown([authors], **settings)["steps"]) == 1


@pytest.mark.parametrize("settings", [{"ignore_names": ("noise*",)}, {"min_duration_ms": 2}])
def test_failed_noise_is_left_out_where_that_is_asked_for(settings):
    failed = build_span("noise", 20, 1, **ERROR)
    assert "steps" not in shown([failed], **settings, ignore_failed=True)
    assert len(shown([failed], **settings)["steps"]) == 1


# -- too many


def test_a_cap_with_a_word():
    """Deep ones go first, and each place says so."""
    spans = [span for i in range(11, 31) for span in (step(i), *below(i, 9))]
    result = shown(spans, max_steps=100)
    assert len(list(steps(result))) == 101
    last = result["steps"][-1]
    assert last["name"] == "… 100 more"
    assert last["statusDetails"]["message"] == (
        "Left out: there are more than 100 steps (max_steps). Their places are marked."
    )
    marks = [p["value"] for each in steps(result) for p in each.get("parameters", ()) if marked(p)]
    assert sum(int(mark.split()[0]) for mark in marks) == 100


def below(parent_id: int, count: int) -> list[Span]:
    """Return different calls, so that none are folded."""
    first_id = parent_id * 1000
    return [query(first_id + i, parent_id, f"SELECT {i} FROM {word(i)}") for i in range(count)]


def word(number: int) -> str:
    """Return another word for each number."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def marked(parameter: dict[str, Any]) -> bool:
    return parameter["name"] == "left out"


def test_the_authors_steps_are_never_left_out():
    spans = [*(step(i) for i in range(11, 311)), *below(11, 3)]
    result = shown(spans, max_steps=100)
    assert [each["name"] for each in result["steps"]] == [
        *(f"step {i}" for i in range(11, 311)),
        "… 3 more",
    ]
    assert result["steps"][0]["parameters"] == [
        {"name": "left out", "value": "3 steps", "excluded": True}
    ]


def test_failed_calls_come_before_others():
    deep = [get(500, 11, path="/a"), query(501, 500, "SELECT 1 FROM deep", **ERROR)]
    spans = [*(query(i, sql=f"SELECT 1 FROM {word(i)}") for i in range(11, 61)), *deep]
    result = shown(spans, max_steps=10)
    assert "SELECT deep" in [each["name"] for each in steps(result)]
    assert result["steps"][-1]["name"] == "… 42 more"


def test_no_cap():
    spans = [query(i, sql=f"SELECT 1 FROM {word(i)}") for i in range(11, 711)]
    assert len(shown(spans, max_steps=0)["steps"]) == 700
    assert len(shown(spans)["steps"]) == 501


def test_a_cap_in_a_wide_fixture():
    root = TEST._replace(attributes={c.KIND: c.CONTAINER})
    before = build_span("db", 2, 1, attributes={c.KIND: c.FIXTURE, c.PHASE_NAME: "before"})
    spans = [root, before, *(get(i, 2, path=f"/{word(i)}") for i in range(11, 31))]
    translated = to_container(spans, ["a"], Presentation(Settings(max_steps=15)))
    db, rest = translated.containers[0].befores
    assert len(db.steps) == 14
    assert [each.name for each in rest.steps] == ["… 6 more"]
    assert [a.name for a in rest.attachments] == ["trace.json"]


# -- tests within tests, as other producers may have them


def others_test(span_id: int, parent_id: int) -> Span:
    return build_span("a test", span_id, parent_id, attributes={"test.case.name": f"a {span_id}"})


@pytest.mark.parametrize(
    "settings",
    [{"fold": 2}, {"max_steps": 3, "fold": 0}, {"min_duration_ms": 5}],
    ids=["fold", "cap", "noise"],
)
def test_nested_tests_are_no_calls(settings):
    """They are results of their own: neither folded nor counted nor moved into another's."""
    spans = [TEST, *(span for i in range(2, 9) for span in (others_test(i, 1), step(i + 100, i)))]
    spans += [build_span("above a test", 40, 1), others_test(41, 40), step(42, 41)]
    spans += [build_span(f"call {word(i)}", i, 1) for i in range(30, 34)]
    presentation = Presentation(Settings(waterfall="off", **settings))
    outer, *inner = (plain(result) for result in to_results(spans, presentation).results)
    assert all(len(each["steps"]) == 1 for each in inner)
    names = [each["name"] for each in outer.get("steps", ())]
    assert (
        names
        == {
            "fold": [*(f"call {word(i)}" for i in range(30, 34)), "above a test"],
            "max_steps": ["call da", "call db", "call dc", "… 2 more"],
            "min_duration_ms": [],
        }[next(iter(settings))]
    )


def session_of_tests(count: int) -> list[Span]:
    """Return a trace with many tests, each with calls that fold."""
    root = build_span("session", 1)
    tests = [others_test(i * 100, 1) for i in range(1, count + 1)]
    return [
        root,
        *tests,
        *(get(test.span_id + i, test.span_id) for test in tests for i in range(1, 21)),
    ]


def test_the_trace_is_written_once_for_all_of_its_tests():
    translated = to_results(session_of_tests(5), Presentation(Settings(waterfall="off")))
    found = [a for result in translated.results for a in result.attachments]
    sources = [a.source for a in found if a.name == "trace.json"]
    assert len(sources) == 5
    assert len(set(sources)) == 1
    assert sum("resourceSpans" in body for body in translated.files.values()) == 1


def test_files_of_spans_with_consecutive_ids_are_apart():
    """Some tests, and some generators of ids, count."""
    spans = [TEST, *(query(i, sql=f"SELECT 1\nFROM {word(i)}") for i in range(2, 300))]
    (result,) = to_results(spans, Presentation(Settings(waterfall="off"))).results
    sources = [a.source for each in (result, *all_steps(result)) for a in each.attachments]
    assert (len(sources), len(set(sources))) == (298, 298)


# -- the whole trace


@pytest.mark.parametrize(
    "settings", [{"fold": 5}, {"max_steps": 5, "fold": 0}, {"ignore_kinds": ("client",)}]
)
def test_what_is_not_shown_is_in_the_trace(settings):
    spans = [TEST, *(query(i) for i in range(11, 31))]
    translated = to_results(spans, Presentation(Settings(waterfall="off", **settings)))
    (attachment,) = translated.results[0].attachments
    assert (attachment.name, attachment.type) == ("trace.json", "application/json")
    found = list(from_otlp(json.loads(translated.files[attachment.source])))
    assert sorted(span.span_id for span in found) == sorted(span.span_id for span in spans)


def test_the_trace_is_masked():
    secret = build_span("login?password=hunter2", 5, 1, attributes={"api_key": "hunter2"})
    spans = [TEST, secret, *(query(i, sql="SELECT 'token=hunter2' FROM t") for i in range(11, 31))]
    files = to_results(spans).files
    assert any("trace" in body.lower() for body in files.values())
    assert "hunter2" not in json.dumps(files)


@pytest.mark.parametrize("spans", [[query(11)], [step(11)]])
def test_no_trace_where_everything_is_shown(spans):
    (result,) = to_results([TEST, *spans], Presentation(Settings(waterfall="off"))).results
    assert "trace.json" not in [attachment.name for attachment in result.attachments]


# -- any spans


@st.composite
def any_spans(draw: st.DrawFn) -> list[Span]:
    """Draw a tree of calls, some alike, steps and failures."""
    spans = [TEST]
    for span_id in range(2, draw(st.integers(2, 60))):
        parent_id = draw(st.integers(max(1, span_id - 12), span_id - 1))
        fields = draw(st.sampled_from([{}, {}, {}, ERROR, {"end_ns": None}]))
        make = draw(st.sampled_from([query, query, get, step]))
        spans.append(make(span_id, parent_id, **fields))
    return spans


@hypothesis_settings(max_examples=300, deadline=None)
@given(any_spans(), st.integers(0, 5), st.integers(0, 30), st.booleans())
def test_every_span_is_shown_or_has_a_home(spans, fold, max_steps, noise):
    settings = Settings(
        fold=fold, max_steps=max_steps, ignore_names=("SELECT",) if noise else (), waterfall="off"
    )
    presentation = Presentation(settings)
    span_tree = SpanTree(spans)
    condensed = condense(TEST, span_tree, presentation)
    visible = {TEST.span_id}
    todo = [TEST.span_id]
    while todo:
        for span in condensed.children.get(todo.pop(), ()):
            assert span.span_id not in visible
            visible.add(span.span_id)
            todo.append(span.span_id)
    hidden = {span.span_id for span in spans} - visible
    assert len(hidden - set(condensed.shown_at)) == span_tree.twins.total()
    authors = {span.span_id for span in spans if c.KIND in span.attributes}
    assert authors <= visible
    assert set(condensed.shown_at.values()) <= visible
    (result,) = to_results(spans, presentation).results
    assert len(list(steps(plain(result)))) == len(visible) - 1 + bool(condensed.capped)


def test_linear_in_spans():
    """Folding and capping look at each span a few times, however many there are."""
    looks = {}
    for count in (1_000, 4_000):
        presentation = Counting()
        condense(TEST, SpanTree([TEST, *(get(i) for i in range(11, count + 11))]), presentation)
        looks[count] = presentation.looks
    assert looks[4_000] <= 4.1 * looks[1_000]


class Counting(Presentation):
    """Counts how often it is asked."""

    looks = 0

    def title(self, span: Span, above: Span | None = None) -> str:
        self.looks += 1
        return super().title(span, above)

    def outcome(self, span: Span) -> Any:
        self.looks += 1
        return super().outcome(span)
