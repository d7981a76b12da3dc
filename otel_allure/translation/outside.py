"""What a program does outside of requests: calls that nothing it was asked for has made.

A pool connects, a table is created, a cache is filled. Each of these calls is a trace of its own,
and none is what people look for in a report, so they are gathered below one span.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, is_test

NAME = "Outside of requests"
_ASKED = ("server", "consumer")
_INSTRUMENTATION = re.compile(r"@?(io\.|go\.)?opentelemetry\b", re.IGNORECASE)
"""Scopes of instrumentations, in any language. What a program names itself has another."""


def is_outside(spans: Collection[Span]) -> bool:
    """Whether a trace is calls alone, without a request, a message, or a span of a name's own."""
    roots = [span for span in spans if span.parent_id is None]
    return bool(roots) and all(map(_is_call, roots)) and not any(s.kind in _ASKED for s in spans)


def _is_call(span: Span) -> bool:
    is_ours = c.KIND in span.attributes or is_test(span)
    return not is_ours and _INSTRUMENTATION.match(span.scope) is not None


def below_one_root(spans: Collection[Span]) -> list[Span]:
    """Return the spans of traces that are outside, below one that stands for all of them.

    It has failed if one of the calls has: there is nothing else that could say so.
    """
    first = next(iter(spans))
    failed = next((s for s in spans if s.parent_id is None and s.status == "error"), None)
    root = Span(
        first.trace_id,
        first.span_id ^ _OTHER_ID or 1,
        None,
        False,
        NAME,
        "internal",
        min(span.start_ns for span in spans),
        max(span.end_ns or span.start_ns for span in spans),
        "unset" if failed is None else "error",
        "" if failed is None else f"{failed.name}: {failed.status_message or 'failed'}",
        resource=first.resource,
    )
    own = root.span_id
    return [root, *(s._replace(parent_id=own) if s.parent_id is None else s for s in spans)]


_OTHER_ID = 0x9E3779B97F4A7C15
