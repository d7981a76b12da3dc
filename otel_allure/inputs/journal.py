"""What a program would lose if it were killed -> a file, for the `otel-allure run` above it.

Each span is appended when it begins and when it ends; with it, those that are in results by then
are noted. When the file has grown, it is written anew without them. The records are sealed, see
`output.sealed`: only who started the program can read them.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_allure.compat import kept
from otel_allure.formats.sdk import from_sdk
from otel_allure.model import conventions as c
from otel_allure.model import spans
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.record_json import read_record, to_line
from otel_allure.otel.registry import register
from otel_allure.output.report import Report
from otel_allure.output.sealed import Seal

_GROWS_BY = 1 << 22
"""Bytes after which the file is written anew, if half of it is of no use any more."""
_FEW = 100
"""So many traces are looked at each time; of more, those to which something has come."""
_SUFFIX = ".journal"
_KEEPING = "keeping what would be lost with this process"
_numbers = itertools.count(1)
_Key = tuple[int, int]


class _Place(NamedTuple):
    """Where a record is in the file."""

    start: int
    length: int


def journal_of(
    report: Report, is_ours: Callable[[spans.Span], bool], *, only_sampled: bool
) -> Journal | None:
    """Return a journal for what goes to this report, if there is somebody who reads it."""
    told = os.environ.get(c.JOURNAL)
    if not told or os.environ.get(c.PARENT_REPORT):  # a test takes each span at once
        return None
    key, _, directory = told.partition(":")
    with report.diagnostics.caught(_KEEPING):
        return Journal(report, is_ours, directory, Seal(key), only_sampled=only_sampled)
    return None


class Journal(SpanProcessor):
    """Notes the spans of a provider that are in no result yet.

    Args:
        report: where they go.
        is_ours: whether that report takes a span.
        directory: where the file is, which exists.
        seal: of the records.
        only_sampled: whether it takes those alone that are sampled, as exporters do.

    Raises:
        OSError: if the file cannot be made.
    """

    def __init__(
        self,
        report: Report,
        is_ours: Callable[[spans.Span], bool],
        directory: str,
        seal: Seal,
        *,
        only_sampled: bool,
    ) -> None:
        self.report, self._is_ours, self._only_sampled = report, is_ours, only_sampled
        self._directory, self._seal = directory, seal
        self._begin()
        register(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[int, dict[int, _Place]] = {}
        self._taken: dict[int, set[int]] = {}
        self._size = self._of_use = 0
        name = f"{kept.process_id()}-{next(_numbers)}{_SUFFIX}"
        self._path = kept.joined(self._directory, name)
        self._file: int | None = kept.open_in_place(self._path, new=True)
        told = {"results": str(self.report.directory.path)}
        self._head = self._append(json.dumps(told).encode())

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note a span that has begun."""
        self._note(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Note a span that has ended."""
        self._note(span)

    def _note(self, span: ReadableSpan) -> None:
        with self.report.diagnostics.caught(_KEEPING):
            context = span.context
            if context is None or (self._only_sampled and not context.trace_flags.sampled):
                return
            record = from_sdk(span)
            if self._is_ours(record):
                line = to_line(record)
                with self._lock:
                    place = self._append(line)
                    self._live.setdefault(record.trace_id, {})[record.span_id] = place

    def _append(self, record: bytes) -> _Place:
        data = self._seal.sealed(record)
        place = _Place(self._size, len(data))
        if self._file is not None:
            kept.write_at(self._file, data, self._size)
            self._size += len(data)
        return place

    def taken(self, keys: Iterable[_Key]) -> None:
        """Note that the report has taken spans; what is in results by now need not be kept."""
        with self.report.diagnostics.caught(_KEEPING):
            touched: set[int] = set()
            with self._lock:
                for trace_id, span_id in keys:
                    touched.add(trace_id)
                    self._taken.setdefault(trace_id, set()).add(span_id)
                is_large = self._size - self._of_use > max(_GROWS_BY, self._of_use)
                if is_large or len(self._taken) <= _FEW:
                    touched = set(self._taken)
                waiting = {trace_id: set(self._taken[trace_id]) for trace_id in touched}
            # Not with the lock: who writes the report may end a span meanwhile.
            written = list(filter(self.report.is_written, waiting))
            with self._lock:
                for trace_id in written:
                    self._drop(trace_id, waiting[trace_id])
                if is_large:
                    self._write_anew()

    def _drop(self, trace_id: int, span_ids: set[int]) -> None:
        live, taken = self._live.get(trace_id, {}), self._taken.get(trace_id, set())
        for span_id in span_ids:
            live.pop(span_id, None)
        taken -= span_ids
        if not live:
            self._live.pop(trace_id, None)
        if not taken:
            self._taken.pop(trace_id, None)
        self._append(json.dumps({"written": trace_id, "spans": list(span_ids)}).encode())

    def _write_anew(self) -> None:
        """Write the file anew, with what is of use; killed meanwhile, the old one is there."""
        if self._file is None:
            return
        data = kept.read_from(self._file, 0)
        parts = [data[: self._head.length]]
        at = self._head.length
        for live in self._live.values():
            for span_id, (start, length) in live.items():
                parts.append(data[start : start + length])
                live[span_id] = _Place(at, length)
                at += length
        kept.close(self._file)
        self._file = None
        kept.write_whole(self._path, f"{self._path}.tmp", parts)
        self._file, self._size, self._of_use = kept.open_in_place(self._path, new=False), at, at

    def after_fork(self) -> None:
        """Keep a file of its own, for what begins in the child."""
        with self.report.diagnostics.caught(_KEEPING):
            if self._file is not None:
                kept.close(self._file)
            self._begin()

    def flush_at_exit(self) -> None:
        """Stay: what a child of this process has not ended is told by whoever reads this."""

    def end(self) -> None:
        """Remove the file: nothing was lost."""
        with self.report.diagnostics.caught(_KEEPING), self._lock:
            if self._file is not None:
                kept.close(self._file)
                self._file = None
                kept.unlink(self._path)


def write_what_was_left(directory: Path, seal: Seal, report_of: Callable[[str], Report]) -> int:
    """Write what processes have left that did not end as they should.

    Args:
        directory: of the journals.
        seal: which they have.
        report_of: returns the report for a directory of results.

    Returns:
        The number of spans.
    """
    number = 0
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        where, left = _left_in(path, seal)
        if left:
            report = report_of(where)
            report.add([span for span in left if span.end_ns is not None])
            report.closed = True
            report.settle([span for span in left if span.end_ns is None])
            number += len(left)
    return number


def _left_in(path: Path, seal: Seal) -> tuple[str, list[spans.Span]]:
    where = c.DEFAULT_RESULTS_DIR
    left: dict[_Key, spans.Span] = {}
    for record in seal.opened(path.read_bytes())[0]:
        if not record.startswith(b"{"):
            for span in read_record(record, Diagnostics()):
                if isinstance(span, spans.Span):
                    left[span.trace_id, span.span_id] = span
            continue
        noted = json.loads(record)
        where = noted.get("results", where)
        for span_id in noted.get("spans", ()):
            left.pop((noted["written"], span_id), None)
    return where, list(left.values())
