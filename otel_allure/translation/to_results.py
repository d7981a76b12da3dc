"""The heart: the spans of a trace -> test results and fixture containers. Pure.

A span with `allure.kind` = `test` (or another producer's mark of a test) becomes a test result; in
a trace that has none, each root does. What is below it becomes steps, sorted by start; phases
disappear, their content stays; fixtures move into a container. Whatever the spans are, every one
of them is shown: one without an end as unfinished, one whose parent is missing below the test,
one that ran outside of the tests in a result of what is above them.

What cannot be shown costs no more than its own place: there is a note, and whoever asked is told.
If nothing else can be said of a test, its result says who it is and how it ended.

No clock, no disk, no threads, no pytest, no SDK: attachments that are made of spans are returned
by file name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

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

from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN, FAILED, OK, PASSED, SKIPPED, UNKNOWN, Outcome
from otel_allure.model.spans import Attributes, Log, Span, is_container, is_test, kind_of
from otel_allure.model.texts import attempt
from otel_allure.presentation.presentation import Document, Presentation
from otel_allure.presentation.values import cut
from otel_allure.translation.asgi import without_events
from otel_allure.translation.attributes import (
    BELONGS_TO,
    NOT_COME,
    NOT_SHOWN,
    STATUSES,
    parameters_of,
    resource_of,
    rows_at,
    service_of_resource,
    text_at,
    texts_at,
)
from otel_allure.translation.bare_results import (
    bare,
    bare_container,
    bare_result,
    bare_roots,
    bare_status,
    loss_of,
)
from otel_allure.translation.clock_skew import in_their_parents
from otel_allure.translation.description import with_findings, with_picture
from otel_allure.translation.identity import ITS_CONTAINER, ITS_FILES, digest_of, item_uuid
from otel_allure.translation.log_placement import NO_LOGS, LogPlaces, Logs
from otel_allure.translation.plain_test import is_left_out, times_of_test, uses_of
from otel_allure.translation.span_tree import CondensedTree, SpanTree, by_start
from otel_allure.translation.trace_attachments import (
    Shown,
    is_worth_a_picture,
    pictures,
    trace_link,
)

if TYPE_CHECKING:
    from otel_allure.translation.cause import Cause

_NO_FILE_OR_UUID = re.compile(r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LEFT_OUT = "left out"
"""Parameter of what would have more steps, if there were not too many."""
NOT_AS_EXPECTED = "✗"
"""Ends the name of a step that is not as a test has expected of its trace; its parameter says what
was expected."""
UNREPORTED = "unreported"
"""A finding, and the parameter of calls that says why."""
ONE_OF = "it belongs to one of {} calls whose service was killed: {}"
_MOST_NAMES = 5
UNFINISHED = "Unfinished: the span had not ended when the report was written."
TWINS = "{:,} never ended, each beside the same call that did"
TOO_MANY = "Left out: there are more than {:,} steps (max_steps). Their places are marked."
NO_PARENT = "Incomplete: the span that it belongs to has not come, {}."


class ProgramResult(NamedTuple):
    """A result of a program's trace.

    Attributes:
        root: its span.
        result: what it became.
        steps: what the spans below it became that others may be below, by their ids.
        sides: what a span in it is of a call that another program may know, too, by its id.
    """

    root: Span
    result: TestResult
    steps: dict[int, ExecutableItem]
    sides: dict[int, str]


class Translation(NamedTuple):
    """What a trace became."""

    results: list[TestResult]
    containers: list[TestResultContainer]
    uses: list[tuple[tuple[int, int], str]]
    """Which containers' spans the tests used: (trace id, span id) of the container, uuid of the
    test. A test says so by span links, as it can not have several parents."""
    files: dict[str, str]
    """Bodies of the attachments that were made of spans, by file name. The same spans give the
    same names."""
    programs: list[ProgramResult]
    """Of results without a test, what others need to put their parts of the trace in."""


_AS_USUAL = Presentation()
OnProblem = Callable[[str, object], object]
"""Told what was being done and what went wrong; `Diagnostics.add` is one."""


def _nobody(doing: str, error: object) -> None:
    """Tell nobody."""


def to_results(
    spans: Iterable[Span],
    presentation: Presentation = _AS_USUAL,
    logs: Logs = NO_LOGS,
    on_problem: OnProblem = _nobody,
) -> Translation:
    """Translate the spans and log records of one trace; there is a result whatever they are."""
    spans = list(spans)
    try:
        return _to_results(spans, presentation, logs, on_problem)
    except Exception as error:
        on_problem("translating a trace", error)
        roots = bare_roots(spans)
        results = [bare_result(root, presentation, error) for root in roots]
        uses = [use for root in roots for use in uses_of(root)]
        return Translation(results, [], uses, {}, [])


def _to_results(
    spans: list[Span], presentation: Presentation, logs: Logs, on_problem: OnProblem
) -> Translation:
    tree = _tree(spans, presentation)
    presentation = presentation.knowing(tree.complete.values(), chain(*logs.values()))
    translated = Translation([], [], [], {}, [])
    places = LogPlaces(logs)
    its = _Translator(tree, presentation, translated.files, places, on_problem)
    for root in tree.result_roots():
        result = its.result(root)
        container = TestResultContainer(uuid=item_uuid(root, ITS_CONTAINER), children=[result.uuid])
        its.attempt(result, "all steps", its.fill, result, root, container)
        its.attempt(result, "the cause", its.add_cause, result, root)
        its.add_overview(result, root)
        translated.results.append(result)
        if not tree.tests:
            programs = ProgramResult(root, result, its.steps_by_span(), its.sides(root))
            translated.programs.append(programs)
        if container.befores or container.afters:
            translated.containers.append(container)
        translated.containers.extend(its.containers_apart(result.uuid))
        translated.uses.extend(uses_of(root))
    if translated.results:
        last = translated.results[-1]
        its.attempt(last, "all logs", its.add_logs)
    return translated


def _tree(spans: list[Span], presentation: Presentation) -> SpanTree:
    return SpanTree(
        in_their_parents(spans), None if presentation.settings.asgi_events else without_events
    )


def to_container(
    spans: Iterable[Span],
    children: Sequence[str],
    presentation: Presentation = _AS_USUAL,
    logs: Logs = NO_LOGS,
    on_problem: OnProblem = _nobody,
) -> Translation:
    """Translate a fixture's own trace; `children` are the uuids of the tests that used it."""
    spans = list(spans)
    try:
        return _to_container(spans, children, presentation, logs, on_problem)
    except Exception as error:
        on_problem("translating a fixture", error)
        containers = [bare_container(spans, children, presentation, error)]
        return Translation([], [each for each in containers if each is not None], [], {}, [])


def _to_container(
    spans: list[Span],
    children: Sequence[str],
    presentation: Presentation,
    logs: Logs,
    on_problem: OnProblem,
) -> Translation:
    tree = _tree(spans, presentation)
    translated = Translation([], [], [], {}, [])
    root = next((span for span in tree.roots if is_container(span)), None)
    if root is None:
        return translated
    presentation = presentation.knowing(tree.complete.values(), chain(*logs.values()))
    masked = presentation.redaction.text
    places = LogPlaces(logs)
    its = _Translator(tree, presentation, translated.files, places, on_problem)
    start, stop = tree.milliseconds(root)
    container = TestResultContainer(
        uuid=item_uuid(root),
        name=masked(root.name),
        children=list(children),
        start=start,
        stop=stop,
    )
    # A container has no steps of its own: what is in none of its fixtures becomes one.
    reset = TestBeforeResult(name=container.name, start=start, stop=stop)
    failed = any(span.attributes.get(c.STATUS) in _FAILURES for span in tree.complete.values())
    its.attaches = failed or presentation.settings.attach_for == "all"
    its.describe(reset, root)
    its.attempt(reset, "all steps", its.fill, reset, root, container)
    for span, fixture in its.fixtures():
        its.attempt(fixture, "the cause", its.add_cause, fixture, span)
    its.attempt(reset, "all logs", its.add_logs)
    its.attempt(reset, "what is left out", its.add_what_is_left_out, reset, root)
    if reset.steps or reset.attachments or any(p.name == NOT_SHOWN for p in reset.parameters):
        container.befores.append(reset)
    if container.befores or container.afters or not its.leaves_fixtures_out:
        translated.containers.append(container)
    return translated


_FAILURES = (FAILED, BROKEN)
_DATABASE = frozenset(("db.system", "db.system.name"))
_WHERE = ("system", "server", "database")
"""Parameters that are told at the first call of a database, as they are the same for all."""
_TRANSPARENT = (c.PHASE, c.CONTAINER)  # their content is shown where they are


class _Translator:
    """The making of results, one after the other, or of one container: what all steps need.

    Args:
        tree: the trace.
        presentation: how spans from instrumentation are shown.
        files: where bodies of attachments are put, by file name.
        logs: told which step, fixture or result shows what a span has logged.
        on_problem: told what could not be shown.
    """

    def __init__(
        self,
        tree: SpanTree,
        presentation: Presentation,
        files: dict[str, str],
        logs: LogPlaces,
        on_problem: OnProblem,
    ) -> None:
        self.tree = tree
        self.presentation = presentation
        self._redaction = presentation.redaction
        self._masked = presentation.redaction.text
        self.files = files
        self._logs = logs
        self._on_problem = on_problem
        self._condensed = CondensedTree(tree.children, {}, {})
        self._shown: list[Shown] = []
        self._documents = 0
        self._apart: dict[str, TestResultContainer] = {}
        self._whole_trace: Attachment | None = None
        self._databases: set[tuple[tuple[str, str], ...]] = set()
        self.leaves_fixtures_out = False
        self.attaches = True
        """Whether what is made of spans is attached; see the setting `attach_for`."""
        self._may_be_drawn = is_worth_a_picture(tree)

    def attempt(
        self, item: ExecutableItem, what: str, add: Callable[..., object], *arguments: Any
    ) -> None:
        """Add a part to `item`; where it cannot be shown there is a note in its place."""
        try:
            add(*arguments)
        except Exception as error:
            self._on_problem(f"showing {what}", error)
            item.parameters.append(loss_of(what, error, self.presentation))

    # -- steps and fixtures

    def fill(self, item: ExecutableItem, root: Span, container: TestResultContainer) -> None:
        """Put everything below `root` into `item`, fixtures into `container`."""
        max_depth = self.presentation.settings.max_depth
        self._databases.clear()
        self._condensed = CondensedTree(self.tree.children, {}, {})
        if self.tree.has_calls:
            self.attempt(item, "a shorter tree", self._condense, root)
        children_of = self._condensed.children
        shown = self._shown = []
        steps: list[TestStepResult] = []
        self._logs.note(root, item)
        # Depth first with a stack of our own: the depth of a trace is up to others.
        todo = [(span, item, 1) for span in reversed(children_of.get(root.span_id, ()))]
        while todo:
            span, holder, depth = todo.pop()
            kind = kind_of(span)
            if kind != c.STEP and is_test(span):
                continue  # a result of its own
            if kind in _TRANSPARENT:
                below = holder
                self._tell_twins(holder, span)
                self.attempt(holder, "all attachments", self._collect_attachments, span, holder)
            elif kind == c.FIXTURE:
                if self._is_of_no_interest(span):
                    self.leaves_fixtures_out = True
                    continue
                below, depth = self._fixture(span, container), 1
                shown.append(Shown(span, below, 0))
            else:
                layers = self._layers(span)
                below = self._step(span) if len(layers) == 1 else self._call(layers)
                if kind is None and below.name == holder.name:
                    below.name = self._told_apart(below.name, span)
                holder.steps.append(below)
                steps.append(below)
                shown.append(Shown(span, below, depth - 1, layers[1:]))
            self._logs.note(span, below)
            children = children_of.get(span.span_id)
            if children is None:
                continue
            if shown and shown[-1].layers and shown[-1].item is below:
                children = self._below_layers(shown[-1])
            children = children[::-1]
            next_depth = depth if below is holder else depth + 1
            if next_depth <= max_depth:
                todo += [(child, below, next_depth) for child in children]
            else:
                if depth == max_depth:
                    below.name = f"{below.name} (deeper levels are shown flat, below this one)"
                todo += [(child, holder, next_depth) for child in children]
        self._logs.note_shown_at(self._condensed.shown_at)
        if c.HAS_FAILED_CHECKS in root.attributes:
            self.attempt(item, "what is not as expected", self._mark_offenders)
        _tell_twins_apart(steps)

    def _mark_offenders(self) -> None:
        """Mark the steps that are not as a test has expected of its trace."""
        instead = self._condensed.shown_at
        items = {shown.span.span_id: shown.item for shown in self._shown}
        for check in [s.span.attributes for s in self._shown if c.OFFENDERS in s.span.attributes]:
            ids = [int(each, 16) for each in check[c.OFFENDERS]]
            marked = {id(its): its for i in ids if (its := items.get(instead.get(i, i)))}
            told = self._masked(str(check.get(c.CHECK)))
            for its in marked.values():
                if not its.name.endswith(NOT_AS_EXPECTED):
                    its.name = f"{its.name} {NOT_AS_EXPECTED}"
                its.parameters.append(Parameter(name=NOT_AS_EXPECTED, value=told, excluded=True))

    def _mark_silent_calls(self, root: Span) -> None:
        """Say at calls that their service has not told of them."""
        from otel_allure.translation.findings import silent_calls

        items = self.steps_by_span()
        silent = silent_calls(root, self.tree, self.presentation)
        told = [(items[span.span_id], why) for span, why in silent if span.span_id in items]
        for item, why in {(id(item), why): (item, why) for item, why in told}.values():
            item.parameters.append(Parameter(name=UNREPORTED, value=why, excluded=True))

    def steps_by_span(self) -> dict[int, ExecutableItem]:
        """Return what `fill` made last that others may be below: databases export no spans."""
        found = {
            span.span_id: s.item
            for s in self._shown
            for span in (s.span, *s.layers)
            if not _DATABASE & s.span.attributes.keys()
        }
        instead = self._condensed.shown_at
        return found | {i: found[at] for i, at in instead.items() if i not in found and at in found}

    def sides(self, root: Span) -> dict[int, str]:
        """Return which sides of calls the spans are that `fill` has shown last."""
        if not self.presentation.settings.join_calls:
            return {}
        from otel_allure.translation.one_call import side_of

        spans = [root, *(span for s in self._shown for span in (s.span, *s.layers))]
        return {span.span_id: side for span in spans if (side := side_of(span)) is not None}

    def _condense(self, root: Span) -> None:
        from otel_allure.translation.condense import condense

        self._condensed = condense(root, self.tree, self.presentation)

    def _step(self, span: Span) -> TestStepResult:
        start, stop = self.tree.milliseconds(span)
        step = TestStepResult(start=start, stop=stop)
        try:
            step.name = self.presentation.title(span, self.tree.by_id.get(span.parent_id or 0))
        except Exception as error:
            self._on_problem("showing a title", error)
            step.name = bare(span.name, self._masked)
            step.parameters.append(loss_of("its title", error, self.presentation))
        self.describe(step, span)
        return step

    def _layers(self, span: Span) -> list[Span]:
        """Return the spans of the call that `span` begins, which are one step."""
        if span.kind == "internal" or c.KIND in span.attributes:
            return [span]
        if not self.presentation.settings.join_calls:
            return [span]
        from otel_allure.translation.one_call import layers_of

        return layers_of(span, self._condensed.children, self.presentation)

    def _call(self, layers: list[Span]) -> TestStepResult:
        """Return the step of a call that several spans tell of."""
        from otel_allure.translation.one_call import as_one, told_of

        step = self._step(as_one([self._logs.with_exception(span) for span in layers]))
        step.parameters[:0] = [Parameter(name=name, value=value) for name, value in told_of(layers)]
        self.attempt(step, "its outcome", self._add_joint_outcome, step, layers)
        for span in layers[1:]:
            self.attempt(step, "all attachments", self._collect_attachments, span, step)
            self._tell_what_is_left_out(step, span)
            self._logs.note(span, step)
        return step

    def _add_joint_outcome(self, step: TestStepResult, layers: list[Span]) -> None:
        from otel_allure.translation.one_call import joint_outcome

        outcomes = [self._outcome(self._logs.with_exception(span)) for span in layers]
        step.status, message, trace = joint_outcome(outcomes)
        step.statusDetails = self._details(message, trace) if message or trace else None

    def _below_layers(self, call: Shown) -> list[Span]:
        """Return what is below the spans of a call."""
        layers = (call.span, *call.layers)
        own = {span.span_id for span in layers}
        children = self._condensed.children
        below = [each for span in layers for each in children.get(span.span_id, ())]
        return sorted((each for each in below if each.span_id not in own), key=by_start)

    def _told_apart(self, name: str, span: Span) -> str:
        """Return the name of a step below one of the same name: the server's below its client's."""
        above = self.tree.by_id.get(span.parent_id or 0)
        if above is None or above.kind == span.kind:  # it calls itself, maybe
            return name
        has_service = name.endswith(")") and " (" in name
        return f"{name[:-1]}, {span.kind})" if has_service else f"{name} ({span.kind})"

    def _is_of_no_interest(self, span: Span) -> bool:
        """Whether it is a fixture that a plugin has made, in which there is nothing to see."""
        return is_left_out(span, self.presentation.settings) and not (
            span.span_id in self._condensed.children
            or self.tree.twins[span.span_id]
            or self._logs.has(span)
        )

    def _fixture(self, span: Span, container: TestResultContainer) -> ExecutableItem:
        before = span.attributes.get(c.PHASE_NAME) != "after"
        start, stop = self.tree.milliseconds(span)
        kind = TestBeforeResult if before else TestAfterResult
        fixture: ExecutableItem = kind(name=self.presentation.fixture(span), start=start, stop=stop)
        self.describe(fixture, span)
        uuid = span.attributes.get(c.CONTAINER_ID)
        if isinstance(uuid, str) and _NO_FILE_OR_UUID.fullmatch(uuid):
            container = self._apart.setdefault(uuid, TestResultContainer(uuid=uuid))
        (container.befores if before else container.afters).append(fixture)
        if container.start is None or start < container.start:
            container.start = start
        container.stop = max(stop, container.stop or 0)
        return fixture

    def containers_apart(self, child: str) -> list[TestResultContainer]:
        """Return the containers that fixtures of the test `child` have to themselves."""
        apart, self._apart = self._apart, {}
        for container in apart.values():
            container.children = [child]
        return [container for uuid, container in apart.items() if uuid]

    def describe(self, item: ExecutableItem, span: Span) -> None:
        """Set what steps, fixtures and tests have in common."""
        a = span.attributes
        if c.KIND in a and c.STATUS not in a and c.MESSAGE not in a and span.end_ns is not None:
            item.status = PASSED  # as most are
        else:
            item.status = bare_status(span)
            self.attempt(item, "its outcome", self._add_outcome, item, span)
        if c.KIND not in span.attributes:
            self.attempt(item, "all parameters", self._add_told, item, span)
        if c.PARAMETER_NAMES in span.attributes:
            self.attempt(item, "all parameters", self._add_parameters, item, span)
        if c.ATTACHMENT_SOURCES in span.attributes:
            self.attempt(item, "all attachments", self._collect_attachments, span, item)
        if c.KIND not in span.attributes and self.attaches:
            self.attempt(item, "all attachments", self._add_documents, item, span)
        self._tell_what_is_left_out(item, span)

    def _tell_what_is_left_out(self, item: ExecutableItem, span: Span) -> None:
        if self.tree.twins:
            self._tell_twins(item, span)
        if span.span_id in self.tree.of_one_of:
            self._tell_calls(item, self.tree.of_one_of[span.span_id])
        if span.span_id in self.tree.astray and c.KIND not in span.attributes:
            value = NOT_COME.format(f"{span.parent_id:016x}")
            item.parameters.append(Parameter(name=BELONGS_TO, value=value, excluded=True))
        if c.CLOCK_OFFSET in span.attributes:
            _tell_offset(item, span)
        if span.span_id in self._condensed.capped:
            count = f"{self._condensed.capped[span.span_id]:,} steps"
            item.parameters.append(Parameter(name=LEFT_OUT, value=count, excluded=True))

    def _tell_twins(self, item: ExecutableItem, span: Span) -> None:
        """Say how many spans directly below are left out as twins that never ended."""
        count = self.tree.twins[span.span_id]
        if count:
            value = TWINS.format(count)
            item.parameters.append(Parameter(name=LEFT_OUT, value=value, excluded=True))

    def _tell_calls(self, item: ExecutableItem, calls: Sequence[Span]) -> None:
        """Say of what a killed service had done that it is below one of several calls."""
        names = list(map(self.presentation.call, calls[:_MOST_NAMES]))
        more = [f"{len(calls) - len(names)} more"] if len(calls) > len(names) else []
        value = ONE_OF.format(len(calls), ", ".join(names + more))
        item.parameters.append(Parameter(name=UNREPORTED, value=value, excluded=True))

    def _add_outcome(self, item: ExecutableItem, span: Span) -> None:
        if c.KIND not in span.attributes:
            span = self._logs.with_exception(span)
        item.status, message, trace = self._outcome(span)
        if message or trace:
            item.statusDetails = self._details(message, trace)

    def _details(self, message: str | None, trace: str | None) -> StatusDetails:
        longest = self.presentation.settings.max_message
        return StatusDetails(
            message=cut(message, longest) if message else None,
            trace=cut(trace, longest) if trace else trace,
        )

    def _add_told(self, item: ExecutableItem, span: Span) -> None:
        span = self._logs.with_exception(span)
        told = list(self.presentation.parameters(span))
        if not _DATABASE.isdisjoint(span.attributes):
            where = [each for each in told if each[0] in _WHERE]
            if tuple(where) in self._databases:
                told = [each for each in told if each not in where]
            self._databases.add(tuple(where))
        item.parameters += [Parameter(name=name, value=value) for name, value in told]

    def _add_documents(self, item: ExecutableItem, span: Span) -> None:
        span = self._logs.with_exception(span)
        for document in self.presentation.documents(span):
            item.attachments.append(self._attachment(span, document))

    def _add_parameters(self, item: ExecutableItem, span: Span) -> None:
        identity = item.historyId if isinstance(item, TestResult) else ""
        item.parameters += (
            Parameter(name=name, value=value, mode=mode or None, excluded=excluded or None)
            for name, value, mode, excluded in parameters_of(span, self._redaction, identity)
        )

    def _collect_attachments(self, span: Span, item: ExecutableItem) -> None:
        if c.ATTACHMENT_SOURCES in span.attributes:
            names = (c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES)
            for name, source, kind in rows_at(span, *names):
                name = self._masked(name or source or "")
                if source:  # Allure 2 cannot read a result that has one without
                    item.attachments.append(Attachment(name, source, kind or None))
                else:
                    note = f"the attachment {name}: it has no file"
                    item.parameters.append(Parameter(name=NOT_SHOWN, value=note, excluded=True))

    def _attaches_for(self, root: Span) -> bool:
        """Whether what is made of spans is attached to a result."""
        if self.presentation.settings.attach_for == "all":
            return True
        a = root.attributes
        is_failure = a.get(c.TEST_CASE_RESULT_STATUS) == "fail"
        return is_failure or bare_status(root) not in (PASSED, SKIPPED)

    def _attachment(self, span: Span, document: Document) -> Attachment:
        """Return an attachment that is made of `span`; its body goes to the files."""
        self._documents += 1
        uuid = item_uuid(span, ITS_FILES + self._documents)
        source = f"{uuid}-attachment.{document.extension}"
        self.files[source] = document.body
        return Attachment(name=document.name, source=source, type=document.type)

    def add_logs(self) -> None:
        """Attach the log records; one that cannot be shown costs its own lines."""
        self._logs.attach(self.tree, self._log_lines, self.files)

    def _log_lines(self, log: Log) -> str:
        def tell(error: BaseException) -> None:
            self._on_problem("showing a log record", error)

        return attempt(self.presentation.log_lines, log, "text", tell)

    def fixtures(self) -> list[tuple[Span, ExecutableItem]]:
        """Return the fixtures that were shown last, and their spans."""
        return [(span, item) for span, item, _, _ in self._shown if kind_of(span) == c.FIXTURE]

    def add_cause(self, item: ExecutableItem, root: Span) -> None:
        """Say where it broke first, if it is a failure, and at the steps that failed by it."""
        may_have_one = self.tree.has_calls or c.CAUSE in root.attributes
        if item.status not in _FAILURES or not may_have_one:
            return
        failed = {
            shown.span.span_id: shown
            for shown in self._shown
            if shown.item is not item and _is_authors_failure(shown)
        }
        told = _message_of(item)
        cause = self._cause_of(root, item)
        if cause is not None:
            _add_line(item, cause.line)
            for i, shown in list(failed.items()):
                if i in cause.above or _message_of(shown.item) == told:
                    _add_line(failed.pop(i).item, cause.line)
        for i, shown in list(failed.items()):  # subtests each fail by something of their own
            is_outermost = shown.depth == 0 and kind_of(shown.span) == c.STEP
            own = self._cause_of(shown.span, shown.item) if is_outermost and i in failed else None
            if own is not None:
                for above in own.above & failed.keys():
                    _add_line(failed.pop(above).item, own.line)

    def _cause_of(self, span: Span, item: ExecutableItem) -> Cause | None:
        from otel_allure.translation.cause import cause_of

        known = _message_of(item)
        return cause_of(span, known, self.tree, self.presentation, self._logs.with_exception)

    # -- the trace as a whole

    def add_overview(self, result: TestResult, root: Span) -> None:
        """Add what shows the trace as a whole."""
        self.attempt(result, "what was found", self._add_findings, result, root)
        self.attempt(result, "a picture", self._add_pictures, result, root)
        self.attempt(result, "what is left out", self.add_what_is_left_out, result, root)
        self.attempt(result, "all links", self._add_links, result, root)

    def _add_findings(self, result: TestResult, root: Span) -> None:
        """Tell what is remarkable, by tags and in the description."""
        is_asked = c.HAS_FAILED_CHECKS in root.attributes
        if not (self.tree.has_calls or is_asked):
            return
        from otel_allure.translation.findings import failed_checks, findings_of

        found = failed_checks(self.tree, self.presentation) if is_asked else []
        found += findings_of(root, self.tree, self.presentation) if self.tree.has_calls else []
        if not found:
            return
        known = {label.value for label in result.labels if label.name == "tag"}
        tags = dict.fromkeys(finding.tag for finding in found)
        result.labels += [Label(name="tag", value=tag) for tag in tags if tag not in known]
        if UNREPORTED in tags:
            self._mark_silent_calls(root)
        described = with_findings(result.description, result.descriptionHtml, found)
        result.description, result.descriptionHtml = described

    def _add_pictures(self, result: TestResult, root: Span) -> None:
        wanted = self.presentation.settings.waterfall
        if wanted == "off" or not self._may_be_drawn:
            return
        drawn = pictures(root, result, self._shown, self.tree, self.presentation)
        if drawn is None:
            return
        if self.attaches:
            result.attachments += [self._attachment(root, each) for each in drawn.documents]
        if wanted != "attachment":
            told = result.description, result.descriptionHtml
            its_html = with_picture(*told, drawn.wide, drawn.narrow)
            result.descriptionHtml = its_html or result.descriptionHtml

    def add_what_is_left_out(self, item: ExecutableItem, root: Span) -> None:
        """Say that there are more steps, and attach what is not shown."""
        if self._condensed.capped:
            item.steps.append(self._more(root))
        wanted = self.presentation.settings.attach_trace and self.attaches
        if self._condensed.shown_at and wanted:
            from otel_allure.translation.trace_json import whole_trace

            if self._whole_trace is None:  # large, so all results of the trace share it
                document = whole_trace(self.tree, self.presentation)
                self._whole_trace = self._attachment(root, document)
            item.attachments.append(self._whole_trace)

    def _more(self, root: Span) -> TestStepResult:
        count = sum(self._condensed.capped.values())
        start = stop = self.tree.milliseconds(root)[1]
        step = TestStepResult(name=f"… {count:,} more", status=PASSED, start=start, stop=stop)
        limit = self.presentation.settings.max_steps
        step.statusDetails = StatusDetails(message=TOO_MANY.format(limit))
        return step

    def _add_links(self, result: TestResult, root: Span) -> None:
        """Add links to the trace, and to those that its spans are linked to."""
        links = [trace_link(root.trace_id, "Trace", self.presentation)]
        if is_test(root) and self.tree.has_calls and not links[0]:
            # No parameter: Allure 2 writes those beside each name.
            result.labels.append(Label(name="trace_id", value=f"{root.trace_id:032x}"))
        seen = {root.trace_id}
        for span, item, _, layers in (Shown(root, result, 0), *self._shown):
            links_of_it = [link for each in (span, *layers) for link in each.links]
            for link in () if c.KIND in span.attributes else links_of_it:
                if link.trace_id not in seen:
                    seen.add(link.trace_id)
                    name = f"Trace linked from {item.name}"
                    links.append(trace_link(link.trace_id, name, self.presentation))
        result.links += filter(None, links)

    def _outcome(self, span: Span) -> Outcome:
        a = span.attributes
        if span.end_ns is None:
            message = self._text(a, c.MESSAGE) or UNFINISHED
            return Outcome(UNKNOWN, message, self._text(a, c.TRACE))
        if c.KIND in a or c.STATUS in a:
            if c.STATUS not in a and c.MESSAGE not in a:
                return OK
            status = (text_at(a, c.STATUS) or PASSED).lower()
            status = status if status in STATUSES else UNKNOWN
            return Outcome(status, self._text(a, c.MESSAGE), self._text(a, c.TRACE))
        return self.presentation.outcome(span)

    def _text(self, attributes: Attributes, name: str) -> str | None:
        """Return an attribute as it may be shown."""
        text = text_at(attributes, name)
        return text if text is None else self._masked(text)

    # -- results

    def result(self, root: Span) -> TestResult:
        """Make the result of a test, or of another root."""
        try:
            return self.test_result(root) if is_test(root) else self.root_result(root)
        except Exception as error:
            self._on_problem("translating a test", error)
            return bare_result(root, self.presentation, error)

    def test_result(self, span: Span) -> TestResult:
        """Make the result of a test."""
        a = span.attributes
        name = span.name if c.KIND in a else text_at(a, c.TEST_CASE_NAME) or span.name
        full_name = (
            text_at(a, c.FULL_NAME)
            or text_at(a, c.PYTEST_NODE_ID)
            or f"{service_of_resource(span)}#{name}"
        )
        its = self._redaction.identity
        result = TestResult(
            uuid=item_uuid(span),
            name=its(name) or its(full_name),
            fullName=its(full_name),
            titlePath=[its(text) for text in texts_at(a, c.TITLE_PATH) if text],
            testCaseId=text_at(a, c.TEST_CASE_ID) or digest_of(full_name),
            historyId=text_at(a, c.HISTORY_ID) or digest_of(full_name),
            description=self._text(a, c.DESCRIPTION),
            descriptionHtml=self._text(a, c.DESCRIPTION_HTML),
            labels=[
                Label(name=label, value=self._redaction.label(label or "", value or ""))
                for label, value in rows_at(span, c.LABEL_NAMES, c.LABEL_VALUES)
            ],
            links=[
                Link(url=self._masked(url or ""), name=self._masked(text or ""), type=kind)
                for url, text, kind in rows_at(span, c.LINK_URLS, c.LINK_NAMES, c.LINK_TYPES)
            ],
        )
        phases = [s for s in self.tree.children.get(span.span_id, ()) if kind_of(s) == c.PHASE]
        result.start, result.stop = times_of_test(span, phases, self.tree.milliseconds)
        self.attaches = self._attaches_for(span)
        self.describe(result, span)
        if c.STATUS not in a and a.get(c.TEST_CASE_RESULT_STATUS) == "fail":
            result.status = FAILED
        details = {"known": a.get(c.KNOWN), "muted": a.get(c.MUTED), "flaky": a.get(c.FLAKY)}
        if any(details.values()):
            result.statusDetails = result.statusDetails or StatusDetails()
            for field, value in details.items():
                setattr(result.statusDetails, field, bool(value))
        if c.ACTUAL in a and c.EXPECTED in a:  # one without the other is not shown
            result.statusDetails = result.statusDetails or StatusDetails()
            result.statusDetails.actual = self._text(a, c.ACTUAL)
            result.statusDetails.expected = self._text(a, c.EXPECTED)
        return result

    def root_result(self, span: Span) -> TestResult:
        """Make a result of a trace without a test: a request to a server, the run of a script."""
        service, name = self._masked(service_of_resource(span)), self.presentation.title(span)
        full_name = f"{service}#{name}"
        result = TestResult(
            uuid=item_uuid(span),
            name=name,
            fullName=full_name,
            testCaseId=digest_of(full_name),
            labels=[
                Label(name="framework", value="opentelemetry"),
                Label(
                    name="language",
                    value=str(resource_of(span, "telemetry.sdk.language", "unknown")),
                ),
                Label(name="host", value=str(resource_of(span, "host.name", "localhost"))),
                Label(name="thread", value=str(resource_of(span, "process.pid", service))),
                Label(name="suite", value=service),
            ],
        )
        for label in result.labels:
            label.value = self._redaction.label(label.name, label.value)
        result.start, result.stop = self.tree.milliseconds(span)
        self.attaches = self._attaches_for(span)
        self.describe(result, span)
        if not (
            span.parent_id is None or span.parent_is_remote or span.parent_id in self.tree.by_id
        ):
            _note_missing_parent(result, span.parent_id)
        # Results of equal name and parameters are taken for retries of one test, and all but the
        # last are hidden. Each trace is a thing of its own, so its id belongs to its identity.
        result.parameters.append(Parameter(name="trace_id", value=f"{span.trace_id:032x}"))
        if span.parent_id is not None:
            result.parameters.append(Parameter(name="span_id", value=f"{span.span_id:016x}"))
        result.historyId = digest_of(full_name, *(p.value for p in result.parameters))
        return result


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


def _tell_offset(item: ExecutableItem, span: Span) -> None:
    value = f"another one; moved by {span.attributes[c.CLOCK_OFFSET]:+,.1f} ms"
    item.parameters.append(Parameter(name="clock", value=value, excluded=True))


def _is_authors_failure(shown: Shown) -> bool:
    a = shown.span.attributes
    return shown.item.status in _FAILURES and c.KIND in a and c.FOLDED not in a


def _add_line(item: ExecutableItem, line: str) -> None:
    item.statusDetails = item.statusDetails or StatusDetails()
    item.statusDetails.message = f"{_message_of(item)}\n\n{line}".strip()


def _message_of(item: ExecutableItem) -> str:
    details = item.statusDetails
    return (details.message or "").rstrip() if details else ""


def _opens(step: TestStepResult) -> bool:
    return bool(step.steps or step.attachments or step.parameters or step.statusDetails)


# -- attributes; those of other producers may be of any type


def _note_missing_parent(result: TestResult, parent_id: int) -> None:
    details = result.statusDetails = result.statusDetails or StatusDetails()
    note = NO_PARENT.format(f"{parent_id:016x}")
    details.message = f"{details.message}\n{note}" if details.message else note
