"""What ended a process is said at the tests that ran in it, by whoever knows."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_allure.output.running_file import ENDED
from otel_allure.output.unfinished import how_it_ended, left_by_earlier_runs, say_what_ended
from otel_allure.testing.results import Results

from . import instrumentations

MESSAGE = ENDED.format("test")
NOBODY = 2**22 + 1
"""No process of Linux has this number, nor a higher one."""

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "with exit code 0"),
        (3, "with exit code 3"),
        pytest.param(-9, "by SIGKILL", marks=needs_signals),
        (-99, "by signal 99"),
    ],
)
def test_how_it_ended(code: int, said: str) -> None:
    assert how_it_ended(code) == said


def write(
    directory: Path,
    name: str,
    message: Any = MESSAGE,
    status: str = "broken",
    process: int = NOBODY,
    host: str | None = None,
) -> Path:
    path = directory / f"{name}-result.json"
    labels = {"host": socket.gethostname() if host is None else host, "thread": f"{process}-Main"}
    result = {
        "uuid": name,
        "fullName": f"it#{name}",
        "status": status,
        "statusDetails": {"message": message, "trace": "line 1"},
        "labels": [{"name": key, "value": value} for key, value in labels.items()],
    }
    path.write_text(json.dumps(result), "utf-8")
    return path


def test_results_that_were_running_say_it(tmp_path: Path) -> None:
    """Nothing else of them changes, and no other result does."""
    failed = f"{MESSAGE}.\n\nAssertionError: no"
    running = write(tmp_path, "running"), write(tmp_path, "failed before", failed)
    others = (
        write(tmp_path, "passed", None, "passed"),
        write(tmp_path, "quotes it", f"assert '{MESSAGE}'"),
        write(tmp_path, "another status", MESSAGE, "failed"),
        tmp_path / "gone-result.json",
        tmp_path / "torn-result.json",
        tmp_path / "list-result.json",
    )
    others[-2].write_text('{"status": "broken", "message": "' + MESSAGE)
    others[-1].write_text(json.dumps([MESSAGE]))
    before = {path: path.read_bytes() for path in others if path.exists()}
    assert say_what_ended([*others, *running], 3) == 2
    assert {path: path.read_bytes() for path in before} == before
    report = [json.loads(path.read_text("utf-8")) for path in running]
    assert [result["statusDetails"] for result in report] == [
        {"message": f"{MESSAGE}. It ended with exit code 3.", "trace": "line 1"},
        {
            "message": f"{MESSAGE}. It ended with exit code 3.\n\nAssertionError: no",
            "trace": "line 1",
        },
    ]
    assert [result["fullName"] for result in report] == ["it#running", "it#failed before"]
    assert not list(tmp_path.glob("*.tmp"))


def test_earlier_runs(tmp_path: Path) -> None:
    """Those of other sessions that are under way are none, if it can be known."""
    write(tmp_path, "passed", None, "passed")
    write(tmp_path, "runs", process=os.getpid())
    assert left_by_earlier_runs(tmp_path / "nowhere") is None
    assert left_by_earlier_runs(tmp_path) is None
    os.utime(write(tmp_path, "elsewhere", process=os.getpid(), host="another"), (0, 0))
    told = f"in {tmp_path.name} was running when the process ended: it#elsewhere"
    assert left_by_earlier_runs(tmp_path) == f"1 test of an earlier run {told}"
    write(tmp_path, "last")
    told = f"in {tmp_path.name} were running when the process ended: it#last is the last"
    assert left_by_earlier_runs(tmp_path) == f"2 tests of earlier runs {told}"


@needs_signals
def test_by_the_command_and_by_the_next_run(run: Callable[..., Any], tmp_path: Path) -> None:
    source = """
        import os, signal, allure

        def test_it():
            with allure.step("here"):
                if "DIE" in os.environ:
                    os.kill(os.getpid(), signal.SIGKILL)
    """
    first = run(source, plugins=(), passed=1)
    assert "earlier run" not in first.outcome.stdout.str()
    command = [sys.executable, "-m", "otel_allure", "run", "python", "-m", "pytest"]
    done = subprocess.run(
        [*command, "-p", "otel_allure", f"--alluredir={first.report.directory}"],
        env={**os.environ, **instrumentations.NONE, "DIE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGKILL
    assert done.stderr.splitlines()[-1] == (
        "otel-allure: the program ended by SIGKILL; 1 test was running"
    )
    (died,) = [r for r in Results(first.report.directory).results if r["status"] == "broken"]
    assert died["statusDetails"]["message"] == f"{MESSAGE}. It ended by SIGKILL."
    assert [step["name"] for step in died["steps"]] == ["here"]
    third = run(None, plugins=(), passed=1)
    (told,) = re.findall("otel-allure: 1 test of .*", third.outcome.stdout.str())
    assert told.endswith(f"ended: {died['fullName']}")
