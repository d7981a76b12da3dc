"""When a trace is handed out, and what is kept of it."""

from __future__ import annotations

from itertools import permutations

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.spans import Log, Span, is_test
from otel_allure.testing.spans import build_span
from otel_allure.translation import trace_buffer
from otel_allure.translation.trace_buffer import Trace, TraceBuffer

TEST = {c.KIND: c.TEST}
STEP = {c.KIND: c.STEP}


def names(traces: list[Trace]) -> list[list[str]]:
    """Return the names of the spans of each trace, in the order of their ids."""
    return [[trace.spans[i].name for i in sorted(trace.spans)] for trace in traces]


def children(first: int, count: int, parent_id: int = 1) -> list[Span]:
    return [build_span(f"{i}", i, parent_id) for i in range(first, first + count)]


def root(trace_id: int = 7, **fields: object) -> Span:
    return build_span("root", 1, trace_id=trace_id, **fields)


# -- what finishes a trace


@pytest.mark.parametrize(
    ("span", "finishes"),
    [
        pytest.param(build_span("a", 1), True, id="a root"),
        pytest.param(build_span("a", 1, end_ns=None), False, id="a root that has not ended"),
        pytest.param(build_span("a", 2, 1), False, id="a child"),
        pytest.param(
            build_span("a", 2, 1, parent_is_remote=True), True, id="a child of another process"
        ),
        pytest.param(
            build_span("a", 2, 1, parent_is_remote=True, end_ns=None),
            False,
            id="a child of another process that has not ended",
        ),
        pytest.param(build_span("a", 2, 1, attributes=TEST), True, id="a test below something"),
        pytest.param(
            build_span("a", 2, 1, attributes=TEST, end_ns=None), False, id="a test that runs"
        ),
        pytest.param(build_span("a", 2, 1, attributes=STEP), False, id="a step"),
        pytest.param(build_span("a", 1, attributes=STEP), True, id="a step that is a root"),
        pytest.param(
            build_span("a", 2, 1, attributes=STEP, parent_is_remote=True),
            True,
            id="a step below another process",
        ),
    ],
)
def test_what_finishes_a_trace(span, finishes):
    """A local root does, and a test, when they have ended."""
    assert names(TraceBuffer().add([span])) == ([["a"]] if finishes else [])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, False),
        ({c.KIND: c.TEST}, True),
        ({c.KIND: c.STEP}, False),
        ({c.TEST_CASE_NAME: "a"}, True),
        ({c.PYTEST_SPAN_TYPE: "test"}, True),
        ({c.PYTEST_SPAN_TYPE: "run"}, False),
        ({c.KIND: c.STEP, c.TEST_CASE_NAME: "a"}, False),
        ({c.KIND: b"test"}, False),
        ({c.KIND: ["test"]}, False),
    ],
    ids=repr,
)
def test_what_is_a_test(attributes, expected):
    """What our own kind says counts before the marks of others."""
    assert is_test(build_span("a", 1, attributes=attributes)) is expected


def test_children_come_before_their_root():
    """Nothing is handed out until the root has ended; then everything is."""
    traces = TraceBuffer()
    assert traces.add(children(2, 3)) == []
    assert names(traces.add([build_span("root", 1)])) == [["root", "2", "3", "4"]]


def test_one_batch_of_several_traces():
    """Each finished trace is handed out once, however its spans are mixed with others."""
    spans = [build_span("x", 2, 1, trace_id=8), root(7), root(8), build_span("y", 2, 1, trace_id=9)]
    assert names(TraceBuffer().add(spans)) == [["root", "x"], ["root"]]


def test_nothing_comes_of_nothing():
    """No spans, no traces."""
    traces = TraceBuffer()
    assert (traces.add([]), traces.settle()) == ([], [])


# -- late spans


def test_late_spans_are_handed_out_when_they_are_an_eighth():
    """To rewrite a result for each of them would cost the square of their number."""
    traces = TraceBuffer()
    traces.add([*children(2, 15), build_span("root", 1)])
    assert traces.add(children(20, 1)) == []
    (trace,) = traces.add(children(21, 1))
    assert len(trace.spans) == 18
    assert [len(traces.add([span])) for span in children(30, 3)] == [0, 0, 1]


def test_late_spans_that_are_too_few_come_at_settle():
    """Whole, with all that was handed out before; and only once."""
    traces = TraceBuffer()
    traces.add([*children(2, 15), build_span("root", 1)])
    traces.add(children(20, 1))
    (trace,) = traces.settle()
    assert len(trace.spans) == 17
    assert traces.settle() == []


def test_a_small_trace_is_amended_at_once():
    """One late span is more than an eighth of it."""
    traces = TraceBuffer()
    traces.add([build_span("root", 1)])
    assert names(traces.add(children(2, 1))) == [["root", "2"]]


def test_a_late_root_is_never_too_small():
    """The real root of a trace that was handed out with a remote one is written at once."""
    traces = TraceBuffer()
    traces.add([build_span("server", 2, 1, parent_is_remote=True), *children(3, 30, parent_id=2)])
    (trace,) = traces.add([build_span("client", 1)])
    assert len(trace.spans) == 32


def test_late_spans_know_what_was_written_before():
    """The trace is the same object, so that results of it can be replaced."""
    traces = TraceBuffer()
    (first,) = traces.add([build_span("root", 1)])
    first.written = {"a uuid"}
    (again,) = traces.add(children(2, 1))
    assert again is first
    assert again.written == {"a uuid"}


# -- the same span again


def test_the_same_span_again_changes_nothing():
    """Two exporters, a retry: it is not even handed out again."""
    traces = TraceBuffer()
    span = build_span("root", 1)
    traces.add([span])
    assert traces.add([span]) == []
    assert traces.add([span._replace(name="other")]) == []
    assert traces.settle() == []


def test_an_unfinished_span_is_replaced_when_it_ends():
    """What was shown as unfinished at a flush ends later."""
    traces = TraceBuffer()
    traces.add([build_span("root", 1, end_ns=None)])
    assert names(traces.settle()) == [["root"]]
    (trace,) = traces.add([build_span("root", 1, end_ns=9_000_000)])
    assert trace.spans[1].end_ns == 9_000_000


def test_an_ended_span_is_not_replaced_by_an_unfinished_one():
    """A forked process knows it as open still."""
    traces = TraceBuffer()
    (trace,) = traces.add([build_span("root", 1)])
    traces.add([build_span("root", 1, end_ns=None)])
    assert trace.spans[1].end_ns is not None


# -- roots whose parent is in another process, or seems to be


SERVER = build_span("server", 2, 1, parent_is_remote=True)


def test_a_remote_parent_that_has_ended_here_is_no_remote_parent():
    """Client and server in one process: the client's root decides."""
    traces = TraceBuffer()
    traces.add([build_span("client", 1, 9)])
    assert traces.add([SERVER]) == []


def test_a_remote_parent_that_runs_here_is_no_remote_parent():
    """A processor sees it start."""
    traces = TraceBuffer()
    traces.started(SERVER.trace_id, 1)
    assert traces.add([SERVER]) == []
    assert names(traces.add([build_span("client", 1)])) == [["client", "server"]]


def test_a_remote_parent_that_comes_later_takes_its_child_in():
    """An exporter cannot know better: it is handed out twice, the second time whole."""
    traces = TraceBuffer()
    assert names(traces.add([SERVER])) == [["server"]]
    assert names(traces.add([build_span("client", 1)])) == [["client", "server"]]


# -- tests that run


def test_a_held_trace_is_finished_by_its_test_only():
    """The end of a server's span in it does not make it finished."""
    traces = TraceBuffer()
    traces.hold(SERVER.trace_id)
    assert traces.add([SERVER]) == []
    assert traces.add(children(3, 1)) == []
    test = build_span("test", 1, attributes=TEST)
    assert names(traces.add([test])) == [["test", "server", "3"]]


def test_what_comes_after_a_held_trace_is_finished_amends_it():
    """Also the end of a server's span, whose caller is known."""
    traces = TraceBuffer()
    traces.hold(SERVER.trace_id)
    traces.add([build_span("test", 1, attributes=TEST)])
    assert names(traces.add([SERVER])) == [["test", "server"]]


def test_a_held_trace_is_handed_out_at_settle():
    """As far as it is known."""
    traces = TraceBuffer()
    traces.hold(SERVER.trace_id)
    traces.add(children(2, 1))
    assert names(traces.settle()) == [["2"]]


# -- settle


def test_settle_hands_out_what_has_no_root():
    """Orphans are not lost."""
    traces = TraceBuffer()
    traces.add(children(2, 2))
    assert names(traces.settle()) == [["2", "3"]]
    assert traces.settle() == []


def test_a_root_may_come_after_settle():
    """Then the trace is handed out whole."""
    traces = TraceBuffer()
    traces.add(children(2, 2))
    traces.settle()
    assert names(traces.add([build_span("root", 1)])) == [["root", "2", "3"]]


# -- how much is kept


def test_finished_traces_are_forgotten():
    """Memory follows what is in flight: of 10,000 traces no more than some 512 are kept."""
    traces = TraceBuffer()
    handed_out = [trace for i in range(1, 10_001) for trace in traces.add([root(i)])]
    assert len(handed_out) == 10_000
    assert len(traces._traces) < 700


def test_nothing_is_lost_when_a_finished_trace_is_forgotten():
    """Late spans that were too few to be written are handed out then."""
    traces = TraceBuffer(keep=4)
    traces.add([root(1), *(span._replace(trace_id=1) for span in children(2, 20))])
    assert traces.add([build_span("late", 99, 1, trace_id=1)]) == []
    evicted = [t for i in range(2, 20) for t in traces.add([root(i)]) if t.trace_id == 1]
    assert [len(trace.spans) for trace in evicted] == [22]


def test_spans_that_come_after_their_trace_was_forgotten_are_handed_out():
    """At once, as more of a trace that is known by its id."""
    traces = TraceBuffer(keep=1)
    for i in range(1, 10):
        traces.add([root(i)])
    (late,) = traces.add([build_span("late", 2, 1, trace_id=1)])
    assert names([late]) == [["late"]]
    assert late.is_more
    assert traces.settle() == []


def test_what_is_open_is_not_forgotten_with_what_is_finished():
    """A background task of a finished trace still runs; so does a trace without a root so far."""
    traces = TraceBuffer(keep=1)
    traces.started(1, 2)
    traces.add([root(1), build_span("x", 2, 1, trace_id=3)])
    for i in range(10, 30):
        traces.add([root(i)])
    assert names(traces.add([build_span("task", 2, 1, trace_id=1)])) == [["root", "task"]]
    assert names(traces.add([root(3)])) == [["root", "x"]]


def test_roots_that_never_come_do_not_fill_the_memory():
    """Every span is handed out, once, the oldest first; a bounded number waits."""
    traces = TraceBuffer(waiting=100)
    handed_out = []
    for i in range(1, 1001):
        handed_out += traces.add([build_span(f"{i}", 2, 1, trace_id=i)])
        assert sum(trace.size for trace in traces._traces.values()) <= 130
    handed_out += traces.settle()
    assert names(handed_out) == [[f"{i}"] for i in range(1, 1001)]


def test_a_root_that_never_ends_does_not_fill_the_memory():
    """A worker's endless loop is one trace; its spans are handed out in parts."""
    traces = TraceBuffer(waiting=100)
    handed_out = [len(t.spans) for span in children(2, 1000) for t in traces.add([span])]
    handed_out += [len(trace.spans) for trace in traces.settle()]
    assert sum(handed_out) == 1000
    assert max(handed_out) <= 130


def test_spans_that_start_and_never_end_do_not_fill_the_memory():
    """Those are known to a processor; there is nothing of them to hand out."""
    traces = TraceBuffer(waiting=100)
    for i in range(1, 1001):
        traces.started(i, 1)
        assert traces.add([]) == []
    assert len(traces._traces) <= 230


def test_a_test_that_runs_is_never_taken_apart():
    """However many spans it has; nor do the traces of others push it out."""
    traces = TraceBuffer(keep=1, waiting=10)
    traces.hold(7)
    for i in range(2, 200):
        assert traces.add([build_span(f"{i}", i, 1, trace_id=7)]) == []
        traces.add([build_span("orphan", 2, 1, trace_id=1000 + i)])
    (trace,) = traces.add([root(7, attributes=TEST)])
    assert len(trace.spans) == 199


def test_finished_traces_have_a_number_of_spans_together():
    """The oldest go first; one that has open spans stays until those have ended."""
    traces = TraceBuffer(keep=1000, keep_spans=20)
    traces.busy = lambda: {1}
    for trace_id in range(1, 21):
        spans = [build_span("step", n, 99, trace_id=trace_id) for n in range(1, 5)]
        traces.add([*spans, build_span("root", 99, trace_id=trace_id)])
    late = traces.add(
        [
            build_span("late", 5, 99, trace_id=1),
            build_span("late", 5, 99, trace_id=2),
            build_span("late", 5, 99, trace_id=20),
        ]
    )
    assert sorted(len(trace.spans) for trace in late) == [1, 6, 6]  # 2 was forgotten
    assert [trace.is_more for trace in late if len(trace.spans) == 1] == [True]
    assert traces.settle() == []


# -- log records


def log(span_id: int = 1, text: str = "text", time_ns: int = 0, trace_id: int = 7) -> Log:
    return Log(trace_id, span_id, time_ns, "INFO", "app", text)


def texts(traces: list[Trace]) -> list[list[str]]:
    return [[log.text for logs in trace.logs.values() for log in logs] for trace in traces]


def test_logs_wait_for_their_trace():
    traces = TraceBuffer()
    assert traces.add([log()]) == []
    assert texts(traces.add([root()])) == [["text"]]


def test_late_logs_are_handed_out_with_their_trace():
    """One by one they would cost the square of their number: many come together."""
    traces = TraceBuffer()
    traces.add([root(), *[log(text=str(n)) for n in range(80)]])
    assert traces.add([log(text="late")]) == []
    assert len(traces.add([log() for _ in range(20)])) == 1
    traces.add([log(text="last")])
    assert [texts[-1] for texts in texts(traces.settle())] == ["last"]


def test_logs_alone_wait():
    """The spans of their trace may come; what was logged outside of all spans does not wait."""
    traces = TraceBuffer()
    traces.add([log(), log(trace_id=0, text="outside")])
    assert texts(traces.settle(last=False)) == [["outside"]]
    assert texts(traces.settle(last=False)) == []
    assert texts(traces.settle()) == [["text"]]


def test_logs_do_not_fill_the_memory():
    """Those that wait for a root count as spans do: the oldest are handed out as they are."""
    traces = TraceBuffer(waiting=100)
    handed_out = [
        trace for n in range(1, 1001) for trace in traces.add([log(trace_id=n, text=str(n))])
    ]
    kept = traces.settle()
    assert len(kept) <= 200
    assert [text for (text,) in texts(handed_out + kept)] == [str(n) for n in range(1, 1001)]


def test_logs_are_given_away_once():
    traces = TraceBuffer()
    traces.add([log(2, "later", 20), log(1, "first", 10), log(3, "of another span")])
    assert [log.text for log in traces.take_logs(7, [1, 2, 9])] == ["first", "later"]
    assert traces.take_logs(7, [1, 2]) == []
    assert texts(traces.add([root()])) == [["of another span"]]
    assert traces.take_logs(8, [1]) == []


# -- what it comes to


def test_log_records_count_as_spans_do():
    """Late ones are handed out when they are an eighth of all, not of the spans."""
    trace = Trace(7)
    for span in children(2, 7):
        trace.add(span)
    trace.add(root())
    for _ in range(8):
        trace.add_log(log())
    assert trace.size == 16
    trace.taken()
    trace.add_log(log())
    assert not trace.due
    trace.add_log(log())
    assert trace.due


def test_a_batch_is_not_taken_apart_while_it_comes_in():
    """However many finished traces it has, each is there for what comes with it."""
    buffer = TraceBuffer(keep=2, keep_spans=2)
    buffer.add(root(trace_id) for trace_id in range(1, 11))
    assert len(buffer.kept()) == 10
    buffer.add([root(11)])
    assert len(buffer.kept()) < 10


def test_those_that_were_forgotten_are_not_remembered_for_ever(monkeypatch):
    monkeypatch.setattr(trace_buffer, "REMEMBERED", 3)
    buffer = TraceBuffer(keep=0, keep_spans=0)
    for trace_id in range(1, 30):
        buffer.add([root(trace_id)])
    assert len(buffer._gone) == 3


def test_ids_that_are_made_up_are_ids():
    trace = Trace(7)
    for start_ns in range(200):
        trace.add(build_span("same id", (1 << 64) - 1, start_ns=start_ns, end_ns=start_ns + 1))
    assert len(trace.spans) == 200
    assert all(type(span_id) is int and 0 < span_id < 1 << 64 for span_id in trace.spans)


def test_what_is_ours_is_never_another_one_with_its_id():
    """A test that a forked process has run ends there and here, at other times."""
    trace = Trace(7)
    trace.add(build_span("test", 1, attributes=TEST, start_ns=1))
    trace.add(build_span("test", 1, attributes=TEST, start_ns=2))
    assert list(trace.spans) == [1]


STRANGER = build_span("stranger", 2, kind="server", start_ns=5)
OURS = build_span("step", 2, 1, attributes={c.KIND: c.STEP}, start_ns=3)
INNER = build_span("inner", 3, 2, attributes={c.KIND: c.STEP}, start_ns=4)


@pytest.mark.parametrize("order", list(permutations([OURS, STRANGER, INNER])))
def test_a_stranger_with_the_id_of_ours_takes_nobodys_place(order):
    """Ours keeps the id, by which others are below it."""
    trace = Trace(7)
    for span in (*order, *order):
        trace.add(span)
    assert (trace.spans[2], trace.spans[3]) == (OURS, INNER)
    assert [s.name for s in trace.spans.values() if s.span_id not in (2, 3)] == ["stranger"]


HERE, THERE = {"service.name": "here"}, {"service.name": "there"}
HALVES = [
    build_span("get", 2, 1, kind="client", start_ns=3)._replace(resource=HERE),
    build_span("get", 2, 1, kind="server", start_ns=4)._replace(resource=THERE),
    build_span("below the server", 3, 2, start_ns=5)._replace(resource=THERE),
    build_span("below the client", 4, 2, start_ns=5)._replace(resource=HERE),
]


@pytest.mark.parametrize("order", list(permutations(HALVES)))
def test_both_sides_of_a_call_with_one_id_are_one_below_the_other(order):
    """In whatever order they come, and when they come twice."""
    trace = Trace(7)
    for span in (*order, *order):
        trace.add(span)
    assert len(trace.spans) == 4
    client, server = (
        next(s for s in trace.spans.values() if s.kind == kind) for kind in ("client", "server")
    )
    assert (client.span_id, server.parent_id) == (2, 2)
    assert (trace.spans[3].parent_id, trace.spans[4].parent_id) == (server.span_id, 2)
