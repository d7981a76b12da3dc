"""The programs that make a report of results: Allure 3 and Allure 2, if they are here.

They are looked up, not run: Allure 2 takes a second to tell its version.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOW_TO_GET = "install Node.js (https://nodejs.org), then: npx --yes allure@3"
"""What to do where there is none."""
_NPX = ("--yes", "allure@3")
_HEAD = 1 << 16


class ReportTool(NamedTuple):
    """A program that renders reports.

    Attributes:
        program: its path.
        shown: how people call it, `npx --yes allure@3`.
        version: 2 or 3.
    """

    program: str
    shown: tuple[str, ...]
    version: int

    def opening(self, results: str) -> str:
        """Return the command that shows the report of a directory of results, for people."""
        verb = "open" if self.version > 2 else "serve"
        return quoted([*self.shown, verb, results])

    def rendering(self, results: str, output: str) -> list[str]:
        """Return the command that makes a report of one file, `output`/index.html."""
        verb = ["awesome"] if self.version > 2 else ["generate", "--clean"]
        arguments = [*verb, results, "--single-file", "-o", output]
        return [self.program, *self.shown[1:], *arguments]


def find_tools() -> Iterator[ReportTool]:
    """Yield the report tools on the PATH: `allure`, then what npx fetches."""
    if program := shutil.which("allure"):
        yield ReportTool(program, ("allure",), 2 if _is_allure_2(Path(program)) else 3)
    if program := shutil.which("npx"):
        yield ReportTool(program, ("npx", *_NPX), 3)


def quoted(arguments: list[str]) -> str:
    """Return a command line for the shell of this system."""
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)


def _is_allure_2(program: Path) -> bool:
    """Whether it starts Java: a script of Allure 2 itself, one around it, or that from npm."""
    try:
        path = program.resolve()
        with path.open("rb") as file:
            text = file.read(_HEAD)
    except OSError:
        return False
    return b"JAVA_HOME" in text or b"allure-commandline" in text + os.fsencode(path)
