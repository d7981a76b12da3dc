"""Spans -> OTLP/JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

from otel_allure.formats.otlp_schema import (
    INT64,
    KIND_NUMBERS,
    MAX_NESTING,
    PARENT_IS_KNOWN,
    PARENT_IS_REMOTE,
    STATUS_NUMBERS,
    TOO_DEEP,
)
from otel_allure.model.spans import Attributes, Span


def to_otlp(spans: Iterable[Span]) -> dict[str, Any]:
    """Return one `ExportTraceServiceRequest` of all spans, for `json.dumps`.

    Resources, their scopes and the spans of these are in order of their first span. A number that
    JSON or 64 bits cannot say is a string, and so is what OTLP has no type for.
    """
    groups: dict[str, dict[str, Any]] = {}
    scopes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    resources = _Resources()
    for span in spans:
        key, attributes = resources.of(span)
        group = groups.setdefault(key, {"resource": {"attributes": attributes}, "scopeSpans": []})
        if (key, span.scope) not in scopes:
            records: list[dict[str, Any]] = []
            scopes[key, span.scope] = records
            group["scopeSpans"].append({"scope": {"name": span.scope}, "spans": records})
        scopes[key, span.scope].append(_span_record(span))
    return {"resourceSpans": list(groups.values())}


class _Resources:
    """Encodes each resource once: spans of a process share one object."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Attributes, str, list[dict[str, Any]]]] = {}

    def of(self, span: Span) -> tuple[str, list[dict[str, Any]]]:
        """Return what tells the resource of `span` from others, and its attributes."""
        known = self._known.get(id(span.resource))
        if known is None:
            encoded = _key_values(span.resource)
            # The resource is kept too: while it lives, no other has its id.
            known = self._known[id(span.resource)] = span.resource, repr(encoded), encoded
        return known[1], known[2]


def _span_record(span: Span) -> dict[str, Any]:
    record: dict[str, Any] = {
        "traceId": f"{span.trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "flags": PARENT_IS_KNOWN | (PARENT_IS_REMOTE if span.parent_is_remote else 0),
        "name": span.name,
        "kind": KIND_NUMBERS.get(span.kind, 0),
        "startTimeUnixNano": str(span.start_ns),
        "attributes": _key_values(span.attributes),
        "events": [
            {
                "timeUnixNano": str(event.time_ns),
                "name": event.name,
                "attributes": _key_values(event.attributes),
            }
            for event in span.events
        ],
        "links": [
            {
                "traceId": f"{link.trace_id:032x}",
                "spanId": f"{link.span_id:016x}",
                "attributes": _key_values(link.attributes),
            }
            for link in span.links
        ],
        "status": {"code": STATUS_NUMBERS.get(span.status, 0)},
    }
    if span.parent_id is not None:
        record["parentSpanId"] = f"{span.parent_id:016x}"
    if span.end_ns is not None:
        record["endTimeUnixNano"] = str(span.end_ns)
    if span.status_message:
        record["status"]["message"] = span.status_message
    return record


def _key_values(attributes: Mapping[str, Any], levels: int = MAX_NESTING) -> list[dict[str, Any]]:
    return [
        {"key": str(key), "value": _any_value(value, levels)} for key, value in attributes.items()
    ]


def _any_value(value: Any, levels: int = MAX_NESTING) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        digits = str(int(value))
        return {"intValue": digits} if int(value) in INT64 else {"stringValue": digits}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(float(value))]}
    if value is None:
        return {}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple, Mapping)) and levels == 0:
        return {"stringValue": TOO_DEEP}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _key_values(value, levels - 1)}}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_any_value(entry, levels - 1) for entry in value]}}
    return {"stringValue": str(value)}


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
