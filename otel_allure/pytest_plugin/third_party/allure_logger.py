"""What other plugins find as `allure_logger` of the listener: results and steps that still run.

Conftest files ask allure-pytest's listener for the running test and change what it says:

    listener = config.pluginmanager.get_plugin("allure_listener")
    listener.allure_logger.get_test(None).labels.append(Label("layer", "api"))

They get an object of allure_commons.model2 that shows what is known, filled from the running test.
What they change in it is noticed by comparing it with what was filled in, when the next one is
asked for, or else when its test is finished. Nothing is done for tests that nobody asks for.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from allure_commons.model2 import TestResult, TestResultContainer, TestStepResult
from allure_commons.reporter import AllureReporter
from allure_commons.utils import uuid4

from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.texts import text_of
from otel_allure.pytest_plugin.fixtures import FixtureLife, Fixtures, uuid_of
from otel_allure.pytest_plugin.third_party.lent_items import (
    LISTS,
    After,
    Before,
    Lent,
    LentContainer,
    LentTest,
    Step,
    ns,
    snapshot_of,
)
from otel_allure.recording.attachments import note_lost, note_of_lost, written_data, written_file
from otel_allure.recording.contexts import attached
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningItem, RunningTest, item_in
from otel_allure.recording.running_step import RunningStep, start_step
from otel_allure.translation.trace_buffer import Trace

if TYPE_CHECKING:
    from otel_allure.pytest_plugin.test_attempt import TestAttempt

# -- the facade


class AllureLogger(AllureReporter):
    """Lends what runs, under the names that `allure_commons.reporter.AllureReporter` has.

    Supported are `get_test`, `get_item`, `get_last_item`, `attach_data`, `attach_file`,
    `start_step` and `stop_step`, and reading and changing of what these give: name, status,
    statusDetails (with known, flaky, muted, actual and expected), parameters and attachments, of
    tests also descriptions, labels, links, fullName, historyId, testCaseId and titlePath.
    Containers of fixtures have befores, afters and children: these can be changed too, more can be
    put there, and some taken away.

    An object that is kept shows what was known when it was asked for; changes count until its test
    is finished. Its `steps` are those of the test's own spans, not of instrumentations', as long as
    their test runs; more can be put there, none taken away. Times and uuids of what is not
    somebody's own cannot be changed. What is, a result, a group or a fixture of no hook of
    pytest's, is kept under its uuid, and written when it is closed or stopped.

    It is an `AllureReporter` to those who look for one; of its engine nothing is started.
    """

    def __init__(
        self,
        recorder: Recorder,
        running: dict[str, TestAttempt],
        fixtures: Fixtures,
        spans: Callable[[], Iterable[Any]],
    ) -> None:
        self._recorder = recorder
        self._running = running
        self._fixtures = fixtures
        self._spans = spans
        self._lent: dict[RunningItem, Lent] = {}
        self._containers: dict[str, LentContainer] = {}
        self._finished: weakref.WeakKeyDictionary[Trace, dict[str, LentContainer]] = (
            weakref.WeakKeyDictionary()
        )
        self._started: dict[str, tuple[RunningStep, Lent]] = {}
        self._items: Any = _Items(self._find)

    # -- what others make on their own: kept under its uuid by the methods that are inherited

    def close_test(self, uuid: str) -> None:
        """Write a result of others; those of pytest's tests are written when they are finished."""
        result = self._items.own.pop(uuid, None)
        if result is not None:
            self._recorder.report.publish("report_result", result=result)

    def stop_group(self, uuid: str, **changes: Any) -> None:
        """Write a container of others; those of fixtures are written when they are finished."""
        if uuid in self._items:
            self._update_item(uuid, **changes)
        container = self._items.own.pop(uuid, None)
        if container is not None:
            self._recorder.report.publish("report_container", container=container)

    def _update_item(self, uuid: str | None, **changes: Any) -> None:
        item = self.get_item(uuid) if uuid else self.get_last_item()
        for name, value in changes.items():
            known = getattr(item, name, None)
            if isinstance(known, list):
                known.append(value)
            elif item is not None:
                setattr(item, name, value)

    # -- what runs

    def get_test(self, uuid: str | None) -> TestResult | None:
        """Return the test of that uuid, or the one that runs here; None if there is none."""
        if uuid is None:
            test = self._recorder.test()
            return None if test is None else cast("TestResult", self._lend(test))
        return cast("TestResult | None", self.get_item(uuid))

    def get_item(self, uuid: str | None) -> Any:
        """Return the test, step or container of that uuid; None if there is none."""
        return None if uuid is None else self._items.get(uuid)

    def _find(self, uuid: str) -> Any:
        for running in list(self._running.values()):
            if uuid_of(running.test) == uuid:
                return self._lend(running.test)
        step = self._of_step(uuid)
        return self._container(uuid) if step is None else step

    def _container(self, uuid: str) -> Any:
        lent = self._containers.get(uuid)
        if lent is None:
            life = self._fixtures.life_in(uuid)
            if life is None:
                return None
            lent = self._containers[uuid] = LentContainer(life)
        else:
            self._take_parts(lent)
        lent.fill(self._users_of(lent.life), self._lend)
        return lent.item

    def _users_of(self, life: FixtureLife) -> list[str]:
        if life.container is None:
            return [] if life.test is None else [uuid_of(life.test)]
        running = [uuid_of(r.test) for r in list(self._running.values()) if r.uses(life)]
        return [*self._recorder.report.users_of(life.key), *running]

    def as_lent(self, trace: Trace, container: TestResultContainer) -> TestResultContainer:
        """Return a container that is being written as those who were lent it have left it."""
        lent = self._containers.pop(container.uuid, None)
        if lent is not None:  # it may be written again, as long as the trace is remembered
            self._finished.setdefault(trace, {})[container.uuid] = lent
        elif trace in self._finished:
            lent = self._finished[trace].get(container.uuid)
        masked = self._recorder.report.presentation.redaction.text
        return container if lent is None else lent.published(container, masked)

    def get_last_item(self, item_type: type | None = None) -> Any:
        """Return the innermost step, fixture or test that runs here, if of that type."""
        owner = item_in(self._recorder.base_context())
        while owner is not None:
            if owner.kind == c.PHASE:
                owner = self._last_fixture(owner) or owner.test
                continue
            item = None if owner.kind == c.CONTAINER else self._lend(owner)
            if item is not None and (item_type is None or isinstance(item, item_type)):
                return item
            owner = owner.test if owner.kind == c.FIXTURE else owner.parent
        return None

    def _last_fixture(self, phase: RunningItem) -> RunningItem | None:
        """Return the fixture that was set up last; around a set-up, it is asked for after it."""
        if phase.title != "setup" or phase.ended:
            return None
        owners = [span.owner for span in self._spans() if span.owner is not None]
        fixtures = [o for o in owners if o.kind == c.FIXTURE and o.test is phase.test]
        return max(fixtures, key=lambda owner: owner.span.start_ns, default=None)

    # -- attachments

    def attach_data(
        self,
        uuid: str,
        body: Any,
        name: Any = None,
        attachment_type: Any = None,
        extension: Any = None,
        parent_uuid: str | None = None,
    ) -> None:
        """Attach where the caller runs, or to the test or step `parent_uuid`."""
        self._attach_written(written_data, body, name, attachment_type, extension, parent_uuid)

    def attach_file(
        self,
        uuid: str,
        source: Any,
        name: Any = None,
        attachment_type: Any = None,
        extension: Any = None,
        parent_uuid: str | None = None,
    ) -> None:
        """Attach a copy of a file where the caller runs, or to `parent_uuid`."""
        self._attach_written(written_file, source, name, attachment_type, extension, parent_uuid)

    def _attach_written(
        self, write: Any, content: Any, name: Any, kind: Any, extension: Any, parent: str | None
    ) -> None:
        with self._recorder.diagnostics.caught("attaching"):
            owner = self._owner(parent)
            try:
                attachment = write(self._recorder, content, name, kind, extension)
            except Exception as error:
                if owner is None:
                    self._recorder.log_step(note_of_lost(name, error))
                else:
                    note_lost(owner, name, error)
                raise
            if owner is None:
                self._recorder.attach(attachment)
            else:
                owner.attachments.append(attachment)

    # -- steps

    def start_step(self, parent_uuid: str | None, uuid: str, step: TestStepResult) -> None:
        """Start a step here, or below the test or step `parent_uuid`."""
        owner = self._owner(parent_uuid)
        if owner is None:
            running = start_step(step.name)
        else:
            with attached(owner.live.context if isinstance(owner, RunningTest) else owner.context):
                running = start_step(step.name)
        running.enter()
        lent = self._lent[running] = Lent(running, step)
        lent.then = {name: [] if name in LISTS else None for name in snapshot_of(step)}
        self._started[uuid] = running, lent

    def stop_step(self, uuid: str, **changes: Any) -> None:
        """Stop it, with changes to the object that it was started with."""
        if uuid not in self._started:
            self._stop_other(uuid, changes)
            return
        running, lent = self._started.pop(uuid)
        for name, value in changes.items():
            setattr(lent.item, name, value)
        lent.take_back(self._recorder.diagnostics.add)
        self._record_steps(lent.item.steps, running, lent.item)
        running.leave()
        running.finish(None, None)

    def _stop_other(self, uuid: str, changes: dict[str, Any]) -> None:
        """Stop a step that `allure.step` has started; when its block ends, it is over already."""
        item = self._of_step(uuid)
        step = next((owner for owner, lent in self._lent.items() if lent.item is item), None)
        if item is None or step is None or step.ended:
            return
        for name, value in changes.items():
            setattr(item, name, value)
        self._take_back(self._lent[step])
        step.end()

    def _of_step(self, uuid: str) -> Any:
        started = self._started.get(uuid)
        if started is not None:
            return started[1].item
        owners = (span.owner for span in self._spans())
        step = next((owner for owner in owners if getattr(owner, "uuid", None) == uuid), None)
        return None if step is None else self._lend(step)

    # -- lending

    def take_back(self) -> None:
        """Put what others have changed in what they were lent into its place."""
        for lent in list(self._lent.values()):
            self._take_back(lent)
        for container in list(self._containers.values()):
            self._take_parts(container)

    def _take_parts(self, container: LentContainer) -> None:
        with self._recorder.diagnostics.caught("taking changes to a container"):
            life = container.life
            below: Any = life.container or life.test
            for phase, part in container.take_back():
                container.take(part, self._record(part, below, c.FIXTURE, life.attributes(phase)))

    def _take_back(self, lent: Lent) -> None:
        with self._recorder.diagnostics.caught("taking changes to a result"):
            lent.take_back(self._recorder.diagnostics.add)
        self._record_steps(lent.new_steps(), lent.owner, lent.item)

    def forget_ended(self) -> None:
        """Forget what has been written."""
        containers = self._containers.values()
        for owner in [owner for owner in self._lent if owner.ended]:
            if not any(owner in container.life.parts for container in containers):
                del self._lent[owner]

    @property
    def is_used(self) -> bool:
        """Whether something is lent."""
        return bool(self._lent or self._containers)

    def _owner(self, uuid: str | None) -> RunningItem | None:
        item = self.get_item(uuid)
        return next((o for o, lent in self._lent.items() if lent.item is item), None)

    def _lend(self, owner: RunningItem) -> Any:
        lent = self._lent.get(owner)
        if lent is None:
            lent = self._new(owner)
            if lent is None:
                return None
            self._lent[owner] = lent
            lent.on_late_change = self._amend
            lent.item.find_steps = lambda: self._steps_of(owner)
        else:
            self._take_back(lent)
        lent.fill()
        return lent.item

    def _new(self, owner: RunningItem) -> Lent | None:
        if isinstance(owner, RunningTest):
            running = next((r for r in self._running.values() if r.test is owner), None)
            return None if running is None else LentTest(running, self._recorder.diagnostics)
        if owner.kind == c.FIXTURE:
            phase = (owner.attributes or {}).get(c.PHASE_NAME)
            return Lent(owner, Before() if phase == "before" else After())
        return Lent(owner, Step())

    def _steps_of(self, owner: RunningItem) -> list[Any]:
        spans = [span for span in self._spans() if span.owner is not None]
        phases = {span.span_id for span in spans if span.owner.kind == c.PHASE}
        ids = {owner.span.span_id}  # type: ignore[attr-defined]
        if isinstance(owner, RunningTest):
            ids |= {s.span_id for s in spans if s.span_id in phases and s.parent_id in ids}
        below = [s for s in spans if s.parent_id in ids and s.owner.kind == c.STEP]
        return [self._lend(span.owner) for span in sorted(below, key=lambda s: s.start_ns)]

    def _amend(self, owner: RunningItem) -> None:
        span: Any = owner.span
        self._recorder.report.amend(span.record())

    def _record_steps(self, steps: Iterable[Any], parent: RunningItem, *above: Any) -> None:
        """Record steps that somebody has put into the last of the objects `above`."""
        for step in steps:
            with self._recorder.diagnostics.caught("taking a step of others"):
                if any(step is each for each in above):
                    raise ValueError(f"{text_of(step.name)!r} is below itself")
                self._record(step, parent, above=above)

    def _record(
        self,
        step: Any,
        parent: RunningItem,
        kind: str = c.STEP,
        attributes: Any = None,
        above: tuple[Any, ...] = (),
    ) -> RunningItem:
        start_ns = ns(step.start, now_ns())
        name = text_of(step.name)
        span = self._recorder.tracer.start_span(name, parent.context, start_time=start_ns)
        owner = RunningItem(kind, name, span, parent.context)
        owner.attributes = attributes
        lent = self._lent[owner] = Lent(owner, step)
        lent.then = {name: [] if name in LISTS else None for name in snapshot_of(step)}
        lent.take_back(self._recorder.diagnostics.add)
        owner.end(max(start_ns, ns(step.stop, start_ns)))
        self._record_steps(step.steps, owner, *above, step)
        return owner


class _Items:
    """What is found by its uuid: what others have made, and what runs."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self.own: dict[str, Any] = {}
        self._find = find

    def get(self, uuid: Any) -> Any:
        return self.own.get(uuid) or self._find(uuid)

    def __getitem__(self, uuid: Any) -> Any:
        item = self.get(uuid)
        if item is None:
            raise KeyError(uuid)
        return item

    def __contains__(self, uuid: Any) -> bool:
        return self.get(uuid) is not None

    def __setitem__(self, uuid: Any, item: Any) -> None:
        self.own[uuid] = item

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.own)

    def pop(self, uuid: Any) -> Any:
        """Return an item; of those that run, none is taken away."""
        return self.own.pop(uuid, None) or self._find(uuid)


class Cache:
    """Knows the uuids of tests that run, and of fixtures' containers, as allure-pytest's does.

    Keys are a test's node id, or a fixture's definition.
    """

    def __init__(self, running: dict[str, TestAttempt], fixtures: Fixtures) -> None:
        self._running = running
        self._fixtures = fixtures
        self._others: dict[int, str] = {}

    def get(self, key: Any) -> str | None:
        """Return the uuid of a test or fixture, None if it does not run, or is not set up."""
        if isinstance(key, str):
            running = self._running.get(key)
            return self._others.get(id(key)) if running is None else uuid_of(running.test)
        life = self._fixtures.life_of(key)
        return self._others.get(id(key)) if life is None else life.own_container()

    def push(self, key: Any) -> str:
        """Return the uuid of an object, which may be one of somebody's own."""
        return self.get(key) or self._others.setdefault(id(key), uuid4())

    def pop(self, key: Any) -> str | None:
        """Return its uuid; what somebody has pushed is forgotten."""
        return self._others.pop(id(key), None) or self.get(key)
