"""Our own spans -> the processors of the provider that the team has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_allure.compat.opentelemetry import processors_of
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.recording.tracer import RecordingSpan


class Backend:
    """Gives our spans to the processors of a provider."""

    def __init__(self, provider: Any, diagnostics: Diagnostics) -> None:
        self._provider = provider
        self.resource = getattr(provider, "resource", None) or Resource.create()
        self._diagnostics = diagnostics

    def _processors(self) -> Iterator[SpanProcessor]:
        for processor in processors_of(self._provider):
            exporter = getattr(processor, "span_exporter", None)
            is_counted = isinstance(exporter, InMemorySpanExporter)
            if not (is_counted or _leads_to_a_report(processor) or _leads_to_a_report(exporter)):
                yield processor

    def on_start(self, span: RecordingSpan, context: Context) -> None:
        """Tell the processors that a span has started."""
        if span.is_isolated:
            return
        for processor in self._processors():
            with self._diagnostics.caught("giving spans to the processors of the provider"):
                processor.on_start(span, parent_context=context)  # type: ignore[arg-type]  # it answers alike

    def on_end(self, span: RecordingSpan) -> None:
        """Give them a span that has ended."""
        if span.is_isolated:
            return
        readable = None
        for processor in self._processors():
            with self._diagnostics.caught("giving spans to the processors of the provider"):
                readable = readable or span.readable(self.resource)
                processor.on_end(readable)


def _leads_to_a_report(edge: Any) -> bool:
    """Whether a processor or exporter is one of ours: the report has our spans already."""
    return getattr(type(edge), "leads_to_a_report", False) is True
