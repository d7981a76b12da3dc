"""What users can set about the report, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How spans are shown, and what of them.

    Attributes:
        attach_http: whether HTTP spans carry an HTTP exchange.
        attach_sql: whether database spans carry their query as an attachment.
        attach_logs: whether log records are attached to the step that emitted them.
        attach_trace: whether the complete trace is attached, as OTLP/JSON, where something of it
            is folded, filtered or left out.
        waterfall: whether a picture of the trace is attached where it is worth drawing.
        span_parameters: `curated`, or `all` for every attribute of a span.
        span_errors: which errors of instrumented calls colour their step: see `outcome`.
        max_steps: so many steps a result; 0 is no limit.
        max_depth: so many levels of steps; deeper ones are shown flat.
        fold: equal siblings from this number on are shown as one step; 0 is never.
        min_duration_ms: spans from instrumentation that took less are left out.
        ignore_scopes: patterns of instrumentation scopes whose spans are left out.
        ignore_names: patterns of span names that are left out.
        ignore_kinds: span kinds (`client`, `internal`, ...) that are left out.
        redact: whether secrets are masked at all.
        redact_names: patterns of names whose values are masked, beside the usual ones.
        redact_allow: patterns of names whose values are never masked by their name.
        redact_patterns: regular expressions; what matches is masked.
        redact_sql: whether literals in SQL are masked.
        trace_url_pattern: URL of a trace in a backend, with `{trace_id}`.
        environment: whether environment.properties, executor.json and categories.json are written.
    """

    attach_http: bool = True
    attach_sql: bool = True
    attach_logs: bool = True
    attach_trace: bool = True
    waterfall: bool = True
    span_parameters: str = "curated"
    span_errors: tuple[str, ...] = ("exceptions", "5xx", "others")
    max_steps: int = 500
    max_depth: int = 200
    fold: int = 10
    min_duration_ms: float = 0
    ignore_scopes: tuple[str, ...] = ()
    ignore_names: tuple[str, ...] = ()
    ignore_kinds: tuple[str, ...] = ()
    redact: bool = True
    redact_names: tuple[str, ...] = ()
    redact_allow: tuple[str, ...] = ()
    redact_patterns: tuple[str, ...] = ()
    redact_sql: bool = False
    trace_url_pattern: str = ""
    environment: bool = True


DEFAULTS = Settings()
