"""Names and limits of OTLP/JSON."""

from __future__ import annotations

MAX_NESTING = 32
"""Levels of arrays and maps in an attribute's value. What is deeper is replaced by `TOO_DEEP`."""

TOO_DEEP = "(nested too deeply)"

KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
KIND_NAMES = ("unspecified", *KINDS[1:])
KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
STATUS_NUMBERS = {status: number for number, status in enumerate(STATUSES)}

PARENT_IS_KNOWN = 0x100  # the next bit says something
PARENT_IS_REMOTE = 0x200

INT64 = range(-(1 << 63), 1 << 63)
UINT64 = range(1 << 64)

OTHER_NAMES = {
    "resourceSpans": ("resource_spans", "batches"),
    "scopeSpans": (
        "scope_spans",
        "instrumentationLibrarySpans",
        "instrumentation_library_spans",
    ),
    "scope": ("instrumentationLibrary", "instrumentation_library"),
    "traceId": ("trace_id",),
    "spanId": ("span_id",),
    "parentSpanId": ("parent_span_id",),
    "startTimeUnixNano": ("start_time_unix_nano",),
    "endTimeUnixNano": ("end_time_unix_nano",),
    "timeUnixNano": ("time_unix_nano",),
    "stringValue": ("string_value",),
    "boolValue": ("bool_value",),
    "intValue": ("int_value",),
    "doubleValue": ("double_value",),
    "arrayValue": ("array_value",),
    "kvlistValue": ("kvlist_value",),
    "bytesValue": ("bytes_value",),
}
