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
from typing import Any

from opentelemetry.context import Context

from otel_allure.scope import attached


def is_async(function: object) -> bool:
    """Whether it is a coroutine function or an async generator function."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def in_context(function: Callable[..., Any], context: Callable[[], Context]) -> Callable[..., Any]:
    """Return the async `function`, running in what `context` returns when it is resumed."""

    @functools.wraps(function)
    async def coroutine_inner(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with attached(context()):
            return await function(*args, **kwargs)

    @functools.wraps(function)
    async def async_generator_inner(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        __tracebackhide__ = True
        generator = function(*args, **kwargs)
        resume, value = generator.asend, None
        while True:
            with attached(context()):
                try:
                    produced = await resume(value)
                except StopAsyncIteration:
                    return
            try:
                resume, value = generator.asend, (yield produced)
            except GeneratorExit:
                with attached(context()):
                    await generator.aclose()
                raise
            except BaseException as error:
                resume, value = generator.athrow, error

    if inspect.isasyncgenfunction(function):
        return async_generator_inner
    return coroutine_inner
