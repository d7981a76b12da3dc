"""The context as text, and from text, for other processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_allure.recording import contexts
from otel_allure.recording.active import active_recorder
from otel_allure.recording.contexts import ISOLATED, SPAN, held
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import live_context
from otel_allure.recording.tracer import recorded_parent

Carrier = Mapping[str, str]
"""A context as W3C headers."""

HEADERS = ("traceparent", "tracestate", "baggage")


def carrier_of(context: Context) -> dict[str, str]:
    """Return `context` as headers; there are none for an empty one."""
    carrier: dict[str, str] = {}
    span = held(context, SPAN)
    if type(span) is NonRecordingSpan:  # one that a sampler dropped
        span = recorded_parent(span, context)
    if span is not None:
        TraceContextTextMapPropagator().inject(carrier, Context({SPAN: span}))
    if baggage.get_all(context):
        _baggage_propagator().inject(carrier, context)
    return carrier


def context_of(carrier: Carrier, root: Context | None = None) -> Context:
    """Return the context that `carrier` describes, on top of `root`, or of the current one."""
    if root is None:
        root = contexts.root_context(isolated=_ISOLATED in carrier)
    context = TraceContextTextMapPropagator().extract(carrier, root)
    return _baggage_propagator().extract(carrier, context) if "baggage" in carrier else context


_ISOLATED = "otel-allure-isolated"


def pickled(context: Context) -> dict[str, str]:
    """Return `context` for a child that records as we do, which knows isolation."""
    carrier = carrier_of(context)
    return {**carrier, _ISOLATED: "true"} if ISOLATED in context else carrier


def _baggage_propagator() -> Any:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator  # urllib is slow to import

    return W3CBaggagePropagator()


def context_here() -> Context:
    """Return the context in which the caller runs, put right."""
    recorder = active_recorder()
    return live_context() if recorder is None else recorder.base_context()


def begin_below(recorder: Recorder, carrier: Carrier) -> None:
    """Make the parent's step current here, and wherever else no context gets to."""
    recorder.base = context_of(carrier)
    if held(contexts.current(), SPAN) is None:
        contexts.attach(recorder.base)
