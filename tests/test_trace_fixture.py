"""Tests that ask for their own trace: the fixture, waiting, budgets, and what the report shows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from otel_allure.testing.results import Results, steps, tree

HEAD = """
import asyncio
import os
import subprocess
import sys
import threading

import allure
import pytest
from opentelemetry import trace as otel

import otel_allure

tracer = otel.get_tracer("db")


def sql(text):
    asked = {"db.system": "postgresql", "db.statement": text}
    with tracer.start_as_current_span("db", kind=otel.SpanKind.CLIENT, attributes=asked):
        pass

"""

ASKING = (
    HEAD
    + """
def test_selects(trace):
    with allure.step("pay"):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")
    trace.step("pay").sql("SELECT lines").once()
    assert len(trace.sql) == 2
    assert trace.tree() == "pay\\n  SELECT orders\\n  SELECT lines"

def test_open_spans_are_seen(trace):
    with allure.step("pay"):
        assert trace.span("pay").one().end_ns is None

def test_fails(trace):
    with allure.step("pay"):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")
    trace.check.span("send mail").exists()
    with allure.step("Look at the trace"):
        trace.sql.at_most(1)

def test_plain_assert(trace):
    with allure.step("pay"):
        sql("SELECT * FROM orders")
    assert len(trace.sql) < 1

@pytest.mark.budget(sql=1, seconds=60)
class TestBudget:
    def test_marked(self):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")

    @pytest.mark.budget(sql=2)
    def test_nearest_counts(self):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")

def test_budget_of_a_block(trace):
    sql("SELECT * FROM orders")
    with trace.budget(sql=1):
        sql("SELECT * FROM orders")
    with trace.budget(sql=0):
        sql("SELECT * FROM lines")

async def test_waits(trace):
    ready = asyncio.Event()
    async def later():
        await ready.wait()
        sql("SELECT * FROM late")
    task = asyncio.create_task(later())
    asyncio.get_running_loop().call_later(0.03, ready.set)
    found = await trace.wait_for("SELECT late")
    assert found.one().end_ns
    await trace.eventually(lambda: trace.sql.once())
    await task

def test_waits_in_plain_code(trace):
    thread = threading.Timer(0.03, sql, ["SELECT * FROM late"])
    thread.start()
    trace.wait_for("SELECT late").once()
    trace.eventually(lambda: len(trace.sql) == 1)
    thread.join()

async def test_forgotten(trace):
    trace.wait_for("SELECT late")
    sql("SELECT * FROM late")
    trace.sql.once()

async def test_forgotten_to_the_end(trace):
    waiting = trace.wait_for("SELECT late")

async def test_forgotten_and_asked(trace):
    waiting = trace.wait_for("SELECT late")
    waiting.once()

def test_too_late(trace):
    sql("SELECT * FROM orders")
    trace.wait_for("SELECT late", timeout=0.01)

def test_inconclusive(trace):
    sql("SELECT * FROM orders")
    trace.wait_for("process order", service="billing", timeout=0.01)

kept = []

def test_keeps(trace):
    kept.append(trace)

def test_asks_after_the_test(trace):
    kept[0].sql

def test_without_a_fixture():
    sql("SELECT * FROM orders")
    otel_allure.trace.sql.once()

def test_asked_for_by_name(request):
    trace = request.getfixturevalue("trace")
    sql("SELECT * FROM orders")
    trace.sql.once()
"""
)
TEXTS = {
    "test_fails": "trace.sql.at_most(1): expected at most 1, found 2",
    "test_plain_assert": "where 1 = len(<trace.sql: 1 spans: 'SELECT orders'>)",
    "test_marked": "budget(sql=1, seconds=60): expected at most sql=1, seconds=60, found sql=2",
    "test_budget_of_a_block": "trace.budget(sql=0): expected at most sql=0, found sql=1",
    "test_forgotten": "in a coroutine it is `await trace.wait_for('SELECT late', timeout=5)`",
    "test_forgotten_to_the_end": "in a coroutine it is `await trace.wait_for('SELECT late'",
    "test_forgotten_and_asked": "in a coroutine it is `await trace.wait_for('SELECT late'",
    "test_too_late": "expected 1 that ended within 0.01 s, found nothing",
    "test_inconclusive": "billing never reported a span in this run; is its exporter set?",
    "test_asks_after_the_test": "the test is over: its trace can be asked while it runs",
}
FAILED = len(TEXTS)
PASSED = ASKING.count("def test_") - FAILED


def said(output: str) -> dict[str, str]:
    """Return what pytest says of each test that failed."""
    parts = re.split(r"^_{3,} (?:\w+\.)?(\w+) _{3,}$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A suite that asks, run with a report in a process of its own."""
    directory = tmp_path_factory.mktemp("asked")
    return in_child(directory, ASKING, "--alluredir=results")


def in_child(directory: Any, source: str, *arguments: str) -> tuple[str, Results]:
    import os
    import subprocess
    import sys

    (directory / "test_it.py").write_text(source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "otel_allure.pytest_plugin"]
    command += ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=directory,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr, Results(directory / "results")


def test_what_is_told_with_a_report(asked):
    output, _ = asked
    assert f"{FAILED} failed, {PASSED} passed" in output.replace("1 error, ", ""), output
    texts = said(output)
    assert texts.keys() == TEXTS.keys()
    for name, text in TEXTS.items():
        assert text in texts[name], texts[name]
        assert "otel_allure/" not in texts[name].replace("otel_allure/assertions/errors", "")


def test_the_report_shows_what_was_expected(asked):
    _, report = asked
    result = report["test_fails"]
    assert tree(result)[:3] == [
        {"pay": ["SELECT orders ✗", "SELECT lines ✗"]},
        "failed: trace.check.span('send mail').exists()",
        {"failed: Look at the trace": ["failed: trace.sql.at_most(1)"]},
    ]
    failed = [step for step in steps(result) if step["name"] == "trace.sql.at_most(1)"]
    assert "expected at most 1, found 2" in failed[0]["statusDetails"]["message"]
    (marked,) = [step for step in steps(result) if step["name"] == "SELECT lines ✗"]
    (parameter,) = [row for row in marked["parameters"] if row["name"] == "✗"]
    assert parameter["value"] == "trace.sql.at_most(1)"
    assert "trace" in [label["value"] for label in result["labels"] if label["name"] == "tag"]
    assert "trace.sql.at\\_most(1): expected at most 1, found 2" in result["description"]


def test_a_report_tells_absent_from_inconclusive(asked):
    _, report = asked
    assert report["test_too_late"]["status"] == "failed"
    assert report["test_inconclusive"]["status"] == "broken"


def test_what_is_right_is_shown_too(asked):
    _, report = asked
    assert "trace.step('pay').sql('SELECT lines').once()" in tree(report["test_selects"])
    befores = [before["name"] for each in report.containers for before in each.get("befores", ())]
    assert "trace" not in befores


def test_without_a_report_it_is_the_same(tmp_path):
    without = ASKING.replace("def test_without_a_fixture():", "def test_without_a_fixture(trace):")
    output, _ = in_child(tmp_path, without)
    assert f"{FAILED} failed, {PASSED} passed" in output, output
    texts = said(output)
    for name, text in TEXTS.items():
        assert text in texts[name], texts[name]
    assert [p.name for p in tmp_path.iterdir() if p.name != "__pycache__"] == ["test_it.py"]
