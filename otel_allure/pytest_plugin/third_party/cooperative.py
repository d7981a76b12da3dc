"""pytest-asyncio-cooperative: tests at the same time, their bodies before any hook of theirs.

The plugin runs set-up, body and tear-down of a test in one coroutine, each test in a task of its
own, and runs pytest's protocol afterwards with the result. So that coroutine is where the test
opens, with its phases around the parts.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from otel_allure.compat.others import COOPERATIVE_FIXTURES, COOPERATIVE_TEST
from otel_allure.compat.patches import replace, undo_all
from otel_allure.model.outcome import outcome_of
from otel_allure.pytest_plugin.listener import AllureListener
from otel_allure.pytest_plugin.test_attempt import TestAttempt
from otel_allure.recording.contexts import attach, attached

_PLUGIN = "pytest_asyncio_cooperative.plugin"


def follow(listener: AllureListener) -> Callable[[], None]:
    """Record the tests of pytest-asyncio-cooperative, where it is loaded; return the undoing."""
    plugin: Any = sys.modules.get(_PLUGIN)
    test_wrapper, fill_fixtures = COOPERATIVE_TEST.of(plugin), COOPERATIVE_FIXTURES.of(plugin)
    if test_wrapper is None or fill_fixtures is None:
        return lambda: None
    tracer = listener.provider.tracer

    @functools.wraps(test_wrapper)
    async def recorded_test(item: Any) -> Any:
        _finish_flaky_attempt(listener, item)
        attempt = listener.open(item)
        with attached(attempt.test.context):
            try:
                return await test_wrapper(item)
            except BaseException as error:
                attempt.body_error = error
                raise
            finally:
                if attempt.test.phase is not None:
                    attempt.test.phase.end()

    @functools.wraps(fill_fixtures)
    async def recorded_fixtures(item: Any) -> Any:
        attempt = listener.open(item)
        setup = attempt.begin_phase("setup", tracer())
        with attached(setup.context):
            try:
                values, teardowns = await fill_fixtures(item)
            finally:
                setup.end()
        # It stays attached: the body comes next, in the same task, which ends with the test.
        attach(attempt.begin_phase("call", tracer()).context)
        return values, [_recorded(teardown, attempt, tracer) for teardown in teardowns]

    undo = [
        replace(plugin, "test_wrapper", recorded_test),
        replace(plugin, "fill_fixtures", recorded_fixtures),
    ]
    return lambda: undo_all(undo)


def _finish_flaky_attempt(listener: AllureListener, item: Any) -> None:
    """Finish the attempt before, if the plugin repeats a test that it has marked as flaky."""
    before = listener.running.get(item.nodeid)
    if before is not None and before.body_error is not None:
        before.outcome = outcome_of(before.body_error)
        listener.finish(before)


def _recorded(teardown: Any, attempt: TestAttempt, tracer: Any) -> Any:
    """Return a fixture's second half, iterator or async one, in the test's tear-down phase."""
    kind = _Teardown if isinstance(teardown, Iterator) else _AsyncTeardown
    return kind(teardown, attempt, tracer)


class _Teardown(Iterator[Any]):
    def __init__(self, teardown: Any, attempt: TestAttempt, tracer: Any) -> None:
        self._teardown, self._running, self._tracer = teardown, attempt, tracer

    def __next__(self) -> Any:
        with attached(_teardown_phase(self._running, self._tracer).context):
            return next(self._teardown)


class _AsyncTeardown:
    def __init__(self, teardown: Any, attempt: TestAttempt, tracer: Any) -> None:
        self._teardown, self._running, self._tracer = teardown, attempt, tracer

    async def __anext__(self) -> Any:
        with attached(_teardown_phase(self._running, self._tracer).context):
            return await self._teardown.__anext__()


def _teardown_phase(attempt: TestAttempt, tracer: Any) -> Any:
    phase = attempt.test.phase
    if phase is None or phase.title != "teardown" or phase.ended:
        if phase is not None:
            phase.end()
        phase = attempt.begin_phase("teardown", tracer())
    return phase
