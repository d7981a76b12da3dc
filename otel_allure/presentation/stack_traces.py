"""A stack trace that a service has recorded -> the same with the frames of frameworks folded.

A request passes twenty of them before it comes to a line that somebody in the team has written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_PYTHON = re.compile(r'^[\s|+]*File "([^"]*)", line \d')
_JAVASCRIPT = re.compile(r"^\s*at (?:.*\()?([^()]*?):\d+(?::\d+)?\)?$")
_INNER = re.compile(r"^[\s|+]{4,}\S")
"""What belongs to the frame above: its source, and marks below it."""
_LIBRARY = re.compile(
    r"(?:site-packages|dist-packages|node_modules)[/\\]+(@[^/\\]+[/\\][^/\\]+|[^/\\]+)"
    r"|lib[/\\]+python3\.\d+[/\\]+(?!\w+-packages)([^/\\]+)|^(node:\w+)"
)
_FEWEST = 2


class _Frame(NamedTuple):
    lines: list[str]
    library: str | None  # None of one of the service's own
    is_innermost_first: bool  # as JavaScript has them


def folded(trace: str) -> str:
    """Fold runs of frames that are a library's, but for the frame in which it was raised."""
    made: list[str] = []
    run: list[_Frame] = []
    is_after_text = True
    for part in _parts(trace.splitlines()):
        if isinstance(part, _Frame) and part.library is not None:
            if is_after_text and part.is_innermost_first:
                made += part.lines
            else:
                run.append(part)
        elif isinstance(part, _Frame):
            made += [*_told(run), *part.lines]
            run = []
        else:
            innermost = run.pop().lines if run and not run[-1].is_innermost_first else []
            made += [*_told(run), *innermost, part]
            run = []
        is_after_text = isinstance(part, str)
    return "\n".join([*made, *_told(run)])


def _parts(lines: list[str]) -> Iterator[_Frame | str]:
    """Yield frames, and lines of other text."""
    frame: _Frame | None = None
    for line in lines:
        python = _PYTHON.match(line)
        found = python or _JAVASCRIPT.match(line)
        if found is not None:
            if frame is not None:
                yield frame
            frame = _Frame([line], _library_of(found[1]), python is None)
        elif frame is not None and _INNER.match(line):
            frame.lines.append(line)
        else:
            if frame is not None:
                yield frame
            frame = None
            yield line
    if frame is not None:
        yield frame


def _library_of(path: str) -> str | None:
    found = _LIBRARY.search(path)
    name = None if found is None else next(filter(None, found.groups()))
    return None if name is None else name.removesuffix(".py")


def _told(run: list[_Frame]) -> list[str]:
    if len(run) < _FEWEST:
        return [line for frame in run for line in frame.lines]
    libraries = dict.fromkeys(frame.library for frame in run)
    first = run[0].lines[0]
    indent = first[: len(first) - len(first.lstrip(" |+"))]
    return [f"{indent}… {len(run)} frames of {', '.join(map(str, libraries))}"]
