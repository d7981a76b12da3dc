"""Spans of our own tracer, as the API and the processors of others know spans."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
)

from otel_allure.model import conventions as c
from otel_allure.recording.tracer import RecordingSpan, RecordingTracer

PUBLIC = [
    name
    for name in dir(ReadableSpan)
    if not name.startswith("_") and name not in ("instrumentation_info", "get_span_context")
]
STATE = TraceState([("vendor", "abc")])
REMOTE = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1), trace_state=STATE)


@pytest.fixture
def ended() -> list[RecordingSpan]:
    return []


@pytest.fixture
def tracer(ended: list[RecordingSpan]) -> RecordingTracer:
    return RecordingTracer(ended.append)


def told(tracer: trace.Tracer) -> Any:
    """Return a span that was told something of every kind."""
    context = trace.set_span_in_context(NonRecordingSpan(REMOTE))
    span = tracer.start_span(
        "pay", context, SpanKind.CLIENT, {"a": 1}, [Link(REMOTE, {"l": 1})], start_time=1_000_000
    )
    span.add_event("retry", {"n": 2}, timestamp=2_000_000)
    span.add_link(REMOTE)
    span.set_status(StatusCode.ERROR, "no money")
    return span


@pytest.mark.parametrize("has_ended", [False, True], ids=["open", "ended"])
def test_it_answers_as_a_span_of_the_sdk(tracer, has_ended):
    """Whatever a readable span of the SDK has, ours has, with what was told."""
    theirs, ours = told(TracerProvider().get_tracer(c.SCOPE_NAME)), told(tracer)
    if has_ended:
        theirs.end(3_000_000)
        ours.end(3_000_000)
    said = [json.loads(span.to_json()) for span in (theirs, ours)]
    for each in said:
        del each["context"]["span_id"], each["resource"]
    assert said[0] == said[1]
    for name in sorted(set(PUBLIC) - {"context", "to_json", "resource", "events", "links"}):
        mine, its = getattr(ours, name), getattr(theirs, name)
        if name == "instrumentation_scope":
            mine, its = mine.name, its.name
        elif name == "status":
            mine, its = mine.status_code, its.status_code
        elif name == "attributes":
            mine, its = dict(mine), dict(its)
        assert mine == its, name
    assert ours.resource.attributes["telemetry.sdk.language"] == "python"
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ours.nonsense


def test_the_trace_state_of_a_remote_parent(tracer):
    """It goes on to whatever is below, and to programs that those call."""
    above = trace.set_span_in_context(NonRecordingSpan(REMOTE))
    outer = tracer.start_span("outer", above)
    inner = tracer.start_span("inner", trace.set_span_in_context(outer))
    for span in (outer, inner):
        assert span.get_span_context().trace_state == STATE
        assert span.parent.trace_state == STATE
    assert tracer.start_span("alone").get_span_context().trace_state == TraceState()


# -- start_as_current_span


def fails() -> None:
    raise ValueError("no")


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("sets", [True, False])
@pytest.mark.parametrize("ends", [True, False])
def test_what_is_done_at_the_end_of_a_block(tracer, ended, records, sets, ends):
    block = tracer.start_as_current_span(
        "block", record_exception=records, set_status_on_exception=sets, end_on_exit=ends
    )
    with pytest.raises(ValueError, match="no"), block as span:
        assert trace.get_current_span() is span
        fails()
    assert len(span.events) == records
    assert span.status.is_ok != sets
    assert ended == ([span] if ends else [])


def test_as_a_decorator(tracer, ended):
    """Each call is a span, and one of a coroutine lasts until that has been awaited."""

    @tracer.start_as_current_span("plain")
    def plain(value: int) -> int:
        assert trace.get_current_span().name == "plain"  # type: ignore[attr-defined]
        return value

    @tracer.start_as_current_span("coroutine")
    async def coroutine(value: int) -> int:
        await asyncio.sleep(0)
        assert trace.get_current_span().name == "coroutine"  # type: ignore[attr-defined]
        return value

    assert [plain(1), plain(2)] == [1, 2]
    made = coroutine(3)
    assert [span.name for span in ended] == ["plain", "plain"]
    assert asyncio.run(made) == 3
    assert [span.name for span in ended] == ["plain", "plain", "coroutine"]


# -- processors of users

OF_USERS = """
import json
import allure
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

NAMES = [n for n in dir(ReadableSpan) if n[0] != "_" and n != "instrumentation_info"]

class Curious(SpanProcessor):
    def on_start(self, span, parent_context=None):
        for name in NAMES:
            getattr(span, name)
        for key, value in baggage.get_all(parent_context).items():
            span.set_attribute(key, value)

    def on_end(self, span):
        for name in NAMES:
            getattr(span, name)

class Backend(SpanExporter):
    spans = []

    def export(self, spans):
        self.spans += [json.loads(span.to_json()) for span in spans]
        return SpanExportResult.SUCCESS

provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
provider.add_span_processor(Curious())
provider.add_span_processor(BatchSpanProcessor(Backend()))
trace.set_tracer_provider(provider)
"""


def test_processors_that_read_all_there_is(run, pytester):
    """They are told of the parent's context, too: baggage gets on spans of steps."""
    pytester.makepyfile(theirs=OF_USERS)
    pytester.makeconftest("import theirs")
    done = run(
        """
        import allure
        import theirs
        from opentelemetry import baggage, context, trace

        def test_steps():
            token = context.attach(baggage.set_baggage("tenant", "blue"))
            with allure.step("outer"):
                assert trace.get_current_span().resource.attributes["service.name"] == "shop"
                with allure.step("inner"):
                    pass
            context.detach(token)

        def test_backend():
            theirs.provider.force_flush()
            spans = {span["name"]: span for span in theirs.Backend.spans}
            outer, inner = spans["outer"], spans["inner"]
            assert outer["attributes"]["tenant"] == inner["attributes"]["tenant"] == "blue"
            assert inner["parent_id"] == outer["context"]["span_id"]
            assert outer["resource"]["attributes"]["service.name"] == "shop"
            assert outer["start_time"] <= inner["start_time"] <= inner["end_time"]
        """,
        passed=2,
    )
    assert "not complete" not in done.outcome.stdout.str()
