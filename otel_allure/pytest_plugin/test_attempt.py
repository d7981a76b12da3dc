"""An attempt at a test, from the first hook that tells of it to its result."""

from __future__ import annotations

import copy
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from otel_allure.compat import kept
from otel_allure.compat.pytest import REPORT_SECTIONS
from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.outcome import Outcome
from otel_allure.model.rows import Parameter
from otel_allure.model.spans import Span
from otel_allure.model.texts import md5, text_of
from otel_allure.output.allure_json import container_file_name, result_file_name
from otel_allure.pytest_plugin import metadata
from otel_allure.pytest_plugin.fixtures import FixtureLife, uuid_of
from otel_allure.pytest_plugin.phase_outcomes import Verdict
from otel_allure.recording import contexts
from otel_allure.recording.contexts import ITEM, held
from otel_allure.recording.running_item import RunningItem, RunningTest
from otel_allure.recording.running_step import RunningStep, represented
from otel_allure.translation.identity import ITS_CONTAINER

if TYPE_CHECKING:
    from otel_allure.pytest_plugin.comparisons import Comparison


_Labels = list[tuple[str, str]]
_Links = list[tuple[str, str, str]]
_LABELS = pytest.StashKey[dict[object, tuple[_Labels, _Links, object]]]()


class SoFar(NamedTuple):
    """What is known of a test that runs.

    Attributes:
        identity: span attributes, as `TestAttempt.identity` returns them.
    """

    title: str
    description: str | None
    description_html: str | None
    labels: _Labels
    links: _Links
    parameters: list[Parameter]
    identity: dict[str, Any]


class TestAttempt:
    """An attempt at a test."""

    def __init__(self, item: pytest.Item, test: RunningTest) -> None:
        self.item = item
        self.nodeid = item.nodeid
        self.test = test
        self.span_ids = [test.span.get_span_context().span_id]
        """Of the test and its phases: what is logged there is the test's own."""
        self.overlaps = False
        """Whether another test has run at the same time."""
        self.verdict = Verdict()
        self.is_set_up = False
        """Whether pytest has begun to set it up: it does so once in an attempt."""
        self.first_section = len(REPORT_SECTIONS.of(item, ()))
        """Before it is what earlier attempts have printed."""
        self.is_captured = False
        """Whether what it has printed is attached."""
        self.identified = False
        self.body_error: BaseException | None = None
        """Set where a plugin ran the body before pytest's protocol."""
        self.comparison: Comparison | None = None
        """The last comparison in it that failed."""
        self.told: dict[str, Any] = {}
        """Span attributes that others have set, see `allure_logger`."""
        self.process_id = kept.process_id()
        self.is_adopted = False
        """Whether its phases run in a process forked for it, as pytest-forked does it."""
        self.subtest: Ending | None = None
        """The subtest that is being reported."""
        self.subtest_messages: set[str] = set()
        self.failed_subtests: list[Outcome] = []
        self._is_labelled = False
        self._known: tuple[object, dict[str, Any]] | None = None
        self.wider_fixtures: list[FixtureLife] = []
        """Those that it uses."""

    @property
    def trace_id(self) -> int:
        """Of its trace."""
        return self.test.span.get_span_context().trace_id

    @property
    def outcome(self) -> Outcome | None:
        """What it comes to, as far as is known."""
        return self.verdict.outcome

    @outcome.setter
    def outcome(self, outcome: Outcome) -> None:
        self.verdict.outcome = outcome

    def use(self, life: FixtureLife) -> bool:
        """Note that the test uses a wider fixture; return whether that is new."""
        if life in self.wider_fixtures or life.container is None:
            return False
        self.wider_fixtures.append(life)
        life.acquire()
        self.test.span.add_link(life.container.span.get_span_context(), {c.KIND: c.CONTAINER})
        return True

    def uses(self, life: FixtureLife) -> bool:
        """Whether the test uses a wider fixture."""
        return life in self.wider_fixtures

    def files(self) -> list[str]:
        """Return the names of what its result and its fixtures are written to, the result first."""
        wider = [
            uuid_of(life.container) for life in self.wider_fixtures if life.container is not None
        ]
        containers = [uuid_of(self.test, ITS_CONTAINER), *wider]
        return [result_file_name(uuid_of(self.test)), *map(container_file_name, containers)]

    def release_fixtures(self) -> None:
        """Note that the test has finished."""
        for life in self.wider_fixtures:
            life.release()

    def begin_phase(self, name: str, tracer: Any) -> RunningItem:
        """Start a phase, without making it current."""
        test = self.test
        current = contexts.current()  # with what users have left there in the phase before
        before = current if held(current, ITEM) is test else test.context
        span = tracer.start_span(name, test.context, start_time=now_ns())
        phase = test.phase = RunningItem(c.PHASE, name, span, before)
        phase.attributes = {c.PHASE_NAME: name}
        self.span_ids.append(span.span_id)
        return phase

    def identify(self, diagnostics: Diagnostics) -> None:
        """Find out title, description and parameters, once the fixtures are there to fill titles.

        What was told to the test already, by `allure.dynamic`, stays.
        """
        item, test = self.item, self.test
        self.identified = True
        with diagnostics.caught("taking a test's parameters"):
            test.parameters.extend(self._new_parameters())
        with diagnostics.caught("taking a test's title"):
            if test.title == test.first_title:
                test.title = metadata.title(item)
        with diagnostics.caught("taking a test's description"):
            test.description = test.description or metadata.description(item)
            test.description_html = test.description_html or metadata.description_html(item)

    def _new_parameters(self) -> list[Parameter]:
        """Return those of parametrize that nobody has told it of."""
        known = {parameter.name for parameter in self.test.parameters}
        values = metadata.callspec_parameters(self.item)
        return [
            Parameter(text_of(name), represented(value))
            for name, value in values.items()
            if name not in known
        ]

    def identity(self) -> dict[str, Any]:
        """Return what the test is known by, as span attributes."""
        return self._known_by(self.test.parameters)

    def _known_by(self, parameters: list[Parameter]) -> dict[str, Any]:
        item = self.item
        full_name = metadata.full_name(item)
        shown_name = self.told.get(c.FULL_NAME, full_name)
        key = full_name, shown_name, parameters
        if self._known is None or self._known[0] != key:
            originals = metadata.callspec_parameters(item)
            its = {
                c.FULL_NAME: full_name,
                c.TITLE_PATH: metadata.title_path(item),
                c.TEST_CASE_ID: md5(full_name),
                c.HISTORY_ID: metadata.history_id(shown_name, parameters, originals),
            }
            self._known = (full_name, shown_name, list(parameters)), its
        return {**self._known[1]}

    def so_far(self) -> SoFar:
        """Return what would be said of the test if it ended now; nothing of it is changed."""
        item, test = self.item, self.test
        parameters = test._parameters or []
        title, texts = test.title, (test.description, test.description_html)
        if not self.identified:
            parameters = [*parameters, *self._new_parameters()]
            title = metadata.title(item) if title == test.first_title else title
            texts = texts[0] or metadata.description(item), texts[1]
        labels, links = test.labels, test.links
        if not self._is_labelled:
            more = self._labels_and_links()
            labels, links = [*labels, *more[0]], [*links, *more[1]]
        its = {**self._known_by(parameters), **self.told}
        return SoFar(title, *texts, labels, links, parameters, its)

    def _labels_and_links(self) -> tuple[_Labels, _Links]:
        """Return those that marks and the item's place give; tests side by side have the same."""
        item, told = self.item, self.test.labels
        if told or item.parent is None:
            return list(metadata.labels(item, told)), list(metadata.links(item))
        marks = [mark for node in item.listchain() for mark in node.own_markers]
        place = item.nodeid.rpartition("::")[0]  # with the beginning of a parameter that has "::"
        key = kept.process_id(), get_ident(), place, *map(id, marks)
        known = item.parent.stash.setdefault(_LABELS, {})
        if key not in known:
            # With the marks themselves: what is there has an id of its own.
            known[key] = list(metadata.labels(item, ())), list(metadata.links(item)), marks
        labels, links, _ = known[key]
        return labels, links

    def attributes(self, diagnostics: Diagnostics) -> dict[str, Any]:
        """Return what its span says of it beside what it was told."""
        nodeid = self.item.nodeid
        its: dict[str, Any] = {c.FULL_NAME: nodeid, c.TEST_CASE_NAME: nodeid}
        # One by one: what cannot be found out costs nothing else.
        for find_out in (self.identity, lambda: code_attributes(self.item), lambda: self.told):
            with diagnostics.caught("finding out what a test is known by"):
                its.update(find_out())
        return its

    def snapshot(self, diagnostics: Diagnostics) -> Span:
        """Return its span as it would be if the test ended now; nothing of the test is changed."""
        copied = copy.copy(self)
        test = copied.test = copy.copy(self.test)
        test._parameters = list(test.parameters)
        test.labels, test.links = list(test.labels), list(test.links)
        if not copied.identified:
            copied.identify(diagnostics)
        copied.label(diagnostics)
        test.attributes = copied.attributes(diagnostics)
        span: Span = self.test.span.record()  # type: ignore[attr-defined]
        return span._replace(name=test.title, attributes={**span.attributes, **test.described()})

    def label(self, diagnostics: Diagnostics) -> None:
        """Add the labels and links that marks and the item's place give, once."""
        if self._is_labelled:
            return
        self._is_labelled = True
        with diagnostics.caught("taking a test's labels and links"):
            labels, links = self._labels_and_links()
            self.test.labels += labels
            self.test.links += links


class InPhase:
    """A block that runs in a phase, and ends it."""

    __slots__ = ("_attached", "_phase")

    def __init__(self, phase: RunningItem) -> None:
        self._phase = phase
        self._attached = contexts.attached(contexts.with_left_span(phase.context))

    def __enter__(self) -> None:
        self._attached.__enter__()

    def __exit__(self, *raised: object) -> None:
        try:
            self._attached.__exit__()
        finally:
            self._phase.end()


def code_attributes(item: pytest.Item) -> dict[str, Any]:
    """Return where the test is in the code, by OpenTelemetry's names."""
    path, line, _ = item.location
    return {"code.file.path": path, **({} if line is None else {"code.line.number": line + 1})}


class Ending:
    """The end of a subtest, while pytest reports it.

    Attributes:
        step: None where it has ended before pytest reports it.
        outcome: what pytest makes of it, None until then.
        reported: how pytest calls that, `passed` for example.
    """

    def __init__(self, step: RunningStep | None) -> None:
        self.step = step
        self.outcome: Outcome | None = None
        self.reported = ""


def contains_failed(failed: list[Outcome]) -> Outcome:
    """Return what a test with failed subtests comes to that has not failed itself."""
    first = failed[0]
    message = f"contains {len(failed)} failed subtest{'s' if len(failed) > 1 else ''}"
    return Outcome(first.status, f"{message}\n\n{first.message or ''}".rstrip(), first.trace)
