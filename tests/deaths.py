"""Runs that end in the midst of a test, by every way that there is, and what they leave.

`python -m tests.deaths` generates the reports of Allure 2 and 3 from each directory as it was left
and writes what they show into docs/faults.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from otel_allure.output.running_file import ENDED
from otel_allure.testing.results import Results, steps

from .report_tools import ALLURE_2, ALLURE_3, generate, tool

PASSWORD = "b7Zk" + "q9Xw2Lm4"
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
        "SIGINT": lambda: signal.raise_signal(signal.SIGINT),
        "os._exit": lambda: os._exit(3),
        "os.abort": os.abort,
        "segmentation fault": lambda: ctypes.string_at(0),
        "timeout": lambda: time.sleep(60),
    }

    def die(where):
        if where in os.environ["WHERE"].split(" and "):
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
SOURCE = dedent(SOURCE.replace("TOPQSECRET", PASSWORD))


class Death(NamedTuple):
    """A way to die.

    Attributes:
        how: by its name in the tests above.
        where: in which part of the test, several joined by "and".
        called: what the page calls it.
        code: with which the process ends.
        said: what the result says about it.
        arguments: of pytest.
        settings: of ours, as variables.
    """

    how: str
    where: str
    called: str
    code: int
    said: str = ENDED.format("test")
    arguments: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Return what its files can be called."""
        return re.sub(r"\W+", "_", f"{self.called} {self.where}").lower()

    @property
    def in_worker(self) -> bool:
        """Whether it is a worker of pytest-xdist that dies."""
        return "xdist" in self.arguments


_PLAIN = ("-p", "no:faulthandler")
_WORKER = ("-p", "xdist", "-n1", "--max-worker-restart=0", "-p", "no:faulthandler")
_TIMEOUT = ("-p", "timeout", "--timeout=2", "--timeout-method=thread")
_FAULTHANDLER = ("-o", "faulthandler_timeout=2", "-o", "faulthandler_exit_on_timeout=true")
_OFF = (("OTEL_EXPORTER_ALLURE_RUNNING_RESULTS", "off"),)
NOWHERE = Death("SIGKILL", "nowhere", "as always", 0)
OFF = Death("SIGKILL", "call", "switched off", -9, settings=_OFF)
DEATHS = [
    Death("SIGKILL", "call", "`SIGKILL`", -9),
    Death("SIGKILL", "wide set-up", "`SIGKILL`", -9),
    Death("SIGTERM", "call", "`SIGTERM`", -15),
    Death("SIGHUP", "thread", "`SIGHUP`", -1),
    Death("SIGINT", "call and tear-down", "`SIGINT`, twice", -2, "KeyboardInterrupt"),
    Death("os._exit", "set-up", "`os._exit`", 3),
    Death("os.abort", "tear-down", "`os.abort`", -6, arguments=_PLAIN),
    Death("segmentation fault", "call", "a segmentation fault", -11, arguments=_PLAIN),
    Death("segmentation fault", "call", "the same, with faulthandler", -11),
    Death("timeout", "call", "`faulthandler_exit_on_timeout`", 1, arguments=_FAULTHANDLER),
    Death("timeout", "call", "pytest-timeout's thread method", 1, arguments=_TIMEOUT),
    Death("SIGKILL", "call", "a worker by `SIGKILL`", 1, "The worker ended by SIGKILL.", _WORKER),
    Death("SIGTERM", "call", "a worker by `SIGTERM`", 1, "The worker ended by SIGTERM.", _WORKER),
    Death(
        "os._exit",
        "call",
        "a worker by `os._exit`",
        1,
        "The worker ended with exit code 3.",
        _WORKER,
    ),
    Death("os.abort", "call", "a worker by `os.abort`", 1, "The worker ended by SIGABRT.", _WORKER),
    Death(
        "segmentation fault",
        "call",
        "a worker by a segmentation fault",
        1,
        "The worker ended by SIGSEGV.",
        _WORKER,
    ),
]


def _heed_signals() -> None:
    """Undo what shells do to jobs in the background, and `nohup` does to all."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def die(directory: Path, deaths: Iterable[Death]) -> dict[Death, int]:
    """Run the tests once for each way to die, some at the same time; return the exit codes.

    Each has a file of tests of its own, as a report has each test once; what ends as it should
    runs all of them.
    """
    running: dict[Death, subprocess.Popen[bytes]] = {}
    for death in deaths:
        if len(running) >= 4:  # more at once would take no less
            list(running.values())[-4].wait(60)
        file = directory / f"test_{death.name}.py"
        file.write_text(SOURCE, "utf-8")
        running[death] = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "otel_allure.pytest_plugin"),
                *("-p", "no:cacheprovider", f"--alluredir={death.name}", *death.arguments),
                *(["."] if death is NOWHERE else [file.name]),
            ],
            cwd=directory,
            env={
                **os.environ,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "WHERE": death.where,
                "HOW": death.how,
                **dict(death.settings),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_heed_signals,
        )
    return {death: process.wait(60) for death, process in running.items()}


def the_test(report: Results, death: Death) -> dict[str, Any]:
    """Return the result of the test in which the process died."""
    its = f"test_{death.name}#test_dies"
    (result,) = [each for each in report.results if each["fullName"].endswith(its)]
    return result


# -- what the report tools show


class Shown(NamedTuple):
    """A test as a report has it."""

    status: str
    message: str
    steps: list[tuple[str, str]]
    """Name and status, from the top down."""


def shown_by_allure_3(directories: list[Path], work: Path) -> dict[str, Shown]:
    """Return the tests of a report of Allure 3 by their full names."""
    command = [*tool(ALLURE_3), "awesome", *map(str, directories), "-o", str(work / "allure-3")]
    generate(command, work)
    found = map(json.loads, map(Path.read_text, (work / "allure-3").glob("data/test-results/*")))
    return {
        test["fullName"]: Shown(
            test["status"],
            test.get("error", {}).get("message", ""),
            [(s["name"], s["status"]) for s in steps(test) if s["type"] == "step"],
        )
        for test in found
    }


def shown_by_allure_2(directories: list[Path], work: Path) -> dict[str, Shown]:
    """Return the tests of a report of Allure 2 by their full names."""
    command = [*tool(ALLURE_2), "generate", *map(str, directories), "-o", str(work / "allure-2")]
    generate(command, work)
    found = map(json.loads, map(Path.read_text, (work / "allure-2").glob("data/test-cases/*")))
    return {
        test["fullName"]: Shown(
            test["status"],
            test.get("statusMessage", ""),
            [(s["name"], s["status"]) for s in steps(test["testStage"])],
        )
        for test in found
    }


TOOLS: dict[str, Callable[[list[Path], Path], dict[str, Shown]]] = {
    "Allure 3": shown_by_allure_3,
    "Allure 2": shown_by_allure_2,
}


# -- the page

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
_TABLE = re.compile(r"(?<=<!-- deaths -->\n).*?(?=<!-- end of deaths -->)", re.DOTALL)


def rows_of_page() -> list[list[str]]:
    """Return the cells of the table, without its head."""
    (table,) = _TABLE.findall(PAGE.read_text("utf-8"))
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


_WHERE = re.compile(r"^\[gw\d+\].*\n")
"""Which worker on which machine, as pytest-xdist says."""


def _described(shown: Shown) -> str:
    is_open = [name for name, status in shown.steps if status == "broken" and name != "breaks"]
    return f"{shown.status}, {len(shown.steps)} steps, open: `{'`, `'.join(is_open)}`"


def _rows(directory: Path) -> Iterator[list[str]]:
    die(directory, DEATHS)
    for death in DEATHS:
        (directory / f"reports_{death.name}").mkdir()
        cells = []
        for show in TOOLS.values():
            found = show([directory / death.name], directory / f"reports_{death.name}")
            (shown,) = [one for name, one in found.items() if name.endswith("#test_dies")]
            cells.append(_described(shown))
        said = _WHERE.sub("", shown.message).replace(death.name, "…").split("\n\n")[0].rstrip(".")
        yield [death.called, death.where, said.replace("\n", "; "), *cells]


def main() -> None:
    """Write the table into the page."""
    with tempfile.TemporaryDirectory() as directory:
        head = ["the process ends by", "in", "message", *TOOLS]
        rows = [head, ["---"] * len(head), *_rows(Path(directory))]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    page = PAGE.read_text("utf-8")
    PAGE.write_text(_TABLE.sub(lambda _: table, page), "utf-8")
    print(table)


if __name__ == "__main__":
    main()
