"""`import allure` -> spans: the hooks of allure_commons, and its step class.

`allure.step` in users' code is made a span by giving allure_commons' own class the methods of
`Step`, so that names imported before we came, and step objects made before, follow too.
"""

from __future__ import annotations

from typing import Any

import allure_commons
from allure_commons import hookimpl
from allure_commons.types import ParameterMode

from otel_allure.compat.allure_commons import STEP_CONTEXT
from otel_allure.compat.patches import Undo, replace, undo_all
from otel_allure.model import conventions as c
from otel_allure.model.rows import Parameter
from otel_allure.model.texts import attempt, is_true, text_of
from otel_allure.recording.active import active_recorder
from otel_allure.recording.attachments import attach, check_readable, written_data, written_file
from otel_allure.recording.listeners import leave_out
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningTest
from otel_allure.recording.running_step import RunningStep, represented, start_step
from otel_allure.recording.steps import Step

_METHODS = ("__init__", "uuid", "__enter__", "__exit__", "__aenter__", "__aexit__", "__call__")
_undo: list[Undo] = []
_StepContext: Any = STEP_CONTEXT.imported()
_PLUGIN_NAME = "otel_allure"


class AllureApi:
    """Listens to allure_commons while a report is written."""

    def __init__(self) -> None:
        self._steps: dict[str, RunningStep] = {}

    # -- steps that others start by calling the hooks themselves

    @hookimpl
    def start_step(self, uuid: str, title: str, params: dict[str, str]) -> None:
        """Start a step that is known by its uuid."""
        running = self._steps[uuid] = start_step(title, params)
        running.enter()

    @hookimpl
    def stop_step(self, uuid: str, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        """Stop it."""
        running = self._steps.pop(uuid, None)
        if running is not None:
            running.leave()
            running.finish(exc_val, exc_tb)

    # -- attachments

    @hookimpl
    def attach_data(self, body: Any, name: Any, attachment_type: Any, extension: Any) -> None:
        """Attach a text or bytes where the caller runs."""
        attach(Recorder.attach, written_data, body, name, attachment_type, extension)

    @hookimpl
    def attach_file(self, source: Any, name: Any, attachment_type: Any, extension: Any) -> None:
        """Attach a copy of a file where the caller runs; it must be there."""
        check_readable(source)
        attach(Recorder.attach, written_file, source, name, attachment_type, extension)

    @hookimpl
    def global_attach_data(
        self, body: Any, name: Any, attachment_type: Any, extension: Any
    ) -> None:
        """Attach a text or bytes to the run."""
        attach(Recorder.attach_global, written_data, body, name, attachment_type, extension)

    @hookimpl
    def global_attach_file(
        self, source: Any, name: Any, attachment_type: Any, extension: Any
    ) -> None:
        """Attach a copy of a file to the run; it must be there."""
        check_readable(source)
        attach(Recorder.attach_global, written_file, source, name, attachment_type, extension)

    @hookimpl
    def global_error(self, message: str, trace: str | None) -> None:
        """Add an error of the run."""
        recorder = active_recorder()
        if recorder is not None:
            recorder.add_global_error(message, trace)

    # -- what `allure.dynamic` says of the running test

    @hookimpl
    def add_title(self, test_title: str) -> None:
        """Rename the test."""
        test = _test()
        if test is not None:
            test.title = text_of(test_title)

    @hookimpl
    def add_description(self, test_description: str) -> None:
        """Describe the test, in Markdown."""
        test = _test()
        if test is not None:
            test.description = _optional(test_description)

    @hookimpl
    def add_description_html(self, test_description_html: str) -> None:
        """Describe the test, in HTML."""
        test = _test()
        if test is not None:
            test.description_html = _optional(test_description_html)

    @hookimpl
    def add_label(self, label_type: Any, labels: tuple[Any, ...]) -> None:
        """Label the test."""
        test = _test()
        if test is not None:
            test.labels += [(text_of(label_type), text_of(label)) for label in labels]

    @hookimpl
    def add_link(self, url: str, link_type: Any, name: str | None) -> None:
        """Link the test to a page; a link to the same page is not repeated."""
        recorder, test = active_recorder(), _test()
        if recorder is not None and test is not None:
            link_type = text_of(link_type)
            url = attempt(recorder.link_patterns.get(link_type, "{}").format, url)
            if all(url != known for known, _, _ in test.links):
                test.links.append((url, url if name is None else text_of(name), link_type))

    @hookimpl
    def add_parameter(self, name: str, value: Any, excluded: bool | None, mode: Any) -> None:
        """Add a parameter to the test, or change the value of the one of that name."""
        test = _test()
        if test is None:
            return
        name, mode = text_of(name), _mode(mode)
        for i, known in enumerate(test.parameters):
            if known.name == name:
                test.parameters[i] = known._replace(
                    value=represented(value), mode=mode or known.mode
                )
                return
        test.parameters.append(Parameter(name, represented(value), mode, is_true(excluded)))


def _optional(text: Any) -> str | None:
    return None if text is None else text_of(text)


def _mode(mode: Any) -> str:
    """Return the mode's name. One that Allure does not know masks: the value might be a secret."""
    if mode is None or mode is ParameterMode.DEFAULT:
        return ""
    name = text_of(mode.value if type(mode) is ParameterMode else mode).lower()
    return name if name in _MODES else "masked"


_MODES = ("", "masked", "hidden")


def _test(used: str = "allure.dynamic") -> RunningTest | None:
    recorder = active_recorder()
    if recorder is None:
        return None
    test = recorder.test()
    if test is None:
        recorder.diagnostics.add(f"{used} was used where no test runs", "ignored")
    return test


# -- what allure_commons has no name for


def mark_test(*, flaky: bool = False, known: bool = False, muted: bool = False) -> None:
    """Mark the running test, from its body, a fixture or a hook.

    The report tools show it beside the status, which stays what it is. Nothing happens while no
    report is written. A mark is not taken back.

    Args:
        flaky: it fails now and then for reasons of its own.
        known: it fails because of a known defect.
        muted: its failure is not to count. Allure 3 reads it, Allure 2 does not.
    """
    test = _test("otel_allure.mark_test")
    if test is not None:
        marks = {c.FLAKY: flaky, c.KNOWN: known, c.MUTED: muted}
        test.span.set_attributes({name: True for name, given in marks.items() if given})


# -- taking over


HOOKS = frozenset(name for name in vars(AllureApi) if not name.startswith("_"))
"""Names of the hooks of allure_commons that it takes."""
_api: list[AllureApi] = []


def listener() -> AllureApi:
    """Return what listens to allure_commons; what has nobody to tell does nothing."""
    return _api[-1] if _api else AllureApi()


def take_over() -> None:
    """Listen to allure_commons and make its steps spans; may be nested, see `give_back`."""
    if not _api:
        if not _undo and _StepContext is not None:
            _undo.extend(replace(_StepContext, name, Step.__dict__[name]) for name in _METHODS)
        api = AllureApi()
        allure_commons.plugin_manager.register(api, _PLUGIN_NAME)
        leave_out(api)
    _api.append(_api[0] if _api else api)


def give_back() -> None:
    """Undo `take_over`."""
    api = _api.pop()
    if not _api:
        if allure_commons.plugin_manager.is_registered(api):
            leave_out(None)
        allure_commons.plugin_manager.unregister(api)
        # All or none: the methods belong together. If one is wrapped by now, they stay.
        if _undo and all(vars(_StepContext).get(n) is Step.__dict__[n] for n in _METHODS):
            undo_all(_undo)
