"""Exception -> Allure status, message and trace: the same rules for steps, fixtures and tests."""

from __future__ import annotations

import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from otel_allure.model.texts import attempt, text_of

PASSED = "passed"
FAILED = "failed"
BROKEN = "broken"
SKIPPED = "skipped"
UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """How a step, fixture or test ended."""

    status: str
    message: str | None = None
    trace: str | None = None


OK = Outcome(PASSED)
CANCELLED = "Cancelled"
"""The message of a step that was stopped from outside. It is shown as skipped: of a group of tasks
the one that failed stands out, not those that were cancelled for it."""

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_CANCELLATIONS = (("asyncio", "CancelledError"), ("trio", "Cancelled"))
_MAX_IN_GROUP = 15
"""Exceptions of a group that are shown; Python's tracebacks have the same limit."""


def outcome_of(exception: BaseException | None, tb: TracebackType | None = None) -> Outcome:
    """Return what `exception`, with its traceback `tb`, makes of the block that it left.

    A generator that is closed early has not failed.
    """
    if exception is None or _is_closing(exception):
        return OK
    return Outcome(status_of(exception), message_of(exception), trace_of(exception, tb))


def _is_closing(exception: BaseException) -> bool:
    """Whether it is how a generator is told that nobody wants more of it.

    One that `async for ... break` leaves is closed by a task of the loop's own, which is cancelled
    if the loop ends first; then that cancellation takes the place of the GeneratorExit.
    """
    if isinstance(exception, GeneratorExit):
        return True
    if not is_cancellation(exception):
        return False
    return isinstance(exception.__context__, GeneratorExit) or _is_in_task_that_closes()


def _is_in_task_that_closes() -> bool:
    asyncio = sys.modules.get("asyncio")
    try:
        task = None if asyncio is None else asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return False
    return task is not None and type(task.get_coro()).__name__ == "async_generator_athrow"


def status_of(exception: BaseException) -> str:
    """Return `failed` for a failed check, `broken` for any other error.

    What was skipped or cancelled is `skipped`. A group is what all of its exceptions are, leaving
    aside those that were skipped or cancelled; `broken` if they differ.
    """
    try:
        return _status_of(exception)
    except Exception:  # one that cannot be looked at, or contains itself
        return FAILED if issubclass(type(exception), AssertionError) else BROKEN


def _status_of(exception: BaseException) -> str:
    inner = _exceptions_of(exception)
    if inner:
        statuses = {_status_of(each) for each in inner}
        failures = statuses - {SKIPPED} or statuses
        return failures.pop() if len(failures) == 1 else BROKEN
    doctest = sys.modules.get("doctest")
    if isinstance(exception, AssertionError) or (
        doctest is not None and isinstance(exception, doctest.DocTestFailure)
    ):
        return FAILED
    pytest = sys.modules.get("pytest")  # no pytest, none of its exceptions
    if pytest is not None:
        if isinstance(exception, pytest.fail.Exception):
            return FAILED
        if isinstance(exception, pytest.skip.Exception):
            return SKIPPED
    return SKIPPED if is_cancellation(exception) else BROKEN


def is_cancellation(exception: BaseException) -> bool:
    """Whether it is how a task is told that it is cancelled."""
    for module, name in _CANCELLATIONS:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(exception, kind):
            return True
    return False


def message_of(exception: BaseException) -> str:
    """Return type and message, as the last lines of a traceback show them.

    Of a cancellation, that it is one; of a group, those of its exceptions too.
    """
    return attempt(_message_of, exception, "message")


def _message_of(exception: BaseException) -> str:
    if is_cancellation(exception):
        reason = text_of(exception)
        if reason.lower().startswith(CANCELLED.lower()):  # as anyio and trio say it
            return reason[:1].upper() + reason[1:]
        return f"{CANCELLED}: {reason}" if reason else CANCELLED
    message = "\n".join(traceback.format_exception_only(type(exception), exception))
    inner = [_indented(_message_of(each).rstrip()) for each in _shown(exception)]
    return "\n".join([message.rstrip(), *inner, *_note(exception)]) if inner else message


def trace_of(exception: BaseException, tb: TracebackType | None = None) -> str | None:
    """Return the frames of the traceback without the message, None if there are none.

    Frames of ours around the user's code are left out. Below the frames of a group are those of
    its exceptions, each with its message.
    """
    return attempt(lambda _: _trace_of(exception, tb), exception, "traceback") or None


def _trace_of(exception: BaseException, tb: TracebackType | None = None) -> str:
    tb = tb or exception.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        tb = tb.tb_next
    frames = "".join(traceback.format_tb(tb))
    for n, each in enumerate(_shown(exception), start=1):
        own = _trace_of(each)
        frames += f"Exception {n} of the group:\n{_indented(own + _message_of(each).rstrip())}\n"
    return "\n".join([frames, *_note(exception)])


# -- groups


def _exceptions_of(exception: BaseException) -> Sequence[BaseException]:
    """Return what an exception group has in it, Python's or the one for versions before 3.11."""
    inner = getattr(exception, "exceptions", ())
    is_group = isinstance(inner, tuple) and all(isinstance(each, BaseException) for each in inner)
    return inner if is_group else ()


def is_group(exception: BaseException) -> bool:
    """Whether there are other exceptions in it."""
    return bool(_exceptions_of(exception))


def _shown(group: BaseException) -> Sequence[BaseException]:
    return _exceptions_of(group)[:_MAX_IN_GROUP]


def _note(group: BaseException) -> list[str]:
    left_out = len(_exceptions_of(group)) - _MAX_IN_GROUP
    return [f"... and {left_out} more"] if left_out > 0 else []


def _indented(text: str) -> str:
    return textwrap.indent(text, "  ")
