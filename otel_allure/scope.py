"""What the OpenTelemetry context carries for Allure: the test, phase, fixture or step that runs.

A scope owns a span. It is found through the current context, under a key of its own, so it
follows tasks, callbacks and threads wherever the context goes; there is no other ambient state.
The span's parent is whatever span is current, one of an instrumentation for example; the scope
is the nearest thing that belongs to Allure, and collects what is told to it until its span ends.

Contexts can be stale, and three rules deal with that:

* A scope is left only where it is current. A fixture that yields inside a step, or an async
  generator that is closed by another task, leaves it where it is not: then nothing is reset, and
  the scope is marked as *left*, so that whoever still holds that context looks past it.
* A context that was captured in one phase of a test and runs in another (unittest's async test
  case copies it in set-up) belongs to the phase that runs now.
* Work that outlives its scope (a background task) stays below that scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Token
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY  # `set_span_in_context` copies once more

from otel_allure import conventions as c
from otel_allure.clock import now_ns
from otel_allure.outcome import BROKEN, FAILED, OK

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_SCOPE_KEY = context_api.create_key("otel-allure-scope")
_RUNTIME = context_api._RUNTIME_CONTEXT  # `context.detach` logs an error where we need to know


class Attachment(NamedTuple):
    """A reference to a file in the results directory."""

    name: str
    source: str
    type: str


class Parameter(NamedTuple):
    """A parameter; `mode` is `hidden`, `masked` or empty."""

    name: str
    value: str
    mode: str = ""
    excluded: bool = False


class Scope:
    """A test, phase, fixture or step while it runs, and the span that it owns.

    Attributes:
        kind: one of `conventions.Kind`.
        context: what is current inside of it.
        before: what was current outside of it when it was opened.
        test: the test that it belongs to, None outside of tests.
    """

    __slots__ = (
        "_attachments",
        "_parameters",
        "_token",
        "attributes",
        "before",
        "context",
        "ended",
        "kind",
        "left",
        "outcome",
        "parent",
        "span",
        "test",
        "title",
    )

    def __init__(self, kind: str, title: str, span: Span, before: Context) -> None:
        self.kind = kind
        self.title = title
        self.span = span
        self.before = before
        self.parent: Scope | None = before.get(_SCOPE_KEY)  # type: ignore[assignment]
        self.test: TestScope | None = self.parent.test if self.parent is not None else None
        self.context = Context({**before, _SPAN_KEY: span, _SCOPE_KEY: self})
        self.attributes: dict[str, Any] | None = None
        self.outcome = OK
        self.ended = self.left = False
        self._token: Token[Context] | None = None
        if hasattr(span, "owner"):  # one of our own tracer's
            span.owner = self
        self._attachments: list[Attachment] | None = None  # most steps have none
        self._parameters: list[Parameter] | None = None

    # -- what is told to it

    @property
    def attachments(self) -> list[Attachment]:
        """Attachments, in the order in which they were made."""
        if self._attachments is None:
            self._attachments = []
        return self._attachments

    @property
    def parameters(self) -> list[Parameter]:
        """Parameters, in the order in which they were given."""
        if self._parameters is None:
            self._parameters = []
        return self._parameters

    # -- where it is current

    def enter(self) -> None:
        """Make it current in the running task or thread, until `leave`."""
        self._token = _RUNTIME.attach(self.context)

    def leave(self) -> None:
        """Make current again what was before, if this scope is current here."""
        token, self._token = self._token, None
        current = _RUNTIME.get_current()
        if token is None or not (current is self.context or self._encloses(current)):
            self.left = True
            return
        try:
            _RUNTIME.detach(token)
        except (ValueError, RuntimeError):  # entered in another task, or left twice
            self.left = True
            if current is self.context:  # else a step of this task is open below it, and stays
                _RUNTIME.attach(self.before)

    def _encloses(self, context: Context) -> bool:
        scope: Any = context.get(_SCOPE_KEY)
        while scope is not None and scope is not self:
            scope = scope.parent
        return scope is self

    # -- its end

    def end(self, end_ns: int | None = None) -> None:
        """End the span, with all that the scope was told. A second call does nothing."""
        if self.ended:
            return
        self.ended = True
        self.span.set_attributes(self.described())
        self.span.end(end_ns or now_ns())

    def described(self) -> dict[str, Any]:
        """Return what it was told as attributes."""
        attributes: dict[str, Any] = {c.KIND: self.kind}
        self._describe(attributes)
        return attributes

    def _describe(self, attributes: dict[str, Any]) -> None:
        if self.outcome is not OK:
            status, message, trace = self.outcome
            attributes[c.STATUS] = status
            if message:
                attributes[c.MESSAGE] = message
            if trace:
                attributes[c.TRACE] = trace
            if status in (FAILED, BROKEN):
                self.span.set_status(StatusCode.ERROR, message)
        if self._parameters:
            attributes.update(_parameter_arrays(self._parameters))
        if self._attachments:
            names = (c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES)
            attributes.update(_arrays(names, self._attachments))
        if self.attributes:
            attributes.update(self.attributes)


def _arrays(names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
    return zip(names, zip(*rows, strict=True), strict=True)


def _parameter_arrays(parameters: list[Parameter]) -> Iterator[tuple[str, Any]]:
    names = (c.PARAMETER_NAMES, c.PARAMETER_VALUES, c.PARAMETER_MODES, c.PARAMETER_EXCLUDED)
    plain = not any(p.mode or p.excluded for p in parameters)
    return _arrays(names[:2] if plain else names, (p[:2] if plain else p for p in parameters))


class TestScope(Scope):
    """A running test. What `allure.dynamic` says goes here.

    Attributes:
        first_title: the title until somebody gives it one.
        phase: the phase that is running, None between phases.
    """

    __test__ = False  # not a test class for pytest
    __slots__ = ("description", "description_html", "first_title", "labels", "links", "phase")

    def __init__(self, title: str, span: Span, before: Context) -> None:
        super().__init__(c.TEST, title, span, before)
        self.test = self
        self.first_title = title
        self.phase: Scope | None = None
        self.labels: list[tuple[str, str]] = []
        self.links: list[tuple[str, str, str]] = []  # url, name, type
        self.description: str | None = None
        self.description_html: str | None = None

    @property
    def live(self) -> Scope:
        """The phase that is running, else the test itself."""
        phase = self.phase
        return self if phase is None or phase.ended else phase

    def _describe(self, attributes: dict[str, Any]) -> None:
        super()._describe(attributes)
        texts = {c.DESCRIPTION: self.description, c.DESCRIPTION_HTML: self.description_html}
        attributes.update((name, text) for name, text in texts.items() if text)
        if self.labels:
            attributes.update(_arrays((c.LABEL_NAMES, c.LABEL_VALUES), self.labels))
        if self.links:
            attributes.update(_arrays((c.LINK_URLS, c.LINK_NAMES, c.LINK_TYPES), self.links))


def scope_in(context: Context) -> Scope | None:
    """Return the nearest scope that `context` carries, past those that were left elsewhere."""
    scope: Any = context.get(_SCOPE_KEY)
    while scope is not None and scope.left:
        scope = scope.parent
    return scope  # type: ignore[no-any-return]


def live_context() -> Context:
    """Return the current context, with what is stale about it put right."""
    context = _RUNTIME.get_current()
    scope: Any = context.get(_SCOPE_KEY)
    # Where another span is current, it knows the place better than any rule of ours.
    while (
        scope is not None
        and (scope.left or (scope.ended and scope.kind == c.PHASE))
        and context.get(_SPAN_KEY) is scope.span
    ):
        if scope.left:
            context = scope.before
            scope = context.get(_SCOPE_KEY)
        else:
            test = scope.test
            return context if test.ended or test.live is scope else test.live.context
    return context


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Make `context` current inside of the block, whatever is left attached in it."""
    token = _RUNTIME.attach(context)
    try:
        yield
    finally:
        with suppress(ValueError, RuntimeError):
            _RUNTIME.detach(token)
