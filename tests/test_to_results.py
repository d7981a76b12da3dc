"""Traces -> results and containers: a table of cases, each rule, and any spans at all."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_allure.model import conventions as c
from otel_allure.model.settings import DEFAULTS, Settings
from otel_allure.model.spans import Event, Link, Log, Span
from otel_allure.output.to_json import plain
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import steps, tree
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation.attributes import BELONGS_TO
from otel_allure.translation.span_tree import SpanTree
from otel_allure.translation.to_results import NO_PARENT, UNFINISHED, Translation, to_container
from otel_allure.translation.to_results import to_results as as_usual

MAX_DEPTH = DEFAULTS.max_depth
# The steps, all of them; what is made of large traces and of pictures is tested on its own.
PLAIN = Presentation(Settings(waterfall="off", fold=0, max_steps=0, attach_http=False))


def to_results(spans: Iterable[Span]) -> Translation:
    return as_usual(spans, PLAIN)


TEST = {c.KIND: c.TEST}
STEP = {c.KIND: c.STEP}
CALL = {c.KIND: c.PHASE, c.PHASE_NAME: "call"}
SETUP = {c.KIND: c.PHASE, c.PHASE_NAME: "setup"}
BEFORE = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
AFTER = {c.KIND: c.FIXTURE, c.PHASE_NAME: "after"}
CONTAINER = {c.KIND: c.CONTAINER}
SESSION = {c.KIND: c.SESSION}
MS = 1_000_000


def span(name: str, span_id: int, parent_id: int | None = None, **fields: object) -> Span:
    """Return a step of ours, if nothing else is said."""
    return build_span(name, span_id, parent_id, **{"attributes": STEP, **fields})


def foreign(name: str, span_id: int, parent_id: int | None = None, **fields: object) -> Span:
    """Return a span of an instrumentation."""
    return build_span(name, span_id, parent_id, **fields)


def test_span(**attributes: object) -> Span:
    return build_span("test", 1, attributes={**TEST, **attributes})


test_span.__test__ = False


def results(spans: list[Span]) -> list[dict]:
    return [plain(result) for result in to_results(spans).results]


def result(spans: list[Span]) -> dict:
    (only,) = results(spans)
    return only


def trees(spans: list[Span]) -> dict[str, object]:
    """Return the trees of all results by name, and those of fixtures."""
    translated = to_results(spans)
    return {
        **{r.name: tree(plain(r)) for r in translated.results},
        **{
            f"{kind} {fixture.name}": tree(plain(fixture))
            for container in translated.containers
            for kind in ("befores", "afters")
            for fixture in getattr(container, kind)
        },
    }


# -- where each span goes


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param([test_span()], {"test": []}, id="a test alone"),
        pytest.param(
            [test_span(), span("a", 2, 1), span("b", 3, 2), span("c", 4, 1)],
            {"test": [{"a": ["b"]}, "c"]},
            id="nested steps",
        ),
        pytest.param(
            [test_span(), span("later", 2, 1, start_ns=9 * MS), span("sooner", 3, 1)],
            {"test": ["sooner", "later"]},
            id="by start, not by id",
        ),
        pytest.param(
            [
                test_span(),
                span("in it", 2, 1, start_ns=5 * MS, end_ns=6 * MS),
                span("around", 3, 1, start_ns=5 * MS, end_ns=9 * MS),
                span("goes on", 4, 1, start_ns=5 * MS, end_ns=None),
            ],
            {"test": ["unknown: goes on", "around", "in it"]},
            id="of the same start, the longer first",
        ),
        pytest.param(
            [
                test_span(),
                build_span("setup", 2, 1, attributes=SETUP),
                span("s", 3, 2),
                build_span("call", 4, 1, attributes=CALL),
                span("a", 5, 4),
            ],
            {"test": ["s", "a"]},
            id="phases disappear",
        ),
        pytest.param(
            [
                test_span(),
                build_span("setup", 2, 1, attributes=SETUP),
                build_span("db", 3, 2, attributes=BEFORE),
                span("create", 4, 3),
                build_span("call", 5, 1, attributes=CALL),
                span("use", 6, 5),
                build_span("db::0", 7, 1, attributes=AFTER),
                foreign("DROP", 8, 7),
            ],
            {"test": ["use"], "befores db": ["create"], "afters db": ["DROP"]},
            id="fixtures go to the container",
        ),
        pytest.param(
            [
                test_span(),
                build_span("outer", 2, 1, attributes=BEFORE),
                build_span("inner", 3, 2, attributes=BEFORE),
                span("a", 4, 3),
            ],
            {"test": [], "befores outer": [], "befores inner": ["a"]},
            id="a fixture asked for in a fixture",
        ),
        pytest.param(
            [test_span(), build_span("inner test", 2, 1, attributes=TEST), span("a", 3, 2)],
            {"test": [], "inner test": ["a"]},
            id="a test in a test",
        ),
        pytest.param(
            [test_span(), foreign("GET", 3, 2), span("in it", 4, 3)],
            {"test": [{"GET": ["in it"]}]},
            id="an orphan hangs below the test",
        ),
        pytest.param(
            [test_span(), span("step below a span that was not sampled", 3, 2)],
            {"test": ["step below a span that was not sampled"]},
            id="an orphan of our own too",
        ),
        pytest.param(
            [
                test_span(),
                build_span("call", 2, 1, attributes=CALL, end_ns=20 * MS),
                span("before", 3, 2),
                foreign("orphan", 9, 77),
                span("after", 12, 2),
            ],
            {"test": ["before", "orphan", "after"]},
            id="an orphan is sorted in",
        ),
        pytest.param(
            [
                build_span("one", 1, 99, attributes=TEST, end_ns=10 * MS),
                build_span("two", 20, 99, attributes=TEST, end_ns=30 * MS),
                foreign("in the first", 5, 77),
                foreign("in the second", 25, 77),
                foreign("between", 15, 77),
                foreign("before", 0, 77),
            ],
            {"one": ["before", "in the first", "between"], "two": ["in the second"]},
            id="an orphan hangs below the test that ran then",
        ),
        pytest.param(
            [
                build_span("long", 1, 99, attributes=TEST, end_ns=100 * MS),
                build_span("short", 20, 99, attributes=TEST, end_ns=30 * MS),
                foreign("first", 5, 77),
                foreign("in both", 25, 77),
                foreign("as it ends", 30, 77),
                foreign("later", 35, 77),
                foreign("after all", 120, 77),
            ],
            {"long": ["first", "later"], "short": ["in both", "as it ends", "after all"]},
            id="of tests that ran then, it is the one that began last",
        ),
        pytest.param(
            [test_span(), foreign("a", 2, 3), foreign("b", 3, 2)],
            {"test": [{"a": ["b"]}]},
            id="a cycle",
        ),
        pytest.param(
            [test_span(), foreign("a", 2, 2), foreign("b", 3, 2)],
            {"test": [{"a": ["b"]}]},
            id="its own parent",
        ),
        pytest.param(
            [build_span("test", 2, 1, attributes=TEST), foreign("above", 1, 2)],
            {"test": []},
            id="a test in a cycle: what is above it is its frame",
        ),
        pytest.param(
            [foreign("root", 1), span("a", 2, 1)],
            {"root": ["a"]},
            id="without a test the root is the result",
        ),
        pytest.param(
            [span("script", 1), span("a", 2, 1)],
            {"script": ["a"]},
            id="a step outside of tests",
        ),
        pytest.param(
            [foreign("one", 1, 98), foreign("two", 2, 99), foreign("in it", 3, 2)],
            {"one": [], "two": ["in it"]},
            id="without a test each orphan is a result",
        ),
        pytest.param(
            [foreign("a", 1, 2), foreign("b", 2, 1), foreign("c", 3, 1)],
            {"a": ["b", "c"]},
            id="nothing but a cycle",
        ),
        pytest.param(
            [
                foreign("run", 1),
                foreign("suite", 2, 1),
                build_span("one", 3, 2, attributes={c.PYTEST_SPAN_TYPE: "test"}),
                foreign("call", 4, 3),
                build_span("two", 5, 2, attributes={c.TEST_CASE_NAME: "case two"}),
            ],
            {"one": ["call"], "case two": []},
            id="a whole session in one trace",
        ),
        pytest.param(
            [
                foreign("run", 1),
                foreign("suite set-up", 2, 1),
                build_span("one", 3, 1, attributes={c.PYTEST_SPAN_TYPE: "test"}),
                foreign("call", 4, 3),
            ],
            {"one": ["call"], "run": ["suite set-up"]},
            id="what ran beside the tests of a session",
        ),
        pytest.param(
            [build_span("session", 9, attributes=SESSION), test_span()._replace(parent_id=9)],
            {"test": []},
            id="nothing is shown of a session",
        ),
        pytest.param(
            [test_span(), span("a", 2, 1), span("a", 2, 1)],
            {"test": ["a"]},
            id="the same span twice",
        ),
        pytest.param(
            [
                test_span(),
                build_span("wide", 2, 9, attributes=CONTAINER),
                build_span("wide", 3, 2, attributes=BEFORE),
            ],
            {"test": [], "befores wide": []},
            id="a wide fixture in the trace of a test",
        ),
        pytest.param(
            [build_span("call", 2, 1, attributes=CALL), span("a", 3, 2)],
            {"call": ["a"]},
            id="a phase whose test has not come",
        ),
        pytest.param(
            [build_span("", 1, attributes={}), build_span("", 2, 1, attributes=STEP)],
            {"unnamed span": ["unnamed span"]},
            id="names that are empty",
        ),
    ],
)
def test_where_spans_go(spans, expected):
    """Each case in the order given and reversed: the order of arrival means nothing."""
    assert trees(spans) == expected
    assert trees(spans[::-1]) == expected


def test_a_whole_result():
    """All that a test span can say."""
    attributes = {
        **TEST,
        c.FULL_NAME: "tests.shop#test_order",
        c.TITLE_PATH: ("tests", "shop"),
        c.TEST_CASE_ID: "case",
        c.HISTORY_ID: "history",
        c.DESCRIPTION: "**Words**",
        c.DESCRIPTION_HTML: "<b>Words</b>",
        c.STATUS: "failed",
        c.MESSAGE: "1 != 2",
        c.TRACE: "line 1",
        c.KNOWN: True,
        c.MUTED: True,
        c.LABEL_NAMES: ("severity", "tag"),
        c.LABEL_VALUES: ("high", "slow"),
        c.LINK_URLS: ("https://a", "https://b"),
        c.LINK_NAMES: ("A", "B"),
        c.LINK_TYPES: ("link", "issue"),
        c.PARAMETER_NAMES: ("user", "password", "hash", "seed"),
        c.PARAMETER_VALUES: ("bob", "****", "****", "7"),
        c.PARAMETER_MODES: ("", "masked", "hidden", ""),
        c.PARAMETER_EXCLUDED: (False, False, False, True),
        c.ATTACHMENT_NAMES: ("page", "raw"),
        c.ATTACHMENT_SOURCES: ("1-attachment.html", "2-attachment"),
        c.ATTACHMENT_TYPES: ("text/html", ""),
    }
    spans = [
        build_span("Order", 1, attributes=attributes, end_ns=99 * MS),
        build_span("call", 2, 1, attributes=CALL, start_ns=10 * MS, end_ns=20 * MS),
        span("pay", 3, 2, start_ns=12 * MS, end_ns=13 * MS),
    ]
    assert result(spans) == {
        "uuid": to_results(spans).results[0].uuid,
        "name": "Order",
        "fullName": "tests.shop#test_order",
        "titlePath": ["tests", "shop"],
        "testCaseId": "case",
        "historyId": "history",
        "description": "**Words**",
        "descriptionHtml": "<b>Words</b>",
        "status": "failed",
        "statusDetails": {
            "message": "1 != 2",
            "trace": "line 1",
            "known": True,
            "flaky": False,
            "muted": True,
        },
        "labels": [{"name": "severity", "value": "high"}, {"name": "tag", "value": "slow"}],
        "links": [
            {"url": "https://a", "name": "A", "type": "link"},
            {"url": "https://b", "name": "B", "type": "issue"},
        ],
        "parameters": [
            {"name": "user", "value": "bob"},
            {"name": "password", "value": "****", "mode": "masked"},
            {"name": "hash", "value": "****", "mode": "hidden"},
            {"name": "seed", "value": "7", "excluded": True},
        ],
        "attachments": [
            {"name": "page", "source": "1-attachment.html", "type": "text/html"},
            {"name": "raw", "source": "2-attachment"},
        ],
        "steps": [{"name": "pay", "status": "passed", "start": 12, "stop": 13}],
        "start": 10,
        "stop": 20,
    }


def test_a_whole_result_of_a_trace_without_a_test():
    """A request to a service: its identity contains its trace id, as it is no retry of another."""
    request = foreign(
        "GET /users",
        1,
        9,
        kind="server",
        parent_is_remote=True,
        attributes={"http.request.method": "GET", "http.route": "/users/{id}", "user.name": "bob"},
        resource={"service.name": "shop", "host.name": "h", "telemetry.sdk.language": "go"},
    )
    found = result([request])
    assert found == {
        "uuid": found["uuid"],
        "historyId": found["historyId"],
        "testCaseId": found["testCaseId"],
        "name": "GET /users/{id}",
        "fullName": "shop#GET /users/{id}",
        "status": "passed",
        "labels": [
            {"name": "framework", "value": "opentelemetry"},
            {"name": "language", "value": "go"},
            {"name": "host", "value": "h"},
            {"name": "thread", "value": "shop"},
            {"name": "suite", "value": "shop"},
        ],
        "parameters": [
            {"name": "service", "value": "shop"},
            {"name": "user.name", "value": "bob"},
            {"name": "trace_id", "value": f"{TRACE_ID:032x}"},
            {"name": "span_id", "value": "0000000000000001"},
        ],
        "start": 1,
        "stop": 2,
    }
    other = result([request._replace(trace_id=5)])
    assert other["testCaseId"] == found["testCaseId"]
    assert other["historyId"] != found["historyId"]
    assert other["uuid"] != found["uuid"]


def test_the_service_that_a_test_is_itself():
    """That of the first call which its own code has made, not of one that it has answered."""

    def call(service: str, span_id: int, **fields: object) -> Span:
        return foreign(service, span_id, 2, resource={"service.name": service}, **fields)

    spans = [
        test_span(),
        build_span("call", 2, 1, attributes=CALL),
        call("asked it", 3, kind="server"),
        call("sent it", 4, kind="consumer"),
        call("below another process", 5, parent_is_remote=True),
    ]
    assert SpanTree(spans).own_service(spans[0]) == ""
    spans += [call("own", 6, kind="client"), call("second", 7)]
    assert SpanTree(spans).own_service(spans[0]) == "own"
    assert SpanTree(spans).own_service(spans[1]) == "own"
    assert SpanTree(spans).own_service(spans[5]) == ""


def test_a_result_of_an_orphan_says_so():
    """Its parent has not come; one in another process need not come."""
    assert result([foreign("a", 1, 0xAB)])["statusDetails"] == {
        "message": NO_PARENT.format("00000000000000ab")
    }
    assert "statusDetails" not in result([foreign("a", 1, 0xAB, parent_is_remote=True)])
    assert "statusDetails" not in result([foreign("a", 1)])


def test_an_orphan_below_a_test_says_what_it_belongs_to():
    """But not what is of ours, or a root of its own."""
    spans = [
        test_span(),
        foreign("astray", 2, 0xAB, parent_is_remote=True),
        foreign("below it", 3, 2),
        span("own", 4, 0xAC),
        foreign("root", 5),
    ]
    steps = {step["name"]: step for step in result(spans)["steps"]}
    told = {
        name: [p["value"] for p in step.get("parameters", ()) if p["name"] == BELONGS_TO]
        for name, step in {**steps, "below it": steps["astray"]["steps"][0]}.items()
    }
    assert told.pop("astray") == ["Span 00000000000000ab, which has not come"]
    assert told == {"below it": [], "own": [], "root": []}


# -- times


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "expected"),
    [
        pytest.param(1_999_999, 2_000_001, (1, 2), id="whole milliseconds, rounded down"),
        pytest.param(5 * MS, 3 * MS, (5, 5), id="never stopped before the start"),
        pytest.param(0, 0, (0, 0), id="the epoch itself"),
        pytest.param(2 * MS, None, (2, 50), id="unfinished: until the last that is known"),
    ],
)
def test_times(start_ns, end_ns, expected):
    """Allure knows milliseconds."""
    spans = [test_span(), span("a", 2, 1, start_ns=start_ns, end_ns=end_ns), span("b", 49, 1)]
    (found,) = (s for s in result(spans)["steps"] if s["name"] == "a")
    assert (found["start"], found["stop"]) == expected


# -- outcomes


@pytest.mark.parametrize(
    ("attributes", "end_ns", "expected"),
    [
        pytest.param({}, 9 * MS, ("passed", None), id="nothing said"),
        pytest.param({c.STATUS: "failed"}, 9 * MS, ("failed", None), id="a status"),
        pytest.param(
            {c.STATUS: "skipped", c.MESSAGE: "m", c.TRACE: "t"},
            9 * MS,
            ("skipped", {"message": "m", "trace": "t"}),
            id="a status, a message and a trace",
        ),
        pytest.param({c.MESSAGE: "m"}, 9 * MS, ("passed", {"message": "m"}), id="only a message"),
        pytest.param({}, None, ("unknown", {"message": UNFINISHED}), id="unfinished"),
        pytest.param(
            {c.MESSAGE: "m"}, None, ("unknown", {"message": "m"}), id="unfinished with a message"
        ),
    ],
)
def test_outcome_of_spans_of_ours(attributes, end_ns, expected):
    """Their attributes say it."""
    spans = [test_span(), span("a", 2, 1, end_ns=end_ns, attributes={**STEP, **attributes})]
    (step,) = result(spans)["steps"]
    assert (step["status"], step.get("statusDetails")) == expected


def test_outcome_of_an_unfinished_test():
    """It is unknown, and says why."""
    found = result([test_span()._replace(end_ns=None)])
    assert (found["status"], found["statusDetails"]) == ("unknown", {"message": UNFINISHED})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "passed", id="nothing said"),
        pytest.param({"status": "error"}, "broken", id="an error"),
        pytest.param(
            {"attributes": {c.TEST_CASE_NAME: "t", c.TEST_CASE_RESULT_STATUS: "fail"}},
            "failed",
            id="the result of the conventions",
        ),
        pytest.param(
            {
                "status": "error",
                "events": [Event("exception", 1, {"exception.type": "AssertionError"})],
            },
            "failed",
            id="a failed check",
        ),
        pytest.param(
            {"attributes": {c.TEST_CASE_NAME: "t", c.STATUS: "skipped"}},
            "skipped",
            id="our own attribute",
        ),
    ],
)
def test_outcome_of_tests_of_others(fields, expected):
    """By the span's status, or by the conventions for tests."""
    fields = {"attributes": {c.TEST_CASE_NAME: "t"}, **fields}
    assert result([foreign("t", 1, **fields)])["status"] == expected


def test_spans_of_others_may_have_parameters_of_ours():
    """A service sets `allure.parameter.*` on a span that its instrumentation made."""
    attributes = {
        "user.name": "bob",
        c.PARAMETER_NAMES: ["a"],
        c.PARAMETER_VALUES: ["1"],
        c.ATTACHMENT_NAMES: ["page"],
        c.ATTACHMENT_SOURCES: ["p.html"],
    }
    (step,) = result([test_span(), foreign("x", 2, 1, attributes=attributes)])["steps"]
    assert step["parameters"] == [
        {"name": "user.name", "value": "bob"},
        {"name": "a", "value": "1"},
    ]
    assert step["attachments"] == [{"name": "page", "source": "p.html"}]


def test_attachments_of_a_phase_belong_to_the_test():
    """What was attached between its steps and fixtures."""
    attachment = {c.ATTACHMENT_NAMES: ["log"], c.ATTACHMENT_SOURCES: ["log.txt"]}
    spans = [test_span(), build_span("call", 2, 1, attributes={**CALL, **attachment})]
    assert tree(result(spans)) == ["[log]"]


# -- containers


def test_a_container_has_the_test_as_its_child():
    """And the time of its fixtures."""
    spans = [
        test_span(),
        build_span("b", 2, 1, attributes=BEFORE),
        build_span("a", 30, 1, attributes={**AFTER, c.STATUS: "broken", c.MESSAGE: "m"}),
    ]
    translated = to_results(spans)
    (container,) = map(plain, translated.containers)
    assert container == {
        "uuid": container["uuid"],
        "children": [translated.results[0].uuid],
        "befores": [{"name": "b", "status": "passed", "start": 2, "stop": 3}],
        "afters": [
            {
                "name": "a",
                "status": "broken",
                "statusDetails": {"message": "m"},
                "start": 30,
                "stop": 31,
            }
        ],
        "start": 2,
        "stop": 31,
    }


def test_tests_say_by_links_which_containers_they_use():
    """Other links are no use of anything."""
    links = [Link(5, 6, CONTAINER), Link(7, 8, SESSION), Link(9, 10)]
    translated = to_results([test_span()._replace(links=links)])
    assert translated.uses == [((5, 6), translated.results[0].uuid)]


def test_the_trace_of_a_wide_fixture_is_a_container():
    """Its set-up and tear-down, with the tests that used it."""
    spans = [
        build_span("db", 1, attributes=CONTAINER, end_ns=90 * MS),
        build_span("db", 2, 1, attributes=BEFORE),
        span("create", 3, 2),
        build_span("db::0", 80, 1, attributes=AFTER),
        foreign("DROP", 81, 80),
    ]
    container = plain(to_container(spans, ["a", "b"]).containers[0])
    assert container == {
        "uuid": container["uuid"],
        "name": "db",
        "children": ["a", "b"],
        "start": 1,
        "stop": 90,
        "befores": [
            {
                "name": "db",
                "status": "passed",
                "start": 2,
                "stop": 3,
                "steps": [{"name": "create", "status": "passed", "start": 3, "stop": 4}],
            }
        ],
        "afters": [
            {
                "name": "db",
                "status": "passed",
                "start": 80,
                "stop": 81,
                "steps": [{"name": "DROP", "status": "passed", "start": 81, "stop": 82}],
            }
        ],
    }


def test_what_is_in_none_of_the_parts_of_a_wide_fixture_is_shown_too():
    """A background task between set-up and tear-down, an orphan."""
    spans = [
        build_span("db", 1, attributes=CONTAINER),
        build_span("db", 2, 1, attributes=BEFORE),
        foreign("task", 3, 1),
        foreign("orphan", 4, 77),
    ]
    befores = plain(to_container(spans, ["a"]).containers[0])["befores"]
    assert [(b["name"], tree(b)) for b in befores] == [("db", []), ("db", ["task", "orphan"])]


def test_a_trace_without_a_wide_fixture_is_no_container():
    """There is nothing to translate."""
    assert not to_container([test_span()], ["a"]).containers


# -- twins


def twin(span_id: int, **fields: object) -> Span:
    return foreign("GET", span_id, 1, start_ns=5 * MS, attributes={"n": span_id}, **fields)


def test_twins_that_open_are_told_apart():
    """Of the same name and start, Allure 3 takes them for one: they are moved by milliseconds."""
    spans = [test_span(), twin(2), twin(3), twin(4), foreign("GET", 5, 1, start_ns=6 * MS)]
    found = [(s["start"], s["stop"]) for s in result(spans)["steps"]]
    assert found == [(5, 6), (6, 7), (7, 8), (6, 7)]


def test_twins_that_do_not_open_are_left_alone():
    """There is nothing to confuse."""
    spans = [test_span(), *(span("a", i, 1, start_ns=5 * MS) for i in (2, 3))]
    assert [s["start"] for s in result(spans)["steps"]] == [5, 5]


def test_many_twins():
    """Thousands of concurrent calls are told apart without looking at each other."""
    found = result([test_span(), *(twin(i) for i in range(2, 10_002))])["steps"]
    assert len({s["start"] for s in found}) == 10_000


# -- depth


def nested(levels: int) -> list[Span]:
    return [test_span(), *(span(f"{i}", i, i - 1) for i in range(2, levels + 2))]


def depth(item: dict) -> int:
    """Return the number of levels below `item`."""
    level, levels = [item], -1
    while level:
        level, levels = [step for above in level for step in above.get("steps", ())], levels + 1
    return levels


@pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH])
def test_what_is_not_too_deep_stays_nested(levels):
    """And there is no note."""
    found = result(nested(levels))
    assert depth(found) == levels
    assert "flat" not in json.dumps(found)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 400, 4000])
def test_what_is_too_deep_is_shown_flat(levels):
    """With a note, where it begins, and as JSON that the report tools can read."""
    text = json.dumps(result(nested(levels)))
    found = json.loads(text)
    assert depth(found) == MAX_DEPTH
    flattened = list(steps(found))
    assert [s["name"] for s in flattened if not s["name"].isdigit()] == [
        f"{MAX_DEPTH + 1} (deeper levels are shown flat, below this one)"
    ]
    assert [int(s["name"].split()[0]) for s in flattened] == list(range(2, levels + 2))


def test_what_is_too_deep_with_phases_and_fixtures_in_it():
    """A phase is no level, and a fixture begins anew, also at the bottom."""
    kinds = [STEP, CALL, {}, BEFORE]
    spans = [
        test_span(),
        *(build_span(f"{i}", i, i - 1, attributes=kinds[i % 4]) for i in range(2, 1002)),
    ]
    text = json.dumps([plain(item) for t in (to_results(spans),) for item in (*t.results, *t[1])])
    assert "flat" not in text
    assert all(f'"{i}"' in text for i in range(2, 1002) if i % 4 != 1)


# -- attributes of any type

STRANGE = [
    None,
    True,
    0,
    -1.5,
    float("nan"),
    b"\xff",
    "\udc80",
    "",
    [],
    [None, b"x", 1],
    {"a": [1]},
]
CONSTANTS = [value for name, value in vars(c).items() if name.isupper() and isinstance(value, str)]
NAMES = sorted({*CONSTANTS} - {c.KIND})


@pytest.mark.parametrize("value", STRANGE, ids=ascii)
@pytest.mark.parametrize("kind", [c.TEST, c.STEP, c.FIXTURE, None, "unheard of", 7], ids=ascii)
def test_attributes_of_any_type(kind, value):
    """What a service says of itself is shown somehow, never an error, and is JSON."""
    attributes = dict.fromkeys([*NAMES, "http.request.method", "db.system", "db.statement"], value)
    if kind is not None:
        attributes[c.KIND] = kind
    resource = {"service.name": value, "host.name": value}
    fields = {"attributes": attributes, "kind": "client", "status": "error", "resource": resource}
    fields["events"] = [Event("exception", 1, dict.fromkeys(["exception.type"], value))]
    translated = to_results([build_span("a", 1, **fields), build_span("b", 2, 1, **fields)])
    items = [plain(item) for item in (*translated.results, *translated.containers)]
    text = json.dumps(items, ensure_ascii=False, allow_nan=False)
    assert text.encode("utf-8", "backslashreplace")


def test_parallel_arrays_of_different_lengths():
    """What is missing at the end of a truncated one is empty."""
    attributes = {
        **TEST,
        c.LABEL_NAMES: ["a", "b"],
        c.LABEL_VALUES: ["1"],
        c.PARAMETER_NAMES: ["p", "q"],
        c.PARAMETER_VALUES: ("1",),
    }
    found = result([build_span("t", 1, attributes=attributes)])
    assert found["parameters"] == [{"name": "p", "value": "1"}, {"name": "q", "value": ""}]
    assert found["labels"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]


# -- any spans at all

ANY_KIND = st.sampled_from([None, c.TEST, c.STEP, c.PHASE, c.FIXTURE, c.CONTAINER, c.SESSION])


@st.composite
def any_spans(draw: st.DrawFn) -> list[Span]:
    """Draw spans with random parents (missing ones, themselves, cycles), kinds and times."""
    count = draw(st.integers(0, 12))
    spans = []
    for i in range(1, count + 1):
        kind = draw(ANY_KIND)
        start = draw(st.integers(0, 5)) * MS
        spans.append(
            build_span(
                f"span {i}.",
                i,
                draw(st.none() | st.integers(1, count + 2)),
                start_ns=start,
                end_ns=draw(st.none() | st.integers(0, 5 * MS).map(start.__add__)),
                parent_is_remote=draw(st.booleans()),
                attributes={} if kind is None else {c.KIND: kind},
            )
        )
    return spans


def names_in(translated: Translation) -> list[str]:
    """Return the names of all results, steps and fixtures."""
    items = [plain(result) for result in translated.results]
    fixtures = [
        plain(fixture)
        for container in translated.containers
        for fixture in (*container.befores, *container.afters)
    ]
    return sorted(found["name"] for item in [*items, *fixtures] for found in [item, *steps(item)])


def kind_of(span: Span) -> object:
    return span.attributes.get(c.KIND)


def frames(spans: list[Span]) -> set[str]:
    """Return the names of what need not be shown: phases, containers, what is above tests."""
    by_id = {s.span_id: s for s in spans}
    names = {s.name for s in spans if kind_of(s) in (c.PHASE, c.CONTAINER)}
    for test in (s for s in spans if kind_of(s) == c.TEST):
        above, seen = by_id.get(test.parent_id), set()
        while above is not None and above.name not in seen:
            seen.add(above.name)
            above = by_id.get(above.parent_id)
        names |= seen
    return names - {s.name for s in spans if kind_of(s) == c.TEST}


@settings(max_examples=200, deadline=None)
@given(any_spans(), st.randoms(use_true_random=False))
def test_any_spans(spans: list[Span], chance: random.Random) -> None:
    """Every span is shown exactly once, whatever it is; and the order of arrival means nothing."""
    translated = to_results(spans)
    found = names_in(translated)
    assert len(found) == len(set(found))
    assert {s.name for s in spans} >= set(found) >= {s.name for s in spans} - frames(spans)
    shuffled = list(spans)
    chance.shuffle(shuffled)
    again = to_results(shuffled)
    assert repr(again) == repr(translated)
    for item in steps({"steps": [plain(result) for result in translated.results]}):
        assert item["start"] <= item["stop"]


@settings(max_examples=60, deadline=None)
@given(any_spans())
def test_any_spans_without_kinds(spans: list[Span]) -> None:
    """A trace that knows nothing of Allure: nothing disappears."""
    spans = [s._replace(attributes={}) for s in spans]
    assert names_in(to_results(spans)) == sorted(s.name for s in spans)


@settings(max_examples=60, deadline=None)
@given(any_spans())
def test_any_spans_in_the_trace_of_a_wide_fixture(spans: list[Span]) -> None:
    """They are all in one container."""
    root = build_span("root", 99, attributes=CONTAINER, start_ns=0)
    spans = [s for s in spans if kind_of(s) != c.TEST]
    (container,) = to_container([root, *spans], ["a"], PLAIN).containers
    found = names_in(Translation([], [container], [], {}, []))
    containers = {s.name for s in [root, *spans] if kind_of(s) == c.CONTAINER}
    expected = {s.name for s in spans if kind_of(s) not in (c.PHASE, c.CONTAINER)}
    assert set(found) - containers == expected
    assert len(found) == len(set(found))


# -- spans that never end because their twin did


def select(span_id: int, parent_id: int = 2, **fields: object) -> Span:
    asked = {"db.system": "sqlite", "db.statement": "SELECT 1"}
    fields = {"attributes": asked, "scope": "sqlalchemy", "kind": "client", **fields}
    return build_span("SELECT", span_id, parent_id, **fields)


PAGE = build_span("GET", 2, 1, kind="server")


def left_out(item: dict) -> list[str]:
    return [p["value"] for p in item.get("parameters", ()) if p["name"] == "left out"]


def test_unended_twins_are_left_out_and_counted():
    """An async engine of SQLAlchemy starts two spans for a query, and ends the second one."""
    raised = {**select(0).attributes, "error.type": "OperationalError"}
    started = [select(i, end_ns=None) for i in (10, 12, 14)]
    ended = [select(11), select(13), select(15, attributes=raised)]
    (result,) = results([test_span(), PAGE, *started, *ended])
    (page,) = result["steps"]
    assert [step["status"] for step in page["steps"]] == ["passed"] * 3
    assert left_out(page) == ["3 never ended, each beside the same call that did"]


def test_twins_below_the_test_itself():
    call = build_span("call", 2, 1, attributes=CALL)
    (result,) = results([test_span(), call, select(3, end_ns=None), select(4)])
    assert [step["name"] for step in result["steps"]] == ["SELECT"]
    assert left_out(result) == ["1 never ended, each beside the same call that did"]


def at_ms(start: float, span: Span) -> Span:
    start_ns = int(start * MS)
    return span._replace(start_ns=start_ns, end_ns=span.end_ns and start_ns + MS)


def twins_at(*starts: float, apart: float) -> list[Span]:
    """Return queries, and as many twins that began before them."""
    pairs = [(select(10 + i, end_ns=None), select(30 + i)) for i in range(len(starts))]
    return [
        span
        for start, (twin, ended) in zip(starts, pairs, strict=True)
        for span in (at_ms(start, twin), at_ms(start + apart, ended))
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (twins_at(100, apart=50), 1),
        (twins_at(100, apart=200), 0),
        ([*twins_at(100, apart=50), at_ms(120, build_span("other", 50, 2))], 0),
        ([*twins_at(100, 600, apart=400), at_ms(120, build_span("other", 50, 2))], 2),
        ([*twins_at(100, 600, apart=400), *(at_ms(2, select(i)) for i in (51, 52))], 2),
        ([*twins_at(100, 600, apart=400), *(at_ms(2, select(i)) for i in (51, 52, 53))], 0),
        (twins_at(1_000, 5_000, apart=2_000), 0),
        ([*twins_at(100, 600, apart=400), at_ms(50, select(50, end_ns=None))], 2),
    ],
    ids=["alone on a busy machine", "too long ago", "something else meanwhile", "in the habit",
         "beside as many others", "beside more others", "calls that hung", "one more that hangs"],
)  # fmt: skip
def test_twins_of_a_busy_machine(spans, expected):
    (result,) = results([test_span(end_ns=9_000 * MS), PAGE, *spans])
    (page,) = result["steps"]
    unfinished = [step for step in page["steps"] if step["status"] == "unknown"]
    assert len(unfinished) == sum(span.end_ns is None for span in spans) - expected
    assert left_out(page) == [f"{expected} never ended, each beside the same call that did"] * (
        expected > 0
    )


@pytest.mark.parametrize(
    "unfinished",
    [
        [select(10, end_ns=None, attributes={"db.system": "sqlite", "db.statement": "SELECT 2"})],
        [select(10, end_ns=None, scope="other")],
        [select(10, end_ns=None, start_ns=500 * MS)],
        [select(10, end_ns=None), build_span("below", 12, 10)],
        [select(10, end_ns=None), select(12, end_ns=None)],
        [span("SELECT", 10, 2, end_ns=None)],
    ],
    ids=["other question", "other scope", "later", "with work below", "one twin each", "a step"],
)
def test_real_unfinished_spans_stay(unfinished):
    (result,) = results([test_span(), PAGE, select(11), *unfinished])
    statuses = [step["status"] for step in steps(result)]
    assert "unknown" in statuses


def test_whole_trace_has_the_twins():
    many = [select(i) for i in range(100, 120)]
    twin = [select(10, end_ns=None), select(11)]
    found = as_usual([test_span(), PAGE, *twin, *many], Presentation(Settings(waterfall="off")))
    (body,) = [body for name, body in found.files.items() if name.endswith("json")]
    assert len(re.findall('"spanId"', body)) == 24


# -- ASGI's single events


def event(span_id: int, parent_id: int = 2, what: str = "http send", **fields: object) -> Span:
    attributes = {"asgi.event.type": f"{what.partition(' ')[0]}.response.start"}
    return build_span(f"GET / {what}", span_id, parent_id, attributes=attributes, **fields)


RAISED = {
    "status": "error",
    "events": [Event("exception", 0, {"exception.type": "OSError", "exception.message": "gone"})],
}


def test_events_of_asgi_are_no_steps():
    below = foreign("render", 12, 10)
    spans = [test_span(), PAGE, event(10), event(11, what="http receive"), below]
    (result,) = results([*spans, event(13, what="websocket send")])
    assert tree(result) == [{"GET": ["render", "GET / websocket send"]}]
    (shown,) = as_usual(spans, Presentation(Settings(asgi_events=True))).results
    assert [step.name for step in shown.steps[0].steps] == ["GET / http send", "GET / http receive"]


def test_error_of_an_event_is_the_requests():
    (result,) = results([test_span(), PAGE, event(10, **RAISED)])
    (page,) = result["steps"]
    assert (page["status"], page["statusDetails"]["message"]) == ("broken", "OSError: gone")


def test_error_of_a_request_stays_its_own():
    own = PAGE._replace(status="error", status_message="own")
    (result,) = results([test_span(), own, event(10, **RAISED)])
    assert result["steps"][0]["statusDetails"]["message"] == "own"
    (result,) = results([test_span(), span("step", 2, 1), event(10, **RAISED)])
    assert result["steps"][0]["status"] == "passed"


def test_log_of_an_event_is_at_the_request():
    log = Log(TRACE_ID, 10, 1, "INFO", "app", "sent")
    (result,) = as_usual([test_span(), PAGE, event(10)], PLAIN, {10: [log]}).results
    assert [attachment.name for attachment in result.steps[0].attachments] == ["log"]


def test_events_in_a_circle_vanish_no_more_than_others():
    (result,) = results([test_span(), event(10, 11), event(11, 10), foreign("below", 12, 10)])
    assert "below" in str(tree(result))


# -- client and server of one call


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ((None, None), ["POST /orders → 201", "POST /orders → 201 (server)"]),
        (("shop", "shop"), ["POST /orders → 201 (shop)", "POST /orders → 201 (shop, server)"]),
        ((None, "shop"), ["POST /orders → 201", "POST /orders → 201 (shop)"]),
    ],
    ids=["one process", "a service that the client knows", "a service"],
)
def test_client_and_server_of_one_call_have_titles_of_their_own(services, expected):
    peer, own = services
    asked = {"http.request.method": "POST", "http.response.status_code": 201}
    client = {**asked, "url.full": "http://x/orders", **({"peer.service": peer} if peer else {})}
    server = {**asked, "http.route": "/orders"}
    resource = {"service.name": own} if own else {}
    spans = [
        build_span("POST", 2, 1, kind="client", attributes=client),
        build_span("POST", 3, 2, kind="server", attributes=server, resource=resource),
    ]
    apart = Presentation(Settings(waterfall="off", join_calls=False))
    (result,) = as_usual([test_span(), *spans], apart).results
    assert [step["name"] for step in steps(plain(result))] == expected


def test_what_calls_itself_keeps_its_name():
    (result,) = results([test_span(), *(foreign("fib", i, i - 1) for i in range(2, 5))])
    assert tree(result) == [{"fib": [{"fib": ["fib"]}]}]
