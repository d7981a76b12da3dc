"""Which fixtures plugins have made: what tests get of them is seldom worth a row."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import PurePath
from typing import Any

import pytest

_PACKAGES = ("site-packages", "dist-packages")
_AUTHORS = ("xunit_", "unittest_")
"""What pytest makes of an author's `setup_method` or `setUpClass`, maybe behind an underscore."""


def is_of_plugin(fixturedef: pytest.FixtureDef[Any], node: pytest.Item) -> bool:
    """Whether a fixture comes from an installed package that the test is not in."""
    if fixturedef.argname.lstrip("_").startswith(_AUTHORS):
        return False
    package = _package_of_module(str(getattr(fixturedef.func, "__module__", "")))
    return package is not None and _package_of(str(getattr(node, "path", ""))) != package


@cache
def _package_of_module(name: str) -> str | None:
    return _package_of(str(getattr(sys.modules.get(name), "__file__", None) or ""))


@cache
def _package_of(path: str) -> str | None:
    """Return the installed package that a file is in, None if it is in none."""
    parts = PurePath(path).parts
    places = [index for index, part in enumerate(parts[:-1]) if part in _PACKAGES]
    return parts[places[-1] + 1] if places else None
