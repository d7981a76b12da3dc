"""`allure_pytest.compat`: what depends on pytest's version there. Ours are all new enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def getfixturedefs(
    fixturemanager: Any, name: str, item: pytest.Item
) -> Sequence[pytest.FixtureDef[Any]] | None:
    """Return the fixtures of that name that `item` sees."""
    found: Sequence[pytest.FixtureDef[Any]] | None = fixturemanager.getfixturedefs(name, item)
    return found
