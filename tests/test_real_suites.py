"""How the tool that runs other projects' suites tells what a report has changed."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "real_suites.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_suites", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["real_suites"] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["real_suites"]
    return module


@pytest.fixture
def run_of(tool: ModuleType) -> Callable[..., Any]:
    """Make a run of a suite that has one test, of its outcomes and the results it has."""

    def make(outcome: str, *statuses: str) -> Any:
        report = tool.Report(
            test="test_it", phase="call", kind="TestReport", outcome=outcome, result="m test_it"
        )
        return tool.Run(
            reports=[report],
            statuses={"m test_it": list(statuses)} if statuses else {},
            cpu_s=1.0,
            exit_code=0 if outcome == "passed" else 1,
            output=Path(),
        )

    return make


def compared(tool: ModuleType, plain: list[Any], reported: list[Any]) -> Any:
    """Compare runs of which the second ones are only made when they are needed."""
    first, *more_plain = plain
    row = tool.Row(suite="suite", version="1")
    tool.with_reporter(row, first, lambda: more_plain.pop(0), lambda _: reported.pop(0))
    assert not more_plain
    assert not reported
    return row


def test_nothing_runs_twice_that_ends_the_same(
    tool: ModuleType, run_of: Callable[..., Any]
) -> None:
    row = compared(tool, [run_of("passed")], [run_of("passed", "passed")])

    assert row.is_right
    assert not row.unsteady


def test_what_ends_differently_each_time_with_a_report_is_changed(
    tool: ModuleType, run_of: Callable[..., Any]
) -> None:
    failed = run_of("failed", "failed")

    row = compared(tool, [run_of("passed"), run_of("passed")], [failed, failed])

    assert "call passed -> call failed" in row.changed["test_it"]
    assert not row.unsteady


@pytest.mark.parametrize(
    ("plain_again", "reported_again", "whose"),
    [("failed", "failed", "plain"), ("passed", "passed", "otel-allure")],
)
def test_what_two_equal_runs_disagree_about_is_unsteady_and_told_with_whose(
    tool: ModuleType,
    run_of: Callable[..., Any],
    plain_again: str,
    reported_again: str,
    whose: str,
) -> None:
    row = compared(
        tool,
        [run_of("passed"), run_of(plain_again)],
        [run_of("failed", "failed"), run_of(reported_again, reported_again)],
    )

    assert row.unsteady["test_it"].startswith(f"two runs {whose} differ")
    assert row.is_right


def test_a_result_too_few_and_another_status_are_told_apart(
    tool: ModuleType, run_of: Callable[..., Any]
) -> None:
    none = compared(tool, [run_of("passed")], [run_of("passed")])
    other = compared(tool, [run_of("passed")], [run_of("passed", "broken")])

    assert none.missing.keys() == {"m test_it"}
    assert other.differing.keys() == {"m test_it"}
    assert not none.is_right
    assert not other.is_right
