"""Figures -> the table of `docs/performance.md`, a line a row."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.rows import ROWS, Figures, Row

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEAD = [
    "| | what | against | aim, at most | ratio | figures, theirs last |",
    "|---|---|---|---|---|---|",
]
PACKAGES = ("pytest", "allure-pytest", "opentelemetry-sdk")


def line(row: Row, figures: Figures) -> str:
    """Return the row of the table for `figures`, with the reason if its aim is not reached."""
    reached = all(ratio <= row.aim for ratio in figures.ratios)
    ratios = ", ".join(f"{ratio:.2f} ×" for ratio in figures.ratios)
    cells = (
        f"`{row.name}`", row.what, row.against, f"{row.aim:g} ×",
        ratios if reached else f"**{ratios}**",
        figures.text if reached or not row.why else f"{figures.text}. {row.why}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def updated(page: str, row: Row, measured: str) -> str:
    """Return the page with a row as it was measured now, on this machine."""
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    lines = {name: text for text in old.splitlines() if (name := _name(text))}
    lines[row.name] = measured
    table = [lines[known.name] for known in ROWS if known.name in lines]
    return "\n".join([before + BEGIN, machine(), "", *HEAD, *table, END + after])


def _name(line: str) -> str:
    return line.split("`")[1] if line.startswith("| `") else ""


def machine() -> str:
    """Return a sentence that names this machine."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    cores = os.cpu_count()
    return f"Measured on {_processor()}, {cores} cores, {platform.system()}; {python}, {packages}."


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = (text.partition(":")[2] for text in described.splitlines() if "model name" in text)
    return next(names, platform.machine()).strip()
