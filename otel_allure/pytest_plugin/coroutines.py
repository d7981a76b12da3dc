"""Contexts inside coroutines: makes the scope current where an async test or fixture really runs.

A hook can make a scope current around a test, but that is not where its coroutine runs: anyio
runs all of them in one long-lived task with the context of whoever came first, and pytest-asyncio
tears async generators down in the context of their set-up. So the coroutine itself is wrapped, and
attaches when it is resumed what is current *for it* at that time.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Any


def is_async(function: object) -> bool:
    """Whether it is a coroutine function or an async generator function."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


Place = Callable[[bool], AbstractContextManager[object]]
"""Makes current what belongs to a function that is resumed; told whether for the first time."""


def in_place(function: Callable[..., Any], place: Place) -> Callable[..., Any]:
    """Return the async `function`, in `place` whenever it is resumed."""

    @functools.wraps(function)
    async def coroutine_inner(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with place(True):
            return await function(*args, **kwargs)

    @functools.wraps(function)
    async def async_generator_inner(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        __tracebackhide__ = True
        generator = function(*args, **kwargs)
        resume, value, first = generator.asend, None, True
        while True:
            with place(first):
                try:
                    produced = await resume(value)
                except StopAsyncIteration:
                    return
            first = False
            try:
                resume, value = generator.asend, (yield produced)
            except GeneratorExit:
                with place(False):
                    await generator.aclose()
                raise
            except BaseException as error:
                resume, value = generator.athrow, error

    if inspect.isasyncgenfunction(function):
        return async_generator_inner
    return coroutine_inner
