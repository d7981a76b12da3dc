"""Tests that ask for their trace: the fixture, budgets, and what is told at the end of a test.

Where no report is written, a test that asks is recorded all the same, alone and to nowhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from typing import Any

import pytest

from otel_allure.assertions.budgets import Budget, checked, exceeded, words
from otel_allure.assertions.errors import InconclusiveError, TraceUsageError
from otel_allure.assertions.live import Asked, RecordedTest, Running, Trace
from otel_allure.assertions.texts import failure_text
from otel_allure.assertions.waiting import not_awaited
from otel_allure.compat.patches import undo_all
from otel_allure.compat.pytest import CALL_SPEC, FIXTURE_MANAGER
from otel_allure.pytest_plugin.listener import CONCURRENT_RUNNERS, AllureListener
from otel_allure.pytest_plugin.metadata import BUDGET_LINE, BUDGET_MARK
from otel_allure.pytest_plugin.test_attempt import TestAttempt
from otel_allure.pytest_plugin.third_party import cooperative, stand_in, subtests

_PLUGIN = "otel_allure_traces"
_FIXTURE = "trace"


def trace_of(request: pytest.FixtureRequest) -> Trace:
    """Return the trace of the test that a fixture is set up for."""
    traces = Traces.register(request.config, [request.node])
    listener = traces.recording()
    attempt = listener.open(request.node)
    if listener.recorder.is_child:  # pytest-forked: what happens here is sent to the parent
        listener.report.sent = listener.report.sent or []

    def find() -> Running:
        return listener.recorder, attempt.test

    return Trace(RecordedTest(find))


class Traces:
    """Follows the tests that ask for their trace."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._quiet: AllureListener | None = None
        self._undo: list[Callable[[], None]] = []

    @classmethod
    def register(cls, config: pytest.Config, items: list[pytest.Item]) -> Traces:
        """Follow tests from now on, and check their marks.

        Raises:
            pytest.UsageError: for a budget that is none.
        """
        traces = config.pluginmanager.get_plugin(_PLUGIN)
        if traces is None:
            traces = cls(config)
            config.pluginmanager.register(traces, _PLUGIN)
        for item in items:
            budget_of(item)
        return traces

    # -- recording, where no report does

    @property
    def _listener(self) -> AllureListener | None:
        listener: AllureListener | None = self._config.stash.get(stand_in.LISTENER, None)
        is_on = listener is not None and self._config.pluginmanager.is_registered(listener)
        return listener if is_on else self._quiet

    def recording(self) -> AllureListener:
        """Return what records; if the test asks unforeseen, from now on."""
        if self._listener is None:
            self._undo = self._start()
        listener = self._listener
        assert listener is not None
        return listener

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """Stop what a test has started that asked unforeseen."""
        undo_all(self._undo)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Record all tests, where tests run at the same time: their bodies come before hooks."""
        at_once = any(name in sys.modules for name in CONCURRENT_RUNNERS)
        if self._listener is not None or not at_once or not any(map(asks, session.items)):
            return (yield)
        undo = self._start()
        try:
            return (yield)
        finally:
            undo_all(undo)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Record a test that asks."""
        if self._listener is not None or not asks(item):
            return (yield)
        undo = self._start()
        try:
            assert self._quiet is not None
            return (yield from self._quiet.pytest_runtest_protocol(item))
        finally:
            undo_all(undo)

    def _start(self) -> list[Callable[[], None]]:
        """Record to nowhere; return how to undo it, the last thing first."""
        listener = self._quiet = AllureListener(self._config, None)
        listener.start()
        listener.open_session()
        manager = self._config.pluginmanager
        manager.register(listener, f"{_PLUGIN}_listener")
        listener.provider.share_with_backend()

        def forget() -> None:
            self._quiet = None

        return [  # the last of them is the first to go
            forget,
            lambda: manager.unregister(listener),
            listener.stop,
            subtests.follow(listener.running),
            cooperative.follow(listener),
        ]

    # -- the end of a test

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Tell what was forgotten, and what is beyond the budget."""
        __tracebackhide__ = True
        listener = self._listener
        try:
            result = yield
        except InconclusiveError as error:
            if listener is not None and listener.report.settings.otel_inconclusive == "skip":
                pytest.skip(f"inconclusive: {error}")
            raise
        attempt = None if listener is None else listener.running.at(item)
        if listener is not None and attempt is not None:
            self._finish(item, listener, attempt)
        return result

    def _finish(self, item: pytest.Item, listener: AllureListener, attempt: TestAttempt) -> None:
        __tracebackhide__ = True
        test = attempt.test
        asked: Asked | None = test.asked
        told: list[str] = []
        if asked is not None:
            told += map(not_awaited, asked.not_awaited())
            if listener.report.settings.otel_soft_checks == "fail":
                told += asked.failed
        budget = budget_of(item)
        if budget:
            told += _beyond(budget, RecordedTest(lambda: (listener.recorder, test)))
        if told:
            pytest.fail("\n\n".join(told), pytrace=False)


def _beyond(budget: Budget, source: RecordedTest) -> list[str]:
    """Return what is told where a test has gone beyond its budget."""
    view = source.look()
    test = view.test()
    took_ns = 0 if test is None else view.took_ns(test)
    failure = exceeded(budget, view.spans, view, took_ns)
    asked = f"budget({words(budget)})"
    text = "" if failure is None else failure_text(asked, failure, view)
    offenders = () if failure is None else failure.offenders
    source.note(asked, text, offenders, is_soft=False)
    return [text] if text else []


# -- which tests ask


def asks(item: pytest.Item) -> bool:
    """Whether a test has our fixture, or a budget."""
    return _has_fixture(item) or bool(budget_of(item))


def _has_fixture(item: pytest.Item) -> bool:
    """Whether a test has the fixture `trace`, and it is ours: anybody may have one."""
    if _FIXTURE not in getattr(item, "fixturenames", ()):
        return False
    spec = CALL_SPEC.of(item, None) if hasattr(item, CALL_SPEC.attribute) else None
    if spec is not None and _FIXTURE in spec.params:
        return False
    manager = FIXTURE_MANAGER.of(item.session)
    if manager is None:
        return True
    definitions = manager.getfixturedefs(_FIXTURE, item) or ()
    return any(definition.func.__module__ == __package__ for definition in definitions)


def budget_of(item: pytest.Item) -> Budget:
    """Return the budget that marks give a test: of each kind the nearest one counts.

    Raises:
        pytest.UsageError: for a budget that is none.
    """
    budget: dict[str, float] = {}
    for mark in item.iter_markers(BUDGET_MARK) if _is_our_mark(item.config) else ():
        where = f"{item.nodeid}: @pytest.mark.budget"
        try:
            if mark.args:
                raise TraceUsageError(f"{where}: of what? It takes names: budget(sql=3)")
            budget = checked(mark.kwargs, where) | budget
        except TraceUsageError as error:
            raise pytest.UsageError(f"otel-allure: {error}") from None
    return budget


def _is_our_mark(config: pytest.Config) -> bool:
    """Whether nobody else has a mark of that name."""
    lines = [line for line in config.getini("markers") if line.startswith(BUDGET_MARK)]
    return lines == [BUDGET_LINE]
