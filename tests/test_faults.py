"""The page about faults names for each of them a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")
ROWS = re.findall(r"^\| (.+) \| (.+) \| `(tests/\w+\.py)::(\w+)` \|$", PAGE, re.MULTILINE)


def test_there_are_many() -> None:
    assert len(ROWS) >= 40
    assert len(ROWS) == PAGE.count("| `tests/")
    assert len({(fault, promised) for fault, promised, *_ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("fault", "file", "name"), [(row[0], row[2], row[3]) for row in ROWS])
def test_its_test_exists(fault: str, file: str, name: str) -> None:
    source = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{fault}: {file}::{name}"
