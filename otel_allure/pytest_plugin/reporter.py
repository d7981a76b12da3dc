"""What other plugins find as `allure_logger` of the listener: results and steps that still run.

Conftest files ask allure-pytest's listener for the running test and change what it says:

    listener = config.pluginmanager.get_plugin("allure_listener")
    listener.allure_logger.get_test(None).labels.append(Label("layer", "api"))

They get an object of allure_commons.model2 that shows what is known, filled from the test's scope.
What they change in it is noticed by comparing it with what was filled in, when the next one is
asked for, or else when its test is finished. Nothing is done for tests that nobody asks for.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

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
from allure_commons.reporter import AllureReporter
from allure_commons.utils import uuid4

from otel_allure import allure_api, scope
from otel_allure import conventions as c
from otel_allure.clock import now_ns
from otel_allure.contexts import attached
from otel_allure.outcome import OK, PASSED, Outcome
from otel_allure.problems import Problems
from otel_allure.pytest_plugin.fixtures import FixtureLife, Fixtures, uuid_of
from otel_allure.recorder import Recorder
from otel_allure.scope import Scope, TestScope, scope_in
from otel_allure.steps import RunningStep, start_step
from otel_allure.texts import is_true, text_of
from otel_allure.to_results import OnProblem
from otel_allure.traces import Trace

if TYPE_CHECKING:
    from otel_allure.pytest_plugin.running_test import RunningTest

# -- lists: objects of the model <-> rows of a scope


def _parameter_row(parameter: Any) -> scope.Parameter:
    mode = text_of(getattr(parameter.mode, "value", parameter.mode) or "")
    name, value = text_of(parameter.name), text_of(parameter.value)
    return scope.Parameter(name, value, mode, is_true(parameter.excluded))


def _attachment_row(attachment: Any) -> scope.Attachment:
    kind = text_of(attachment.type or "")
    return scope.Attachment(text_of(attachment.name), text_of(attachment.source), kind)


def _label_row(label: Any) -> tuple[str, str]:
    return text_of(label.name), text_of(label.value)


def _link_row(link: Any) -> tuple[str, str, str]:
    return text_of(link.url), text_of(link.name or link.url), text_of(link.type or "link")


class _List(NamedTuple):
    row: Callable[[Any], tuple[Any, ...]]
    item: Callable[..., Any]


_LISTS = {
    "parameters": _List(
        _parameter_row,
        lambda name, value, mode, excluded: Parameter(name, value, excluded or None, mode or None),
    ),
    "attachments": _List(
        _attachment_row, lambda name, source, kind: Attachment(name, source, kind or None)
    ),
    "labels": _List(_label_row, Label),
    "links": _List(_link_row, lambda url, name, kind: Link(kind, url, name)),
}
_TEXTS = {"description": "description", "descriptionHtml": "description_html"}
_IDENTITY = {
    "fullName": c.FULL_NAME,
    "titlePath": c.TITLE_PATH,
    "testCaseId": c.TEST_CASE_ID,
    "historyId": c.HISTORY_ID,
}
_FLAGS = {
    "known": c.KNOWN,
    "flaky": c.FLAKY,
    "muted": c.MUTED,
    "actual": c.ACTUAL,
    "expected": c.EXPECTED,
}


def _nobody(doing: str, error: object) -> None:
    """Tell nobody."""


def _known(item: ExecutableItem, on_problem: OnProblem = _nobody) -> dict[str, Any]:
    """Return what an object of the model says, in a form that can be compared.

    Somebody else has filled it in: what is odd costs no more than its own place.
    """
    details = item.statusDetails or StatusDetails()
    fields = ("name", "status", *_TEXTS, *_IDENTITY)
    return {
        **{name: _plain(name, getattr(item, name)) for name in fields if hasattr(item, name)},
        **{
            name: _plain(name, getattr(details, name, None))
            for name in ("message", "trace", *_FLAGS)
        },
        **{
            name: list(_rows(kind.row, getattr(item, name), on_problem))
            for name, kind in _LISTS.items()
            if hasattr(item, name)
        },
    }


def _rows(row: Callable[[Any], Any], entries: Any, on_problem: OnProblem) -> Iterator[Any]:
    if not isinstance(entries, Iterable):
        entries = () if entries is None else (entries,)
    for entry in entries:
        try:
            yield row(entry)
        except Exception as error:
            on_problem("taking changes to a result", error)


def _plain(name: str, value: Any) -> Any:
    if value is None or type(value) in (str, bool):
        return value
    is_list = name == "titlePath" and type(value) in (list, tuple)
    return list(map(text_of, value)) if is_list else text_of(value)


def _merged(now: list[Any], then: list[Any], current: list[Any]) -> list[Any]:
    """Return `current` with what somebody has changed from `then` to `now`."""
    if current == then:
        return list(now)
    kept = [row for row in current if row in now or row not in then]
    return kept + [row for row in now if row not in then and row not in kept]


# -- objects that are lent


class _WithSteps:
    """The steps of a lent object are looked for when somebody asks."""

    find_steps: Callable[[], list[Any]] = list
    found_steps: list[Any] | None = None
    known_steps: set[int] = set()  # noqa: RUF012 -- replaced, never changed

    @property
    def steps(self) -> list[Any]:
        if self.found_steps is None:
            found = self.found_steps = self.find_steps()
            self.known_steps = {id(step) for step in found}
        return self.found_steps

    @steps.setter
    def steps(self, value: list[Any]) -> None:
        self.found_steps = list(value) or None  # none are taken away


class _Test(_WithSteps, TestResult):
    pass


class _Step(_WithSteps, TestStepResult):
    pass


class _Before(_WithSteps, TestBeforeResult):
    pass


class _After(_WithSteps, TestAfterResult):
    pass


class _Lent:
    """An object that was lent, and what was filled in."""

    def __init__(self, owner: Scope, item: Any) -> None:
        self.owner = owner
        self.item = item
        self.then: dict[str, Any] = {}
        self.on_late_change: Callable[[Scope], None] = lambda scope: None

    def fill(self) -> None:
        """Fill in what the scope knows."""
        item, owner = self.item, self.owner
        item.name, item.start = owner.title, _milliseconds(owner.span)
        item.found_steps = None
        _set_outcome(item, owner.outcome if owner.ended or owner.outcome is not OK else None)
        for name, kind in _LISTS.items():
            if hasattr(item, name):
                setattr(item, name, [kind.item(*row) for row in getattr(owner, name)])
        self.then = _known(item)

    def take_back(self, on_problem: OnProblem) -> None:
        """Put what was changed into the scope."""
        now = _known(self.item, on_problem)
        changed = {name for name, value in now.items() if value != self.then.get(name)}
        if changed:
            self._apply(now, changed)
            self.then = now
            if self.owner.ended:
                _describe_again(self.owner)
                self.on_late_change(self.owner)

    def new_steps(self) -> list[Any]:
        """Return the steps that somebody has put into the object."""
        found = getattr(self.item, "found_steps", None) or []
        new = [step for step in found if id(step) not in self.item.known_steps]
        if new:
            self.item.known_steps = {id(step) for step in found}
        return new

    def _apply(self, now: dict[str, Any], changed: set[str]) -> None:
        owner = self.owner
        if "name" in changed:
            owner.title = text_of(now["name"])
        if changed & {"status", "message", "trace"}:
            self._set_outcome(Outcome(now["status"] or PASSED, now["message"], now["trace"]))
        for name in changed & set(_LISTS):
            rows = getattr(owner, name)
            rows[:] = _merged(now[name], self.then[name], rows)

    def _set_outcome(self, outcome: Outcome) -> None:
        self.owner.outcome = outcome


class _LentContainer:
    """A fixture's container that was lent, with its set-up and tear-downs."""

    def __init__(self, life: FixtureLife) -> None:
        self.life = life
        name = None if life.container is None else life.container.title
        self.item = TestResultContainer(uuid=life.own_container(), name=name)
        self._then = {**vars(self.item), "children": [], "links": []}
        self._parts: dict[int, Scope] = {}

    def fill(self, children: list[str], lend: Callable[[Scope], Any]) -> None:
        """Fill in what is known of the fixture."""
        item = self.item
        shown = [owner for owner in self.life.parts if _said(owner, c.CONTAINER_ID) != ""]
        parts = [(owner, lend(owner)) for owner in shown]
        self._parts = {id(part): owner for owner, part in parts}
        item.befores[:] = [part for owner, part in parts if _said(owner, c.PHASE_NAME) == "before"]
        item.afters[:] = [part for owner, part in parts if _said(owner, c.PHASE_NAME) == "after"]
        item.children[:] = _merged(item.children, self._then["children"], children)
        self._then["children"] = children

    def take_back(self) -> list[tuple[str, Any]]:
        """Hide the fixtures that somebody has taken out; return phase and object of new ones."""
        parts = [("before", part) for part in self.item.befores]
        parts += [("after", part) for part in self.item.afters]
        there = {id(part) for _, part in parts}
        for key in self._parts.keys() - there:
            owner = self._parts.pop(key)
            owner.attributes = {**(owner.attributes or {}), c.CONTAINER_ID: ""}
            if owner.ended:
                _describe_again(owner)
        return [(phase, part) for phase, part in parts if id(part) not in self._parts]

    def take(self, part: Any, owner: Scope) -> None:
        """Take a fixture in that has been recorded."""
        self._parts[id(part)] = owner
        self.life.parts.append(owner)

    def published(
        self, container: TestResultContainer, masked: Callable[[str], str]
    ) -> TestResultContainer:
        """Return what is to be written: what is known by now, and what somebody has changed.

        It is a copy each time, as those who listen change it again.
        """
        item = copy.copy(self.item)
        for name, value in vars(container).items():
            mine, then = getattr(item, name), self._then[name]
            if name == "children":
                value = _merged(mine, then, value)
            elif mine != then and name not in ("befores", "afters"):
                value = masked(mine) if isinstance(mine, str) else mine
            setattr(item, name, value)
        return item


def _said(owner: Scope, attribute: str) -> Any:
    return (owner.attributes or {}).get(attribute)


class _LentTest(_Lent):
    """A test that was lent; its outcome and identity are told to the attempt."""

    def __init__(self, running: RunningTest, problems: Problems) -> None:
        super().__init__(running.scope, _Test(uuid=uuid_of(running.scope)))
        self.problems = problems
        self.running = running

    def fill(self) -> None:
        """Fill in what the scope knows, and what can be said of the item."""
        running, item = self.running, self.item
        test = running.scope
        if test.phase is not None and test.phase.title == "teardown":
            running.label(self.problems)  # from there on allure-pytest shows all of them
        super().fill()
        item.description, item.descriptionHtml = test.description, test.description_html
        attributes = {**running.identity(), **running.told}
        for name, attribute in _IDENTITY.items():
            setattr(item, name, attributes[attribute])
        _set_outcome(item, running.outcome)
        given = test.span.attributes  # type: ignore[attr-defined]
        flags = {name: given[key] for name, key in _FLAGS.items() if key in given}
        if flags:
            item.statusDetails = item.statusDetails or StatusDetails()
            vars(item.statusDetails).update(flags)
        self.then = _known(item)

    def _apply(self, now: dict[str, Any], changed: set[str]) -> None:
        super()._apply(now, changed)
        for name, field in _TEXTS.items():
            if name in changed:
                setattr(self.running.scope, field, now[name])
        for name, attribute in _IDENTITY.items():
            if name in changed:
                self.running.told[attribute] = now[name]
        for name, attribute in _FLAGS.items():
            if name in changed:
                self.running.scope.span.set_attribute(attribute, now[name])

    def _set_outcome(self, outcome: Outcome) -> None:
        self.running.outcome = outcome


def _set_outcome(item: Any, outcome: Outcome | None) -> None:
    item.status = None if outcome is None else outcome.status
    has_details = outcome is not None and (outcome.message or outcome.trace)
    item.statusDetails = (
        StatusDetails(message=outcome.message, trace=outcome.trace)
        if outcome is not None and has_details
        else None
    )


def _describe_again(owner: Scope) -> None:
    """Put into a span that has ended, but has not been written, what its scope says now."""
    span: Any = owner.span
    span.name = owner.title
    for name in (c.STATUS, c.MESSAGE, c.TRACE):
        span.attributes.pop(name, None)
    for prefix in ("allure.parameter.", "allure.attachment."):
        for name in [name for name in span.attributes if name.startswith(prefix)]:
            del span.attributes[name]
    span.attributes.update(owner.described())


def _ns(milliseconds: Any, default: int) -> int:
    return milliseconds * 1_000_000 if type(milliseconds) is int else default


def _milliseconds(span: Any) -> int:
    return int(span.start_ns) // 1_000_000


# -- the facade


class Reporter(AllureReporter):
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
        running: dict[str, RunningTest],
        fixtures: Fixtures,
        spans: Callable[[], Iterable[Any]],
    ) -> None:
        self._recorder = recorder
        self._running = running
        self._fixtures = fixtures
        self._spans = spans
        self._lent: dict[Scope, _Lent] = {}
        self._containers: dict[str, _LentContainer] = {}
        self._finished: weakref.WeakKeyDictionary[Trace, dict[str, _LentContainer]] = (
            weakref.WeakKeyDictionary()
        )
        self._started: dict[str, tuple[RunningStep, _Lent]] = {}
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
            if uuid_of(running.scope) == uuid:
                return self._lend(running.scope)
        step = self._of_step(uuid)
        return self._container(uuid) if step is None else step

    def _container(self, uuid: str) -> Any:
        lent = self._containers.get(uuid)
        if lent is None:
            life = self._fixtures.life_in(uuid)
            if life is None:
                return None
            lent = self._containers[uuid] = _LentContainer(life)
        else:
            self._take_parts(lent)
        lent.fill(self._users_of(lent.life), self._lend)
        return lent.item

    def _users_of(self, life: FixtureLife) -> list[str]:
        if life.container is None:
            return [] if life.test is None else [uuid_of(life.test)]
        running = [uuid_of(r.scope) for r in list(self._running.values()) if r.uses(life)]
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
        owner = scope_in(self._recorder.base_context())
        while owner is not None:
            if owner.kind == c.PHASE:
                owner = self._last_fixture(owner) or owner.test
                continue
            item = None if owner.kind == c.CONTAINER else self._lend(owner)
            if item is not None and (item_type is None or isinstance(item, item_type)):
                return item
            owner = owner.test if owner.kind == c.FIXTURE else owner.parent
        return None

    def _last_fixture(self, phase: Scope) -> Scope | None:
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
        self._attach_written(
            allure_api.written_data, body, name, attachment_type, extension, parent_uuid
        )

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
        self._attach_written(
            allure_api.written_file, source, name, attachment_type, extension, parent_uuid
        )

    def _attach_written(
        self, write: Any, content: Any, name: Any, kind: Any, extension: Any, parent: str | None
    ) -> None:
        with self._recorder.problems.caught("attaching"):
            owner = self._owner(parent)
            try:
                attachment = write(self._recorder, content, name, kind, extension)
            except Exception as error:
                if owner is None:
                    self._recorder.log_step(allure_api.note_of_lost(name, error))
                else:
                    allure_api.note_lost(owner, name, error)
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
            with attached(owner.live.context if isinstance(owner, TestScope) else owner.context):
                running = start_step(step.name)
        running.enter()
        lent = self._lent[running] = _Lent(running, step)
        lent.then = {name: [] if name in _LISTS else None for name in _known(step)}
        self._started[uuid] = running, lent

    def stop_step(self, uuid: str, **changes: Any) -> None:
        """Stop it, with changes to the object that it was started with."""
        if uuid not in self._started:
            self._stop_other(uuid, changes)
            return
        running, lent = self._started.pop(uuid)
        for name, value in changes.items():
            setattr(lent.item, name, value)
        lent.take_back(self._recorder.problems.add)
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

    def _take_parts(self, container: _LentContainer) -> None:
        with self._recorder.problems.caught("taking changes to a container"):
            life = container.life
            below: Any = life.container or life.test
            for phase, part in container.take_back():
                container.take(part, self._record(part, below, c.FIXTURE, life.attributes(phase)))

    def _take_back(self, lent: _Lent) -> None:
        with self._recorder.problems.caught("taking changes to a result"):
            lent.take_back(self._recorder.problems.add)
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

    def _owner(self, uuid: str | None) -> Scope | None:
        item = self.get_item(uuid)
        return next((o for o, lent in self._lent.items() if lent.item is item), None)

    def _lend(self, owner: Scope) -> Any:
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

    def _new(self, owner: Scope) -> _Lent | None:
        if isinstance(owner, TestScope):
            running = next((r for r in self._running.values() if r.scope is owner), None)
            return None if running is None else _LentTest(running, self._recorder.problems)
        if owner.kind == c.FIXTURE:
            phase = (owner.attributes or {}).get(c.PHASE_NAME)
            return _Lent(owner, _Before() if phase == "before" else _After())
        return _Lent(owner, _Step())

    def _steps_of(self, owner: Scope) -> list[Any]:
        spans = [span for span in self._spans() if span.owner is not None]
        phases = {span.span_id for span in spans if span.owner.kind == c.PHASE}
        ids = {owner.span.span_id}  # type: ignore[attr-defined]
        if isinstance(owner, TestScope):
            ids |= {s.span_id for s in spans if s.span_id in phases and s.parent_id in ids}
        below = [s for s in spans if s.parent_id in ids and s.owner.kind == c.STEP]
        return [self._lend(span.owner) for span in sorted(below, key=lambda s: s.start_ns)]

    def _amend(self, owner: Scope) -> None:
        span: Any = owner.span
        self._recorder.report.amend(span.record())

    def _record_steps(self, steps: Iterable[Any], parent: Scope, *above: Any) -> None:
        """Record steps that somebody has put into the last of the objects `above`."""
        for step in steps:
            with self._recorder.problems.caught("taking a step of others"):
                if any(step is each for each in above):
                    raise ValueError(f"{text_of(step.name)!r} is below itself")
                self._record(step, parent, above=above)

    def _record(
        self,
        step: Any,
        parent: Scope,
        kind: str = c.STEP,
        attributes: Any = None,
        above: tuple[Any, ...] = (),
    ) -> Scope:
        start_ns = _ns(step.start, now_ns())
        name = text_of(step.name)
        span = self._recorder.tracer.start_span(name, parent.context, start_time=start_ns)
        owner = Scope(kind, name, span, parent.context)
        owner.attributes = attributes
        lent = self._lent[owner] = _Lent(owner, step)
        lent.then = {name: [] if name in _LISTS else None for name in _known(step)}
        lent.take_back(self._recorder.problems.add)
        owner.end(max(start_ns, _ns(step.stop, start_ns)))
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

    def __init__(self, running: dict[str, RunningTest], fixtures: Fixtures) -> None:
        self._running = running
        self._fixtures = fixtures
        self._others: dict[int, str] = {}

    def get(self, key: Any) -> str | None:
        """Return the uuid of a test or fixture, None if it does not run, or is not set up."""
        if isinstance(key, str):
            running = self._running.get(key)
            return self._others.get(id(key)) if running is None else uuid_of(running.scope)
        life = self._fixtures.life_of(key)
        return self._others.get(id(key)) if life is None else life.own_container()

    def push(self, key: Any) -> str:
        """Return the uuid of an object, which may be one of somebody's own."""
        return self.get(key) or self._others.setdefault(id(key), uuid4())

    def pop(self, key: Any) -> str | None:
        """Return its uuid; what somebody has pushed is forgotten."""
        return self._others.pop(id(key), None) or self.get(key)
