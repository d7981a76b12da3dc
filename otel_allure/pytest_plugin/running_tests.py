"""The attempts at tests that run now."""

from __future__ import annotations

import pytest

from otel_allure.pytest_plugin.test_attempt import TestAttempt
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningItem

_ATTEMPT = pytest.StashKey[TestAttempt]()


class RunningTests(dict[str, TestAttempt]):
    """The attempts that run now, by node id; several may run at the same time.

    Attributes:
        recorder: of the report that they are in.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def begin(self, attempt: TestAttempt) -> None:
        """Note that an attempt runs."""
        attempt.item.stash[_ATTEMPT] = self[attempt.nodeid] = attempt
        self.recorder.running[attempt.trace_id] = attempt.test

    def end(self, attempt: TestAttempt) -> None:
        """Note that it does not run any more."""
        self.pop(attempt.nodeid, None)
        self.recorder.running.pop(attempt.trace_id, None)

    def forget(self, attempt: TestAttempt) -> None:
        """Let go of an attempt that has ended; pytest keeps its item until the session ends."""
        if attempt.item.stash.get(_ATTEMPT, None) is attempt:
            del attempt.item.stash[_ATTEMPT]

    def at(self, item: pytest.Item) -> TestAttempt | None:
        """Return the running attempt at `item`, if there is one."""
        attempt = item.stash.get(_ATTEMPT, None)
        return None if attempt is None or attempt.test.ended else attempt

    def of(self, test: RunningItem | None) -> TestAttempt | None:
        """Return the attempt that is recorded as `test`, if it runs."""
        return next((attempt for attempt in list(self.values()) if attempt.test is test), None)
