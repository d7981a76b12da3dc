"""The real report tools, Allure 3 and Allure 2 from npm, for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ALLURE_3 = "allure@3.18.0"
ALLURE_2 = "allure-commandline@2.46.1"
TOOLS = Path(__file__).parent.parent / ".cache" / "report-tools"


def tool(package: str) -> list[str]:
    """Return the command of a report tool, installed where it can stay for the next run."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    fcntl = pytest.importorskip("fcntl")
    directory = TOOLS / package.replace("@", "-")
    directory.mkdir(parents=True, exist_ok=True)
    command = directory / "node_modules" / ".bin" / "allure"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of pytest-xdist ask at the same time
        if not command.exists():
            (directory / "package.json").write_text("{}")
            npm = ["npm", "install", package, "--no-audit", "--no-fund", "--silent"]
            subprocess.run(npm, cwd=directory, check=True)
    return [str(command)]


def generate(command: list[str], directory: Path) -> str:
    environment = {**os.environ, "ALLURE_NO_ANALYTICS": "true"}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output
