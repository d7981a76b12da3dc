"""Jaeger's own JSON -> Span: what its user interface lets people download, and its query API says.

A trace is `{"traceID": …, "spans": […], "processes": {…}}`. Times are microseconds. What
OpenTelemetry knows and Jaeger does not is in tags, `otel.status_code` for instance: see
"OpenTelemetry to Jaeger Transformation" in OpenTelemetry's specification.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from otel_allure.formats.json_fields import MalformedError, id_at, nanoseconds
from otel_allure.formats.otlp_reader import OnProblem
from otel_allure.model.sound import KINDS, STATUSES, sound_span
from otel_allure.model.spans import Attributes, Event, Link, Span

_Record = Mapping[str, Any]


def is_jaeger_trace(document: object) -> bool:
    """Whether an object is a trace of Jaeger's."""
    if not isinstance(document, Mapping) or not isinstance(document.get("spans"), list):
        return False
    spans = document["spans"]
    return "traceID" in document or any(isinstance(s, Mapping) and "traceID" in s for s in spans)


def from_jaeger(trace: _Record, on_problem: OnProblem) -> Iterator[Span]:
    """Yield the spans of a trace. One without its ids or its start is left out, and told."""
    processes = trace.get("processes")
    known = processes if isinstance(processes, Mapping) else {}
    resources = {name: _resource(process) for name, process in known.items()}
    for record in trace["spans"]:
        try:
            if not isinstance(record, Mapping):
                raise MalformedError(f"of type {type(record).__name__}, not an object")
            yield _span(record, resources)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            on_problem("reading a span from Jaeger's JSON", error)


def _span(record: _Record, resources: Mapping[str, Attributes]) -> Span:
    tags = _tags(record.get("tags"))
    trace_id, span_id = id_at(record, "traceID", 128), id_at(record, "spanID", 64)
    parent, links = _references(record, trace_id)
    kind = str(tags.pop("span.kind", "internal")).lower()
    start_ns = nanoseconds(record.get("startTime"))
    process = record.get("process")
    resource = resources.get(str(record.get("processID")), {})
    if isinstance(process, Mapping):
        resource = _resource(process)
    status = str(tags.pop("otel.status_code", "")).lower()
    if status not in STATUSES:
        status = "error" if tags.get("error") in (True, "true") else "unset"
    if status == "error":
        tags.pop("error", None)
    for name in _NOT_SHOWN:
        tags.pop(name, None)
    message = str(tags.pop("otel.status_description", ""))
    scopes = [str(tags.pop(name)) for name in _SCOPES if name in tags]
    kind = kind if kind in KINDS else "internal"
    return sound_span(
        Span(
            trace_id,
            span_id,
            parent,
            parent is not None and kind in ("server", "consumer"),
            str(record.get("operationName", "")),
            kind,
            start_ns,
            start_ns + nanoseconds(record.get("duration", 0)),
            status,
            message,
            tags,
            tuple(_event(log, start_ns) for log in _objects(record.get("logs"))),
            tuple(links),
            next(iter(scopes), ""),
            resource,
        )
    )


_SCOPES = ("otel.scope.name", "otel.library.name")
_NOT_SHOWN = (
    "internal.span.format",
    "otel.scope.version",
    "otel.library.version",
    "w3c.tracestate",
)


def _references(record: _Record, trace_id: int) -> tuple[int | None, list[Link]]:
    """Return the id of a span's parent, and what else it refers to."""
    parent: int | None = None
    others: list[Link] = []
    references = sorted(
        _objects(record.get("references")), key=lambda each: each.get("refType") != "CHILD_OF"
    )
    for reference in references:
        link = Link(id_at(reference, "traceID", 128), id_at(reference, "spanID", 64))
        if parent is None and link.trace_id == trace_id:
            parent = link.span_id
        else:
            others.append(link)
    if parent is None and record.get("parentSpanID"):  # before there were references
        parent = id_at(record, "parentSpanID", 64)
    return parent, others


def _event(log: _Record, default_ns: int) -> Event:
    fields = _tags(log.get("fields"))
    time_ns = nanoseconds(log["timestamp"]) if "timestamp" in log else default_ns
    name = str(fields.pop("event", None) or fields.pop("message", ""))
    if name == "error":  # as OpenTracing has it
        name = "exception"
        for ours, theirs in _EXCEPTION.items():
            value = next((fields.pop(each) for each in theirs if each in fields), None)
            if value is not None:
                fields.setdefault(ours, value)
    return Event(name, time_ns, fields)


_EXCEPTION = {
    "exception.type": ("error.kind",),
    "exception.message": ("message", "error.object"),
    "exception.stacktrace": ("stack",),
}


def _resource(process: object) -> Attributes:
    if not isinstance(process, Mapping):
        return {}
    tags = _tags(process.get("tags"))
    name = process.get("serviceName")
    return {**tags, "service.name": str(name)} if name else tags


def _tags(tags: object) -> dict[str, Any]:
    """Return tags by name: they are a list, or a map where Elasticsearch kept them."""
    if isinstance(tags, Mapping):
        return {str(key): value for key, value in tags.items()}
    return {str(tag.get("key")): _value(tag) for tag in _objects(tags)}


def _value(tag: _Record) -> Any:
    value, kind = tag.get("value"), tag.get("type")
    try:
        if isinstance(value, str) and kind in _TYPES:
            return _TYPES[kind](value)
    except (ValueError, binascii.Error):
        return value
    if kind == "string" and isinstance(value, str) and value[:1] == "[":
        return _array(value)
    return value


def _array(text: str) -> Any:
    """Return a list that is written as JSON, as OpenTelemetry's are; else the text itself."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return tuple(values) if isinstance(values, list) else text


_TYPES: dict[Any, Any] = {
    "int64": int,
    "float64": float,
    "bool": lambda text: text == "true",
    "binary": lambda text: base64.b64decode(text, validate=True),
}


def _objects(entries: object) -> list[_Record]:
    return [e for e in entries if isinstance(e, Mapping)] if isinstance(entries, list) else []
