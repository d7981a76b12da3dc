"""The settings: three places, one meaning, and errors that name what is wrong."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path

import pytest

from otel_allure.inputs.span_exporter import AllureSpanExporter
from otel_allure.inputs.span_processor import AllureSpanProcessor
from otel_allure.model.keywords import Options
from otel_allure.model.settings import (
    DEFAULTS,
    SETTINGS,
    Settings,
    from_environment,
    read,
)

# A value for each kind of setting, as text, and what it means.
GIVEN = [
    ("attach_http", "off", False),
    ("attach_http", "No", False),
    ("redact_sql", "1", True),
    ("span_parameters", "all", "all"),
    ("waterfall", " Attachment", "attachment"),
    ("waterfall", False, "off"),  # as YAML reads `off`
    ("waterfall", True, "on"),
    ("span_errors", "5xx, 4xx", ("5xx", "4xx")),
    ("max_steps", "0", 0),
    ("min_duration_ms", "0.5", 0.5),
    ("ignore_scopes", "a.* b,c", ("a.*", "b", "c")),
    ("ignore_names", "GET /health\n\nSELECT 1", ("GET /health", "SELECT 1")),
    ("redact_patterns", r"\d{16}", (r"\d{16}",)),
    ("trace_url_pattern", "https://x/{trace_id}", "https://x/{trace_id}"),
]

# A value that the setting cannot have, and what the error says.
WRONG = [
    ("attach_http", "perhaps", "it is on or off"),
    ("span_parameters", "some", "it is one of curated, all"),
    ("span_errors", "6xx", "'6xx' is none of exceptions, 5xx, 4xx, others"),
    ("max_steps", "-1", "it is a whole number of at least 0"),
    ("max_steps", "many", "it is a whole number of at least 0"),
    ("max_depth", "301", "it is a whole number from 1 to 300"),
    ("min_duration_ms", "nan", "it is a number of at least 0"),
    ("ignore_kinds", "client,foo", "'foo' is none of internal, server, client"),
    ("redact_patterns", "(", "'(' is no regular expression: missing )"),
    ("trace_url_pattern", "https://x", "there is no {trace_id} in it"),
]


@pytest.mark.parametrize(("name", "text", "value"), GIVEN)
def test_values(name, text, value):
    found, wrong = read({name: (name, text)})
    assert not wrong
    assert getattr(found, name) == value


@pytest.mark.parametrize(("name", "text", "error"), WRONG)
def test_wrong_values_keep_the_default_and_are_named(name, text, error):
    found, wrong = read({name: (f"--{name}", text)})
    assert found == DEFAULTS
    (said,) = wrong
    assert said.startswith(f"--{name}={text}: {error}")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_defaults_are_values_that_can_be_given(setting):
    found, wrong = read({setting.name: (setting.name, setting.default)})
    assert (found, wrong) == (DEFAULTS, [])


def test_the_first_source_counts():
    sources = [{"fold": ("line", "1")}, {"fold": ("ini", "2"), "max_steps": ("ini", "3")}]
    assert read(*sources)[0] == Settings(fold=1, max_steps=3)


def test_environment():
    environ = {
        "OTEL_EXPORTER_ALLURE_RESULTS_DIR": "somewhere",  # no setting
        "OTEL_EXPORTER_ALLURE_FOLD": "3",
        "OTEL_EXPORTER_ALLURE_MAX_STEPS": "",  # as good as not set, like OpenTelemetry's own
        "OTEL_EXPORTER_ALLURE_MAXSTEPS": "3",
        "OTHER": "1",
    }
    found, wrong = read(from_environment(environ))
    assert found == Settings(fold=3)
    assert wrong == [
        "OTEL_EXPORTER_ALLURE_MAXSTEPS is unknown, did you mean OTEL_EXPORTER_ALLURE_MAX_STEPS?"
    ]


@pytest.mark.parametrize("make", [AllureSpanExporter, AllureSpanProcessor])
def test_a_program_goes_on_with_wrong_settings(make, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_FOLD", "some")
    with caplog.at_level(logging.WARNING, "otel_allure"):
        made = make(tmp_path, max_depth=7, colour="blue")
    made.shutdown()
    (record,) = caplog.records
    assert record.getMessage().endswith(
        "OTEL_EXPORTER_ALLURE_FOLD=some: it is a whole number of at least 0; colour is unknown"
    )


# -- in pytest

TEST = """
    import allure

    def test_a():
        with allure.step("a"), allure.step("b"), allure.step("c"):
            pass
    """
FLAT = "b (deeper levels are shown flat, below this one)"


@pytest.mark.parametrize(
    ("arguments", "ini", "environ"),
    [
        (["--allure-max-depth=2"], "allure_max_depth = 9", "10"),
        ([], "allure_max_depth = 2", "10"),
        ([], "", "2"),
    ],
    ids=["option", "ini", "environment"],
)
def test_command_line_before_ini_before_environment(
    run, pytester, monkeypatch, arguments, ini, environ
):
    pytester.makeini(f"[pytest]\n{ini}")
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_MAX_DEPTH", environ)
    outcome = run(TEST, *arguments, passed=1)
    (a,) = outcome.report.results[0]["steps"]
    assert [step["name"] for step in a["steps"]] == [FLAT, "c"]


@pytest.mark.parametrize(
    ("arguments", "ini", "variable", "error"),
    [
        (["--allure-fold=x"], "", {}, "--allure-fold=x: it is a whole number of at least 0"),
        ([], "allure_fold = x", {}, "allure_fold: invalid literal for int() with base 10: 'x'"),
        ([], "allure_ignore_kinds = x", {}, "allure_ignore_kinds=x: 'x' is none of internal"),
        ([], "", {"OTEL_EXPORTER_ALLURE_FOLDS": "1"}, "OTEL_EXPORTER_ALLURE_FOLDS is unknown"),
    ],
)
def test_wrong_settings_end_the_run_before_it_begins(
    run, pytester, monkeypatch, arguments, ini, variable, error
):
    pytester.makeini(f"[pytest]\n{ini}")
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    outcome = run(TEST, *arguments).outcome
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    outcome.stderr.fnmatch_lines(f"ERROR: otel-allure: {error}*".replace("[", "[[]"))


def test_nothing_is_read_without_a_report(run, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_FOLDS", "1")
    run(TEST, alluredir=False, passed=1)


def test_keywords_are_typed_as_the_settings_are():
    """`Options` says to type checkers what `Settings` says to us: keep both alike."""
    types = {f.name: f.type for f in fields(Settings)}
    keywords = {name: hint.__forward_arg__ for name, hint in Options.__annotations__.items()}
    texts_too = {
        "str": "str",
        "tuple[str, ...]": "Sequence[str]",
        **{kind: f"{kind} | str" for kind in ("bool", "int", "float")},
    }
    assert keywords == {name: texts_too[kind] for name, kind in types.items()}


# -- the documentation


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_documented_with_its_default(setting):
    page = Path(__file__).parent.parent / "docs/configuration.md"
    rows = [[cell.strip() for cell in line.split("|")] for line in page.read_text().splitlines()]
    (default,) = [row[2] for row in rows if row[1:2] == [f"`{setting.name}`"]]
    assert read({setting.name: ("docs", default)}) == (DEFAULTS, [])
