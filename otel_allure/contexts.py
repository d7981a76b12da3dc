"""The current context: OpenTelemetry's or, in isolation, one beside it that nobody else sees.

By default what runs is kept in OpenTelemetry's own context, with its span as the current one, so
that instrumented calls are below it. In isolation users' code must find OpenTelemetry as it would
be without us. There the same kind of context is kept in a context variable of ours, which goes
wherever OpenTelemetry's goes: into tasks, callbacks and generators.

A context that has the key `ISOLATED` is of the second kind, and so is all that is made of it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace.propagation import _SPAN_KEY  # `set_span_in_context` copies once more

SPAN = _SPAN_KEY
SCOPE = context_api.create_key("otel-allure-scope")
ISOLATED = context_api.create_key("otel-allure-isolated")

# `context.detach` logs an error where we need to know.
_shared: Any = context_api._RUNTIME_CONTEXT


class _Hidden(NamedTuple):
    """A context that is current in isolation.

    Attributes:
        seen: the span that was OpenTelemetry's current one when this became current. Another one
            was made current later, so it is inside.
    """

    context: Context
    seen: object


_NOTHING = _Hidden(Context(), None)
_hidden: contextvars.ContextVar[_Hidden] = contextvars.ContextVar("otel-allure", default=_NOTHING)

Tokens = tuple[Any, Any]
"""What puts back the hidden context and OpenTelemetry's; None for one that was left alone."""


def current() -> Context:
    """Return the context in which the caller runs."""
    return _hidden.get().context or _shared.get_current()


def attach(context: Context) -> Tokens:
    """Make a context the current one, of whichever kind it is; return what `detach` needs."""
    if ISOLATED in context:
        return _hidden.set(_Hidden(context, _shared.get_current().get(SPAN))), None
    covered = _hidden.set(_NOTHING) if _hidden.get().context else None
    return covered, _shared.attach(context)


def detach(tokens: Tokens) -> None:
    """Undo `attach`.

    Raises:
        ValueError: in another task or thread.
        RuntimeError: the second time.
    """
    hidden, shared = tokens
    if shared is not None:
        _shared.detach(shared)
    if hidden is not None:
        _hidden.reset(hidden)


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Make `context` current inside of the block, whatever is left attached in it."""
    tokens = attach(context)
    try:
        yield
    finally:
        with suppress(ValueError, RuntimeError):
            detach(tokens)


def span_inside() -> Any:
    """Return the span that users' code has made current inside of a hidden context, else None."""
    context, seen = _hidden.get()
    span = _shared.get_current().get(SPAN) if context else None
    return None if span is seen else span


def is_innermost(span: Any) -> bool:
    """Whether a hidden context was made current in a span of users' that still is current."""
    context, seen = _hidden.get()
    return bool(context) and seen is not None and seen is span


def is_isolated(*, by_default: bool) -> bool:
    """Whether the caller runs in isolation.

    Args:
        by_default: whether that is so where nothing of ours has been made current.
    """
    return bool(_hidden.get().context) or (by_default and SCOPE not in _shared.get_current())


def root_context(*, isolated: bool) -> Context:
    """Return the context that a trace of ours begins in: nothing is current there."""
    return Context({ISOLATED: True}) if isolated else Context()


def held(context: Context, key: str) -> Any:
    """Return what a context has, also the span of a scope that is over: see `ScopeContext`."""
    return dict.get(context, key)


def contexts_in(variables: contextvars.Context) -> Iterator[Context]:
    """Yield the contexts that are current where these context variables are."""
    if _hidden in variables:
        yield variables[_hidden].context
    variable = getattr(_shared, "_current_context", None)
    if variable is not None and variable in variables:
        yield variables[variable]
