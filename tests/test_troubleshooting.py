"""Each entry of docs/troubleshooting.md is so: one run has nearly all of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from otel_allure.cli import main as cli
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.otel.instrumentation import UnknownInstrumentationError, activate
from otel_allure.testing.results import tree

from .pages import DOCS

PAGE = (DOCS / "troubleshooting.md").read_text("utf-8")
TROUBLES, QUESTIONS = PAGE.split("\n## Questions\n")

SUITE = """
    import os
    import subprocess
    import sys
    import threading

    import allure
    import pytest
    from opentelemetry import context, trace
    from opentelemetry.sdk.trace import TracerProvider

    SERVICE = '''
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanKind
    from otel_allure import AllureSpanProcessor
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(AllureSpanProcessor())
    provider.get_tracer("web").start_span("GET /stock", kind=SpanKind.SERVER).end()
    provider.shutdown()
    '''.replace("\\n    ", "\\n")


    def test_service_without_header(request):
        with allure.step("ask"):
            results = str(request.config.getoption("--alluredir"))
            environment = {**os.environ, "OTEL_EXPORTER_ALLURE_RESULTS_DIR": results}
            subprocess.run([sys.executable, "-c", SERVICE], env=environment, check=True)


    def test_calls_without_instrumentation():
        import http.client
        with allure.step("ask"), pytest.raises(OSError):
            http.client.HTTPConnection("127.0.0.1", 1).request("GET", "/")


    def test_provider_never_global():
        with allure.step("own"), TracerProvider().get_tracer("own").start_as_current_span("it"):
            pass


    def test_provider_late():
        trace.set_tracer_provider(TracerProvider())
        with allure.step("own"), trace.get_tracer("own").start_as_current_span("it"):
            pass


    def test_program():
        with allure.step("start"):
            code = "import allure\\nwith allure.step('in the program'): pass"
            subprocess.run([sys.executable, "-c", code], check=True)


    def test_many():
        for number in range(12):
            with trace.get_tracer("shop").start_as_current_span("look up", kind=trace.SpanKind.CLIENT):
                pass
        for number in range(600):
            with allure.step(f"step {number}"):
                pass


    def test_404():
        with allure.step("ask"):
            with trace.get_tracer("http").start_as_current_span("GET", kind=trace.SpanKind.CLIENT) as span:
                span.set_attributes({"http.request.method": "GET", "http.response.status_code": 404})
                span.set_status(trace.StatusCode.ERROR)


    def test_current_span():
        assert trace.get_current_span() is not trace.INVALID_SPAN


    @pytest.mark.allure_otel_context("isolated")
    def test_current_span_in_isolation():
        assert trace.get_current_span() is trace.INVALID_SPAN


    def test_masked():
        with allure.step("log in") as step:
            step.parameter("session.id", "page-42-of-many")
            step.parameter("ssn", "078-05-1120")
"""  # noqa: E501


@pytest.mark.skipif(os.name == "nt", reason="commands of a POSIX shell")
def test_each_entry_is_so(run, pytester, capfd, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_WATERFALL", "off")
    done = run(SUITE, "--strict-markers", passed=10)
    report = done.report
    said = done.outcome.stdout.str()
    parameters = {p["name"]: p["value"] for p in report["test_masked"]["steps"][0]["parameters"]}
    many = report["test_many"]

    def without_our_plugin() -> str:
        file = pytester.makepyfile(
            test_marked="import pytest\n@pytest.mark.allure_otel_context('isolated')\n"
            "def test_marked(): pass"
        )
        command = [sys.executable, "-m", "pytest", "-q", str(file), "--strict-markers"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def tree_of_nothing() -> str:
        assert cli.main(["tree", "allure-results"]) == 2
        return capfd.readouterr().err

    entries = {
        "There are no results at all": lambda: tree_of_nothing().strip() in PAGE,
        "No HTTP or SQL calls are shown": lambda: (
            tree(report["test_calls_without_instrumentation"]) == ["ask"]
        ),
        "A service's part is a result of its own": lambda: (
            tree(report["test_service_without_header"]) == ["ask"]
            and report["GET /stock"]["status"] == "passed"
        ),
        "A provider that is never made global": lambda: (
            tree(report["test_provider_never_global"]) == ["own"]
        ),
        "A provider that is set late": lambda: (
            tree(report["test_provider_late"]) == [{"own": ["it"]}]
        ),
        "Nothing is shown of a program that a test starts": lambda: (
            tree(report["test_program"]) == ["start"]
        ),
        "Steps are missing or folded": lambda: (
            sum(step["name"].startswith("step ") for step in many["steps"]) == 600
            and any("×12" in step["name"] for step in many["steps"])
            and [a["name"] for a in many["attachments"]] == ["trace.json"]
        ),
        "A call with an error is not red": lambda: (
            report["test_404"]["steps"][0]["steps"][0]["status"] == "passed"
        ),
        "A test of OpenTelemetry fails with a report and passes without one": lambda: (
            report["test_current_span_in_isolation"]["status"] == "passed"
        ),
        "The mark allure_otel_context is unknown": lambda: (
            "'allure_otel_context' not found in `markers`" in without_our_plugin()
        ),
        "Something is masked that is no secret": lambda: (
            parameters["session.id"] == "****"
            and all(line in said for line in quoted("Something is masked that is no secret"))
        ),
        "A secret is not masked": lambda: parameters["ssn"] == "078-05-1120",
    }
    wrong = [heading for heading, is_so in entries.items() if not is_so()]
    assert wrong == []
    headings = re.findall(r"^### (.*)$", TROUBLES, re.MULTILINE)
    assert set(headings) == {*entries, *ELSEWHERE}


ELSEWHERE = {
    "Versions of OpenTelemetry conflict": "pip's resolver says so",
    "Work is shown outside of tests": "test_bare_thread_while_two_tests_run_is_kept_outside",
    "Each query is shown twice": "two instrumentations are two calls of theirs",
    "Every service is called unknown_service": "the name is the SDK's",
    "The report is a blank page": "Allure's reports; see test_report.py",
}
"""Entries that other tests prove, or that are others' doing."""


def quoted(heading: str) -> list[str]:
    """Return the lines of the text that an entry quotes."""
    entry = PAGE.partition(f"### {heading}\n")[2].partition("\n###")[0]
    return re.findall(r"```text\n(.*?)```", entry, re.DOTALL)[0].splitlines()


def test_what_an_instrumentation_that_is_missing_says():
    """Of one that nobody has, as those of the page may be installed."""
    (line,) = quoted("No HTTP or SQL calls are shown")
    with pytest.raises(UnknownInstrumentationError) as raised:
        activate(["xyzzy"], Diagnostics())
    said = line.replace("redis", "xyzzy").removeprefix("ERROR: --allure-otel-instrument: ")
    assert str(raised.value).startswith(said)
