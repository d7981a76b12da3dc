"""SDK span -> Span, SDK log record -> Log. Total: whatever the SDK accepted, this accepts.

The SDK looks at few of the values that it is given, so each field may be anything.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otel_allure.model.clock import now_ns
from otel_allure.model.sound import (
    KINDS,
    STATUSES,
    sound_attributes,
    sound_log,
    sound_span,
    sound_value,
)
from otel_allure.model.spans import NOTHING, Event, Link, Log, Span
from otel_allure.model.texts import text_of
from otel_allure.presentation.values import as_text

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from otel_allure.compat.opentelemetry_logs import ReadableLogRecord, ReadWriteLogRecord

AGREED = (0, 0)


def from_sdk(span: ReadableSpan, offsets_ns: tuple[int, int] = AGREED) -> Span:
    """Return `span` as plain data; one that has not ended has no end.

    Args:
        span: is left as it is.
        offsets_ns: how far our clock was ahead of the SDK's when the span started and ended, in ns.
    """
    try:
        record = _record(span)
    except Exception:
        record = _odd_record(span)
    record = sound_span(record)
    return record if offsets_ns == AGREED else _by_our_clock(record, *offsets_ns)


def _record(span: ReadableSpan) -> Span:
    context, parent, status = span.context, span.parent, span.status
    scope, kind = span.instrumentation_scope, span.kind
    assert context is not None  # the SDK always gives one; its annotation is wider
    return Span(
        context.trace_id,
        context.span_id,
        None if parent is None else parent.span_id,
        parent is not None and parent.is_remote,
        span.name,
        KINDS[kind.value] if kind is not None else KINDS[0],
        span.start_time or 0,
        span.end_time,
        STATUSES[status.status_code.value],
        status.description or "",
        span.attributes or {},
        tuple(Event(e.name, e.timestamp, e.attributes or {}) for e in span.events),
        tuple(map(_link, span.links)),
        "" if scope is None else scope.name,
        span.resource.attributes,
    )


def _odd_record(span: ReadableSpan) -> Span:
    """Return what can be had of a span, field by field."""

    def have(get: Callable[[Any], Any], default: Any = None) -> Any:
        try:
            return get(span)
        except Exception:
            return default

    return Span(
        have(lambda s: s.context.trace_id, 0),
        have(lambda s: s.context.span_id, 0),
        have(lambda s: s.parent.span_id),
        have(lambda s: s.parent.is_remote, False),
        have(lambda s: s.name, ""),
        have(lambda s: KINDS[s.kind.value], ""),
        have(lambda s: s.start_time, 0),
        have(lambda s: s.end_time),
        have(lambda s: STATUSES[s.status.status_code.value], ""),
        have(lambda s: s.status.description, ""),
        have(lambda s: s.attributes, NOTHING),
        have(lambda s: _each(_odd_event, s.events), ()),
        have(lambda s: _each(_link, s.links), ()),
        have(lambda s: s.instrumentation_scope.name, ""),
        have(lambda s: s.resource.attributes, NOTHING),
    )


def _each(plain: Callable[[Any], Any], entries: Any) -> list[Any]:
    """Return those of `entries` of which something can be had."""
    found = []
    for entry in entries:
        with suppress(Exception):
            found.append(plain(entry))
    return found


def _odd_event(event: Any) -> Event:
    name, time_ns = getattr(event, "name", event), getattr(event, "timestamp", None)
    return Event(name, time_ns, getattr(event, "attributes", None) or {})  # type: ignore[arg-type]


def _link(link: Any) -> Link:
    return Link(link.context.trace_id, link.context.span_id, link.attributes or {})


def log_from_sdk(record: ReadableLogRecord | ReadWriteLogRecord) -> Log:
    """Return a log record as plain data."""
    log, scope = record.log_record, record.instrumentation_scope
    number: Any = log.severity_number
    level = log.severity_text or (getattr(number, "name", number) if number else "")
    texts = [log.event_name or "", "" if log.body is None else as_text(sound_value(log.body))]
    return sound_log(
        Log(
            log.trace_id or 0,
            log.span_id or 0,
            log.timestamp or log.observed_timestamp or 0,
            level,
            "" if scope is None else scope.name,
            " ".join(map(text_of, filter(None, texts))),
            sound_attributes(log.attributes),
        )
    )


def _by_our_clock(span: Span, at_start: int, at_end: int) -> Span:
    """Return `span` with our clock's times, where the SDK's was faked or was set.

    Who started it may have given a time of the real clock all the same: of the two possible ones,
    the right one is the one nearer to now.
    """
    now = now_ns()

    def ours(time_ns: int, *offsets_ns: int) -> int:
        return min(
            (time_ns, *(time_ns + offset for offset in offsets_ns)), key=lambda t: abs(now - t)
        )

    start = ours(span.start_ns, at_start)
    end = None if span.end_ns is None else max(start, ours(span.end_ns, at_end))
    last = now if end is None else end
    events = [
        event._replace(time_ns=min(max(start, ours(event.time_ns, at_start, at_end)), last))
        for event in span.events
    ]
    return span._replace(start_ns=start, end_ns=end, events=events)
