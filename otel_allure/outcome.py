"""Exception -> Allure status, message and trace: the same rules for steps, fixtures and tests."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import NamedTuple

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
_PACKAGE = __file__.removesuffix("outcome.py")


def outcome_of(exception: BaseException | None, tb: TracebackType | None = None) -> Outcome:
    """Return what `exception`, with its traceback `tb`, makes of the block that it left.

    A generator that is closed early (GeneratorExit) has not failed.
    """
    if exception is None or isinstance(exception, GeneratorExit):
        return OK
    return Outcome(status_of(exception), message_of(exception), trace_of(exception, tb))


def status_of(exception: BaseException) -> str:
    """Return `failed` for a failed check, `skipped` for a skip, `broken` for anything else."""
    if isinstance(exception, AssertionError):
        return FAILED
    outcomes = sys.modules.get("_pytest.outcomes")  # no pytest, none of its exceptions
    if outcomes is not None:
        if isinstance(exception, outcomes.Failed):
            return FAILED
        if isinstance(exception, outcomes.Skipped):
            return SKIPPED
    return BROKEN


def message_of(exception: BaseException) -> str:
    """Return type and message, as the last lines of a traceback show them."""
    try:
        return "\n".join(traceback.format_exception_only(type(exception), exception))
    except Exception as error:  # a broken __str__ of the user's exception
        return f"{type(exception).__name__}: <message not available: {error!r}>"


def trace_of(exception: BaseException, tb: TracebackType | None = None) -> str | None:
    """Return the frames of the traceback without the message, None if there are none.

    Frames of ours around the user's code are left out.
    """
    tb = tb or exception.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        tb = tb.tb_next
    return "".join(traceback.format_tb(tb)) or None
