"""What asking a trace raises. Pure."""

from __future__ import annotations

from typing import Any


class TraceAssertionError(AssertionError):
    """What was expected of the trace is not so."""

    __module__ = "otel_allure"


class InconclusiveError(Exception):
    """Nobody knows: who should have told has not reported anything.

    It is no `AssertionError`, so reports tell it apart: a test that ends with it is broken.
    """

    __module__ = "otel_allure"


class TraceUsageError(Exception):
    """The trace was asked in a way that has no answer; the text says which ways have one."""

    __module__ = "otel_allure"


def hidden(excinfo: Any) -> bool:
    """Whether pytest hides a frame of ours: what is told is about the line of the test."""
    return isinstance(excinfo.value, (AssertionError, InconclusiveError, TraceUsageError))
