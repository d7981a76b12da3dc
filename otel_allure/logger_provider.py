"""Whose loggers' records reach the report while pytest writes one; see `provider`, for spans.

The provider that is set gets a processor of ours. Until one is set, what is emitted through the
API's proxies goes to a provider that nobody else sees. The SDK's half for logs is imported when
somebody needs it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from opentelemetry._logs import Logger
from opentelemetry._logs import _internal as api

from otel_allure import recorder as recorders
from otel_allure.patches import Undo, replace, undo_all
from otel_allure.problems import Problems
from otel_allure.provider import ListeningOnce, takes_processors

_proxy_class: Any = api.ProxyLogger
_plain_logger_of_proxy: Any = _proxy_class.__dict__["_logger"]


class SessionLoggers:
    """The OpenTelemetry loggers of a test session, from `install` to `uninstall`.

    Args:
        take: given each record, as the SDK has it.
        problems: told about what cannot be followed.
        isolated: whether tests run in isolation where they do not say so themselves: there, nothing
            stands in for a provider.
    """

    def __init__(
        self, take: Callable[[Any], None], problems: Problems, *, isolated: bool = False
    ) -> None:
        self._problems = problems
        self._isolated = isolated
        self._relay = _Relay(take)
        self._providers: list[weakref.ref[Any]] = []
        self._own: Any = None
        self._proxied: weakref.WeakKeyDictionary[Any, Logger] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Stand in where no provider is set, and listen to the one that is."""
        _sessions.append(self)
        if not _undo:
            _undo.append(replace(_proxy_class, "_logger", property(_logger_of_proxy)))
        self.look()

    def uninstall(self) -> None:
        """Put everything back."""
        self._relay.take = None
        _sessions.remove(self)
        if not _sessions:
            undo_all(_undo)
            once: Any = api._LOGGER_PROVIDER_SET_ONCE
            api._LOGGER_PROVIDER_SET_ONCE = getattr(once, "plain", once)

    @property
    def stands_in(self) -> bool:
        """Whether the caller's records are taken although no provider is set."""
        return not recorders.is_isolated(by_default=self._isolated)

    def look(self) -> None:
        """Look at whose provider is set by now. It is called in users' code: nothing is raised."""
        with self._problems.caught("listening to a logger provider"):
            once: Any = api._LOGGER_PROVIDER_SET_ONCE
            if not isinstance(once, ListeningOnce):
                api._LOGGER_PROVIDER_SET_ONCE = ListeningOnce(once)
            provider = api._LOGGER_PROVIDER
            if takes_processors(provider, "add_log_record_processor"):
                self._listen_to(provider)

    def _listen_to(self, provider: Any) -> None:
        self._providers = [known for known in self._providers if known() is not None]
        if all(known() is not provider for known in self._providers):
            self._providers.append(weakref.ref(provider))
            provider.add_log_record_processor(self._relay)

    def logger_without_provider(self, proxy: Any) -> Logger:
        """Return what the API's `proxy` uses until a provider is set."""
        logger = self._proxied.get(proxy)
        if logger is None:
            logger = self._proxied[proxy] = self._provider().get_logger(
                proxy._name, proxy._version, proxy._schema_url, proxy._attributes
            )
        return logger

    def _provider(self) -> Any:
        if self._own is None:
            from opentelemetry.sdk._logs import LoggerProvider

            self._own = LoggerProvider(shutdown_on_exit=False)
            self._own._disabled = False  # OTEL_SDK_DISABLED is about telemetry, not the report
            self._own.add_log_record_processor(self._relay)
        return self._own


_undo: list[Undo] = []
_sessions: list[SessionLoggers] = []
"""The innermost is the last: a test may run pytest itself."""


def _logger_of_proxy(proxy: Any) -> Logger:
    logger: Logger = _plain_logger_of_proxy.fget(proxy)
    if logger is proxy._noop_logger and _sessions and _sessions[-1].stands_in:
        return _sessions[-1].logger_without_provider(proxy)
    return logger


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
