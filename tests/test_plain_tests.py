"""The result of a test in which nothing happens is made without a translation, and is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from otel_allure.testing.results import Results

SUITE = '''
import os
import allure, pytest
from opentelemetry import trace


@pytest.fixture(scope="module", autouse=True)
def wide():
    """Used by all."""


@allure.title("Buys {number}")
@allure.description("What happens at the till.")
@allure.link("https://example.org/1", name="first")
@allure.issue("PAY-1")
@allure.epic("Till")
@pytest.mark.slow
@pytest.mark.parametrize("number, password", [(1, "correct horse"), (2, "")])
def test_buys(number, password):
    print("to be attached")


@allure.title("Buys {number}")
@allure.description("What happens at the till.")
@allure.link("https://example.org/1", name="first")
@allure.issue("PAY-1")
@allure.severity("critical")
@pytest.mark.slow
@pytest.mark.parametrize("number", [1, "x" * 300, None], ids=str)
def test_with_everything(number):
    """Not shown."""


@pytest.mark.parametrize("a, b", [(1, 2)])
class TestOfAClass:
    """Of a class."""

    def test_with_a_docstring(self, a, b):
        """Says what it does.

        In several lines.
        """

    def test_is_told_more(self, a, b):
        allure.dynamic.title("told")
        allure.dynamic.description_html("<b>told</b>")
        allure.dynamic.tag("told")
        allure.dynamic.link("https://example.org/2")
        allure.dynamic.parameter("c", 3, excluded=True)
        allure.dynamic.parameter("d", 4, mode=allure.parameter_mode.MASKED)
        allure.dynamic.suite("told")


def test_prints():
    print("something")


def test_attaches():
    allure.attach("text", "name", allure.attachment_type.TEXT)
    allure.attach("text", "of no type")


@pytest.mark.skip(reason="not today")
def test_is_skipped_by_a_mark(): pass


def test_skips():
    pytest.skip("as long as " + "it is " * 20)


@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail():
    assert False


@pytest.mark.xfail
def test_passes_unexpectedly(): pass


def test_fails():
    assert 1 == 2


def test_has_a_step():
    with allure.step("step"): pass


def test_has_a_span():
    trace.get_tracer("own").start_span("span").end()


def test_has_an_attribute():
    trace.get_current_span().set_attribute("own", 1)


def test_has_an_event():
    trace.get_current_span().add_event("own")


def test_sets_a_secret(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "b7Kq92hD81xZ")
    allure.dynamic.description("sent b7Kq92hD81xZ")


@pytest.mark.usefixtures("tmp_path")
def test_uses_a_fixture_of_a_plugin(): pass


@pytest.fixture
def own(): pass


def test_uses_its_own_fixture(own): pass


def test_\N{GREEK SMALL LETTER ALPHA}\N{CJK UNIFIED IDEOGRAPH-4E2D}(): pass
'''
LISTENING = """
import allure_commons
from otel_allure.output.results_directory import ResultsDirectory

class Listener:
    @allure_commons.hookimpl
    def report_result(self, result):
        pass

def pytest_configure():
    allure_commons.plugin_manager.register(Listener(), "listens")
"""
COUNTING = """
from otel_allure.output.results_directory import ResultsDirectory
original, names = ResultsDirectory.write_result, []

def write_result(self, result):
    names.append(result["name"])
    original(self, result)

ResultsDirectory.write_result = write_result

def pytest_unconfigure():
    print("plain:", *sorted(names), sep="\\n")
"""
"""An id, or a time."""
_OWN = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b\d{13}\b|[\d.]+ m?s"
    r"|\b\d+-MainThread"
)
_PLAIN = [
    *("Buys 1", "Buys 2", "Buys None", f"Buys {'x' * 300}", "test_attaches"),
    *("test_is_expected_to_fail", "test_is_skipped_by_a_mark", "test_passes_unexpectedly"),
    *("test_prints", "test_skips", "test_with_a_docstring[1-2]", "test_α中", "told"),
    "test_uses_a_fixture_of_a_plugin",
]
"""The tests in which nothing happens, but for one whose parameter is masked."""


def results(report: Results) -> dict[str, Any]:
    """Return the results by full name and parameters, without what each run has of its own."""
    found = {}
    for result in report.results:
        text = json.dumps(result, sort_keys=True)
        key = result["fullName"], json.dumps(result.get("parameters", []))
        found[key] = json.loads(_OWN.sub("0", text))
    return found


def test_it_is_what_the_translation_makes(
    run: Callable[..., Any], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_FIXTURES", "own")
    arguments = ("-p", "no:randomly", "-W", "ignore::pytest.PytestUnknownMarkWarning")
    pytester.makeconftest(COUNTING)
    made = run(SUITE, *arguments)
    listed = made.outcome.stdout.str().partition("plain:\n")[2]
    pytester.makeconftest(LISTENING)
    directory = pytester.path / "results"
    directory.rename(pytester.path / "plain")
    translated = run(None, *arguments)
    its = results(Results(pytester.path / "plain"))
    assert its == results(translated.report)
    assert len(its) == 22
    line = "otel-allure: masked by name"
    assert [told for told in made.outcome.outlines if line in told] == [
        told for told in translated.outcome.outlines if line in told
    ]
    assert [line.strip() for line in listed.splitlines()[: len(_PLAIN)]] == sorted(_PLAIN)
