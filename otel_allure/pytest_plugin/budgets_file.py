"""Budgets of tests in a file: what they have called once is the most that they may from then on.

A test that is not in it has no budget; of a test that is in it, what is not told is 0.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otel_allure.assertions.budgets import COUNTS, checked
from otel_allure.assertions.errors import TraceUsageError

_HEAD = """\
# The most calls that each test may make, and the errors among them; what is not told is 0.
# Written by `pytest --allure-otel-write-budgets`, enforced by `--allure-otel-check-budgets`.
"""
Budgets = dict[str, dict[str, float]]
"""By node ids."""


def read(path: Path) -> Budgets:
    """Return the budgets of a file.

    Raises:
        TraceUsageError: if there is no such file, or something else is in it.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # pytest needs it, too

    try:
        found: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise TraceUsageError(
            f"{path} is not there: --allure-otel-write-budgets writes it"
        ) from None
    except (OSError, ValueError) as error:
        raise TraceUsageError(f"{path}: {error}") from None
    return {nodeid: _budget(budget, f"{path}: {nodeid}") for nodeid, budget in found.items()}


def _budget(budget: Any, where: str) -> dict[str, float]:
    if not isinstance(budget, dict):
        raise TraceUsageError(f"{where} is not a table")
    return dict.fromkeys(COUNTS, 0.0) | (checked(budget, where) if budget else {})


def write(path: Path, measured: Mapping[str, Mapping[str, float]]) -> None:
    """Write what tests have called; of those that have not run, what is there stays.

    Raises:
        TraceUsageError: if something else is in the file.
        OSError: if it cannot be written.
    """
    known: Mapping[str, Mapping[str, float]] = read(path) if path.exists() else {}
    parts = [_HEAD]
    for nodeid, budget in sorted({**known, **measured}.items()):
        lines = [f"{name} = {most:g}" for name, most in budget.items() if most]
        parts.append("\n".join([f"[{json.dumps(nodeid, ensure_ascii=False)}]", *lines]) + "\n")
    path.write_text("\n".join(parts), "utf-8")
