"""Whose tracers make spans while pytest writes a report, and how all of them reach it.

Four things are wanted, and they pull against each other. This is the construction:

* **Tests, steps and fixtures never vanish.** Their spans come from a tracer of our own (see
  `tracer`), which samples everything, has no limits and ignores `OTEL_SDK_DISABLED`.
* **The team's backend gets them too.** The processors of a provider that is there when the session
  starts are given our spans as well. In-memory exporters are left out: tests count what is in them.
* **The user's provider wins.** We never call `set_tracer_provider`, so that setting one works as
  without us, also for tracers fetched earlier. When one is set it gets a span processor of ours.
* **With nothing set up, instrumented spans are recorded.** Until a provider is set everybody has
  the API's proxy tracers, which do nothing. While we are there, they use a provider of the SDK's
  that nobody else sees, without limits.

In isolation nothing stands in for a provider, and no backend gets our spans.

The API has no event for "a provider was set". Its `Once` guards that moment, so ours, which is
otherwise the same, listens there. Tests reset the API by assigning to its globals, so the module
tells when these are set: a test may reset, set a provider and use it before we are asked again.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otel_allure import recorder as recorders
from otel_allure.compat.opentelemetry import (
    GLOBAL_TRACER_PROVIDER,
    PROXY_TRACERS,
    TRACING_DISABLED,
    enable,
    processors_of,
)
from otel_allure.exporter import AllureSpanExporter, AllureSpanProcessor
from otel_allure.patches import Undo, undo_all
from otel_allure.problems import Problems
from otel_allure.tracer import RecordingSpan, RecordingTracer


class SessionProvider:
    """The tracers of a test session, from `install` to `uninstall`.

    Args:
        tracer: makes our own spans.
        processor: takes the spans of instrumentations to the report.
        problems: told about exporters that cannot be loaded.
        isolated: whether tests run in isolation where they do not say so themselves.
    """

    def __init__(
        self,
        tracer: RecordingTracer,
        processor: SpanProcessor,
        problems: Problems,
        *,
        isolated: bool = False,
    ) -> None:
        self._problems = problems
        self._processor = processor
        self._own: TracerProvider | None = None
        self._isolated = isolated
        self._tracer = tracer
        self._relay = _Relay(processor)
        self.on_set: list[Callable[[], None]] = []
        """Called when a provider has been set, one of spans or of logs."""
        self._proxied: weakref.WeakKeyDictionary[Any, trace.Tracer] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Listen for providers, and stand in where none is set."""
        _sessions.append(self)
        if not _undo:
            _undo.append(PROXY_TRACERS.stand_in(_tracer_without_provider))
        if type(trace) is ModuleType:
            trace.__class__ = _ListeningModule
        self.look()

    def uninstall(self) -> None:
        """Put everything back and write out what exporters have queued."""
        self._relay.processor = None
        _sessions.remove(self)
        if not _sessions:
            if type(trace) is _ListeningModule:
                trace.__class__ = ModuleType  # type: ignore[assignment]
            undo_all(_undo)
            GLOBAL_TRACER_PROVIDER.guard(ListeningOnce.removed)
        with self._problems.caught("flushing the exporters"):
            if self._own is not None:
                self._own.shutdown()

    def tracer(self) -> RecordingTracer:
        """Return what starts our spans."""
        return self._tracer

    @property
    def stands_in(self) -> bool:
        """Whether the caller's spans are recorded although no provider is set."""
        return not recorders.is_isolated(by_default=self._isolated)

    def _stand_in(self) -> TracerProvider:
        if self._own is None:
            self._own = unlimited_provider()
            self._own.add_span_processor(self._processor)
        return self._own

    def tracer_without_provider(self, proxy: Any) -> trace.Tracer:
        """Return what the API's `proxy` uses until a provider is set."""
        tracer = self._proxied.get(proxy)
        if tracer is None:
            tracer = self._proxied[proxy] = self._stand_in().get_tracer(
                *PROXY_TRACERS.arguments(proxy)
            )
        return tracer

    def look(self) -> None:
        """Look at whose provider is set by now. It is called in users' code: nothing is raised."""
        with self._problems.caught("listening to a provider"):
            GLOBAL_TRACER_PROVIDER.guard(ListeningOnce.added)
            provider = GLOBAL_TRACER_PROVIDER.get()
            provider = getattr(provider, "provider", provider)  # logfire's, which exchanges it
            if takes_processors(provider, "add_span_processor"):
                self._relay.listen_to(provider)
        for listener in self.on_set:
            listener()

    def share_with_backend(self) -> None:
        """Give our spans to the provider that is set by now, if any, but in isolation."""
        provider = GLOBAL_TRACER_PROVIDER.get()
        if not self._isolated and takes_processors(provider, "add_span_processor"):
            self._share(provider)

    def _share(self, provider: Any) -> None:
        backend = _Backend(provider, self._problems)
        self._tracer.resource = backend.resource
        self._tracer.on_start.append(backend.on_start)
        self._tracer.on_end.append(backend.on_end)

    def add_exporters_from_environment(self) -> None:
        """Add the exporters that OTEL_TRACES_EXPORTER names beside ours, where no SDK does."""
        if GLOBAL_TRACER_PROVIDER.get() is not None or self._isolated:
            return
        others = _names(os.environ.get(OTEL_TRACES_EXPORTER, "")) - {"allure", "none"}
        for name in sorted(others):
            with self._problems.caught(f"loading the exporter {name!r} of {OTEL_TRACES_EXPORTER}"):
                (entry,) = entry_points(group="opentelemetry_traces_exporter", name=name)
                self._stand_in().add_span_processor(BatchSpanProcessor(entry.load()()))
        if others:
            self._share(self._stand_in())


def takes_processors(provider: Any, method: str) -> bool:
    """Whether it is a provider that can be given processors by `method`; mocks note each call."""
    mocks = getattr(sys.modules.get("unittest.mock"), "NonCallableMock", ())
    return hasattr(type(provider), method) and not isinstance(provider, mocks)


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
    enable(provider, TRACING_DISABLED)  # OTEL_SDK_DISABLED is not about the report
    return provider


# -- the places of the API where providers are set and missed

_sessions: list[SessionProvider] = []
"""The innermost is the last: a test may run pytest itself."""

_undo: list[Undo] = []


def _tracer_without_provider(proxy: Any) -> trace.Tracer | None:
    if _sessions and _sessions[-1].stands_in:
        return _sessions[-1].tracer_without_provider(proxy)
    return None


class _ListeningModule(ModuleType):
    """`opentelemetry.trace`, while it tells us when one of its globals is assigned to."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in GLOBAL_TRACER_PROVIDER.names and _sessions:
            _sessions[-1].look()


class ListeningOnce:
    """The `Once` that guards `set_tracer_provider`, while it tells us when it was used.

    Everything else is the plain one's: tests reset it.
    """

    plain: Any

    def __init__(self, plain: Any) -> None:
        self.__dict__["plain"] = plain

    @staticmethod
    def added(once: Any) -> Any:
        """Return what tells us, and does what `once` does."""
        return once if type(once) is ListeningOnce else ListeningOnce(once)

    @staticmethod
    def removed(once: Any) -> Any:
        """Return the plain one."""
        return once.plain if type(once) is ListeningOnce else once

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that `isinstance` sees."""
        return type(self.plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.plain, name, value)

    def do_once(self, func: Any) -> Any:
        """Do what has not been done, and tell the sessions."""
        done = self.plain.do_once(func)
        if _sessions:
            _sessions[-1].look()
        return done


class _Relay(SpanProcessor):
    """Listens to the providers of others. They have no way to remove it, so it can be idle."""

    def __init__(self, processor: SpanProcessor) -> None:
        self.processor: SpanProcessor | None = processor
        self._providers: list[weakref.ref[Any]] = []  # some cannot be hashed

    def listen_to(self, provider: Any) -> None:
        self._providers = [known for known in self._providers if known() is not None]
        if all(known() is not provider for known in self._providers):
            self._providers.append(weakref.ref(provider))
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

    def __init__(self, provider: Any, problems: Problems) -> None:
        self._provider = provider
        self.resource = getattr(provider, "resource", None) or Resource.create()
        self._problems = problems

    def _processors(self) -> Iterator[SpanProcessor]:
        for processor in processors_of(self._provider):
            exporter = getattr(processor, "span_exporter", None)
            if not isinstance(processor, (_Relay, AllureSpanProcessor)) and not isinstance(
                exporter, (InMemorySpanExporter, AllureSpanExporter)
            ):
                yield processor

    def on_start(self, span: RecordingSpan, context: Context) -> None:
        if span.is_isolated:
            return
        for processor in self._processors():
            with self._problems.caught("giving spans to the processors of the provider"):
                processor.on_start(span, parent_context=context)  # type: ignore[arg-type]  # it answers alike

    def on_end(self, span: RecordingSpan) -> None:
        if span.is_isolated:
            return
        readable = None
        for processor in self._processors():
            with self._problems.caught("giving spans to the processors of the provider"):
                readable = readable or span.readable(self.resource)
                processor.on_end(readable)
