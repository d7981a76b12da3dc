"""Which failing tests look at OpenTelemetry's own state: they may want to run in isolation."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType, TracebackType
from typing import Any

_STATE = (
    "opentelemetry.baggage",
    "opentelemetry.context",
    "opentelemetry.propagat",
    "opentelemetry.sdk.trace",
    "opentelemetry.trace",
)
"""Modules, by the beginnings of their names, in which a current span makes a difference."""


def looks_at_opentelemetry(function: Any, exception: BaseException | None) -> bool:
    """Whether a test's function, or code that it failed in, uses what a current span changes.

    Args:
        function: the test's.
        exception: what it failed with; the code that its traceback leads through is looked at.
    """
    return any(
        _is_state(each)
        for names, space in _code(function, exception)
        for each in _used(names, space)
    )


def _code(
    function: Any, exception: BaseException | None
) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        yield function.__code__, function.__globals__
    tb: TracebackType | None = None if exception is None else exception.__traceback__
    while tb is not None:
        yield tb.tb_frame.f_code, tb.tb_frame.f_globals
        tb = tb.tb_next


def _used(code: CodeType, space: dict[str, Any]) -> Iterator[str]:
    """Yield the module that the code is in, and those that its global names come from."""
    yield str(space.get("__name__"))
    for name in code.co_names:
        value = space.get(name)
        if isinstance(value, ModuleType):
            yield value.__name__
        elif value is not None:
            yield str(getattr(value, "__module__", ""))


def _is_state(module: str) -> bool:
    return module.startswith(_STATE)


def hint(tests: list[str]) -> str:
    """Return what the terminal summary says of them."""
    which = f"{len(tests)} failed tests look" if len(tests) > 1 else "a failed test looks"
    return (
        f"{which} at OpenTelemetry's own state, {tests[0]}. In isolation code finds that as without"
        " a report: --allure-otel-context=isolated, or"
        " @pytest.mark.allure_otel_context('isolated')"
    )
