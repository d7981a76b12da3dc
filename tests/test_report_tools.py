"""The real report tools read what we write: Allure 3 and Allure 2, from npm."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from otel_allure.cli import main as cli

from .report_tools import ALLURE_2, ALLURE_3, generate, tool
from .test_shop import suite as shop_suite

suite = shop_suite  # the example's report


def complaints(output: str) -> list[str]:
    words = ("error", "malformed", "skip", "missed", "could not", "exception")
    return [line for line in output.splitlines() if any(word in line.lower() for word in words)]


def test_allure_3_reads_every_result(suite, tmp_path):
    command = [*tool(ALLURE_3), "awesome", str(suite.directory), "-o", str(tmp_path / "report")]
    assert complaints(generate(command, tmp_path)) == []
    data = tmp_path / "report" / "data" / "test-results"
    read = [json.loads(path.read_text()) for path in data.glob("*.json")]
    assert Counter(r["name"] for r in read) == Counter(r["name"] for r in suite.results)
    assert Counter(r["status"] for r in read) == {"passed": 26, "failed": 2, "skipped": 2}
    texts = "".join(path.read_text() for path in data.glob("*.json"))
    assert "#___unknown_value___#" not in texts
    assert '"missed":true' not in texts.replace(" ", "")
    (visitors,) = [r for r in read if r["name"] == "Two visitors at once"]
    steps = [step["name"] for step in visitors["steps"] if step["type"] == "step"]
    assert steps == ["Alice looks around", "Bob looks around"]


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
def test_allure_2_reads_every_result(suite, tmp_path):
    command = [*tool(ALLURE_2), "generate", str(suite.directory), "-o", str(tmp_path / "report")]
    assert complaints(generate(command, tmp_path)) == []
    data = tmp_path / "report" / "data" / "test-cases"
    read = [json.loads(path.read_text()) for path in data.glob("*.json")]
    assert Counter(r["name"] for r in read) == Counter(r["name"] for r in suite.results)
    assert Counter(r["status"] for r in read) == {"passed": 26, "failed": 2, "skipped": 2}
    (visitors,) = [r for r in read if r["name"] == "Two visitors at once"]
    steps = [step["name"] for step in visitors["testStage"]["steps"]]
    assert steps == ["Alice looks around", "Bob looks around"]
    assert {f["name"] for f in visitors["beforeStages"]} >= {"database", "server", "shop"}


@pytest.mark.parametrize("package", [ALLURE_3, ALLURE_2])
def test_our_command_renders_with_either(package, tmp_path, monkeypatch, capsys):
    """Which of them `allure` is, is seen from the outside."""
    (command,) = tool(package)
    if package == ALLURE_2 and shutil.which("java") is None:
        pytest.skip("needs Java")
    results = tmp_path / "results"
    results.mkdir()
    result = {"uuid": "1", "name": "the only test", "status": "passed", "start": 1, "stop": 2}
    (results / "1-result.json").write_text(json.dumps(result))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(command).parent), os.environ["PATH"]]))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", "results", "-o", "report"]) == 0
    printed = capsys.readouterr()
    assert f"Allure {package.rpartition('@')[2][0]} ..." in printed.err
    assert printed.out == f"Report: {(tmp_path / 'report' / 'index.html').as_uri()}\n"
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["index.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "results"]
