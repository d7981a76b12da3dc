"""Objects of Allure's model that other plugins are lent, and what they change in them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
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
from otel_allure.model import rows
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.outcome import OK, PASSED, Outcome
from otel_allure.model.texts import is_true, text_of
from otel_allure.pytest_plugin.fixtures import FixtureLife, uuid_of
from otel_allure.recording.running_item import RunningItem
from otel_allure.translation.to_results import OnProblem

if TYPE_CHECKING:
    from otel_allure.pytest_plugin.test_attempt import TestAttempt


def _parameter_row(parameter: Any) -> rows.Parameter:
    mode = text_of(getattr(parameter.mode, "value", parameter.mode) or "")
    name, value = text_of(parameter.name), text_of(parameter.value)
    return rows.Parameter(name, value, mode, is_true(parameter.excluded))


def _attachment_row(attachment: Any) -> rows.Attachment:
    kind = text_of(attachment.type or "")
    return rows.Attachment(text_of(attachment.name), text_of(attachment.source), kind)


def _label_row(label: Any) -> tuple[str, str]:
    return text_of(label.name), text_of(label.value)


def _link_row(link: Any) -> tuple[str, str, str]:
    return text_of(link.url), text_of(link.name or link.url), text_of(link.type or "link")


class _List(NamedTuple):
    row: Callable[[Any], tuple[Any, ...]]
    item: Callable[..., Any]


LISTS = {
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


def snapshot_of(item: ExecutableItem, on_problem: OnProblem = _nobody) -> dict[str, Any]:
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
            for name, kind in LISTS.items()
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


class Step(_WithSteps, TestStepResult):
    """A step that is lent."""


class Before(_WithSteps, TestBeforeResult):
    """A set-up that is lent."""


class After(_WithSteps, TestAfterResult):
    """A tear-down that is lent."""


class Lent:
    """An object that was lent, and what was filled in."""

    def __init__(self, owner: RunningItem, item: Any) -> None:
        self.owner = owner
        self.item = item
        self.then: dict[str, Any] = {}
        self.on_late_change: Callable[[RunningItem], None] = lambda item: None

    def fill(self) -> None:
        """Fill in what the item knows."""
        item, owner = self.item, self.owner
        item.name, item.start = owner.title, _milliseconds(owner.span)
        item.found_steps = None
        _set_outcome(item, owner.outcome if owner.ended or owner.outcome is not OK else None)
        for name, kind in LISTS.items():
            if hasattr(item, name):
                setattr(item, name, [kind.item(*row) for row in getattr(owner, name)])
        self.then = snapshot_of(item)

    def take_back(self, on_problem: OnProblem) -> None:
        """Put what was changed into the item."""
        now = snapshot_of(self.item, on_problem)
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
        for name in changed & set(LISTS):
            rows = getattr(owner, name)
            rows[:] = _merged(now[name], self.then[name], rows)

    def _set_outcome(self, outcome: Outcome) -> None:
        self.owner.outcome = outcome


class LentContainer:
    """A fixture's container that was lent, with its set-up and tear-downs."""

    def __init__(self, life: FixtureLife) -> None:
        self.life = life
        name = None if life.container is None else life.container.title
        self.item = TestResultContainer(uuid=life.own_container(), name=name)
        self._then = {**vars(self.item), "children": [], "links": []}
        self._parts: dict[int, RunningItem] = {}

    def fill(self, children: list[str], lend: Callable[[RunningItem], Any]) -> None:
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

    def take(self, part: Any, owner: RunningItem) -> None:
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


def _said(owner: RunningItem, attribute: str) -> Any:
    return (owner.attributes or {}).get(attribute)


class LentTest(Lent):
    """A test that was lent; its outcome and identity are told to the attempt."""

    def __init__(self, running: TestAttempt, diagnostics: Diagnostics) -> None:
        super().__init__(running.test, _Test(uuid=uuid_of(running.test)))
        self.diagnostics = diagnostics
        self.running = running

    def fill(self) -> None:
        """Fill in what the item knows, and what can be said of the item."""
        running, item = self.running, self.item
        test = running.test
        if test.phase is not None and test.phase.title == "teardown":
            running.label(self.diagnostics)  # from there on allure-pytest shows all of them
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
        self.then = snapshot_of(item)

    def _apply(self, now: dict[str, Any], changed: set[str]) -> None:
        super()._apply(now, changed)
        for name, field in _TEXTS.items():
            if name in changed:
                setattr(self.running.test, field, now[name])
        for name, attribute in _IDENTITY.items():
            if name in changed:
                self.running.told[attribute] = now[name]
        for name, attribute in _FLAGS.items():
            if name in changed:
                self.running.test.span.set_attribute(attribute, now[name])

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


def _describe_again(owner: RunningItem) -> None:
    """Put into a span that has ended, but has not been written, what its item says now."""
    span: Any = owner.span
    span.name = owner.title
    for name in (c.STATUS, c.MESSAGE, c.TRACE):
        span.attributes.pop(name, None)
    for prefix in ("allure.parameter.", "allure.attachment."):
        for name in [name for name in span.attributes if name.startswith(prefix)]:
            del span.attributes[name]
    span.attributes.update(owner.described())


def ns(milliseconds: Any, default: int) -> int:
    """Return milliseconds as ns; `default` if they are no number."""
    return milliseconds * 1_000_000 if type(milliseconds) is int else default


def _milliseconds(span: Any) -> int:
    return int(span.start_ns) // 1_000_000
