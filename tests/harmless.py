"""Texts without a secret, of the kinds that look like one to a rule that is too simple.

Lines are in `data/harmless.txt`, whole files in `data/harmless`.
"""

from __future__ import annotations

from pathlib import Path

_DATA = Path(__file__).with_name("data")


def _sections() -> dict[str, list[str]]:
    sections = (_DATA / "harmless.txt").read_text("utf-8").removeprefix("#### ").split("\n#### ")
    lines = [section.rstrip("\n").split("\n") for section in sections]
    return {kind: texts for kind, *texts in lines}


TEXTS = _sections()
"""By kind."""

FILES = sorted((_DATA / "harmless").iterdir())
