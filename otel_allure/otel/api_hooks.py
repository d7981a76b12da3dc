"""The places of the API where providers are set and missed."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol

from opentelemetry import trace

from otel_allure.compat.opentelemetry import GLOBAL_TRACER_PROVIDER, PROXY_TRACERS
from otel_allure.compat.patches import Undo, undo_all


class Session(Protocol):
    """What hears of providers, and stands in for one."""

    @property
    def stands_in(self) -> bool:
        """Whether the caller's spans are recorded although no provider is set."""

    def tracer_without_provider(self, proxy: Any) -> trace.Tracer:
        """Return what the API's `proxy` uses until a provider is set."""

    def refresh(self) -> None:
        """Look at whose provider is set by now."""


_sessions: list[Session] = []
"""The innermost is the last: a test may run pytest itself."""

_undo: list[Undo] = []


def _tracer_without_provider(proxy: Any) -> trace.Tracer | None:
    if _sessions and _sessions[-1].stands_in:
        return _sessions[-1].tracer_without_provider(proxy)
    return None


class _ListeningModule(ModuleType):
    """`opentelemetry.trace`, while it tells us when one of its globals is assigned to."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in GLOBAL_TRACER_PROVIDER.names and _sessions:
            _sessions[-1].refresh()


class ListeningOnce:
    """The `Once` that guards `set_tracer_provider`, while it tells us when it was used.

    Everything else is the plain one's: tests reset it.
    """

    plain: Any

    def __init__(self, plain: Any) -> None:
        self.__dict__["plain"] = plain

    @staticmethod
    def added(once: Any) -> Any:
        """Return what tells us, and does what `once` does."""
        return once if type(once) is ListeningOnce else ListeningOnce(once)

    @staticmethod
    def removed(once: Any) -> Any:
        """Return the plain one."""
        return once.plain if type(once) is ListeningOnce else once

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that `isinstance` sees."""
        return type(self.plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.plain, name, value)

    def do_once(self, func: Any) -> Any:
        """Do what has not been done, and tell the sessions."""
        done = self.plain.do_once(func)
        if _sessions:
            _sessions[-1].refresh()
        return done


def listen(session: Session) -> None:
    """Tell `session` of providers that are set, and have it stand in where none is."""
    _sessions.append(session)
    if not _undo:
        _undo.append(PROXY_TRACERS.stand_in(_tracer_without_provider))
    if type(trace) is ModuleType:
        trace.__class__ = _ListeningModule


def stop_listening(session: Session) -> None:
    """Undo `listen`."""
    _sessions.remove(session)
    if not _sessions:
        if type(trace) is _ListeningModule:
            trace.__class__ = ModuleType  # type: ignore[assignment]
        undo_all(_undo)
        GLOBAL_TRACER_PROVIDER.guard(ListeningOnce.removed)
