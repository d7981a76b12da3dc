"""The heart: the spans of a trace -> test results and fixture containers. Pure.

A span with `allure.kind` = `test` (or another producer's mark of a test) becomes a test result; in
a trace that has none, each root does. What is below it becomes steps, sorted by start; phases
disappear, their content stays; fixtures move into a container. Whatever the spans are, every one
of them is shown: one without an end as unfinished, one whose parent is missing below the test.

No clock, no disk, no threads, no pytest, no SDK.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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
from otel_allure.outcome import OK, UNKNOWN, Outcome
from otel_allure.spans import Span
from otel_allure.traces import is_test

MAX_DEPTH = 200
"""Levels of steps in a result. The report tools lose results of 500 (Allure 2) or 2,000 levels
(Allure 3), and Python's JSON encoder those of about 330: deeper steps are shown flat, at the last
level, with a note."""

UNFINISHED = "Unfinished: the span had not ended when the report was written."


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
        container = TestResultContainer(uuid=_uuid(root, 1), children=[result.uuid])
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
    root = next((span for span in tree.roots if _kind(span) == c.CONTAINER), None)
    if root is None:
        return None
    container = TestResultContainer(uuid=_uuid(root), name=root.name, children=list(children))
    container.start, container.stop = tree.milliseconds(root)
    _fill(ExecutableItem(), root, tree, container)
    return container


def is_session(span: Span) -> bool:
    """Whether the span is a run of tests, of which nothing is shown."""
    return _kind(span) == c.SESSION


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
        ordered = sorted(spans, key=_by_start)
        self.by_id = {span.span_id: span for span in ordered}
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
        if len(self.roots) < 2:
            return
        hosts = [s for s in self.by_id.values() if is_test(s) or _kind(s) == c.PHASE]
        orphans = [s for s in self.roots if not is_test(s) and _kind(s) is None] if hosts else []
        for orphan in orphans:
            around = [h for h in hosts if h.start_ns <= orphan.start_ns <= self._end_ns(h)]
            host = max(around or hosts[:1], key=lambda h: h.start_ns)
            self.roots.remove(orphan)
            siblings = self.children.setdefault(host.span_id, [])
            siblings.append(orphan)
            siblings.sort(key=_by_start)

    def result_roots(self) -> list[Span]:
        """Return the spans that become results."""
        tests = [span for span in self.by_id.values() if is_test(span)]
        return tests or [span for span in self.roots if _kind(span) != c.CONTAINER]

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
        if kind == c.PHASE:
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
        if depth >= MAX_DEPTH:
            if depth == MAX_DEPTH:
                below.name = f"{below.name} (deeper levels are shown flat, below this one)"

            todo += [(child, holder, depth) for child in children]
        else:
            next_depth = depth + (kind != c.PHASE)
            todo += [(child, below, next_depth) for child in children]
    _tell_twins_apart(steps)


def _tell_twins_apart(steps: list[TestStepResult]) -> None:
    """Move steps of the same name and start by a millisecond.

    Allure 3 takes them for one step: opening one opens or closes the other. Concurrent calls are
    such twins all the time. What cannot be opened is left alone.
    """
    seen: set[tuple[str, int]] = set()
    for step in steps:
        if step.steps or step.attachments or step.parameters or step.statusDetails:
            while (step.name, step.start) in seen:
                step.start, step.stop = step.start + 1, step.stop + 1
        seen.add((step.name, step.start))


def _step(span: Span, tree: _Tree) -> TestStepResult:
    start, stop = tree.milliseconds(span)
    step = TestStepResult(name=presentation.title(span), start=start, stop=stop)
    _describe(step, span)
    return step


def _fixture(span: Span, tree: _Tree, container: TestResultContainer) -> ExecutableItem:
    before = span.attributes.get(c.PHASE_NAME) != "after"
    start, stop = tree.milliseconds(span)
    fixture = (TestBeforeResult if before else TestAfterResult)(
        name=span.name, start=start, stop=stop
    )
    _describe(fixture, span)
    (container.befores if before else container.afters).append(fixture)
    if container.start is None or start < container.start:
        container.start = start
    container.stop = max(stop, container.stop or 0)
    return fixture  # type: ignore[no-any-return]


def _describe(item: ExecutableItem, span: Span) -> None:
    """Set what steps, fixtures and tests have in common."""
    status, message, trace = _outcome(span)
    item.status = status
    if message or trace:
        item.statusDetails = StatusDetails(message=message or None, trace=trace)
    if c.KIND in span.attributes:
        if c.PARAMETER_NAMES in span.attributes:
            item.parameters = list(_parameters(span))
    else:
        item.parameters = [
            Parameter(name=name, value=value) for name, value in presentation.parameters(span)
        ]
    _collect_attachments(span, item)


def _outcome(span: Span) -> Outcome:
    a = span.attributes
    if span.end_ns is None:
        return Outcome(UNKNOWN, a.get(c.MESSAGE) or UNFINISHED, a.get(c.TRACE))
    if c.KIND in a or c.STATUS in a:
        if c.STATUS not in a and c.MESSAGE not in a:
            return OK
        return Outcome(a.get(c.STATUS, "passed"), a.get(c.MESSAGE), a.get(c.TRACE))
    return presentation.outcome(span)


def _parameters(span: Span) -> Iterator[Parameter]:
    names = (c.PARAMETER_NAMES, c.PARAMETER_VALUES, c.PARAMETER_MODES, c.PARAMETER_EXCLUDED)
    for name, value, mode, excluded in _rows(span, *names):
        yield Parameter(name=name, value=value, mode=mode or None, excluded=excluded or None)


def _collect_attachments(span: Span, item: ExecutableItem) -> None:
    if c.ATTACHMENT_SOURCES in span.attributes:
        names = (c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES)
        item.attachments += [
            Attachment(name=name, source=source, type=kind or None)
            for name, source, kind in _rows(span, *names)
        ]


def _rows(span: Span, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield the parallel arrays `names` as rows, None where one is shorter or missing."""
    columns = [span.attributes.get(name) or () for name in names]
    for i in range(max(map(len, columns))):
        yield tuple(column[i] if i < len(column) else None for column in columns)


# -- results


def _test_result(span: Span, tree: _Tree) -> TestResult:
    a = span.attributes
    name = span.name if c.KIND in a else a.get(c.TEST_CASE_NAME) or span.name
    full_name = a.get(c.FULL_NAME) or a.get(c.PYTEST_NODE_ID) or f"{_service(span)}#{name}"
    result = TestResult(
        uuid=_uuid(span),
        name=name,
        fullName=full_name,
        titlePath=list(a.get(c.TITLE_PATH) or ()),
        testCaseId=a.get(c.TEST_CASE_ID) or _md5(full_name),
        historyId=a.get(c.HISTORY_ID) or _md5(full_name),
        description=a.get(c.DESCRIPTION),
        descriptionHtml=a.get(c.DESCRIPTION_HTML),
        labels=[Label(name=n, value=v) for n, v in _rows(span, c.LABEL_NAMES, c.LABEL_VALUES)],
        links=[
            Link(url=url, name=name, type=kind)
            for url, name, kind in _rows(span, c.LINK_URLS, c.LINK_NAMES, c.LINK_TYPES)
        ],
    )
    result.start, result.stop = tree.milliseconds(_timed(span, tree))
    _describe(result, span)
    if c.STATUS not in a and a.get(c.TEST_CASE_RESULT_STATUS) == "fail":
        result.status = "failed"
    details = {"known": a.get(c.KNOWN), "flaky": a.get(c.FLAKY)}
    if any(details.values()):
        result.statusDetails = result.statusDetails or StatusDetails()
        for field, value in details.items():
            setattr(result.statusDetails, field, value)
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
    # Results of equal name and parameters are taken for retries of one test, and all but the
    # last are hidden. Each trace is a thing of its own, so its id belongs to its identity.
    result.parameters.append(Parameter(name="trace_id", value=f"{span.trace_id:032x}"))
    if span.parent_id is not None:
        result.parameters.append(Parameter(name="span_id", value=f"{span.span_id:016x}"))
    result.historyId = _md5(full_name, *(p.value for p in result.parameters))
    return result


def _service(span: Span) -> str:
    return str(_resource(span, "service.name", "unknown_service"))


def _resource(span: Span, name: str, default: str) -> Any:
    value = span.resource.get(name)
    return default if value is None else value


def _md5(*texts: str) -> str:
    return hashlib.md5("".join(texts).encode(), usedforsecurity=False).hexdigest()


def _uuid(span: Span, salt: int = 0) -> str:
    """Return the uuid of what is made of `span`: the same each time, so that files are replaced.

    Trace ids are random, so are their results' uuids.
    """
    mixed = (span.span_id + salt) * 0x9E3779B97F4A7C15_F39CC0605CEDC835
    digits = f"{(span.trace_id ^ mixed) & (1 << 128) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
