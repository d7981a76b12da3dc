"""Fixtures -> spans.

A fixture of function scope is a child of the test's set-up and tear-down phases. A wider one is a
trace of its own, so that it inflates no test: a *container* span for its life, and in it a
*fixture* span for the set-up and one for each finalizer. The tests that use it link to it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pluggy
import pytest
from opentelemetry.context import Context
from opentelemetry.trace import Link

from otel_allure.compat.lookalike import is_lookalike, looking_like, original
from otel_allure.compat.pytest import FINALIZERS, FIXTURE_MANAGER, FIXTURES_REACHED, REQUEST
from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.outcome import OK, outcome_of
from otel_allure.pytest_plugin import metadata
from otel_allure.pytest_plugin.coroutines import Place, in_place, is_async
from otel_allure.pytest_plugin.plugins_fixtures import is_of_plugin
from otel_allure.pytest_plugin.tracebacks import hidden
from otel_allure.recording.contexts import ISOLATED, ITEM, as_left, attached, root_context
from otel_allure.recording.listeners import finalizer_told, has_fixture_listeners
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningItem, RunningTest
from otel_allure.translation.identity import ITS_CONTAINER, item_uuid


def uuid_of(part: RunningItem, salt: int = 0) -> str:
    """Return the uuid that what becomes of `part` has in the report."""
    span: Any = part.span  # one of our own tracer's has the ids by the same names
    return item_uuid(span, salt)


class FixtureLife:
    """One instance of a fixture, from its set-up until its last finalizer has run.

    Attributes:
        container: the span of its life; None for a fixture of function scope.
        error: what its set-up has raised.
        of_plugin: whether a plugin has made it.
        parts: its set-up, and those of its finalizers that have run.
        causes: why they failed, as far as somebody has asked; None where that is not known.
        apart: the uuid of the container that it has been given, see `own_container`.
        context: what is current for the fixture's own code.

    A container says which tests used it, so its span ends when those have, with the time of the
    tear-down: the last test is finished after the fixtures that it was the last to use.
    """

    def __init__(
        self, name: str, recorder: Recorder, test: RunningTest | None, container: RunningItem | None
    ) -> None:
        self.name = name
        self.container = container
        self.context = Context()
        self._recorder = recorder
        self._test = test
        self.parts: list[RunningItem] = []
        self.causes: dict[RunningItem, str | None] = {}
        self.apart: str | None = None
        self.of_plugin = False
        self.error: BaseException | None = None
        self._in_part = False
        self._users = self._ever_used = 0
        self._noted = 1  # with the test that it is set up for
        self._torn_down_ns: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """The ids of its container's span."""
        span: Any = None if self.container is None else self.container.span
        return span.trace_id, span.span_id

    def acquire(self) -> None:
        """Note that a running test uses it."""
        self._users += 1
        self._ever_used += 1

    def is_news(self) -> bool:
        """Whether twice as many tests have used it as when that was asked and true before.

        To note each would cost the square of their number.
        """
        is_news = self._ever_used >= 2 * self._noted
        if is_news:
            self._noted = self._ever_used
        return is_news

    def release(self) -> None:
        """Note that such a test has finished."""
        self._users -= 1
        self._end_if_done()

    def tear_down(self) -> None:
        """Note that its last finalizer has run."""
        self._torn_down_ns = now_ns()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._users == 0 and self._torn_down_ns is not None and self.container is not None:
            self.container.end(self._torn_down_ns)

    @contextmanager
    def part(self, phase: str, name: str) -> Iterator[RunningItem]:
        """Run the block as the fixture's `before` or one of its `after`s."""
        __tracebackhide__ = hidden
        parent = as_left(self._parent_context())
        span = self._recorder.tracer.start_span(name, parent, start_time=now_ns())
        part = RunningItem(c.FIXTURE, name, span, parent)
        part.test = part.test or self._test
        part.attributes = self.attributes(phase)
        self.parts.append(part)
        self.context, self._in_part = part.context, True
        self._recorder.report.changed(span.get_span_context().trace_id, now_ns(), part)
        part.enter()
        try:
            yield part
        except BaseException as error:
            part.outcome = outcome_of(error)
            raise
        finally:
            self._in_part = False
            part.leave()
            part.end()

    def resumed(self, first: bool) -> AbstractContextManager[object]:
        """Return what is current while the fixture's coroutine runs, from its first step on.

        pytest-trio runs both halves of a fixture around the test's body, out of our hooks' sight:
        the first belongs to the set-up all the same, the second is the tear-down.
        """
        if self._in_part:
            return attached(self.context)
        if first:
            return self._set_up_again()
        return self.part("after", f"{self.name}::0")

    @contextmanager
    def _set_up_again(self) -> Iterator[None]:
        """Run the block as if the set-up were not over."""
        part: RunningItem = self.context[ITEM]  # type: ignore[assignment]
        part.life = None
        try:
            with attached(self.context):
                yield
        finally:
            part.life = part

    def _parent_context(self) -> Context:
        if self.container is not None:
            return self.container.context
        return Context() if self._test is None else self._test.live.context

    def attributes(self, phase: str) -> dict[str, Any]:
        """Return what a part of it says: what it is, and where it is shown."""
        apart = {} if self.apart is None else {c.CONTAINER_ID: self.apart}
        of_plugin = {c.OF_PLUGIN: True} if self.of_plugin else {}
        return {c.PHASE_NAME: phase, **apart, **of_plugin}

    def own_container(self) -> str:
        """Return the uuid of its container.

        Fixtures of function scope share the container of their test, until somebody asks for one.
        """
        if self.container is not None:
            return uuid_of(self.container)
        if self.apart is None:
            self.apart = uuid_of(self.parts[0], ITS_CONTAINER)
            for part in self.parts:
                part.attributes = {**(part.attributes or {}), c.CONTAINER_ID: self.apart}
                if part.ended:
                    part.span.attributes[c.CONTAINER_ID] = self.apart  # type: ignore[attr-defined]
        return self.apart

    @property
    def test(self) -> RunningTest | None:
        """The test that it was set up for; of one of function scope, its only user."""
        return self._test

    def finalizer(self, finalizer: Callable[[], object], index: int) -> Callable[[], object]:
        """Return the finalizer as one that is recorded; the one of a `yield` has no name."""
        name = f"{self.name}::{getattr(finalizer, '__name__', index)}"

        def recorded(finalizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
            __tracebackhide__ = hidden
            with self.part("after", name):
                if not has_fixture_listeners():
                    return finalizer(*args, **kwargs)
                with finalizer_told(self.own_container(), name):
                    return finalizer(*args, **kwargs)

        recorded_finalizer: Callable[[], object] = looking_like(finalizer, recorded)
        return recorded_finalizer


class Fixtures:
    """The fixtures that are set up now.

    Args:
        recorder: of the session.
        session_links: what each trace of its own is linked to.
        isolated: whether what belongs to no test runs in isolation.
    """

    def __init__(
        self, recorder: Recorder, session_links: list[Link], *, isolated: bool = False
    ) -> None:
        self._isolated = isolated
        self._recorder = recorder
        self._session_links = session_links
        self.on_set_up: Callable[[RunningItem], None] | None = None
        """Told the container of a wider fixture that has been set up."""
        self._lives: dict[pytest.FixtureDef[Any], FixtureLife] = {}
        self._broken: list[FixtureLife] = []

    def life_of(self, fixturedef: Any) -> FixtureLife | None:
        """Return the life of a fixture that is set up now."""
        return next((life for known, life in self._lives.items() if known is fixturedef), None)

    def life_in(self, container_uuid: str) -> FixtureLife | None:
        """Return the life whose own container has that uuid."""
        for life in list(self._lives.values()):
            if life.container is None and life.apart is None:
                continue  # nobody has asked for it
            if life.own_container() == container_uuid:
                return life
        return None

    def set_up(
        self, fixturedef: pytest.FixtureDef[Any], test: RunningTest | None, node: pytest.Item
    ) -> Generator[None, pluggy.Result[Any], None]:
        """Record a fixture's set-up around the `yield`, and see to its finalizers."""
        name = getattr(fixturedef.func, metadata.TITLE_ATTRIBUTE, None) or fixturedef.argname
        life = self._lives[fixturedef] = FixtureLife(
            name, self._recorder, test, self._container(fixturedef, name, test)
        )
        life.of_plugin = is_of_plugin(fixturedef, node)
        function = original(fixturedef.func)
        if is_async(function):
            _set_function(fixturedef, in_place(function, lambda: self._place_of(fixturedef)))
        # There is no public way to name or time them.
        finalizers: list[Any] = FINALIZERS.of(fixturedef, [], kind=list)
        before = len(finalizers)
        try:
            with life.part("before", name) as part:
                life.error = (yield).exception
                if life.error is not None:
                    part.outcome = outcome_of(life.error)
        finally:
            _give_back(fixturedef)
            if life.container is not None and self.on_set_up is not None:
                self.on_set_up(life.container)
            for index, finalizer in enumerate(finalizers[before:]):
                finalizers[before + index] = life.finalizer(finalizer, index)

    def _place_of(self, fixturedef: pytest.FixtureDef[Any]) -> Place | None:
        """Return where its coroutine runs, while it is set up."""
        life = self._lives.get(fixturedef)
        return None if life is None else life.resumed

    def _container(
        self, fixturedef: pytest.FixtureDef[Any], name: str, test: RunningTest | None
    ) -> RunningItem | None:
        if fixturedef.scope == "function" and test is not None:
            return None
        isolated = self._isolated if test is None else ISOLATED in test.context
        root = root_context(isolated=isolated)
        span = self._recorder.tracer.start_span(
            name, root, links=self._session_links, start_time=now_ns()
        )
        self._recorder.report.hold(span.get_span_context().trace_id)
        part = RunningItem(c.CONTAINER, name, span, root)
        part.test = test
        return part

    def tear_down(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note that all finalizers of a fixture have run."""
        _give_back(fixturedef)
        life = self._lives.pop(fixturedef, None)
        if life is not None:
            if any(part.outcome is not OK for part in life.parts):
                self._broken.append(life)
            life.tear_down()

    def failed(self) -> list[FixtureLife]:
        """Return those whose set-up has failed, and that are not torn down."""
        return [life for life in self._lives.values() if life.error is not None]

    def take_broken(self) -> list[FixtureLife]:
        """Give away those that were torn down and have failed: the last test may not use them."""
        broken, self._broken = self._broken, []
        return broken

    def tear_down_all(self) -> None:
        """End what was never torn down."""
        for fixturedef in list(self._lives):
            self.tear_down(fixturedef)

    def used_by(self, item: pytest.Item, complete: bool) -> Iterator[FixtureLife]:
        """Yield the wider fixtures in the test's closure, overridden ones too.

        If the test's set-up is not `complete`, because it was skipped or a fixture failed, only
        those count that it came to.
        """
        is_function = isinstance(item, pytest.Function)  # others may have no fixtures
        request = REQUEST.of(item if is_function else None, getattr(item, REQUEST.attribute, None))
        reached = FIXTURES_REACHED.of(request, {})
        manager = FIXTURE_MANAGER.of(item.session)
        for name in getattr(item if request is None else request, "fixturenames", ()):
            for fixturedef in manager.getfixturedefs(name, item) or () if manager else ():
                life = self._lives.get(fixturedef)
                if life is not None and (complete or life.error is not None or name in reached):
                    yield life


def _give_back(fixturedef: pytest.FixtureDef[Any]) -> None:
    """Put the user's function back, unless another plugin has put something else there.

    Some do so for good, and some put back at a time of their own what they have found.
    """
    if is_lookalike(fixturedef.func):
        _set_function(fixturedef, original(fixturedef.func))


def _set_function(fixturedef: pytest.FixtureDef[Any], function: Callable[..., Any]) -> None:
    fixturedef.func = function  # type: ignore[misc]  # final for users, not for plugins
