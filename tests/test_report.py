"""The report: which traces become which files, in whatever order they come."""

from __future__ import annotations

import itertools

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Link, Span
from otel_allure.output.report import Report
from otel_allure.testing.results import Results, tree
from otel_allure.testing.spans import build_span
from otel_allure.translation import to_results as translation
from otel_allure.translation.trace_buffer import TraceBuffer

TEST = {c.KIND: c.TEST}
CONTAINER = {c.KIND: c.CONTAINER}
BEFORE = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
SESSION = {c.KIND: c.SESSION}

DB = [
    build_span("db", 1, trace_id=1, attributes=CONTAINER),
    build_span("db", 2, 1, trace_id=1, attributes=BEFORE),
]
USES_DB = [Link(1, 1, CONTAINER)]


def user(name: str, trace_id: int) -> list[Span]:
    return [build_span(name, 1, trace_id=trace_id, attributes=TEST, links=USES_DB)]


@pytest.fixture(params=[False, True], ids=["exporter", "session"])
def report(request, tmp_path) -> Report:
    settings = Settings(waterfall="off", fold=0)
    return Report(tmp_path / "results", only_tests=request.param, settings=settings)


def written(report: Report) -> Results:
    return Results(report.directory.path)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order))
)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "at once"])
def test_a_wide_fixture_and_its_tests(report, order, at_once):
    """In any order: the container is there, once, with all tests that used it."""
    traces = [[DB, user("a", 2), user("b", 3)][i] for i in order]
    if at_once:
        report.add(span for trace in traces for span in trace)
    else:
        for trace in traces:
            report.add(trace)
    report.settle()
    found = written(report)
    (container,) = found.containers
    assert container["name"] == "db"
    assert container["children"] == sorted(result["uuid"] for result in found.results)
    assert [fixture["name"] for fixture in found.fixtures_of(found["a"])] == ["db"]
    assert report.others == []


def test_a_wide_fixture_that_no_test_used(report):
    """The report tools drop a container without tests, so it is shown as what ran elsewhere."""
    report.add(DB)
    report.settle()
    found = written(report)
    shown = [(result["name"], len(found.fixtures_of(result))) for result in found.results]
    kept = [trace.spans[1].name for trace in report.others]
    assert (shown, kept) == ([], ["db"]) if report.only_tests else ([("db", 1)], [])


def test_nothing_is_shown_of_a_session(report):
    """It is there for links only."""
    report.add([build_span("session", 1, attributes=SESSION)])
    report.settle()
    assert (written(report).results, report.others) == ([], [])


def test_a_trace_without_a_test(report):
    """A result, or kept for the session to tell of."""
    report.add([build_span("root", 1), build_span("a", 2, 1)])
    report.settle()
    shown = [(result["name"], tree(result)) for result in written(report).results]
    kept = [len(trace.spans) for trace in report.others]
    assert (shown, kept) == ([], [2]) if report.only_tests else ([("root", ["a"])], [])


def test_a_trace_that_turns_out_to_be_a_test(report):
    """A server's span in it ended first: what was written of that, or kept, is taken back."""
    report.add([build_span("server", 2, 1, parent_is_remote=True)])
    report.add([build_span("test", 1, attributes=TEST)])
    report.settle()
    assert [(r["name"], tree(r)) for r in written(report).results] == [("test", ["server"])]
    assert report.others == []


def test_a_trace_that_turns_out_to_be_a_wide_fixture(report):
    """Also then."""
    report.add(user("a", 2))
    report.add([build_span("server", 3, 2, trace_id=1, parent_is_remote=True)])
    report.add(DB)
    report.settle()
    assert [result["name"] for result in written(report).results] == ["a"]
    (container,) = written(report).containers
    assert [tree(fixture) for fixture in container["befores"]] == [["server"]]
    assert report.others == []


def test_what_waits_too_long_is_written_with_a_word(report, monkeypatch):
    """Roots that never come: the spans are shown, and the problem is told."""
    monkeypatch.setattr(report, "_traces", TraceBuffer(waiting=10))
    for i in range(1, 101):
        report.add([build_span(f"{i}", 2, 1, trace_id=i)])
    before_settling = len(written(report).results) + len(report.others)
    report.settle()
    assert before_settling >= 85
    assert len(written(report).results) + len(report.others) == 100
    (line,) = report.diagnostics.lines()
    assert line.startswith("waiting for the roots of traces: more than 200000 spans have none")


def test_a_trace_that_cannot_be_translated(report, monkeypatch):
    """It is a problem, and the others are written."""
    to_results = translation.to_results

    def fails_once(*_):
        monkeypatch.setattr(translation, "to_results", to_results)
        raise ValueError("no")

    monkeypatch.setattr(translation, "to_results", fails_once)
    report.add([*user("a", 2), *user("b", 3)])
    assert [result["name"] for result in written(report).results] == ["b"]
    assert report.diagnostics.lines() == ["translating a trace: ValueError: no"]


def test_what_is_forgotten_is_not_written(report):
    """A forked child leaves it to its parent."""
    report.add([build_span("a", 2, 1)])
    report.forget()
    report.settle()
    assert (written(report).results, report.others) == ([], [])
