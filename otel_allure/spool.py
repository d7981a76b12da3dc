"""Spans of forked children -> the report of the process that they were forked from.

A child begins with a copy of everything, the running test included, and often ends without a
word: no `atexit`, no hook of pytest. So it writes nothing to the report itself, but appends every
span that has ended to a file of its own, which the parent reads before it finishes a test.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from otel_allure.spans import Event, Link, Span


class Spool:
    """A directory that children write to and their parent reads.

    Args:
        in_child: called in a forked child, once it is one.
    """

    def __init__(self, in_child: Callable[[], None]) -> None:
        self._in_child = in_child
        self._directory: Path | None = None
        self._owner = os.getpid()
        self._file: IO[bytes] | None = None
        self._read_until: dict[Path, int] = {}
        _spools.add(self)

    def write(self, spans: Iterable[Span]) -> None:
        """Append spans, in a child."""
        if self._file is None and self._directory is not None:
            # Not buffered: each span is there at once, however the child ends.
            self._file = (self._directory / str(os.getpid())).open("ab", buffering=0)
        if self._file is not None:
            for span in spans:
                data = pickle.dumps(tuple(_as_plain_data(span)))
                self._file.write(len(data).to_bytes(8, "big") + data)

    def read(self) -> list[Span]:
        """Return what children have written since the last call, in the parent."""
        if self._directory is None or os.getpid() != self._owner:
            return []
        return [span for path in sorted(self._directory.iterdir()) for span in self._read(path)]

    def _read(self, path: Path) -> Iterable[Span]:
        with path.open("rb") as file:
            file.seek(self._read_until.get(path, 0))
            while True:
                size = file.read(8)
                data = file.read(int.from_bytes(size, "big"))
                if len(size) < 8 or len(data) < int.from_bytes(size, "big"):
                    return  # nothing more, or it is being written just now
                self._read_until[path] = file.tell()
                yield Span(*pickle.loads(data))  # noqa: S301 -- our own child wrote it

    def close(self) -> None:
        """Remove the directory, in the parent."""
        _spools.discard(self)
        if self._directory is not None and os.getpid() == self._owner:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _before_fork(self) -> None:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="otel-allure-"))

    def _after_fork(self) -> None:
        self._file = None
        self._in_child()


def _as_plain_data(span: Span) -> Iterable[Any]:
    """Return `span` without what cannot be pickled: proxies of maps."""
    events = [Event(e.name, e.time_ns, dict(e.attributes)) for e in span.events]
    links = [Link(link.trace_id, link.span_id, dict(link.attributes)) for link in span.links]
    return span._replace(
        attributes=dict(span.attributes), events=events, links=links, resource=dict(span.resource)
    )


_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _before_fork() -> None:
    for spool in list(_spools):
        spool._before_fork()


def _after_fork_in_child() -> None:
    for spool in list(_spools):
        spool._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
