"""Work without pytest; `python -m benchmarks.programs NAME VARIANT SIZE` does it.

Whatever is not to count is done by all variants, the plain one included.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.util.types import Attributes

RESULTS = Path("results")
BATCH = 512
"""Spans at a time, as a BatchSpanProcessor exports them."""
CALLS_OF_A_TRACE = 10
RESULT = {
    "status": "passed",
    "stage": "finished",
    "start": 1_767_225_600_000,
    "stop": 1_767_225_600_009,
    "labels": [{"name": "suite", "value": "shop"}, {"name": "severity", "value": "critical"}],
    "parameters": [{"name": "article", "value": "'cup'"}],
    "steps": [
        {
            "name": f"step {n}",
            "status": "passed",
            "start": 1_767_225_600_000 + n,
            "stop": 1_767_225_600_001 + n,
            "steps": [{"name": "inner", "status": "passed", "start": 1, "stop": 2}],
        }
        for n in range(5)
    ],
}


class _Ended(SpanProcessor):
    """Keeps the spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def _query(tracer: Tracer, n: int) -> None:
    """Make a span as the instrumentation of asyncpg does."""
    attributes: Attributes = {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "server.address": "127.0.0.1",
        "server.port": 5432,
        "network.transport": "tcp",
        "db.query.text": f"SELECT o.id, o.total FROM orders o WHERE o.customer = $1 LIMIT {n % 50}",
    }
    tracer.start_span("SELECT", kind=SpanKind.CLIENT, attributes=attributes).end()


def _request(tracer: Tracer, n: int) -> None:
    """Make a span as the instrumentation of aiohttp's client does."""
    attributes: Attributes = {
        "http.request.method": "GET",
        "url.full": f"http://127.0.0.1:8080/items/{n % 50}?currency=EUR",
        "server.address": "127.0.0.1",
        "server.port": 8080,
    }
    span = tracer.start_span("GET", kind=SpanKind.CLIENT, attributes=attributes)
    span.set_attribute("http.response.status_code", 200)
    span.set_attribute("network.protocol.version", "1.1")
    span.end()


_ended, _provider = _Ended(), TracerProvider(shutdown_on_exit=False)
_provider.add_span_processor(_ended)
_tracer = _provider.get_tracer("opentelemetry.instrumentation.asyncpg")


def calls(size: int, of_a_trace: int = CALLS_OF_A_TRACE) -> list[ReadableSpan]:
    """Return spans of `size` calls, in traces, each of which has a span around them."""
    ended = _Ended()
    provider = TracerProvider()
    provider.add_span_processor(ended)
    shop = provider.get_tracer("shop")
    kinds = [
        (_query, provider.get_tracer("opentelemetry.instrumentation.asyncpg")),
        (_request, provider.get_tracer("opentelemetry.instrumentation.aiohttp_client")),
    ]
    for first in range(0, size, of_a_trace):
        with shop.start_as_current_span("an order"):
            for n in range(first, min(first + of_a_trace, size)):
                make, tracer = kinds[n % 2]
                make(tracer, n)
    return ended.spans


def batches(spans: list[ReadableSpan], size: int = BATCH) -> Iterator[list[ReadableSpan]]:
    """Return `spans` in parts, one after the other."""
    return (spans[first : first + size] for first in range(0, len(spans), size))


def report(parts: Iterable[list[ReadableSpan]]) -> None:
    """Write a report of spans that come in `parts`."""
    from otel_allure.inputs.span_exporter import AllureSpanExporter

    exporter = AllureSpanExporter(RESULTS)
    for part in parts:
        exporter.export(part)
    exporter.shutdown()


def call(variant: str, size: int) -> None:
    """Calls in many traces: only made; also serialised for OTLP; also reported."""
    spans = calls(size)
    if variant == "peer":
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        for part in batches(spans):
            encode_spans(part).SerializeToString()
    elif variant == "ours":
        report(batches(spans))


def requests(variant: str, size: int) -> None:
    """Requests of a server, each with its calls, exported as they end; files are removed."""
    from otel_allure.inputs.span_exporter import AllureSpanExporter

    exporter = AllureSpanExporter(RESULTS) if variant == "ours" else None
    for done in range(0, size, BATCH):
        spans = [span for n in range(done, min(done + BATCH, size)) for span in _served(n)]
        if exporter is not None:
            exporter.export(spans)
            for path in RESULTS.glob("*-*.*"):
                path.unlink()
    if exporter is not None:
        exporter.shutdown()


def _served(n: int) -> list[ReadableSpan]:
    """Return the spans of a request: one query, and the server's own."""
    with _tracer.start_as_current_span(
        "GET /orders/{id}",
        kind=SpanKind.SERVER,
        attributes={"http.request.method": "GET", "url.path": f"/orders/{n}"},
    ):
        _query(_tracer, n)
    spans, _ended.spans = _ended.spans, []
    return spans


def trace(variant: str, size: int) -> None:
    """A single trace of many calls."""
    spans = calls(size, of_a_trace=size)
    if variant == "ours":
        report(batches(spans))


def late(variant: str, size: int) -> None:
    """Spans that come one by one, when the span around them has long been there."""
    *children, root = calls(size, of_a_trace=size)
    if variant == "ours":
        report([[root], *batches(children, 1)])


def tree(variant: str, size: int) -> None:
    """Results, only written; also read; also printed as trees."""
    RESULTS.mkdir(exist_ok=True)
    for n in range(size):
        result = {"uuid": str(n), "historyId": str(n), "name": f"test_{n}", **RESULT}
        (RESULTS / f"{n}-result.json").write_text(json.dumps(result), "utf-8")
    if variant == "peer":
        for path in RESULTS.iterdir():
            json.loads(path.read_bytes())
    elif variant == "ours":
        from otel_allure.cli.main import main

        with contextlib.redirect_stdout(io.StringIO()):
            main(["tree", str(RESULTS)])


def otlp(variant: str, size: int) -> None:
    """OTLP/JSON, a thousand spans at a time: only made; also parsed; also read as our spans."""
    from otel_allure.formats.otlp_reader import from_otlp

    spans = [_otlp_span(n) for n in range(min(size, 1000))]
    scope = {"scope": {"name": "shop"}, "spans": spans}
    text = json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [scope]}]})
    for _ in range(size // 1000):
        if variant != "plain":
            parsed = json.loads(text)
        if variant == "ours":
            list(from_otlp(parsed))


def _otlp_span(n: int) -> dict[str, Any]:
    return {
        "traceId": "24d22e16b98f88e96143af4394e2ff8a",
        "spanId": f"{n + 1:016x}",
        "parentSpanId": "878c4d8f099fe9a1",
        "name": "SELECT",
        "kind": 3,
        "startTimeUnixNano": "1767225600000535127",
        "endTimeUnixNano": "1767225600808687822",
        "attributes": [
            {"key": "db.system.name", "value": {"stringValue": "postgresql"}},
            {"key": "server.port", "value": {"intValue": "5432"}},
            {"key": "db.query.text", "value": {"stringValue": f"SELECT {n}"}},
        ],
        "status": {"code": 0},
    }


PROGRAMS: dict[str, Callable[[str, int], None]] = {
    each.__name__: each for each in (call, requests, trace, late, tree, otlp)
}

if __name__ == "__main__":
    name, variant, size = sys.argv[1:]
    PROGRAMS[name](variant, int(size))
