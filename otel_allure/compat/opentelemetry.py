"""OpenTelemetry's API, its SDK, and what its instrumentations share.

`opentelemetry._logs` has an underscore because logs are not stable yet, and will lose it some day.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from opentelemetry import trace

from otel_allure.compat import Private
from otel_allure.compat.patches import Undo, replace

# -- where the API keeps the provider that is set

TRACER_PROVIDER = Private(
    "opentelemetry.trace._TRACER_PROVIDER",
    "opentelemetry-api 1.0",
    "to know a provider of spans, and to hear of it at once when tests put another in its place",
    "a provider that a test puts in the place of another is known from the next test on",
)
TRACER_PROVIDER_ONCE = Private(
    "opentelemetry.trace._TRACER_PROVIDER_SET_ONCE",
    "opentelemetry-api 1.8",
    "to hear at once that a provider of spans was set",
    "a provider is known from the next phase of a test on: its spans before that are not shown",
)
LOGS_API = Private(
    "opentelemetry._logs._internal",
    "opentelemetry-api 1.15",
    "records of OpenTelemetry's loggers",
    "records of OpenTelemetry's own loggers are not shown",
)
LOGGER_PROVIDER = Private(
    "opentelemetry._logs._internal._LOGGER_PROVIDER",
    "opentelemetry-api 1.15",
    "to know a provider of loggers",
    "records of the loggers of a provider that is set are not shown",
)
LOGGER_PROVIDER_ONCE = Private(
    "opentelemetry._logs._internal._LOGGER_PROVIDER_SET_ONCE",
    "opentelemetry-api 1.15",
    "to hear at once that a provider of loggers was set",
    "a provider is known from the next test on: what its loggers say before that is not shown",
)


class Global(NamedTuple):
    """A provider of the API's that can be set, and the `Once` that guards it.

    Attributes:
        module: the one that has them; None if it is not there.
        provider: name of the provider.
        once: name of the guard.
    """

    module: Any
    provider: Private
    once: Private

    @property
    def names(self) -> tuple[str, str]:
        """What the module calls them."""
        return self.provider.attribute, self.once.attribute

    def get(self) -> Any:
        """Return the provider that is set, None if there is none.

        The API's own function for it would set the one that the environment names.
        """
        found = self.provider.of(self.module, _GONE)
        if found is _GONE and self.module is trace:
            found = trace.get_tracer_provider()
            return None if isinstance(found, trace.ProxyTracerProvider) else found
        return None if found is _GONE else found

    def guard(self, exchanged: Callable[[Any], Any]) -> None:
        """Put in the place of the guard what `exchanged` makes of it."""
        once = self.once.of(self.module, _GONE)
        if once is not _GONE and (new := exchanged(once)) is not once:
            setattr(self.module, self.once.attribute, new)


_GONE = object()
GLOBAL_TRACER_PROVIDER = Global(trace, TRACER_PROVIDER, TRACER_PROVIDER_ONCE)


def global_logger_provider() -> Global:
    """Return the same for loggers, which are imported when somebody wants them."""
    return Global(LOGS_API.imported(), LOGGER_PROVIDER, LOGGER_PROVIDER_ONCE)


# -- what the API hands out until a provider is set

_NOT_STOOD_IN = "calls of instrumentations are not shown while no provider is set"
_NOT_TAKEN = "records of OpenTelemetry's own loggers are not shown while no provider is set"
PROXY_TRACER = Private(
    "opentelemetry.trace.ProxyTracer._tracer",
    "opentelemetry-api 1.0",
    "spans while no provider is set",
    _NOT_STOOD_IN,
)
PROXY_TRACER_IDLE = Private(
    "opentelemetry.trace.ProxyTracer._noop_tracer",
    "opentelemetry-api 1.0",
    "spans while no provider is set",
    _NOT_STOOD_IN,
)
PROXY_LOGGER = Private(
    "opentelemetry._logs._internal.ProxyLogger._logger",
    "opentelemetry-api 1.16",
    "records while no provider is set",
    _NOT_TAKEN,
)
PROXY_LOGGER_IDLE = Private(
    "opentelemetry._logs._internal.ProxyLogger._noop_logger",
    "opentelemetry-api 1.16",
    "records while no provider is set",
    _NOT_TAKEN,
)


def _argument(name: str, since: str, says: str) -> Private:
    serves = f"what a {says} was asked for with, while no provider is set"
    return Private(name, since, serves, f"the {says} is shown without it")


_TRACER_ARGUMENTS = tuple(
    _argument(f"opentelemetry.trace.ProxyTracer.{name}", since, "tracer")
    for name, since in (
        ("_instrumenting_module_name", "opentelemetry-api 1.0"),
        ("_instrumenting_library_version", "opentelemetry-api 1.0"),
        ("_schema_url", "opentelemetry-api 1.9"),
        ("_attributes", "opentelemetry-api 1.25"),
    )
)
_LOGGER_ARGUMENTS = tuple(
    _argument(f"opentelemetry._logs._internal.ProxyLogger.{name}", since, "logger")
    for name, since in (
        ("_name", "opentelemetry-api 1.16"),
        ("_version", "opentelemetry-api 1.16"),
        ("_schema_url", "opentelemetry-api 1.16"),
        ("_attributes", "opentelemetry-api 1.29"),
    )
)


class ProxyClass:
    """The class of the API's tracers, or loggers, that do nothing until a provider is set.

    Args:
        owner: the class; None if there is none.
        real: its property that says who does the work.
        idle: what that returns as long as nobody does any.
        arguments: what one was asked for with.
    """

    def __init__(
        self, owner: Any, real: Private, idle: Private, arguments: tuple[Private, ...]
    ) -> None:
        self._owner, self._real, self._idle, self._arguments = owner, real, idle, arguments
        self._plain: Any = real.of(owner, kind=property)

    def stand_in(self, made: Callable[[Any], Any]) -> Undo:
        """Have what `made` returns, for one of its objects, do the work that nobody does."""
        if self._plain is None:
            return lambda: None

        def real(proxy: Any) -> Any:
            found = self._plain.fget(proxy)
            return made(proxy) or found if found is self._idle.of(proxy, _GONE) else found

        return replace(self._owner, self._real.attribute, property(real))

    def arguments(self, proxy: Any) -> list[Any]:
        """Return what a tracer or logger was asked for with: its name, and what may be more."""
        name, *others = self._arguments
        return [name.of(proxy, "unknown"), *(each.of(proxy) for each in others)]


PROXY_TRACERS = ProxyClass(trace.ProxyTracer, PROXY_TRACER, PROXY_TRACER_IDLE, _TRACER_ARGUMENTS)


def proxy_loggers() -> ProxyClass:
    """Return the same for loggers."""
    owner = getattr(LOGS_API.imported(), "ProxyLogger", None)
    return ProxyClass(owner, PROXY_LOGGER, PROXY_LOGGER_IDLE, _LOGGER_ARGUMENTS)


# -- the SDK

SPAN_PROCESSORS = Private(
    "opentelemetry.sdk.trace.TracerProvider._active_span_processor",
    "opentelemetry-sdk 1.0",
    "tests and steps in your backend, too; spans in a queue when a process ends",
    "tests and steps get to the report only; spans still in a queue at exit may be lost",
)
SPAN_PROCESSOR_LIST = Private(
    "opentelemetry.sdk.trace.SynchronousMultiSpanProcessor._span_processors",
    "opentelemetry-sdk 1.0",
    "tests and steps in your backend, too; spans in a queue when a process ends",
    "tests and steps get to the report only; spans still in a queue at exit may be lost",
)
TRACING_DISABLED = Private(
    "opentelemetry.sdk.trace.TracerProvider._disabled",
    "opentelemetry-sdk 1.13",
    "spans although OTEL_SDK_DISABLED is set",
    "calls of instrumentations are not shown where OTEL_SDK_DISABLED is set",
)
LOGGING_DISABLED = Private(
    "opentelemetry.sdk._logs.LoggerProvider._disabled",
    "opentelemetry-sdk 1.30",
    "records although OTEL_SDK_DISABLED is set",
    "records of OpenTelemetry's own loggers are not shown where OTEL_SDK_DISABLED is set",
)
SDK_CLOCK = Private(
    "opentelemetry.sdk.trace.time_ns",
    "opentelemetry-sdk 1.13",
    "times of spans while a test fakes the clock",
    "spans of instrumentations may have faked times",
)
LOGGER_PROVIDER_CLASS = Private(
    "opentelemetry.sdk._logs.LoggerProvider",
    "opentelemetry-sdk 1.15",
    "records while no provider is set",
    _NOT_TAKEN,
)


def processors_of(provider: Any) -> Iterator[Any]:
    """Yield the span processors of a provider of the SDK's."""
    sdk: Any = sys.modules.get("opentelemetry.sdk.trace")
    if sdk is not None and isinstance(provider, sdk.TracerProvider):
        yield from SPAN_PROCESSOR_LIST.of(SPAN_PROCESSORS.of(provider), ())


def enable(provider: Any, disabled: Private) -> None:
    """Have a provider of ours work, whatever the environment says of the SDK."""
    if disabled.of(provider):
        setattr(provider, disabled.attribute, False)


def sdk_clock() -> Callable[[], int]:
    """Return the SDK's clock as it is now; who fakes the clock replaces it there, or in `time`."""
    clock: Callable[[], int] = SDK_CLOCK.of(
        sys.modules.get("opentelemetry.sdk.trace"), time.time_ns
    )
    return clock


# -- instrumentations

START_SERVER_SPAN = Private(
    "opentelemetry.instrumentation.utils._start_internal_or_server_span",
    "opentelemetry-instrumentation 0.30b0",
    "requests with `traceparent` below their clients",
    "requests are shown where they are served, not below the client's call",
)
