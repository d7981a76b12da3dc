"""The same tests under allure-pytest and under us: whole reports, and every difference explained.

What is run is in `differential/runs.py`, what may differ in `differential/differences.py`.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from otel_allure.testing.results import Results
from tests.differential import docs
from tests.differential.differences import DIFFERENCES, stale, unexplained
from tests.differential.features import FEATURES
from tests.differential.runs import CASES, RUNS, differences

PAGE = Path(__file__).parent.parent / "docs" / "allure-pytest.md"


needs_allure_pytest = pytest.mark.skipif(
    importlib.util.find_spec("allure_pytest") is None, reason="allure-pytest is not installed"
)


@needs_allure_pytest
@pytest.mark.parametrize("name", RUNS)
def test_the_same_but_for_what_is_better(name, tmp_path):
    found = differences(name, tmp_path)
    left = unexplained(found)
    assert not left, f"{len(left)} differences:\n" + "\n".join(map(str, left[:50]))
    assert not stale(name, found), "these do not differ any more"


@needs_allure_pytest
@pytest.mark.parametrize(
    ("arguments", "value"), [((), "7"), (("-p", "no:otel_allure"), 7)], ids=["ours", "back"]
)
def test_going_back(pytester, monkeypatch, arguments, value):
    """Where both are installed we take the other's place; an option gives it back."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    pytester.makepyfile("import allure\n\n@allure.id(7)\ndef test_one():\n    pass\n")
    pytester.runpytest_subprocess("--alluredir=results", *arguments).assert_outcomes(passed=1)
    (result,) = Results(pytester.path / "results").results
    assert [label["value"] for label in result["labels"] if label["name"] == "as_id"] == [value]


def test_every_difference_is_looked_for_in_a_run():
    assert all(set(difference.where) <= set(RUNS) for difference in DIFFERENCES)
    assert all(difference.where for difference in DIFFERENCES)


def test_every_case_is_run():
    assert {path.name for kind in ("*.py", "*.txt") for path in CASES.glob(kind)} == {
        source for run in RUNS.values() for source in run.files.values()
    }


def test_every_feature_names_a_test_that_is_run():
    known = {
        f"{path.stem}::{node.name}"
        for path in CASES.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    known |= {f"run {name}" for name in RUNS} | {path.name for path in CASES.glob("*.txt")}
    assert {test for feature in FEATURES for test in feature.tests} <= known


def test_every_name_of_allure_is_used():
    """No part of its surface is left out."""
    import allure

    text = "".join(path.read_text("utf-8") for path in CASES.glob("*.py"))
    dynamic = [name for name in vars(allure.dynamic) if not name.startswith("_")]
    missing = [name for name in allure.__all__ if f"allure.{name}" not in text]
    assert missing == []
    assert [name for name in dynamic if f"allure.dynamic.{name}" not in text] == []


def test_the_page_shows_the_tables():
    """`python -m tests.differential.docs` writes them anew."""
    assert docs.updated(PAGE.read_text("utf-8")) == PAGE.read_text("utf-8")
