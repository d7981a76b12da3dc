"""Stands in for allure-pytest, for code that looks for it: by plugin name, by class, by import.

Conftest files and plugins ask `hasplugin("allure_pytest")`, look for an instance of
`allure_pytest.listener.AllureListener`, and import from `allure_pytest.utils`. Where allure-pytest
is not installed, that package is the folder `allure_pytest` beside this file: its name is put into
`sys.modules`, and the import system does the rest when somebody asks for a module of it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

PACKAGE = "allure_pytest"
_NAMES = (PACKAGE, f"{PACKAGE}.plugin", "otel_allure", "otel_allure.pytest_plugin")
"""By which it, and we, may be loaded: the entry point's, the module's."""
LISTENER = pytest.StashKey[Any]()
"""The listener of the run, whatever others do with its name."""
_FOLDER = str(Path(__file__).with_name(PACKAGE))


class _InItsPlace:
    """Has a name among pytest's plugins, so that nothing is loaded by it, or not once more."""


def take_place(pluginmanager: pytest.PytestPluginManager) -> None:
    """Have the place of allure-pytest, whether it has been loaded or not."""
    for plugin in list(pluginmanager.get_plugins()):
        if getattr(plugin, "__name__", None) == "allure_pytest.plugin":
            pluginmanager.unregister(plugin)
    for name in _NAMES:
        if not (pluginmanager.hasplugin(name) or pluginmanager.is_blocked(name)):
            pluginmanager.register(_InItsPlace(), name)
    _make_importable()


def is_installed() -> bool:
    """Whether allure-pytest itself can be imported."""
    spec = _spec()
    folders = None if spec is None else spec.submodule_search_locations
    return folders is not None and _FOLDER not in folders


def _make_importable() -> None:
    if _spec() is None:
        spec = importlib.machinery.ModuleSpec(PACKAGE, None, is_package=True)
        spec.submodule_search_locations = [_FOLDER]
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)


def _spec() -> importlib.machinery.ModuleSpec | None:
    """Return what is importable by the name of the package.

    A folder of that name, with results for example, is a package to Python, too, if an empty one.
    """
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):  # somebody has put something odd into sys.modules
        return None
    if spec is not None and spec.origin is None and PACKAGE not in sys.modules:
        return None
    return spec


class AllureListener:
    """What is registered with pytest, and allure_commons, while a report is written.

    It passes for an instance of allure-pytest's class too, which is what is looked for.
    """

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that `isinstance` sees."""
        imported = sys.modules.get("allure_pytest.listener")
        return getattr(imported, "AllureListener", type(self))

    def __dir__(self) -> list[str]:
        """The names by which pytest finds the hooks: without this, those of the other class."""
        return sorted({*dir(type(self)), *vars(self)})

    if not TYPE_CHECKING:  # it would hide from type checkers what is not there

        def __getattr__(self, name: str) -> Any:
            """Return what allure-pytest's has for the hooks of allure_commons, for direct calls."""
            from otel_allure.recording.allure_hooks import HOOKS, listener

            if name in HOOKS:
                return getattr(listener(), name)
            raise AttributeError(f"otel-allure's AllureListener has no {name!r}")
