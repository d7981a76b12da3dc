"""A pytest plugin of `tools/real_suites.py`: one JSON line for every report that pytest makes.

It only listens. `--suite-outcomes=FILE` says where to; what it does not know is left to the reader.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suite-outcomes", metavar="FILE")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--suite-outcomes"):
        outcomes = Outcomes(Path(path))
        config.add_cleanup(outcomes.lines.close)
        config.pluginmanager.register(outcomes)


class Outcomes:
    def __init__(self, path: Path) -> None:
        # From the start on, since tests replace such functions; unbuffered, since runs are killed.
        self.lines = path.open("wb", buffering=0)
        self.dumps = json.dumps

    def write(self, **fields: object) -> None:
        self.lines.write(f"{self.dumps(fields)}\n".encode())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None:
            is_broken = not isinstance(call.excinfo.value, (AssertionError, pytest.fail.Exception))
            report.suite_error = (is_broken, call.excinfo.exconly())
        report.suite_result = name_of_result(item)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        is_broken, error = getattr(report, "suite_error", (False, ""))
        self.write(
            test=report.nodeid,
            phase=report.when,
            kind=type(report).__name__,
            outcome=report.outcome,
            expected_to_fail=hasattr(report, "wasxfail"),
            is_broken=is_broken,
            result=getattr(report, "suite_result", None),
            error=error[:2000] or (str(report.longrepr)[-2000:] if report.failed else ""),
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self.write(
                test=report.nodeid,
                phase="collect",
                kind="CollectReport",
                outcome=report.outcome,
                error=str(report.longrepr)[-2000:],
            )


def name_of_result(item: pytest.Item) -> str:
    """Return what Allure has for a test: its package and its name, without parameters."""
    module, *_ = item.nodeid.split("::")
    return f"{module.removesuffix('.py').replace('/', '.')} {item.name.split('[')[0]}"
