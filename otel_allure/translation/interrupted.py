"""Spans of a service that was killed while it answered -> the call that it answered. Pure.

Its span of the request never ended, so it was never sent; what had ended below it was, and has a
parent that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from otel_allure.model.spans import Span, process_of


def answered_calls(orphans: Iterable[Span], silent: Iterable[Span]) -> dict[int, Span]:
    """Return the call that a missing parent must have answered, by the parent's id.

    There is one only where, when its first child began, a single call to another process was open
    of which nobody else tells.

    Args:
        orphans: spans whose parent is missing.
        silent: calls with nothing below them.
    """
    coming = sorted(silent, key=_start, reverse=True)
    open_calls: list[Span] = []
    found: dict[int, Span | None] = {}
    for orphan in sorted(orphans, key=_start):
        parent = orphan.parent_id
        if parent is None or parent in found:
            continue
        while coming and coming[-1].start_ns <= orphan.start_ns:
            open_calls.append(coming.pop())
        open_calls = [
            call for call in open_calls if call.end_ns is None or call.end_ns >= orphan.start_ns
        ]
        its = [call for call in open_calls if process_of(call) != process_of(orphan)]
        found[parent] = its[0] if len(its) == 1 else None
    return {parent: call for parent, call in found.items() if call is not None}


def _start(span: Span) -> int:
    return span.start_ns
