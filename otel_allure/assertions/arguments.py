"""What a trace may be asked with: each is checked before anything is asked. Pure.

All raise `TraceUsageError`, which says what there has to be instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otel_allure.assertions.errors import TraceUsageError, hidden

__tracebackhide__ = hidden


def check_text(what: str, value: object) -> None:
    """Check a name: a text, or a compiled regular expression of texts."""
    text = value.pattern if isinstance(value, re.Pattern) else value
    if not isinstance(text, str):
        raise TraceUsageError(f"{what} is a text or a regular expression, not {value!r}")


def check_seconds(asked: str, value: object) -> float:
    """Return a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise TraceUsageError(f"{asked}: it is a number of seconds, more than 0")
    return value


def check_count(asked: str, value: object, least: int = 0) -> int:
    """Return a count."""
    if type(value) is not int or value < least:
        raise TraceUsageError(f"{asked}: it is a whole number of at least {least}")
    return value


def check_function(asked: str, value: object, example: str) -> None:
    """Check something that is called to be asked."""
    if not callable(value):
        raise TraceUsageError(f"{asked}: it takes a function, as {example}")


def check_mapping(what: str, value: object) -> None:
    """Check what is by name."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise TraceUsageError(f'{what} is by name, as {{"name": "value"}}, not {value!r}')


def check_list(keyword: str, value: Any) -> Sequence[Any]:
    """Return several of something."""
    if isinstance(value, (str, re.Pattern, int)) or not isinstance(value, Iterable):
        raise TraceUsageError(f"{keyword}={value!r} is a list: {keyword}=[{value!r}]")
    return list(value)


def compiled(asked: str, expression: str | re.Pattern[str]) -> re.Pattern[str]:
    """Return a regular expression."""
    check_text(asked, expression)
    try:
        return re.compile(expression)
    except re.error as error:
        raise TraceUsageError(
            f"{asked}: {expression!r} is no regular expression: {error}"
        ) from None
