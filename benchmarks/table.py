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
_BOLD = "**"
_PROFILE = " By its profile: "
PACKAGES = ("pytest", "allure-pytest", "opentelemetry-sdk")


def line(row: Row, figures: Figures) -> str:
    """Return the row of the table for `figures`; ratios that are above the aim are bold."""
    reached = all(ratio <= row.aim for ratio in figures.ratios)
    ratios = ", ".join(f"{ratio:.2f} ×" for ratio in figures.ratios)
    cells = (
        f"`{row.name}`", row.what, row.against, f"{row.aim:g} ×",
        ratios if reached else f"{_BOLD}{ratios}{_BOLD}", figures.text,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def misses(measured: str) -> bool:
    """Whether a line of the table is above the aim."""
    return _BOLD in measured


def updated(page: str, row: Row, measured: str, profile: str = "") -> str:
    """Return the page with a row as it was measured now, on this machine.

    Args:
        page: as it is.
        row: that was measured.
        measured: its line of the table.
        profile: where its time goes.
    """
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    lines = {name: text for text in old.splitlines() if (name := _name(text, "| `"))}
    lines[row.name] = measured
    profiles = {
        name: text.partition(_PROFILE)[2]
        for text in old.splitlines()
        if (name := _name(text, "- `"))
    }
    profiles[row.name] = profile
    known = [row for row in ROWS if row.name in lines]
    missed = [row for row in known if row.why and misses(lines[row.name])]
    whys = [f"- `{row.name}`: {row.why}{_told(profiles.get(row.name))}" for row in missed]
    parts = [machine(), "\n".join([*HEAD, *(lines[row.name] for row in known)])]
    if whys:
        parts += ["Why an aim is not reached:", "\n".join(whys)]
    return f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}{after}"


def _told(profile: str | None) -> str:
    return f"{_PROFILE}{profile}" if profile else ""


def _name(line: str, begin: str) -> str:
    return line.split("`")[1] if line.startswith(begin) else ""


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
