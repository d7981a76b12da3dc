"""Activates OpenTelemetry instrumentations that are installed. None are written here."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from otel_allure.problems import Problems

GROUP = "opentelemetry_instrumentor"

# Left out of "all". By name they can still be asked for.
NOT_FOR_ALL = {
    "asyncio": "wraps coroutines, so that plugins no longer find their tests",
    "logging": "adds a handler to the root logger, which tests with caplog see",
    "system_metrics": "makes no spans",
}


class UnknownInstrumentationError(ValueError):
    """A name that no installed instrumentation has."""


def installed() -> dict[str, EntryPoint]:
    """Return the installed instrumentations by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def activate(names: Iterable[str], problems: Problems) -> Callable[[], None]:
    """Activate instrumentations and return what deactivates them again.

    One that is active already is left alone. One that cannot be activated is a problem, no error;
    of `all`, those whose library is not installed are just left out.

    Args:
        names: of installed instrumentations, or `all`.
        problems: told about those that fail.

    Raises:
        UnknownInstrumentationError: for a name that is not installed; it says which are.
    """
    names = list(names)
    known = installed() if names else {}  # to look takes a tenth of a second
    wanted: dict[str, EntryPoint] = {}
    for name in names:
        if name == "all":
            wanted.update((n, entry) for n, entry in known.items() if n not in NOT_FOR_ALL)
        elif name in known:
            wanted[name] = known[name]
        else:
            raise UnknownInstrumentationError(
                f"no instrumentation named {name!r} is installed; installed are: "
                f"{', '.join(sorted(known)) or 'none'} (or 'all')"
            )
    active: list[Any] = []
    for name, entry in wanted.items():
        # Some warn about themselves, which `-W error` would turn into failures.
        with problems.caught(f"activating {name}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            conflict = _conflict(entry)
            if conflict is None:
                instrumentor = entry.load()()
                if not instrumentor.is_instrumented_by_opentelemetry:
                    instrumentor.instrument(raise_exception_on_conflict=True)
                    active.append(instrumentor)
            elif name in names:
                problems.add(f"activating {name}", conflict)

    def deactivate() -> None:
        for instrumentor in active:
            with problems.caught("deactivating an instrumentation"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                instrumentor.uninstrument()

    return deactivate


def _conflict(entry: EntryPoint) -> str | None:
    """Return what is wrong with the library to be instrumented: missing, or of another version."""
    from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

    conflict = get_dist_dependency_conflicts(entry.dist) if entry.dist is not None else None
    return None if conflict is None else str(conflict)
