"""Which tests to run: by labels on the command line, by Allure's test plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allure_commons.types import LabelType, Severity
from allure_commons.utils import get_testplan

from otel_allure.pytest_plugin import metadata

_BY_LABELS = (
    "allure_epics",
    "allure_features",
    "allure_stories",
    "allure_ids",
    "allure_severities",
)


_Selects = Callable[[pytest.Item], bool]


def select(items: list[pytest.Item], config: pytest.Config) -> None:
    """Reduce `items` to what the options and ALLURE_TESTPLAN_PATH ask for."""
    rules = [rule for rule in (by_plan(config), by_labels(config)) if rule is not None]
    if not rules:
        return
    selected, deselected = divided(items, lambda item: all(rule(item) for rule in rules))
    items[:] = selected
    if deselected:
        config.hook.pytest_deselected(items=deselected)


def divided(
    items: list[pytest.Item], rule: _Selects | None
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return those that a rule selects, and the others."""
    selected: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        (selected if rule is None or rule(item) else deselected).append(item)
    return selected, deselected


def by_plan(config: pytest.Config) -> _Selects | None:
    """Return what ALLURE_TESTPLAN_PATH selects; None without it."""
    plan = get_testplan()
    if not plan:
        return None
    ids = {str(entry["id"]) for entry in plan if entry.get("id") is not None}
    selectors = {entry.get("selector") for entry in plan}
    inversion = bool(config.option.inversion)
    return lambda item: _is_planned(item, ids, selectors) != inversion


def by_labels(config: pytest.Config) -> _Selects | None:
    """Return what the options select; None without one."""
    wanted: set[tuple[str, Any]] = set()
    for option in _BY_LABELS:
        wanted |= set(getattr(config.option, option))
    for labels in config.option.allure_labels:
        wanted |= set(labels)
    return (lambda item: bool(wanted & _labels(item))) if wanted else None


def _is_planned(item: pytest.Item, ids: set[str], selectors: set[Any]) -> bool:
    if metadata.full_name(item) in selectors:
        return True
    return not ids.isdisjoint(map(str, metadata.label_values(item, LabelType.ID)))


def _labels(item: pytest.Item) -> set[tuple[str, Any]]:
    labels = set(metadata.marked_labels(item))
    if not any(name == LabelType.SEVERITY for name, _ in labels):
        labels.add((LabelType.SEVERITY, Severity.NORMAL))
    return labels
