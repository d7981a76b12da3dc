"""Where our part of a row's time goes: the folders of the package, OpenTelemetry, Allure's model.

What a function of none of these takes, as those of the standard library, counts for its callers.
"""

from __future__ import annotations

import pstats
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.processes import REPOSITORY, Run, command, environment

PACKAGE = f"{REPOSITORY / 'otel_allure'}/"
OTHERS = {
    "/opentelemetry/": "OpenTelemetry",
    "/allure_commons/": "Allure's model",
    "<attrs generated": "Allure's model",
    "/_pytest/": "",
    "/pluggy/": "",
    "/benchmarks/": "",
    "/test_it.py": "",
}
"""Parts of file names, and whose time it is; nobody's, if it is not about the report."""
LEAST = 0.03
"""Smaller shares are summed up."""
_PASSES = 40  # more than calls are deep between two of ours

_Function = tuple[str, int, str]


def shares(run: Run) -> dict[str, float]:
    """Return who takes which part of what a run takes more than one of size 1, largest first."""
    taken = _times(run)
    taken.subtract(_times(run._replace(size=1)))
    found = {name: seconds for name, seconds in taken.most_common() if name and seconds > 0}
    whole = sum(found.values())
    large = {name: s / whole for name, s in found.items() if s >= LEAST * whole}
    rest = 1 - sum(large.values())
    return large | ({"others": rest} if rest >= 0.005 else {})


def text(found: dict[str, float]) -> str:
    """Return shares as they are read."""
    return ", ".join(f"{name} {share:.0%}" for name, share in found.items())


def _times(run: Run) -> Counter[str]:
    """Return who takes how many seconds in a run."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        profile = directory / "profile"
        python, *rest = command(run, directory)
        profiled = [python, "-m", "cProfile", "-o", str(profile), *rest]
        subprocess.run(
            profiled, cwd=directory, env=environment(), check=True, stdout=subprocess.DEVNULL
        )
        return by_whose(pstats.Stats(str(profile)).stats)  # type: ignore[attr-defined]


def by_whose(functions: dict[_Function, Any]) -> Counter[str]:
    """Return whose the time of functions is, as `pstats.Stats.stats` has them."""
    found: Counter[str] = Counter()
    left = {function: times[2] for function, times in functions.items()}
    for _ in range(_PASSES):
        passed_on: Counter[_Function] = Counter()
        for function, seconds in left.items():
            whose = _whose(function[0])
            callers = functions[function][4]
            weight = sum(caller[3] for caller in callers.values())
            if whose is not None or not weight:
                found[whose or ""] += seconds
            else:
                for caller, times in callers.items():
                    passed_on[caller] += seconds * times[3] / weight
        left = dict(passed_on)
    return found


def _whose(file_name: str) -> str | None:
    if file_name.startswith(PACKAGE):
        folder = file_name.removeprefix(PACKAGE).split("/")[0]
        return f"`{folder.removesuffix('.py')}`"
    return next((whose for part, whose in OTHERS.items() if part in file_name), None)
