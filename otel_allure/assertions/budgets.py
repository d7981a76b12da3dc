"""How many calls, errors and seconds are allowed, and how many there were. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches

from otel_allure.assertions.errors import TraceUsageError, hidden
from otel_allure.assertions.expectations import Failure, innermost_errors
from otel_allure.assertions.kinds import CALLS, one_per_call
from otel_allure.assertions.view import View
from otel_allure.model.spans import Span
from otel_allure.presentation.durations import duration

__tracebackhide__ = hidden

NAMES = (*CALLS, "errors", "seconds")
"""What a budget can be of."""
COUNTS = (*CALLS, "errors")
"""What is the same in each run of a test, so that it can be kept in a file."""

Budget = Mapping[str, float]
"""The most that is allowed, by name."""


def says_nothing(budget: Mapping[str, object]) -> bool:
    """Whether none of these names is, or may have been meant to be, one of a budget."""
    return not any(get_close_matches(name, NAMES, 1) for name in budget)


def checked(budget: Mapping[str, object], where: str) -> dict[str, float]:
    """Return a budget once it is clear that it is one.

    Raises:
        TraceUsageError: for names that there are not, and values that can be none.
    """
    for name, most in budget.items():
        if name not in NAMES:
            near = get_close_matches(name, NAMES, 1)
            meant = f", did you mean {near[0]!r}?" if near else ""
            raise TraceUsageError(f"{where}: {name!r} is none of {', '.join(NAMES)}{meant}")
        is_number = isinstance(most, (int, float)) and not isinstance(most, bool)
        number = float(most) if is_number else math.nan  # type: ignore[arg-type]
        if not 0 <= number < math.inf or (name != "seconds" and not number.is_integer()):
            what = "a number of seconds" if name == "seconds" else "a whole number"
            raise TraceUsageError(f"{where}: {name}={most!r} is not {what} of at least 0")
    if not budget:
        raise TraceUsageError(f"{where}: of what? There are {', '.join(NAMES)}: budget(sql=3)")
    return {name: float(most) for name, most in budget.items()}  # type: ignore[arg-type]


def spent(name: str, spans: list[Span], view: View) -> list[Span]:
    """Return the calls, or the errors, that count for a budget."""
    if name == "errors":
        return innermost_errors(spans, view)
    return one_per_call(filter(CALLS[name], spans), view)


def exceeded(budget: Budget, spans: list[Span], view: View, took_ns: int) -> Failure | None:
    """Return what is beyond a budget, if something is."""
    over: list[str] = []
    offenders: dict[int, Span] = {}
    for name, most in budget.items():
        if name == "seconds":
            if took_ns > most * 1e9:
                over.append(duration(took_ns))
            continue
        found = spent(name, spans, view)
        if len(found) > most:
            over.append(f"{name}={len(found)}")
            offenders |= {span.span_id: span for span in found}
    if not over:
        return None
    told = {name: most for name, most in budget.items() if most or len(budget) < len(COUNTS)}
    return Failure(
        expected="at most " + words(told or budget),
        found=", ".join(over),
        offenders=list(offenders.values()),
    )


def words(budget: Budget) -> str:
    """Return a budget as it is written in code."""
    return ", ".join(f"{name}={most:g}" for name, most in budget.items())


def measured(spans: list[Span], view: View) -> dict[str, int]:
    """Return what a test has spent, of what is the same in each run."""
    return {name: len(spent(name, spans, view)) for name in COUNTS}
