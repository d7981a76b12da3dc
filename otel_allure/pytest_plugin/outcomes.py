"""pytest's reports of a test's phases -> how they ended."""

from __future__ import annotations

import pytest

from otel_allure.outcome import BROKEN, FAILED, PASSED, SKIPPED, Outcome, status_of


def outcome_of_phase(report: pytest.TestReport, call: pytest.CallInfo[None]) -> Outcome:
    """Return what a phase came to: its status, and message and trace as pytest shows them."""
    xfail = getattr(report, "wasxfail", None)
    if call.excinfo is None:
        if report.outcome == "passed" and xfail is not None:
            return Outcome(PASSED, f"XPASS {xfail}".rstrip())
        # The text of a report is rendered when it is asked for: not for every phase that passed.
        text = report.longreprtext if report.longrepr else ""
        return Outcome(report.outcome, text or None)
    message = call.excinfo.exconly()
    if xfail is not None:
        message = f"XFAIL {xfail}".rstrip() + f"\n\n{message}"
    status: str = report.outcome
    if status != SKIPPED:
        status = FAILED if status_of(call.excinfo.value) == FAILED else BROKEN
    return Outcome(status, message, report.longreprtext)


def outcome_of_report(report: pytest.TestReport) -> Outcome:
    """Return what a phase came to that ran in another process: the exception is not known."""
    text = report.longreprtext or None
    crash = getattr(report.longrepr, "reprcrash", None)
    message = text if crash is None else str(crash.message)
    if report.outcome != FAILED:
        return Outcome(report.outcome, message)
    is_failure = (message or "").startswith(("AssertionError", "assert ", "Failed"))
    return Outcome(FAILED if is_failure else BROKEN, message, text)


def counts(when: str | None, status: str, known: Outcome | None) -> bool:
    """Whether a phase's outcome replaces the one so far: the first that is not a pass stays."""
    if when == "setup" or known is None:
        return True
    if known.status != PASSED:
        return False
    return when == "call" or status in (FAILED, BROKEN)
