"""`allure_pytest.listener`: the class by which the listener is looked for, and its cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from allure_commons.model2 import (  # noqa: F401 -- imported from here by some
    Label,
    Link,
    Parameter,
    Status,
    StatusDetails,
    TestAfterResult,
    TestBeforeResult,
    TestResult,
    TestResultContainer,
    TestStepResult,
)
from allure_commons.reporter import AllureReporter
from allure_commons.types import AttachmentType, LabelType, ParameterMode  # noqa: F401
from allure_commons.utils import now, represent, uuid4  # noqa: F401

from otel_allure.pytest_plugin import stand_in
from otel_allure.pytest_plugin.metadata import callspec_id, callspec_parameters

from .utils import allure_suite_labels


class AllureListener(stand_in.AllureListener):
    """Looks like allure-pytest's, and shares the reporter of the run.

    One that somebody makes has no hooks of pytest: those are the business of the one that the
    plugin has registered.
    """

    SUITE_LABELS = {LabelType.PARENT_SUITE, LabelType.SUITE, LabelType.SUB_SUITE}  # noqa: RUF012

    def __init__(self, config: pytest.Config) -> None:
        running: Any = config.pluginmanager.get_plugin("allure_listener")
        self.config = config
        self.allure_logger = AllureReporter() if running is None else running.allure_logger
        self._cache = ItemCache() if running is None else running._cache

    @staticmethod
    def __get_pytest_params(item: pytest.Item) -> Mapping[str, Any]:
        return callspec_parameters(item)

    @staticmethod
    def __get_pytest_param_id(item: pytest.Item) -> str | None:
        return callspec_id(item)

    def __apply_default_suites(self, item: pytest.Item, test_result: Any) -> None:
        given = {label.name for label in test_result.labels} & AllureListener.SUITE_LABELS
        test_result.labels.extend(
            Label(name=name, value=value)
            for name, value in allure_suite_labels(item)
            if name not in given
        )


class ItemCache:
    """Gives each object a uuid, until it is taken back."""

    def __init__(self) -> None:
        self._items: dict[int, str] = {}

    def get(self, _id: object) -> str | None:
        """Return the uuid of an object, None if it has none."""
        return self._items.get(id(_id))

    def push(self, _id: object) -> str:
        """Return the uuid of an object, which may be new."""
        return self._items.setdefault(id(_id), uuid4())

    def pop(self, _id: object) -> str | None:
        """Take the uuid of an object back."""
        return self._items.pop(id(_id), None)
