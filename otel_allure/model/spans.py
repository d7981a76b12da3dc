"""Finished spans and log records as plain data: all that the translation to Allure knows.

In-process spans and spans read from OTLP become the same records, so they give the same results.
Times are integer nanoseconds since the epoch, as in OTLP. Nothing here imports OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from otel_allure.model import conventions as c

Attributes = Mapping[str, Any]
"""Attribute values are strings, numbers, booleans, None, bytes, or sequences and maps of them."""


NOTHING: Attributes = MappingProxyType({})


class Event(NamedTuple):
    """A moment in a span, an exception for instance."""

    name: str
    time_ns: int
    attributes: Attributes = NOTHING


class Link(NamedTuple):
    """A reference to a span that is not the parent, usually in another trace."""

    trace_id: int
    span_id: int
    attributes: Attributes = NOTHING


class Span(NamedTuple):
    """A span.

    A named tuple, not a frozen dataclass: one is made for every step, and this costs less than
    half as much.

    Attributes:
        trace_id: 128 bits.
        span_id: 64 bits.
        parent_id: span id of the parent, None for the root of its trace.
        parent_is_remote: whether the parent was in another process.
        kind: `internal`, `server`, `client`, `producer` or `consumer`.
        end_ns: None while the span has not ended: it is shown as unfinished.
        status: `unset`, `ok` or `error`.
        scope: name of the instrumentation scope.
        resource: what is known about the process, `service.name` for instance.
    """

    trace_id: int
    span_id: int
    parent_id: int | None
    parent_is_remote: bool
    name: str
    kind: str
    start_ns: int
    end_ns: int | None
    status: str = "unset"
    status_message: str = ""
    attributes: Attributes = NOTHING
    events: Sequence[Event] = ()
    links: Sequence[Link] = ()
    scope: str = ""
    resource: Attributes = NOTHING


class Log(NamedTuple):
    """A log record, and the span in which it was emitted.

    Attributes:
        trace_id: 0 if there was no span.
        span_id: 0 if there was no span.
        level: as its author names it, `WARNING` for example.
        logger: name of the logger, or of the instrumentation scope.
        text: the message, or the whole line: see `form`.
        attributes: what else is known; `exception.type`, `exception.message` and
            `exception.stacktrace` mean what they mean on an event.
        form: what `text` is: a `message`, a `line` that says everything but the time, or a
            `complete` line.
    """

    trace_id: int
    span_id: int
    time_ns: int
    level: str
    logger: str
    text: str
    attributes: Attributes = NOTHING
    form: str = "message"


Record = Span | Log
"""What a report is made of."""


def service_of(span: Span) -> str:
    """Return the name of the span's service; empty where nobody has given it one."""
    name = span.resource.get("service.name")
    return "" if name is None or str(name).startswith("unknown_service") else str(name)


def process_of(span: Span) -> tuple[object, ...]:
    """Return what tells the process that made a span from others."""
    names = ("service.name", "service.instance.id", "host.name", "process.pid")
    return tuple(span.resource.get(name) for name in names)


def span_key(span: Span) -> tuple[int, int]:
    """Return what identifies a span everywhere: its trace id and its span id."""
    return span.trace_id, span.span_id


def is_test(span: Span) -> bool:
    """Whether the span is a test: ours, or marked as one by another producer."""
    attributes = span.attributes
    kind = attributes.get(c.KIND)
    if kind is not None:
        return bool(kind == c.TEST)
    return c.TEST_CASE_NAME in attributes or attributes.get(c.PYTEST_SPAN_TYPE) == "test"


def kind_of(span: Span) -> str | None:
    """Return what the span is to Allure, None for one from instrumentation."""
    return span.attributes.get(c.KIND)


def is_session(span: Span) -> bool:
    """Whether the span is a run of tests or a phase, of which nothing is shown by itself."""
    return kind_of(span) in (c.SESSION, c.PHASE)


def is_container(span: Span) -> bool:
    """Whether the span is the life of a fixture with a trace of its own."""
    return kind_of(span) == c.CONTAINER
