"""What a run's results come to: how many tests, and how they ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from otel_allure.model.conventions import RESULT

RETRIES = "retries"
"""In a count of statuses: earlier attempts at tests, which no status is counted for."""
UNKNOWN = "unknown"
STATUSES = ("failed", "broken", UNKNOWN, "skipped", "passed")
"""What a result can have, worst first."""
_BAD = STATUSES[:3]
_FIELDS = ("historyId", "start", "status")
_Attempt = tuple[str, int, str]
"""What the test is known by, when it began, and its status."""


class Tally:
    """The results of a run, by file name; one that is written anew takes its own place."""

    def __init__(self) -> None:
        self._results: dict[str, _Attempt] = {}

    def note(self, file_name: str, result: Mapping[str, Any]) -> None:
        """Note a result that has been written, by its fields."""
        self._results[file_name] = _attempt(file_name, *map(result.get, _FIELDS))

    def discard(self, file_name: str) -> None:
        """Forget a result whose file has been removed."""
        self._results.pop(file_name, None)

    def counts(self) -> Counter[str]:
        """Return how many tests ended with each status, by their last attempts; and `RETRIES`."""
        return _counts(self._results.values())


def counts_of(results: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return what `Tally.counts` does, for results as their JSON has them."""
    return _counts(
        _attempt(str(number), *map(result.get, _FIELDS)) for number, result in enumerate(results)
    )


def counts_in(directory: Path, since_ms: int) -> Counter[str]:
    """Return what `Tally.counts` does, for the results in a directory that began since then."""
    results = []
    for path in directory.glob(f"*{RESULT}"):
        try:
            if path.stat().st_mtime * 1000 >= since_ms - _CLOCKS_DIFFER_MS:
                results.append(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            continue
    return counts_of(r for r in results if isinstance(r, dict) and r.get("start", 0) >= since_ms)


_CLOCKS_DIFFER_MS = 60_000
"""So much may the clock of a file server be behind."""


def _attempt(otherwise: str, history_id: Any, start: Any, status: Any) -> _Attempt:
    """Return an attempt of what a result says, whatever listeners of others have put into it."""
    return (
        history_id if history_id and type(history_id) is str else otherwise,
        start if type(start) is int else 0,
        status if status and type(status) is str else UNKNOWN,
    )


def _counts(attempts: Iterable[_Attempt]) -> Counter[str]:
    last: dict[str, tuple[int, str]] = {}
    total = 0
    for key, start, status in attempts:
        total += 1
        if key not in last or start >= last[key][0]:
            last[key] = start, status
    counts = Counter(status for _, status in last.values())
    counts[RETRIES] = total - len(last)
    return counts


def number_of_tests(counts: Mapping[str, int]) -> int:
    """Return the number of tests."""
    return sum(number for status, number in counts.items() if status != RETRIES)


def described(counts: Mapping[str, int], statuses: Iterable[str] = _BAD) -> str:
    """Return how many tests ended with each of some statuses: `1 failed, 1 broken, 2 retries`."""
    parts = [f"{counts[status]} {status}" for status in statuses if counts.get(status)]
    if number := counts.get(RETRIES):
        parts.append("1 retry" if number == 1 else f"{number} retries")
    return ", ".join(parts)
