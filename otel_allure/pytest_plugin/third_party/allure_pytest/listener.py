"""`allure_pytest.listener`: the class by which the listener is looked for, and its cache."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import allure_commons
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

from otel_allure.pytest_plugin.metadata import callspec_id, callspec_parameters
from otel_allure.pytest_plugin.third_party import stand_in
from otel_allure.recording.allure_hooks import HOOKS, listener

from .utils import allure_suite_labels


@pytest.hookimpl(hookwrapper=True)
def _around(self: Any, *args: Any, **kwargs: Any) -> Generator[None, Any, None]:
    """Do nothing around a hook of pytest."""
    yield


def _told(name: str) -> Callable[..., Any]:
    """Return the hook of allure_commons of that name."""

    @allure_commons.hookimpl
    def hook(self: Any, *args: Any, **kwargs: Any) -> None:
        # One that is registered is told of what the plugin's own is told of.
        if not allure_commons.plugin_manager.is_registered(self):
            getattr(listener(), name)(*args, **kwargs)

    hook.__name__ = name
    return hook


@allure_commons.hookimpl
def _ignored(self: Any, *args: Any, **kwargs: Any) -> None:
    """Do nothing: pytest has told of it."""


class AllureListener(stand_in.AllureListener):
    """Looks like allure-pytest's, and shares the reporter of the run.

    Its hooks do nothing, as those of the one that the plugin has registered do all; classes below
    it may add to them. Where somebody has put this one in its place, that one goes on beside it.
    """

    SUITE_LABELS = {LabelType.PARENT_SUITE, LabelType.SUITE, LabelType.SUB_SUITE}  # noqa: RUF012

    def __init__(self, config: pytest.Config) -> None:
        running = config.stash.get(stand_in.LISTENER, None)
        self.config = config
        self.allure_logger = AllureReporter() if running is None else running.allure_logger
        self._cache = ItemCache() if running is None else running._cache

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """See to it that there is a report."""
        running = self.config.stash.get(stand_in.LISTENER, None)
        if running is not None and not self.config.pluginmanager.is_registered(running):
            self.config.pluginmanager.register(running, "otel_allure_listener")

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


for _name in (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
    "pytest_runtest_logfinish",
    "pytest_fixture_setup",
    "pytest_fixture_post_finalizer",
):
    setattr(AllureListener, _name, _around)
for _name in HOOKS:
    setattr(AllureListener, _name, _told(_name))
for _name in ("start_fixture", "stop_fixture"):
    setattr(AllureListener, _name, _ignored)


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
