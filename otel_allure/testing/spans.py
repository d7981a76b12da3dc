"""Spans with fixed ids."""

from __future__ import annotations

from typing import Any

from otel_allure.model.spans import Span

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


def build_span(name: str, span_id: int, parent_id: int | None = None, **fields: Any) -> Span:
    """Return a span whose unsaid fields are fixed.

    It lasts a millisecond, and starts as many milliseconds after the epoch as its id says.
    """
    start_ns = fields.pop("start_ns", span_id * 1_000_000)
    defaults = {
        "trace_id": TRACE_ID,
        "parent_is_remote": False,
        "kind": "internal",
        "end_ns": start_ns + 1_000_000,
    }
    return Span(
        name=name, span_id=span_id, parent_id=parent_id, start_ns=start_ns, **{**defaults, **fields}
    )
