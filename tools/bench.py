"""CPU a test and CPU a step of otel-allure beside allure-pytest's, over plain pytest.

`make bench` runs it. All variants run in turns, so that whatever else the machine does hits all of
them alike; the figures to look at are the ratios. CPU is user and system time of the whole pytest
process, the least of the rounds, since nothing makes a run cheaper than it is; a variant's cost is
the difference to plain pytest.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = 1000
STEPS = 40
VARIANTS = {
    "pytest": ["-p", "no:otel_allure", "-p", "no:allure_pytest"],
    "allure-pytest": ["-p", "no:otel_allure", "--alluredir=RESULTS"],
    "otel-allure": ["--alluredir=RESULTS"],
    "otel-allure, no report": [],
}
EMPTY = """
import pytest

@pytest.mark.parametrize("i", range({tests}))
def test(i):
    pass
"""
STEPPED = """
import allure
import pytest

@pytest.mark.parametrize("i", range({tests}))
def test(i):
    for j in range({steps} // 2):
        with allure.step("outer"):
            with allure.step("inner"):
                pass
"""


def cpu_s(arguments: list[str], directory: Path) -> float:
    """Run pytest in `directory` and return the CPU seconds it took."""
    results = directory / "results"
    shutil.rmtree(results, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [argument.replace("RESULTS", str(results)) for argument in arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Without bytecode, what is measured at the start is how long Python takes to compile.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, cwd=directory, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def measure(source: str, rounds: int) -> dict[str, float]:
    """Return the least CPU seconds of each variant for a test file."""
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "test_it.py").write_text(source)
        for _ in range(rounds):
            for name, arguments in VARIANTS.items():
                times[name].append(cpu_s(arguments, Path(directory)))
    return {name: min(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    nothing = measure("def test(): pass\n", rounds)
    empty = measure(EMPTY.format(tests=TESTS), rounds)
    stepped = measure(STEPPED.format(tests=TESTS, steps=STEPS), rounds)

    def over_pytest(times: dict[str, float], name: str) -> float:
        return times[name] - times["pytest"]

    rows = {}
    for name in ("allure-pytest", "otel-allure"):
        start = over_pytest(nothing, name)
        tests = over_pytest(empty, name) - start
        steps = over_pytest(stepped, name) - over_pytest(empty, name)
        rows[name] = (start * 1e3, tests / TESTS * 1e3, steps / (TESTS * STEPS) * 1e6)
    ratios = [ours / theirs for theirs, ours in zip(*rows.values(), strict=True)]
    print(f"{'CPU over plain pytest':24}{'start, ms':>12}{'a test, ms':>12}{'a step, µs':>12}")
    for name, row in (*rows.items(), ("ratio", ratios)):
        print(f"{name:24}" + "".join(f"{value:12.2f}" for value in row))
    idle = over_pytest(nothing, "otel-allure, no report") * 1e3
    print(f"{'otel-allure, no report':24}{idle:12.2f}")


if __name__ == "__main__":
    main()
