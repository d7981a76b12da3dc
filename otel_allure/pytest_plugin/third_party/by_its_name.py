"""Makes `pytest -p allure_pytest` work: entry points of ours with the names of allure-pytest's.

For `-p NAME`, pytest looks for an entry point of that name before it imports a module. So nothing
has to be importable by allure-pytest's name, and no file of ours is ever in its way. Where it is
installed, the entry points give what its own would: pytest takes either, whichever it finds first.

Without `-p`, pytest loads all entry points, and these before ours, as it goes by the alphabet.
"""

from __future__ import annotations

import importlib

import pytest

from otel_allure.pytest_plugin.third_party import stand_in


class _Loads:
    """A plugin that loads another one, unless that is blocked."""

    def __init__(self, name: str, module: str) -> None:
        self._name = name
        self._module = module

    def pytest_addhooks(self, pluginmanager: pytest.PytestPluginManager) -> None:
        """Load it; not by its entry point, as looking for that takes a while."""
        if pluginmanager.is_blocked(self._name):
            pluginmanager.unregister(self)  # nobody is to find the name, as without us
        elif not pluginmanager.hasplugin(self._name):
            pluginmanager.register(importlib.import_module(self._module), self._name)


plugin: object
if stand_in.is_installed():
    plugin = importlib.import_module("allure_pytest.plugin")
    module = _Loads("allure_pytest", "allure_pytest.plugin")
else:
    plugin = _Loads("otel_allure", "otel_allure.pytest_plugin")
    module = _Loads("otel_allure", "otel_allure.pytest_plugin")
# Two objects, as pytest registers none twice.
