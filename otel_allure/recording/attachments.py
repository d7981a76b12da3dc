"""Bodies of attachments -> files."""

from __future__ import annotations

import mimetypes
import os
import re
from pathlib import Path
from typing import Any

from allure_commons.types import AttachmentType

from otel_allure.model.rows import Attachment, Parameter
from otel_allure.model.texts import is_true, text_of
from otel_allure.output.allure_json import attachment_file_name
from otel_allure.output.results_directory import check_regular
from otel_allure.recording.active import active_recorder
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningItem
from otel_allure.recording.text_bytes import changed_text, is_text
from otel_allure.redaction.redaction import Redaction
from otel_allure.translation.attributes import NOT_SHOWN


def attach(place: Any, write: Any, content: Any, name: Any, kind: Any, extension: Any) -> None:
    """Write an attachment's body at once, and put a reference to it in its place."""
    recorder = active_recorder()
    if recorder is not None:
        with recorder.diagnostics.caught("attaching"):
            try:
                attachment = write(recorder, content, name, kind, extension)
            except Exception as error:
                lost = note_of_lost(name or (write is written_file and _path(content).name), error)
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


def note_lost(item: RunningItem, name: Any, error: Exception) -> None:
    """Note in a test, fixture or step that an attachment of it could not be written."""
    note = note_of_lost(name, error)
    item.parameters.append(Parameter(NOT_SHOWN, note, excluded=True))


def check_readable(source: Any) -> None:
    """Raise what is wrong with a file: a mistake of the caller, who can see it only now."""
    if active_recorder() is not None:
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
    path = _path(source)
    media_type, extension = typed(kind, _name(extension) or path.suffix.lstrip("."))
    file_name = attachment_file_name(extension)
    recorder.report.publish("report_attached_file", source=source, file_name=file_name)
    _check_written(recorder, file_name)
    return Attachment(_name(name) or text_of(path.name), file_name, media_type)


def _path(source: Any) -> Path:
    """Return a path as `open` takes it: of text, of bytes, or an object that has one."""
    return Path(os.fsdecode(source))


def _check_written(recorder: Recorder, file_name: str) -> None:
    """Raise if a file is lost: nothing may refer to it then."""
    why = recorder.report.directory.lost.pop(file_name, None)
    if why is not None:
        raise OSError(why)


def _masked(body: str | bytes, media_type: str, redaction: Redaction) -> str | bytes:
    """Return a text without its secrets; bytes too, if they are said to be one."""
    if isinstance(body, str):
        return redaction.text(body)
    return changed_text(body, redaction.text) if is_text(media_type) else body


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
