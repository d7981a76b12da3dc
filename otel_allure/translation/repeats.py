"""Calls that are made again: which of them are one call, tried once more. Pure."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence

from otel_allure.model.spans import Span, service_of
from otel_allure.translation.span_tree import SpanTree

# What is known of a call when it is over, or differs between two that ask for the same.
_NO_QUESTION = re.compile(
    r"(?:error|exception|otel|thread|network|net\.sock|db\.response|"
    r"http\.(?:response|status|resend|request\.resend|request\.header|request_content|flavor)|"
    r"rpc\.(?:response|grpc\.status|grpc\.\w+\.metadata|connect_rpc|jsonrpc\.(?:error|request_id)))"
    r"(?:[._]|$)|rpc\.request\.metadata\.|canceled$|retry_attempts$|aws\.request_id$"
)


def question(span: Span) -> Hashable:
    """Return what a call asks for, whatever the answer: equal ones are tries of one call."""
    asked = sorted(
        (name, str(value))
        for name, value in span.attributes.items()
        if _NO_QUESTION.match(name) is None
    )
    return span.scope, service_of(span), span.kind, span.name, tuple(asked)


def tries(calls: Sequence[Span], failed: set[int], tree: SpanTree) -> Iterator[list[Span]]:
    """Yield calls that were tried more than once: all tries, of which only the last may be right.

    Args:
        calls: below one span, by start.
        failed: the ids of those that failed.
        tree: the trace.
    """
    open_tries: dict[Hashable, list[Span]] = {}
    names = {(span.name, span.kind) for span in calls if span.span_id in failed}
    for span in calls:
        if (span.name, span.kind) not in names:
            continue
        asked = question(span)
        so_far = open_tries.setdefault(asked, [])
        if so_far and tree.end_ns(so_far[-1]) > span.start_ns:
            continue  # at the same time: no answer to the failure
        so_far.append(span)
        if span.span_id not in failed:
            if len(so_far) > 1:
                yield so_far
            del open_tries[asked]
    yield from (so_far for so_far in open_tries.values() if len(so_far) > 1)
