"""What a document or a message is, by its content: spans, log records and metrics of any format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from otel_allure.formats.jaeger import from_jaeger, is_jaeger_trace
from otel_allure.formats.otlp_protobuf import (
    count_metrics_in_protobuf,
    logs_from_protobuf,
    signal_of,
    spans_from_protobuf,
)
from otel_allure.formats.otlp_reader import OnProblem, count_metrics, from_otlp, logs_from_otlp
from otel_allure.formats.otlp_schema import OTHER_NAMES
from otel_allure.formats.zipkin import from_zipkin, is_zipkin_span
from otel_allure.model.spans import Record


class Content(NamedTuple):
    """What is in a document.

    Attributes:
        format: what it is, for people.
        records: its spans and log records. They can be asked for once.
        metrics: how many there are; they are not shown.
    """

    format: str
    records: Iterable[Record]
    metrics: int = 0


_WRAPPERS = ("result", "trace", "data", "traces")
"""What Jaeger's and Tempo's APIs put around a trace."""
_DEEPEST = 6
_SIGNALS = ("Spans", "Logs", "Metrics")


def content_of(document: object, on_problem: OnProblem, levels: int = _DEEPEST) -> Content | None:
    """Return what is in a document, as `json.loads` returns it; None if it is nothing known.

    Args:
        document: nothing of it is trusted.
        on_problem: told about each part of it that makes no sense, while `records` are taken.
        levels: how deep in wrappers and lists it is looked for.
    """
    if levels == 0:
        return None
    if isinstance(document, list):
        return _of_list(document, on_problem, levels)
    if not isinstance(document, Mapping):
        return None
    if is_jaeger_trace(document):
        return Content("Jaeger's JSON", from_jaeger(document, on_problem))
    if any(
        _has(document, f"{level}{signal}") for level in ("resource", "scope") for signal in _SIGNALS
    ):
        return _of_otlp(document, on_problem)
    if is_zipkin_span(document):
        return Content("Zipkin's JSON", from_zipkin([document], on_problem))
    for name in _WRAPPERS:
        if isinstance(document.get(name), (list, Mapping)):
            return content_of(document[name], on_problem, levels - 1)
    return None


def content_of_message(data: bytes, on_problem: OnProblem) -> Content:
    """Return what is in a protobuf message of OTLP.

    Raises:
        MalformedMessageError: if it is none.
        MissingProtobufError: without the package `opentelemetry-proto`.
    """
    signal = signal_of(data)
    if signal == "traces":
        return Content(_PROTOBUF, spans_from_protobuf(data, on_problem))
    if signal == "logs":
        return Content(_PROTOBUF, logs_from_protobuf(data, on_problem))
    return Content(_PROTOBUF, (), count_metrics_in_protobuf(data))


_PROTOBUF = "OTLP/protobuf"


def _of_otlp(document: Mapping[str, Any], on_problem: OnProblem) -> Content:
    records: list[Iterator[Record]] = []
    if any(_has(document, name) for name in ("resourceSpans", "scopeSpans")):
        records.append(from_otlp(document, on_problem))
    if any(_has(document, name) for name in ("resourceLogs", "scopeLogs")):
        records.append(logs_from_otlp(document, on_problem))
    return Content("OTLP/JSON", chain.from_iterable(records), count_metrics(document))


def _has(document: Mapping[str, Any], name: str) -> bool:
    return any(isinstance(document.get(each), list) for each in (name, *OTHER_NAMES.get(name, ())))


def _of_list(entries: list[Any], on_problem: OnProblem, levels: int) -> Content | None:
    if any(map(is_zipkin_span, entries)):
        return Content("Zipkin's JSON", from_zipkin(entries, on_problem))
    found = [content_of(entry, on_problem, levels - 1) for entry in entries]
    known = [content for content in found if content is not None]
    if not known:
        return None
    if len(known) < len(found):
        missing = len(found) - len(known)
        on_problem("reading a list", f"{missing} of {len(found)} entries are no traces")
    records = chain.from_iterable(content.records for content in known)
    return Content(known[0].format, records, sum(content.metrics for content in known))


# -- what else it may be


_TEXTS = (
    ("<!doctype html", "an HTML page"),
    ("<html", "an HTML page"),
    ("<?xml", "XML"),
    ("-----begin", "a key or a certificate"),
)
_BYTES = (
    (b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (b"ustar", "a tar archive: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"\x04\x22\x4d\x18", "compressed with lz4: unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
)
_KEYS = (
    ({"traceEvents"}, "a trace for Chrome's viewer"),
    ({"uuid", "historyId"}, "an Allure result"),
    ({"uuid", "children"}, "an Allure container"),
    ({"binaryAnnotations"}, "Zipkin's JSON, version 1"),
    ({"context", "parent_id", "resource"}, "what OpenTelemetry's console exporter prints"),
    ({"kind", "data", "$schema"}, "JSON of something else"),
    ({"data", "errors"}, "an answer of Jaeger's API that has no trace"),
    ({"id", "trace_id", "duration", "segments"}, "AWS X-Ray's JSON"),
)


def what_document_is(document: object) -> str:
    """Say what a document is that is nothing known, for people."""
    if isinstance(document, list):
        return f"a list of {what_document_is(document[0])}" if document else "an empty list"
    if not isinstance(document, Mapping):
        return f"JSON, of type {type(document).__name__}"
    if not document:
        return "an empty object"
    for keys, what in _KEYS:
        if keys <= document.keys():
            return what
    shown = ", ".join(repr(str(key)[:40]) for key in list(document)[:5])
    return f"JSON without spans, with {shown}"


def what_bytes_are(head: bytes) -> str:
    """Say what the beginning of a file is that is nothing known, for people."""
    if not head:
        return "empty"
    for magic, what in _BYTES:
        if head.startswith(magic) or (magic == b"ustar" and head[257:262] == magic):
            return what
    text = head.lstrip().lower().decode("latin-1")
    for start, what in _TEXTS:
        if text.startswith(start):
            return what
    if b"\0" in head:
        return f"binary, it begins with {head[:8].hex(' ')}"
    return "text, not JSON"
