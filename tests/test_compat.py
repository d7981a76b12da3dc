"""Names of other projects that are not public: all behind one door, and none is needed by a run."""

from __future__ import annotations

import ast
import functools
import importlib
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

WITHOUT = '''
"""Runs pytest without a private name, argv[2]; argv[1] is its project, or empty."""
import importlib.machinery
import re
import sys

project, gone = sys.argv[1:3]
attribute = gone.rpartition(".")[2]
others = {"_pytest": ("_pytest", "pytest_asyncio")}.get(project, (project,))


class Renaming(importlib.machinery.SourceFileLoader):
    """Loads a module as if its project had renamed it, everywhere."""

    def source_to_code(self, data, path, **options):
        text = bytes(data).decode()
        return super().source_to_code(re.sub(WORD, attribute + "_renamed", text), path, **options)

    def get_code(self, name):
        return self.source_to_code(self.get_data(self.path), self.path)


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in others:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                loader = spec.loader
                if isinstance(loader, importlib.machinery.SourceFileLoader) and re.search(
                    WORD, loader.get_data(loader.path).decode()
                ):
                    spec.loader = Renaming(loader.name, loader.path)
                return spec
        return None


WORD = r"(?<!\\w)" + attribute + r"(?!\\w)"
if not project:  # imported already: as if looked up in vain
    from otel_allure import compat

    def of(self, owner, default=None, *, kind=None):
        return plain(self, None if owner is None else object() if self.name == gone else owner,
                     default, kind=kind)

    plain, compat.Private.of = compat.Private.of, of
    compat.Private.imported = lambda self, default=None, plain=compat.Private.imported: (
        (self.is_missing(), default)[1] if self.name == gone else plain(self, default))
else:
    sys.meta_path.insert(0, Finder())

import pytest

sys.exit(pytest.main(sys.argv[3:]))
'''


def run_without(tmp_path: Path, project: str, gone: str) -> tuple[str, Results]:
    (tmp_path / "test_rich.py").write_text(textwrap.dedent(SUITE))
    (tmp_path / "without.py").write_text(WITHOUT)
    results = tmp_path / "results"
    arguments = ["-p", "otel_allure", "-p", "asyncio", "-o", "asyncio_mode=auto"]
    arguments += ["-p", "no:cacheprovider", f"--alluredir={results}", "-W", "ignore", "-rN"]
    done = subprocess.run(
        [sys.executable, "without.py", project, gone, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr, Results(results)


WITH_BACKEND = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
"""


@pytest.mark.parametrize("gone", ["nothing", *TABLE])
def test_without(gone, tmp_path, monkeypatch):
    """The run is as with it: same outcomes, a result for each test. The summary names it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    file, private = TABLE.get(gone, ("standard_library", None))
    if "span_processor" in gone:
        (tmp_path / "conftest.py").write_text(WITH_BACKEND)
    is_renamed = file not in ("standard_library", "others") and gone not in NOT_RENAMED
    said, report = run_without(tmp_path, gone.partition(".")[0] if is_renamed else "", gone)
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
    "concurrent.futures.process",
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
spans.add_span_processor(SimpleSpanProcessor(AllureSpanExporter(sys.argv[3])))
logs.add_log_record_processor(AllureLogRecordProcessor(sys.argv[3]))
logs.add_log_record_processor(SimpleLogRecordProcessor(AllureLogRecordExporter(sys.argv[3])))
with spans.get_tracer("app").start_as_current_span("a call"):
    logs.get_logger("app").emit(body="a record")
logs.shutdown()
spans.shutdown()
"""


@pytest.mark.parametrize("gone", [name for name in TABLE if "LogRecord" in name])
def test_a_program_without(gone, tmp_path):
    results = tmp_path / "results"
    program = WITHOUT.partition("import pytest")[0] + PROGRAM
    (tmp_path / "program.py").write_text(program)
    arguments = [sys.executable, "program.py", "opentelemetry", gone, str(results)]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [result["name"] for result in Results(results).results] == ["a call"]
    assert done.stderr.count(f"{gone} is missing") == 1, done.stderr


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
