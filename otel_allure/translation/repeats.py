"""Calls that are made again: tries of one call, and one call for each of many things. Pure."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, service_of
from otel_allure.presentation.domains import databases, http
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.presentation import Presentation
from otel_allure.translation.lookups import are_things, lookup
from otel_allure.translation.span_tree import SpanTree

# -- tries of one call

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


# -- one call for each of many things

_PAUSE_NS = 20_000_000
"""So long, on average, are the pauses of whoever waits for something by asking again."""


def is_test_itself(caller: Span | None) -> bool:
    """Whether calls are a test's own, not of what it tests: below it or one of its steps."""
    return caller is None or c.KIND in caller.attributes


def n_plus_one(
    calls: Sequence[Span], tree: SpanTree, presentation: Presentation, *, by_test: bool
) -> Sequence[Span]:
    """Return those of the calls that are the many of an N+1, none if there is none.

    Tests make requests in loops on purpose, so of their own requests it takes twice as many.

    Args:
        calls: below one span, of one lookup, by start.
        tree: the trace.
        presentation: with the setting of how many it takes.
        by_test: whether that span is the test, or a step of it.
    """
    least = presentation.settings.n_plus_one
    is_request = databases.DOMAIN not in domains_of(calls[0])
    is_by_test = is_request and by_test
    if not least or len(calls) < (least * 2 if is_by_test else least):
        return ()
    run = _longest_in_a_row(calls, tree)
    if len(run) < (least * 2 if is_by_test else least) or _is_polling(run, is_by_test, tree):
        return ()
    return run if not is_request or are_things(run, tree) else ()


def n_plus_ones(
    calls: Sequence[Span], tree: SpanTree, presentation: Presentation, *, by_test: bool
) -> Iterator[Sequence[Span]]:
    """Yield the many of each N+1 among the calls below one span, by start."""
    least = presentation.settings.n_plus_one
    groups: dict[Hashable, list[Span]] = {}
    for span in calls if least and len(calls) >= least else ():
        its = lookup(span, tree, presentation)
        if its is not None:
            groups.setdefault(its, []).append(span)
    for group in groups.values():
        run = n_plus_one(group, tree, presentation, by_test=by_test)
        if run:
            yield run


def _longest_in_a_row(calls: Sequence[Span], tree: SpanTree) -> Sequence[Span]:
    """Return the longest run of calls, of which each began when all before had ended."""
    first = last_ns = 0
    longest = (0, 0)
    for number, span in enumerate(calls):
        if span.start_ns < last_ns:
            first = number
        last_ns = max(last_ns, tree.end_ns(span))
        if number + 1 - first > longest[1] - longest[0]:
            longest = first, number + 1
    return calls[slice(*longest)]


def _is_polling(calls: Sequence[Span], is_by_test: bool, tree: SpanTree) -> bool:
    """Whether calls in a row are one and the same again and again: with pauses, or by a test."""
    if len(set(map(question, calls))) > 1:
        return False
    busy_ns = sum(tree.end_ns(span) - span.start_ns for span in calls)
    pauses_ns = tree.end_ns(calls[-1]) - calls[0].start_ns - busy_ns
    is_request = http.DOMAIN in domains_of(calls[0])
    return pauses_ns > max(busy_ns, _PAUSE_NS * len(calls)) or (is_by_test and is_request)
