"""Settings as keywords, for type checkers: what runs needs none of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Options(TypedDict, total=False):
    """Settings as keywords, see `Settings`. A text may stand for a value, as in the environment."""

    otel_context: str
    attach_for: str
    attach_http: bool | str
    attach_sql: bool | str
    attach_logs: bool | str
    attach_trace: bool | str
    max_trace_spans: int | str
    max_trace_mb: float | str
    waterfall: str
    span_parameters: str
    span_errors: Sequence[str]
    max_steps: int | str
    max_depth: int | str
    max_title: int | str
    max_value: int | str
    max_message: int | str
    max_body: int | str
    max_waiting: int | str
    fold: int | str
    min_duration_ms: float | str
    ignore_scopes: Sequence[str]
    ignore_names: Sequence[str]
    ignore_kinds: Sequence[str]
    ignore_failed: bool | str
    asgi_events: bool | str
    fixtures: str
    join_calls: bool | str
    findings: Sequence[str]
    n_plus_one: int | str
    slow_ms: float | str
    redact: bool | str
    redact_names: Sequence[str]
    redact_allow: Sequence[str]
    redact_patterns: Sequence[str]
    redact_payment_numbers: bool | str
    redact_sql: bool | str
    redact_attachments: bool | str
    only_requests: bool | str
    trace_url_pattern: str
    otel_tree: str
    otel_soft_checks: str
    otel_inconclusive: str
    running_results: bool | str
    fsync: bool | str
    otel_budget: Sequence[str]
    otel_budgets_file: str
    otel_metrics: bool | str
    environment: bool | str
    ci_trace: bool | str
    otel_receiver: bool | str
    receiver_address: str
    receiver_token: str
    receiver_origins: Sequence[str]
    receiver_wait: float | str
    receiver_timeout: float | str
    receiver_connections: int | str
    receiver_max_mb: float | str
    receiver_max_attributes: int | str
    receiver_max_levels: int | str
    receiver_max_spans: int | str
    receiver_max_held: int | str
