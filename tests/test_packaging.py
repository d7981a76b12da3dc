"""How the package is put together."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import otel_allure

PACKAGE = Path(otel_allure.__file__).parent

# From the start of the data path to its end: a module may import those before it.
PATH = [
    "conventions",
    "clock",
    "texts",
    "problems",
    "patches",
    "compat",
    "kept",
    "lookalike",
    "outcome",
    "settings",
    "spans",
    "sound",
    "otlp",
    "redaction",
    "presentation",
    "traces",
    "span_tree",
    "waterfall",
    "description",
    "condense",
    "overview",
    "to_results",
    "from_sdk",
    "spool",
    "tree",
    "about_run",
    "results_directory",
    "report",
    "redirect",
    "contexts",
    "scope",
    "tracer",
    "adoption",
    "greenlets",
    "server_spans",
    "recorder",
    "threads",
    "steps",
    "allure_api",
    "processes",
    "logs",
    "exporter",
    "log_exporter",
    "provider",
    "logger_provider",
    "instrumentation",
    "child",
    "testing",
    "pytest_plugin",
    "cli",
]
PURE = {"conventions", "texts", "tree"}
PURE |= {*PATH[PATH.index("settings") : PATH.index("to_results") + 1]}


def imports(module: str, *, lazily: bool = False) -> set[str]:
    """Return what a module or package imports when it is imported itself."""
    path = PACKAGE / module
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    found = set()
    for file in files:
        tree = ast.parse(file.read_text())
        nodes = ast.walk(tree) if lazily else _at_import(tree)
        for node in nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _at_import(tree: ast.Module) -> list[ast.AST]:
    return [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]


def own(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("otel_allure.")} & set(PATH)


def test_all_modules_are_on_the_path():
    modules = {
        p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert modules - {"__init__"} == set(PATH)


@pytest.mark.parametrize("module", PATH)
def test_imports_point_one_way(module):
    assert own(imports(module)) - {module} <= set(PATH[: PATH.index(module)])


@pytest.mark.parametrize("module", sorted(PURE))
def test_the_heart_is_pure(module):
    """No clock, disk, threads, pytest or OpenTelemetry."""
    banned = {"os", "time", "threading", "pathlib", "pytest", "opentelemetry", "logging", "io"}
    assert not {name.split(".")[0] for name in imports(module, lazily=True)} & banned


def test_only_the_plugin_imports_pytest():
    users = {m for m in PATH if any(n.split(".")[0] == "pytest" for n in imports(m, lazily=True))}
    assert users == {"pytest_plugin"}


def test_loading_the_plugin_does_not_import_opentelemetry():
    code = "import sys, otel_allure.pytest_plugin; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_public_names():
    assert sorted(otel_allure.__all__) == otel_allure.__all__
    for name in otel_allure.__all__:
        assert getattr(otel_allure, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = otel_allure.nothing


def test_entry_points():
    (exporter,) = entry_points(group="opentelemetry_traces_exporter", name="allure")
    assert exporter.load() is otel_allure.AllureSpanExporter
    (plugin,) = entry_points(group="pytest11", name="otel_allure")
    assert plugin.value == "otel_allure.pytest_plugin"


def test_no_public_name_is_a_module():
    """The import system would put the module in the place of the name."""
    assert not set(otel_allure.__all__) & set(PATH)
