"""Which traces of others are shown in which of ours, and for how long that is remembered."""

from __future__ import annotations

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_allure.recording import adoption
from otel_allure.recording.adoption import Adopted, Adoptions, Place
from otel_allure.recording.tracer import RecordingTracer
from otel_allure.testing.spans import build_span

TEST, OTHER_TEST = Place(0x10, 0x11), Place(0x20, 0x21)


def span(trace_id: int, span_id: int, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))


class Running:
    """What runs where the caller is, and which tests do at all."""

    def __init__(self) -> None:
        self.place: Place | None = TEST
        self.open = {TEST.trace_id, OTHER_TEST.trace_id}

    def adoptions(self) -> Adoptions:
        return Adoptions(lambda: self.place, self.open.__contains__)


@pytest.fixture
def running() -> Running:
    return Running()


@pytest.fixture
def few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "REMEMBERED", 3)


def test_a_root_is_where_it_started_and_so_is_what_is_below_it(running):
    adoptions = running.adoptions()
    assert adoptions.started(span(1, 1), None) == Adopted(*TEST)
    running.place = OTHER_TEST
    assert adoptions.started(span(1, 2), span(1, 1)) == Adopted(TEST.trace_id)
    assert adoptions.started(span(1, 3), span(1, 2)) == Adopted(TEST.trace_id)
    assert adoptions.home(1) == TEST.trace_id


def test_where_nothing_runs_a_root_stays_by_itself(running):
    adoptions = running.adoptions()
    running.place = None
    assert adoptions.started(span(1, 1), None) is None
    assert adoptions.home(1) == 1


def test_a_parent_in_another_process_is_of_who_asks_unless_its_test_still_runs(running):
    """Tests may send the same made-up parent."""
    adoptions = running.adoptions()
    made_up = span(1, 9, is_remote=True)
    assert adoptions.started(span(1, 1), made_up) == Adopted(*TEST)
    running.place = OTHER_TEST
    assert adoptions.started(span(1, 2), made_up) == Adopted(TEST.trace_id)
    running.open.remove(TEST.trace_id)
    assert adoptions.started(span(1, 3), made_up) == Adopted(*OTHER_TEST)
    assert adoptions.home(1) == OTHER_TEST.trace_id


@pytest.mark.usefixtures("few_are_remembered")
def test_what_follows_in_a_trace_of_many_spans_is_found(running):
    """Which of them are of this process is not remembered of all, so all are taken to be."""
    adoptions = running.adoptions()
    adoptions.started(span(1, 1), None)
    for number in range(2, 8):
        adoptions.started(span(1, number), span(1, number - 1))
    running.place = OTHER_TEST
    running.open.remove(TEST.trace_id)
    assert adoptions.started(span(1, 8), span(1, 7)) == Adopted(TEST.trace_id)
    assert len(adoptions._traces[1].span_ids) == adoption.REMEMBERED


@pytest.mark.usefixtures("few_are_remembered")
def test_of_many_traces_those_are_forgotten_that_began_long_ago(running):
    adoptions = running.adoptions()
    for trace_id in (1, 2, 3):
        adoptions.started(span(trace_id, 1), None)
    adoptions.started(span(1, 2), span(1, 9, is_remote=True))  # again
    for trace_id in (4, 5):
        adoptions.started(span(trace_id, 1), None)
    homes = {trace_id: adoptions.home(trace_id) for trace_id in range(1, 6)}
    assert homes == {1: TEST.trace_id, 2: 2, 3: 3, 4: TEST.trace_id, 5: TEST.trace_id}


def test_a_span_in_a_trace_of_ours_is_moved_alone(running):
    """The rest of that trace stays where it is."""
    adoptions = running.adoptions()
    ours = RecordingTracer(print).start_span("ours").get_span_context()
    assert adoptions.started(span(ours.trace_id, 1), ours) is None
    assert adoptions.started(span(ours.trace_id, 2), ours, anew=True) == Adopted(*TEST)
    assert adoptions.started(span(ours.trace_id, 3), span(ours.trace_id, 2)) == Adopted(
        TEST.trace_id
    )
    assert adoptions.home(ours.trace_id, 1) == ours.trace_id
    assert adoptions.home(ours.trace_id, 3) == TEST.trace_id


def test_a_span_that_does_not_belong_to_its_parent_any_more_is_moved_alone(running):
    """The rest of its trace stays, though the test that this is shown in has not ended."""
    adoptions = running.adoptions()
    adoptions.started(span(1, 1), None)
    running.place = OTHER_TEST
    assert adoptions.started(span(1, 2), span(1, 1), anew=True) == Adopted(*OTHER_TEST)
    assert adoptions.started(span(1, 3), span(1, 2)) == Adopted(OTHER_TEST.trace_id)
    assert adoptions.started(span(1, 4), span(1, 3)) == Adopted(OTHER_TEST.trace_id)
    assert adoptions.started(span(1, 5), span(1, 1)) == Adopted(TEST.trace_id)
    assert adoptions.home(1) == TEST.trace_id


def test_spans_of_ours_below_adopted_ones_and_what_is_below_them(running):
    adoptions = running.adoptions()
    tracer = RecordingTracer(lambda span: None)
    adoptions.follow(tracer)
    adoptions.started(span(1, 1), None)
    running.place = OTHER_TEST
    ours = tracer.start_span("step", set_span_in_context(NonRecordingSpan(span(1, 1))))
    assert (ours.trace_id, ours.home) == (1, TEST.trace_id)
    running.open.remove(TEST.trace_id)
    assert adoptions.started(span(1, 2), ours.get_span_context()) == Adopted(TEST.trace_id)


def test_a_span_whose_parent_is_in_another_process_is_the_first_here():
    adopted = Adopted(*TEST).applied(build_span("first", 1, 9, parent_is_remote=True))
    assert (adopted.parent_id, adopted.parent_is_remote) == (TEST.span_id, False)
    assert [link.span_id for link in adopted.links] == [1]


def test_the_first_span_of_a_trace_has_a_link_to_it():
    """Those below it have none, nor one that is only shown in another trace."""
    adopted = Adopted(*TEST)
    first = adopted.applied(build_span("first", 1))
    assert (first.trace_id, first.parent_id) == TEST
    assert [(link.trace_id, link.span_id) for link in first.links] == [
        (build_span("first", 1).trace_id, 1)
    ]
    child = adopted.applied(build_span("child", 2, 1))
    assert (child.parent_id, list(child.links)) == (TEST.span_id, [])
    below = Adopted(TEST.trace_id).applied(build_span("below", 3, 1))
    assert (below.trace_id, below.parent_id, list(below.links)) == (TEST.trace_id, 1, [])
