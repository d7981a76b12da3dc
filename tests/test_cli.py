from __future__ import annotations

import json
import subprocess
import sys

import pytest

from otel_allure import __version__
from otel_allure.cli import main as cli
from otel_allure.cli import run
from otel_allure.testing.results import Results, tree

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
    command = [sys.executable, "-m", "otel_allure.cli.main", "run", "--results-dir", "out"]
    done = subprocess.run(
        [*command, "python", "app.py", "--flag", "x"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == "arguments: ['--flag', 'x']\n"
    directory = tmp_path / "out"
    assert done.stderr.splitlines()[-1] == f"otel-allure: 1 results written to {directory}"
    result = Results(directory)["whole run"]
    assert tree(result) == [{"a step": ["[attached]"]}, "a span"]


def test_run_keeps_the_exporters_that_are_named(tmp_path):
    """Those of OTEL_TRACES_EXPORTER are used beside ours."""
    (tmp_path / "app.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "otel_allure.cli.main", "run", "python", "app.py"]
    environment = {"OTEL_TRACES_EXPORTER": "console", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert '"name": "whole run"' in done.stdout
    assert len(Results(tmp_path / "allure-results").results) == 1


def test_run_without_a_program_says_what_is_missing(capsys):
    assert cli.main(["run"]) == 2
    assert "name the program" in capsys.readouterr().err


def test_tree_prints_results_in_the_order_of_their_start(tmp_path, capsys):
    inner = {"name": "inner", "status": "broken", "start": 6, "stop": 7}
    inner["statusDetails"] = {"message": "ValueError: no\nmore"}
    outer = {"name": "outer", "status": "passed", "start": 5, "stop": 9, "steps": [inner]}
    outer["attachments"] = [{"name": "log", "source": "x"}]
    results = [
        {"name": "second", "status": "passed", "start": 10, "stop": 10},
        {"name": "first", "status": "broken", "start": 5, "stop": 9, "steps": [outer]},
    ]
    for n, result in enumerate(results):
        (tmp_path / f"{n}-result.json").write_text(json.dumps(result))
    assert cli.main(["tree", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "! first  4 ms",
        "└─ ✓ outer  4 ms",
        "   ├─ ! inner  1 ms  (ValueError: no)",
        "   └─ [log]",
        "✓ second  0 ms",
    ]
    assert cli.main(["tree", str(tmp_path), "--test", "second"]) == 0
    assert capsys.readouterr().out == "✓ second  0 ms\n"
    assert cli.main(["tree", str(tmp_path), "--test", "third"]) == 1


@pytest.mark.parametrize(
    "content", [b"", b'{"name": "half', b"\xff\xfe", b"[]", b'{"name": "x", "steps": [1]}']
)
def test_tree_says_what_it_cannot_read(tmp_path, capsys, content):
    """A file that is being written costs nothing but itself."""
    (tmp_path / "1-result.json").write_text('{"name": "whole", "status": "passed", "start": null}')
    (tmp_path / "2-result.json").write_bytes(content)
    assert cli.main(["tree", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "✓ whole  0 ms\n"
    assert "2-result.json cannot be read" in printed.err
    assert cli.main(["tree", str(tmp_path), "--test", "none"]) == 1


def test_run_waits_where_a_program_cannot_take_over_its_process(tmp_path, monkeypatch, capfd):
    """As on Windows: there, it begins as another process, and the first would be over at once."""
    monkeypatch.setattr(run, "_EXEC_RETURNS", True)
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
    assert "1 results written" in printed.err


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == __version__
