"""Spans and log records of many files, in any order -> whole traces, one after the other.

Only when the last file has been read is it known that nothing more of a trace comes. So all are
kept until then: in memory while they are few, else in temporary files, each with the traces of
which the id ends alike. Memory follows the largest of those, or the largest trace.
"""

from __future__ import annotations

import marshal
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any, NamedTuple

from otel_allure.model.spans import Event, Link, Log, Record, Span
from otel_allure.translation.linked_traces import LinkedTraces
from otel_allure.translation.shared_ids import with_own_ids

HELD = 100_000
"""Spans and log records that are kept in memory. More go to files."""
SHARES = 64


class WholeTrace(NamedTuple):
    """All that is known of a trace.

    Attributes:
        trace_id: 0 for what was logged outside of all spans.
        records: its spans and log records.
    """

    trace_id: int
    records: list[Record]


class TraceStore:
    """Takes records in, then gives traces out. Use it as a context manager: it has files.

    Args:
        held: how many records are kept in memory.
        shares: how many files there are, if more have come.
    """

    def __init__(self, held: int = HELD, shares: int = SHARES) -> None:
        self._held = held
        self._shares = shares
        self._traces: dict[int, list[Record]] = {}
        self._count = 0
        self._files: list[IO[bytes]] = []
        self._linked = LinkedTraces()
        self._undo = ExitStack()
        self.counts: Counter[str] = Counter()
        """How many `spans` and `logs` have come, and of how many `traces` they are."""

    def __enter__(self) -> TraceStore:
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def add(self, records: Iterable[Record]) -> int:
        """Take records in; return how many they are."""
        number = 0
        for record in records:
            number += 1
            self._traces.setdefault(record.trace_id, []).append(record)
            if isinstance(record, Span):
                self._linked.note(record)
                self.counts["spans"] += 1
            else:
                self.counts["logs"] += 1
        self._count += number
        if self._count > self._held:
            self._spill()
        return number

    def traces(self, on_problem: Callable[[str, object], object]) -> Iterator[WholeTrace]:
        """Yield all traces. What belongs into a test's by links is there.

        The order is that of ids and times, so the same records give the same results in any order.

        Args:
            on_problem: told about spans that cannot all be kept.
        """
        for traces in self._groups():
            for trace_id, records in sorted(traces.items()):
                logs = [record for record in records if isinstance(record, Log)]
                spans = sorted((r for r in records if isinstance(r, Span)), key=_start)
                self.counts["traces"] += bool(spans)
                yield WholeTrace(trace_id, [*with_own_ids(spans, on_problem), *logs])

    def _groups(self) -> Iterator[dict[int, list[Record]]]:
        """Yield the traces in groups: what belongs together is in one."""
        if not self._files:
            yield self._merged(self._traces.items())
            return
        self._spill()
        if self._linked.has_links:
            self._send_home()
        for file in self._files:
            at_home = (each for each in _read(file) if self._linked.home(each[0]) == each[0])
            yield self._merged(at_home)

    def _merged(self, traces: Iterable[tuple[int, list[Record]]]) -> dict[int, list[Record]]:
        merged: dict[int, list[Record]] = {}
        for trace_id, records in traces:
            home, its = self._at_home(trace_id, records)
            merged.setdefault(home, []).extend(its)
        return merged

    def _at_home(self, trace_id: int, records: list[Record]) -> tuple[int, list[Record]]:
        """Return a trace as a part of the test's that it belongs into by links."""
        home = self._linked.home(trace_id) if self._linked.has_links else trace_id
        if home == trace_id:
            return trace_id, records
        spans = self._linked.moved([r for r in records if isinstance(r, Span)], trace_id)
        logs = [r._replace(trace_id=home) for r in records if isinstance(r, Log)]
        return home, [*spans, *logs]

    # -- on disk

    def _spill(self) -> None:
        """Write what is in memory to the files.

        They have no name, nobody else can open them, and they are gone when this process ends.
        """
        if not self._files:
            files = (tempfile.TemporaryFile() for _ in range(self._shares))  # noqa: SIM115
            self._files = [self._undo.enter_context(file) for file in files]
        for trace_id, records in self._traces.items():
            self._write(trace_id, records)
        self._traces, self._count = {}, 0

    def _write(self, trace_id: int, records: list[Record]) -> None:
        content = marshal.dumps((trace_id, [_plain(record) for record in records]))
        file = self._files[trace_id % self._shares]
        file.seek(0, os.SEEK_END)
        file.write(len(content).to_bytes(_SIZE, "big") + content)

    def _send_home(self) -> None:
        """Write traces that belong into others once more, as parts of those."""
        for file in self._files:
            for trace_id, records in list(_read(file)):
                home, its = self._at_home(trace_id, records)
                if home != trace_id:
                    self._write(home, its)


_SIZE = 8


def _read(file: IO[bytes]) -> Iterator[tuple[int, list[Record]]]:
    file.seek(0)
    while size := file.read(_SIZE):
        trace_id, records = marshal.loads(file.read(int.from_bytes(size, "big")))  # noqa: S302 - our own
        yield trace_id, [_record(record) for record in records]


def _plain(record: Record) -> tuple[Any, ...]:
    """Return a record as `marshal` knows it."""
    if isinstance(record, Log):
        return tuple(record._replace(attributes=dict(record.attributes)))
    events = [(e.name, e.time_ns, dict(e.attributes)) for e in record.events]
    links = [(link.trace_id, link.span_id, dict(link.attributes)) for link in record.links]
    resource = record.resource if isinstance(record.resource, dict) else {}
    span = record._replace(attributes=dict(record.attributes), resource=resource)
    return (*span[:_EVENTS], events, links, *span[_EVENTS + 2 :])


_EVENTS = Span._fields.index("events")  # the links are next


def _record(plain: tuple[Any, ...]) -> Record:
    if len(plain) == len(Log._fields):
        return Log(*plain)
    span = Span(*plain)
    events = tuple(Event(*each) for each in span.events)
    return span._replace(events=events, links=tuple(Link(*each) for each in span.links))


def _start(span: Span) -> tuple[int, int]:
    return span.start_ns, span.span_id
