"""What is remarkable about the calls of a test, whether it has failed or not. Pure.

Each finding is a tag, by which tests can be filtered, and a line for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from otel_allure.model import conventions as c
from otel_allure.model.spans import Span, is_test, kind_of, process_of, service_of
from otel_allure.presentation.domains.table import domains_of
from otel_allure.presentation.durations import duration
from otel_allure.presentation.errors import error_of
from otel_allure.presentation.presentation import Presentation
from otel_allure.presentation.values import destination, number_of, text_of
from otel_allure.translation.interrupted import is_answered
from otel_allure.translation.lookups import looked_up
from otel_allure.translation.repeats import is_test_itself, n_plus_ones, tries
from otel_allure.translation.span_tree import SpanTree

_MOST_LINES = 5
"""Of one tag; beyond, it is told how many there are."""
_MAY_TAKE_LONG = ("Generative AI", "Messaging")
_WEBSOCKET = ("ws", "wss")
_BETWEEN_SERVICES = ("HTTP", "RPC")
_TRY_AGAIN = ("HTTP 408", "HTTP 425", "HTTP 429")
"""Errors of the caller's that are none: the same call may go well later."""


NOT_REPORTED = "the service that was called has reported nothing of it"
INTERRUPTED = "the service that was called has not ended it: was it killed?"


class Finding(NamedTuple):
    """What was found.

    Attributes:
        tag: one of `settings.FINDINGS`, or `trace`.
        text: what, how often and where.
    """

    tag: str
    text: str


def findings_of(root: Span, tree: SpanTree, presentation: Presentation) -> list[Finding]:
    """Return what is remarkable below `root`, of what the settings ask for."""
    search = _Search(root, tree, presentation)
    found: list[Finding] = []
    for tag in presentation.settings.findings:
        texts = list(dict.fromkeys(_SEARCHES[tag](search)))
        found += [Finding(tag, text) for text in texts[:_MOST_LINES]]
        if len(texts) > _MOST_LINES:
            found.append(Finding(tag, f"… and {len(texts) - _MOST_LINES:,} more"))
    return found


def silent_calls(root: Span, tree: SpanTree, presentation: Presentation) -> list[tuple[Span, str]]:
    """Return the calls below `root` that are `unreported`, each with what is known of it."""
    return list(_Search(root, tree, presentation).silent_calls())


def failed_checks(tree: SpanTree, presentation: Presentation) -> list[Finding]:
    """Return what the trace is not that a test has expected of it."""
    told = [
        str(span.attributes[c.MESSAGE]).partition("\n")[0]
        for span in tree.complete.values()
        if c.CHECK in span.attributes and c.MESSAGE in span.attributes
    ]
    texts = list(dict.fromkeys(map(presentation.redaction.text, told)))
    more = [f"… and {len(texts) - _MOST_LINES:,} more"] if len(texts) > _MOST_LINES else []
    return [Finding("trace", text) for text in texts[:_MOST_LINES] + more]


class _Search:
    """The search below one root: each method yields what it has found, as text."""

    def __init__(self, root: Span, tree: SpanTree, presentation: Presentation) -> None:
        self.root = root
        self.tree = tree
        self.presentation = presentation
        self.settings = presentation.settings
        self.own_service = tree.own_service(root)
        self.walked: list[tuple[Span, Span]] = []  # with the one above it, from above to below
        todo = [root]
        while todo:
            above = todo.pop()
            for span in self._below(above):
                self.walked.append((span, above))
                todo.append(span)
        self.walked.sort(key=lambda each: each[0].start_ns)

    def _below(self, span: Span) -> list[Span]:
        return [each for each in self.tree.children.get(span.span_id, ()) if not is_test(each)]

    def _calls_below_each(self) -> Iterator[tuple[Span, list[Span]]]:
        """Yield each span and the calls that it has made, where there are several."""
        for above in (self.root, *(span for span, _ in self.walked)):
            calls = [span for span in self._below(above) if c.KIND not in span.attributes]
            if len(calls) > 1:
                yield above, calls

    def n_plus_one(self) -> Iterator[str]:
        """Find calls that are made for each of many things, one after the other."""
        for above, calls in self._calls_below_each():
            by_test = is_test_itself(above)
            for run in n_plus_ones(calls, self.tree, self.presentation, by_test=by_test):
                took = duration(sum(map(self._took, run)))
                call = self._called(run[0], looked_up(run, self.tree, self.presentation))
                yield f"{call} ×{len(run):,}, one after the other, {took}{self._in(above)}"

    def slow(self) -> Iterator[str]:
        """Find the innermost calls that took long."""
        least_ns = self.settings.slow_ms * 1_000_000
        covered: set[int] = set()
        found: list[Span] = []
        for span, above in self._from_below() if least_ns else ():
            is_slow = self._took(span) >= least_ns and self._has_to_be_quick(span)
            if is_slow and span.span_id not in covered:
                found.append(span)
            if is_slow or span.span_id in covered:
                covered.add(above.span_id)
        for span in sorted(found, key=self._took, reverse=True):
            yield f"{self._call(span)} took {duration(self._took(span))}"

    def _from_below(self) -> Iterator[tuple[Span, Span]]:
        """Yield spans and what is above them; each after all that is below it."""
        above = {span.span_id: over for span, over in self.walked}
        order, todo = [], [self.root]
        while todo:
            below = self._below(todo.pop())
            order += below
            todo += below
        for span in reversed(order):
            yield span, above[span.span_id]

    @staticmethod
    def _has_to_be_quick(span: Span) -> bool:
        if c.KIND in span.attributes or span.end_ns is None or span.kind == "consumer":
            return False
        domains = domains_of(span)
        if any(domain.name in _MAY_TAKE_LONG for domain in domains):
            return False
        if text_of(span.attributes, "url.scheme", "http.scheme") in _WEBSOCKET:
            return False
        return span.kind != "internal" or bool(domains)

    def retry(self) -> Iterator[str]:
        """Find calls that were made again because they had failed."""
        for _, calls in self._calls_below_each():
            failed = {span.span_id for span in calls if _is_worth_a_retry(span)}
            for each in tries(calls, failed, self.tree) if failed else ():
                end = "failed each time" if each[-1].span_id in failed else "the last one went well"
                yield f"{self._call(each[0])} was tried {len(each):,} times, {end}"
        for span, _ in self.walked:
            retries = number_of(span.attributes.get("retry_attempts"))
            if retries:
                yield f"{self._call(span)} was tried {retries + 1:,} times"

    def unfinished(self) -> Iterator[str]:
        """Find what had not ended when the report was written."""
        if self.root.end_ns is None:
            return  # as nothing had
        for span, _ in self.walked:
            if span.end_ns is None and kind_of(span) in (None, c.STEP):
                yield f"{self._call(span)} had not ended when the report was written"

    def unreported(self) -> Iterator[str]:
        """Find calls whose service has told nothing, where other services do."""
        for span, why in self.silent_calls():
            where = destination(span)
            at = f" ({self.presentation.redaction.text(where)})" if where else ""
            yield f"{self._call(span)}{at}: {why}"

    def silent_calls(self) -> Iterator[tuple[Span, str]]:
        """Yield calls whose service has not told of them, and what is known of it."""
        calls = [span for span, _ in self.walked if _is_between_services(span)]
        silent = [span for span in calls if not self._is_reported(span)]
        interrupted = self.tree.interrupted
        silent_ids = {span.span_id for span in silent} - interrupted
        reporting = {destination(span) for span in calls if span.span_id not in silent_ids}
        for span in silent:
            is_left = not is_answered(span) and destination(span) in reporting - {None}
            if span.span_id in interrupted or (is_left and not self._below(span)):
                yield span, INTERRUPTED
            elif len(silent) < len(calls) and not self._below(span):
                yield span, NOT_REPORTED

    def _is_reported(self, span: Span) -> bool:
        return any(
            below.kind == "server" and process_of(below) != process_of(span)
            for below in self._below(span)
        )

    # -- the words

    def _took(self, span: Span) -> int:
        return max(0, self.tree.end_ns(span) - span.start_ns)

    def _call(self, span: Span) -> str:
        """Return what was called, with the service whose span it is."""
        return self._called(span, self.presentation.call(span))

    def _called(self, span: Span, call: str) -> str:
        service = service_of(span)
        if c.KIND in span.attributes or service in ("", self.own_service):
            return call
        return f"{self.presentation.redaction.text(service)} · {call}"

    def _in(self, above: Span) -> str:
        """Return where it was, if that is more than the test itself."""
        kind = kind_of(above)
        if kind in (c.STEP, c.FIXTURE):
            return f", in {self.presentation.authors(above)}"
        return "" if kind is not None or above is self.root else f", in {self._call(above)}"


_SEARCHES: dict[str, Callable[[_Search], Iterator[str]]] = {
    "n+1": _Search.n_plus_one,
    "slow": _Search.slow,
    "retry": _Search.retry,
    "unfinished": _Search.unfinished,
    "unreported": _Search.unreported,
}


def _is_worth_a_retry(span: Span) -> bool:
    error = error_of(span)
    return error is not None and (error.kind != "4xx" or error.answer in _TRY_AGAIN)


def _is_between_services(span: Span) -> bool:
    return span.kind == "client" and any(
        domain.name in _BETWEEN_SERVICES for domain in domains_of(span)[:1]
    )


def calls_between_services(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the calls of which the service that was called may tell, too."""
    return filter(_is_between_services, spans)
