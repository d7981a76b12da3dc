"""A tree that is too large to be read -> one that can be: filtered, folded, capped. Pure.

Only spans from instrumentation are taken out. Allure's own steps are never: there are as many as
their author wrote, and what is above one of them stays, too.

* What the settings name as noise is left out; what was below it moves up.
* Equal spans below the same step are shown as one, with the first, the slowest and the failed.
* Beyond `max_steps` the deepest and latest are left out, and their number is told.

A folded step is a span too, marked as a step, so whoever reads the tree needs no more rules.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED, PASSED, SKIPPED, UNKNOWN
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span, is_test, kind_of, service_of
from otel_allure.presentation.domains import databases
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.durations import duration
from otel_allure.presentation.presentation import Presentation
from otel_allure.translation.lookups import lookup
from otel_allure.translation.repeats import is_test_itself, n_plus_one
from otel_allure.translation.span_tree import CondensedTree, SpanTree, by_start

_TRANSPARENT = (c.PHASE, c.CONTAINER)  # no steps
_WORST_FIRST = (FAILED, BROKEN, UNKNOWN, SKIPPED, PASSED)
_INSTEAD = {
    True: "one query with all the keys, or a join, could do the same",
    False: "one call with all the keys could do the same",
}
"""What is better than an N+1, by whether that is one of queries."""


def condense(root: Span, tree: SpanTree, presentation: Presentation) -> CondensedTree:
    """Return what is to be shown of what is below `root`, in a tree that has calls."""
    condensing = _Condensing(root, tree, presentation)
    condensing.filter()
    condensing.fold()
    condensing.cap()
    return CondensedTree(condensing.children, condensing.last_homes(), condensing.capped)


class _Condensing:
    """The tree below a root while it is made smaller."""

    def __init__(self, root: Span, tree: SpanTree, presentation: Presentation) -> None:
        self.root = root
        self.tree = tree
        self.presentation = presentation
        self.settings = presentation.settings
        self.children = tree.children
        self.shown_at: dict[int, int] = {}
        self.capped: dict[int, int] = {}

    def _walk(self) -> Iterator[tuple[Span, int]]:
        """Yield each span below the root and its parent's id, parents first; tests are apart."""
        todo = [self.root]
        while todo:
            parent = todo.pop()
            for span in self.children.get(parent.span_id, ()):
                if not is_test(span):
                    yield span, parent.span_id
                    todo.append(span)

    def _title(self, span: Span) -> str:
        return self.presentation.title(span, self.tree.by_id.get(span.parent_id or 0))

    def _failed(self, span: Span) -> bool:
        return span.status == "error" and self.presentation.outcome(span).status != PASSED

    def _took(self, span: Span) -> int:
        return self.tree.end_ns(span) - span.start_ns

    def _hide(self, span: Span, home: int) -> int:
        """Note where a span and all below it would have been; return how many they are."""
        todo, count = [span], 0
        while todo:
            hidden = todo.pop()
            if not is_test(hidden):
                self.shown_at[hidden.span_id] = home
                count += 1
                todo += self.children.get(hidden.span_id, ())
        return count

    def last_homes(self) -> dict[int, int]:
        """Return the homes; that of a span may have been hidden after the span was."""
        return {span_id: self._last_home(span_id) for span_id in self.shown_at}

    def _last_home(self, span_id: int) -> int:
        while span_id in self.shown_at:
            span_id = self.shown_at[span_id]
        return span_id

    # -- what the settings name as noise

    def filter(self) -> None:
        """Take out noise, and move up what is below it."""
        is_noise = _noise(self.settings)
        if is_noise is None:
            return
        hides_failed = self.settings.ignore_failed
        children: dict[int, list[Span]] = {}
        todo = [self.root]
        while todo:
            parent = todo.pop()
            kept: list[Span] = []
            below = list(self.children.get(parent.span_id, ()))
            while below:
                span = below.pop()
                if _is_call(span) and is_noise(span) and (hides_failed or not self._failed(span)):
                    self.shown_at[span.span_id] = parent.span_id
                    below += self.children.get(span.span_id, ())
                else:
                    kept.append(span)
            if kept:
                children[parent.span_id] = sorted(kept, key=by_start)
                todo += (span for span in kept if not is_test(span))
        self.children = children

    # -- equal ones

    def fold(self) -> None:
        """Put equal spans together."""
        least = self.settings.fold
        walked = list(self._walk()) if least else []
        parents = {parent_id for _, parent_id in walked}
        if all(len(self.children[parent_id]) < least for parent_id in parents):
            return
        remarkable = self._remarkable(walked)
        self.children = {parent_id: self.children[parent_id] for parent_id in parents}
        todo = [self.root.span_id]  # from above, as what is folded away is not folded itself
        while todo:
            parent_id = todo.pop()
            below = self.children.get(parent_id, [])
            if len(below) >= least:
                below = sorted(self._folded(below, remarkable), key=by_start)
                self.children[parent_id] = below
            for span in below:
                is_group = c.FOLDED in span.attributes
                kept = self.children.get(span.span_id, []) if is_group else [span]
                todo += [each.span_id for each in kept if not is_test(each)]

    def _remarkable(self, walked: list[tuple[Span, int]]) -> set[int]:
        """Return the ids of the spans that must be seen, and of all that are above such ones."""
        found: set[int] = set()
        for span, parent_id in reversed(walked):
            if span.span_id in found or not _is_call(span) or self._failed(span):
                found.update((span.span_id, parent_id))
        return found

    def _folded(self, spans: list[Span], remarkable: set[int]) -> Iterator[Span]:
        for members in self._alike(spans):
            slowest = max(members, key=self._took)
            kept = [
                span
                for span in members
                if span is members[0] or span is slowest or span.span_id in remarkable
            ]
            if self.settings.fold <= len(members) > len(kept):
                yield self._group(members, kept)
            else:
                yield from members

    def _alike(self, spans: list[Span]) -> list[list[Span]]:
        """Return the spans by what they are, in runs that no step of the author's interrupts."""
        runs: dict[object, list[Span]] = {}
        run = 0
        for span in spans:
            if _is_call(span):
                title = pattern_of(self._title(span))
                likeness = (run, span.scope, service_of(span), span.kind, title)
                runs.setdefault(likeness, []).append(span)
            else:
                run += 1
                runs[span.span_id] = [span]
        return list(runs.values())

    def _group(self, members: list[Span], kept: list[Span]) -> Span:
        """Return the step that stands for `members`, of which `kept` are shown below it."""
        title, told = self._told_of(members, kept)
        outcomes = map(self.presentation.outcome, members)
        worst = min(outcomes, key=lambda outcome: _WORST_FIRST.index(outcome.status))
        unfinished = any(span.end_ns is None for span in members)
        group = members[0]._replace(
            span_id=members[0].span_id ^ _GROUP,
            name=title,
            end_ns=None if unfinished else max(map(self.tree.end_ns, members)),
            attributes={
                c.KIND: c.STEP,
                c.FOLDED: len(members),
                c.STATUS: worst.status,
                c.MESSAGE: worst.message,
                c.PARAMETER_NAMES: list(told),
                c.PARAMETER_VALUES: list(told.values()),
            },
            events=(),
            links=(),
        )
        self.children[group.span_id] = kept
        shown = {span.span_id for span in kept}
        for span in members:
            if span.span_id not in shown:
                self._hide(span, group.span_id)
        return group

    def _told_of(self, members: list[Span], kept: list[Span]) -> tuple[str, dict[str, str]]:
        """Return the title and the parameters of a group."""
        took = [self._took(span) for span in members]
        title = self._title(members[0])
        if any(self._title(span) != title for span in members):
            title = pattern_of(title)
        title = f"{title} ×{len(members):,}, {duration(sum(took))}"
        which = "the first, the slowest, and what failed" if len(kept) > 1 else "the slowest"
        told = {
            "shown": f"{len(kept)} of {len(members):,}: {which}",
            "duration": f"{duration(min(took))} to {duration(max(took))} each",
        }
        if self._is_n_plus_one(members):
            is_query = databases.DOMAIN in domains_of(members[0])
            title += " (N+1 query?)" if is_query else " (N+1?)"
            told["warning"] = _INSTEAD[is_query]
        return title, told

    def _is_n_plus_one(self, members: list[Span]) -> bool:
        """Whether a call is repeated for the sake of its values, each after the one before."""
        lookups = {lookup(span, self.tree, self.presentation) for span in members}
        if len(lookups) > 1 or None in lookups:
            return False
        caller = self.tree.by_id.get(members[0].parent_id or 0)
        by_test = is_test_itself(caller)
        return bool(n_plus_one(members, self.tree, self.presentation, by_test=by_test))

    # -- too many

    def cap(self) -> None:
        """Leave out what is beyond the limit."""
        limit = self.settings.max_steps
        steps = sum(kind_of(span) not in _TRANSPARENT for span, _ in self._walk())
        if not limit or steps <= limit:
            return
        kept = self._most_important(limit)
        children: dict[int, list[Span]] = {}
        for parent_id in (self.root.span_id, *kept):
            below = self.children.get(parent_id, ())
            gone = [span for span in below if span.span_id not in kept and not is_test(span)]
            children[parent_id] = [span for span in below if span.span_id in kept]
            if gone:
                self.capped[parent_id] = sum(self._hide(span, parent_id) for span in gone)
        self.children = children

    def _most_important(self, limit: int) -> set[int]:
        """Return the ids of what stays: the author's steps, what failed, and what is not deep.

        With a span all those above it stay, so the author's steps may be more than the limit.
        """
        parents: dict[int, int] = {}
        depths = {self.root.span_id: 0}
        calls: list[tuple[bool, int, tuple[int, int, int]]] = []
        kept: set[int] = set()
        room = limit
        for span, parent_id in self._walk():
            parents[span.span_id] = parent_id
            depth = depths[span.span_id] = depths[parent_id] + 1
            if _is_call(span):
                calls.append((not self._failed(span), depth, by_start(span)))
            else:
                path = _path(span.span_id, parents, kept)
                kept.update(path)
                room -= len(path) if kind_of(span) not in _TRANSPARENT else 0
        for _, _, (_, _, span_id) in sorted(calls):
            if room <= 0:
                break
            path = _path(span_id, parents, kept, room)
            if len(path) <= room:
                kept.update(path)
                room -= len(path)
        return kept


def _path(
    span_id: int, parents: dict[int, int], kept: set[int], most: float = math.inf
) -> list[int]:
    """Return the span and those above it, below what is kept already; one beyond `most` ends it."""
    path: list[int] = []
    while span_id in parents and span_id not in kept and len(path) <= most:
        path.append(span_id)
        span_id = parents[span_id]
    return path


def _is_call(span: Span) -> bool:
    """Whether the span is from instrumentation, and holds nothing that an author has attached."""
    return not (
        c.KIND in span.attributes or c.ATTACHMENT_SOURCES in span.attributes or is_test(span)
    )


def _noise(settings: Settings) -> Callable[[Span], bool] | None:
    """Return what tells which spans the settings leave out, None if none."""
    least_ns = settings.min_duration_ms * 1_000_000
    named = settings.ignore_scopes or settings.ignore_names or settings.ignore_kinds
    if not (least_ns or named):
        return None

    def is_noise(span: Span) -> bool:
        return (
            (span.end_ns is not None and max(0, span.end_ns - span.start_ns) < least_ns)
            or span.kind in settings.ignore_kinds
            or any(fnmatchcase(span.scope, pattern) for pattern in settings.ignore_scopes)
            or any(fnmatchcase(span.name, pattern) for pattern in settings.ignore_names)
        )

    return is_noise


_VALUE = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{12,}\b|\b\d+\b", re.IGNORECASE
)


def pattern_of(title: str) -> str:
    """Return a title without ids and numbers, but with the status that stands behind an arrow."""
    call, arrow, status = title.partition(" → ")
    return _VALUE.sub("*", call) + arrow + status


_GROUP = 0x5A17_0F01_DED0_CA11
"""What makes another id of a member's, for the step that stands for all of them."""
