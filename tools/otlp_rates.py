"""What reading, receiving and joining spans costs, beside what merely parsing them does.

    python -m tools.otlp_rates [SPANS]

It prints the table of docs/remote.md. Spans of 20 a trace, with six attributes each.
"""

from __future__ import annotations

import http.client
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_allure.formats.otlp_protobuf import spans_from_protobuf
from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.formats.otlp_writer import to_otlp
from otel_allure.inputs.arrivals import Arrivals, ArrivalsReader
from otel_allure.inputs.otlp_receiver import OtlpReceiver
from otel_allure.inputs.trace_files import read_parts
from otel_allure.inputs.trace_store import TraceStore
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span
from otel_allure.output.report import Report
from tests.trace_formats import message_of

A_TRACE, BATCH, SAMPLE = 20, 500, 10_000
RESOURCE = {"service.name": "shop", "host.name": "h", "process.pid": 7}


def span_of(number: int) -> Span:
    trace, place = divmod(number, A_TRACE)
    half = trace + 1
    trace_id = half << 64 | (half * 0x9E37_79B9_7F4A_7C15 & (1 << 64) - 1)  # as ours are
    return Span(
        trace_id,
        number + 1,
        None if place == 0 else trace * A_TRACE + 1,
        False,
        "GET /items/{id}",
        "client",
        1_700_000_000_000_000_000 + number * 1_000_000,
        1_700_000_000_000_900_000 + number * 1_000_000,
        attributes={
            "http.request.method": "GET",
            "url.full": f"http://shop/items/{number}",
            "server.address": "shop",
            "server.port": 80,
            "http.response.status_code": 200,
            "network.protocol.version": "1.1",
        },
        scope="opentelemetry.instrumentation.aiohttp_client",
        resource=RESOURCE,
    )


def documents(spans: int) -> Iterator[str]:
    for start in range(0, spans, BATCH):
        yield json.dumps(to_otlp(map(span_of, range(start, min(start + BATCH, spans)))))


def microseconds(work: Callable[[], object]) -> float:
    """Return the CPU time of `work` for each span, the least of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best / SAMPLE * 1e6


def received(bodies: list[bytes], kind: str) -> tuple[float, float]:
    """Return the time to receive a span, and to join it."""
    settings, diagnostics = Settings(receiver_max_spans=10**9, waterfall="off"), Diagnostics()
    arrivals = Arrivals(settings, diagnostics, "")
    receiver = OtlpReceiver(arrivals.take, settings, diagnostics)
    receiver.start()
    connection = http.client.HTTPConnection(receiver.endpoint.removeprefix("http://"))
    start = time.process_time()
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": kind})
        connection.getresponse().read()
    took = time.process_time() - start
    connection.close()
    receiver.stop()
    with tempfile.TemporaryDirectory() as directory:
        report = Report(directory, only_tests=True, settings=settings)
        reader = ArrivalsReader(arrivals.told_readers, lambda i: i, lambda i: True, diagnostics)
        start = time.process_time()
        report.add(reader.read())
        joined = time.process_time() - start
    arrivals.close()
    return took / SAMPLE * 1e6, joined / SAMPLE * 1e6


def written(bodies: list[bytes]) -> float:
    """Return the time to make a result of each trace, and to write it."""
    with tempfile.TemporaryDirectory() as directory, TraceStore() as store:
        for body in bodies:
            store.add(from_otlp(json.loads(body)))
        report = Report(directory, settings=Settings(only_requests=False), whole_traces=True)
        start = time.process_time()
        for trace in store.traces(print):
            report.add(trace.records)
        report.settle()
        return (time.process_time() - start) / SAMPLE * 1e6


def held(spans: int) -> tuple[float, float]:
    """Read a file of so many spans and take its traces out; return megabytes: file, memory."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "spans.jsonl")
        with path.open("w") as file:
            file.writelines(f"{document}\n" for document in documents(spans))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with TraceStore() as store, path.open("rb") as binary:
            for part in read_parts(binary, print):
                store.add(part.content.records)
            traces = sum(1 for _ in store.traces(print))
        assert traces == -(-spans // A_TRACE)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return path.stat().st_size / 1e6, (after - before) / 1024


KEPT = """
import json, pathlib, sys
from tools.otlp_rates import documents, message_of, parse_message
kind, spans = sys.argv[1], int(sys.argv[2])
bodies = documents(spans) if kind == "JSON" else (
    message_of(json.loads(each)) for each in documents(spans)
)
parse = json.loads if kind == "JSON" else parse_message
resident = lambda: int(pathlib.Path("/proc/self/statm").read_text().split()[1])
before = resident()
kept = [parse(body) for body in bodies]
print((resident() - before) * 4)
"""
A_PART = 10
"""What merely parsed spans take is measured with a tenth of them: it is nothing but linear."""


def kept(kind: str, spans: int) -> float:
    """Return the megabytes that so many spans take that are merely parsed, and kept."""
    command = [sys.executable, "-c", KEPT, kind, str(spans // A_PART)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(said) / 1024 * A_PART


parse_message = TracesData.FromString


def main() -> None:
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    file, memory = held(spans)
    texts = list(documents(SAMPLE))
    messages = [message_of(json.loads(text)) for text in texts]
    parsed = [json.loads(text) for text in texts]
    floor = microseconds(lambda: list(map(json.loads, texts)))
    lowest = microseconds(lambda: list(map(parse_message, messages)))
    print("| | µs a span | beside its floor |\n|---|---|---|")
    read = microseconds(lambda: [list(from_otlp(each)) for each in parsed]) + floor
    walk = microseconds(lambda: [list(spans_from_protobuf(m, print)) for m in messages])
    bodies = [text.encode() for text in texts]
    got, joined = received(bodies, "application/json")
    got_pb, _ = received(messages, "application/x-protobuf")
    for what, cost, beside in (
        ("`json.loads`: the floor of JSON", floor, floor),
        ("protobuf's parser: the floor of protobuf", lowest, lowest),
        ("read from JSON", read, floor),
        ("read from protobuf", walk, lowest),
        ("received as JSON, and kept for its test", got, floor),
        ("received as protobuf, and kept for its test", got_pb, lowest),
        ("joined to its trace, in addition", joined, floor),
        ("written as a part of its result, in addition", written(bodies), floor),
    ):
        print(f"| {what} | {cost:.1f} | {cost / beside:.1f} × |")
    print(f"\n{spans:,} spans, a file of {file:,.0f} MB: {memory:,.0f} MB of memory to put them")
    print(f"into traces; all of them merely parsed: {kept('JSON', spans):,.0f} MB of JSON,")
    print(f"{kept('protobuf', spans):,.0f} MB of protobuf.")
    print(f"{1e6 / (got + joined):,.0f} spans a second received and joined (JSON).")


if __name__ == "__main__":
    main()
