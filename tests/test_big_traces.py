"""Large traces in many batches are one result each, and what comes very late is one more."""

from __future__ import annotations

import pytest

from otel_allure.report import Report
from otel_allure.spans import Span
from otel_allure.testing import Results


def span(trace_id, span_id, parent_id):
    name = f"span {span_id}"
    return Span(trace_id, span_id, parent_id, False, name, "internal", span_id, span_id + 1)


@pytest.mark.parametrize(("batches", "size"), [(20, 500), (5, 20_000)])
def test_root_first_and_then_in_batches(tmp_path, batches, size):
    report = Report(tmp_path)
    report.add([span(1, 1, None)])
    for batch in range(batches):
        report.add([span(1, 2 + batch * size + n, 1) for n in range(size)])
    report.settle()
    (result,) = Results(tmp_path).results
    assert f"×{batches * size:,}" in result["steps"][0]["name"]
    (trace,) = [a for a in result["attachments"] if a["name"] == "trace.json"]
    assert Results(tmp_path).body(trace).count('"spanId"') == batches * size + 1


def test_what_comes_after_a_trace_was_forgotten(tmp_path):
    """It is one more result, and the summary says so."""
    report = Report(tmp_path)
    report.add([span(1, 1, None)])
    for other in range(2, 1500):
        report.add([span(other, 1, None)])
    for batch in range(10):
        report.add([span(1, 2 + batch * 100 + n, 1) for n in range(100)])
    report.settle()
    results = Results(tmp_path).results
    assert len(results) == 1500
    (more,) = [r for r in results if r["name"].startswith("More of trace ")]
    assert more["steps"]
    assert any("very late" in line for line in report.problems.lines())
