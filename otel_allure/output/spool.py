"""Spans and logs of child processes -> the report of the process that they were started from.

A child often ends without a word: no `atexit`, no hook of pytest. So it writes nothing to the
report itself, but appends every span that begins or ends to a file of its own, as a sealed record
each (see `sealed`), which its parent reads before it finishes a test.

The directory belongs to the parent, and nobody else may enter it. As long as the parent reads
there is a mark in it, by which children know that they do not come too late. It is a file that
nobody has open: Windows neither removes nor renames those, nor the directories that they are in.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from otel_allure.compat import kept
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.record_json import read_record, to_json
from otel_allure.model.spans import Log, Record
from otel_allure.output.sealed import Seal


class ParentReport(NamedTuple):
    """What a child must know to send its spans home.

    Attributes:
        spool: the directory that it writes to.
        results_dir: the report's, where it puts the bodies of attachments itself.
        key: what its records are sealed with.
    """

    spool: str
    results_dir: str
    key: str


class Spool:
    """A directory that children write to and their parent reads.

    Args:
        in_child: called in a forked child, once it is one.
        parent: what it has said, in a child that was not forked. Default: a directory of our own,
            which `prepare` makes; until then, and if it cannot be made, children are not followed.

    Forks happen wherever the user's code starts a process, in an event loop too. So there is no
    input or output in what runs then.
    """

    def __init__(self, in_child: Callable[[], None], parent: ParentReport | None = None) -> None:
        self._in_child = in_child
        self._directory = None if parent is None else parent.spool
        self._owner = kept.process_id() if parent is None else None
        self._seal = Seal(None if parent is None else parent.key)
        self._file: int | None = None
        self._read_until: dict[str, int] = {}
        self._diagnostics: Diagnostics | None = None
        self._unusable: OSError | None = None
        self._has_children = False
        _spools.add(self)

    def prepare(self, diagnostics: Diagnostics) -> None:
        """Make the directory; if that fails, the first child is noted as a problem."""
        self._diagnostics = diagnostics
        try:
            directory = tempfile.mkdtemp(prefix="otel-allure-")
            kept.close(kept.open_new(kept.joined(directory, _READ)))
            self._directory = directory
        except OSError as error:
            self._unusable = error

    def has_child(self) -> None:
        """Note that a child is started now: there is something to read."""
        self._has_children = True
        if self._unusable is not None and self._diagnostics is not None:
            self._diagnostics.add(_NOT_FOLLOWED, self._unusable)

    def for_child(self, results_dir: str) -> ParentReport | None:
        """Return what a child that is started now must know, None if it is not followed."""
        self.has_child()
        directory = self._directory
        return None if directory is None else ParentReport(directory, results_dir, self._seal.key)

    @property
    def directory(self) -> str | None:
        """Where it is."""
        return self._directory

    @property
    def is_usable(self) -> bool:
        """Whether there is a directory."""
        return self._directory is not None

    # -- in a child

    def write(self, records: Iterable[Record]) -> bool:
        """Append spans and logs, and return whether the parent will read them."""
        return self._append([{"log": r} if isinstance(r, Log) else r for r in records])

    def note(self, doing: str, detail: str) -> None:
        """Tell the parent what went wrong."""
        self._append([{"doing": doing, "detail": detail}])

    def _append(self, records: list[Any]) -> bool:
        directory = self._directory
        if directory is None or not is_read(directory):
            return False
        if records:
            content = b"".join([self._seal.sealed(to_json(record).encode()) for record in records])
            try:
                file = self._open(directory) if self._file is None else self._file
                # Not buffered: each span is there at once, however the child ends.
                kept.write(file, content)
            except OSError:
                return False
        # It may have gone in between; whether this was read is then unknown. Better twice than not.
        return is_read(directory)

    def _open(self, directory: str) -> int:
        # Hidden until it is locked, else the parent could take it for one that is complete.
        # A number, not a file object: that would warn of not being closed when its process ends.
        name = kept.urandom(8).hex()
        path = kept.joined(directory, _HIDDEN + name)
        file = kept.open_new(path)
        if _HIDDEN:
            ending = _LOCKED if kept.lock(file) else ""
            kept.rename(path, kept.joined(directory, name + ending))
        self._file = file
        return file

    def _close_file(self) -> None:
        if self._file is not None:
            kept.close(self._file)
            self._file = None

    # -- in the parent

    def read(self, diagnostics: Diagnostics) -> list[Record]:
        """Return what children have written since the last call.

        Args:
            diagnostics: told about those of children, and about what cannot be read.
        """
        if not self._has_children or self._directory is None or kept.process_id() != self._owner:
            return []
        try:
            names = sorted(kept.names_in(self._directory))
        except OSError as error:  # somebody has removed it
            diagnostics.add(_NOT_FOLLOWED, error)
            return []
        seen = [n for n in names if n != _READ and not (_HIDDEN and n.startswith(_HIDDEN))]
        return [record for name in seen for record in self._read(name, diagnostics)]

    def _read(self, name: str, diagnostics: Diagnostics) -> Iterator[Record]:
        path = kept.joined(self._directory or "", name)
        file = kept.open_to_read(path)
        try:
            # First of all: what its child has written until now is then all that there will be.
            is_complete = name.endswith(_LOCKED) and kept.lock(file)
            start = self._read_until.get(name, 0)
            content = kept.read_from(file, start)
        finally:
            kept.close(file)
        records, end = self._seal.opened(content)
        self._read_until[name] = start + end
        for record in records:
            yield from read_record(record, diagnostics)
        if is_complete:  # else a run with many children would look at ever more files
            kept.unlink(path)
            self._read_until.pop(name, None)

    def seal(self) -> None:
        """Take nothing more: children then see that they are on their own."""
        if self._directory is not None and kept.process_id() == self._owner:
            with suppress(OSError):  # somebody has removed it all
                kept.unlink(kept.joined(self._directory, _READ))

    def close(self) -> None:
        """Remove the directory, if it is ours."""
        _spools.discard(self)
        self._close_file()
        if self._directory is not None and kept.process_id() == self._owner:
            shutil.rmtree(self._directory, ignore_errors=True)

    # -- at a fork

    def _after_fork_in_child(self) -> None:
        self._close_file()  # the parent's; it stays locked
        self._in_child()


def is_read(directory: str) -> bool:
    """Whether a parent still reads what is written to the directory."""
    return kept.exists(kept.joined(directory, _READ))


# -- records: JSON, so that reading runs no code of whoever wrote it


_NOT_FOLLOWED = "following child processes, whose steps are missing"
_LOCKED = ".locked"
_READ = "is-read"

_HIDDEN = "" if sys.platform == "win32" else "."  # there, what is open cannot be renamed

_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork_in_parent() -> None:
    for spool in list(_spools):
        spool.has_child()


def _after_fork_in_child() -> None:
    for spool in list(_spools):
        spool._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
