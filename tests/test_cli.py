from __future__ import annotations

import argparse
import errno
import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

from otel_allure import __version__
from otel_allure.cli import main as cli
from otel_allure.cli import run
from otel_allure.cli.tree import look_of
from otel_allure.testing.results import Results, tree

from . import instrumentations

PROGRAM = """
import sys
from opentelemetry import trace
import allure

with trace.get_tracer("app").start_as_current_span("whole run"):
    with allure.step("a step"):
        allure.attach("text", "attached")
    with trace.get_tracer("app").start_as_current_span("a span"):
        print("arguments:", sys.argv[1:])
sys.exit(3)
"""


@pytest.mark.usefixtures("only_steps")
def test_run_writes_a_result_for_each_trace(tmp_path):
    """Its output, arguments and exit code are the program's; the last line says what was made."""
    (tmp_path / "app.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "otel_allure", "run", "--results-dir", "out"]
    done = subprocess.run(
        [*command, "python", "app.py", "--flag", "x"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, **instrumentations.NONE},
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == "arguments: ['--flag', 'x']\n"
    directory = tmp_path / "out"
    assert done.stderr.splitlines()[-1] == f"otel-allure: 1 result written to {directory}"
    result = Results(directory)["whole run"]
    assert tree(result) == [{"a step": ["[attached]"]}, "a span"]


def test_run_keeps_the_exporters_that_are_named(tmp_path):
    """Those of OTEL_TRACES_EXPORTER are used beside ours."""
    (tmp_path / "app.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "otel_allure", "run", "python", "app.py"]
    environment = {"OTEL_TRACES_EXPORTER": "console", "PATH": "/usr/bin:/bin"}
    environment |= instrumentations.NONE
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert '"name": "whole run"' in done.stdout
    assert len(Results(tmp_path / "allure-results").results) == 1


def test_run_without_a_program_says_what_is_missing(capsys):
    assert cli.main(["run"]) == 2
    assert "name the program" in capsys.readouterr().err


# -- tree


@pytest.fixture
def results(tmp_path):
    """Write results, one a file, and return their directory."""

    def write(*results: object) -> Path:
        for n, result in enumerate(results):
            text = result if isinstance(result, str) else json.dumps(result)
            (tmp_path / f"{n}-result.json").write_text(text, "utf-8")
        return tmp_path

    return write


def result(name: str, status: str = "passed", start: int = 0, **more: object):
    return {"name": name, "status": status, "start": start, "stop": start + 4, **more}


def shown(capsys, *arguments: object) -> list[str]:
    assert cli.main(["tree", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def test_tree_prints_what_failed_first_then_by_time(results, capsys):
    inner = result("inner", "broken", statusDetails={"message": "ValueError: no\nmore"})
    outer = result("outer", steps=[inner], attachments=[{"name": "log", "source": "x"}])
    directory = results(
        result("second", start=10), result("skipped", "skipped"), result("first", start=5),
        result("broken", "broken", 90, steps=[outer]), result("failed", "failed", 95),
    )  # fmt: skip
    assert shown(capsys, directory) == [
        "✗ failed  4 ms",
        "! broken  4 ms",
        "└─ ✓ outer  4 ms",
        "   ├─ ! inner  4 ms  (ValueError: no)",
        "   └─ [log]",
        "- skipped  4 ms",
        "✓ first  4 ms",
        "✓ second  4 ms",
        "",
        "5 tests: 1 failed, 1 broken, 1 skipped, 2 passed",
    ]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--failed"], ["a shop", "b shop"]),
        (["--status", "skipped,failed"], ["a shop", "c"]),
        (["--test", "SHOP", "--failed"], ["a shop", "b shop"]),
        (["--test", "module#test_d"], ["d"]),
    ],
)
def test_tree_shows_what_is_asked_for(results, capsys, options, names):
    directory = results(
        result("a shop", "failed"), result("b shop", "broken"), result("c", "skipped"),
        result("d", fullName="module#test_d"),
    )  # fmt: skip
    *lines, _, totals = shown(capsys, directory, *options)
    assert [line[2:].partition("  ")[0] for line in lines] == names
    assert totals.endswith(", of 4 results")


def test_tree_says_if_nothing_is_like_that(results, capsys):
    assert cli.main(["tree", str(results(result("a"))), "--test", "b"]) == 1
    assert "no such results" in capsys.readouterr().err


def test_tree_refuses_a_status_that_there_is_not(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["tree", "--status", "red"])
    assert ended.value.code == 2
    assert "'red' is none of failed, broken" in capsys.readouterr().err


def test_tree_shows_fixtures_of_all_containers(results, capsys):
    directory = results(result("a", uuid="1"))
    for n, (name, start) in enumerate([("second", 2), ("first", 1)]):
        own = {"befores": [result(name, start=start)], "afters": [result(name)]}
        text = json.dumps({"children": ["1", "other"], **own})
        (directory / f"{n}-container.json").write_text(text)
    lines = shown(capsys, directory)
    assert lines[1:5] == [
        "├─ ✓ set-up: first  4 ms",
        "├─ ✓ set-up: second  4 ms",
        "├─ ✓ tear-down: second  4 ms",
        "└─ ✓ tear-down: first  4 ms",
    ]
    assert shown(capsys, directory, "--no-fixtures")[1] == ""


def test_tree_numbers_attempts_at_a_test(results, capsys):
    """The last one counts."""
    directory = results(result("a", start=2, historyId="x"), result("a", "failed", historyId="x"))
    assert shown(capsys, directory) == [
        "✗ a (attempt 1 of 2)  4 ms", "✓ a (attempt 2 of 2)  4 ms", "", "1 test: 1 passed, 1 retry",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    ["", '{"name": "half', "[]", "null", '{"name": "x", "steps": [[]]}', '{"attachments": 3}'],
)
def test_tree_names_and_leaves_out_what_it_cannot_read(results, capsys, content):
    """A file that is being written costs nothing but itself."""
    directory = results(result("whole"), content, {"name": "odd", "status": 3})
    (directory / "4-result.json").write_bytes(b"\xff\xfe")
    assert cli.main(["tree", str(directory)]) == 1
    printed = capsys.readouterr()
    lines = ["? odd  0 ms", "✓ whole  4 ms", "", "2 tests: 1 unknown, 1 passed"]
    assert printed.out.splitlines()[: len(lines) - 1] == lines[:-1]
    assert "1-result.json cannot be read and is left out" in printed.err
    assert "4-result.json cannot be read and is left out" in printed.err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no {}: run pytest --alluredir={}"),
        (lambda path: path.mkdir(), "{} is empty"),
        (lambda path: path.write_text(""), "{} is no directory"),
        (lambda path: (path.mkdir(), (path / "x").touch()), "there are no results in {}"),
        (lambda path: (path.mkdir(), (path / "index.html").touch()), "{} is a finished report"),
    ],
)
def test_tree_says_what_is_wrong_with_a_directory(tmp_path, capsys, make, said):
    directory = tmp_path / "results"
    make(directory)
    assert cli.main(["tree", str(directory)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"otel-allure tree: {said.replace('{}', str(directory))}")


class Screen(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "option", "is_terminal", "colored"),
    [
        ({}, "auto", True, True),
        ({}, "auto", False, False),
        ({"TERM": "dumb"}, "auto", True, False),
        ({"NO_COLOR": "1"}, "auto", True, False),
        ({"NO_COLOR": ""}, "auto", True, True),
        ({"FORCE_COLOR": "1"}, "auto", False, True),
        ({"FORCE_COLOR": "0"}, "auto", True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", True, False),
        ({"NO_COLOR": "1"}, "always", False, True),
        ({"FORCE_COLOR": "1"}, "never", True, False),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX systems")
def test_colors_are_for_terminals(monkeypatch, variables, option, is_terminal, colored):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    stream = Screen() if is_terminal else io.StringIO()
    assert look_of(stream, option, None).colors is colored


def test_lines_are_as_wide_as_a_terminal_or_as_told(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert look_of(Screen(), "auto", None).width == 50
    assert look_of(io.StringIO(), "auto", None).width == 0
    assert look_of(io.StringIO(), "auto", 30).width == 30
    assert look_of(None, "auto", None).encoding == "utf-8"


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX systems")
def test_tree_is_safe_in_pipes_and_in_ascii(results):
    """Whoever reads may have seen enough; and not every encoding has our branches."""
    directory = results(*(result(f"Zürich → {n}", steps=[result("日")]) for n in range(3000)))
    command = [sys.executable, "-m", "otel_allure", "tree", str(directory)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"+ Z\\xfcrich -> 0  4 ms\n"
        assert process.stdout.readline() == b"`- + \\u65e5  4 ms\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


# -- the command itself


def test_without_a_command_there_is_help(capsys):
    assert cli.main([]) == 0
    assert "print results as trees of steps" in capsys.readouterr().out


def test_help_imports_nothing_large():
    """Neither OpenTelemetry nor pytest, which take longer than all the rest."""
    code = "import sys; from otel_allure.cli.main import main; main([]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"pytest", "opentelemetry", "allure_commons", "subprocess", "asyncio"}


def test_shells_complete_it(monkeypatch):
    """With argcomplete, the shell runs the command to ask it."""
    asked = []
    module = types.ModuleType("argcomplete")
    module.autocomplete = asked.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "argcomplete", module)
    cli.main([])
    assert asked == []
    monkeypatch.setenv("COMP_LINE", "otel-allure ")
    cli.main([])
    (parser,) = asked
    assert "tree" in parser.format_help()
    assert "broken" in completions(parser, "--status")
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert cli.main([]) == 0


def completions(parser: argparse.ArgumentParser, option: str) -> Sequence[str]:
    (commands,) = [a for a in parser._actions if isinstance(a.choices, dict)]
    (action,) = [a for a in commands.choices["tree"]._actions if option in a.option_strings]
    return action.completer()


def test_what_cannot_be_written_is_told(monkeypatch, capsys, results):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)
    assert cli.main(["tree", str(results(result("a")))]) == 1
    assert "otel-allure tree: [Errno 28] No space left" in capsys.readouterr().err


# -- run, continued


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program"])
def test_run_checks_the_program_before_it_runs_anything(tmp_path, monkeypatch, capsys, program):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", program]) == 127
    assert capsys.readouterr().err == f"otel-allure run: there is no program {program}\n"
    (tmp_path / "app.py").touch()
    (tmp_path / "app").touch()
    assert cli.main(["run", "./app"]) == 127
    assert capsys.readouterr().err.endswith("otel-allure run: ./app is not executable\n")
    assert cli.main(["run", "app.py"]) == 127
    assert capsys.readouterr().err.endswith("otel-allure run python app.py\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "app.py"]


def run_app(tmp_path, *command: str, **variables: str) -> list[str]:
    """Run the example with this command before it; return the lines on stderr that are ours."""
    (tmp_path / "app.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "otel_allure", "run", "--results-dir", "out", *command],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, **instrumentations.NONE, **variables},
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("otel-allure")]


def test_run_counts_what_its_program_has_written(tmp_path):
    """Not what others write there at the same time."""
    others = "import os, pathlib; p = pathlib.Path('out'); p.mkdir(); "
    others += (
        "(p / 'other-result.json').write_text('{}'); os.execvp('python', ['python', 'app.py'])"
    )
    said = run_app(tmp_path, "python", "-c", others)
    assert said == [f"otel-allure: 1 result written to {tmp_path / 'out'}"]


def test_one_run_in_another_is_silent(tmp_path):
    inner = ["python", "-m", "otel_allure", "run", "--results-dir", "inner", "python", "app.py"]
    said = run_app(tmp_path, *inner)
    assert said == [f"otel-allure: 1 result written to {tmp_path / 'inner'}"]


def test_run_waits_where_a_program_cannot_take_over_its_process(tmp_path, monkeypatch, capfd):
    """As on Windows: there, it begins as another process, and the first would be over at once."""
    monkeypatch.setattr(run, "_EXEC_RETURNS", True)
    monkeypatch.setenv(*next(iter(instrumentations.NONE.items())))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(f"import os\nprint('id', os.getpid())\n{PROGRAM}")
    started = []
    plain = run.subprocess.Popen

    def note(*args, **kwargs):
        started.append(plain(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(run.subprocess, "Popen", note)
    monkeypatch.setattr(run.signal, "signal", lambda number, handler: None)
    assert cli.main(["run", "--results-dir", "out", "python", "app.py", "x"]) == 3
    printed = capfd.readouterr()
    assert "arguments: ['x']" in printed.out
    assert f"id {started[0].pid}\n" not in printed.out
    assert "1 result written" in printed.err


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == __version__
