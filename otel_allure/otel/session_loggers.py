"""Whose loggers reach the report while pytest writes one; for spans see `session_provider`.

The provider that is set gets a processor of ours. Until one is set, what is emitted through the
API's proxies goes to a provider that nobody else sees. The SDK's half for logs is imported when
somebody needs it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from otel_allure.compat.opentelemetry import (
    LOGGER_PROVIDER_CLASS,
    LOGGING_DISABLED,
    enable,
    global_logger_provider,
    proxy_loggers,
)
from otel_allure.compat.patches import Undo, undo_all
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.otel.api_hooks import ListeningOnce
from otel_allure.otel.session_provider import takes_processors
from otel_allure.recording.active import is_isolated

_global_provider = global_logger_provider()
_proxies = proxy_loggers()


class SessionLoggers:
    """The OpenTelemetry loggers of a test session, from `install` to `uninstall`.

    Args:
        take: given each record, as the SDK has it.
        diagnostics: told about what cannot be followed.
        isolated: whether tests run in isolation where they do not say so themselves: there, nothing
            stands in for a provider.
    """

    def __init__(
        self, take: Callable[[Any], None], diagnostics: Diagnostics, *, isolated: bool = False
    ) -> None:
        self._diagnostics = diagnostics
        self._isolated = isolated
        self._relay = _Relay(take)
        self._providers: list[weakref.ref[Any]] = []
        self._own: Any = None
        self._proxied: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Stand in where no provider is set, and listen to the one that is."""
        _sessions.append(self)
        if not _undo:
            _undo.append(_proxies.stand_in(_logger_without_provider))
        self.refresh()

    def uninstall(self) -> None:
        """Put everything back."""
        self._relay.take = None
        _sessions.remove(self)
        if not _sessions:
            undo_all(_undo)
            _global_provider.guard(ListeningOnce.removed)

    @property
    def stands_in(self) -> bool:
        """Whether the caller's records are taken although no provider is set."""
        return not is_isolated(by_default=self._isolated)

    def refresh(self) -> None:
        """Look at whose provider is set by now. It is called in users' code: nothing is raised."""
        with self._diagnostics.caught("listening to a logger provider"):
            _global_provider.guard(ListeningOnce.added)
            provider = _global_provider.get()
            if takes_processors(provider, "add_log_record_processor"):
                self._listen_to(provider)

    def _listen_to(self, provider: Any) -> None:
        self._providers = [known for known in self._providers if known() is not None]
        if all(known() is not provider for known in self._providers):
            self._providers.append(weakref.ref(provider))
            provider.add_log_record_processor(self._relay)

    def logger_without_provider(self, proxy: Any) -> Any:
        """Return what the API's `proxy` uses until a provider is set, None for nothing."""
        logger = self._proxied.get(proxy)
        if logger is None and (provider := self._provider()) is not None:
            logger = self._proxied[proxy] = provider.get_logger(*_proxies.arguments(proxy))
        return logger

    def _provider(self) -> Any:
        if self._own is None:
            make = LOGGER_PROVIDER_CLASS.imported()
            if make is not None:
                self._own = make(shutdown_on_exit=False)
                enable(self._own, LOGGING_DISABLED)  # OTEL_SDK_DISABLED is not about the report
                self._own.add_log_record_processor(self._relay)
        return self._own


_undo: list[Undo] = []
_sessions: list[SessionLoggers] = []
"""The innermost is the last: a test may run pytest itself."""


def _logger_without_provider(proxy: Any) -> Any:
    if _sessions and _sessions[-1].stands_in:
        return _sessions[-1].logger_without_provider(proxy)
    return None


class _Relay:
    """A processor for the providers of others. They have no way to remove it; it can be idle."""

    def __init__(self, take: Callable[[Any], None]) -> None:
        self.take: Callable[[Any], None] | None = take

    def on_emit(self, log_record: Any) -> None:
        if self.take is not None:
            self.take(log_record)

    def enabled(self, **_: Any) -> bool:
        return self.take is not None

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
