"""SDK span -> Span. Total: whatever the SDK accepted, this accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_allure.spans import Event, Link, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

# Keyed by the enum's value: hashing an enum member runs Python code, and this is once a span.
_KINDS = ("internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


def from_sdk(span: ReadableSpan) -> Span:
    """Return `span` as plain data; one that has not ended has no end."""
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
