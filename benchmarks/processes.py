"""Runs: a piece of work of some size, done in one way, in a process of its own that is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.suites import PLUGINS, suite

PLAIN = "plain"
"""Without what is measured: pytest without a report, spans that are only made."""
PEER = "peer"
"""With what we are compared with: allure-pytest, or what else a row names."""
OURS = "ours"
IDLE = "idle"
"""Our plugin, and nobody asks for a report."""
WITHOUT = "without"
"""Ours, and tests that run are not on disk."""

RESULTS = "results"
REPORTS = {
    PLAIN: (),
    PEER: ("-p", "allure_pytest.plugin", f"--alluredir={RESULTS}"),
    OURS: ("-p", "otel_allure.pytest_plugin", f"--alluredir={RESULTS}"),
    IDLE: ("-p", "otel_allure.pytest_plugin"),
    WITHOUT: (
        *("-p", "otel_allure.pytest_plugin", f"--alluredir={RESULTS}"),
        "--allure-running-results=off",
    ),
}
REPOSITORY = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")
FOREIGN = ("ALLURE_", "OTEL_", "PYTEST_", "PYTHON")
"""What the environment says to those that are measured is not to count."""


class Run(NamedTuple):
    """What one process does.

    Args:
        work: the name of a suite or of a program.
        variant: how it is done.
        size: how many of whatever the work is about.
        on_disk: where the files go; in memory, if there is such a file system, by default.
    """

    work: str
    variant: str
    size: int
    on_disk: bool = False


class Cost(NamedTuple):
    """What a process took: CPU in seconds, memory at its peak in MB, and files that it wrote.

    Linux never says less memory than that of the process that started it, which is why what
    measures imports little.
    """

    cpu_s: float
    peak_mb: float
    files: int


def costs(runs: Iterable[Run], rounds: int) -> dict[Run, Cost]:
    """Return the least that each of `runs` took in several rounds, in which they take turns."""
    runs = list(dict.fromkeys(runs))
    taken: dict[Run, list[Cost]] = {run: [] for run in runs}
    for _ in range(rounds):
        for run in runs:
            taken[run].append(cost(run))
    return {run: Cost(*map(min, zip(*each, strict=True))) for run, each in taken.items()}


def cost(run: Run) -> Cost:
    """Do `run` and return what it took.

    Raises:
        RuntimeError: if it has failed, with its output.
    """
    where = None if run.on_disk or not MEMORY.is_dir() else MEMORY
    with tempfile.TemporaryDirectory(dir=where) as name:
        directory = Path(name)
        with (directory / "output").open("w+b") as output:
            process = subprocess.Popen(
                command(run, directory),
                cwd=directory, env=environment(), stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if status:
                output.seek(0)
                raise RuntimeError(f"{run}:\n{output.read().decode()}")
        files = len(list((directory / RESULTS).glob("*")))
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, files)


def command(run: Run, directory: Path) -> list[str]:
    """Return the command line of `run`; a suite is written into `directory`."""
    source = suite(run.work, run.size)
    if source is None:
        return [sys.executable, "-m", "benchmarks.programs", *map(str, run[:3])]
    (directory / "test_it.py").write_text(source, "utf-8")
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [*pytest, *PLUGINS.get(run.work, ()), *REPORTS[run.variant], "test_it.py"]


def environment() -> dict[str, str]:
    """Return the environment of all runs, in which pytest loads no plugin that it is not told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(REPOSITORY)}
