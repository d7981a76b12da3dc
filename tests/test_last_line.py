"""The line that a run ends with: how many results there are, and how to look at them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from otel_allure.output import report_tools
from otel_allure.output.report_tools import find_tools
from otel_allure.output.tally import Tally, counts_in, described, number_of_tests
from otel_allure.pytest_plugin.last_line import last_line

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs of POSIX systems")

ALL_KINDS = """
    import allure
    import os
    import pytest

    tries = []

    @pytest.mark.parametrize("n", range(3))
    def test_passes(n):
        pass

    def test_fails():
        assert False

    def test_breaks():
        raise ValueError

    @pytest.mark.skip
    def test_is_skipped():
        pass

    @pytest.mark.flaky(reruns=2)
    def test_passes_at_last():
        tries.append(1)
        assert len(tries) > 2
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A directory that is all of the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def program(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def the_line(done) -> str:
    return done.outcome.outlines[-1]


def test_a_run_ends_with_it(run):
    """Earlier attempts at a test are told apart: people compare it with pytest's numbers."""
    done = run(ALL_KINDS, plugins=("rerunfailures",))
    done.outcome.assert_outcomes(passed=4, failed=2, skipped=1)
    line = the_line(done)
    assert line.startswith("Allure results: 7 in results (1 failed, 1 broken, 2 retries); open: ")
    assert "results" in line.partition("; open: ")[2]


@pytest.mark.parametrize("dies", [False, True])
def test_workers_are_counted_in_the_controller(run, dies):
    """One that dies has told nothing: what it has written is counted."""
    source = ALL_KINDS + ("\n    def test_dies():\n        os._exit(3)\n" if dies else "")
    done = run(source, "-n", "2", "--max-worker-restart=2", plugins=("rerunfailures", "xdist"))
    told = "8 in results (1 failed, 2" if dies else "7 in results (1 failed, 1"
    assert f"Allure results: {told} broken, 2 retries); open: " in the_line(done)
    assert str(done.outcome.stdout).count("Allure results:") == 1


def test_results_of_earlier_runs_are_not_counted(run):
    run("def test(): assert 0")
    assert "Allure results: 1 in results; open: " in the_line(run("def test(): pass"))


@pytest.mark.parametrize("arguments", [("-q",), ("--no-summary",), ("--collect-only",)])
def test_it_is_left_out_where_nobody_wants_to_read(run, arguments):
    assert "Allure results" not in str(run("def test(): pass", *arguments).outcome.stdout)


def test_a_run_without_tests_does_not_say_it(run):
    assert "Allure results" not in str(run("").outcome.stdout)


def result(history: object, start: object, status: object) -> dict[str, object]:
    return {"historyId": history, "start": start, "status": status}


def test_the_last_attempt_counts():
    tally = Tally()
    tally.note("1", result("a", 20, "passed"))
    tally.note("2", result("a", 10, "failed"))
    tally.note("3", result("b", 10, "failed"))
    tally.note("3", result("b", 10, "broken"))  # it was written anew
    tally.note("4", result("c", 10, "failed"))
    tally.discard("4")
    counts = tally.counts()
    assert (number_of_tests(counts), described(counts)) == (2, "1 broken, 1 retry")


def test_odd_results_are_counted():
    """Listeners of others put anything into them."""
    tally = Tally()
    for n, odd in enumerate([None, [], object(), 3]):
        tally.note(str(n), result(odd, odd, odd))
    assert described(tally.counts()) == "4 unknown"


def test_files_of_others_are_not_counted(tmp_path):
    for n, text in enumerate(["{", "[]", json.dumps({"start": 10, "status": "failed"})]):
        (tmp_path / f"{n}-result.json").write_text(text)
    assert described(counts_in(tmp_path, since_ms=5)) == "1 failed"
    assert described(counts_in(tmp_path, since_ms=15)) == ""


# -- the command


def opening(results: str = "allure-results") -> str:
    counts = {"passed": 1}
    return last_line(counts, Path("/here", results), Path("/here")).partition("; open: ")[2]


def test_allure_3_opens_results(path):
    program(path / "allure", "#!/usr/bin/env node\nimport './dist/index.js'")
    assert opening() == "allure open allure-results"
    assert opening("my results") == "allure open 'my results'"
    assert opening("/elsewhere/results") == "allure open /elsewhere/results"


@pytest.mark.parametrize("kind", ["script", "npm"])
def test_allure_2_serves_them(path, tmp_path, kind):
    """It opens nothing but finished reports; npm installs one that is no script of a shell."""
    if kind == "script":
        program(path / "allure", '#!/bin/sh\nexec "$JAVA_HOME/bin/java" "$@"')
    else:
        target = tmp_path / "node_modules" / "allure-commandline" / "bin" / "allure"
        program(target, "#!/usr/bin/env node\n")
        (path / "allure").symlink_to(target)
    assert opening() == "allure serve allure-results"


def test_without_allure_npx_gets_it(path):
    program(path / "npx")
    assert opening() == "npx --yes allure@3 open allure-results"


def test_without_both_it_says_how_to_get_one(path):
    assert list(find_tools()) == []
    assert opening() == f"{report_tools.HOW_TO_GET} open allure-results"


def test_an_error_of_ours_is_not_the_runs(run, pytester):
    pytester.makeconftest("""
        import otel_allure.output.report_tools as tools

        def fail(program):
            raise OSError("no PATH here")

        tools.shutil.which = fail
    """)
    done = run("def test(): pass", passed=1)
    assert done.outcome.ret == 0
    assert "no PATH here" not in str(done.outcome.stderr)
