"""What is taken by one thread while another adds to it, or takes too: nothing is lost."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from otel_allure.model.spans import Log
from otel_allure.output.report import Report
from otel_allure.pytest_plugin.captured import taken_from
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.tracer import RecordingTracer
from otel_allure.testing.results import Results
from otel_allure.testing.spans import build_span


def test_two_threads_that_take_the_last_one():
    """Both have seen that one is left, and one of them gets it."""
    both = threading.Barrier(2, timeout=30)

    class Queue(deque[int]):
        def popleft(self) -> int:
            if len(self) == 1:
                both.wait()
            return super().popleft()

    queue, taken = Queue(range(5)), list[list[int]]()
    threads = [threading.Thread(target=lambda: taken.append(taken_from(queue))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == 2
    assert sorted(taken[0] + taken[1]) == list(range(5))


def test_a_span_that_ends_while_another_thread_looks():
    """It is among the open ones until it has been handed over."""
    seen = list[Any]()
    tracer = RecordingTracer(lambda span: seen.append(tracer.open_spans() == [span]))
    tracer.start_span("step").end()
    assert seen == [True]
    assert tracer.open_spans() == []


def test_what_comes_while_the_rest_is_written(tmp_path):
    """It is written the next time."""
    report = Report(tmp_path, only_tests=True)
    recorder = Recorder(report)

    def come(number: int) -> None:
        report.add([build_span(f"poll {number}", 1, trace_id=number)])
        report.add([Log(0, 0, number, "INFO", "app", f"said {number}")])
        report.settle()

    come(1)
    published, later = report.publish, [2, 3, 4]

    def publish(hook: str, **arguments: Any) -> None:
        if later:
            come(later.pop(0))
        published(hook, **arguments)

    report.publish = publish  # type: ignore[method-assign]
    recorder.write_outside_of_tests()
    recorder.write_outside_of_tests()
    recorder.write_outside_of_tests()
    found = Results(tmp_path)
    texts = "".join(found.body(each["attachments"][0]) for each in found.globals)
    assert sorted(recorder.outside) == [f"poll {number}" for number in range(1, 5)]
    assert [texts.count(f"said {number}") for number in range(1, 5)] == [1, 1, 1, 1]
