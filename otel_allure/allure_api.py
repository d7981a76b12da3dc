"""`import allure` -> spans: the hooks of allure_commons, and its step class.

`allure.step` in users' code is made a span by giving allure_commons' own class the methods of
`Step`, so that names imported before we came, and step objects made before, follow too.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import allure_commons
from allure_commons import hookimpl
from allure_commons.types import AttachmentType, ParameterMode

from otel_allure import conventions as c
from otel_allure import recorder as recorders
from otel_allure.compat.allure_commons import STEP_CONTEXT
from otel_allure.patches import Undo, replace, undo_all
from otel_allure.recorder import Recorder
from otel_allure.redaction import Redaction
from otel_allure.results_directory import attachment_file_name, check_regular, new_uuid
from otel_allure.scope import Attachment, Parameter, Scope, TestScope
from otel_allure.steps import RunningStep, Step, represented, start_step
from otel_allure.texts import attempt, is_true, text_of
from otel_allure.to_results import NOT_SHOWN

_METHODS = ("__init__", "uuid", "__enter__", "__exit__", "__aenter__", "__aexit__", "__call__")
_undo: list[Undo] = []
_StepContext: Any = STEP_CONTEXT.imported()
_PLUGIN_NAME = "otel_allure"


class AllureApi:
    """Listens to allure_commons while a report is written."""

    def __init__(self) -> None:
        self._steps: dict[str, RunningStep] = {}
        self.others: dict[str, Any] = {}
        """Callers of the step hooks that leave us out."""

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
        _attach(Recorder.attach, written_data, body, name, attachment_type, extension)

    @hookimpl
    def attach_file(self, source: Any, name: Any, attachment_type: Any, extension: Any) -> None:
        """Attach a copy of a file where the caller runs; it must be there."""
        _check_readable(source)
        _attach(Recorder.attach, written_file, source, name, attachment_type, extension)

    @hookimpl
    def global_attach_data(
        self, body: Any, name: Any, attachment_type: Any, extension: Any
    ) -> None:
        """Attach a text or bytes to the run."""
        _attach(Recorder.attach_global, written_data, body, name, attachment_type, extension)

    @hookimpl
    def global_attach_file(
        self, source: Any, name: Any, attachment_type: Any, extension: Any
    ) -> None:
        """Attach a copy of a file to the run; it must be there."""
        _check_readable(source)
        _attach(Recorder.attach_global, written_file, source, name, attachment_type, extension)

    @hookimpl
    def global_error(self, message: str, trace: str | None) -> None:
        """Add an error of the run."""
        recorder = recorders.active()
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
        recorder, test = recorders.active(), _test()
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


def _test(used: str = "allure.dynamic") -> TestScope | None:
    recorder = recorders.active()
    if recorder is None:
        return None
    test = recorder.test()
    if test is None:
        recorder.problems.add(f"{used} was used where no test runs", "ignored")
    return test


def _attach(place: Any, write: Any, content: Any, name: Any, kind: Any, extension: Any) -> None:
    """Write an attachment's body at once, and put a reference to it in its place."""
    recorder = recorders.active()
    if recorder is not None:
        with recorder.problems.caught("attaching"):
            try:
                attachment = write(recorder, content, name, kind, extension)
            except Exception as error:
                lost = note_of_lost(name or (write is written_file and Path(content).name), error)
                if place is Recorder.attach:
                    recorder.log_step(lost)
                else:
                    recorder.add_global_error(lost, None)
                raise
            place(recorder, attachment)


def note_of_lost(name: Any, error: Exception) -> str:
    """Return what stands in the place of an attachment that could not be written."""
    why = (isinstance(error, OSError) and error.strerror) or text_of(error)
    return f"{_name(name) or 'attachment'} (lost: {why})"


def note_lost(scope: Scope, name: Any, error: Exception) -> None:
    """Note in a test, fixture or step that an attachment of it could not be written."""
    note = note_of_lost(name, error)
    scope.parameters.append(Parameter(NOT_SHOWN, note, excluded=True))


def _check_readable(source: Any) -> None:
    """Raise what is wrong with a file: a mistake of the caller, who can see it only now."""
    if recorders.active() is not None:
        check_regular(source)


def written_data(
    recorder: Recorder,
    body: Any,
    name: Any,
    kind: Any,
    extension: Any,
    redaction: Redaction | None = None,
) -> Attachment:
    """Write a text or bytes and return the reference.

    Args:
        recorder: of the report.
        body: a text, bytes, or anything: then its `str` is.
        name: of the attachment.
        kind: see `typed`.
        extension: of the file.
        redaction: what is masked in texts; default: what is, where the caller runs.
    """
    body = _written(body)
    media_type, extension = typed(kind, extension, text=isinstance(body, str))
    if recorder.report.presentation.settings.redact_attachments:
        body = _masked(body, media_type, redaction or recorder.redaction)
    file_name = attachment_file_name(extension)
    recorder.report.publish("report_attached_data", body=body, file_name=file_name)
    _check_written(recorder, file_name)
    return Attachment(_name(name) or file_name, file_name, media_type)


def _written(body: Any) -> str | bytes:
    """Return a body as it can be written. By the type itself: a mock may say that it is a text."""
    if issubclass(type(body), (bytes, bytearray, memoryview)):
        try:
            return bytes(body)
        except Exception:  # a view that was released
            return text_of(body)
    return str.__str__(body) if issubclass(type(body), str) else text_of(body)


def _name(name: Any) -> str:
    return text_of(name) if is_true(name) else ""


def written_file(
    recorder: Recorder, source: Any, name: Any, kind: Any, extension: Any
) -> Attachment:
    """Copy a file and return the reference."""
    path = Path(source)
    media_type, extension = typed(kind, _name(extension) or path.suffix.lstrip("."))
    file_name = attachment_file_name(extension)
    recorder.report.publish("report_attached_file", source=source, file_name=file_name)
    _check_written(recorder, file_name)
    return Attachment(_name(name) or text_of(path.name), file_name, media_type)


def _check_written(recorder: Recorder, file_name: str) -> None:
    """Raise if a file is lost: nothing may refer to it then."""
    why = recorder.report.directory.lost.pop(file_name, None)
    if why is not None:
        raise OSError(why)


_TEXTS = re.compile(r"text/|application/(?:.*[+.])?(?:json|xml|yaml|x-yaml|javascript)\b")


def _masked(body: Any, media_type: str, redaction: Redaction) -> Any:
    """Return a text without its secrets; bytes too, if they are said to be one."""
    if isinstance(body, str):
        return redaction.text(body)
    if not _TEXTS.match(media_type):
        return body
    try:
        text = bytes(body).decode()
    except UnicodeDecodeError:
        return body
    masked = redaction.text(text)
    return body if masked == text else masked


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def typed(attachment_type: Any, extension: Any = None, *, text: bool = False) -> tuple[str, str]:
    """Return media type and file extension of an attachment.

    The type is an `AttachmentType`, a media type, or None: then it is guessed, since the report
    tools have no viewer for an attachment without one.
    """
    if type(attachment_type) is AttachmentType:
        return attachment_type.mime_type, attachment_type.extension
    kind, extension = _name(attachment_type), _name(extension)
    if not kind and extension:
        kind = mimetypes.guess_type(f"a.{extension}")[0] or ""
    if not kind and text:
        kind, extension = "text/plain", extension or "txt"
    return kind, _UNSAFE.sub("", extension)[:20] or "attach"


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
        manager = allure_commons.plugin_manager
        manager.register(api, _PLUGIN_NAME)
        api.others = {
            hook: manager.subset_hook_caller(hook, [api]) for hook in ("start_step", "stop_step")
        }
    _api.append(_api[0] if _api else api)


def give_back() -> None:
    """Undo `take_over`."""
    api = _api.pop()
    if not _api:
        if allure_commons.plugin_manager.is_registered(api):
            allure_commons.plugin_manager.unregister(api)
        # All or none: the methods belong together. If one is wrapped by now, they stay.
        if _undo and all(vars(_StepContext).get(n) is Step.__dict__[n] for n in _METHODS):
            undo_all(_undo)


def tell_others(hook: str, running: RunningStep, **arguments: Any) -> None:
    """Fire a step hook for the listeners of others; they know the step by its uuid."""
    if len(_hooks.start_step.get_hookimpls()) < 2 or not _api:
        return
    if hook == "start_step":
        running.uuid = running.uuid or new_uuid()
    if running.uuid is not None:
        _api[-1].others[hook](uuid=running.uuid, **arguments)


def has_fixture_listeners() -> bool:
    """Whether somebody listens to fixtures; we do not, pytest tells us of them."""
    return bool(_hooks.start_fixture.get_hookimpls() or _hooks.stop_fixture.get_hookimpls())


@contextmanager
def finalizer_told(parent_uuid: str, name: str) -> Iterator[None]:
    """Tell others that a finalizer of a fixture runs in the block, as allure-pytest does."""
    fixture = {"parent_uuid": parent_uuid, "uuid": new_uuid(), "name": name}
    _hooks.start_fixture(**fixture, parameters={})
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        _hooks.stop_fixture(
            **fixture,
            exc_type=type(error) if error is not None else None,
            exc_val=error,
            exc_tb=error.__traceback__ if error is not None else None,
        )


_hooks = allure_commons.plugin_manager.hook
recorders.on_step = tell_others
