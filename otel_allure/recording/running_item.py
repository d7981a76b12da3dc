"""What the OpenTelemetry context carries for Allure: the test, phase, fixture or step that runs.

An item owns a span. It is found through the current context, under a key of its own, so it
follows tasks, callbacks and threads wherever the context goes; there is no other ambient state.
The span's parent is whatever span is current, one of an instrumentation for example; the item
is the nearest thing that belongs to Allure, and collects what is told to it until its span ends.

Contexts can be stale, and three rules deal with that:

* An item is left only where it is current. A fixture that yields inside a step, or an async
  generator that is closed by another task, leaves it where it is not: then nothing is reset, and
  the item is marked as *left*, so that whoever still holds that context looks past it.
* A context that was captured in one phase of a test and runs in another (unittest's async test
  case copies it in set-up) belongs to the phase that runs now.
* Work that outlives its item (a background task) stays below that item while the test, or the
  set-up of the fixture, in which it was started goes on. Then the item is *over*: its span is not
  current any more, and who asks belongs to the test that runs, see `Recorder.base_context`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import StatusCode

from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.outcome import BROKEN, FAILED, OK
from otel_allure.model.rows import Attachment, Parameter
from otel_allure.recording import contexts
from otel_allure.recording.contexts import ITEM, SPAN, held

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class ItemContext(Context):
    """What is current inside of an item. Once that is over, its span is not current any more.

    A context cannot be taken back from threads and tasks that hold it: the threads of a server,
    say, that a fixture has started. Who asks there for the current span, to see whether a request
    has a parent, is to get the answer that there would be without us.
    """

    __slots__ = ("item",)
    item: RunningItem

    def get(self, key: str, default: Any = None) -> Any:
        """Return what it has under `key`."""
        if key == SPAN and self.item.is_over:
            return default
        return dict.get(self, key, default)

    def copy(self) -> dict[str, Any]:
        """Return what it has, as OpenTelemetry's `set_value` wants it."""
        return {key: value for key, value in self.items() if key != SPAN or not self.item.is_over}


class RunningItem:
    """A test, phase, fixture or step while it runs, and the span that it owns.

    Attributes:
        kind: one of `conventions.Kind`.
        context: what is current inside of it.
        before: what was current outside of it when it was opened.
        test: the test that it belongs to, None outside of tests.
        life: the test or fixture that it is a part of. Outside of test sessions None: a program's
            steps are whatever their spans are.
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
        "life",
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
        self.parent: RunningItem | None = held(before, ITEM)
        self.test: RunningTest | None = self.parent.test if self.parent is not None else None
        self.context = self.letting_go({**before, SPAN: span, ITEM: self})
        self.attributes: dict[str, Any] | None = None
        self.outcome = OK
        self.ended = self.left = False
        self._token: contexts.Tokens | None = None
        self.life: RunningItem | None = None
        own: Any = span
        if getattr(span, "owner", span) is not span:  # one of our own tracer's
            own.owner = self
            is_part = kind in (c.STEP, c.PHASE)
            self.life = self.parent.life if is_part and self.parent is not None else self
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

    def letting_go(self, context: dict[str, Any]) -> ItemContext:
        """Return `context` as one that has no span any more once this item is over."""
        made = ItemContext(context)
        made.item = self
        return made

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and so has what it is a part of: what goes on is not its own."""
        return self.ended and self.life is not None and self.life.ended

    def enter(self) -> None:
        """Make it current in the running task or thread, until `leave`."""
        self._token = contexts.attach(self.context)

    def leave(self) -> None:
        """Make current again what was before, if this item is current here."""
        token, self._token = self._token, None
        current = contexts.current()
        if token is None or not (current is self.context or self._encloses(current)):
            self.left = True
            return
        try:
            if current is self.context:  # nothing was left attached in it
                contexts.detach(token)
            else:
                contexts.leave(token, self.context)
        except (ValueError, RuntimeError):  # entered in another task, or left twice
            self.left = True
            if current is self.context:  # else a step of this task is open below it, and stays
                contexts.attach(self.before)

    def _encloses(self, context: Context) -> bool:
        item: Any = held(context, ITEM)
        while item is not None and item is not self:
            item = item.parent
        return item is self

    # -- its end

    def end(self, end_ns: int | None = None) -> None:
        """End the span, with all that the item was told. A second call does nothing."""
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
        if self._parameters or self._attachments or self.attributes:
            attributes.update(self.told())

    def told(self) -> dict[str, Any]:
        """Return what it was told, but for how it ends, as attributes."""
        attributes: dict[str, Any] = {}
        if self._parameters:
            attributes.update(_parameter_arrays(self._parameters))
        if self._attachments:
            names = (c.ATTACHMENT_NAMES, c.ATTACHMENT_SOURCES, c.ATTACHMENT_TYPES)
            attributes.update(_arrays(names, self._attachments))
        if self.attributes:
            attributes.update(self.attributes)
        return attributes


def parameter_arrays(parameters: list[Parameter]) -> dict[str, Any]:
    """Return parameters as span attributes."""
    return dict(_parameter_arrays(parameters)) if parameters else {}


def _arrays(names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
    return zip(names, zip(*rows, strict=True), strict=True)


def _parameter_arrays(parameters: list[Parameter]) -> Iterator[tuple[str, Any]]:
    names = (c.PARAMETER_NAMES, c.PARAMETER_VALUES, c.PARAMETER_MODES, c.PARAMETER_EXCLUDED)
    plain = not any(p.mode or p.excluded for p in parameters)
    return _arrays(names[:2] if plain else names, (p[:2] if plain else p for p in parameters))


class RunningTest(RunningItem):
    """A running test. What `allure.dynamic` says goes here.

    Attributes:
        first_title: the title until somebody gives it one.
        phase: the phase that is running, None between phases.
        asked: what has become of questions about its trace; None if there were none.
    """

    __test__ = False  # not a test class for pytest
    __slots__ = (
        "asked",
        "description",
        "description_html",
        "first_title",
        "labels",
        "links",
        "phase",
    )

    def __init__(self, title: str, span: Span, before: Context) -> None:
        super().__init__(c.TEST, title, span, before)
        self.test = self
        self.first_title = title
        self.phase: RunningItem | None = None
        self.asked: Any = None
        self.labels: list[tuple[str, str]] = []
        self.links: list[tuple[str, str, str]] = []  # url, name, type
        self.description: str | None = None
        self.description_html: str | None = None

    @property
    def live(self) -> RunningItem:
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


def item_in(context: Context) -> RunningItem | None:
    """Return the nearest item that `context` carries, past those that were left elsewhere."""
    item: Any = held(context, ITEM)
    while item is not None and item.left:
        item = item.parent
    return item  # type: ignore[no-any-return]


def live_context(knows: Callable[[Any, RunningItem | None], bool] | None = None) -> Context:
    """Return the current context, with what is stale about it put right.

    Args:
        knows: whether a span that users have made current, in an item, is the place where the
            caller is: then it knows that better than any rule of ours. Default: all are.
    """
    context = contexts.current()
    item: Any = held(context, ITEM)
    inside = contexts.span_inside()
    if inside is not None and (knows is None or knows(inside, item)):
        return Context({**context, SPAN: inside})
    while item is not None:
        span = held(context, SPAN)
        if span is not item.span:
            is_left = span is not None and span is held(context, contexts.LEFT)
            if not is_left and (knows is None or (span is not None and knows(span, item))):
                return context
            context = Context({**context, SPAN: item.span})
        if item.left:
            context = item.before
            item = held(context, ITEM)
        elif item.ended and item.kind == c.PHASE:
            test = item.test
            return context if test.ended or test.live is item else test.live.context
        else:
            break
    return context
