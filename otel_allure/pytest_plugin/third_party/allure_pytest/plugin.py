"""`allure_pytest.plugin`: functions that others call or replace nothing of; the hooks are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import allure_commons
import pytest
from allure_commons.logger import AllureFileLogger  # noqa: F401 -- imported from here by some

from otel_allure.pytest_plugin import selection


def cleanup_factory(plugin: Any) -> Callable[[], None]:
    """Return what unregisters a listener of allure_commons."""

    def clean_up() -> None:
        allure_commons.plugin_manager.unregister(
            name=allure_commons.plugin_manager.get_name(plugin)
        )

    return clean_up


def select_by_labels(
    items: list[pytest.Item], config: pytest.Config
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return those that the options ask for, and the others."""
    return selection.divided(items, selection.by_labels(config))


def select_by_testcase(
    items: list[pytest.Item], config: pytest.Config
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return those that ALLURE_TESTPLAN_PATH asks for, and the others."""
    return selection.divided(items, selection.by_plan(config))
