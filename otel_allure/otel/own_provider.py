"""A provider of our own for who has set none, and what listens to those of others.

What needs the SDK is here, so that it waits for the first span of a tracer that is not ours.
"""

from __future__ import annotations

import weakref
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otel_allure.compat.opentelemetry import TRACING_DISABLED, enable
from otel_allure.otel.collector import SpanCollector


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


class Relay(SpanProcessor):
    """Listens to the providers of others. They have no way to remove it, so it can be idle.

    Args:
        collector: takes the spans to the report; None once it is idle.
    """

    leads_to_a_report = True

    def __init__(self, collector: SpanCollector) -> None:
        self.collector: SpanCollector | None = collector
        self._providers: list[weakref.ref[Any]] = []  # some cannot be hashed

    def listen_to(self, provider: Any) -> None:
        """Listen to a provider, once."""
        self._providers = [known for known in self._providers if known() is not None]
        if all(known() is not provider for known in self._providers):
            self._providers.append(weakref.ref(provider))
            provider.add_span_processor(self)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Tell that a span has started."""
        if self.collector is not None:
            self.collector.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand a span over."""
        if self.collector is not None:
            self.collector.on_end(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: there is no queue."""
        return True


class OwnRelay(Relay):
    """Listens to our own provider, and ends with it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that is known."""
        return self.collector is None or self.collector.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Write what is left."""
        if self.collector is not None:
            self.collector.shutdown()
