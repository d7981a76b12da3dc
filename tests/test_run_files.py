"""environment.properties, executor.json and categories.json."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.output import results_directory
from otel_allure.output.ci import _CIS, computed_traceparent, executor, pipeline_attributes
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.output.run_files import CATEGORIES, MARK, environment_properties

# What each CI sets, as its documentation says, and what is made of it.
CIS = {
    "github": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_NUMBER": "7",
            "GITHUB_RUN_ID": "99",
            "GITHUB_WORKFLOW": "tests",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "me/shop",
        },
        ("GitHub Actions", 7, "tests #7", "https://github.example/me/shop/actions/runs/99"),
    ),
    "gitlab": (
        {
            "GITLAB_CI": "true",
            "CI_PIPELINE_IID": "7",
            "CI_JOB_NAME": "unit",
            "CI_JOB_URL": "https://gitlab.example/-/jobs/1",
        },
        ("GitLab CI", 7, "unit #7", "https://gitlab.example/-/jobs/1"),
    ),
    "jenkins": (
        {
            "JENKINS_URL": "https://jenkins.example/",
            "BUILD_NUMBER": "7",
            "JOB_NAME": "shop",
            "BUILD_URL": "https://jenkins.example/job/shop/7/",
        },
        ("Jenkins", 7, "shop #7", "https://jenkins.example/job/shop/7/"),
    ),
    "teamcity": (
        {
            "TEAMCITY_VERSION": "2026.1",
            "BUILD_NUMBER": "1.2.7",
            "TEAMCITY_BUILDCONF_NAME": "Tests",
        },
        ("TeamCity", None, "Tests #1.2.7", None),
    ),
    "circleci": (
        {
            "CIRCLECI": "true",
            "CIRCLE_BUILD_NUM": "7",
            "CIRCLE_JOB": "unit",
            "CIRCLE_BUILD_URL": "https://circle.example/7",
        },
        ("CircleCI", 7, "unit #7", "https://circle.example/7"),
    ),
    "azure": (
        {
            "TF_BUILD": "True",
            "BUILD_BUILDID": "7",
            "BUILD_BUILDNUMBER": "20261122.1",
            "BUILD_DEFINITIONNAME": "shop",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.example/me/",
            "SYSTEM_TEAMPROJECT": "shop",
        },
        (
            "Azure Pipelines",
            7,
            "shop #20261122.1",
            "https://dev.azure.example/me/shop/_build/results?buildId=7",
        ),
    ),
    "buildkite": (
        {
            "BUILDKITE": "true",
            "BUILDKITE_BUILD_NUMBER": "7",
            "BUILDKITE_PIPELINE_SLUG": "shop",
            "BUILDKITE_BUILD_URL": "https://buildkite.example/7",
        },
        ("Buildkite", 7, "shop #7", "https://buildkite.example/7"),
    ),
    "bitbucket": (
        {
            "BITBUCKET_BUILD_NUMBER": "7",
            "BITBUCKET_REPO_SLUG": "shop",
            "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.example/me/shop",
        },
        (
            "Bitbucket Pipelines",
            7,
            "shop #7",
            "https://bitbucket.example/me/shop/pipelines/results/7",
        ),
    ),
}


@pytest.mark.parametrize(("kind", "environ", "expected"), [(k, *v) for k, v in CIS.items()])
def test_executors(kind, environ, expected):
    found = executor(environ)
    assert found is not None
    told = tuple(found.get(name) for name in ("name", "buildOrder", "buildName", "buildUrl"))
    assert (found["type"], told) == (kind, expected)


def test_what_lacks_a_variable_is_left_out():
    environ = {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_REPO_SLUG": "shop"}
    found = executor(environ)
    assert found is not None
    assert (found["buildName"], found.get("buildUrl")) == ("shop #7", None)


def test_there_is_no_ci_on_a_desk():
    environ = {"PATH": "/bin", "GITHUB_RUN_ID": "7"}
    assert executor(environ) is None
    assert computed_traceparent(environ) is None
    assert pipeline_attributes(environ) == {}


# -- its pipeline, as OpenTelemetry's conventions have it


GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "9753949763",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_RUN_NUMBER": "7",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "me/shop",
    "GITHUB_WORKFLOW": "Tests",
    "GITHUB_JOB": "unit",
}
GITLAB = {"GITLAB_CI": "true", "CI_PIPELINE_ID": "1234", "CI_JOB_ID": "56", "CI_JOB_NAME": "unit"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (GITHUB, "00-0bd0afbe17036e89e4a05c993dace1da-1497fe109b00d3c0-01"),
        (
            {**GITHUB, "GITHUB_RUN_ATTEMPT": "2"},
            "00-a0d2a076c2967c038ee3d8fc5a795e0d-5967371e26a2a2f0-01",
        ),
        (GITLAB, "00-2b544c44fe8ca4ef81dc31f0def74303-dcef6ba2f3390e6a-01"),
        ({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7"}, None),
        ({"JENKINS_URL": "https://jenkins.example", "BUILD_NUMBER": "7"}, None),
    ],
    ids=["GitHub", "GitHub, again", "GitLab", "too little", "it has its own"],
)
def test_the_ids_of_a_pipeline_are_computed(environ, expected):
    """As the Collector's receiver for GitHub does; the examples are of `sha256sum`."""
    assert computed_traceparent(environ) == expected


def test_what_spans_say_of_the_pipeline():
    assert pipeline_attributes(GITHUB) == {
        "cicd.pipeline.name": "Tests",
        "cicd.pipeline.run.id": "9753949763",
        "cicd.pipeline.run.url.full": "https://github.example/me/shop/actions/runs/9753949763",
        "cicd.pipeline.task.name": "unit",
        "cicd.pipeline.task.type": "test",
        "vcs.repository.url.full": "https://github.example/me/shop",
    }
    assert pipeline_attributes(GITLAB)["cicd.pipeline.task.run.id"] == "56"


def test_all_that_is_said_is_in_the_conventions():
    """In the version that is installed with OpenTelemetry's SDK."""
    from opentelemetry.semconv._incubating.attributes import (
        cicd_attributes,
        test_attributes,
        vcs_attributes,
    )

    known = {
        value
        for module in (cicd_attributes, test_attributes, vcs_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    said = {name for ci in _CIS for name in ci.pipeline}
    assert said - known == set()
    ours = (c.TEST_CASE_NAME, c.TEST_CASE_RESULT_STATUS, c.TEST_SUITE_NAME, c.TEST_SUITE_STATUS)
    assert known.issuperset(ours)


BACKEND = """
import json, pathlib
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

class Backend(SpanProcessor):
    def on_end(self, span):
        if span.name == "pytest session":
            pathlib.Path("session.json").write_text(span.to_json())

provider = TracerProvider()
provider.add_span_processor(Backend())
trace.set_tracer_provider(provider)
"""
TOLD = {"TRACEPARENT": f"00-{'a1' * 16}-{'b2' * 8}-01", "BAGGAGE": "build=7"}
TOLD["TRACESTATE"] = "ci=jenkins"


@pytest.mark.parametrize(
    ("variables", "option", "trace", "span"),
    [
        ({}, "on", "0bd0afbe17036e89e4a05c993dace1da", "1497fe109b00d3c0"),
        ({}, "off", None, None),
        (TOLD, "on", "a1" * 16, "b2" * 8),
    ],
    ids=["computed", "not asked for", "told by the environment"],
)
def test_a_run_is_in_the_trace_of_its_pipeline(
    run, pytester, monkeypatch, variables, option, trace, span
):
    """The session's span is below the pipeline's, says what it is, and people are told."""
    for name, value in {**GITHUB, **variables}.items():
        monkeypatch.setenv(name, value)
    pytester.makeconftest(BACKEND)
    test = "import otel_allure\ndef test_it(): assert not otel_allure.environment().get('BAGGAGE')"
    done = run(test, f"--allure-ci-trace={option}", plugins=())
    done.outcome.assert_outcomes(passed=not variables, failed=bool(variables))
    session = json.loads((pytester.path / "session.json").read_text())
    told = session["attributes"]
    assert told["cicd.pipeline.run.id"] == GITHUB["GITHUB_RUN_ID"]
    assert told["test.suite.name"] == pytester.path.name
    assert told["test.suite.run.status"] == ("failure" if variables else "success")
    parent = session["parent_id"]
    assert (parent and parent.removeprefix("0x")) == span
    text = (done.report.directory / "environment.properties").read_text()
    assert re.findall("Pipeline.*= (.*)", text) == ([trace] if trace else [])
    if trace:
        assert session["context"]["trace_id"] == f"0x{trace}"
    if variables:
        assert "'build=7'" in str(done.report["test_it"]["statusDetails"])
        assert "jenkins" in session["context"]["trace_state"]


def test_properties_are_as_java_reads_them():
    text = environment_properties({"a = b:": "c\\d\nä😀"}, {"shop": "1.2", "catalog": ""})
    assert text.splitlines()[0] == MARK
    assert "a\\ \\=\\ b\\: = c\\\\d\\n\\u00e4\\ud83d\\ude00" in text
    assert text.splitlines()[-2:] == ["Service\\ catalog = seen", "Service\\ shop = 1.2"]
    assert text.isascii()


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("AssertionError: HTTP 503 of the catalog", "A service failed"),
        ("GET /items → 500", "A service failed"),
        ("AssertionError: 12 items of 500", None),
        ("ConnectionRefusedError: [Errno 111]", "No connection"),
        ("ClientConnectorError: Cannot connect to host", "No connection"),
        ("TimeoutError", "Took too long"),
        ("StatusCode.DEADLINE_EXCEEDED", "Took too long"),
        ("ValueError: no", None),
    ],
)
def test_categories(message, category):
    """Java matches the whole of a message."""
    found = [c["name"] for c in CATEGORIES if re.fullmatch(c["messageRegex"], message)]
    assert found == [category] * bool(category)


# -- where they are written

TEST = """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from otel_allure import AllureSpanProcessor

    def test_a():
        from opentelemetry import trace

        resource = Resource({"service.name": "shop", "service.version": "1.2"})
        trace.set_tracer_provider(TracerProvider(resource=resource))
        trace.get_tracer("a").start_span("call").end()
    """


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_is_described(run, pytester, monkeypatch, workers):
    for name, value in CIS["github"][0].items():
        monkeypatch.setenv(name, value)
    arguments = ("-n", str(workers)) if workers else ()
    run(TEST, *arguments, plugins=("asyncio", "xdist"), passed=1)
    results = pytester.path / "results"
    properties = (results / "environment.properties").read_text()
    assert f"pytest = {pytest.__version__}\n" in properties
    assert f"Python = {sys.version.split()[0]} " in properties
    assert "Service\\ shop = 1.2\n" in properties
    assert json.loads((results / "executor.json").read_text())["buildOrder"] == 7
    assert json.loads((results / "categories.json").read_text()) == CATEGORIES


def test_files_of_others_stay_and_ours_are_renewed(run, pytester):
    results = pytester.mkdir("results")
    (results / "environment.properties").write_text("Browser = Firefox\n")
    (results / "categories.json").write_text("[]")
    run(TEST, passed=1)
    assert (results / "environment.properties").read_text() == "Browser = Firefox\n"
    assert (results / "categories.json").read_text() == "[]"
    (results / "environment.properties").write_text(f"{MARK}\nold = yes\n")
    run(None, passed=1)
    assert "old" not in (results / "environment.properties").read_text()


def test_none_if_not_wanted(run, pytester):
    run(TEST, "--allure-environment=off", passed=1)
    assert not list((pytester.path / "results").glob("[!0-9a-f]*.*"))


def test_a_program_is_described(tmp_path):
    code = """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from otel_allure import AllureSpanExporter

    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(AllureSpanExporter("results")))
    provider.get_tracer("a").start_span("call").end()
    provider.shutdown()
    """.replace("\n    ", "\n")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert "Service\\ shop = seen" in (tmp_path / "results/environment.properties").read_text()


def test_programs_in_one_directory_are_all_there(tmp_path):
    """Each knows its own services; what it says itself is as it says it last."""
    diagnostics = Diagnostics()
    for versions, services in [
        ({"otel-allure": "1", "Masked values": "3"}, {"shop": "1", "bank": "1"}),
        ({"otel-allure": "2", "pytest": "9"}, {"shop": "2"}),
        ({"otel-allure": "2"}, {"my stock": ""}),
    ]:
        text = environment_properties(versions, services)
        directory = ResultsDirectory(tmp_path, diagnostics)
        directory.write_run_files("environment.properties", text)
    lines = (tmp_path / "environment.properties").read_text().splitlines()
    assert lines[0] == MARK
    told = dict(line.split(" = ") for line in lines[1:])
    assert not told.keys() & {r"Masked\ values"}
    assert {name: told[name] for name in told if name not in ("Python", "OS")} == {
        "otel-allure": "2", "pytest": "9",
        r"Service\ shop": "2", r"Service\ bank": "1", r"Service\ my\ stock": "seen",
    }  # fmt: skip
    assert diagnostics.first == {}


@pytest.mark.skipif(sys.platform == "win32", reason="directories cannot be locked there")
def test_reports_wait_for_each_other_but_not_for_ever(tmp_path, monkeypatch):
    first, second = (ResultsDirectory(tmp_path, Diagnostics()) for _ in range(2))
    order = []
    begun = threading.Event()

    def write():
        begun.set()
        with second.locked():
            order.append("second")

    thread = threading.Thread(target=write)
    with first.locked():
        thread.start()
        begun.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    monkeypatch.setattr(results_directory, "_PATIENCE", 1)
    with first.locked(), second.locked():
        pass
