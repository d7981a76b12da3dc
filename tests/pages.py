"""Pages of the documentation as what they are for readers: files to write, commands to type.

A fence with a title is a file. One of kind `console` has commands, after `$ `, and what they print;
`...` stands for lines that are not shown, `…` for the rest of one. Times, ports and the length of
rules may differ.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution, entry_points
from pathlib import Path

import yaml
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?[^\n]*\n(.*?)^```$', re.DOTALL | re.MULTILINE)

# What a reader types that is not done here: it would change the machine, or wait for somebody.
_NOT_RUN = (". ", "cd ", "docker ", "mkdir ", "pip ", "python3 -m venv ")

_IN_PROGRAMS = {"aiohttp-client", "aiohttp-server"}
"""Instrumentations that programs under `otel-allure run` have; each takes time to load."""

_VARYING = [
    (re.compile(r"\d[\d.,]* (?:ms|s|µs)\b|\b\d+\.\d+s\b"), "<time>"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:<port>"),
    (re.compile(r"\bopen: .*"), "open: <command>"),
    (re.compile(r"={3,}|-{3,}|_{3,}"), "==="),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x<address>"),
]


@dataclass(frozen=True)
class Fence:
    """A block of code of a page."""

    kind: str
    title: str | None
    text: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield what is typed, and what is printed then."""
        for block in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            typed = re.match(r"(?:.*\\\n)*.*\n", block)
            assert typed is not None
            yield typed[0].rstrip(), block[typed.end() :]


def fences(page: Path) -> list[Fence]:
    found = _FENCE.findall(page.read_text("utf-8"))
    return [Fence(kind, title or None, text) for kind, title, text in found]


def follow(
    page: Path, directory: Path, *plugins: str, environment: dict[str, str] | None = None
) -> None:
    """Do what a page says, from its top to its end, and compare what it says is printed."""
    variables = {**_environment(plugins), **(environment or {})}
    for fence in fences(page):
        if fence.title is not None:
            _write(fence, directory)
        elif fence.kind == "console":
            for command, printed in fence.commands():
                if command.startswith(_NOT_RUN):
                    _look_for_what_is_installed(command)
                else:
                    _run(command, printed, directory, variables)


def _environment(plugins: tuple[str, ...] = ()) -> dict[str, str]:
    prefixes = ("ALLURE_", "OTEL_", "PYTEST_", "PYTHON", "TRACE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    loaded = " ".join(f"-p {name}" for name in ("otel_allure", "asyncio", *plugins))
    return {
        **kept,
        "ALLURE_NO_ANALYTICS": "true",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(_instrumentations() - _IN_PROGRAMS),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept["PATH"])),
        "PYTEST_ADDOPTS": f"{loaded} -p no:cacheprovider",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the reader has no others
    }


def _instrumentations() -> set[str]:
    return {entry.name for entry in entry_points(group="opentelemetry_instrumentor")}


def _write(fence: Fence, directory: Path) -> None:
    assert fence.title is not None
    if fence.title.startswith("examples/"):
        assert fence.text in (ROOT / fence.title).read_text("utf-8"), fence.title
        return
    path = directory / fence.title
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(fence.text, "utf-8")


def _look_for_what_is_installed(command: str) -> None:
    """What runs here has to be what a reader gets."""
    words = shlex.split(command.replace("\\\n", " "))
    for word in words[2:] if words[:2] == ["pip", "install"] else ():
        if not word.startswith(("-", ".")) and "git+" not in word:
            wanted = Requirement(word)
            version = distribution(wanted.name).version
            assert wanted.specifier.contains(version, prereleases=True), word


def run_here(command: str, directory: Path) -> None:
    """Run a command that has to succeed."""
    done = _done(command, directory, _environment())
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"


def _run(command: str, printed: str, directory: Path, environment: dict[str, str]) -> None:
    done = _done(command, directory, environment)
    actual = _comparable(done.stdout)
    position = 0
    for part in re.split(r"^\.\.\.\n", printed, flags=re.MULTILINE):
        pattern = re.escape(_comparable(part)).replace("…", ".*")
        found = re.compile(pattern).search(actual, position)
        assert found, f"$ {command}\n{done.stdout}\nhas not, in this order:\n{part}"
        position = found.end()
    fails = re.search(r"\b\d+ failed|error", printed) is not None
    assert (done.returncode != 0) <= fails, f"$ {command}\n{done.stdout}"


def _done(
    command: str, directory: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        cwd=directory, env=environment, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _comparable(text: str) -> str:
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def check(fence: Fence) -> None:
    """Parse what is not run: settings, and sources."""
    if fence.kind == "python":
        compile(fence.text, fence.title or "a page", "exec")
    elif fence.kind == "toml":
        tomllib.loads(fence.text)
    elif fence.kind == "yaml":
        assert yaml.safe_load(fence.text)
    elif fence.kind == "ini":
        configparser.ConfigParser(interpolation=None, strict=False).read_string(
            f"[pytest]\n{fence.text}"
        )
