"""Names of other projects that are not public: all behind one door, and none is needed by a run."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import otel_allure
from otel_allure.compat import Private
from otel_allure.testing.results import Results

PACKAGE = Path(otel_allure.__file__).parent
FILES = sorted(path.stem for path in (PACKAGE / "compat").glob("*.py") if path.stem != "__init__")


def privates(file: str) -> list[Private]:
    found: list[Private] = []
    for value in vars(importlib.import_module(f"otel_allure.compat.{file}")).values():
        found += value if isinstance(value, tuple) and not isinstance(value, Private) else [value]
    return [each for each in found if isinstance(each, Private)]


TABLE = {each.name: (file, each) for file in FILES for each in privates(file)}


def test_each_is_described():
    assert len(TABLE) > 30
    for _, private in TABLE.values():
        assert all(private), private
        assert any(letter.isdigit() for letter in private.since), private
        assert not private.without.endswith("."), private


# -- the run without each of them

SUITE = """
    import asyncio
    import logging
    import threading
    from concurrent.futures import ThreadPoolExecutor
    from unittest import TestCase

    import allure
    import pytest
    from opentelemetry import trace
    from opentelemetry._logs import SeverityNumber, get_logger
    from otel_allure import step

    tracer = trace.get_tracer("app")

    @allure.title("a shelf")
    @step("take a shelf")
    @pytest.fixture(scope="module")
    def shelf():
        with allure.step("build"):
            yield "shelf"

    @pytest.fixture
    def book(shelf):
        yield "book"
        with allure.step("close"):
            pass

    @pytest.fixture
    async def reader():
        yield "reader"

    @pytest.mark.parametrize("n", [1, 2])
    def test_parameters(n, book):
        with allure.step("read"):
            allure.attach("text", "page")
        with tracer.start_as_current_span("GET /pages"):
            logging.getLogger("app").warning("a page")

    async def test_async(reader):
        async def one(name):
            with allure.step(name):
                await asyncio.sleep(0)

        await asyncio.gather(one("left"), one("right"))

    def test_threads():
        def work(name):
            with allure.step(name):
                pass

        with allure.step("outer"):
            thread = threading.Thread(target=work, args=("thread",))
            thread.start()
            thread.join()
            with ThreadPoolExecutor() as pool:
                list(pool.map(work, ["pool"]))

    def test_records():
        get_logger("app").emit(body="by OpenTelemetry", severity_number=SeverityNumber.WARN)
        print("printed")

    def test_provider():
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        with trace.get_tracer("own").start_as_current_span("of a provider"):
            pass

    class TestOld(TestCase):
        def test_subtests(self):
            for n in range(2):
                with self.subTest("number", n=n), allure.step("in a subtest"):
                    pass

    def test_fails(book):
        with allure.step("wrong"):
            assert book == "shelf"
"""
TESTS = {
    "test_parameters[1]": "passed",
    "test_parameters[2]": "passed",
    "test_async": "passed",
    "test_threads": "passed",
    "test_records": "passed",
    "test_provider": "passed",
    "test_subtests": "passed",
    "test_fails": "failed",
}

PYTEST = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


@pytest.fixture(scope="session")
def warm():
    """A process that has imported of others what a run needs, and forks for each."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    command = [sys.executable, Path(__file__).with_name("without.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run_without(warm, tmp_path):
    """Run a script without a name; return its exit code and what it says."""

    def run_without(project: str, gone: str, script: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "script.py").write_text(script)
        request = [str(tmp_path), dict(os.environ), project, gone, "script.py", *arguments]
        print(json.dumps(request), file=warm.stdin, flush=True)
        return int(warm.stdout.readline()), (tmp_path / "said").read_text()

    return run_without


WITH_BACKEND = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
"""


@pytest.mark.parametrize("gone", ["nothing", *TABLE])
def test_without(gone, run_without, tmp_path, monkeypatch):
    """The run is as with it: same outcomes, a result for each test. The summary names it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    file, private = TABLE.get(gone, ("standard_library", None))
    if "span_processor" in gone:
        (tmp_path / "conftest.py").write_text(WITH_BACKEND)
    is_renamed = file not in ("standard_library", "others") and gone not in NOT_RENAMED
    (tmp_path / "test_rich.py").write_text(textwrap.dedent(SUITE))
    arguments = ["-p", "otel_allure", "-p", "asyncio", "-o", "asyncio_mode=auto"]
    arguments += ["-p", "no:cacheprovider", "--alluredir=results", "-W", "ignore", "-rN"]
    project = gone.partition(".")[0] if is_renamed else ""
    code, said = run_without(project, gone, PYTEST, *arguments)
    report = Results(tmp_path / "results")
    assert code == 1, said
    assert "1 failed, 7 passed" in said, said
    assert {result["name"]: result["status"] for result in report.results} == TESTS
    lines = [line for line in said.splitlines() if " is missing (" in line]
    if private is not None and not gone.startswith(NOT_USED):
        assert lines.count(f"{gone} is missing ({private.serves}): {private.without}") == 1, said
        same = f".{private.attribute} is missing"  # of a logger's class as of a tracer's
        assert all(same in line for line in lines), said
    else:
        assert not lines, said


NOT_USED = (
    "_pytest.capture",
    "_pytest.faulthandler",  # below pytest-xdist or `otel-allure run` only
    "concurrent.futures.process",
    "execnet.gateway",  # until a worker dies
    "eventlet.",
    "gevent.",
    "loguru.",
    "multiprocessing.",
    "opentelemetry.instrumentation",
    "opentelemetry.sdk._logs.LogRecordProcessor",
    "opentelemetry.sdk._logs.export",
    "pytest_",
)
"""By the suite above: what nobody looks for is not missed."""
NOT_RENAMED = ("opentelemetry._logs._internal", "opentelemetry.sdk.trace.time_ns")
"""A module has the name of its file, and what is from Python's library is called as there."""

PROGRAM = """
import sys

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_allure import AllureLogRecordExporter
from otel_allure import AllureLogRecordProcessor
from otel_allure import AllureSpanExporter

spans, logs = TracerProvider(), LoggerProvider()
spans.add_span_processor(SimpleSpanProcessor(AllureSpanExporter(sys.argv[1])))
logs.add_log_record_processor(AllureLogRecordProcessor(sys.argv[1]))
logs.add_log_record_processor(SimpleLogRecordProcessor(AllureLogRecordExporter(sys.argv[1])))
with spans.get_tracer("app").start_as_current_span("a call"):
    logs.get_logger("app").emit(body="a record")
logs.shutdown()
spans.shutdown()
"""


@pytest.mark.parametrize("gone", [name for name in TABLE if "LogRecord" in name])
def test_a_program_without(gone, run_without, tmp_path):
    results = str(tmp_path / "results")
    code, said = run_without("opentelemetry", gone, PROGRAM, results)
    assert code == 0, said
    assert [result["name"] for result in Results(results).results] == ["a call"]
    assert said.count(f"{gone} is missing") == 1, said


# -- the only door


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_private(alias.name):
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if is_private(f"{node.module}.{alias.name}"):
                    yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.lineno, node.attr
        elif isinstance(node, ast.Constant) and is_private(str(node.value)):
            yield node.lineno, str(node.value)


def is_private(dotted: str) -> bool:
    parts = dotted.split(".")
    if not all(map(str.isidentifier, parts)) or dotted == "_":
        return False
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def defined(tree: ast.AST) -> set[str]:
    """Names that a module of ours gives to something: attributes, functions, slots."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                names.add(node.attr)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


SOURCES = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "compat"]
OURS = {
    "_replace",  # of a named tuple: documented, as it must not collide with a field
    "_getframe",  # of sys: documented
    "_OTHER",  # a value of the semantic conventions
    "_SET",
    "_otel_allure",
    "_otel_allure_context",
    "_otel_allure_step",
    "_uuid",
    "_ENDPOINT",  # the end of a variable's name
    "_fields",  # public, of named tuples
}


@functools.cache
def trees() -> dict[str, ast.AST]:
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in SOURCES}


def test_no_private_name_outside_of_the_door():
    ours = set().union(OURS, *map(defined, trees().values()))
    found = {
        f"{file}:{line}: {name}"
        for file, tree in trees().items()
        for line, name in uses(tree)
        if name not in ours and not name.startswith("otel_allure.")
    }
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "import _pytest.python",
        "from opentelemetry.sdk._logs import LoggerProvider",
        "from opentelemetry.trace import _TRACER_PROVIDER",
        "provider._active_span_processor",
        "getattr(item, '_request')",
        "sys.modules.get('_pytest.outcomes')",
    ],
)
def test_the_walk_finds(code):
    assert list(uses(ast.parse(code)))
