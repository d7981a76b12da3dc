"""What a program does outside of requests is one result, beside those of its requests."""

from __future__ import annotations

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Log, Span
from otel_allure.output import report as reports
from otel_allure.output.report import Report
from otel_allure.testing.results import Results, tree
from otel_allure.testing.spans import build_span
from otel_allure.translation.outside import NAME, is_outside

SQL = "opentelemetry.instrumentation.asyncpg"


def call(name: str, number: int, parent: int | None = None, **more: object) -> Span:
    """A call by an instrumentation, by default in a trace of its own."""
    more = {"trace_id": number, "scope": SQL, "kind": "client", **more}
    return build_span(name, number, parent, **more)


@pytest.fixture
def report(tmp_path):
    settings = Settings(waterfall="off", fold=0, attach_sql=False)
    return Report(tmp_path / "results", settings=settings)


def written(report: Report) -> dict[str, object]:
    return {r["name"]: tree(r) for r in Results(report.directory.path).results}


@pytest.mark.parametrize(
    ("spans", "outside"),
    [
        ([call("CREATE", 1)], True),
        ([call("CREATE", 1, kind="internal", scope="@opentelemetry/instrumentation-pg")], True),
        ([call("CREATE", 1, kind="internal", scope="io.opentelemetry.jdbc")], True),
        ([call("CREATE", 1), call("connect", 2, 1)], True),
        ([call("GET /", 1, kind="server")], False),
        ([call("process", 1, kind="consumer")], False),
        ([call("GET /", 1), call("GET /", 2, 1, kind="server", parent_is_remote=True)], False),
        ([call("GET /", 1, 7, parent_is_remote=True)], False),  # somebody waits for it
        ([call("SELECT", 2, 1)], False),  # what it belongs to is still to come
        ([call("import", 1, scope="shop.jobs", kind="internal")], False),
        ([call("import", 1, scope="shop.jobs"), call("SELECT", 2, 1)], False),
        ([call("step", 1, attributes={c.KIND: c.STEP})], False),
        ([call("test", 1, attributes={c.TEST_CASE_NAME: "x"})], False),
    ],
)
def test_what_is_outside(spans, outside):
    assert is_outside(spans) is outside


def test_calls_outside_are_one_result(report):
    """It is there at once: a program may be killed."""
    report.add([call("CREATE", 1)])
    assert written(report) == {NAME: ["CREATE"]}
    report.add([call("GET /", 2, kind="server"), call("INSERT", 3), call("connect", 4)])
    report.settle()
    assert written(report) == {NAME: ["CREATE", "INSERT", "connect"], "GET /": []}


def test_the_setting_makes_each_a_result(tmp_path):
    report = Report(tmp_path, settings=Settings(only_requests=False))
    report.add([call("CREATE", 1), call("INSERT", 2)])
    assert sorted(written(report)) == ["CREATE", "INSERT"]


def test_late_spans_and_logs_find_their_trace(report, monkeypatch):
    """Also when what is outside has become too much, and another result has begun."""
    monkeypatch.setattr(reports, "MOST_OUTSIDE", 11)
    report.add([call("CREATE", 1), *(call(f"{n}", n) for n in range(10, 20))])
    report.add([call("INSERT", 30)])
    report.add([call("inner", 40, 1, trace_id=1), Log(1, 1, 5, "INFO", "pool", "ready")])
    report.settle()
    results = Results(report.directory.path).results
    assert [r["name"] for r in results] == [NAME, NAME]
    first, second = sorted(results, key=lambda r: r["start"])
    assert tree(first)[0] == {"CREATE": ["inner", "[log]"]}
    assert tree(second) == ["INSERT"]
    assert first["historyId"] != second["historyId"]


def test_too_many_begin_another_result(report, monkeypatch):
    monkeypatch.setattr(reports, "MOST_OUTSIDE", 5)
    for n in range(1, 13):
        report.add([call(f"{n}", n)])
    report.settle()
    sizes = sorted(len(r["steps"]) for r in Results(report.directory.path).results)
    assert sizes == [2, 5, 5]


def test_it_has_failed_if_a_call_has(report):
    report.add([call("CREATE", 1), call("connect", 2, status="error", status_message="refused")])
    (result,) = Results(report.directory.path).results
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"].startswith("connect: refused")


def test_a_request_whose_call_came_first_takes_it(report):
    """What was written before its parent came is no result of its own afterwards."""
    report.add([call("SELECT", 2, 1, trace_id=1)])
    report.settle()
    assert list(written(report)) == ["SELECT"]
    report.add([call("GET /", 1, kind="server")])
    assert written(report) == {"GET /": ["SELECT"]}
