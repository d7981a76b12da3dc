from __future__ import annotations

from collections.abc import Callable

import pytest

from otel_allure.testing.results import Results

pytest_plugins = ["pytester"]

# A report that these tests themselves are run with is no concern of the runs that they start.
_OURS = ("OTEL_", "ALLURE_", "TRACEPARENT", "TRACESTATE")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)


@pytest.fixture
def only_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without what is made of spans beside steps: for tests of the tree alone."""
    for name in ("ATTACH_HTTP", "ATTACH_SQL", "ENVIRONMENT", "WATERFALL"):
        monkeypatch.setenv(f"OTEL_EXPORTER_ALLURE_{name}", "off")
    for name in ("FOLD", "MAX_STEPS"):
        monkeypatch.setenv(f"OTEL_EXPORTER_ALLURE_{name}", "0")


class Run:
    """A finished run of pytest, and the report that it wrote."""

    def __init__(self, outcome: pytest.RunResult, report: Results) -> None:
        self.outcome = outcome
        self.report = report


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run a test file in a process of its own, by default with a report.

    Args of the function:
        source: the test file; None runs what is there already.
        arguments: for the command line.
        plugins: entry point names of the pytest plugins to load beside ours. No others are.
        alluredir: whether to ask for a report.
        outcomes: expected numbers of passed, failed, ... tests.
    """
    # Loading every plugin that is installed takes longer than most of these runs.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # So all fixtures are there, by the names that they have for allure-pytest.
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_FIXTURES", "allure-pytest")

    def run(
        source: str | None,
        *arguments: str,
        plugins: tuple[str, ...] = ("asyncio",),
        alluredir: bool = True,
        **outcomes: int,
    ) -> Run:
        if source is not None:
            pytester.makepyfile(source)
        directory = pytester.path / "results"
        options = [f"--alluredir={directory}"] if alluredir else []
        for plugin in ("otel_allure", *plugins):
            options += ["-p", plugin]
        if "asyncio-cooperative" in plugins:  # what it prints would be in the tests' stderr
            monkeypatch.setenv("PYTHONWARNINGS", "ignore::DeprecationWarning")
        if "asyncio" in plugins:
            options += ["-o", "asyncio_mode=auto"]
            options += ["-o", "asyncio_default_fixture_loop_scope=function"]
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, *arguments)
        if outcomes:
            result.assert_outcomes(**outcomes)
        return Run(result, Results(directory))

    return run
