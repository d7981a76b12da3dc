"""Our own tracer: makes the spans of tests, phases, fixtures and steps within a test session.

An implementation of the OpenTelemetry API beside the SDK's, for two reasons. What makes a report
must not depend on samplers, limits or `OTEL_SDK_DISABLED`, which are about telemetry. And a span
of the SDK costs most of what a whole step may: ids, attributes and end of one of these are a few
plain assignments, and when it ends it becomes the record that the translation reads.
"""

from __future__ import annotations

import inspect
import random
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    get_tracer_provider,
)

from otel_allure.model import conventions as c
from otel_allure.model import spans
from otel_allure.model.clock import now_ns
from otel_allure.model.sound import sound_span
from otel_allure.model.texts import attempt, text_of
from otel_allure.recording import contexts
from otel_allure.recording.contexts import ISOLATED, SPAN
from otel_allure.recording.running_item import item_in

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class RecordingSpan(trace.Span):
    """A span that is always recorded. Everything that is set on it is kept."""

    __slots__ = (
        "_context",
        "_events",
        "_links",
        "_state",
        "_status",
        "_tracer",
        "attributes",
        "end_ns",
        "home",
        "is_isolated",
        "kind",
        "name",
        "owner",
        "parent_id",
        "parent_is_remote",
        "span_id",
        "start_ns",
        "trace_id",
    )

    def __init__(
        self, tracer: RecordingTracer, name: str, parent: trace.Span | None, start_ns: int
    ) -> None:
        self.name = name
        self.start_ns = start_ns
        self.end_ns: int | None = None
        self.span_id = tracer.new_id()
        self.attributes: dict[str, Any] = {}
        self._events: list[spans.Event] | None = None
        self._links: list[Link] | None = None
        self.kind = SpanKind.INTERNAL
        self._status: Status | None = None
        self.owner: Any = None
        """The item whose span it is; it knows what else belongs on a span that has not ended."""
        self._tracer = tracer
        self._context: SpanContext | None = None
        self._state: TraceState | None = None
        self.parent_is_remote = False
        self.parent_id: int | None = None
        self.trace_id: int
        self.home: int
        """The trace that the report shows it in, see `adoption`."""
        self.is_isolated = False
        """Whether nobody but the report is to hear of it."""
        if type(parent) is RecordingSpan:
            self.trace_id, self.parent_id = parent.trace_id, parent.span_id
            self.home, self._state = parent.home, parent._state
            return
        context = None if parent is None else parent.get_span_context()
        if context is not None and context.is_valid:
            self.trace_id, self.parent_id = context.trace_id, context.span_id
            self.parent_is_remote, self._state = context.is_remote, context.trace_state
            self.home = tracer.home(self.trace_id, self.parent_id)
        else:
            self.trace_id = self.home = _new_trace_id(tracer.new_id())

    def get_span_context(self) -> SpanContext:
        """Return the ids, as others need them; made when they do."""
        if self._context is None:
            self._context = SpanContext(self.trace_id, self.span_id, False, SAMPLED, self._state)
        return self._context

    @property
    def context(self) -> SpanContext:
        """The ids, under the name that span processors know."""
        return self.get_span_context()

    def __getattr__(self, name: str) -> Any:
        """Answer what a span of the SDK answers: `parent`, `start_time`, `resource` and the rest.

        Processors ask for it, and whoever asks for the current span.
        """
        from opentelemetry.sdk.trace import ReadableSpan

        if name.startswith("_") or not hasattr(ReadableSpan, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.readable(), name)

    def readable(self, resource: Resource | None = None) -> ReadableSpan:
        """Return it as the SDK has it, as far as it is known by now.

        Args:
            resource: default: that of the provider that our spans are shared with.
        """
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        tracer = self._tracer
        tracer.resource = tracer.resource or Resource.create()
        parent = None
        if self.parent_id is not None:
            ids = (self.trace_id, self.parent_id)
            parent = SpanContext(*ids, self.parent_is_remote, SAMPLED, self._state)
        return ReadableSpan(
            name=self.name,
            context=self.get_span_context(),
            parent=parent,
            resource=resource or tracer.resource,
            attributes=self.attributes,
            events=[Event(e.name, e.attributes, e.time_ns) for e in self._events or ()],
            links=tuple(self._links or ()),
            kind=self.kind,
            status=self._status or Status(),
            start_time=self.start_ns,
            end_time=self.end_ns,
            instrumentation_scope=InstrumentationScope(c.SCOPE_NAME),
        )

    def is_recording(self) -> bool:
        """Whether it has not ended."""
        return self.end_ns is None

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes; after the end, nothing happens."""
        if self.end_ns is None:
            its = attributes if type(attributes) is dict else _pairs(attributes)
            self.attributes.update(its)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute; after the end, nothing happens."""
        if self.end_ns is None:
            self.attributes[key] = value

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Add an event at `timestamp`, in ns, by default now."""
        if self.end_ns is None:
            time_ns = now_ns() if timestamp is None else timestamp
            if self._events is None:
                self._events = []
            self._events.append(spans.Event(name, time_ns, _pairs(attributes)))

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """Link to another span."""
        if self.end_ns is None:
            if self._links is None:
                self._links = []
            self._links.append(Link(context, _pairs(attributes)))

    def update_name(self, name: str) -> None:
        """Rename it."""
        if self.end_ns is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status."""
        if self.end_ns is None:
            is_code = type(status) is StatusCode
            self._status = Status(status, description) if is_code else status  # type: ignore[arg-type, assignment]

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an exception as an event, with the attributes of the semantic conventions."""
        kind = type(exception)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        described = {
            "exception.type": f"{module}{kind.__qualname__}",
            "exception.message": text_of(exception),
            "exception.stacktrace": attempt(_formatted, exception, "traceback"),
            **_pairs(attributes),
        }
        self.add_event("exception", described, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End it, at `end_time` in ns, by default now. A second call does nothing."""
        if self.end_ns is None:
            self.end_ns = end_time if type(end_time) is int and end_time > 0 else now_ns()
            self._tracer.ended(self)

    def record(self) -> spans.Span:
        """Return it as plain data, whatever it was told."""
        kind = "internal" if self.kind is SpanKind.INTERNAL else _lower_name(self.kind)
        status, code = self._status, "unset"
        description: Any = ""
        if status is not None:
            code = _lower_name(_asked(status, "status_code"))
            description = _asked(status, "description")
        return sound_span(
            spans.Span(
                self.home,
                self.span_id,
                self.parent_id,
                self.parent_is_remote and self.home == self.trace_id,
                self.name,
                kind,
                self.start_ns,
                self.end_ns,
                code,
                description,
                self.attributes,
                tuple(self._events) if self._events else (),
                self._linked() if self._links else (),
                c.SCOPE_NAME,
            )
        )

    def _linked(self) -> list[spans.Link]:
        linked = []
        for link in self._links or ():
            with suppress(Exception):  # what is no link cannot be shown as one
                context = link.context
                linked.append(spans.Link(context.trace_id, context.span_id, link.attributes or {}))
        return linked


def _asked(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # what is no status, or no kind, may raise anything
        return None


def _lower_name(member: Any) -> str:
    return text_of(_asked(member, "name")).lower()


def _pairs(attributes: Any) -> Mapping[Any, Any]:
    """Return attributes as a map. The API's own spans take anything, so nothing is raised."""
    try:
        return {} if attributes is None else dict(attributes)
    except Exception:
        return {"attributes": text_of(attributes)}


def _formatted(exception: BaseException) -> str:
    return "".join(traceback.format_exception(exception))


class RecordingTracer(trace.Tracer):
    """Starts spans that are always recorded.

    Args:
        sink: given each span when it has ended.

    Attributes:
        home: returns the trace that the report shows a span in, by its trace id and its own.
        note_home: told of a span that is shown in another trace than its own.
    """

    def __init__(self, sink: Callable[[RecordingSpan], None]) -> None:
        # Its own generator: seeding `random`, as tests do, must not repeat ids.
        self.new_id = _id_generator()
        self.home: Callable[[int, int], int] = lambda trace_id, span_id: trace_id
        self.note_home: Callable[[RecordingSpan], None] = lambda span: None
        self._sink = sink
        self._open: dict[int, RecordingSpan] = {}
        self.resource: Resource | None = None
        """What is known of this process, to whom our spans are shared with; default: the SDK's."""
        self.on_start: list[Callable[[RecordingSpan, Context], None]] = []
        self.on_end: list[Callable[[RecordingSpan], None]] = []

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> RecordingSpan:
        """Start a span below the one in `context`, by default the current context."""
        context = contexts.current() if context is None else context
        parent: Any = contexts.held(context, SPAN)
        if type(parent) is trace.NonRecordingSpan:
            parent = recorded_parent(parent, context)
        start_ns = start_time if type(start_time) is int and start_time > 0 else now_ns()
        span = RecordingSpan(self, name, parent, start_ns)
        span.is_isolated = ISOLATED in context
        if kind is not SpanKind.INTERNAL:
            span.kind = kind
        if attributes is not None:
            span.attributes.update(_pairs(attributes))
        if links:
            span._links = list(links)
        self._open[span.span_id] = span
        if span.home != span.trace_id:
            self.note_home(span)
        for listener in self.on_start:
            listener(span, context)
        return span

    def start_as_current_span(  # type: ignore[override]  # the API's own is of a private type
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> _CurrentSpan:
        """Start a span and make it current: in a block, or in a function that this decorates."""
        return _CurrentSpan(
            lambda: trace.use_span(
                self.start_span(name, context, kind, attributes, links, start_time),
                end_on_exit,
                record_exception,
                set_status_on_exception,
            )
        )

    def ended(self, span: RecordingSpan) -> None:
        """Hand over a span that has ended."""
        self._sink(span)  # first: another thread, the last to look, finds it in one of the two
        self._open.pop(span.span_id, None)
        for listener in self.on_end:
            listener(span)

    def open_traces(self) -> set[int]:
        """Return the ids of traces that have open spans."""
        return {span.home for span in list(self._open.values())}

    def open_spans(self) -> list[RecordingSpan]:
        """Return the spans that have not ended."""
        return list(self._open.values())

    def forget(self) -> None:
        """Drop what is open, as a forked child does: it is its parent's."""
        for span in self._open.values():
            if span.owner is not None and span.owner.kind != c.TEST:
                span.owner.ended = True  # nothing that it is told here gets to the parent
                span.owner.life = None  # and nobody here will know when that is over
        self._open.clear()
        self.new_id = _id_generator()  # not the ids that the parent goes on with

    def unfinished(self) -> list[spans.Span]:
        """Return the spans that have not ended, with what they were told so far."""
        unfinished = list(self._open.values())
        for span in unfinished:
            if span.owner is not None:
                span.attributes.update(span.owner.described())
        return [span.record() for span in unfinished]


class _CurrentSpan(AbstractContextManager[RecordingSpan]):
    """A span that starts where the block, or a call of the decorated function, begins."""

    def __init__(self, use: Callable[[], AbstractContextManager[Any]]) -> None:
        self._use = use

    def __enter__(self) -> RecordingSpan:
        self._used = self._use()
        span: RecordingSpan = self._used.__enter__()
        return span

    def __exit__(self, *error: Any) -> bool | None:
        return self._used.__exit__(*error)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._use():
                    return await function(*args, **kwargs)

            return coroutine

        @wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with self._use():
                return function(*args, **kwargs)

        return plain


def recorded_parent(parent: trace.Span, context: Context) -> Any:
    """Return `parent`, or the item's span in place of one below it that a sampler dropped."""
    item = item_in(context)
    dropped = parent.get_span_context()
    if item is None or dropped.is_remote:
        return parent
    return item.span if item.span.get_span_context().trace_id == dropped.trace_id else parent


_MASK = (1 << 64) - 1
_ODD = 0x9E37_79B9_7F4A_7C15


def _new_trace_id(random_id: int) -> int:
    """Return a trace id by which `is_ours` knows it. Either half is as random as the other."""
    return random_id << 64 | (random_id * _ODD & _MASK)


def is_ours(trace_id: int) -> bool:
    """Whether a trace was begun by a tracer of ours, in this process or in another."""
    return trace_id & _MASK == (trace_id >> 64) * _ODD & _MASK


def _id_generator() -> Callable[[], int]:
    bits = random.Random().getrandbits  # noqa: S311 -- ids, no secrets

    def new_id() -> int:
        return bits(64) or 1  # 0 is no valid id

    return new_id


_cached: tuple[Any, Tracer] | None = None


def global_tracer() -> Tracer:
    """Return our tracer of the global provider. Asking the SDK each time costs a lock."""
    global _cached
    provider = get_tracer_provider()
    if _cached is None or _cached[0] is not provider:
        _cached = (provider, provider.get_tracer(c.SCOPE_NAME))
    return _cached[1]
