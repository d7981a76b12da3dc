"""The current context: OpenTelemetry's or, in isolation, one beside it that nobody else sees.

By default what runs is kept in OpenTelemetry's own context, with its span as the current one, so
that instrumented calls are below it. In isolation users' code must find OpenTelemetry as it would
be without us. There the same kind of context is kept in a context variable of ours, which goes
wherever OpenTelemetry's goes: into tasks, callbacks and generators.

A context that has the key `ISOLATED` is of the second kind, and so is all that is made of it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

(SPAN,) = set_span_in_context(INVALID_SPAN, Context())
"""The key of the current span. With it no context has to be copied to set a span in it."""
ITEM = context_api.create_key("otel-allure-item")
ISOLATED = context_api.create_key("otel-allure-isolated")
LEFT = context_api.create_key("otel-allure-left")
"""A span of users' that they have left current in an item that is over: see `leave`."""
_OURS = (SPAN, ITEM, ISOLATED, LEFT)

held: Callable[[Context, str], Any] = dict.get
"""Return what a context has, also the span of an item that is over: see `ItemContext`."""

# Kept from the start: tests look at how often the API is asked.
_shared_current = context_api.get_current
_attach_shared = context_api.attach


class _Hidden(NamedTuple):
    """A context that is current in isolation.

    Attributes:
        context: the context.
        seen: the span that was OpenTelemetry's current one when this became current. Another one
            was made current later, so it is inside.
    """

    context: Context
    seen: object


# Of a context that is OpenTelemetry's current one we keep a note, as users put others in its place:
# the one that they make of the headers of a request knows nothing of the test.
_ours: contextvars.ContextVar[_Hidden | Context | None] = contextvars.ContextVar(
    "otel-allure", default=None
)

Tokens = tuple[Any, Any]
"""What puts back the context that is ours and OpenTelemetry's; None for one left alone."""


def current() -> Context:
    """Return the context in which the caller runs."""
    ours = _ours.get()
    if type(ours) is _Hidden:
        return ours.context
    context = _shared_current()
    if ours and ITEM not in context and ITEM in ours:
        return Context({**context, ITEM: ours[ITEM]})  # type: ignore[call-overload]
    return context


def attach(context: Context) -> Tokens:
    """Make a context the current one, of whichever kind it is; return what `detach` needs."""
    if ISOLATED in context:
        return _ours.set(_Hidden(context, _shared_current().get(SPAN))), None
    return _ours.set(context), _attach_shared(context)


def detach(tokens: Tokens) -> None:
    """Undo `attach`.

    Raises:
        ValueError: in another task or thread.
        RuntimeError: the second time.
    """
    ours, shared = tokens
    _ours.reset(ours)
    if type(shared) is contextvars.Token:
        shared.var.reset(shared)  # the API's `detach` logs an error where we need to know
    elif shared is not None:  # of another runtime, see OTEL_PYTHON_CONTEXT
        context_api.detach(shared)


def leave(tokens: Tokens, context: Context) -> None:
    """Undo the `attach` of `context`. What users have attached in it and left stays attached.

    A fixture that attaches baggage, or has a span current, means the test; and without us there
    would be nothing that takes it away.

    Raises:
        ValueError: in another task or thread.
        RuntimeError: the second time.
    """
    inside = _shared_current()
    detach(tokens)
    if tokens[1] is None or inside is context:
        return
    outside = _shared_current()
    after = _with_changes(outside, context, inside)
    if after != outside:
        item = getattr(outside, "item", None)
        attach(Context(after) if item is None else item.letting_go(after))


def _with_changes(outside: Context, before: Context, now: Context) -> dict[str, Any]:
    """Return `outside` with what users have changed from `before` to `now`."""
    removed = before.keys() - now.keys()
    after = {key: value for key, value in outside.items() if key not in removed or key in _OURS}
    after.update(
        (key, value)
        for key, value in now.items()
        if key not in _OURS and (key not in before or before[key] is not value)
    )
    left = held(before, LEFT)
    if left is not None and held(outside, LEFT) is left and held(now, LEFT) is not left:
        del after[LEFT]  # whoever had left it has taken it away
        if held(outside, SPAN) is left:
            after[SPAN] = outside.item.span  # type: ignore[attr-defined]
    span = held(now, SPAN)
    is_of_users = span is not None and not hasattr(span, "owner")
    if is_of_users and span is not held(before, SPAN) and span.is_recording():
        after[SPAN] = after[LEFT] = span
    return after


def _beside_spans(context: Context) -> dict[str, Any]:
    """Return what a context has that is neither ours nor about spans."""
    return {key: value for key, value in context.items() if key not in _OURS}


def as_left(context: Context) -> Context:
    """Return the context of an item as users have left it: with what is current beside spans."""
    values = _beside_spans(_shared_current())
    if ISOLATED in context or values == _beside_spans(context):
        return context
    merged = {**{key: held(context, key) for key in context if key in _OURS}, **values}
    item = getattr(context, "item", None)
    return Context(merged) if item is None else item.letting_go(merged)


def with_left_span(context: Context) -> Context:
    """Return the same with the span that users have left current, if there is one."""
    context = as_left(context)
    left = held(context, LEFT)
    if left is None or not left.is_recording():
        return context
    return context.item.letting_go({**context, SPAN: left})  # type: ignore[attr-defined,no-any-return]


class attached:  # noqa: N801 -- used like a function, as those of `contextlib` are
    """Make `context` current inside of the block; for what is left attached, see `leave`."""

    __slots__ = ("_context", "_tokens")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._tokens = attach(self._context)

    def __exit__(self, *raised: object) -> None:
        with suppress(ValueError, RuntimeError):
            leave(self._tokens, self._context)


def _hidden() -> _Hidden | None:
    ours = _ours.get()
    return ours if type(ours) is _Hidden else None


def span_inside() -> Any:
    """Return the span that users' code has made current inside of a hidden context, else None."""
    hidden = _hidden()
    span = None if hidden is None else _shared_current().get(SPAN)
    return None if hidden is None or span is hidden.seen else span


def is_innermost(span: Any) -> bool:
    """Whether a hidden context was made current in a span of users' that still is current."""
    hidden = _hidden()
    return hidden is not None and hidden.seen is not None and hidden.seen is span


def root_context(*, isolated: bool) -> Context:
    """Return the context that a trace of ours begins in: no span is current there."""
    return Context({ISOLATED: True} if isolated else _beside_spans(_shared_current()))


def contexts_in(variables: contextvars.Context) -> Iterator[Context]:
    """Yield the contexts that are current where these context variables are."""
    ours = variables.get(_ours)
    if type(ours) is _Hidden:
        yield ours.context
    yield variables.copy().run(_shared_current)  # a copy, as somebody may be running in it
