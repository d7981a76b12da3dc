"""Which tests to run: by labels on the command line, by Allure's test plan."""

from __future__ import annotations

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


def select(items: list[pytest.Item], config: pytest.Config) -> None:
    """Reduce `items` to what the options and ALLURE_TESTPLAN_PATH ask for."""
    plan = get_testplan()
    wanted: set[tuple[str, Any]] = set()
    for option in _BY_LABELS:
        wanted |= set(getattr(config.option, option))
    for labels in config.option.allure_labels:
        wanted |= set(labels)
    if not plan and not wanted:
        return
    planned = {str(entry["id"]) for entry in plan if entry.get("id") is not None}
    selectors = {entry.get("selector") for entry in plan}

    def is_selected(item: pytest.Item) -> bool:
        if plan and _is_planned(item, planned, selectors) == bool(config.option.inversion):
            return False
        return not wanted or bool(wanted & _labels(item))

    selected = [item for item in items if is_selected(item)]
    kept = set(selected)
    deselected = [item for item in items if item not in kept]
    items[:] = selected
    if deselected:
        config.hook.pytest_deselected(items=deselected)


def _is_planned(item: pytest.Item, ids: set[str], selectors: set[Any]) -> bool:
    if metadata.full_name(item) in selectors:
        return True
    return not ids.isdisjoint(map(str, metadata.label_values(item, LabelType.ID)))


def _labels(item: pytest.Item) -> set[tuple[str, Any]]:
    labels = set(metadata.marked_labels(item))
    if not any(name == LabelType.SEVERITY for name, _ in labels):
        labels.add((LabelType.SEVERITY, Severity.NORMAL))
    return labels
