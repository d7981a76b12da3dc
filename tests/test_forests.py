"""Forests of spans as nobody should send them: each span is shown once, or counted in a note."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from otel_allure import AllureSpanExporter, AllureSpanProcessor
from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.formats.otlp_writer import to_otlp
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span
from otel_allure.output.report import Report
from otel_allure.testing.results import Results, steps

ALL = Settings(max_steps=0, fold=0, waterfall="off", findings=(), environment=False)
OPTIONS: dict[str, Any] = {"max_steps": 0, "fold": 0, "waterfall": "off", "findings": "none"}

SECOND = 1_000_000_000
TIMES = st.sampled_from(
    [-(1 << 63), -SECOND, -1, 0, 1, SECOND, 10**18, 10**18 + 1, 10**18 + SECOND, (1 << 63) - 1]
)
IDS = st.integers(1, 6) | st.sampled_from([(1 << 64) - 1, (1 << 64) - 2])
VALUES = st.sampled_from(
    ["", "text", "\ud83d", "nul\0", 0, -1, 1 << 70, float("nan"), float("inf"), True, ("a", "b")]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["a", "\0", "", "\udce9", "error.type"]),
    VALUES,
    max_size=3,
)


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """Return spans with names of their own, and with ids, parents and times as they come.

    What has one id and one start is one span, whatever else is said of it.
    """
    spans, known = [], set()
    for number in range(draw(st.integers(1, 9))):
        start_ns, end_ns = draw(TIMES), draw(TIMES | st.none())
        parent_id = draw(IDS | st.none())
        ids = draw(st.integers(1, 2)), draw(IDS)
        if (*ids, max(start_ns, 0)) in known:
            start_ns = 2 * 10**18 + number
        known.add((*ids, max(start_ns, 0)))
        spans.append(
            Span(
                *ids,
                parent_id,
                parent_id is not None and draw(st.booleans()),
                f"span-{number:02d}" + draw(st.sampled_from(["", " \ud83d", " nul\0"])),
                draw(st.sampled_from(["internal", "server", "client"])),
                start_ns,
                end_ns,
                attributes=draw(ATTRIBUTES),
            )
        )
    return spans


def shown(directory: str) -> Counter[str]:
    """Return how often each span is shown: as a result or as a step, by the name of the span."""
    report = Results(directory)
    names = [str(each["name"]) for r in report.results for each in (r, *steps(r))]
    found = [match for name in names for match in re.findall(r"span-\d\d", name)]
    return Counter(found)


def named(spans: Iterable[Span]) -> Counter[str]:
    return Counter(span.name[:7] for span in spans)


checked = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@checked
@given(forests(), st.integers(0, 9))
def test_each_is_shown_once(spans: list[Span], cut: int) -> None:
    """In whatever batches they come, and if they come twice."""
    with tempfile.TemporaryDirectory() as directory:
        report = Report(directory, settings=ALL)
        report.closed = True
        local = [span._replace(parent_is_remote=False) for span in spans]
        for batch in (local[:cut], local[cut:], local):
            report.add(batch)
        report.settle()
        assert shown(directory) == named(spans)


def sdk_span(span: Span) -> ReadableSpan:
    def context(span_id: int, *, remote: bool = False) -> SpanContext:
        return SpanContext(span.trace_id, span_id, remote, TraceFlags(1))

    parent = span.parent_id and context(span.parent_id, remote=span.parent_is_remote)
    return ReadableSpan(
        name=span.name,
        context=context(span.span_id),
        parent=parent or None,
        resource=Resource({}),
        attributes=span.attributes,
        kind=SpanKind[span.kind.upper()],
        start_time=span.start_ns,
        end_time=span.end_ns,
    )


@checked
@given(forests())
def test_by_otlp(spans: list[Span]) -> None:
    """What the format has no form for is told, not lost: times before 1970, for example.

    A span that lost its start so starts when it ends, which is another one's start at times.
    """
    read = list(from_otlp(to_otlp(spans), lambda doing, error: None))
    assert named(read) == named(spans)
    assume(len({(span.trace_id, span.span_id, span.start_ns) for span in read}) == len(spans))
    with tempfile.TemporaryDirectory() as directory:
        report = Report(directory, settings=ALL)
        report.closed = True
        report.add(read)
        report.settle()
        assert shown(directory) == named(spans)


@checked
@given(forests())
def test_processor(spans: list[Span]) -> None:
    """Spans are open for a while; what never ends is shown, too.

    Those of one provider that have one id, as where tests seed `random`, start one after the other.
    """
    spans = [span._replace(start_ns=10**18 + number) for number, span in enumerate(spans)]
    with tempfile.TemporaryDirectory() as directory:
        processor = AllureSpanProcessor(directory, **OPTIONS)
        for span in spans:
            processor.on_start(sdk_span(span))  # type: ignore[arg-type]
        for span in spans:
            if span.end_ns is not None:
                processor.on_end(sdk_span(span))
        processor.shutdown()
        assert shown(directory) == named(spans)


@checked
@given(forests())
def test_exporter(spans: list[Span]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        exporter = AllureSpanExporter(directory, **OPTIONS)
        exporter.export([sdk_span(span) for span in spans])
        exporter.shutdown()
        assert shown(directory) == named(spans)


def test_what_hangs_below_a_cycle_stays_there(tmp_path):
    """It is no part of the cycle, so it is neither a root nor, when parts are joined, there twice.

    Its parent comes last, when it has been written alone.
    """
    ids = {"tail": (3, 2), "of the cycle": (2, 1), "above itself": (1, 1), "root": (4, None)}
    spans = [
        sdk_span(Span(1, i, parent, name in ("tail", "of the cycle"), name, "internal", at, at))
        for at, (name, (i, parent)) in enumerate(ids.items(), 10**18)
    ]
    exporter = AllureSpanExporter(tmp_path, max_steps=0, fold=0, waterfall="off")
    for span in (spans[0], *spans[2:], spans[1]):
        exporter.export([span])
    exporter.shutdown()
    names = {r["name"]: [s["name"] for s in steps(r)] for r in Results(tmp_path).results}
    assert names == {"root": [], "above itself": ["of the cycle", "tail"]}
