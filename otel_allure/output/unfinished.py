"""Results of tests whose process ended before they did: which there are, and what ended it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from otel_allure.compat import kept
from otel_allure.model import conventions as c
from otel_allure.model.outcome import BROKEN
from otel_allure.output.fault_dumps import with_dump
from otel_allure.output.running_file import ENDED

_OF_TEST = ENDED.format("test")
_NEWEST = 200
"""So many results are looked at: what ran when a run was ended is among its last."""


def how_it_ended(code: int) -> str:
    """Return how a process ended, "by SIGKILL" for example, by its exit code as Python has it."""
    if code >= 0:
        return f"with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"by {signal.Signals(-code).name}"
    return f"by signal {-code}"


def say_what_ended(paths: Iterable[Path], code: int, dump: str | None = None) -> int:
    """Have results of tests that never ended say what ended their process.

    Args:
        paths: of results that the process has written.
        code: with which it ended.
        dump: what faulthandler has written, with secrets masked.

    Returns:
        How many there are.
    """
    said = 0
    for path, result in _unfinished(paths):
        details = result["statusDetails"]
        rest = details["message"].removeprefix(_OF_TEST).removeprefix(".")
        said_of_end = f"{_OF_TEST}. It ended {how_it_ended(code)}."
        message, trace = with_dump(said_of_end, details.get("trace"), dump)
        details["message"] = f"{message}{rest}"
        if trace:
            details["trace"] = trace
        text = json.dumps(result, ensure_ascii=False).encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError):
            kept.write_whole(str(path), f"{path}.{os.getpid()}-0.tmp", (text,))
            said += 1
    return said


def left_by_earlier_runs(directory: Path) -> str | None:
    """Return a note about tests that have not ended and that do not run, if there are some."""
    try:
        with os.scandir(directory) as entries:
            results = [entry for entry in entries if entry.name.endswith(c.RESULT)]
        results.sort(key=_modified, reverse=True)
    except OSError:
        return None
    newest = (Path(entry.path) for entry in results[:_NEWEST])
    left = [result for _, result in _unfinished(newest) if not _still_runs(result)]
    if not left:
        return None
    told = "1 test of an earlier run" if len(left) == 1 else f"{len(left)} tests of earlier runs"
    was = "was" if len(left) == 1 else "were"
    name = left[0].get("fullName") or left[0].get("name")
    return (
        f"{told} in {directory.name} {was} running when the process ended: {name}"
        f"{' is the last' if len(left) > 1 else ''}"
    )


def _modified(entry: os.DirEntry[str]) -> float:
    return entry.stat().st_mtime


def _unfinished(paths: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            text = path.read_bytes()
            if _OF_TEST.encode() in text:
                result = json.loads(text)
                if _is_unfinished(result):
                    yield path, result


def _is_unfinished(result: Any) -> bool:
    if not isinstance(result, dict) or result.get("status") != BROKEN:
        return False
    message = (result.get("statusDetails") or {}).get("message")
    return isinstance(message, str) and message.startswith(_OF_TEST)


def _still_runs(result: dict[str, Any]) -> bool:
    """Whether the process of a test is there: other sessions may write to the same directory."""
    labels = {label.get("name"): str(label.get("value")) for label in result.get("labels", ())}
    process = labels.get("thread", "").partition("-")[0]
    is_here = labels.get("host") == socket.gethostname() and process.isdecimal()
    return is_here and _is_alive(int(process))


if sys.platform == "win32":

    def _is_alive(process: int) -> bool:
        return False  # nobody can be asked without harm

else:

    def _is_alive(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            pass
        return True
