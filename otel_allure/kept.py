"""The functions that files are written with, kept from the start.

Tests replace parts of the world while we write: pyfakefs replaces modules and functions that it
finds in the globals of other modules, and others put mocks in the place of `open`, `os.replace` or
`os.urandom`. So what is ours to write goes through references that are no globals, and only to
functions that call no others by name.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

CHUNK = 1 << 20


class _Kept:
    def __init__(self) -> None:
        self.open = os.open
        self.read = os.read
        self.write = os.write
        self.close = os.close
        self.replace = os.replace
        self.unlink = os.unlink
        self.mkdir = os.mkdir
        self.stat = os.stat
        self.urandom = os.urandom
        self.split = os.path.split


_real = _Kept()
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY
_READ = os.O_RDONLY | _BINARY
_SEPARATOR = os.sep

urandom = _real.urandom


def joined(directory: str, name: str) -> str:
    """Return the path of a file in a directory."""
    return f"{directory}{_SEPARATOR}{name}"


def write_whole(path: str, temporary: str, chunks: Iterable[bytes]) -> None:
    """Write a file: all of it, or nothing."""
    file = _real.open(temporary, _NEW, 0o666)
    try:
        try:
            for chunk in chunks:
                left = memoryview(chunk)
                while left:
                    left = left[_real.write(file, left) :]
        finally:
            _real.close(file)
        _real.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            _real.unlink(temporary)
        raise


def read(path: str) -> Iterator[bytes]:
    """Yield a file's content."""
    file = _real.open(path, _READ)
    try:
        yield from iter(lambda: _real.read(file, CHUNK), b"")
    finally:
        _real.close(file)


def make_directory(path: str) -> None:
    """Make a directory and those that it is in, where they are missing."""
    try:
        _real.mkdir(path)
    except FileNotFoundError:
        parent = _real.split(path)[0]
        if parent in ("", path):
            raise
        make_directory(parent)
        make_directory(path)
    except FileExistsError:
        if not stat.S_ISDIR(_real.stat(path).st_mode):
            raise
