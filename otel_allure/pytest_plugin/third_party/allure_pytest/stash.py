"""`allure_pytest.stash`: values that are kept with a test."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

HAS_STASH = True


def create_stashkey_safe() -> pytest.StashKey[Any]:
    """Return a new key."""
    return pytest.StashKey()


def stash_get_safe(item: pytest.Item, key: pytest.StashKey[Any]) -> Any:
    """Return the value of `key`, None if there is none."""
    return item.stash.get(key, None)


def stash_set_safe(item: pytest.Item, key: pytest.StashKey[Any], value: Any) -> None:
    """Set the value of `key`."""
    item.stash[key] = value


def stashed(arg: Any = None) -> Any:
    """Decorate a function of a test that is to be called once for each test."""
    is_bare = callable(arg)
    key = pytest.StashKey[Any]() if arg is None or is_bare else arg

    def decorator(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(item: pytest.Item, *args: Any, **kwargs: Any) -> Any:
            if key not in item.stash:
                item.stash[key] = func(item, *args, **kwargs)
            return item.stash[key]

        return wrapper

    return decorator(arg) if is_bare else decorator
