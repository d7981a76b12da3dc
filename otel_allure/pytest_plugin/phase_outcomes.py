"""pytest's reports of a test's phases -> how the test ended. pytest's last word counts.

A report is made by `pytest_runtest_makereport`, and may be changed until it has been logged: by
wrappers of that hook, by listeners of `pytest_runtest_logreport`, by plugins that repeat a phase.
"""

from __future__ import annotations

from operator import is_
from typing import Any
from unittest import SkipTest

import pytest

from otel_allure.model.outcome import (
    BROKEN,
    FAILED,
    PASSED,
    SKIPPED,
    Outcome,
    is_group,
    message_of,
    status_of,
)
from otel_allure.model.texts import attempt

_PHASES = ("setup", "call", "teardown", "???")  # the last is how a process that died is reported
_PASSED = Outcome(PASSED)


class Verdict:
    """What has been said of one attempt at a test so far."""

    def __init__(self) -> None:
        self._told: Outcome | None = None
        self._said: dict[str | None, Outcome] = {}
        self._heard: dict[str | None, tuple[Any, ...]] = {}
        self._known: tuple[str | None, Outcome | None] | None = None
        self.raised: dict[str, pytest.ExceptionInfo[BaseException]] = {}
        """What has left the phases of this attempt, whether pytest reports it or not."""

    @property
    def outcome(self) -> Outcome | None:
        """What it comes to, None if nothing has been said."""
        return self._of_phase()[1]

    @outcome.setter
    def outcome(self, outcome: Outcome) -> None:
        """Replace what was said until now: others may, too."""
        self._told = outcome
        self._said.clear()
        self._known = None

    @property
    def failed_in(self) -> str | None:
        """The phase by which it has failed, None if that is not known or it has not."""
        phase, outcome = self._of_phase()
        return phase if outcome is not None and outcome.status in (FAILED, BROKEN) else None

    def _of_phase(self) -> tuple[str | None, Outcome | None]:
        if self._known is None:
            phase, known = None, self._told
            for when in _PHASES:
                said = self._said.get(when)
                if said is not None and _counts(when, said.status, known):
                    phase, known = when, said
            self._known = phase, known
        return self._known

    def is_news(self, report: pytest.TestReport) -> bool:
        """Whether the report says something else than when it was taken last."""
        known = self._heard.get(report.when)
        now = _what_counts_in(report)
        # What pytest shows of an error is compared by identity: to render it takes long.
        return known is None or not all(map(is_, known, now))

    def take(self, report: pytest.TestReport, outcome: Outcome) -> bool:
        """Take what a report comes to, and return whether it is what the test comes to."""
        self._heard[report.when] = _what_counts_in(report)
        self._say(report.when, outcome)
        return self.outcome is outcome

    def take_unreported(self, item: pytest.Item) -> None:
        """Take errors of phases that pytest has not reported.

        It makes no report when the run is interrupted, and pytest-retry none of the attempts
        between the first and the last.
        """
        for when, excinfo in self.raised.items():
            if when not in self._said:
                status = _status_of_raised(excinfo.value)
                trace = attempt(lambda raised: str(item.repr_failure(raised)), excinfo)
                message = attempt(_message_of, excinfo)
                self._say(when, Outcome(status, message, trace))
        self.raised.clear()  # the frames need not be kept

    def _say(self, when: str | None, outcome: Outcome) -> None:
        self._said[when] = outcome
        self._known = None


def _status_of_raised(error: BaseException) -> str:
    if isinstance(error, (pytest.skip.Exception, SkipTest)):
        return SKIPPED
    return _failure(error)


def _failure(error: BaseException) -> str:
    return FAILED if status_of(error) == FAILED else BROKEN


def excinfo_of(error: BaseException) -> pytest.ExceptionInfo[BaseException]:
    """Return an exception as pytest has it."""
    return pytest.ExceptionInfo.from_exc_info((type(error), error, error.__traceback__))  # type: ignore[arg-type]


def _message_of(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return pytest's message; of a group, that of each exception in it, too."""
    error = excinfo.value
    return message_of(error).rstrip() if is_group(error) else excinfo.exconly()


def _what_counts_in(report: pytest.TestReport) -> tuple[Any, ...]:
    return report.outcome, report.longrepr, getattr(report, "wasxfail", None)


def _counts(when: str, status: str, known: Outcome | None) -> bool:
    """Whether a phase's outcome replaces the one so far: the first that is not a pass stays.

    But an error of the tear-down makes a run fail, so what was skipped before must not hide it.
    """
    if when == "setup" or known is None:
        return True
    is_error = status in (FAILED, BROKEN)
    if known.status == PASSED:
        return when == "call" or is_error
    return known.status == SKIPPED and when != "call" and is_error


def outcome_of_report(
    report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None
) -> Outcome:
    """Return what a phase came to: its status, and message and trace as pytest shows them.

    Args:
        report: its outcome decides, whatever was raised. One that pytest does not know, as plugins
            have them for what is tried again, is a failure.
        excinfo: what was raised, None where that is not known or nothing was.
    """
    xfail = getattr(report, "wasxfail", None)
    if excinfo is None and not report.longrepr and xfail is None and report.outcome == PASSED:
        return _PASSED
    text = _text_of(report) or None
    crash = getattr(report.longrepr, "reprcrash", None)
    message: str | None
    if excinfo is not None:
        message, trace = _message_of(excinfo), text
    elif crash is not None:
        message, trace = str(crash.message), text
    else:
        message, trace = text, None
    if xfail is not None:
        is_pass = report.outcome == PASSED
        expected = f"{'XPASS' if is_pass else 'XFAIL'} {xfail}".rstrip()
        message = f"{expected}\n\n{message}" if message else expected
    return Outcome(_status(report, excinfo, message if crash is not None else None), message, trace)


def _text_of(report: pytest.TestReport) -> str:
    """Return what pytest shows of a report, which is rendered when it is asked for.

    Where that is one text, as of a worker that crashed, it is without the line above it in which
    pytest tells which worker it was, and its Python: what has happened is to be read first.
    """
    if isinstance(report.longrepr, str):
        return report.longrepr.strip()
    return report.longreprtext if report.longrepr else ""


def _status(
    report: pytest.TestReport,
    excinfo: pytest.ExceptionInfo[BaseException] | None,
    crash: str | None,
) -> str:
    if report.outcome in (PASSED, SKIPPED):
        return str(report.outcome)
    if excinfo is not None:
        return _failure(excinfo.value)
    if crash is not None:  # in another process
        return FAILED if crash.startswith(("AssertionError", "assert ", "Failed")) else BROKEN
    return BROKEN if report.when not in ("setup", "call", "teardown") else FAILED
