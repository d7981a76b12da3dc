"""Spans of a service that was killed while it answered -> the calls that it answered. Pure.

Its span of a request never ended, so it was never sent; what had ended below it was, and has a
parent that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import NamedTuple

from otel_allure.model.spans import Span, process_of, service_of
from otel_allure.presentation.errors import HTTP_STATUS
from otel_allure.presentation.values import destination

_MOST = 64
"""If more calls than this were open at a time, nobody can say whose a span is."""


class Answered(NamedTuple):
    """Calls to services that were killed.

    Attributes:
        calls: those that a missing parent may have answered, by its id; mostly it is one.
        interrupted: ids of those that got no answer.
    """

    calls: Mapping[int, tuple[Span, ...]]
    interrupted: frozenset[int]


def answered_calls(
    orphans: Iterable[Span], silent: Iterable[Span], services: Mapping[str, set[str]]
) -> Answered:
    """Return which calls the missing parents of spans must have answered.

    These are calls to another process that were open when the parent's first child began. Where
    there are several, those to the span's own service are preferred, and those without an answer.

    Args:
        orphans: spans whose parent is missing.
        silent: calls of which no other process tells.
        services: which services have answered other calls, by their destination.
    """
    coming = sorted(silent, key=_start, reverse=True)
    open_calls: list[tuple[float, int, Span]] = []  # a heap: what ends first is the first
    found: dict[int, tuple[Span, ...]] = {}
    for orphan in sorted(orphans, key=_start):
        parent = orphan.parent_id
        if parent is None or parent in found:
            continue
        while coming and coming[-1].start_ns <= orphan.start_ns:
            call = coming.pop()
            heappush(open_calls, (_end(call), call.span_id, call))
        while open_calls and open_calls[0][0] < orphan.start_ns:
            heappop(open_calls)
        calls = [call for *_, call in open_calls] if len(open_calls) <= _MOST else []
        found[parent] = _likely(calls, orphan, services)
    interrupted = frozenset(
        call.span_id
        for calls in found.values()
        for call in calls
        if len(calls) == 1 or not is_answered(call)
    )
    return Answered({parent: calls for parent, calls in found.items() if calls}, interrupted)


def is_answered(call: Span) -> bool:
    """Whether the caller has got an answer, be it an error."""
    has_status = any(name in call.attributes for name in HTTP_STATUS)
    return call.end_ns is not None and (has_status or call.status != "error")


def _likely(
    calls: Iterable[Span], orphan: Span, services: Mapping[str, set[str]]
) -> tuple[Span, ...]:
    """Return the calls that an orphan's parent may have answered, in the order of their start."""

    def is_to_its_service(call: Span) -> bool:
        where = destination(call) or ""
        its = service_of(orphan)
        return its in services.get(where, ()) or (bool(its) and its == where.partition(":")[0])

    preferences: tuple[Callable[[Span], bool], ...] = (
        is_to_its_service,
        lambda call: not is_answered(call),
    )
    likely = [call for call in calls if process_of(call) != process_of(orphan)]
    for is_preferred in preferences:
        likely = [call for call in likely if is_preferred(call)] or likely
    return tuple(sorted(likely, key=_start))


def _start(span: Span) -> tuple[int, int]:
    return span.start_ns, span.span_id


def _end(call: Span) -> float:
    return float("inf") if call.end_ns is None else call.end_ns
