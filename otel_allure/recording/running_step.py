"""A step while it runs."""

from __future__ import annotations

import enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, get_args

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from otel_allure.model import conventions as c
from otel_allure.model import texts
from otel_allure.model.clock import catch_up, now_ns
from otel_allure.model.outcome import Outcome, outcome_of
from otel_allure.model.rows import Parameter
from otel_allure.model.texts import is_true, text_of
from otel_allure.recording.active import active_recorder
from otel_allure.recording.contexts import ITEM, attached
from otel_allure.recording.running_item import RunningItem, live_context
from otel_allure.recording.tracer import global_tracer
from otel_allure.redaction.places import MASK

if TYPE_CHECKING:
    from allure_commons.types import ParameterMode


Status = Literal["passed", "failed", "broken", "skipped"]
Mode = Literal["", "masked", "hidden"]


class RunningStep(RunningItem):
    """A step while it runs: what `with step(...) as s` gives.

    Attributes:
        title: may be changed until the step ends.
    """

    __slots__ = ("uuid",)

    def __init__(self, kind: str, title: str, span: Span, before: Context) -> None:
        super().__init__(kind, title, span, before)
        self.uuid: str | None = None  # by which listeners of others know it

    def parameter(
        self,
        name: str,
        value: object,
        *,
        mode: Mode | ParameterMode = "",
        excluded: bool = False,
    ) -> None:
        """Add a parameter.

        Args:
            name: its name.
            value: any object; a string is shown as it is, anything else by its `repr`.
            mode: `masked` or `hidden` keep the value out of the files; default: shown. A member
                of `allure.parameter_mode` will do.
            excluded: accepted for symmetry with test parameters.

        Raises:
            ValueError: for a mode that Allure does not know: the value might be a secret.
        """
        given: Any = mode
        kept: Any = given.value if issubclass(type(given), enum.Enum) else given
        if kept is None:
            kept = ""
        if type(kept) is not str or kept not in get_args(Mode):
            raise ValueError(f"mode {texts.represented(mode)} is none of masked, hidden")
        shown = text_of(value) if issubclass(type(value), str) else represented(value)
        name = text_of(name)
        self.parameters.append(Parameter(name, MASK if kept else shown, kept, is_true(excluded)))

    def attach(
        self,
        body: str | bytes,
        name: str | None = None,
        attachment_type: Any = None,
        extension: str | None = None,
    ) -> None:
        """Attach to this step, wherever the caller runs; arguments as for `allure.attach`."""
        import allure_commons

        with attached(self.context):
            allure_commons.plugin_manager.hook.attach_data(
                body=body, name=name, attachment_type=attachment_type, extension=extension
            )

    def set_status(self, status: Status, message: str | None = None) -> None:
        """Say how the step ended without raising, for a check that does not stop the test.

        An exception that leaves the step still decides. The test's own status does not change.

        Raises:
            ValueError: for a status that Allure does not know.
        """
        if not issubclass(type(status), str) or status not in get_args(Status):
            known = ", ".join(get_args(Status))
            raise ValueError(f"status {texts.represented(status)} is none of {known}")
        self.outcome = Outcome(status, None if message is None else text_of(message))

    def finish(self, exception: BaseException | None, tb: TracebackType | None) -> None:
        """End it, with what `exception` says of it."""
        try:
            if exception is not None:
                self.outcome = outcome_of(exception, tb)
                if self.outcome.trace is not None and self.span.is_recording():
                    self.span.record_exception(exception)
            title = text_of(self.title)
            name = getattr(self.span, "name", title)
            if type(name) is not str or name != title:
                self.span.update_name(title)
        finally:
            self.end()


def start_step(title: str, parameters: dict[str, str] | None = None) -> RunningStep:
    """Start a step below what runs, without making it current."""
    recorder = active_recorder()
    if recorder is not None:
        base, tracer = recorder.base_context(), recorder.tracer
    else:
        base, tracer = live_context(), global_tracer()
    if ITEM not in base:
        catch_up()
    title, start_ns = text_of(title), now_ns()
    item = RunningStep(c.STEP, title, tracer.start_span(title, base, start_time=start_ns), base)
    if parameters:
        item._parameters = [
            Parameter(text_of(name), text_of(value)) for name, value in parameters.items()
        ]
    if recorder is not None and start_ns >= recorder.report.due_ns:
        recorder.report.changed(getattr(item.span, "home", 0), start_ns, item)
    return item


def represented(value: object) -> str:
    """Return `value` as allure shows arguments; one whose `repr` fails does not fail the test."""
    return texts.represented(value, _note_argument)


def _note_argument(error: BaseException) -> None:
    note_error("showing an argument", error)


def failed_to_start(error: Exception) -> RunningStep:
    """Return what `with step(...) as s` gives where no step could be started."""
    note_error("starting a step", error)
    return RunningStep(c.STEP, "", trace.INVALID_SPAN, Context())


def note_error(doing: str, error: BaseException) -> None:
    """Keep an error of ours from the user's code; the report says that there was one."""
    recorder = active_recorder()
    if recorder is not None:
        recorder.diagnostics.add(doing, error)
