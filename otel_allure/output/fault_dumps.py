"""What faulthandler has written of a process that died, in a file that somebody reads after it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

_LARGEST = 64 << 10
"""Bytes of a dump that are kept. Of each of 100 threads, there are up to 100 lines."""
_QUOTED = 6
"""Lines of a stack that a message has."""
_NOT_OF_TESTS = re.compile(r"[\\/](?:_pytest|pluggy|execnet|threading\.py)\b")


def take(path: Path, stderr: int | None = None) -> str | None:
    """Remove the file, print what is in it where it would have been without us, and return it.

    Args:
        path: of the file.
        stderr: where to print it; None: the standard error of this process.

    Returns:
        The dump, None if there is none.
    """
    try:
        data = path.read_bytes()
        path.unlink()
    except OSError:
        return None
    if not data:
        return None
    with contextlib.suppress(OSError, AttributeError, ValueError):  # there may be no such file
        stderr = sys.__stderr__.fileno() if stderr is None else stderr  # type: ignore[union-attr]
        for begin in range(0, len(data), _LARGEST):
            os.write(stderr, data[begin : begin + _LARGEST])
    more = len(data) - _LARGEST
    text = data[:_LARGEST].decode("utf-8", "replace").rstrip()
    return f"{text}\n... ({more} more bytes were printed)" if more > 0 else text


def quoted(dump: str) -> str:
    """Return what it says first: the error, and where in the tests the thread was that met it."""
    error, *threads = re.split(r"\n(?=(?:Current t|T)hread )", dump)
    its = next((thread for thread in threads if thread.startswith("Current")), None)
    if its is None:  # of a timeout; the main thread is the last
        its = threads[-1] if threads else ""
    frames = [line for line in its.splitlines() if line.startswith("  File ")]
    foreign = (number for number, line in enumerate(frames) if _NOT_OF_TESTS.search(line))
    first = error.strip().partition("\n")[0]
    return "\n".join([first, *frames[: min(_QUOTED, next(foreign, _QUOTED))]])


def with_dump(message: str, trace: str | None, dump: str | None) -> tuple[str, str | None]:
    """Return a message and a trace that say what a dump says, too."""
    if dump is None:
        return message, trace
    return f"{message}\n{quoted(dump)}", f"{dump}\n\n{trace}" if trace else dump
