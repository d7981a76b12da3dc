"""How the package is put together."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import entry_points, metadata
from pathlib import Path

import pytest

import otel_allure

PACKAGE = Path(otel_allure.__file__).parent

# In the order of the data's way: a module imports from its own folder and from those before it.
ROOMS = [
    "model",
    "compat",
    "redaction",
    "presentation",
    "formats",
    "translation",
    "output",
    "recording",
    "otel",
    "processes",
    "inputs",
    "assertions",
    "pytest_plugin",
    "cli",
    "testing",
]
PURE = {"model", "redaction", "presentation", "formats", "translation", "assertions"}
IMPURE = {
    "otel_allure.assertions.live",
    "otel_allure.assertions.waiting",
    "otel_allure.model.clock",
    "otel_allure.model.diagnostics",
    "otel_allure.model.outcome",
    "otel_allure.formats.sdk",
    "otel_allure.formats.otlp_protobuf",
}
"""Modules of pure rooms that are not: what reads the clock, logs, looks at tasks, or needs
OpenTelemetry's classes."""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return "cli" if module == "otel_allure.__main__" else module.split(".")[1]


@cache
def imports(module: str) -> frozenset[str]:
    """Return all that a module imports: at its top, in functions, and for types."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return imported_by(path.read_text(), package)


def imported_by(source: str, package: str = "") -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level < 2
            origin = ".".join(filter(None, (package if node.level else "", node.module)))
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return frozenset(found)


def own(names: frozenset[str]) -> set[str]:
    """Return the modules of ours among imported names; the package's own face is none."""
    modules = {name if name in MODULES else name.rpartition(".")[0] for name in names}
    return {module for module in modules if module in MODULES} - {"otel_allure"}


def against_the_order(module: str, names: frozenset[str]) -> set[str]:
    allowed = ROOMS[: ROOMS.index(room_of(module)) + 1]
    return {other for other in own(names) if room_of(other) not in allowed}


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that come back to themselves."""

    def reached_from(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    return [module for module in graph if module in reached_from(module)]


def test_every_module_is_in_a_room():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert rooms == set(ROOMS)
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"otel_allure"}))
def test_imports_point_one_way(module):
    assert against_the_order(module, imports(module)) == set()


def test_nothing_imports_in_a_circle():
    graph = {module: own(imports(module)) - {module} for module in MODULES}
    assert circles(graph) == []


@pytest.mark.parametrize(
    "source",
    [
        "from otel_allure.output.report import Report",
        "def late():\n    from otel_allure.output import report",
        "if TYPE_CHECKING:\n    import otel_allure.output.report",
    ],
)
def test_imports_against_the_order_are_seen(source):
    found = against_the_order("otel_allure.translation.to_results", imported_by(source))
    assert found == {"otel_allure.output.report"}


def test_circles_are_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def assigned_to_modules(source: str) -> list[str]:
    """Return what is assigned to names of modules of ours that a source has imported."""
    tree = ast.parse(source)
    modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in MODULES
    }
    return [
        ast.unparse(target)
        for node in ast.walk(tree)
        for target in getattr(node, "targets", ())
        if isinstance(target, ast.Attribute)
        if isinstance(target.value, ast.Name) and target.value.id in modules
    ]


def test_no_module_gives_functions_to_another():
    """A circle can be hidden by assigning to a name of a module that was imported."""
    given = {module: assigned_to_modules(path.read_text()) for module, path in MODULES.items()}
    assert not any(given.values()), given
    source = "from otel_allure.output import report as r\nr.on_step = print"
    assert assigned_to_modules(source) == ["r.on_step"]


@pytest.mark.parametrize(
    "module", sorted(m for m in set(MODULES) - {"otel_allure"} - IMPURE if room_of(m) in PURE)
)
def test_the_heart_is_pure(module):
    """No clock, disk, threads, pytest or OpenTelemetry."""
    banned = {"os", "time", "threading", "pathlib", "pytest", "opentelemetry", "logging", "io"}
    assert not {name.split(".")[0] for name in imports(module)} & banned


def test_only_the_plugin_imports_pytest():
    users = {
        room_of(module)
        for module in set(MODULES) - {"otel_allure"}
        if any(name.split(".")[0] in ("pytest", "_pytest") for name in imports(module))
    }
    assert users == {"pytest_plugin"}


def test_loading_the_plugin_does_not_import_opentelemetry():
    code = "import sys, otel_allure.pytest_plugin; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_architecture_names_every_room():
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text("utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"{room}/" for room in ROOMS]


def test_stations_of_a_step_can_be_found():
    """What the page names is there: files, functions and methods."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text("utf-8")
    way = page.partition("## A step's way")[2].partition("\n## ")[0]
    quoted = way.split("`")[1::2]
    files = [name for name in quoted if name.endswith(".py")]
    text = "\n".join((PACKAGE / name).read_text() for name in files)
    named = [name.rpartition(".")[2] for name in quoted if not name.endswith(".py")]
    code = [name for name in named if name.isidentifier()]
    assert len(files) > 3
    assert len(code) > 8
    missing = [n for n in code if f"def {n}(" not in text and f"class {n}" not in text]
    assert missing == []
    assert way.count("\n1") == 2  # numbered from 1 to 10
    assert "\n11." not in way


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
    assert not set(otel_allure.__all__) & set(ROOMS)


# -- what a package index shows


def test_an_index_shows_absolute_links_that_lead_somewhere():
    """It has the README by itself: links go to the files of the release."""
    about = metadata("otel-allure")
    home = "https://github.com/otel-allure/otel-allure"
    links = re.findall(r"\]\(([^)]+)\)", about.get_payload())
    assert len(links) > 20
    assert [link for link in links if not link.startswith("https://")] == []
    own = re.compile(
        rf"(?:{home}/blob|https://raw.githubusercontent.com/otel-allure/otel-allure)"
        rf"/v{re.escape(otel_allure.__version__)}/([^#]+)"
    )
    files = [found[1] for link in links if (found := own.fullmatch(link))]
    assert len(files) > 15
    assert [name for name in files if not (PACKAGE.parent / name).exists()] == []
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", about.get_payload())
    assert pictures
    assert all(url.startswith("https://raw.githubusercontent.com/") for url in pictures)
    assert {url.partition(", ")[0] for url in about.get_all("Project-URL")} == {
        *("Homepage", "Documentation", "Changelog", "Source", "Issues")
    }


def test_type_checkers_find_our_types():
    assert (PACKAGE / "py.typed").is_file()
    assert "Typing :: Typed" in metadata("otel-allure").get_all("Classifier")
