"""Large traces in many batches are one result each, and what comes very late is one more."""

from __future__ import annotations

import json
import weakref

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.inputs.span_exporter import AllureSpanExporter
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span
from otel_allure.output.report import Report
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import Results
from otel_allure.testing.spans import build_span
from otel_allure.translation import to_results as translation
from otel_allure.translation.to_results import to_results
from otel_allure.translation.trace_buffer import REWRITES, TraceBuffer


def span(trace_id, span_id, parent_id):
    name = f"span {span_id}"
    return Span(trace_id, span_id, parent_id, False, name, "internal", span_id, span_id + 1)


def batch(first, size):
    return [span(1, first + n, 1) for n in range(size)]


def the_trace(results):
    (result,) = results.results
    (trace,) = [a for a in result["attachments"] if a["name"].startswith("trace.json")]
    return trace["name"], json.loads(results.body(trace))


@pytest.fixture
def work(monkeypatch):
    """How many spans were translated, in all."""
    counts = []
    translate = translation.to_results

    def counted(spans, *others):
        spans = list(spans)
        counts.append(len(spans))
        return translate(spans, *others)

    monkeypatch.setattr(translation, "to_results", counted)
    return counts


@pytest.mark.parametrize(("batches", "size"), [(20, 500), (3, 5_000)])
def test_root_first_and_then_in_batches(tmp_path, work, batches, size):
    """One result with all of it; what is done for that is in proportion to what comes."""
    report = Report(tmp_path, settings=Settings(max_trace_spans=0))
    report.add([span(1, 1, None)])
    for number in range(batches):
        report.add(batch(2 + number * size, size))
    report.settle()
    (result,) = Results(tmp_path).results
    assert f"×{batches * size:,}" in result["steps"][0]["name"]
    name, trace = the_trace(Results(tmp_path))
    assert name == "trace.json"
    assert len(list(from_otlp(trace))) == batches * size + 1
    assert sum(work) <= 10 * batches * size


@pytest.mark.parametrize("size", [1, 500])
def test_what_is_done_grows_as_the_trace_does(size):
    """Ten times the spans are ten times the work, however they come."""

    def work(count):
        traces = TraceBuffer()
        written = [len(trace.spans) for trace in traces.add([span(1, 1, None)])]
        for first in range(2, count, size):
            written += [len(trace.spans) for trace in traces.add(batch(first, size))]
        return sum(written) + sum(len(trace.spans) for trace in traces.settle())

    assert work(100_000) <= 11 * work(10_000)


@pytest.mark.parametrize(
    "root",
    [
        lambda n: build_span("request", n, 1, parent_is_remote=True),
        lambda n: build_span("test", n, 1, attributes={"allure.kind": "test"}),
    ],
)
def test_many_that_finish_a_trace(root):
    """All tests of a run in one trace, or all requests of a client to this server."""
    count = 10_000
    traces = TraceBuffer()
    written = [len(t.spans) for n in range(count) for t in traces.add([root(n + 2)])]
    assert written[:20] == list(range(1, 21))  # at once, while it is small
    assert sum(written) <= (REWRITES + 10) * count
    assert sum(len(trace.spans) for trace in traces.settle()) in (0, count)


def test_by_the_batch_processor_of_the_sdk(tmp_path, work):
    """The root ends last, as it does where everything is in one process."""
    exporter = AllureSpanExporter(tmp_path, max_trace_spans=0)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=6_000))
    tracer = provider.get_tracer("of the test")
    with tracer.start_as_current_span("root"):
        for _ in range(5_000):
            tracer.start_span("call").end()
    provider.shutdown()
    name, trace = the_trace(Results(tmp_path))
    assert name == "trace.json"
    assert len(list(from_otlp(trace))) == 5_001
    assert len(work) == 1


def test_a_root_that_does_not_come(tmp_path):
    """What waits for it is one result, when the program ends."""
    report = Report(tmp_path)
    report.add(batch(2, 1_000))
    report.settle()
    (result,) = Results(tmp_path).results
    assert result["name"] == "Span 0000000000000001, which has not come"
    assert "×1,000" in result["steps"][0]["name"]
    report.add([span(1, 1, None)])
    assert [result["name"] for result in Results(tmp_path).results] == ["span 1"]


def test_a_trace_that_is_too_large_to_wait():
    """What comes of it later is more of it, and the memory is let go."""
    traces = TraceBuffer(waiting=1_000)
    parts = [t for number in range(100) for t in traces.add(batch(2 + number * 100, 100))]
    parts += traces.settle()
    assert sum(len(part.spans) for part in parts) == 10_000
    assert [part.is_more for part in parts] == [False] + [True] * (len(parts) - 1)
    assert max(len(part.spans) for part in parts) < 1_600


def test_a_finished_trace_that_does_not_stop():
    """It is let go when it is too large, though more of it comes all the time."""
    traces = TraceBuffer(waiting=1_000, keep_spans=500)
    traces.add([span(1, 1, None)])
    for number in range(100):
        traces.add(batch(2 + number * 100, 100))
        assert sum(trace.size for trace in traces._traces.values()) < 1_700


def test_a_large_trace_is_not_kept():
    """Not longer than until something else comes."""
    traces = TraceBuffer()
    (trace,) = traces.add([span(1, 1, None), *batch(2, 20_000)])
    large = weakref.ref(trace)
    del trace
    for other in range(2, 2_000):
        traces.add([span(other, 1, None)])
    assert large() is None


def test_what_comes_after_a_trace_was_forgotten(tmp_path, work):
    """It is one more result, and the summary says so."""
    report = Report(tmp_path)
    report.add([span(1, 1, None)])
    for other in range(2, 1500):
        report.add([span(other, 1, None)])
    work.clear()
    for number in range(100):
        report.add(batch(2 + number * 10, 10))
    report.settle()
    assert sum(work) <= 10 * 1_000
    results = Results(tmp_path).results
    assert len(results) == 1500
    (more,) = [r for r in results if r["name"].startswith("More of trace ")]
    assert "×1,000" in more["steps"][0]["name"]
    assert any("very late" in line for line in report.diagnostics.lines())


# -- the attached trace is bounded


def attached(spans, **settings):
    translated = to_results(spans, Presentation(Settings(waterfall="off", **settings)))
    (found,) = [a for a in translated.results[0].attachments if a.name.startswith("trace.json")]
    body = translated.files[found.source]
    return found.name, len(body.encode()), list(from_otlp(json.loads(body)))


def call(span_id, parent_id=1, name="call", **fields):
    return build_span(name, span_id, parent_id, start_ns=span_id * 1_000_000, **fields)


def test_a_trace_that_is_too_large_to_be_attached():
    """The earliest calls are in it, and its name says how many there are."""
    resource = {"service.name": "shop", "text": "é" * 500}
    spans = [build_span("root", 1, resource=resource)]
    spans += [call(n, resource=resource) for n in range(2, 1_002)]
    name, size, kept = attached(spans, max_trace_mb=0.1)
    assert name == f"trace.json ({len(kept):,} of 1,001 spans: max_trace_mb)"
    assert 70_000 < size <= 100_000
    assert [span.span_id for span in kept] == list(range(1, len(kept) + 1))


def test_what_is_important_in_a_large_trace():
    """What failed stays, with all that is above it, and the author's steps; deep calls go first."""
    spans = [build_span("root", 1), *(call(n) for n in range(2, 1_002))]
    spans += [call(2_000 + n, 1_999 + n if n else 1_001) for n in range(10)]
    spans += [call(3_000, 2_009, status="error"), call(3_001, attributes={"allure.kind": "step"})]
    spans += [call(4_000 + n, 2) for n in range(100)]
    _, _, kept = attached(spans, max_trace_mb=0.05)
    ids = {span.span_id for span in kept}
    assert {1, 1_001, *range(2_000, 2_010), 3_000, 3_001} <= ids
    assert {2, 3, 4} < ids
    assert not any(span_id >= 4_000 for span_id in ids)


def test_one_span_that_is_too_large_keeps_no_other_out():
    huge = call(2, attributes={"body": "x" * 200_000})
    spans = [build_span("root", 1), huge, *(call(n) for n in range(3, 100))]
    name, size, kept = attached(spans, max_trace_mb=0.1)
    assert name == "trace.json (98 of 99 spans: max_trace_mb)"
    assert size <= 100_000
    assert len(kept) == 98


def test_no_limit():
    spans = [build_span("root", 1), *(call(n) for n in range(2, 200))]
    assert attached(spans, max_trace_mb=0)[0] == "trace.json"


def test_beyond_so_many_spans_there_are_counts():
    """All are told, most of them as a number; what failed is there itself."""
    spans = [build_span("root", 1), *(call(n, name="row 7") for n in range(2, 3_000))]
    spans += [call(n, 5, name="below") for n in range(3_000, 3_010)]
    spans += [call(9_000, 2_999, status="error"), call(9_001, name="other")]
    name, _, found = attached(spans, max_trace_spans=100)
    assert name == "trace.json (91 of 3,011 spans: max_trace_spans)"
    counts = {each.name: each.attributes["allure.folded"] for each in found if each.attributes}
    assert counts == {"row * ×2,910": 2_910, "below ×10": 10}
    assert len(found) == 93
    assert {9_000, 2_999, 1} <= {each.span_id for each in found}
    (rows,) = [each for each in found if each.name.startswith("row * ")]
    assert (rows.parent_id, rows.end_ns) == (1, 2_999_000_000)
    (below,) = [each for each in found if each.name.startswith("below")]
    assert below.parent_id == 5
    assert attached(spans, max_trace_spans=0)[0] == "trace.json"


def test_many_of_many_kinds():
    spans = [build_span("root", 1)]
    spans += [call(n, name=f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}") for n in range(2, 2_000)]
    _, _, found = attached(spans, max_trace_spans=100)
    assert len(found) == 100
    (others,) = [each for each in found if each.name.startswith("others")]
    told = sum(each.attributes.get("allure.folded", 1) for each in found)
    assert told == len(spans)
    assert others.parent_id is None
