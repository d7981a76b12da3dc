"""Spans as other formats have them: what writes such files in the wild, made anew."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_allure.formats.otlp_writer import to_otlp
from otel_allure.model.spans import Span

_Bytes = Callable[[list[Span]], bytes]


def dumped(document: object, **how: Any) -> bytes:
    return json.dumps(document, **how).encode()


def one_by_one(spans: Iterable[Span]) -> list[dict[str, Any]]:
    return [to_otlp([span]) for span in spans]


def lines(documents: Iterable[object]) -> bytes:
    return b"".join(dumped(each) + b"\n" for each in documents)


def renamed(document: Any, change: Callable[[str, Any], tuple[str, Any]]) -> Any:
    """Return a document whose fields are changed, all the way down."""
    if isinstance(document, dict):
        items = (change(key, value) for key, value in document.items())
        return {key: renamed(value, change) for key, value in items}
    return [renamed(each, change) for each in document] if isinstance(document, list) else document


def as_tempo(key: str, value: Any) -> tuple[str, Any]:
    """Ids in base64, enums by name, as protobuf's own JSON has them."""
    if key in ("traceId", "spanId", "parentSpanId"):
        return key, base64.b64encode(bytes.fromhex(value)).decode()
    if key == "kind" and isinstance(value, int):
        return key, f"SPAN_KIND_{_KINDS[value]}"
    if key == "code":
        return key, ("STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR")[value]
    return key, value


_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


def without_padding(key: str, value: Any) -> tuple[str, Any]:
    key, value = as_tempo(key, value)
    return (key, value.rstrip("=")) if key.endswith("Id") else (key, value)


def snake_case(key: str, value: Any) -> tuple[str, Any]:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key), value


def message(spans: Iterable[Span]) -> bytes:
    return message_of(to_otlp(spans))


def message_of(document: dict[str, Any]) -> bytes:
    from google.protobuf.json_format import ParseDict

    changed = renamed(document, as_tempo)
    return ParseDict(changed, ExportTraceServiceRequest()).SerializeToString()


def with_lengths(messages: Iterable[bytes]) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in messages)


def with_varints(messages: Iterable[bytes]) -> bytes:
    return b"".join(_varint(len(each)) + each for each in messages)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.compress(data)


def _tag(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, (list, tuple)):
        value = json.dumps(value)
    kinds = {bool: "bool", int: "int64", float: "float64"}
    return {"key": key, "type": kinds.get(type(value), "string"), "value": value}


def jaeger_trace(spans: list[Span]) -> dict[str, Any]:
    """Return one trace as Jaeger's user interface lets people download it."""
    processes: dict[str, Any] = {}
    records = []
    for span in spans:
        process = {
            "serviceName": span.resource.get("service.name", ""),
            "tags": [_tag(k, v) for k, v in span.resource.items() if k != "service.name"],
        }
        name = next((n for n, known in processes.items() if known == process), None)
        if name is None:
            name = f"p{len(processes) + 1}"
            processes[name] = process
        tags = {**span.attributes, "span.kind": span.kind, "otel.scope.name": span.scope}
        if span.status != "unset":
            tags["otel.status_code"] = span.status.upper()
            tags |= {"error": True} if span.status == "error" else {}
        if span.status_message:
            tags["otel.status_description"] = span.status_message
        reference = {"traceID": f"{span.trace_id:032x}", "spanID": f"{span.parent_id or 0:016x}"}
        records.append(
            {
                "traceID": f"{span.trace_id:032x}",
                "spanID": f"{span.span_id:016x}",
                "operationName": span.name,
                "references": [{"refType": "CHILD_OF", **reference}] if span.parent_id else [],
                "startTime": span.start_ns // 1000,
                "duration": (span.end_ns or span.start_ns) // 1000 - span.start_ns // 1000,
                "tags": [_tag(key, value) for key, value in tags.items()],
                "logs": [
                    {
                        "timestamp": event.time_ns // 1000,
                        "fields": [
                            _tag("event", event.name),
                            *(_tag(key, value) for key, value in event.attributes.items()),
                        ],
                    }
                    for event in span.events
                ],
                "processID": name,
                "warnings": None,
            }
        )
    return {"traceID": f"{spans[0].trace_id:032x}", "spans": records, "processes": processes}


def zipkin_spans(spans: list[Span]) -> list[dict[str, Any]]:
    """Return spans as OpenTelemetry's exporters for Zipkin write them."""
    return [
        {
            "traceId": f"{span.trace_id:032x}",
            "id": f"{span.span_id:016x}",
            **({"parentId": f"{span.parent_id:016x}"} if span.parent_id else {}),
            "name": span.name,
            "timestamp": span.start_ns // 1000,
            "duration": max(1, (span.end_ns or 0) // 1000 - span.start_ns // 1000),
            **({} if span.kind == "internal" else {"kind": span.kind.upper()}),
            "localEndpoint": {"serviceName": span.resource.get("service.name")},
            "annotations": [
                {"timestamp": e.time_ns // 1000, "value": json.dumps({e.name: dict(e.attributes)})}
                for e in span.events
            ],
            "tags": {
                **{key: str(value) for key, value in span.attributes.items()},
                "otel.scope.name": span.scope,
                **({} if span.status == "unset" else {"otel.status_code": span.status.upper()}),
                **({"error": span.status_message or "true"} if span.status == "error" else {}),
            },
        }
        for span in spans
    ]


def by_trace(spans: Iterable[Span]) -> list[list[Span]]:
    traces: dict[int, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return list(traces.values())


def shuffled(spans: Iterable[Span]) -> list[Span]:
    return random.Random(7).sample(list(spans), len(list(spans)))


TEMPO = 'in {"trace"}, as Tempo: ids in base64, enums by name'
FORMATS: dict[str, _Bytes] = {
    "one document": lambda s: dumped(to_otlp(s)),
    "a document with indents": lambda s: dumped(to_otlp(s), indent=2),
    "lines": lambda s: lines(one_by_one(s)),
    "lines, shuffled": lambda s: lines(one_by_one(shuffled(s))),
    "lines, the last without an end": lambda s: lines(one_by_one(s)).rstrip(),
    "lines of Windows": lambda s: lines(one_by_one(s)).replace(b"\n", b"\r\n"),
    "lines, each twice": lambda s: lines(one_by_one([*s, *s])),
    "one after the other": lambda s: b"".join(map(dumped, one_by_one(s))),
    "with indents, one after the other": lambda s: b"\n".join(
        dumped(each, indent=2) for each in one_by_one(s)
    ),
    "a list of documents, one a line": lambda s: (
        b"[\n" + b",\n".join(map(dumped, one_by_one(s))) + b"\n]\n"
    ),
    "spans of a resource a line": lambda s: lines(
        each["resourceSpans"][0] for each in one_by_one(s)
    ),
    "in the lines of a log": lambda s: b"".join(
        b"INFO: exporting\n2026-01-01 io.opentelemetry INFO: " + dumped(each) + b"\n"
        for each in one_by_one(s)
    ),
    "JSON text sequences (RFC 7464)": lambda s: b"".join(
        b"\x1e" + dumped(each) + b"\n" for each in one_by_one(s)
    ),
    'in {"result"}': lambda s: dumped({"result": to_otlp(s)}),
    'in {"batches"}': lambda s: dumped({"batches": to_otlp(s)["resourceSpans"]}),
    TEMPO: lambda s: dumped({"trace": renamed(to_otlp(s), as_tempo)}),
    "ids in base64 without padding": lambda s: dumped(renamed(to_otlp(s), without_padding)),
    "fields in snake case": lambda s: dumped(renamed(to_otlp(s), snake_case)),
    "UTF-8 with a byte order mark": lambda s: b"\xef\xbb\xbf" + lines(one_by_one(s)),
    "UTF-16": lambda s: lines(one_by_one(s)).decode().encode("utf-16"),
    "protobuf": message,
    "protobuf, shuffled": lambda s: message(shuffled(s)),
    "protobuf, messages one after the other": lambda s: b"".join(message([each]) for each in s),
    "protobuf, lengths in four bytes": lambda s: with_lengths(message([each]) for each in s),
    "protobuf, lengths as varints": lambda s: with_varints(message([each]) for each in s),
    "gzip of lines": lambda s: gzip.compress(lines(one_by_one(s))),
    "gzip of lines, a member a line": lambda s: b"".join(
        gzip.compress(lines([each])) for each in one_by_one(s)
    ),
    "gzip of protobuf": lambda s: gzip.compress(message(s)),
    "zstd of lines": lambda s: zstd(lines(one_by_one(s))),
    "zstd of lines, a frame a line": lambda s: b"".join(
        zstd(lines([each])) for each in one_by_one(s)
    ),
    "zstd of protobuf, lengths in four bytes": lambda s: zstd(
        with_lengths(message([x]) for x in s)
    ),
    "lengths in four bytes, each message in zstd": lambda s: with_lengths(
        zstd(message([each])) for each in s
    ),
    "lengths in four bytes, each JSON document in zstd": lambda s: with_lengths(
        zstd(dumped(x)) for x in one_by_one(s)
    ),
    "Jaeger": lambda s: dumped({"data": [jaeger_trace(each) for each in by_trace(s)]}),
    "Jaeger, a trace a line": lambda s: lines(jaeger_trace(each) for each in by_trace(s)),
    "Zipkin": lambda s: dumped(zipkin_spans(s)),
    "Zipkin, a list a trace": lambda s: dumped([zipkin_spans(each) for each in by_trace(s)]),
    "Zipkin, a span a line": lambda s: lines(zipkin_spans(s)),
}
