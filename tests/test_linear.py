"""What grows with what is reported, and not with its square."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import SpanContext

from otel_allure.model import conventions as c
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import Settings
from otel_allure.output import results_directory
from otel_allure.output.report import Report
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.recording.tracer import RecordingTracer
from otel_allure.redaction.redaction import MASK, Redaction
from otel_allure.testing.results import Results
from otel_allure.testing.spans import build_span
from otel_allure.translation.span_tree import SpanTree
from otel_allure.translation.trace_buffer import TraceBuffer

TEST = {c.KIND: c.TEST}


def events(count: int) -> Callable[[], Any]:
    span = RecordingTracer(lambda span: None).start_span("stream")
    return lambda: [span.add_event("chunk", None, 1) for _ in range(count)]


def links(count: int) -> Callable[[], Any]:
    span, other = RecordingTracer(lambda span: None).start_span("batch"), SpanContext(1, 1, True)
    return lambda: [span.add_link(other) for _ in range(count)]


def orphans_among_tests(count: int) -> Callable[[], Any]:
    tests = [build_span("test", i, 1, attributes=TEST) for i in range(2, count)]
    orphans = [build_span("orphan", 9 * count + i, 8 * count + i) for i in range(count)]
    return lambda: SpanTree([*tests, *orphans])


def traces_outside_of_tests(count: int) -> Callable[[], Any]:
    report = Report("not written", only_tests=True)

    def work() -> None:
        for i in range(1, count):
            report.add([build_span("poll", 1, trace_id=i)])

    return work


def traces_without_roots(count: int) -> Callable[[], Any]:
    traces = TraceBuffer()
    return lambda: [traces.add([build_span("call", 2, 1, trace_id=i)]) for i in range(1, count)]


def text_of_one_form(count: int) -> Callable[[], Any]:
    text = "jdbc:oracle:thin:" * count
    return lambda: Redaction().text(text)


def alike(count: int) -> list[str]:
    return [f"eyJhbGciOiJIUzI1NiJ9-{i:06}" for i in range(count)]


def secrets_that_begin_alike(count: int) -> Callable[[], Any]:
    redaction = Redaction(known=alike(count))
    text = "\n".join(alike(count))
    return lambda: redaction.text(text)


@pytest.mark.parametrize(
    ("prepare", "count"),
    [
        (events, 10_000),
        (links, 10_000),
        (orphans_among_tests, 800),
        (traces_outside_of_tests, 5_000),
        (traces_without_roots, 10_000),
        (text_of_one_form, 1_000),
        (secrets_that_begin_alike, 2_500),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_four_times_as_much_takes_four_times_as_long(prepare, count):
    """Not sixteen times; what is between the two leaves room for a busy machine."""

    def cost(count: int) -> float:
        tries = []
        for _ in range(3):
            work = prepare(count)
            gc.collect()
            gc.disable()
            before = time.process_time()
            work()
            tries.append(time.process_time() - before)
            gc.enable()
        return min(tries)

    assert cost(4 * count) < 8 * cost(count)


def test_secrets_that_begin_alike_are_all_found():
    """Also where they overlap, or one is the beginning of another."""
    known = [*alike(60), "same-start", "same-start-and-more", "start-and-more-yet"]
    redaction = Redaction(known=known)
    assert redaction.text(f"<{alike(60)[59]}>") == f"<{MASK}>"
    assert redaction.text("<same-start> <same-start-and-mor>") == f"<{MASK}> <{MASK}-and-mor>"
    assert redaction.text("<same-start-and-more-yet>") == f"<{MASK}>"


def test_a_password_of_oracle_after_another():
    text = "jdbc:oracle:thin:scott/tiger jdbc:oracle:thin:scott/tiger@//db:1521/x"
    assert "tiger@" not in Redaction().text(text)


def test_all_tests_of_others_in_one_trace(tmp_path):
    """Each is there soon after its end, and none is written again for each that follows."""
    report = Report(tmp_path, settings=Settings(waterfall="off"))
    published, written = report.publish, []

    def publish(hook: str, **arguments: Any) -> None:
        written.append(hook)
        published(hook, **arguments)

    report.publish = publish  # type: ignore[method-assign]
    count = 120
    for i in range(count):
        step = build_span("step", 10_001 + i, 1_001 + i)
        report.add([step, build_span(f"test {i}", 1_001 + i, 1, attributes=TEST)])
    report.settle()
    assert written.count("report_result") <= 20 * count
    assert len(Results(tmp_path).results) == count


def test_a_server_that_writes_for_ever(tmp_path, monkeypatch):
    """What is known of files is bounded; the numbers are right all the same."""
    monkeypatch.setattr(results_directory, "_REMEMBERED", 5)
    directory = ResultsDirectory(tmp_path, Diagnostics())
    for i in range(20):
        directory.report_attached_data(f"token=****{i}", f"{i}-attachment.txt")
    directory.report_attached_data("token=**** and ****", "19-attachment.txt")
    report = Report(tmp_path / "results", settings=Settings(waterfall="off"))
    for i in range(1, 21):
        report.add([build_span("request", 1, trace_id=i)])
        report.add([build_span("late", 2, 1, trace_id=i)])
    assert (directory.masked, report.directory.results_written) == (21, 20)
    assert len(directory._masked) <= 5
