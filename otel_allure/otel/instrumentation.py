"""Activates OpenTelemetry instrumentations that are installed. None are written here."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from otel_allure.model.diagnostics import Diagnostics

GROUP = "opentelemetry_instrumentor"

# Left out of "all". By name they can still be asked for.
NOT_FOR_ALL = {
    "asyncio": "wraps coroutines, so that plugins no longer find their tests",
    "logging": "adds a handler to the root logger, which tests with caplog see",
    "system_metrics": "makes no spans",
}


_PREFIX = "opentelemetry-instrumentation-"
# Names of instrumentations whose distribution is called otherwise.
_DISTRIBUTIONS = {
    "aiobotocore": "botocore",
    "grpc-aio-client": "grpc",
    "grpc-aio-server": "grpc",
    "grpc-client": "grpc",
    "grpc-server": "grpc",
    "kafka": "kafka-python",
    "openai": "openai-v2",
    "postgres": "psycopg",
    "postgresql": "psycopg",
    "psycopg2-binary": "psycopg2",
}
_NAMES = {"kafka-python": "kafka", "openai-v2": "openai"}


class UnknownInstrumentationError(ValueError):
    """A name that no installed instrumentation has."""


def installed() -> dict[str, EntryPoint]:
    """Return the installed instrumentations by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def activate(names: Iterable[str], diagnostics: Diagnostics) -> Callable[[], None]:
    """Activate instrumentations and return what deactivates them again.

    One that is active already is left alone. One that is named and cannot be activated is a
    problem, no error. Of `all`, those whose library is not installed are just left out: many
    people have instrumentations of libraries that they do not have. Others that fail are noted.

    Args:
        names: of installed instrumentations, or `all`.
        diagnostics: told about those that fail.

    Raises:
        UnknownInstrumentationError: for a name that is not installed; it says what to do.
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
            raise UnknownInstrumentationError(_advice(name, known))
    active: list[Any] = []
    left_out: list[str] = []
    for name, entry in wanted.items():
        try:
            _activate(entry, active)
        except Exception as error:
            if name in names:
                diagnostics.add(f"activating {name}", error)
            elif not isinstance(error, _ConflictError):
                left_out.append(f"{name} ({type(error).__name__}: {error})")
    if left_out:
        diagnostics.notes.append(f"of all instrumentations, not activated: {', '.join(left_out)}")

    def deactivate() -> None:
        for instrumentor in active:
            with diagnostics.caught("deactivating an instrumentation"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                instrumentor.uninstrument()

    return deactivate


class _ConflictError(Exception):
    """A library that is missing, or of another version."""


def _activate(entry: EntryPoint, active: list[Any]) -> None:
    """Activate one, unless it is active; add it to those that are by us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some warn about themselves, which `-W error` would raise
        conflict = _conflict(entry)
        if conflict is not None:
            raise _ConflictError(conflict)
        instrumentor = entry.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(raise_exception_on_conflict=True)
            active.append(instrumentor)


def _advice(name: str, known: Iterable[str]) -> str:
    """Return what to do about a name that no installed instrumentation has."""
    available = _available()
    wanted = name.strip().lower().replace("_", "-")
    close = [
        *difflib.get_close_matches(name, known),
        *difflib.get_close_matches(wanted, available - {wanted}),
    ]
    distribution = _DISTRIBUTIONS.get(wanted, wanted)
    return (
        f"no instrumentation named {name!r} is installed; "
        + (f"did you mean {' or '.join(map(repr, dict.fromkeys(close)))}? " if close else "")
        + f"Perhaps `pip install {_PREFIX}{distribution}`. "
        + f"Installed are: {', '.join(sorted(known)) or 'none'} (or 'all')"
    )


def _available() -> set[str]:
    """Return the names of those that OpenTelemetry knows, where it says so."""
    try:
        from opentelemetry.instrumentation import bootstrap_gen
    except ImportError:
        return set()
    rows = [row["instrumentation"] for row in getattr(bootstrap_gen, "libraries", ())]
    rows += getattr(bootstrap_gen, "default_instrumentations", ())
    names = (re.split("[<>=~! ]", row)[0].removeprefix(_PREFIX) for row in rows)
    return {_NAMES.get(name, name) for name in names}


def _conflict(entry: EntryPoint) -> str | None:
    """Return what is wrong with the library to be instrumented: missing, or of another version."""
    from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

    conflict = get_dist_dependency_conflicts(entry.dist) if entry.dist is not None else None
    return None if conflict is None else str(conflict)
