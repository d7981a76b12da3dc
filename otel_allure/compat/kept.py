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
import sys
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
        self.listdir = os.listdir
        self.lseek = os.lseek
        self.ftruncate = os.ftruncate
        self.pwrite = getattr(os, "pwrite", None)
        self.fsync = os.fsync
        self.urandom = os.urandom
        self.split = os.path.split
        self.getpid = os.getpid


_real = _Kept()
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY
_APPEND = os.O_WRONLY | os.O_APPEND | _BINARY
_READ = os.O_RDONLY | _BINARY
_HELD = os.O_RDWR | _BINARY
_OWN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_SEPARATOR = os.sep

urandom = _real.urandom


def process_id() -> int:
    """Return the number of this process."""
    return _real.getpid()


def joined(directory: str, name: str) -> str:
    """Return the path of a file in a directory."""
    return f"{directory}{_SEPARATOR}{name}"


def write_whole(
    path: str, temporary: str, chunks: Iterable[bytes], *, durable: bool = False
) -> None:
    """Write a file: all of it, or nothing; `durable`: even if the power fails right after it."""
    file = _real.open(temporary, _NEW, 0o666)
    try:
        try:
            for chunk in chunks:
                write(file, chunk)
            if durable:
                _real.fsync(file)
        finally:
            _real.close(file)
        _real.replace(temporary, path)
        if durable:
            _sync_directory(_real.split(path)[0])
    except BaseException:
        with contextlib.suppress(OSError):
            _real.unlink(temporary)
        raise


def _sync_directory(path: str) -> None:
    """Have the names in it on the disk, where the system can do so."""
    with contextlib.suppress(OSError):  # Windows cannot open directories
        file = _real.open(path, _READ)
        try:
            _real.fsync(file)
        finally:
            _real.close(file)


def append(path: str, data: bytes) -> None:
    """Add to a file that is there, in one go, so that other processes can do so too."""
    file = _real.open(path, _APPEND)
    try:
        _real.write(file, data)
    finally:
        _real.close(file)


def read(path: str) -> Iterator[bytes]:
    """Yield a file's content."""
    file = _real.open(path, _READ)
    try:
        yield from iter(lambda: _real.read(file, CHUNK), b"")
    finally:
        _real.close(file)


def exists(path: str) -> bool:
    """Whether there is something by that path."""
    try:
        _real.stat(path)
    except OSError:
        return False
    return True


def names_in(directory: str) -> list[str]:
    """Return the names of what is in a directory."""
    return _real.listdir(directory)


def rename(path: str, target: str) -> None:
    """Give a file or directory another name."""
    _real.replace(path, target)


def unlink(path: str) -> None:
    """Remove a file."""
    _real.unlink(path)


# -- files by number


def open_new(path: str) -> int:
    """Open a file for writing that must not be there, and that nobody else may read."""
    return _real.open(path, _OWN, 0o600)


def open_to_read(path: str) -> int:
    """Open a file for reading."""
    return _real.open(path, _READ)


def write(file: int, data: bytes) -> None:
    """Write all of `data`."""
    left = memoryview(data)
    while left:
        left = left[_real.write(file, left) :]


def read_from(file: int, start: int) -> bytes:
    """Return the rest of a file."""
    _real.lseek(file, start, os.SEEK_SET)
    return b"".join(iter(lambda: _real.read(file, CHUNK), b""))


def close(file: int) -> None:
    """Close a file."""
    _real.close(file)


def open_in_place(path: str, *, new: bool) -> int:
    """Open a file that is written over in its place."""
    return _real.open(path, _HELD | os.O_CREAT | os.O_TRUNC if new else _HELD, 0o666)


def write_over(file: int, data: bytes) -> bool:
    """Write `data` at the beginning of a file, in one go; return whether that was all of it."""
    if _real.pwrite is not None:
        return bool(_real.pwrite(file, data, 0) == len(data))
    _real.lseek(file, 0, os.SEEK_SET)  # Windows
    return _real.write(file, data) == len(data)


def write_at(file: int, data: bytes, start: int) -> None:
    """Write `data` at a place in a file."""
    if _real.pwrite is not None and _real.pwrite(file, data, start) == len(data):
        return
    _real.lseek(file, start, os.SEEK_SET)
    write(file, data)


def truncate(file: int, length: int) -> None:
    """Cut a file off."""
    _real.ftruncate(file, length)


def identity(file: int | str) -> tuple[int, int] | None:
    """Return by what a file is known, whatever its name or number; None if it is not there."""
    try:
        found = _real.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


if sys.platform == "win32":

    def lock(file: int) -> bool:
        """Whether the file could be locked, until it is closed or the process has ended."""
        return False

else:
    import fcntl

    class _Locks:
        def __init__(self) -> None:
            self.flock = fcntl.flock
            self.how = fcntl.LOCK_EX | fcntl.LOCK_NB

    _locks = _Locks()

    def lock(file: int) -> bool:
        """Whether the file could be locked, until it is closed or the process has ended."""
        try:
            _locks.flock(file, _locks.how)
        except OSError:
            return False
        return True


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
