"""What is run under both plugins: files from `cases/`, options, environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential.comparison import Leaf, compare

CASES = Path(__file__).parent / "cases"
THEIRS, OURS = "allure_pytest", "otel_allure"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of pytest.

    Attributes:
        files: where it goes -> name in `cases/`.
        arguments: for the command line.
        plugins: pytest plugins to load beside the reporting one; no others are.
        environment: variables; `{project}` in values is the directory of the files.
        there_already: other files, by name.
    """

    files: dict[str, str]
    arguments: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    there_already: dict[str, str] = field(default_factory=dict)


def modules(*names: str, conftest: str | None = None) -> dict[str, str]:
    """Return where modules of tests go, and a conftest file."""
    files = {f"test_{name}.py": f"{name}.py" for name in names}
    return {**files, "conftest.py": f"{conftest}_conftest.py"} if conftest else files


_PLAN = {"version": "1.0", "tests": [{"id": 10}, {"selector": "test_selection#test_label"}]}
_PLAN["tests"] += [{"id": "11", "selector": "no_such"}, {"selector": "test_selection.TestClass#x"}]
_BY_PLAN = {"ALLURE_TESTPLAN_PATH": "{project}/testplan.json"}
_STALE = {"results/stale-result.json": '{"name": "stale", "start": 1, "stop": 2, "uuid": "stale"}'}
_STALE["results/categories.json"] = "[]"

RUNS = {
    "main": Run(
        files={
            **modules(
                "metadata",
                "dynamic",
                "steps",
                "fixtures",
                "attachments",
                "globals",
                "hooks",
                "threads",
                "units",
                conftest="main",
            ),
            "package/test_statuses.py": "statuses.py",
            "package/below/test_identity.py": "identity.py",
            "package/below/test_fixtures_again.py": "fixtures_again.py",
            "package/test_example.txt": "example.txt",
            "test_failing_example.txt": "failing_example.txt",
        },
        arguments=(
            "--allure-link-pattern=issue:https://example.test/issues/{}",
            "--allure-link-pattern=docs:https://example.test/docs?for={0}",
            "--doctest-glob=test_*.txt",
        ),
        there_already={"package/__init__.py": "", "package/below/__init__.py": "", **_STALE},
    ),
    "async": Run(
        files=modules("asynchronous"),
        arguments=("-o", "asyncio_default_fixture_loop_scope=function"),
        plugins=("asyncio",),
    ),
    "own fixtures": Run(
        files=modules("own_fixtures"),
        arguments=("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=module"),
        plugins=("asyncio",),
        environment={"OTEL_EXPORTER_ALLURE_FIXTURES": "own"},
    ),
    "reruns": Run(files=modules("reruns"), plugins=("rerunfailures",)),
    "xdist": Run(
        files={**modules("parallel"), "test_parallel_too.py": "parallel.py"},
        arguments=("-n2", "--dist=loadfile"),
        plugins=("xdist",),
    ),
    "labels": Run(
        files=modules("selection"),
        arguments=(
            "--allure-epics=another,nothing",
            "--allure-features=a feature",
            "--allure-stories=a story",
            "--allure-severities=critical",
            "--allure-ids=10,11",
            "--allure-label=owner=nobody,somebody",
            "--allure-label=tag=a tag",
        ),
    ),
    "test plan": Run(
        files=modules("selection"),
        environment=_BY_PLAN,
        there_already={"testplan.json": json.dumps(_PLAN)},
    ),
    "test plan inverted": Run(
        files=modules("selection"),
        arguments=("--inversion=1", "--allure-severities=normal,critical"),
        environment=_BY_PLAN,
        there_already={"testplan.json": json.dumps(_PLAN)},
    ),
    "options": Run(
        files=modules("attachments", "hooks", conftest="main"),
        arguments=("--allure-no-capture", "--clean-alluredir", "--tb=short"),
        environment={"ALLURE_INDENT_OUTPUT": "1"},
        there_already=_STALE,
    ),
    "collect only": Run(
        files=modules("selection"),
        arguments=("--collect-only", "--clean-alluredir"),
        there_already=_STALE,
    ),
    "outside": Run(
        files=modules("outside", "broken_collection", conftest="outside"),
        arguments=("--continue-on-collection-errors",),
    ),
    "attachments outside": Run(files=modules("outside", conftest="outside_attachments")),
    "deep": Run(files=modules("deep")),
    "exit in body": Run(files=modules("exit_in_body")),
    "exit in fixture": Run(files=modules("exit_in_fixture")),
    "interrupt": Run(files=modules("interrupt")),
    "listener": Run(files=modules("listener", conftest="listener")),
}


def differences(name: str, directory: Path) -> list[Leaf]:
    """Run what is called `name` under both plugins, in `directory`."""
    run = RUNS[name]
    running = [
        (project, _start(run, plugin, project))
        for plugin in (THEIRS, OURS)
        for project in [directory / plugin / "project"]
    ]
    outputs = [process.communicate(timeout=300)[0] for _, process in running]
    outcomes = [
        {"exit code": process.returncode, "outcomes": _outcomes(output)}
        for output, (_, process) in zip(outputs, running, strict=True)
    ]
    theirs, ours = (project / "results" for project, _ in running)
    found = list(compare(theirs, ours))
    for key, value in outcomes[0].items():
        if value != outcomes[1][key]:
            found.append(Leaf("run", f"/{key}", value, outcomes[1][key]))
    return found


def _start(run: Run, plugin: str, project: Path) -> subprocess.Popen[str]:
    for path, text in _material(run):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, "utf-8")
    plugins = [argument for name in (plugin, *run.plugins) for argument in ("-p", name)]
    fixed = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "100",
        "OTEL_EXPORTER_ALLURE_FIXTURES": "allure-pytest",  # the same ones as there
    }
    given = {name: value.format(project=project) for name, value in run.environment.items()}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "pytest.ini"),
            *("--alluredir=results", f"--basetemp={project.parent / 'tmp'}"),
            *(*plugins, *run.arguments),
        ],
        cwd=project,
        env={**os.environ, **fixed, **given},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _material(run: Run) -> Iterator[tuple[str, str]]:
    yield "pytest.ini", "[pytest]\n"
    yield from run.there_already.items()
    for path, source in run.files.items():
        yield path, (CASES / source).read_text("utf-8")


def _outcomes(output: str) -> str:
    """Return pytest's last line without the time."""
    lines = [line for line in output.splitlines() if " in " in line and line.startswith("=")]
    return lines[-1].rpartition(" in ")[0].strip("= ") if lines else output[-2000:]
