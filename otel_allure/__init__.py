"""Allure reports from OpenTelemetry traces: every step is a span, every finished trace a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from otel_allure.assertions.errors import (
        InconclusiveError,
        TraceAssertionError,
        TraceUsageError,
    )
    from otel_allure.assertions.live import Trace, trace
    from otel_allure.assertions.selection import Selection
    from otel_allure.inputs.log_exporter import AllureLogRecordExporter, AllureLogRecordProcessor
    from otel_allure.inputs.span_exporter import AllureSpanExporter
    from otel_allure.inputs.span_processor import AllureSpanProcessor
    from otel_allure.processes.environment import environment
    from otel_allure.recording.allure_hooks import mark_test
    from otel_allure.recording.running_step import RunningStep
    from otel_allure.recording.steps import log_step, step

__all__ = [
    "AllureLogRecordExporter",
    "AllureLogRecordProcessor",
    "AllureSpanExporter",
    "AllureSpanProcessor",
    "InconclusiveError",
    "RunningStep",
    "Selection",
    "Trace",
    "TraceAssertionError",
    "TraceUsageError",
    "environment",
    "log_step",
    "mark_test",
    "step",
    "trace",
]

_HOMES = {
    "AllureLogRecordExporter": "otel_allure.inputs.log_exporter",
    "AllureLogRecordProcessor": "otel_allure.inputs.log_exporter",
    "AllureSpanExporter": "otel_allure.inputs.span_exporter",
    "AllureSpanProcessor": "otel_allure.inputs.span_processor",
    "InconclusiveError": "otel_allure.assertions.errors",
    "RunningStep": "otel_allure.recording.steps",
    "Selection": "otel_allure.assertions.selection",
    "Trace": "otel_allure.assertions.live",
    "TraceAssertionError": "otel_allure.assertions.errors",
    "TraceUsageError": "otel_allure.assertions.errors",
    "environment": "otel_allure.processes.environment",
    "log_step": "otel_allure.recording.steps",
    "mark_test": "otel_allure.recording.allure_hooks",
    "step": "otel_allure.recording.steps",
    "trace": "otel_allure.assertions.live",
}


def __getattr__(name: str) -> Any:
    # The SDK takes a tenth of a second to import. pytest loads this package in every run, also
    # where no report is wanted, so names are looked up when they are used.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
