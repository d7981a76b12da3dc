"""However the process of a test ends, its result is there, with all that had happened in it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from otel_allure.model.diagnostics import Diagnostics
from otel_allure.output.running_file import ENDED
from otel_allure.pytest_plugin import running_results
from otel_allure.pytest_plugin.running_results import RunningResults
from otel_allure.testing.results import Results, steps

from . import deaths
from .deaths import DEATHS, NOWHERE, OFF, PASSWORD, Death, die, the_test

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

ALL = [*DEATHS, OFF, NOWHERE]  # the last one runs the tests of all
IDS = [death.name for death in DEATHS]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each of the ways to die has left; made once for all workers of pytest-xdist."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        directory = tmp_path_factory.mktemp("died")
        _make(directory)
        return directory
    fcntl = pytest.importorskip("fcntl")
    directory = tmp_path_factory.getbasetemp().parent / "died"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / CODES).exists():
            _make(directory)
    return directory


CODES = "codes.json"


def _make(directory: Path) -> None:
    codes = die(directory, ALL)
    (directory / CODES).write_text(json.dumps({way.name: code for way, code in codes.items()}))


@pytest.fixture(scope="module")
def reports(left: Path) -> dict[Death, Results]:
    return {death: Results(left / death.name) for death in ALL}


def names(items: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the names of steps, each with those of what is below it."""
    return [(step["name"], names(step.get("steps", ()))) for step in items]


BROKEN_STEPS = {
    "call": ["second", "inner with ****"],
    "call and tear-down": ["second", "inner with ****"],
    "thread": ["second", "inner with ****"],
    "set-up": ["narrow", "prepare"],
    "tear-down": ["narrow::0", "clean up"],
    "wide set-up": ["wide", "connect"],
}


def is_open(step: dict[str, Any]) -> bool:
    return bool(step["status"] == "broken" and step["name"] != "breaks")


@pytest.mark.parametrize("death", DEATHS, ids=IDS)
def test_it_ends_as_it_would_without_a_report(left: Path, death: Death) -> None:
    assert json.loads((left / CODES).read_text())[death.name] == death.code


@pytest.mark.parametrize("death", DEATHS, ids=IDS)
def test_it_is_what_it_would_have_been_but_broken(
    reports: dict[Death, Results], death: Death
) -> None:
    usual, result = the_test(reports[NOWHERE], death), the_test(reports[death], death)
    assert result["status"] == "broken"
    assert death.said in result["statusDetails"]["message"]
    for field in ("name", "historyId", "testCaseId", "titlePath", "description", "parameters"):
        assert result[field] == usual[field], field
    told_in_the_call = "layer" if death.where.endswith("set-up") else ""
    assert [x["name"] for x in result["labels"]] == [
        x["name"] for x in usual["labels"] if x["name"] != told_in_the_call
    ]
    open_now = list(filter(is_open, steps(result)))
    assert [step["name"] for step in open_now] == BROKEN_STEPS[death.where]
    said = "KeyboardInterrupt" if death.how == "SIGINT" else ENDED.format("step")
    assert {s["statusDetails"]["message"].strip() for s in open_now} == {said}


def test_all_that_had_happened_is_in_it(reports: dict[Death, Results]) -> None:
    report = reports[DEATHS[0]]
    result = the_test(report, DEATHS[0])
    assert names(result["steps"]) == [
        ("narrow", [("prepare", [])]),
        ("first", []),
        ("second", [("inner with ****", [("breaks", [])])]),
    ]
    (attachment,) = next(s for s in steps(result) if s["name"] == "first")["attachments"]
    assert attachment["name"] == "note"
    assert (report.directory / attachment["source"]).read_text() == "body"
    breaks = next(s for s in steps(result) if s["name"] == "breaks")
    assert breaks["status"] == "broken"
    assert "division by zero" in breaks["statusDetails"]["message"]


@pytest.mark.parametrize("death", DEATHS, ids=IDS)
def test_nothing_else_is_left(reports: dict[Death, Results], death: Death) -> None:
    """Every file is whole, no secret is in one, and what had ended is as it was."""
    report = reports[death]
    results = report.results
    assert sorted(r["name"] for r in results) == ["The one with it", "test_before"]
    assert next(r for r in results if r["name"] == "test_before")["status"] == "passed"
    for path in report.directory.iterdir():
        assert PASSWORD not in path.read_text("utf-8")
        assert path.suffix != ".tmp"


def test_fixtures_that_are_set_up_are_there(reports: dict[Death, Results]) -> None:
    report = reports[DEATHS[0]]
    (fixture,) = report.fixtures_of(the_test(report, DEATHS[0]))
    assert (fixture["name"], names(fixture["steps"])) == ("wide", [("connect", [])])
    assert len(report.containers) == 1


def test_attachments_of_the_test_itself(run: Callable[..., Any]) -> None:
    source = """
        import os
        import allure

        def test_it():
            allure.attach("body", "note")
            os._exit(1)
    """
    (result,) = run(source, plugins=()).report.results
    assert [attachment["name"] for attachment in result["attachments"]] == ["note"]


def test_fixtures_name_most_of_who_uses_them(run: Callable[..., Any]) -> None:
    """They are written when twice as many have: for each would cost the square of their number."""
    source = """
        import os
        import pytest

        @pytest.fixture(scope="session")
        def wide():
            yield

        @pytest.mark.parametrize("n", range(12))
        def test_user(wide, n):
            if n == 10:
                os._exit(1)
    """
    report = run(source, plugins=()).report
    (container,) = report.containers
    assert len(container["children"]) == 8
    assert {*container["children"]} < {result["uuid"] for result in report.results}


def test_what_had_failed_before_is_said(reports: dict[Death, Results]) -> None:
    (death,) = [death for death in DEATHS if death.where == "tear-down"]
    details = the_test(reports[death], death)["statusDetails"]
    assert "AssertionError" in details["message"]
    assert death.name in details["trace"]


@pytest.mark.parametrize("tool", deaths.TOOLS)
def test_it_is_in_the_report_that_is_made_of_it(left: Path, tmp_path: Path, tool: str) -> None:
    """Of the directories as they were left: the test is broken, and has its steps."""
    if tool == "Allure 2" and shutil.which("java") is None:
        pytest.skip("needs Java")
    found = deaths.TOOLS[tool]([left / death.name for death in DEATHS], tmp_path)
    for death in DEATHS:
        result = the_test(Results(left / death.name), death)
        status, message, its_steps = found[result["fullName"]]
        assert status == "broken"
        assert death.said in message
        assert its_steps == [(s["name"], s["status"]) for s in steps(result)]
        assert [name for name, state in its_steps if state == "broken" and name != "breaks"] == (
            BROKEN_STEPS[death.where]
        )


def test_the_page_has_every_way() -> None:
    """`python -m tests.deaths` writes it."""
    rows = [(called, where, shown) for called, where, *shown in deaths.rows_of_page()]
    assert [row[:2] for row in rows] == [(death.called, death.where) for death in DEATHS]
    for _, where, (_, *by_tools) in rows:
        for cell in by_tools:
            assert cell.startswith("broken, ")
            assert cell.endswith(f"open: `{'`, `'.join(BROKEN_STEPS[where])}`")


def test_it_can_be_switched_off(reports: dict[Death, Results]) -> None:
    assert [result["name"] for result in reports[OFF].results] == ["test_before"]


def test_what_is_written_while_a_test_runs_is_not_counted(run):
    """Each value counts once, however often the result of its test is written."""
    done = run(
        """
        import allure
        def test_log_in():
            with allure.step("one"), allure.step("two") as step:
                step.parameter("token", "tok-4711-abcd")
        """,
        plugins=(),
        passed=1,
    )
    done.outcome.stdout.fnmatch_lines(["otel-allure: masked by name token 1"])


def test_the_last_word_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread writes of a test is there before its last word, however long it takes."""
    is_writing, goes_on = threading.Event(), threading.Event()
    order: list[str] = []

    def spans(_: set[int]) -> list[Any]:
        is_writing.set()
        goes_on.wait(10)
        return []

    report = SimpleNamespace(
        diagnostics=Diagnostics(log=False), due_ns=0, plain_results={}, directory=SimpleNamespace()
    )
    report.directory.write_running = lambda _: order.append("so far")
    results = RunningResults(report, spans)  # type: ignore[arg-type]
    its = SimpleNamespace(trace_id=1, so_far=lambda *_: {}, last_word=None, attempt=None)
    results._results[1] = its  # type: ignore[assignment]
    monkeypatch.setattr(running_results, "_PATIENCE_S", 10)

    def end() -> None:
        results.end(SimpleNamespace(trace_id=1))  # type: ignore[arg-type]
        order.append("last word")

    threads = [threading.Thread(target=results.note, args=[1]), threading.Thread(target=end)]
    threads[0].start()
    assert is_writing.wait(10)
    threads[1].start()
    threads[1].join(0.1)  # it has to wait
    goes_on.set()
    for thread in threads:
        thread.join(10)
    results.note(1)
    assert order == ["so far", "last word"]
