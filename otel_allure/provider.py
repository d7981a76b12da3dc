"""Whose tracers make spans while pytest writes a report, and how all of them reach it.

Four things are wanted, and they pull against each other. This is the construction:

* **Tests, steps and fixtures never vanish.** Their spans come from a tracer of our own (see
  `tracer`), which samples everything, has no limits and ignores `OTEL_SDK_DISABLED`.
* **The team's backend gets them too.** The processors of a provider that is there when the session
  starts are given our spans as well. In-memory exporters are left out: tests count what is in them.
* **The user's provider wins.** We never call `set_tracer_provider`. We replace the API's *proxy*,
  which is what everybody gets until a provider is set, so that setting one works as without us,
  also for tracers fetched earlier. When one is set it gets a span processor of ours.
* **With nothing set up, instrumented spans are recorded**: the proxy's tracers then are those of
  a provider of the SDK's, without limits, which nobody else sees.

The API has no event for "a provider was set". Its `Once` guards that moment, so ours, which is
otherwise the same, listens there; what tests do to reset the API is looked at again whenever a
scope of the test session opens or ends.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    Event,
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, TraceFlags
from opentelemetry.util._once import Once

from otel_allure import conventions as c
from otel_allure.exporter import AllureSpanExporter, AllureSpanProcessor
from otel_allure.problems import Problems
from otel_allure.tracer import RecordingSpan, RecordingTracer

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class SessionProvider:
    """The tracers of a test session, from `install` to `uninstall`.

    Args:
        tracer: makes our own spans.
        processor: takes the spans of instrumentations to the report.
        problems: told about exporters that cannot be loaded.
    """

    def __init__(
        self, tracer: RecordingTracer, processor: SpanProcessor, problems: Problems
    ) -> None:
        self._problems = problems
        self._own = unlimited_provider()
        self._own.add_span_processor(processor)
        self._tracer = tracer
        self._relay = _Relay(processor)
        self._seen: object = None
        self._once: Once | None = None

    def install(self) -> None:
        """Take the place of the API's proxy and listen for providers."""
        _proxy.own = self._own
        self._plain_proxy = trace._PROXY_TRACER_PROVIDER
        trace._PROXY_TRACER_PROVIDER = _proxy
        self._look()

    def uninstall(self) -> None:
        """Put everything back and write out what exporters have queued."""
        self._relay.processor = None
        _proxy.own = None
        trace._PROXY_TRACER_PROVIDER = self._plain_proxy
        if self._once is not None and trace._TRACER_PROVIDER_SET_ONCE is self._once:
            trace._TRACER_PROVIDER_SET_ONCE = self._once.plain  # type: ignore[attr-defined]
        with self._problems.caught("flushing the exporters"):
            self._own.shutdown()

    def tracer(self) -> RecordingTracer:
        """Return what starts our spans, after a look at whose provider is set by now."""
        if trace._TRACER_PROVIDER is not self._seen:
            self._look()
        return self._tracer

    def share_with_backend(self) -> None:
        """Give our spans to the provider that is set by now, if any."""
        self._look()
        provider: Any = self._seen
        if hasattr(provider, "add_span_processor"):
            self._share(_Backend(provider, provider.resource))

    def _share(self, backend: _Backend) -> None:
        self._tracer.on_start.append(backend.on_start)
        self._tracer.on_end.append(backend.on_end)

    def add_exporters_from_environment(self) -> None:
        """Add the exporters that OTEL_TRACES_EXPORTER names beside ours, where no SDK does."""
        if trace._TRACER_PROVIDER is not None:
            return
        others = _names(os.environ.get(OTEL_TRACES_EXPORTER, "")) - {"allure", "none"}
        for name in sorted(others):
            with self._problems.caught(f"loading the exporter {name!r} of {OTEL_TRACES_EXPORTER}"):
                (entry,) = entry_points(group="opentelemetry_traces_exporter", name=name)
                self._own.add_span_processor(BatchSpanProcessor(entry.load()()))
        if others:
            self._share(_Backend(self._own, self._own.resource))

    def _look(self) -> None:
        once = trace._TRACER_PROVIDER_SET_ONCE
        if not isinstance(once, _ListeningOnce):
            self._once = trace._TRACER_PROVIDER_SET_ONCE = _ListeningOnce(once, self)
        provider = self._seen = trace._TRACER_PROVIDER
        if hasattr(provider, "add_span_processor"):
            self._relay.listen_to(provider)


def _names(value: str) -> set[str]:
    return {name.strip() for name in value.split(",") if name.strip()}


def unlimited_provider() -> TracerProvider:
    """Return a provider that loses nothing, whatever the environment says of the SDK."""
    limits = SpanLimits(
        max_span_attributes=SpanLimits.UNSET,
        max_attributes=SpanLimits.UNSET,
        max_events=SpanLimits.UNSET,
        max_links=SpanLimits.UNSET,
        max_event_attributes=SpanLimits.UNSET,
        max_link_attributes=SpanLimits.UNSET,
        max_attribute_length=SpanLimits.UNSET,
        max_span_attribute_length=SpanLimits.UNSET,
    )
    provider = TracerProvider(
        sampler=ALWAYS_ON, span_limits=limits, resource=Resource.create(), shutdown_on_exit=False
    )
    provider._disabled = False  # OTEL_SDK_DISABLED is about telemetry, not about the report
    return provider


class _ProxyTracer(trace.ProxyTracer):
    """A tracer of whoever provides tracers when a span is started."""

    @property
    def _tracer(self) -> trace.Tracer:
        provider = trace._TRACER_PROVIDER or _proxy.own
        if provider is None:
            return self._noop_tracer
        return provider.get_tracer(
            self._instrumenting_module_name,
            self._instrumenting_library_version,
            self._schema_url,
            self._attributes,
        )


class _Proxy(trace.ProxyTracerProvider):
    """What `get_tracer_provider` gives until a provider is set: it records into the report."""

    own: TracerProvider | None = None

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> trace.Tracer:
        return _ProxyTracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )


_proxy = _Proxy()


class _ListeningOnce(Once):
    """The `Once` that guards `set_tracer_provider`, and tells the session when it was used."""

    def __init__(self, plain: Once, session: SessionProvider) -> None:
        self.plain = plain
        self._session = weakref.ref(session)

    @property
    def _done(self) -> bool:  # tests reset it
        return self.plain._done

    @_done.setter
    def _done(self, value: bool) -> None:
        self.plain._done = value

    def do_once(self, func: Any) -> bool:
        done = self.plain.do_once(func)
        session = self._session()
        if session is not None:
            session._look()
        return done


class _Relay(SpanProcessor):
    """Listens to the providers of others. They have no way to remove it, so it can be idle."""

    def __init__(self, processor: SpanProcessor) -> None:
        self.processor: SpanProcessor | None = processor
        self._providers: weakref.WeakSet[Any] = weakref.WeakSet()

    def listen_to(self, provider: Any) -> None:
        if provider not in self._providers:
            self._providers.add(provider)
            provider.add_span_processor(self)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self.processor is not None:
            self.processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        if self.processor is not None:
            self.processor.on_end(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class _Backend:
    """Gives our spans to the processors of a provider."""

    def __init__(self, provider: Any, resource: Resource) -> None:
        self._provider = provider
        self._resource = resource

    def _processors(self) -> Iterator[SpanProcessor]:
        multi = getattr(self._provider, "_active_span_processor", None)
        for processor in getattr(multi, "_span_processors", ()):
            exporter = getattr(processor, "span_exporter", None)
            if not isinstance(processor, (_Relay, AllureSpanProcessor)) and not isinstance(
                exporter, (InMemorySpanExporter, AllureSpanExporter)
            ):
                yield processor

    def on_start(self, span: RecordingSpan) -> None:
        for processor in self._processors():
            processor.on_start(span)  # type: ignore[arg-type]  # it has what they use of it

    def on_end(self, span: RecordingSpan) -> None:
        readable = None
        for processor in self._processors():
            readable = readable or self._readable(span)
            processor.on_end(readable)

    def _readable(self, span: RecordingSpan) -> ReadableSpan:
        parent = None
        if span.parent_id is not None:
            parent = SpanContext(span.trace_id, span.parent_id, span.parent_is_remote, _SAMPLED)
        return ReadableSpan(
            name=span.name,
            context=span.get_span_context(),
            parent=parent,
            resource=self._resource,
            attributes=span.attributes,
            events=[Event(e.name, e.attributes, e.time_ns) for e in span.events or ()],
            links=span.links or (),
            kind=span.kind,
            status=span.status or Status(),
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=InstrumentationScope(c.SCOPE_NAME),
        )
