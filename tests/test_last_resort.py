"""Each part of the translation is broken in turn: it costs its own place, and the report says so.

What is broken here is our own code, since the values for which it raises are mended as they are
found. So these tests are of what holds for those that are not found yet.
"""

from __future__ import annotations

import json

import allure_commons
import pytest
from allure_commons import hookimpl

from otel_allure.model import conventions as c
from otel_allure.model.spans import Event, Link, Log
from otel_allure.output import results_directory
from otel_allure.output.report import Report
from otel_allure.presentation.presentation import Presentation
from otel_allure.redaction.redaction import Redaction
from otel_allure.testing.results import Results, steps
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation import cause, condense, findings, to_results
from otel_allure.translation.span_tree import SpanTree

ODD = "odd"
"""In the name of what cannot be shown."""
ERROR = RuntimeError("translation is broken")
MESSAGE = "assert 1 == 2"
TEST, STEP, CONTAINER = 1, 3, 10


def trace():
    """Return a test that has everything: phases, fixtures, steps, calls at once, links and logs."""
    yield build_span(
        "test_it[1]",
        TEST,
        attributes={
            c.KIND: c.TEST,
            c.FULL_NAME: "module#test_it",
            c.HISTORY_ID: "history",
            c.TEST_CASE_ID: "case",
            c.STATUS: "failed",
            c.MESSAGE: MESSAGE,
            c.LABEL_NAMES: ["suite", "framework"],
            c.LABEL_VALUES: ["module", "pytest"],
            c.LINK_URLS: ["https://example.com"],
            c.LINK_NAMES: ["page"],
            c.LINK_TYPES: ["link"],
            c.PARAMETER_NAMES: ["number"],
            c.PARAMETER_VALUES: ["1"],
        },
        links=[Link(TRACE_ID + 1, CONTAINER, {c.KIND: c.CONTAINER})],
    )
    yield build_span("call", 2, TEST, attributes={c.KIND: c.PHASE, c.PHASE_NAME: "call"})
    yield build_span("step", STEP, 2, attributes={c.KIND: c.STEP})
    yield build_span("other step", 4, 2, attributes={c.KIND: c.STEP})
    fixture = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
    yield build_span("fixture", 5, TEST, attributes=fixture)
    for span_id, name in ((6, ODD), (7, "even")):
        yield build_span(
            f"GET {name}",
            span_id,
            STEP,
            start_ns=10_000_000,
            end_ns=90_000_000,
            kind="client",
            attributes={"http.request.method": "GET", "url.full": f"http://shop/{name}"},
            events=[Event("exception", 1, {"exception.message": "no", "exception.type": "E"})],
            links=[Link(TRACE_ID + 2, 20, {})],
            status="error",
        )


def wide_fixture():
    """Return the trace of a fixture of the module."""
    trace_id = TRACE_ID + 1
    yield build_span("wide", CONTAINER, trace_id=trace_id, attributes={c.KIND: c.CONTAINER})
    before = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
    yield build_span("wide", 11, CONTAINER, trace_id=trace_id, attributes=before)


def logs():
    for text in ("first", ODD, "last"):
        yield Log(TRACE_ID, STEP, 1, "INFO", "logger", text)


def broken(*args, **kwargs):
    raise ERROR


def broken_for_odd(function):
    """Return `function`, which raises for what is odd."""

    def breaks(*args, **kwargs):
        if any(ODD in str(argument) for argument in args[1:]):
            raise ERROR
        return function(*args, **kwargs)

    return breaks


def encoder_broken_by(names):
    def encode(item):
        if names & item.keys():
            raise ERROR
        return json.dumps(item)

    return encode


TRANSLATION = to_results._Translator
PARTS = {
    "title": (Presentation, "title", broken),
    "one title": (Presentation, "title", broken_for_odd(Presentation.title)),
    "parameters": (Presentation, "parameters", broken),
    "documents": (Presentation, "documents", broken),
    "outcome": (Presentation, "outcome", broken),
    "own outcome": (TRANSLATION, "_outcome", broken),
    "own parameters": (to_results, "parameters_of", broken),
    "attachments": (TRANSLATION, "_add_documents", broken),
    "steps": (TRANSLATION, "fill", broken),
    "one step": (TRANSLATION, "_step", broken),
    "fixtures": (TRANSLATION, "_fixture", broken),
    "twins": (to_results, "_tell_twins_apart", broken),
    "condense": (condense, "condense", broken),
    "pictures": (to_results, "pictures", broken),
    "whether to draw": (to_results, "is_worth_a_picture", broken),
    "description": (to_results, "with_picture", broken),
    "cause": (cause, "cause_of", broken),
    "findings": (findings, "findings_of", broken),
    "links": (to_results, "trace_link", broken),
    "log lines": (Presentation, "log_lines", broken),
    "log places": (to_results.LogPlaces, "_place", broken),
    "noting logs": (to_results.LogPlaces, "note", broken),
    "secrets": (Presentation, "knowing", broken),
    "masking": (Redaction, "text", broken),
    "masking values": (Redaction, "value", broken),
    "the tree": (to_results, "SpanTree", broken),
    "times": (SpanTree, "milliseconds", broken),
    "all": (to_results, "_to_results", broken),
    "containers": (to_results, "_to_container", broken),
    "services": (Report, "_note_services", broken),
    "encoding steps": (results_directory, "_compact", encoder_broken_by({"steps"})),
    "encoding befores": (results_directory, "_compact", encoder_broken_by({"befores"})),
}


@pytest.fixture(params=PARTS)
def part(request, monkeypatch):
    monkeypatch.setattr(*PARTS[request.param])
    return request.param


def written(directory):
    """Return what is written of the trace, and what the summary says."""
    report = Report(directory, only_tests=True)
    report.add([*logs(), *wide_fixture(), *trace()])
    report.settle()
    return Results(directory), report.diagnostics.lines()


def assert_complete(result, name="test_it[1]"):
    assert (result["name"], result["status"]) == (name, "failed")
    assert result["fullName"] == "module#test_it"
    assert (result["historyId"], result["testCaseId"]) == ("history", "case")
    assert {label["name"] for label in result["labels"]} - {"trace_id"} == {"suite", "framework"}


def test_a_part_that_is_broken(tmp_path, part):
    report, diagnostics = written(tmp_path)
    (result,) = report.results
    # Without its values, if secrets cannot be looked for.
    assert_complete(result, "test_it" if part == "masking" else "test_it[1]")
    if part not in ("masking", "own outcome"):
        assert result["statusDetails"]["message"].partition("\n\ncaused by E: no")[0] == MESSAGE
    assert any(str(ERROR) in line for line in diagnostics), diagnostics
    for item in (result, *steps(result)):
        for attachment in item.get("attachments", ()):
            assert (tmp_path / attachment["source"]).exists()
    (wide,) = (each for each in report.containers if each.get("name") == "wide")
    assert wide["children"] == [result["uuid"]]


@pytest.mark.parametrize("part", ["title", "parameters", "documents", "outcome", "log_lines"])
def test_what_is_odd_costs_nothing_of_the_others(tmp_path, monkeypatch, part):
    as_usual, _ = written(tmp_path / "as usual")
    whole = getattr(Presentation, part)
    monkeypatch.setattr(Presentation, part, broken_for_odd(whole))
    report, diagnostics = written(tmp_path / "broken")
    shown, usual = ({s["name"]: s for s in steps(r.results[0])} for r in (report, as_usual))
    assert {"GET /even", "other step"} < shown.keys()
    for name in usual.keys() - {"GET /odd"}:
        own, others = (
            {key: value for key, value in step.items() if key not in ("steps", "attachments")}
            for step in (shown[name], usual[name])
        )
        assert own == others
    own, others = (
        r.body(step["step"]["attachments"][0]).splitlines()
        for r, step in ((report, shown), (as_usual, usual))
    )
    if part == "log_lines":
        assert own.pop(1) == f"<Log: its text raised {ERROR!r}>"
        others.pop(1)
    assert own == others
    assert len(diagnostics) == 1


def test_notes_stand_where_something_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(Presentation, "title", broken_for_odd(Presentation.title))
    report, _ = written(tmp_path)
    noted = {
        step["name"]: p["value"]
        for step in steps(report.results[0])
        for p in step.get("parameters", ())
        if p["name"] == to_results.NOT_SHOWN
    }
    assert noted == {"GET odd": f"its title: RuntimeError: {ERROR}"}


class Listener:
    """Of somebody else's: `change` is what it does with a result before it is written."""

    def __init__(self, change):
        self.change = change

    @hookimpl(tryfirst=True)
    def report_result(self, result):
        self.change(result)


def put(**fields):
    def change(result):
        for name, value in fields.items():
            setattr(result, name, value)

    return change


class Unencodable:
    def __str__(self):
        raise ERROR

    __repr__ = __str__


def itself():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        (broken, True),
        (put(steps=[Unencodable()]), False),
        (put(steps={1, 2}), False),
        (put(steps=itself()), False),
        (put(attachments=5), False),
        (put(start=float("nan")), True),
        (put(statusDetails={("a", "b"): itself()}), True),
        (put(parameters=[None, "text", {"name": 5}]), False),
        (put(links=Unencodable()), False),
        (put(description=itself(), descriptionHtml=Unencodable()), False),
    ],
    ids=range(10),
)
def test_listeners_that_break_a_result(tmp_path, monkeypatch, change, is_told):
    listener = Listener(change)
    allure_commons.plugin_manager.register(listener)
    try:
        report, diagnostics = written(tmp_path)
    finally:
        allure_commons.plugin_manager.unregister(listener)
    (result,) = report.results
    assert_complete(result)
    assert bool(diagnostics) == is_told, diagnostics


def test_one_trace_costs_no_other(tmp_path, monkeypatch):
    """What is raised past everything else is caught for each trace."""
    report = Report(tmp_path, only_tests=True)
    monkeypatch.setattr(Report, "_write_results", broken_once(Report._write_results))
    for number in range(3):
        spans = [span._replace(trace_id=TRACE_ID + 100 + number) for span in trace()]
        report.add(spans)
    report.settle()
    assert len(Results(tmp_path).results) == 2
    assert report.diagnostics.lines() == [f"translating a trace: RuntimeError: {ERROR}"]


def broken_once(function):
    errors = [ERROR]

    def breaks(*args):
        if errors:
            raise errors.pop()
        return function(*args)

    return breaks
