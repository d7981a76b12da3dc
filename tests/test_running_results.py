"""However the process of a test ends, its result is there, with all that had happened in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest

from otel_allure.pytest_plugin.running_results import ENDED
from otel_allure.testing.results import Results

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

SOURCE = """
    import ctypes
    import os
    import signal
    import sys
    import threading
    import time

    import allure
    import pytest

    WAYS = {
        "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "SIGHUP": lambda: os.kill(os.getpid(), signal.SIGHUP),
        "_exit": lambda: os._exit(3),
        "abort": os.abort,
        "segfault": lambda: ctypes.string_at(0),
        "timeout": lambda: time.sleep(60),
    }

    def die(where):
        if where == os.environ["WHERE"]:
            WAYS[os.environ["HOW"]]()

    @pytest.fixture(scope="module")
    def wide():
        with allure.step("connect"):
            die("wide set-up")
        yield

    @pytest.fixture
    def narrow(wide):
        with allure.step("prepare"):
            die("set-up")
        yield
        with allure.step("clean up"):
            die("tear-down")

    def test_before():
        with allure.step("all of it"):
            pass

    @allure.feature("F")
    @allure.title("The one with {value}")
    @pytest.mark.parametrize(("value", "password"), [("it", "TOPQSECRET")], ids=["it"])
    def test_dies(narrow, value, password):
        "What it is."
        allure.dynamic.label("layer", "api")
        with allure.step("first"):
            allure.attach("body", "note")
        with allure.step("second"):
            with allure.step("inner with " + password):
                with pytest.raises(ZeroDivisionError), allure.step("breaks"):
                    1 / 0
                if os.environ["WHERE"] == "thread":
                    thread = threading.Thread(target=die, args=("thread",))
                    thread.start()
                    thread.join()
                die("call")
        assert os.environ["WHERE"] != "tear-down"
"""
PASSWORD = "b7Zk" + "q9Xw2Lm4"
SOURCE = SOURCE.replace("TOPQSECRET", PASSWORD)


class Death(NamedTuple):
    how: str
    where: str
    arguments: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


NOWHERE = Death("SIGKILL", "nowhere")
OFF = Death("SIGKILL", "call", settings=(("OTEL_EXPORTER_ALLURE_RUNNING_RESULTS", "off"),))
DEATHS = [
    Death("SIGKILL", "call"),
    Death("SIGTERM", "call"),
    Death("SIGHUP", "thread"),
    Death("_exit", "set-up"),
    Death("abort", "tear-down"),
    Death("segfault", "call", ("-p", "no:faulthandler")),
    Death("segfault", "call"),
    Death("timeout", "call", ("-p", "timeout", "--timeout=1", "--timeout-method=thread")),
    Death("SIGKILL", "wide set-up"),
]


def ended(directory: Path, deaths: Iterable[Death]) -> dict[Death, Results]:
    """Run the tests once for each way to die, all at the same time."""
    (directory / "test_it.py").write_text(dedent(SOURCE), "utf-8")
    running: dict[Death, subprocess.Popen[bytes]] = {}
    for number, death in enumerate(deaths):
        if len(running) >= 4:  # more at once would take no less
            list(running.values())[-4].wait(60)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "otel_allure.pytest_plugin"]
        settings = {"WHERE": death.where, "HOW": death.how, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        running[death] = subprocess.Popen(
            [*command, "-p", "no:cacheprovider", f"--alluredir={number}", *death.arguments],
            cwd=directory,
            env={**os.environ, **settings, **dict(death.settings)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    for process in running.values():
        process.wait(60)
    return {death: Results(directory / str(number)) for number, death in enumerate(running)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[Death, Results]:
    return ended(tmp_path_factory.mktemp("died"), [NOWHERE, OFF, *DEATHS])


def the_test(report: Results) -> dict[str, Any]:
    (result,) = [each for each in report.results if each["fullName"].endswith("#test_dies")]
    return result


def names(steps: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the names of steps, each with those of what is below it."""
    return [(step["name"], names(step.get("steps", ()))) for step in steps]


BROKEN_STEPS = {
    "call": ["second", "inner with ****"],
    "thread": ["second", "inner with ****"],
    "set-up": ["narrow", "prepare"],
    "tear-down": ["narrow::0", "clean up"],
    "wide set-up": ["wide", "connect"],
}


@pytest.mark.parametrize("death", DEATHS, ids=lambda death: f"{death.how} in {death.where}")
def test_it_is_what_it_would_have_been_but_broken(
    reports: dict[Death, Results], death: Death
) -> None:
    usual, result = the_test(reports[NOWHERE]), the_test(reports[death])
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"].startswith(ENDED.format("test"))
    for field in ("name", "historyId", "testCaseId", "titlePath", "description", "parameters"):
        assert result[field] == usual[field], field
    told_in_the_call = "layer" if death.where.endswith("set-up") else ""
    assert [x["name"] for x in result["labels"]] == [
        x["name"] for x in usual["labels"] if x["name"] != told_in_the_call
    ]
    open_now = [s for s in all_steps(result) if s["status"] == "broken" and s["name"] != "breaks"]
    assert [step["name"] for step in open_now] == BROKEN_STEPS[death.where]
    assert {s["statusDetails"]["message"] for s in open_now} == {ENDED.format("step")}


def all_steps(item: dict[str, Any]) -> list[dict[str, Any]]:
    steps = item.get("steps", [])
    return [each for step in steps for each in (step, *all_steps(step))]


def test_all_that_had_happened_is_in_it(reports: dict[Death, Results]) -> None:
    report = reports[DEATHS[0]]
    result = the_test(report)
    assert names(result["steps"]) == [
        ("narrow", [("prepare", [])]),
        ("first", []),
        ("second", [("inner with ****", [("breaks", [])])]),
    ]
    (attachment,) = next(s for s in all_steps(result) if s["name"] == "first")["attachments"]
    assert attachment["name"] == "note"
    assert (report.directory / attachment["source"]).read_text() == "body"
    breaks = next(s for s in all_steps(result) if s["name"] == "breaks")
    assert breaks["status"] == "broken"
    assert "division by zero" in breaks["statusDetails"]["message"]


@pytest.mark.parametrize("death", DEATHS, ids=lambda death: f"{death.how} in {death.where}")
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
    (fixture,) = report.fixtures_of(the_test(report))
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
    details = the_test(reports[death])["statusDetails"]
    assert "AssertionError" in details["message"]
    assert "test_it.py" in details["trace"]


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
