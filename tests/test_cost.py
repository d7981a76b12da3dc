"""What a run imports, calls and writes: counted, not timed, so that it cannot grow unnoticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest

import otel_allure

PACKAGE = Path(otel_allure.__file__).parent
STEPS = 10
TESTS = 8

COUNTING = """
    import json
    import sys
    from pathlib import Path

    import pytest

    PACKAGE = {package!r}
    calls, at = [0], []

    def count(frame, event, argument):
        calls[0] += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop():
        sys.setprofile(count)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            at.append(calls[0])

    def pytest_runtest_logstart():
        at.append(calls[0])

    def pytest_unconfigure():
        Path("counted.json").write_text(json.dumps({{"calls": at, "modules": list(sys.modules)}}))
"""
PLAIN = f"""
    import pytest

    @pytest.mark.parametrize("i", range({TESTS}))
    def test_plain(i):
        pass
"""
STEPPED = f"""
    import allure
    import pytest

    @pytest.mark.parametrize("i", range({TESTS}))
    def test_stepped(i):
        for n in range({STEPS}):
            with allure.step("a step"):
                pass
"""


class Counted(NamedTuple):
    """What a run has done: calls of functions of ours a test, modules that are imported, files."""

    calls: float
    modules: frozenset[str]
    files: list[str]


def counted(directory: Path, suite: str, *arguments: str) -> Counted:
    conftest = COUNTING.format(package=f"{PACKAGE}{os.sep}")
    (directory / "conftest.py").write_text(textwrap.dedent(conftest), "utf-8")
    (directory / "test_it.py").write_text(textwrap.dedent(suite), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "otel_allure.pytest_plugin"]
    subprocess.run(
        [*command, "-p", "no:cacheprovider", "--alluredir=results", *arguments],
        cwd=directory,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads((directory / "counted.json").read_text("utf-8"))
    at = found["calls"][TESTS // 2 :]  # what is done once is done by then
    a_test = median(after - before for before, after in pairwise(at))
    files = sorted(path.name for path in (directory / "results").iterdir())
    return Counted(a_test, frozenset(found["modules"]), files)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    return counted(tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    return counted(tmp_path_factory.mktemp("stepped"), STEPPED, NOT_WRITTEN)


NOT_WRITTEN = "--allure-running-results=off"
"""Steps are written as they begin and end for as much time as that may take, not for each."""


def test_a_test_calls_few_functions(plain: Counted) -> None:
    """Not one more than now: what a test costs is to become less.

    Some 130 of them are for its result being on disk while it runs.
    """
    assert plain.calls <= 1010


def test_a_step_calls_few_functions(
    stepped: Counted, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain = counted(tmp_path_factory.mktemp("alone"), PLAIN, NOT_WRITTEN)
    assert (stepped.calls - plain.calls) / STEPS <= 75


def test_a_test_writes_one_file(plain: Counted) -> None:
    results = [name for name in plain.files if name.endswith("-result.json")]
    assert len(results) == TESTS
    others = set(plain.files) - set(results)
    assert others <= {"categories.json", "environment.properties", "executor.json"}


WAITING = [
    "opentelemetry.exporter",
    "opentelemetry.instrumentation",
    "opentelemetry.metrics",
    "opentelemetry.sdk",
    "otel_allure.formats.otlp_writer",
    "otel_allure.inputs",
    "otel_allure.presentation.domains",
    "otel_allure.presentation.sql",
    "otel_allure.pytest_plugin.comparisons",
    "otel_allure.pytest_plugin.crashes",
    "otel_allure.pytest_plugin.third_party.allure_logger",
    "otel_allure.translation.cause",
    "otel_allure.translation.condense",
    "otel_allure.translation.waterfall",
]
"""What a run without calls and failures does not need."""


def below(name: str, modules: frozenset[str]) -> Iterator[str]:
    return (module for module in modules if module == name or module.startswith(f"{name}."))


@pytest.mark.parametrize("name", WAITING)
def test_what_is_not_needed_is_not_imported(stepped: Counted, name: str) -> None:
    assert list(below(name, stepped.modules)) == []


def test_few_modules_are_imported(plain: Counted, stepped: Counted) -> None:
    """Those of the translation wait for a test in which something happens."""
    assert len(list(below("otel_allure", stepped.modules))) <= 132
    assert len(list(below("otel_allure", plain.modules))) <= 122
    model = ["allure_commons.model2", "attr"]
    assert [name for name in model if name in plain.modules] == []


def test_what_has_ended_is_not_kept(run: Callable[..., Any], pytester: pytest.Pytester) -> None:
    """pytest keeps all items until the session ends: what hangs on them is memory a test."""
    pytester.makeconftest(
        """
        import gc
        from otel_allure.pytest_plugin.test_attempt import TestAttempt

        def pytest_sessionfinish():
            gc.collect()
            print("kept:", sum(type(each) is TestAttempt for each in gc.get_objects()))
        """
    )
    done = run(PLAIN, "-s", passed=TESTS)
    done.outcome.stdout.fnmatch_lines(["*kept: 0"])
