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

_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def severity_name(number: int) -> str:
    """Return the name of a severity, `INFO2` for 10; empty for 0 and for what is none."""
    if number not in range(1, 25):
        return ""
    name, more = _SEVERITIES[(number - 1) // 4], (number - 1) % 4 + 1
    return name if more == 1 else f"{name}{more}"


INT64 = range(-(1 << 63), 1 << 63)
UINT64 = range(1 << 64)

OTHER_NAMES = {
    "resourceSpans": ("resource_spans", "batches"),
    "scopeSpans": (
        "scope_spans",
        "instrumentationLibrarySpans",
        "instrumentation_library_spans",
    ),
    "resourceLogs": ("resource_logs",),
    "scopeLogs": (
        "scope_logs",
        "instrumentationLibraryLogs",
        "instrumentation_library_logs",
    ),
    "logRecords": ("log_records", "logs"),
    "resourceMetrics": ("resource_metrics",),
    "scopeMetrics": (
        "scope_metrics",
        "instrumentationLibraryMetrics",
        "instrumentation_library_metrics",
    ),
    "observedTimeUnixNano": ("observed_time_unix_nano",),
    "severityText": ("severity_text",),
    "severityNumber": ("severity_number",),
    "eventName": ("event_name",),
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
