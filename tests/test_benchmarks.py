"""The benchmarks can be run, all of them, and their table can be written; nothing is timed here."""

from __future__ import annotations

import json

import pytest

from benchmarks.processes import OURS, PEER, PLAIN, Cost, Run, cost, costs
from benchmarks.profiles import PACKAGE, by_whose
from benchmarks.programs import PROGRAMS
from benchmarks.rows import ROWS
from benchmarks.suites import SUITES, suite
from benchmarks.table import BEGIN, END, HEAD, PAGE, line, updated


def test_each_suite_runs(run, pytester):
    for name in SUITES:
        pytester.makepyfile(**{f"test_{name}": suite(name, 2)})
    done = run(None, "-q")
    assert done.outcome.ret == 0
    assert len(done.report.results) >= len(SUITES)


NUMBERS = {"call": 2, "requests": 0, "trace": 1, "late": 1, "tree": 11, "otlp": 0}
"""Results that are left of each program, of eleven."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variant in (PLAIN, PEER, OURS):
        PROGRAMS[name](variant, 11)
    results = [json.loads(path.read_bytes()) for path in tmp_path.glob("results/*-result.json")]
    assert len(results) == NUMBERS[name]


def fake(run: Run) -> Cost:
    """A process that takes 1 s to start, 1 s for each, and so much more with a report."""
    more = {PEER: 2, OURS: 3}.get(run.variant, 0)
    return Cost(1 + more + run.size * (1 + more), 10 + more * run.size, 4 + more)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_has_a_line(row):
    asked = []

    def measure(runs):
        asked.extend(runs)
        return {run: fake(run) for run in asked}

    written = line(row, row.figures(measure))
    assert written.count("|") == HEAD[0].count("|")
    assert {run.work for run in asked} <= {*SUITES, *PROGRAMS}


def test_ratios_are_what_is_left_without_start_and_plain():
    named = {row.name: row.figures(lambda runs: {run: fake(run) for run in runs}) for row in ROWS}
    assert named["test"].ratios == (1.5,)
    assert named["memory"].ratios == (1.5,)
    assert named["start"].ratios == (3.0,)
    assert named["trace"].ratios == pytest.approx((99_999 / 9_999 / 10,))


def test_a_line_takes_the_place_of_its_last_one():
    page = f"# What it costs\n{BEGIN}\n{END}\nAfter."
    for row, text in ((ROWS[1], "| `idle` | 1 |"), (ROWS[0], "| `start` | 2 |")):
        page = updated(page, row, text)
    page = updated(page, ROWS[1], "| `idle` | 3 |")
    table = page.partition(HEAD[-1])[2].partition(END)[0]
    assert table.splitlines()[1:] == ["| `start` | 2 |", "| `idle` | 3 |"]
    assert page.endswith(f"{END}\nAfter.")


def test_what_misses_its_aim_has_a_reason_and_keeps_its_profile():
    page = f"{BEGIN}\n{END}\n"
    page = updated(page, ROWS[2], "| `test` | **2 ×** |", "`output` 60%")
    page = updated(page, ROWS[0], "| `start` | 1 × |", "")
    (why,) = [text for text in page.splitlines() if text.startswith("- `")]
    assert why == f"- `test`: {ROWS[2].why} By its profile: `output` 60%"


def test_what_a_library_takes_counts_for_who_has_called_it():
    ours, library, built_in = (
        (f"{PACKAGE}output/a.py", 1, "a"),
        ("/lib/json.py", 1, "b"),
        ("~", 0, "c"),
    )
    pytests = ("/lib/_pytest/main.py", 1, "d")
    found = by_whose(
        {
            ours: (1, 1, 1.0, 9.0, {pytests: (1, 1, 1.0, 9.0)}),
            library: (2, 2, 2.0, 8.0, {ours: (1, 1, 1.5, 6.0), pytests: (1, 1, 0.5, 2.0)}),
            built_in: (1, 1, 4.0, 4.0, {library: (1, 1, 4.0, 4.0)}),
            pytests: (1, 1, 3.0, 12.0, {}),
        }
    )
    assert found == {"`output`": 1 + 0.75 * 6, "": 3 + 0.25 * 6}


def test_the_page_has_a_line_for_each_row():
    page = PAGE.read_text("utf-8")
    assert [row.name for row in ROWS if f"| `{row.name}` |" not in page] == []


def test_processes_take_turns_and_the_least_counts(monkeypatch):
    first, second = Run("empty", PLAIN, 1), Run("empty", OURS, 1)
    taken = iter([Cost(3, 1, 1), Cost(9, 1, 1), Cost(2, 4, 1), Cost(8, 1, 1)])
    asked = []

    def once(run):
        asked.append(run)
        return next(taken)

    monkeypatch.setattr("benchmarks.processes.cost", once)
    assert costs([first, second], rounds=2) == {first: Cost(2, 1, 1), second: Cost(8, 1, 1)}
    assert asked == [first, second] * 2


def test_a_process_is_measured():
    plain, ours = (cost(Run("empty", variant, 2)) for variant in (PLAIN, OURS))
    assert plain.files == 0
    assert ours.files >= 2
    assert min(plain.cpu_s, plain.peak_mb, ours.cpu_s, ours.peak_mb) > 0


def test_a_process_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="KeyError"):
        cost(Run("nothing", PLAIN, 1))
