"""Stands in for allure-pytest, for code that looks for it: by plugin name, by class, by import.

Conftest files and plugins ask `hasplugin("allure_pytest")`, look for an instance of
`allure_pytest.listener.AllureListener`, and import from `allure_pytest.utils`. Where allure-pytest
is not installed, its two modules with such names are made here, when somebody imports them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from otel_allure.pytest_plugin import metadata

_NAMES = ("allure_pytest", "allure_pytest.plugin")
"""By which it may be loaded: its entry point's, its module's."""


class _InItsPlace:
    """Has the name of allure-pytest among pytest's plugins, so that it is not loaded."""


def take_place(pluginmanager: pytest.PytestPluginManager) -> None:
    """Have the place of allure-pytest, whether it has been loaded or not."""
    for plugin in list(pluginmanager.get_plugins()):
        if getattr(plugin, "__name__", None) == "allure_pytest.plugin":
            pluginmanager.unregister(plugin)
    for name in _NAMES:
        if not (pluginmanager.hasplugin(name) or pluginmanager.is_blocked(name)):
            pluginmanager.register(_InItsPlace(), name)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())  # the last one: what is installed comes first


class AllureListener:
    """What is registered with pytest, and allure_commons, while a report is written.

    It passes for an instance of allure-pytest's class too, which is what is looked for.
    """

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that `isinstance` sees."""
        installed = sys.modules.get("allure_pytest.listener")
        return getattr(installed, "AllureListener", type(self))

    def __dir__(self) -> list[str]:
        """The names by which pytest finds the hooks: without this, those of the other class."""
        return sorted({*dir(type(self)), *vars(self)})


# -- its modules, where it is not installed


def _title(item: pytest.Item) -> str | None:
    return getattr(getattr(item, "obj", None), metadata.TITLE_ATTRIBUTE, None)


def _name(item: pytest.Item, parameters: Any = None, param_id: str | None = None) -> str:
    return metadata.title(item)


def _links(item: pytest.Item) -> list[tuple[str, str, str]]:
    return [(kind, url, name) for url, name, kind in metadata.links(item)]


_MODULES: dict[str, dict[str, Callable[..., Any] | str | type]] = {
    "allure_pytest": {},
    "allure_pytest.listener": {"AllureListener": AllureListener},
    "allure_pytest.utils": {
        "ALLURE_DESCRIPTION_MARK": metadata.DESCRIPTION_MARK,
        "ALLURE_DESCRIPTION_HTML_MARK": metadata.DESCRIPTION_HTML_MARK,
        "ALLURE_LABEL_MARK": metadata.LABEL_MARK,
        "ALLURE_LINK_MARK": metadata.LINK_MARK,
        "allure_description": metadata.description,
        "allure_description_html": metadata.description_html,
        "allure_full_name": metadata.full_name,
        "allure_label": metadata.label_values,
        "allure_labels": lambda item: set(metadata.marked_labels(item)),
        "allure_links": _links,
        "allure_name": _name,
        "allure_package": metadata.package,
        "allure_title": _title,
        "allure_title_path": metadata.title_path,
        "get_history_id": metadata.history_id,
        "pytest_markers": metadata.tags,
    },
}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds allure-pytest's modules when nothing else does."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how to make a module of that name."""
        if name not in _MODULES:
            return None
        return importlib.machinery.ModuleSpec(
            name, self, origin="otel-allure", is_package=name == "allure_pytest"
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Leave it to the import system."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Fill the module."""
        module.__dict__.update(_MODULES[module.__name__])
