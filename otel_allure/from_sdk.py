"""SDK span -> Span, SDK log record -> Log. Total: whatever the SDK accepted, this accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_allure.clock import now_ns
from otel_allure.presentation import as_text
from otel_allure.spans import Event, Link, Log, Span

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

# Keyed by the enum's value: hashing an enum member runs Python code, and this is once a span.
_KINDS = ("internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


AGREED = (0, 0)


def from_sdk(span: ReadableSpan, leads: tuple[int, int] = AGREED) -> Span:
    """Return `span` as plain data; one that has not ended has no end.

    Args:
        span: is left as it is.
        leads: how far our clock was ahead of the SDK's when the span started and ended, in ns.
    """
    record = _record(span)
    return record if leads == AGREED else _by_our_clock(record, *leads)


def _record(span: ReadableSpan) -> Span:
    context, parent, status = span.context, span.parent, span.status
    scope, kind = span.instrumentation_scope, span.kind
    assert context is not None  # the SDK always gives one; its annotation is wider
    return Span(
        context.trace_id,
        context.span_id,
        None if parent is None else parent.span_id,
        parent is not None and parent.is_remote,
        str(span.name),
        _KINDS[kind.value] if kind is not None else _KINDS[0],
        span.start_time or 0,
        span.end_time,
        _STATUSES[status.status_code.value],
        status.description or "",
        span.attributes or {},
        tuple(Event(e.name, e.timestamp, e.attributes or {}) for e in span.events),
        tuple(
            Link(link.context.trace_id, link.context.span_id, link.attributes or {})
            for link in span.links
        ),
        "" if scope is None else scope.name,
        span.resource.attributes,
    )


def log_from_sdk(record: ReadableLogRecord | ReadWriteLogRecord) -> Log:
    """Return a log record as plain data."""
    log, scope = record.log_record, record.instrumentation_scope
    level = log.severity_text or (log.severity_number.name if log.severity_number else "")
    texts = [log.event_name or "", "" if log.body is None else as_text(log.body)]
    return Log(
        log.trace_id or 0,
        log.span_id or 0,
        log.timestamp or log.observed_timestamp or 0,
        str(level),
        "" if scope is None else scope.name,
        " ".join(filter(None, texts)),
        dict(log.attributes or {}),
    )


def _by_our_clock(span: Span, at_start: int, at_end: int) -> Span:
    """Return `span` with our clock's times, where the SDK's was faked or was set.

    Who started it may have given a time of the real clock all the same: of the two possible ones,
    the right one is the one nearer to now.
    """
    now = now_ns()

    def ours(time_ns: int, *leads: int) -> int:
        return min((time_ns, *(time_ns + lead for lead in leads)), key=lambda t: abs(now - t))

    start = ours(span.start_ns, at_start)
    end = None if span.end_ns is None else max(start, ours(span.end_ns, at_end))
    last = now if end is None else end
    events = [
        event._replace(time_ns=min(max(start, ours(event.time_ns, at_start, at_end)), last))
        for event in span.events
    ]
    return span._replace(start_ns=start, end_ns=end, events=events)
