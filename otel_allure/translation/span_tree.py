"""The spans of a trace as a tree: who is below whom, in which order, and what becomes a result.

Total: spans without a parent, cycles and spans that have not ended all have a place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import NamedTuple

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, is_container, is_test, kind_of, process_of, service_of
from otel_allure.presentation.values import destination
from otel_allure.translation.twins import twins_of


class CondensedTree(NamedTuple):
    """What is shown of the spans below a root.

    Attributes:
        children: what is below each span.
        shown_at: for each span that is not shown, the one that is, in whose place or below which it
            would have been.
        capped: number of steps left out below each span, because there are too many.
    """

    children: dict[int, list[Span]]
    shown_at: dict[int, int]
    capped: dict[int, int]


_CLOSE = 32
"""Levels above a span that are close to it."""
Filter = Callable[[dict[int, Span]], dict[int, Span]]


class SpanTree:
    """The spans of a trace by parent, sorted by start.

    The order does not depend on how the spans arrived: ties of start are broken by the end (what
    contains the other comes first), then by the id.

    Args:
        spans: all of the trace.
        filtered: leaves out spans that are to have no place in the tree.
    """

    def __init__(self, spans: Iterable[Span], filtered: Filter | None = None) -> None:
        self.complete = {span.span_id: span for span in sorted(spans, key=by_start)}
        """All spans of the trace, as they came. None ends before it starts: clocks are set back."""
        for span in self.complete.values():
            if span.end_ns is not None and span.end_ns < span.start_ns:
                self.complete[span.span_id] = span._replace(end_ns=span.start_ns)
        self.has_calls = any(c.KIND not in span.attributes for span in self.complete.values())
        """Whether there are spans from instrumentation."""
        self.by_id = self.complete
        if filtered is not None and self.has_calls:
            self.by_id = filtered(self.complete)
        ordered = list(self.by_id.values())
        self.children: dict[int, list[Span]] = {}
        self.roots: list[Span] = []
        self.last_ns = max((s.end_ns or s.start_ns for s in ordered), default=0)
        self.interrupted: set[int] = set()
        """Calls whose service was killed while it answered: what it had done is below them."""
        self.of_one_of: dict[int, tuple[Span, ...]] = {}
        """Spans that must be below one of several such calls, and nobody knows of which."""
        self.astray: set[int] = set()
        """Spans whose parent has not come, and that are where their time is."""
        self.twins: Counter[int] = Counter()
        """How many spans are left out below each: they never ended, beside the same that did."""
        ordered = self._without_twins(ordered)
        for span in ordered:
            parent = span.parent_id
            if parent is None or parent not in self.by_id:
                self.roots.append(span)
            else:
                self.children.setdefault(parent, []).append(span)
        self._break_cycles(ordered)
        self.tests = [s for s in ordered if kind_of(s) != c.STEP and is_test(s)]
        if self.tests[:1] != self.roots:  # else it is one test and what is below it, as always
            self._adopt_orphans()

    def _without_twins(self, ordered: list[Span]) -> list[Span]:
        twins = {s.span_id: s.parent_id for s in twins_of(ordered) if s.parent_id in self.by_id}
        self.twins.update(parent_id for parent_id in twins.values() if parent_id is not None)
        return [span for span in ordered if span.span_id not in twins] if twins else ordered

    def _break_cycles(self, ordered: list[Span]) -> None:
        """Make the first span of every cycle a root: broken data must not make spans vanish."""
        reached = self._below(self.roots)
        if len(reached) == len(ordered):
            return
        places = {span.span_id: place for place, span in enumerate(ordered)}
        for span in ordered:
            if span.span_id not in reached:
                first = min(self._cycle_above(span), key=places.__getitem__)
                self.children[self.by_id[first].parent_id or 0].remove(self.by_id[first])
                self.roots.append(self.by_id[first])
                reached |= self._below([self.by_id[first]])

    def _cycle_above(self, span: Span) -> list[int]:
        """Return the ids of the cycle that is above a span, or that it is in."""
        above: dict[int, int] = {}
        span_id = span.span_id
        while span_id not in above:
            above[span_id] = len(above)
            span_id = self.by_id[span_id].parent_id or 0
        return list(above)[above[span_id] :]

    def _below(self, spans: Iterable[Span]) -> set[int]:
        seen: set[int] = set()
        todo = list(spans)
        while todo:
            span = todo.pop()
            seen.add(span.span_id)
            todo += self.children.get(span.span_id, ())
        return seen

    def _adopt_orphans(self) -> None:
        """Hang spans whose parent is missing below the call, or test or phase, that then ran."""
        results = self.tests or [span for span in self.roots if is_container(span)][:1]
        if not results:
            return
        stays = self._at_or_above(results)
        hosts = [*results, *(phase for span in results for phase in self._phases(span))]
        adopted: dict[int, list[Span]] = {}
        orphans = [span for span in self.roots if span.span_id not in stays]
        if not orphans:
            return
        self.roots = [span for span in self.roots if span.span_id in stays]
        calls = self._answered_calls(orphans)
        for orphan, host in self._hosts(orphans, hosts):
            if its_calls := calls.get(orphan.parent_id or 0):
                host = self._common(its_calls) or host
                if len(its_calls) > 1:
                    self.of_one_of[orphan.span_id] = its_calls
            elif orphan.parent_id is not None and orphan.parent_id not in self.complete:
                self.astray.add(orphan.span_id)
            adopted.setdefault(host.span_id, []).append(orphan)
        for host_id, its in adopted.items():
            children = self.children.get(host_id, [])
            self.children[host_id] = sorted([*children, *its], key=by_start)

    def _answered_calls(self, orphans: list[Span]) -> Mapping[int, tuple[Span, ...]]:
        """Return which calls the missing parents of orphans may have answered, by their ids."""
        from otel_allure.translation.interrupted import answered_calls  # it is rare

        silent: list[Span] = []
        services: dict[str, set[str]] = {}
        known = self._below(self.roots)  # below orphans there may be calls of their own
        for span in map(self.by_id.__getitem__, known):
            if span.kind != "client" or any(name.startswith("db.") for name in span.attributes):
                continue
            below = self.children.get(span.span_id, ())
            others = {service_of(each) for each in below if process_of(each) != process_of(span)}
            if others:
                services.setdefault(destination(span) or "", set()).update(others)
            else:
                silent.append(span)
        answered = answered_calls(orphans, silent, services)
        self.interrupted.update(answered.interrupted)
        return answered.calls

    def _common(self, spans: tuple[Span, ...]) -> Span | None:
        """Return the one span, or the innermost above all; None if that is far above."""
        common = self._path(spans[0])[len(spans) > 1 :]
        for span in spans[1:]:
            path = set(self._path(span))
            common = [span_id for span_id in common if span_id in path]
        return self.by_id[common[0]] if common else None

    def _path(self, span: Span) -> list[int]:
        """Return the ids of a span and what is closely above it, from below."""
        path = [span.span_id]
        above = self.by_id.get(span.parent_id or 0)
        while above is not None and len(path) < _CLOSE:
            path.append(above.span_id)
            above = None if is_test(above) else self.by_id.get(above.parent_id or 0)
        return path

    def _at_or_above(self, spans: Iterable[Span]) -> set[int]:
        # Not by `parent_id`, which still leads around a cycle.
        parents = {child.span_id: i for i, below in self.children.items() for child in below}
        found: set[int] = set()
        for span in spans:
            span_id: int | None = span.span_id
            while span_id is not None and span_id not in found:
                found.add(span_id)
                span_id = parents.get(span_id)
        return found

    def _phases(self, span: Span) -> list[Span]:
        return [child for child in self.children.get(span.span_id, ()) if kind_of(child) == c.PHASE]

    def _hosts(self, orphans: list[Span], hosts: list[Span]) -> Iterator[tuple[Span, Span]]:
        """Yield orphans, each with the innermost of `hosts` when it started.

        If none ran then, it is the last one before, or the first of all.
        """
        coming = sorted(enumerate(hosts), key=lambda host: host[1].start_ns, reverse=True)
        running: list[tuple[int, int]] = []  # a heap: who started last is the first
        last = hosts[0]
        for orphan in sorted(orphans, key=by_start):
            while coming and coming[-1][1].start_ns <= orphan.start_ns:
                place, host = coming.pop()
                heappush(running, (-host.start_ns, place))
                last = hosts[running[0][1]]
            while running and self.end_ns(hosts[running[0][1]]) < orphan.start_ns:
                heappop(running)
            yield orphan, hosts[running[0][1]] if running else last

    def result_roots(self) -> list[Span]:
        """Return the spans that become results."""
        return self.tests + [root for root in self.roots if self._has_other_than_tests(root)]

    def _has_other_than_tests(self, root: Span) -> bool:
        """Whether there is something to show of `root`: it is no test, nor a mere frame of tests.

        A whole session in one trace has spans above its tests (session, suites), and others
        beside them, a set-up for example: those must not be missing.
        """
        todo = [root]
        while todo:
            span = todo.pop()
            below = self.children.get(span.span_id, ())
            if not below and not is_test(span):
                return True
            todo += () if is_test(span) else below
        return False

    def own_service(self, root: Span) -> str:
        """Return the name that the test's own process goes by, empty if it has none.

        Spans of ours do not say it; the calls that the test's own code has made do.
        """
        todo = [root] if c.KIND in root.attributes or is_test(root) else []
        while todo:
            for span in self.children.get(todo.pop().span_id, ()):
                if c.KIND in span.attributes:
                    todo.append(span)
                elif span.kind not in ("server", "consumer") and not span.parent_is_remote:
                    return service_of(span)
        return ""

    def end_ns(self, span: Span) -> int:
        """Return the end of the span; one that has not ended lasts as long as the trace."""
        return self.last_ns if span.end_ns is None else span.end_ns

    def milliseconds(self, span: Span) -> tuple[int, int]:
        """Return start and stop for Allure: whole milliseconds, the stop not before the start."""
        start = span.start_ns // 1_000_000
        return start, max(start, self.end_ns(span) // 1_000_000)


def by_start(span: Span) -> tuple[int, int, int]:
    """Return the key by which spans are sorted: start, then the longest, then the id."""
    end_ns = span.end_ns
    return span.start_ns, -end_ns if end_ns is not None else -(1 << 63), span.span_id
