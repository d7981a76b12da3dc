"""Subtests -> steps: pytest's fixture `subtests`, pytest-subtests and `unittest`'s `subTest`.

A subtest is a step with its message as title, its arguments as parameters, and the outcome that
pytest reports of it. pytest makes that report as if it were one of the test's call: it is told
apart by being made while a subtest ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from otel_allure.compat.others import SUBTESTS_PLUGIN
from otel_allure.compat.patches import Undo, replace, undo_all
from otel_allure.compat.pytest import SUBTESTS, UNITTEST_FUNCTION, loaded
from otel_allure.compat.standard_library import SUBTEST
from otel_allure.model.outcome import BROKEN, FAILED, outcome_of
from otel_allure.model.texts import text_of
from otel_allure.presentation.values import shortened
from otel_allure.pytest_plugin.running_tests import RunningTests
from otel_allure.pytest_plugin.test_attempt import Ending
from otel_allure.recording.running_step import RunningStep, represented
from otel_allure.recording.steps import Step

_LONGEST_VALUE = 40
_LONGEST_TITLE = 120
_STEP = "_otel_allure_step"
_MANAGERS = (SUBTESTS, SUBTESTS_PLUGIN)
"""The context manager of the fixture, in pytest and in the plugin."""


def follow(tests: RunningTests) -> Callable[[], None]:
    """Record the subtests of whatever is loaded that makes some; return the undoing."""
    undo: list[Undo] = []

    def wrapped(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        original = getattr(owner, name, None)
        if original is not None:
            undo.append(replace(owner, name, wrap(original)))

    for manager in map(loaded, _MANAGERS):
        wrapped(manager, "__enter__", lambda original: _entered(tests, original))
        wrapped(manager, "__exit__", lambda original: _left(tests, original))
    if "unittest" in sys.modules:
        from unittest import TestCase

        function = loaded(UNITTEST_FUNCTION)
        wrapped(TestCase, "subTest", lambda original: _sub_test(tests, original))
        wrapped(function, "addSubTest", lambda original: _added(tests, original))

    return lambda: undo_all(undo)


def _step(tests: RunningTests, message: object, arguments: Any) -> Step:
    parameters = {text_of(name): represented(value) for name, value in arguments.items()}
    title = "subtest" if message is None else text_of(message)
    with tests.recorder.diagnostics.caught("naming a subtest"):
        if parameters and (message is None or _is_repeated(tests, title)):
            title = f"{title} ({_in_title(tests, parameters)})"
    return Step(title, parameters)


def _is_repeated(tests: RunningTests, message: str) -> bool:
    """Whether the test has a row of that title already: the two could not be told apart."""
    test = tests.recorder.test()
    attempt = tests.of(test)
    if attempt is None or message in attempt.subtest_messages:
        return attempt is not None
    attempt.subtest_messages.add(message)
    return False


def _in_title(tests: RunningTests, parameters: dict[str, str]) -> str:
    redaction = tests.recorder.redaction
    shown = (
        f"{name}={shortened(redaction.value(name, value[: 10 * _LONGEST_VALUE]), _LONGEST_VALUE)}"
        for name, value in parameters.items()
    )
    return shortened(", ".join(shown), _LONGEST_TITLE)


@contextmanager
def _ending(tests: RunningTests, item: Any, step: RunningStep | None) -> Iterator[None]:
    """Take what pytest reports in the block as the subtest's."""
    __tracebackhide__ = True
    attempt = tests.at(item)
    if attempt is None:
        yield
        return
    before, attempt.subtest = attempt.subtest, Ending(step)
    try:
        yield
    finally:
        ended, attempt.subtest = attempt.subtest, before
        if ended.outcome is not None:
            if ended.outcome.status in (BROKEN, FAILED):
                attempt.failed_subtests.append(ended.outcome)
            if step is not None:
                step.outcome = ended.outcome


# -- the fixture


def _entered(tests: RunningTests, original: Any) -> Any:
    def entered(self: Any) -> Any:
        __tracebackhide__ = True
        step = _step(tests, self.msg, self.kwargs)
        setattr(self, _STEP, (step, Step.__enter__(step)))
        return original(self)

    return entered


def _left(tests: RunningTests, original: Any) -> Any:
    def left(self: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> Any:
        __tracebackhide__ = True
        step, attempt = getattr(self, _STEP)
        try:
            with _ending(tests, self.request.node, attempt):
                return original(self, exc_type, exc_val, exc_tb)
        finally:
            Step.__exit__(step, None, None, None)

    return left


# -- unittest


def _sub_test(tests: RunningTests, original: Any) -> Any:
    @contextmanager
    def sub_test(self: Any, *message: object, **parameters: Any) -> Iterator[None]:
        __tracebackhide__ = True
        arguments = {name: value for name, value in parameters.items() if name != "msg"}
        step = _step(tests, message[0] if message else parameters.get("msg"), arguments)
        attempt = Step.__enter__(step)
        try:
            with original(self, *message, **parameters):
                subtest = SUBTEST.of(self)
                if subtest is not None:
                    setattr(subtest, _STEP, attempt)
                try:
                    yield
                except BaseException as error:
                    attempt.outcome = outcome_of(error)
                    raise
        finally:
            Step.__exit__(step, None, None, None)

    return sub_test


def _added(tests: RunningTests, original: Any) -> Any:
    def added(self: Any, test_case: Any, test: Any, exc_info: Any) -> Any:
        __tracebackhide__ = True
        step = getattr(test, _STEP, None)  # Python 3.10 reports a subtest when the test has ended
        if step is not None and step.ended:
            step = None
        with _ending(tests, self, step):
            return original(self, test_case, test, exc_info)

    return added
