"""The heart: the spans of a trace -> test results and fixture containers. Pure.

A span with `allure.kind` = `test` (or another producer's mark of a test) becomes a test result; in
a trace that has none, each root does. What is below it becomes steps, sorted by start; phases
disappear, their content stays; fixtures move into a container. Whatever the spans are, every one
of them is shown: one without an end as unfinished, one whose parent is missing below the test,
one that ran outside of the tests in a result of what is above them.

No clock, no disk, no threads, no pytest, no SDK.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from allure_commons.model2 import (
    Attachment,
    ExecutableItem,
    Label,
    Link,
    Parameter,
    StatusDetails,
    TestAfterResult,
    TestBeforeResult,
    TestResult,
    TestResultContainer,
    TestStepResult,
)

from otel_allure import conventions as c
from otel_allure import presentation
from otel_allure.outcome import FAILED, OK, PASSED, UNKNOWN, Outcome
from otel_allure.spans import Attributes, Span
from otel_allure.traces import is_test

MAX_DEPTH = 200
"""Levels of steps in a result. The report tools lose results of 500 (Allure 2) or 2,000 levels
(Allure 3), and Python's JSON encoder those of about 330: deeper steps are shown flat, at the last
level, with a note."""

UNFINISHED = "Unfinished: the span had not ended when the report was written."
NO_PARENT = "Incomplete: the span that it belongs to has not come, {}."


class Translated(NamedTuple):
    """What a trace became."""

    results: list[TestResult]
    containers: list[TestResultContainer]
    uses: list[tuple[tuple[int, int], str]]
    """Which containers' spans the tests used: (trace id, span id) of the container, uuid of the
    test. A test says so by span links, as it can not have several parents."""


def to_results(spans: Iterable[Span]) -> Translated:
    """Translate the spans of one trace."""
    tree = _Tree(spans)
    results: list[TestResult] = []
    containers: list[TestResultContainer] = []
    uses: list[tuple[tuple[int, int], str]] = []
    for root in tree.result_roots():
        result = _test_result(root, tree) if is_test(root) else _root_result(root, tree)
        container = TestResultContainer(uuid=_uuid(root, _ITS_CONTAINER), children=[result.uuid])
        _fill(result, root, tree, container)
        results.append(result)
        if container.befores or container.afters:
            containers.append(container)
        uses += [
            ((link.trace_id, link.span_id), result.uuid)
            for link in root.links
            if link.attributes.get(c.KIND) == c.CONTAINER
        ]
    return Translated(results, containers, uses)


def to_container(spans: Iterable[Span], children: Sequence[str]) -> TestResultContainer | None:
    """Translate a fixture's own trace; `children` are the uuids of the tests that used it."""
    tree = _Tree(spans)
    root = next((span for span in tree.roots if is_container(span)), None)
    if root is None:
        return None
    start, stop = tree.milliseconds(root)
    container = TestResultContainer(
        uuid=_uuid(root), name=root.name, children=list(children), start=start, stop=stop
    )
    # A container has no steps of its own: what is in none of its fixtures becomes one.
    rest = TestBeforeResult(name=root.name, start=start, stop=stop)
    _describe(rest, root)
    _fill(rest, root, tree, container)
    if rest.steps or rest.attachments:
        container.befores.append(rest)
    return container


def is_session(span: Span) -> bool:
    """Whether the span is a run of tests or a phase, of which nothing is shown by itself."""
    return _kind(span) in (c.SESSION, c.PHASE)


def is_container(span: Span) -> bool:
    """Whether the span is the life of a fixture with a trace of its own."""
    return _kind(span) == c.CONTAINER


def _kind(span: Span) -> str | None:
    return span.attributes.get(c.KIND)


# -- the tree


class _Tree:
    """The spans of a trace by parent, sorted by start.

    The order does not depend on how the spans arrived: ties of start are broken by the end (what
    contains the other comes first), then by the id.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self.by_id = {span.span_id: span for span in sorted(spans, key=_by_start)}
        ordered = list(self.by_id.values())
        self.children: dict[int, list[Span]] = {}
        self.roots: list[Span] = []
        self.last_ns = max((s.end_ns or s.start_ns for s in ordered), default=0)
        for span in ordered:
            parent = span.parent_id
            if parent is None or parent not in self.by_id:
                self.roots.append(span)
            else:
                self.children.setdefault(parent, []).append(span)
        self._break_cycles(ordered)
        self.tests = [s for s in ordered if _kind(s) != c.STEP and is_test(s)]
        if self.tests[:1] != self.roots:  # else it is one test and what is below it, as always
            self._adopt_orphans()

    def _break_cycles(self, ordered: list[Span]) -> None:
        """Make the first span of every cycle a root: broken data must not make spans vanish."""
        reached = self._below(self.roots)
        if len(reached) == len(self.by_id):
            return
        for span in ordered:
            if span.span_id not in reached:
                assert span.parent_id is not None
                self.children[span.parent_id].remove(span)
                self.roots.append(span)
                reached |= self._below([span])

    def _below(self, spans: Iterable[Span]) -> set[int]:
        seen: set[int] = set()
        todo = list(spans)
        while todo:
            span = todo.pop()
            seen.add(span.span_id)
            todo += self.children.get(span.span_id, ())
        return seen

    def _adopt_orphans(self) -> None:
        """Hang spans whose parent is missing below the test, or its phase, that then ran."""
        results = self.tests or [span for span in self.roots if is_container(span)][:1]
        if not results:
            return
        stays = self._at_or_above(results)
        hosts = [*results, *(phase for span in results for phase in self._phases(span))]
        adopted: dict[int, list[Span]] = {}
        for orphan in self.roots:
            if orphan.span_id not in stays:
                adopted.setdefault(self._host(orphan, hosts).span_id, []).append(orphan)
        self.roots = [span for span in self.roots if span.span_id in stays]
        for host_id, orphans in adopted.items():
            children = self.children.get(host_id, [])
            self.children[host_id] = sorted([*children, *orphans], key=_by_start)

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
        return [child for child in self.children.get(span.span_id, ()) if _kind(child) == c.PHASE]

    def _host(self, orphan: Span, hosts: list[Span]) -> Span:
        """Return the innermost of `hosts` when `orphan` started, else the last one before it."""
        before = [host for host in hosts if host.start_ns <= orphan.start_ns]
        return max(
            before or hosts[:1],
            key=lambda host: (orphan.start_ns <= self._end_ns(host), host.start_ns),
        )

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

    def _end_ns(self, span: Span) -> int:
        return self.last_ns if span.end_ns is None else span.end_ns

    def milliseconds(self, span: Span) -> tuple[int, int]:
        """Return start and stop for Allure: whole milliseconds, the stop not before the start."""
        start = span.start_ns // 1_000_000
        return start, max(start, self._end_ns(span) // 1_000_000)


def _by_start(span: Span) -> tuple[int, int, int]:
    end_ns = span.end_ns
    return span.start_ns, -end_ns if end_ns is not None else -(1 << 63), span.span_id


# -- steps and fixtures

_TRANSPARENT = (c.PHASE, c.CONTAINER)  # their content is shown where they are


def _fill(item: ExecutableItem, root: Span, tree: _Tree, container: TestResultContainer) -> None:
    """Put everything below `root` into `item`, fixtures into `container`."""
    steps: list[TestStepResult] = []
    # Depth first with a stack of our own: the depth of a trace is up to others.
    todo = [(span, item, 1) for span in reversed(tree.children.get(root.span_id, ()))]
    while todo:
        span, holder, depth = todo.pop()
        kind = _kind(span)
        if kind != c.STEP and is_test(span):
            continue  # a result of its own
        if kind in _TRANSPARENT:
            below = holder
            _collect_attachments(span, holder)
        elif kind == c.FIXTURE:
            below, depth = _fixture(span, tree, container), 0
        else:
            below = _step(span, tree)
            holder.steps.append(below)
            steps.append(below)
        children = tree.children.get(span.span_id)
        if children is None:
            continue
        children = children[::-1]
        next_depth = depth if below is holder else depth + 1
        if next_depth <= MAX_DEPTH:
            todo += [(child, below, next_depth) for child in children]
        else:
            if depth == MAX_DEPTH:
                below.name = f"{below.name} (deeper levels are shown flat, below this one)"
            todo += [(child, holder, next_depth) for child in children]
    _tell_twins_apart(steps)


def _tell_twins_apart(steps: list[TestStepResult]) -> None:
    """Move steps of the same name and start by a millisecond.

    Allure 3 takes them for one step: opening one opens or closes the other. Concurrent calls are
    such twins all the time. What cannot be opened is left alone.
    """
    seen: set[tuple[str, int]] = set()
    free: dict[tuple[str, int], int] = {}  # where the search for a free start goes on
    for step in steps:
        key = (step.name, step.start)
        if key in seen and _opens(step):
            start = free.get(key, step.start)
            while (step.name, start) in seen:
                start += 1
            free[key] = start + 1
            step.stop += start - step.start
            step.start = start
            key = (step.name, start)
        seen.add(key)


def _opens(step: TestStepResult) -> bool:
    return bool(step.steps or step.attachments or step.parameters or step.statusDetails)


def _step(span: Span, tree: _Tree) -> TestStepResult:
    start, stop = tree.milliseconds(span)
    step = TestStepResult(name=presentation.title(span), start=start, stop=stop)
    _describe(step, span)
    return step


def _fixture(span: Span, tree: _Tree, container: TestResultContainer) -> ExecutableItem:
    before = span.attributes.get(c.PHASE_NAME) != "after"
    start, stop = tree.milliseconds(span)
    kind = TestBeforeResult if before else TestAfterResult
    fixture: ExecutableItem = kind(name=span.name, start=start, stop=stop)
    _describe(fixture, span)
    (container.befores if before else container.afters).append(fixture)
    if container.start is None or start < container.start:
        container.start = start
    container.stop = max(stop, container.stop or 0)
    return fixture


def _describe(item: ExecutableItem, span: Span) -> None:
    """Set what steps, fixtures and tests have in common."""
    status, message, trace = _outcome(span)
    item.status = status
    if message or trace:
        item.statusDetails = StatusDetails(message=message or None, trace=trace)
    if c.KIND not in span.attributes:
        item.parameters = [
            Parameter(name=name, value=value) for name, value in presentation.parameters(span)
        ]
    if c.PARAMETER_NAMES in span.attributes:
        item.parameters += _parameters(span)
    _collect_attachments(span, item)


def _outcome(span: Span) -> Outcome:
    a = span.attributes
    if span.end_ns is None:
        return Outcome(UNKNOWN, _text(a, c.MESSAGE) or UNFINISHED, _text(a, c.TRACE))
    if c.KIND in a or c.STATUS in a:
        if c.STATUS not in a and c.MESSAGE not in a:
            return OK
        return Outcome(_text(a, c.STATUS) or PASSED, _text(a, c.MESSAGE), _text(a, c.TRACE))
    return presentation.outcome(span)


def _parameters(span: Span) -> Iterator[Parameter]:
    names = (c.PARAMETER_NAMES, c.PARAMETER_VALUES, c.PARAMETER_MODES, c.PARAMETER_EXCLUDED)
    for name, value, mode, excluded in _rows(span, *names):
        yield Parameter(
            name=name, value=value or "", mode=mode or None, excluded=excluded == "true" or None
        )


def _collect_attachments(span: Span, item: ExecutableItem) -> None:
    if c.ATTACHMENT_SOURCES in span.attributes:
        names = (c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES)
        item.attachments += [
            Attachment(name=name, source=source, type=kind or None)
            for name, source, kind in _rows(span, *names)
        ]


# -- attributes; those of other producers may be of any type


def _text(attributes: Attributes, name: str) -> str | None:
    value = attributes.get(name)
    return value if value is None else presentation.as_text(value)


def _texts(attributes: Attributes, name: str) -> list[str | None]:
    value = attributes.get(name)
    if value is None:
        return []
    values = value if isinstance(value, (list, tuple)) else (value,)
    return [None if entry is None else presentation.as_text(entry) for entry in values]


def _rows(span: Span, *names: str) -> Iterator[tuple[str | None, ...]]:
    """Return the parallel arrays `names` as rows, None where one is shorter or missing."""
    return zip_longest(*(_texts(span.attributes, name) for name in names))


# -- results


def _test_result(span: Span, tree: _Tree) -> TestResult:
    a = span.attributes
    name = span.name if c.KIND in a else _text(a, c.TEST_CASE_NAME) or span.name
    full_name = _text(a, c.FULL_NAME) or _text(a, c.PYTEST_NODE_ID) or f"{_service(span)}#{name}"
    result = TestResult(
        uuid=_uuid(span),
        name=name,
        fullName=full_name,
        titlePath=[text for text in _texts(a, c.TITLE_PATH) if text],
        testCaseId=_text(a, c.TEST_CASE_ID) or _md5(full_name),
        historyId=_text(a, c.HISTORY_ID) or _md5(full_name),
        description=_text(a, c.DESCRIPTION),
        descriptionHtml=_text(a, c.DESCRIPTION_HTML),
        labels=[
            Label(name=label, value=value or "")
            for label, value in _rows(span, c.LABEL_NAMES, c.LABEL_VALUES)
        ],
        links=[
            Link(url=url, name=text, type=kind)
            for url, text, kind in _rows(span, c.LINK_URLS, c.LINK_NAMES, c.LINK_TYPES)
        ],
    )
    result.start, result.stop = tree.milliseconds(_timed(span, tree))
    _describe(result, span)
    if c.STATUS not in a and a.get(c.TEST_CASE_RESULT_STATUS) == "fail":
        result.status = FAILED
    details = {"known": a.get(c.KNOWN), "muted": a.get(c.MUTED), "flaky": a.get(c.FLAKY)}
    if any(details.values()):
        result.statusDetails = result.statusDetails or StatusDetails()
        for field, value in details.items():
            setattr(result.statusDetails, field, bool(value))
    return result


def _timed(test: Span, tree: _Tree) -> Span:
    """Return the span whose time is the test's: the call, without set-up and tear-down."""
    for phase in tree.children.get(test.span_id, ()):
        if _kind(phase) == c.PHASE and phase.attributes.get(c.PHASE_NAME) == "call":
            return phase
    return test


def _root_result(span: Span, tree: _Tree) -> TestResult:
    """Make a result of a trace without a test: a request to a server, the run of a script."""
    service, name = _service(span), presentation.title(span)
    full_name = f"{service}#{name}"
    result = TestResult(
        uuid=_uuid(span),
        name=name,
        fullName=full_name,
        testCaseId=_md5(full_name),
        labels=[
            Label(name="framework", value="opentelemetry"),
            Label(name="language", value=str(_resource(span, "telemetry.sdk.language", "unknown"))),
            Label(name="host", value=str(_resource(span, "host.name", "localhost"))),
            Label(name="thread", value=str(_resource(span, "process.pid", service))),
            Label(name="suite", value=service),
        ],
    )
    result.start, result.stop = tree.milliseconds(span)
    _describe(result, span)
    if not (span.parent_id is None or span.parent_is_remote or span.parent_id in tree.by_id):
        _note_missing_parent(result, span.parent_id)
    # Results of equal name and parameters are taken for retries of one test, and all but the
    # last are hidden. Each trace is a thing of its own, so its id belongs to its identity.
    result.parameters.append(Parameter(name="trace_id", value=f"{span.trace_id:032x}"))
    if span.parent_id is not None:
        result.parameters.append(Parameter(name="span_id", value=f"{span.span_id:016x}"))
    result.historyId = _md5(full_name, *(p.value for p in result.parameters))
    return result


def _note_missing_parent(result: TestResult, parent_id: int) -> None:
    details = result.statusDetails = result.statusDetails or StatusDetails()
    note = NO_PARENT.format(f"{parent_id:016x}")
    details.message = f"{details.message}\n{note}" if details.message else note


def _service(span: Span) -> str:
    return str(_resource(span, "service.name", "unknown_service"))


def _resource(span: Span, name: str, default: str) -> Any:
    value = span.resource.get(name)
    return default if value is None else value


def _md5(*texts: str) -> str:
    data = "".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


_ITS_CONTAINER = 1 << 63


def _uuid(span: Span, salt: int = 0) -> str:
    """Return the uuid of what is made of `span`: the same each time, so that files are replaced.

    Trace ids are random, so are their results' uuids.
    """
    mixed = (span.span_id ^ salt) * 0x9E3779B97F4A7C15_F39CC0605CEDC835
    digits = f"{(span.trace_id ^ mixed) & (1 << 128) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
