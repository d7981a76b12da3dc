"""Breaks lines of the core, one at a time, and looks whether a test fails: `docs/faults.md`.

    pip install cosmic-ray
    python tools/mutation.py                    # a sample of each module
    python tools/mutation.py span_tree -n 100   # more of one; 0 for all

Works on a copy. A mutant is one change of one operator, number, comparison or decorator; those of
annotations are left out, as nothing executes them. The sample is the same each time for a seed.
"""

from __future__ import annotations

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).parent.parent
COPIED = ("otel_allure", "tests", "tools", "docs", "examples", "pyproject.toml", "README.md")


class Part(NamedTuple):
    """A module of the core.

    Attributes:
        module: its file, below the package.
        tests: what should notice, those that are quick and near first.
        sample: so many mutants of it are tried, where nothing else is said.
    """

    module: str
    tests: str
    sample: int


PARTS = [
    Part("output/results_directory.py", "guards running_file results_directory", 25),
    Part("output/running_file.py", "running_file guards", 12),
    Part("translation/trace_buffer.py", "trace_buffer report", 25),
    Part("translation/span_tree.py", "to_results forests", 25),
    Part("redaction/redaction.py", "guards redaction", 25),
    Part("recording/running_item.py", "recording_span step", 25),
    Part("model/outcome.py", "phase_outcomes step", 25),
]
SLOW = "large_texts or stays_json or limit_of_the_system or no_time or twins or at_the_same_time"
"""Tests that take long and notice little; not asked."""
CONFIG = """
[cosmic-ray]
module-path = "otel_allure/{module}"
timeout = 120.0
excluded-modules = []
test-command = "{command}"
[cosmic-ray.distributor]
name = "local"
"""


class Survivor(NamedTuple):
    """A change that no test has noticed."""

    line: int
    operator: str
    diff: str


def annotated(source: str) -> set[tuple[int, int]]:
    """Return where annotations are: lines, and columns in them."""
    found: set[tuple[int, int]] = set()
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                lines = range(part.lineno, part.end_lineno + 1)
                columns = range(part.col_offset, part.end_col_offset + 1)
                found |= {(line, column) for line in lines for column in columns}
    return found


def chosen(database: WorkDB, source: str, sample: int, seed: int) -> tuple[int, int]:
    """Skip all mutants but a sample; return how many there are, and how many are tried."""
    positions = annotated(source)
    items = sorted(database.work_items, key=lambda item: item.job_id)
    items.sort(key=lambda item: (item.mutations[0].start_pos, item.mutations[0].operator_name,
                                 item.mutations[0].occurrence))  # fmt: skip
    real = [item for item in items if item.mutations[0].start_pos not in positions]
    tried = real
    if 0 < sample < len(real):
        tried = random.Random(seed).sample(real, sample)
    wanted = {item.job_id for item in tried}
    for item in items:
        if item.job_id not in wanted:
            skipped = WorkResult(worker_outcome=WorkerOutcome.SKIPPED, output="not sampled")
            database.set_result(item.job_id, skipped)
    return len(real), len(tried)


def survivors(database: WorkDB) -> Iterator[Survivor]:
    """Yield the mutants that no test has noticed."""
    operators: dict[str, Any] = {item.job_id: item.mutations[0] for item in database.work_items}
    for job, result in database.results:
        if result.test_outcome == TestOutcome.SURVIVED:
            mutation = operators[job]
            name = mutation.operator_name.removeprefix("core/")
            yield Survivor(mutation.start_pos[0], name, result.diff or "")


def tried(part: Part, sample: int, seed: int, work: Path) -> tuple[int, int, list[Survivor]]:
    """Break one module; return how many mutants there are, how many were tried, which survived."""
    name = Path(part.module).stem
    tests = " ".join(f"tests/test_{test}.py" for test in part.tests.split())
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider -k 'not ({SLOW})' {tests}"
    config, session = work / f"{name}.toml", work / f"{name}.sqlite"
    config.write_text(CONFIG.format(module=part.module, command=command))
    tool = [sys.executable, "-m", "cosmic_ray.cli"]
    subprocess.run([*tool, "init", str(config), str(session)], cwd=work, check=True)
    source = (work / "otel_allure" / part.module).read_text()
    with use_db(session) as database:
        counts = chosen(database, source, sample, seed)
    subprocess.run([*tool, "exec", str(config), str(session)], cwd=work, check=True)
    with use_db(session) as database:
        return *counts, sorted(survivors(database))


def main() -> None:
    """Try the parts that are named, and print a row of the page's table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="span_tree, for example; default: all")
    parser.add_argument("-n", type=int, help="how many mutants of each; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, work / name)
        for part in PARTS:
            if options.modules and Path(part.module).stem not in options.modules:
                continue
            sample = part.sample if options.n is None else options.n
            began = time.monotonic()
            there, number, left = tried(part, sample, options.seed, work)
            killed = number - len(left)
            print(f"| `{part.module}` | {there} | {number} | {killed} | {killed / number:.0%} |")
            for survivor in left:
                print(f"  line {survivor.line}: {survivor.operator}\n{survivor.diff}")
            print(f"  {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
