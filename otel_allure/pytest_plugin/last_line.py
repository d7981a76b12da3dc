"""The last line of a run: how many results there are, and how to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from otel_allure.output.report_tools import HOW_TO_GET, find_tools, quoted
from otel_allure.output.tally import described, number_of_tests


def last_line(counts: Mapping[str, int], directory: Path, here: Path) -> str:
    """Return the line, for people whose shell is in the directory `here`."""
    told = described(counts)
    shown = str(directory.relative_to(here) if directory.is_relative_to(here) else directory)
    tool = next(find_tools(), None)
    opening = HOW_TO_GET + f" open {quoted([shown])}" if tool is None else tool.opening(shown)
    return (
        f"Allure results: {number_of_tests(counts)} in {shown}"
        + (f" ({told})" if told else "")
        + f"; open: {opening}"
    )
