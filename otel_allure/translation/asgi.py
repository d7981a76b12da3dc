"""Single events of ASGI, `http send` and `http receive`: noise below the request. Pure.

Each request has two spans or more for them, of which nothing can be learnt but that they failed.
So they are no steps, and their error is the request's.
"""

from __future__ import annotations

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span

_EVENT = "asgi.event.type"
_NAMES = (" http send", " http receive")


def is_event(span: Span) -> bool:
    """Whether the span is about one event of ASGI; those of WebSockets are messages, and stay."""
    attributes = span.attributes
    return _EVENT in attributes and c.KIND not in attributes and span.name.endswith(_NAMES)


def without_events(by_id: dict[int, Span]) -> dict[int, Span]:
    """Return the spans without those of events; what was below an event is below its request."""
    events = {i: s for i, s in by_id.items() if is_event(s) and s.parent_id in by_id}
    if not events:
        return by_id

    def home(span_id: int | None) -> int | None:
        seen: set[int] = set()  # spans in a circle have no end
        while span_id in events and span_id not in seen:
            seen.add(span_id)
            span_id = events[span_id].parent_id
        return span_id

    kept = {
        span_id: span
        if span.parent_id not in events
        else span._replace(parent_id=home(span.parent_id))
        for span_id, span in by_id.items()
        if span_id not in events
    }
    for span_id, event in events.items():
        request = kept.get(home(span_id) or 0)
        if event.status == "error" and request is not None and _takes_over(request):
            kept[request.span_id] = request._replace(
                status="error",
                status_message=event.status_message,
                events=(*request.events, *event.events),
            )
    return kept


def _takes_over(request: Span) -> bool:
    """Whether a request has no error of its own, and is no step of the author's."""
    return request.status != "error" and c.KIND not in request.attributes
