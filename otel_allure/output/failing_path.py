"""What leads to the failure of a test: its tree of steps without what has nothing to do with it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from otel_allure.output.text_tree import Item, cause_of, listed

_FAILED = ("failed", "broken")
_MOST = 7
"""So many steps are shown below one; of more, the failed ones, and what is next to the first."""


def failing_path(result: Item) -> dict[str, Any]:
    """Return a result with what leads to its failure, to be shown below pytest's message of it.

    Steps that passed are one row each. Of the result's message the cause is kept.
    """
    return {**_shortened(result), "statusDetails": {"message": cause_of(result)}}


def _shortened(item: Item) -> dict[str, Any]:
    steps = listed(item, "steps")
    failed = [_has_failed(step) for step in steps]
    first = failed.index(True) if True in failed else len(steps)
    by_use = sorted(range(len(steps)), key=lambda n: (not failed[n], abs(n - first)))
    shown = set(by_use[:_MOST])
    rows: list[dict[str, Any] | str] = []
    for is_shown, group in groupby(range(len(steps)), shown.__contains__):
        if is_shown:
            rows += [_shortened(steps[n]) if failed[n] else _alone(steps[n]) for n in group]
        else:
            rows.append(f"… {len(list(group))} more")
    return {
        **item,
        "befores": [_shortened(f) for f in listed(item, "befores") if _has_failed(f)],
        "afters": [_shortened(f) for f in listed(item, "afters") if _has_failed(f)],
        "steps": rows,
        "attachments": [],
    }


def _alone(step: Item) -> dict[str, Any]:
    return {**step, "steps": [], "attachments": []}


def _has_failed(item: Item) -> bool:
    return item.get("status") in _FAILED or any(map(_has_failed, listed(item, "steps")))
