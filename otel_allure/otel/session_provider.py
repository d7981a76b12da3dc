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
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER

from otel_allure.compat.opentelemetry import GLOBAL_TRACER_PROVIDER, PROXY_TRACERS
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.otel.api_hooks import ListeningOnce, listen, stop_listening
from otel_allure.recording.active import is_isolated
from otel_allure.recording.tracer import RecordingTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from otel_allure.otel.collector import SpanCollector
    from otel_allure.otel.own_provider import Relay


class SessionProvider:
    """The tracers of a test session, from `install` to `uninstall`.

    Args:
        tracer: makes our own spans.
        collector: takes the spans of instrumentations to the report.
        diagnostics: told about exporters that cannot be loaded.
        isolated: whether tests run in isolation where they do not say so themselves.
    """

    def __init__(
        self,
        tracer: RecordingTracer,
        collector: SpanCollector,
        diagnostics: Diagnostics,
        *,
        isolated: bool = False,
    ) -> None:
        self._diagnostics = diagnostics
        self._collector = collector
        self._own: TracerProvider | None = None
        self._isolated = isolated
        self._tracer = tracer
        self._relay: Relay | None = None
        self.on_set: list[Callable[[], None]] = []
        """Called when a provider has been set, one of spans or of logs."""
        self._proxied: weakref.WeakKeyDictionary[Any, trace.Tracer] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Listen for providers, and stand in where none is set."""
        listen(self)
        self.refresh()

    def uninstall(self) -> None:
        """Put everything back and write out what exporters have queued."""
        if self._relay is not None:
            self._relay.collector = None
        stop_listening(self)
        with self._diagnostics.caught("flushing the exporters"):
            if self._own is not None:
                self._own.shutdown()

    def tracer(self) -> RecordingTracer:
        """Return what starts our spans."""
        return self._tracer

    @property
    def stands_in(self) -> bool:
        """Whether the caller's spans are recorded although no provider is set."""
        return not is_isolated(by_default=self._isolated)

    def _stand_in(self) -> TracerProvider:
        if self._own is None:
            from otel_allure.otel.own_provider import OwnRelay, unlimited_provider

            self._own = unlimited_provider()
            self._own.add_span_processor(OwnRelay(self._collector))
        return self._own

    def _listen_to(self, provider: Any) -> None:
        if self._relay is None:
            from otel_allure.otel.own_provider import Relay

            self._relay = Relay(self._collector)
        self._relay.listen_to(provider)

    def tracer_without_provider(self, proxy: Any) -> trace.Tracer:
        """Return what the API's `proxy` uses until a provider is set."""
        tracer = self._proxied.get(proxy)
        if tracer is None:
            tracer = self._proxied[proxy] = self._stand_in().get_tracer(
                *PROXY_TRACERS.arguments(proxy)
            )
        return tracer

    def refresh(self) -> None:
        """Look at whose provider is set by now. It is called in users' code: nothing is raised."""
        with self._diagnostics.caught("listening to a provider"):
            GLOBAL_TRACER_PROVIDER.guard(ListeningOnce.added)
            provider = GLOBAL_TRACER_PROVIDER.get()
            provider = getattr(provider, "provider", provider)  # logfire's, which exchanges it
            if takes_processors(provider, "add_span_processor"):
                self._listen_to(provider)
        for listener in self.on_set:
            listener()

    def share_with_backend(self) -> None:
        """Give our spans to the provider that is set by now, if any, but in isolation."""
        provider = GLOBAL_TRACER_PROVIDER.get()
        if not self._isolated and takes_processors(provider, "add_span_processor"):
            self._share(provider)

    def _share(self, provider: Any) -> None:
        from otel_allure.otel.backend import Backend

        backend = Backend(provider, self._diagnostics)
        self._tracer.resource = backend.resource
        self._tracer.on_start.append(backend.on_start)
        self._tracer.on_end.append(backend.on_end)

    def add_exporters_from_environment(self) -> None:
        """Add the exporters that OTEL_TRACES_EXPORTER names beside ours, where no SDK does."""
        if GLOBAL_TRACER_PROVIDER.get() is not None or self._isolated:
            return
        others = _names(os.environ.get(OTEL_TRACES_EXPORTER, "")) - {"allure", "none"}
        if not others:
            return
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        for name in sorted(others):
            with self._diagnostics.caught(
                f"loading the exporter {name!r} of {OTEL_TRACES_EXPORTER}"
            ):
                (entry,) = entry_points(group="opentelemetry_traces_exporter", name=name)
                self._stand_in().add_span_processor(BatchSpanProcessor(entry.load()()))
        self._share(self._stand_in())


def takes_processors(provider: Any, method: str) -> bool:
    """Whether it is a provider that can be given processors by `method`; mocks note each call."""
    if provider is None:
        return False
    mocks = getattr(sys.modules.get("unittest.mock"), "NonCallableMock", ())
    return hasattr(type(provider), method) and not isinstance(provider, mocks)


def _names(value: str) -> set[str]:
    return {name.strip() for name in value.split(",") if name.strip()}
