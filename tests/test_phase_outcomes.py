"""What the reports of a test's phases come to."""

from __future__ import annotations

import itertools

import pytest

from otel_allure.model.outcome import Outcome
from otel_allure.pytest_plugin.phase_outcomes import Verdict, excinfo_of, outcome_of_report


def report(
    when: str = "call", outcome: str = "passed", longrepr=None, **fields
) -> pytest.TestReport:
    return pytest.TestReport("test_it", ("", 0, ""), {}, outcome, longrepr, when, **fields)


def taken(*said: tuple[str, str]) -> Verdict:
    verdict = Verdict()
    for when, status in said:
        verdict.take(report(when), Outcome(status, when))
    return verdict


# -- which phase counts


@pytest.mark.parametrize(
    ("setup", "call", "teardown", "counts"),
    [
        ("passed", "passed", "passed", "call"),
        ("passed", "passed", "failed", "teardown"),
        ("passed", "passed", "broken", "teardown"),
        ("passed", "passed", "skipped", "call"),
        ("passed", "failed", "passed", "call"),
        ("passed", "failed", "broken", "call"),
        ("passed", "skipped", "passed", "call"),
        ("passed", "skipped", "skipped", "call"),
        ("passed", "skipped", "failed", "teardown"),
        ("broken", None, "passed", "setup"),
        ("broken", None, "broken", "setup"),
        ("skipped", None, "passed", "setup"),
        ("skipped", None, "broken", "teardown"),
        ("skipped", "failed", "passed", "setup"),
    ],
)
def test_the_phase_that_counts(setup, call, teardown, counts):
    """In whatever order the phases are told."""
    said = {"setup": setup, "call": call, "teardown": teardown}
    known = [(when, status) for when, status in said.items() if status is not None]
    for each in itertools.permutations(known):
        assert taken(*each).outcome == Outcome(said[counts], counts)


def test_a_worker_that_dies_in_a_test_that_has_passed():
    assert taken(("setup", "passed"), ("call", "passed"), ("???", "broken")).outcome == Outcome(
        "broken", "???"
    )


def test_whether_a_report_is_what_the_test_comes_to():
    verdict = Verdict()
    assert verdict.take(report("setup"), Outcome("passed"))
    assert verdict.take(report("call"), Outcome("failed"))
    assert not verdict.take(report("teardown"), Outcome("passed"))


def test_what_others_say_stays_until_pytest_says_more():
    verdict = taken(("call", "failed"))
    verdict.outcome = Outcome("passed", "told")
    assert verdict.outcome == Outcome("passed", "told")
    verdict.take(report("teardown"), Outcome("passed"))
    assert verdict.outcome == Outcome("passed", "told")
    verdict.take(report("teardown"), Outcome("broken", "teardown"))
    assert verdict.outcome == Outcome("broken", "teardown")


def test_what_others_say_in_a_set_up_is_replaced_by_its_report():
    verdict = Verdict()
    verdict.outcome = Outcome("failed", "told")
    verdict.take(report("setup"), Outcome("passed", "setup"))
    assert verdict.outcome == Outcome("passed", "setup")


def test_news():
    """A report that says another outcome, error or reason than before, by identity."""
    verdict, said = Verdict(), report("call", "failed", "the error")
    assert verdict.is_news(said)
    verdict.take(said, Outcome("failed"))
    assert not verdict.is_news(said)
    assert verdict.is_news(report("teardown"))
    for change in ({"outcome": "passed"}, {"longrepr": "another"}, {"wasxfail": ""}):
        changed = report("call", "failed", said.longrepr)
        vars(changed).update(change)
        assert verdict.is_news(changed), change


class Item:
    def repr_failure(self, excinfo):
        return f"trace of {excinfo.exconly()}"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AssertionError("x"), "failed"),
        (KeyError("x"), "broken"),
        (pytest.skip.Exception("x"), "skipped"),
    ],
)
def test_errors_that_are_not_reported(error, status):
    verdict = taken(("setup", "passed"))
    verdict.raised["call"] = excinfo_of(error)
    verdict.take_unreported(Item())
    message = excinfo_of(error).exconly()
    assert verdict.outcome == Outcome(status, message, f"trace of {message}")
    assert verdict.raised == {}


def test_an_error_that_is_reported_as_something_else():
    verdict = taken(("call", "skipped"))
    verdict.raised["call"] = excinfo_of(KeyError("x"))
    verdict.take_unreported(Item())
    assert verdict.outcome == Outcome("skipped", "call")


# -- what one report comes to


class Crash:
    """How pytest keeps an error that was raised in another process."""

    def __init__(self, message: str) -> None:
        self.reprcrash = self
        self.message = message

    def toterminal(self, out) -> None:
        out.line("the trace")


SKIP = ("file.py", 1, "Skipped: why")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (report(), Outcome("passed")),
        (report(longrepr="odd"), Outcome("passed", "odd")),
        (report(outcome="failed", longrepr="text"), Outcome("failed", "text")),
        (report("setup", "failed", "text"), Outcome("failed", "text")),
        (report("???", "failed", "text"), Outcome("broken", "text")),
        (report(outcome="rerun", longrepr="text"), Outcome("failed", "text")),
        (report(outcome="skipped", longrepr=SKIP), Outcome("skipped", str(SKIP))),
        (report(wasxfail="why"), Outcome("passed", "XPASS why")),
        (report(wasxfail=""), Outcome("passed", "XPASS")),
        (report(outcome="skipped", wasxfail="why"), Outcome("skipped", "XFAIL why")),
        (
            report(outcome="skipped", longrepr="text", wasxfail="why"),
            Outcome("skipped", "XFAIL why\n\ntext"),
        ),
        (
            report(outcome="failed", longrepr=Crash("AssertionError: x")),
            Outcome("failed", "AssertionError: x", "the trace\n"),
        ),
        (
            report(outcome="failed", longrepr=Crash("assert 1 == 2")),
            Outcome("failed", "assert 1 == 2", "the trace\n"),
        ),
        (
            report(outcome="failed", longrepr=Crash("Failed: x")),
            Outcome("failed", "Failed: x", "the trace\n"),
        ),
        (
            report(outcome="failed", longrepr=Crash("KeyError: 'x'")),
            Outcome("broken", "KeyError: 'x'", "the trace\n"),
        ),
    ],
)
def test_a_report(said, expected):
    outcome = outcome_of_report(said, None)
    trace = outcome.trace and outcome.trace.rstrip() + "\n"
    assert outcome._replace(trace=trace) == expected


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        (AssertionError("x"), "failed", "failed"),
        (KeyError("x"), "failed", "broken"),
        (KeyError("x"), "passed", "passed"),
        (AssertionError("x"), "skipped", "skipped"),
        (pytest.skip.Exception("x"), "failed", "broken"),
    ],
)
def test_a_report_of_what_was_raised(error, outcome, status):
    """The report decides whether it counts; the error, what a failure is."""
    excinfo = excinfo_of(error)
    found = outcome_of_report(report(outcome=outcome, longrepr="trace"), excinfo)
    assert found == Outcome(status, excinfo.exconly(), "trace")
